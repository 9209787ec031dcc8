//! Hashes, keyed hashes, random tokens and encryption at rest, all by aws-lc.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, digest, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use uuid::Uuid;

/// What can go wrong. Nothing here tells a key or a plain text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The configured key is not base64, or too short.
    #[error("a key must be base64 of {expected}")]
    BadKey {
        /// What length is wanted, in words.
        expected: &'static str,
    },
    /// Key ids are 1–32 letters, digits, `-` or `_`, and each is there once.
    #[error(
        "key ids are 1 to 32 letters, digits, hyphens or underscores, each used once, and at least one key is needed"
    )]
    BadKeyId,
    /// The text was sealed with a key that is no longer configured.
    #[error("sealed with key `{0}`, which is not configured: add it again to the older keys")]
    UnknownKey(String),
    /// Not something that [`Sealer::seal`] made, or changed since, or for other associated data.
    #[error("the sealed text is damaged, or belongs to something else")]
    NotAuthentic,
    /// The system has no randomness, or the key is used up.
    #[error("the cryptographic library refused")]
    Refused,
}

/// SHA-256.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    copied(digest::digest(&digest::SHA256, data).as_ref())
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256_hex(data: &[u8]) -> String {
    hex::encode(sha256(data))
}

/// HMAC-SHA256.
#[must_use]
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    copied(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref())
}

fn copied(bytes: &[u8]) -> [u8; 32] {
    let mut copy = [0; 32];
    for (to, from) in copy.iter_mut().zip(bytes) {
        *to = *from;
    }
    copy
}

/// Whether both are equal, in a time that tells nothing but their lengths.
#[must_use]
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// Random bytes from the operating system's generator.
///
/// # Errors
/// [`CryptoError::Refused`].
pub fn random_bytes<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| CryptoError::Refused)?;
    Ok(bytes)
}

/// A token of so many random bytes, as base64url without padding (32 bytes give 43 characters).
///
/// # Errors
/// [`CryptoError::Refused`].
pub fn random_token(bytes: usize) -> Result<String, CryptoError> {
    let mut random = vec![0; bytes];
    rand::fill(&mut random).map_err(|_| CryptoError::Refused)?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// A key for keyed hashes: at least 32 bytes.
#[derive(Clone, Debug)]
pub struct MacKey(SecretSlice<u8>);

impl MacKey {
    /// Reads a configured key.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`].
    pub fn from_base64(key: &SecretString) -> Result<Self, CryptoError> {
        let bytes = decode_key(key).filter(|bytes| bytes.len() >= 32);
        bytes
            .map(|bytes| Self(bytes.into()))
            .ok_or(CryptoError::BadKey {
                expected: "at least 32 bytes",
            })
    }

    /// HMAC-SHA256 under this key.
    #[must_use]
    pub fn sign(&self, data: &[u8]) -> [u8; 32] {
        hmac_sha256(self.0.expose_secret(), data)
    }
}

fn decode_key(key: &SecretString) -> Option<Vec<u8>> {
    STANDARD.decode(key.expose_secret().trim()).ok()
}

/// The id of a citizen, the same wherever it is made: a UUID version 8 from HMAC-SHA256, under a key that is never rotated, of
/// the tenant's id and the fiscal code (trimmed, upper case, letters of omocodia kept, because they tell persons apart).
#[must_use]
pub fn citizen_id(key: &MacKey, tenant: Uuid, fiscal_code: &str) -> Uuid {
    let mut message = tenant.as_bytes().to_vec();
    message.extend_from_slice(fiscal_code.trim().to_ascii_uppercase().as_bytes());
    let mut first_half = [0; 16];
    for (to, from) in first_half.iter_mut().zip(key.sign(&message)) {
        *to = from;
    }
    Uuid::new_v8(first_half)
}

/// A key to seal with: an id that goes into the sealed text, and base64 of 32 random bytes.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealingKey {
    /// 1–32 letters, digits, `-` or `_`; never given to another key.
    pub id: String,
    /// Base64 of 32 bytes.
    pub key: SecretString,
}

/// Encryption at rest: AES-256-GCM with a random nonce. The first key seals; all open, so a key is rotated by putting a new one
/// in front and dropping the old one when nothing is sealed with it any more.
pub struct Sealer {
    keys: Vec<(String, RandomizedNonceKey)>,
}

