//! The token of another identity provider that a workload presents to Google: read from a file or fetched from an
//! address.

use super::error::GoogleError;
use crate::domain::secret::Secret;
use crate::providers::token_client::{TokenClient, TokenRequest, shown};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The source of the token (`credential_source` of an external account).
#[derive(Debug, Deserialize)]
pub(super) struct SubjectSource {
    file: Option<PathBuf>,
    pub(super) url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    format: Option<SubjectFormat>,
    /// AWS sets this field, and its `url` is one of the metadata service.
    environment_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct SubjectFormat {
    #[serde(rename = "type")]
    kind: String,
    subject_token_field_name: Option<String>,
}

impl SubjectSource {
    /// True if it is one of the two supported kinds; AWS, executables and certificates are not supported.
    pub(super) fn is_understood(&self) -> bool {
        self.environment_id.is_none() && (self.file.is_some() || self.url.is_some())
    }

    /// The current token. Files are read again each time, because their writer replaces them before they expire.
    ///
    /// # Errors
    /// [`GoogleError::Refused`], without any text that was read.
    pub(super) async fn read(&self, client: &TokenClient) -> Result<Secret, GoogleError> {
        let (text, place) = match (&self.file, &self.url) {
            (Some(path), _) => {
                let fail =
                    |error| GoogleError::Refused(format!("{} cannot be read: {error}", path.display()));
                (std::fs::read_to_string(path).map_err(fail)?, path.display().to_string())
            }
            (None, Some(url)) => {
                let headers = self.headers.iter().map(|(name, value)| (name.clone(), Secret::new(value)));
                let request =
                    TokenRequest { url: url.clone(), headers: headers.collect(), ..TokenRequest::default() };
                (client.ask(request).await?, shown(url))
            }
            (None, None) => return Err(GoogleError::NoLogin),
        };
        let token = self.pick(&text).filter(|token| !token.is_empty());
        token.map(Secret::new).ok_or_else(|| {
            let field = self.format.as_ref().and_then(|format| format.subject_token_field_name.as_deref());
            let what =
                field.map_or("no token".to_owned(), |field| format!("no token in the field `{field}`"));
            GoogleError::Refused(format!("{place} holds {what}"))
        })
    }

    fn pick(&self, text: &str) -> Option<String> {
        match self.format.as_ref().filter(|format| format.kind == "json") {
            None => Some(text.trim().to_owned()),
            Some(format) => {
                let document: Value = serde_json::from_str(text).ok()?;
                let field = format.subject_token_field_name.as_deref()?;
                document.get(field)?.as_str().map(str::to_owned)
            }
        }
    }
}
