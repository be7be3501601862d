//! Ed25519 signatures of manifests, as OpenSSL makes and checks them: keys are PEM, a signature is 64 bytes.

use crate::domain::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use std::fmt;

/// Bytes of a signature.
pub const SIGNATURE_LENGTH: usize = 64;

const KEY_LENGTH: usize = 32;

/// How the DER of every Ed25519 public key begins; the key is what follows. RFC 8410.
const PUBLIC_KEY_DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Why a text is no key. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    #[error(
        "it holds no private key without a passphrase in PEM (PKCS#8): `openssl genpkey -algorithm ed25519` makes one"
    )]
    NoPrivateKey,
    #[error("its private key is not of Ed25519: `openssl genpkey -algorithm ed25519` makes one")]
    OtherPrivateKey,
    #[error("it holds no public key in PEM: `openssl pkey -in PRIVATE -pubout` writes that of a private key")]
    NoPublicKey,
    #[error("its public key is not of Ed25519")]
    OtherPublicKey,
}

/// A private key.
pub struct SigningKey(Ed25519KeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// Reads the first private key of a PEM text.
    ///
    /// # Errors
    /// [`SigningKeyError`].
    pub fn from_pem(pem: &Secret) -> Result<Self, SigningKeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose().as_bytes());
        let der = der.map_err(|_| SigningKeyError::NoPrivateKey)?;
        // OpenSSL writes version 1, which has no public key to compare.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        pair.map(Self).map_err(|_| SigningKeyError::OtherPrivateKey)
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        let mut key = [0; KEY_LENGTH];
        key.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(key)
    }

    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.0.sign(text).as_ref().to_vec()
    }
}

/// A public key; shown in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_LENGTH]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl PublicKey {
    /// Reads the first public key of a PEM text.
    ///
    /// # Errors
    /// [`SigningKeyError`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, SigningKeyError> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| SigningKeyError::NoPublicKey)?;
        let key = der.as_ref().strip_prefix(&PUBLIC_KEY_DER);
        key.and_then(Self::of_bytes).ok_or(SigningKeyError::OtherPublicKey)
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn from_base64(text: &str) -> Option<Self> {
        Self::of_bytes(&STANDARD.decode(text).ok()?)
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// True if the signature is this key's and of this text.
    pub fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(text, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of RFC 8410, section 10.3.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    /// Its public half, section 10.1.
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";

    fn key() -> SigningKey {
        SigningKey::from_pem(&Secret::new(PRIVATE)).unwrap()
    }

    #[test]
    fn keys_are_those_of_the_standard() {
        let public = PublicKey::from_pem(PUBLIC.as_bytes()).unwrap();
        assert_eq!(key().public_key(), public);
        assert_eq!(public.to_string(), "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
        assert_eq!(PublicKey::from_base64(&public.to_string()), Some(public));
        assert_eq!(format!("{:?}", key()), "SigningKey");
    }

    #[test]
    fn a_signature_is_of_one_text_and_one_key() {
        let (key, text) = (key(), b"a manifest");
        let mut signature = key.sign(text);
        assert_eq!(signature.len(), SIGNATURE_LENGTH);
        let public = key.public_key();
        assert!(public.has_signed(text, &signature));
        assert!(!public.has_signed(b"another one", &signature) && !public.has_signed(text, &signature[..63]));
        assert!(!PublicKey([7; KEY_LENGTH]).has_signed(text, &signature));
        signature[5] ^= 1;
        assert!(!public.has_signed(text, &signature));
    }

    #[test]
    fn other_texts_are_no_keys() {
        let rsa = include_str!("../../../tests/fixtures/throwaway-rsa.pem");
        let of = |text: &str| SigningKey::from_pem(&Secret::new(text)).unwrap_err();
        assert_eq!(
            (of(""), of(PUBLIC), of(rsa)),
            (SigningKeyError::NoPrivateKey, SigningKeyError::NoPrivateKey, SigningKeyError::OtherPrivateKey)
        );
        assert_eq!(PublicKey::from_pem(PRIVATE.as_bytes()), Err(SigningKeyError::NoPublicKey));
        let short = PUBLIC.replace("MCowBQYDK2VwAyEA", "MCowBQYDK2VwAyEB");
        assert_eq!(PublicKey::from_pem(short.as_bytes()), Err(SigningKeyError::OtherPublicKey));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
            let _ = PublicKey::from_pem(&bytes);
            let _ = PublicKey::from_base64(&text);
        }
    }
}
