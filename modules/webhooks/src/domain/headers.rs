//! Headers that an administrator adds.

use http::{HeaderName, HeaderValue};

/// What the platform or the transport sets.
const RESERVED: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads a header; `None` if it cannot be sent or is not the administrator's to set.
pub(crate) fn check_header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
    if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("webhook-") {
        return None;
    }
    let mut value = HeaderValue::from_str(value).ok()?;
    // It may be a credential: kept out of debugging output.
    value.set_sensitive(true);
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_transport_and_of_the_signature_cannot_be_set() {
        for name in [
            "Content-Type",
            "host",
            "webhook-signature",
            "Webhook-Id",
            "Transfer-Encoding",
            "a b",
            "",
        ] {
            assert!(check_header(name, "x").is_none(), "{name}");
        }
        assert!(check_header("Authorization", "Bearer abc").is_some());
        assert!(check_header("X-Key", "two\r\nlines").is_none());
    }
}
