//! Applications (pratiche): life cycle, data, attachments, messages, history.
