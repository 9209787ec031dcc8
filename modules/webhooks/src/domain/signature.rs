//! Signatures by Standard Webhooks 1.0.0.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opencity_kernel::crypto::{CryptoError, hmac_sha256, random_bytes};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

const PREFIX: &str = "whsec_";

/// A secret that both sides know.
#[derive(Clone)]
pub(crate) struct Secret(SecretSlice<u8>);

impl Secret {
    /// A new one, of 32 random bytes.
    pub(crate) fn new() -> Result<Self, CryptoError> {
        Ok(Self(random_bytes::<32>()?.to_vec().into()))
    }

    /// Reads `whsec_` and base64 of 24 to 64 bytes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (24..=64).contains(&bytes.len()).then(|| Self(bytes.into()))
    }

    /// As the receiver is given it, once.
    pub(crate) fn reveal(&self) -> SecretString {
        format!("{PREFIX}{}", STANDARD.encode(self.0.expose_secret())).into()
    }
}

/// The value of `webhook-signature`: one item per secret, so that a receiver finds the one that it knows.
pub(crate) fn signature(secrets: &[Secret], id: &str, timestamp: i64, body: &str) -> String {
    let signed = format!("{id}.{timestamp}.{body}");
    let items: Vec<String> = secrets
        .iter()
        .map(|secret| {
            format!(
                "v1,{}",
                STANDARD.encode(hmac_sha256(secret.0.expose_secret(), signed.as_bytes()))
            )
        })
        .collect();
    items.join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_vector_of_the_standard_comes_out() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(
            &[secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_vector_with_the_key_of_thirty_two_bytes_comes_out() {
        let secret = Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let signed = signature(&[secret], "msg_0001", 1_735_689_600, r#"{"a":1}"#);
        assert_eq!(signed, "v1,ria5EvTOB2ptISG+2gh8GIuR1xGpsYItlaorFY0RHlo=");
    }

    #[test]
    fn a_new_secret_is_read_back_and_is_never_the_same() {
        let (one, other) = (Secret::new().unwrap(), Secret::new().unwrap());
        let text = one.reveal();
        let again = Secret::parse(text.expose_secret()).unwrap();
        assert_eq!(
            signature(&[one], "a", 1, "b"),
            signature(&[again], "a", 1, "b")
        );
        assert_ne!(text.expose_secret(), other.reveal().expose_secret());
    }

    #[test]
    fn secrets_that_are_too_short_or_not_marked_are_refused() {
        assert!(Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODw==").is_none());
        assert!(Secret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_none());
    }
}
