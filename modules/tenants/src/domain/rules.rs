//! Slugs and hosts.

/// First path segments that are taken by the platform itself, and words that will be.
const RESERVED: &[&str] = &[
    "api",
    "asyncapi",
    "assets",
    "docs",
    "info",
    "internal",
    "lang",
    "metrics",
    "openapi",
    "payment-proxy",
    "protocol-proxy",
    "retry",
    "sandbox",
    "static",
    "status",
    "well-known",
];

/// The most characters of a slug: one label of a host name, so that it can become a subdomain.
pub(crate) const SLUG_LENGTH: usize = 63;

/// Why a text cannot be a slug: code and message, or `None`.
pub(crate) fn slug_fault(slug: &str) -> Option<(&'static str, &'static str)> {
    if !(2..=SLUG_LENGTH).contains(&slug.len()) || !is_label(slug) {
        return Some((
            "pattern",
            "Give 2 to 63 lower-case letters, digits and single hyphens, e.g. comune-di-bugliano.",
        ));
    }
    if slug.contains("--") {
        return Some(("pattern", "Put one hyphen between words, not two."));
    }
    RESERVED.contains(&slug).then_some((
        "reserved",
        "This word begins paths of the platform itself. Choose another one.",
    ))
}

/// Why a text cannot be a host: code and message, or `None`. A port never belongs to it.
pub(crate) fn host_fault(host: &str) -> Option<(&'static str, &'static str)> {
    let is_name = host.len() <= 253 && host.split('.').all(is_label);
    (!is_name).then_some(("pattern", "Give a host name in lower case without scheme, port and path, e.g. servizi.comune.bugliano.pi.it."))
}

fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_words_joined_by_hyphens() {
        for slug in ["comune-di-bugliano", "c-a123", "b2", "unione-3-comuni"] {
            assert_eq!(slug_fault(slug), None, "{slug}");
        }
        for slug in [
            "",
            "a",
            "Comune",
            "comune_di",
            "-comune",
            "comune-",
            "a--b",
            "è",
            "a.b",
            "a/b",
            &"a".repeat(64),
        ] {
            assert_eq!(
                slug_fault(slug).map(|fault| fault.0),
                Some("pattern"),
                "{slug}"
            );
        }
    }

    #[test]
    fn the_platforms_own_first_segments_are_refused() {
        for slug in [
            "lang",
            "docs",
            "status",
            "metrics",
            "retry",
            "payment-proxy",
            "protocol-proxy",
            "openapi",
            "info",
        ] {
            assert_eq!(
                slug_fault(slug).map(|fault| fault.0),
                Some("reserved"),
                "{slug}"
            );
        }
    }

    #[test]
    fn a_host_has_neither_scheme_nor_port() {
        for host in ["localhost", "127.0.0.1", "servizi.comune.bugliano.pi.it"] {
            assert_eq!(host_fault(host), None, "{host}");
        }
        for host in [
            "",
            "https://a.it",
            "a.it:8080",
            "a.it/x",
            "A.it",
            "a..it",
            "a.it.",
        ] {
            assert!(host_fault(host).is_some(), "{host}");
        }
    }
}