impl Sealer {
    /// With these keys, the current one first.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`], [`CryptoError::BadKeyId`].
    pub fn new(keys: &[SealingKey]) -> Result<Self, CryptoError> {
        const BAD_KEY: CryptoError = CryptoError::BadKey {
            expected: "32 bytes",
        };
        let mut known: Vec<(String, RandomizedNonceKey)> = Vec::with_capacity(keys.len());
        for SealingKey { id, key } in keys {
            let well_formed = (1..=32).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
            if !well_formed || known.iter().any(|(known, _)| known == id) {
                return Err(CryptoError::BadKeyId);
            }
            let bytes = decode_key(key).ok_or(BAD_KEY)?;
            let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| BAD_KEY)?;
            known.push((id.clone(), key));
        }
        if known.is_empty() {
            Err(CryptoError::BadKeyId)
        } else {
            Ok(Self { keys: known })
        }
    }

    /// Seals. `associated` names what the secret belongs to (for example table, row and column) and must be given again to open,
    /// so that a sealed text copied elsewhere is worth nothing. The result is `<key id>.<base64url>`.
    ///
    /// # Errors
    /// [`CryptoError::Refused`].
    pub fn seal(&self, plain: &[u8], associated: &[u8]) -> Result<String, CryptoError> {
        let (id, key) = self.keys.first().ok_or(CryptoError::Refused)?;
        let mut sealed = plain.to_vec();
        let nonce = key
            .seal_in_place_append_tag(associated_with_key(id, associated), &mut sealed)
            .map_err(|_| CryptoError::Refused)?;
        let mut bytes = nonce.as_ref().to_vec();
        bytes.append(&mut sealed);
        Ok(format!("{id}.{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens what [`Sealer::seal`] made with the same associated data.
    ///
    /// # Errors
    /// [`CryptoError::UnknownKey`], [`CryptoError::NotAuthentic`].
    pub fn open(&self, sealed: &str, associated: &[u8]) -> Result<SecretSlice<u8>, CryptoError> {
        let (id, text) = sealed.split_once('.').ok_or(CryptoError::NotAuthentic)?;
        let key = self.keys.iter().find(|(known, _)| known == id);
        let (_, key) = key.ok_or_else(|| CryptoError::UnknownKey(id.to_owned()))?;
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| CryptoError::NotAuthentic)?;
        let (nonce, rest) = bytes.split_first_chunk().ok_or(CryptoError::NotAuthentic)?;
        let mut rest = rest.to_vec();
        let plain = key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                associated_with_key(id, associated),
                &mut rest,
            )
            .map_err(|_| CryptoError::NotAuthentic)?;
        Ok(plain.to_vec().into())
    }

    /// Whether it was sealed with the current key. If not, seal it again when it is next written.
    #[must_use]
    pub fn is_current(&self, sealed: &str) -> bool {
        let id = sealed.split_once('.').map(|(id, _)| id);
        self.keys
            .first()
            .is_some_and(|(current, _)| Some(current.as_str()) == id)
    }
}

