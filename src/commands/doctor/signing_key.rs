//! Whether the key that signs exports can sign: it is there, its owner's alone, and of the right kind.

use crate::domain::finding::{Finding, FindingSection};
use crate::domain::troubleshooting;
use crate::export::receipts::signature::SigningKey;
use crate::settings::Settings;

const SUBJECT: &str = "signing key";

/// What `results export --receipts` would find. Nothing of the private key is shown.
pub fn finding(settings: &Settings) -> Finding {
    let here = FindingSection::Configuration;
    let Some(file) = settings.signing_key_file() else {
        return Finding::ok(here, SUBJECT, "none: exports with receipts are not signed");
    };
    let unusable = |reason: String| {
        let fix = "mend it, or name another one in LLMBENCH_SIGNING_KEY_FILE or signing_key_file; \
                   `openssl genpkey -algorithm ed25519 -out FILE` makes one, for `chmod 600 FILE`";
        Finding::wrong(here, SUBJECT, reason, fix, troubleshooting::SIGNING_KEY)
    };
    let pem = match settings.signing_key(&file) {
        Ok(pem) => pem,
        Err(error) => return unusable(error.to_string()),
    };
    let (path, source) = (file.value.display(), &file.source);
    match SigningKey::from_pem(&pem) {
        Ok(key) => Finding::ok(here, SUBJECT, format!("{path} ({source}), public key {}", key.public_key())),
        Err(error) => unusable(format!("{path} ({source}): {error}")),
    }
}
