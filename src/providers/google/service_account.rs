//! A service account's key: signs the assertion that Google's token server exchanges for a token (RFC 7523).

use super::error::SCOPE;
use crate::domain::secret::Secret;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Lifetime of an assertion: an hour is Google's maximum.
const LIFETIME: Duration = Duration::from_secs(3600);

/// The fields of a key file that are used.
#[derive(Debug, Deserialize)]
pub(super) struct ServiceAccountKey {
    client_email: String,
    private_key: Secret,
    private_key_id: Option<String>,
    #[serde(default = "super::credentials_file::token_server")]
    pub(super) token_uri: String,
    pub(super) project_id: Option<String>,
}

impl ServiceAccountKey {
    /// The form field `assertion`; `None` if the private key is no RSA key.
    pub(super) fn assertion(&self, now: SystemTime) -> Option<Secret> {
        let issued = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(id) = &self.private_key_id {
            header["kid"] = json!(id);
        }
        let claims = json!({"iss": self.client_email, "scope": SCOPE, "aud": self.token_uri,
            "iat": issued.as_secs(), "exp": (issued + LIFETIME).as_secs()});
        let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let key = PrivateKeyDer::from_pem_slice(self.private_key.expose().as_bytes()).ok()?;
        let signer = any_supported_type(&key).ok()?.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])?;
        let signature = signer.sign(signed.as_bytes()).ok()?;
        Some(Secret::new(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))))
    }
}