/// The key id takes part, so that it cannot be exchanged; a key id has no dot, hence the first one ends it.
fn associated_with_key(id: &str, associated: &[u8]) -> Aad<Vec<u8>> {
    let mut bytes = id.as_bytes().to_vec();
    bytes.push(b'.');
    bytes.extend_from_slice(associated);
    Aad::from(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )]
    use super::*;

    fn key(id: &str, byte: u8) -> SealingKey {
        SealingKey {
            id: id.to_owned(),
            key: STANDARD.encode([byte; 32]).into(),
        }
    }

    fn mac_key() -> MacKey {
        MacKey::from_base64(&STANDARD.encode([7; 32]).into()).unwrap()
    }

    #[test]
    fn hashes_are_those_of_the_published_vectors() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        // RFC 4231, test case 2.
        let mac = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex::encode(mac),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn comparison_sees_every_difference() {
        assert!(constant_time_eq(b"same", b"same"));
        assert!(!constant_time_eq(b"same", b"sama"));
        assert!(!constant_time_eq(b"same", b"same "));
    }

    #[test]
    fn tokens_are_long_url_safe_and_never_the_same() {
        let tokens: std::collections::HashSet<String> =
            (0..100).map(|_| random_token(32).unwrap()).collect();
        assert_eq!(tokens.len(), 100);
        assert!(tokens.iter().all(|token| {
            token.len() == 43
                && token
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        }));
        assert_ne!(random_bytes::<16>().unwrap(), random_bytes::<16>().unwrap());
    }

    #[test]
    fn what_is_sealed_opens_only_where_it_belongs() {
        let sealer = Sealer::new(&[key("2024", 1)]).unwrap();
        let sealed = sealer.seal(b"smtp password", b"mail/tenant-1").unwrap();
        assert!(sealed.starts_with("2024."));
        assert_eq!(
            sealer
                .open(&sealed, b"mail/tenant-1")
                .unwrap()
                .expose_secret(),
            b"smtp password"
        );
        assert_eq!(
            sealer.open(&sealed, b"mail/tenant-2").unwrap_err(),
            CryptoError::NotAuthentic
        );
        assert_ne!(
            sealer.seal(b"smtp password", b"mail/tenant-1").unwrap(),
            sealed
        );
    }

    #[test]
    fn a_changed_or_cut_text_does_not_open() {
        let sealer = Sealer::new(&[key("a", 1)]).unwrap();
        let sealed = sealer.seal(b"secret", b"").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&sealed[2..]).unwrap();
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            let text = format!("a.{}", URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(
                sealer.open(&text, b"").unwrap_err(),
                CryptoError::NotAuthentic
            );
        }
        for text in ["", "a", "a.", "a.AAAA", "a.!!!!"] {
            assert_eq!(
                sealer.open(text, b"").unwrap_err(),
                CryptoError::NotAuthentic,
                "{text}"
            );
        }
    }

    #[test]
    fn a_rotated_key_still_opens_until_it_is_dropped() {
        let old = Sealer::new(&[key("old", 1)])
            .unwrap()
            .seal(b"secret", b"x")
            .unwrap();
        let both = Sealer::new(&[key("new", 2), key("old", 1)]).unwrap();
        assert_eq!(both.open(&old, b"x").unwrap().expose_secret(), b"secret");
        assert!(!both.is_current(&old));
        assert!(both.is_current(&both.seal(b"secret", b"x").unwrap()));
        let dropped = Sealer::new(&[key("new", 2)]).unwrap();
        assert_eq!(
            dropped.open(&old, b"x").unwrap_err(),
            CryptoError::UnknownKey("old".to_owned())
        );
    }

    #[test]
    fn the_key_id_cannot_be_exchanged() {
        let sealer = Sealer::new(&[key("a", 1), key("b", 1)]).unwrap();
        let sealed = sealer.seal(b"secret", b"").unwrap().replacen("a.", "b.", 1);
        assert_eq!(
            sealer.open(&sealed, b"").unwrap_err(),
            CryptoError::NotAuthentic
        );
    }

    #[test]
    fn wrong_keys_are_refused_at_start() {
        let short = SealingKey {
            id: "a".to_owned(),
            key: STANDARD.encode([1; 31]).into(),
        };
        let not_base64 = SealingKey {
            id: "a".to_owned(),
            key: "???".to_owned().into(),
        };
        for keys in [vec![short], vec![not_base64]] {
            assert!(matches!(
                Sealer::new(&keys),
                Err(CryptoError::BadKey { .. })
            ));
        }
        for keys in [
            vec![],
            vec![key("", 1)],
            vec![key("a.b", 1)],
            vec![key("a", 1), key("a", 2)],
        ] {
            assert!(matches!(Sealer::new(&keys), Err(CryptoError::BadKeyId)));
        }
        assert!(MacKey::from_base64(&STANDARD.encode([1; 31]).into()).is_err());
    }

    #[test]
    fn no_key_is_shown_by_debug() {
        let shown = format!("{:?} {:?}", key("a", 1), mac_key());
        assert!(
            !shown.contains(&STANDARD.encode([1; 32])) && !shown.contains("7, 7"),
            "{shown}"
        );
    }

    #[test]
    fn a_citizen_has_one_id_per_tenant_and_code() {
        let (bugliano, vergate) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let id = citizen_id(&mac_key(), bugliano, "RSSMRA80A01H501U");
        assert_eq!(id.get_version_num(), 8);
        assert_eq!(id, citizen_id(&mac_key(), bugliano, " rssmra80a01h501u "));
        assert_ne!(id, citizen_id(&mac_key(), vergate, "RSSMRA80A01H501U"));
        assert_ne!(id, citizen_id(&mac_key(), bugliano, "RSSMRA80A01H50MM"));
        let other_key = MacKey::from_base64(&STANDARD.encode([8; 32]).into()).unwrap();
        assert_ne!(id, citizen_id(&other_key, bugliano, "RSSMRA80A01H501U"));
    }

    #[test]
    fn a_citizen_id_never_changes_between_releases() {
        // Made once, by another program: HMAC-SHA256(key = 32 × 0x07, tenant bytes + code), first 16 bytes, version 8.
        assert_eq!(
            citizen_id(&mac_key(), Uuid::from_u128(1), "RSSMRA80A01H501U").to_string(),
            "e2b4c176-9867-8fb8-8fd5-35140b922f59"
        );
    }
}
