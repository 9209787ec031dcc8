//! Applications (pratiche): life cycle, data, attachments, messages, history.

pub mod domain;
