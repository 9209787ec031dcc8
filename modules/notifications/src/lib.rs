//! Delivery of messages by e-mail.
