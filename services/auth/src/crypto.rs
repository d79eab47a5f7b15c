//! Random bytes, digests and sealing; the only file that touches the primitives for them.

use anyhow::anyhow;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{digest, hkdf, hmac, rand};

/// `N` bytes nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system has a source of randomness");
    bytes
}

/// SHA-256, for values that are random themselves.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// A key of its own for each purpose, so that one secret setting serves several.
pub(crate) fn derive_key(secret: &[u8], purpose: &str) -> [u8; 32] {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"portico-auth").extract(secret);
    let mut key = [0; 32];
    prk.expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key))
        .expect("32 bytes are within what HKDF gives");
    key
}

/// A keyed hash, for values that could be guessed.
pub(crate) fn keyed_hash(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    tag.as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
}

/// Compares in a time that does not depend on the contents.
pub(crate) fn is_equal(one: &[u8], other: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one, other).is_ok()
}

/// Encrypts under AES-256-GCM; `context` must be given again to open it.
pub(crate) fn seal(key: &[u8; 32], context: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut text = plain.to_vec();
    let nonce = cipher(key)
        .seal_in_place_append_tag(Aad::from(context), &mut text)
        .expect("the text is far shorter than AES-GCM allows");
    let mut sealed = nonce.as_ref().to_vec();
    sealed.extend_from_slice(&text);
    sealed
}

/// Opens what [`seal`] made.
///
/// # Errors
/// Another key, another context, or it was changed.
pub(crate) fn open(key: &[u8; 32], context: &[u8], sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
    let refused = || anyhow!("sealed data does not open: another key, or it was changed");
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(refused)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refused())?;
    let mut text = text.to_vec();
    let plain = cipher(key).open_in_place(nonce, Aad::from(context), &mut text);
    Ok(plain.map_err(|_| refused())?.to_vec())
}

fn cipher(key: &[u8; 32]) -> RandomizedNonceKey {
    RandomizedNonceKey::new(&AES_256_GCM, key).expect("the key has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_context() {
        let key = random();

        let sealed = seal(&key, b"kid-1", b"secret");

        assert_eq!(open(&key, b"kid-1", &sealed).unwrap(), b"secret");
        assert!(open(&key, b"kid-2", &sealed).is_err());
        assert!(open(&random(), b"kid-1", &sealed).is_err());
        assert!(open(&key, b"kid-1", &sealed[..5]).is_err());
    }

    #[test]
    fn each_purpose_has_its_own_key() {
        assert_ne!(derive_key(b"secret", "codes"), derive_key(b"secret", "cursors"));
        assert_eq!(derive_key(b"secret", "codes"), derive_key(b"secret", "codes"));
    }
}
