//! The manifest: SHA-256 of the export and of its receipts, and what the receipts say of themselves. It is small and is
//! signed as a whole. Whoever checks finds every value of it again in the two files, so a changed one is found without a
//! signature, too.

use super::digest::FileDigest;
use super::lines::newer;
use crate::measure::receipt::{Receipt, ReceiptHead};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The schema of the manifest.
pub const MANIFEST: &str = "llmbench.results.manifest/1";

/// The largest manifest that is read, bytes.
pub const LARGEST: u64 = 1024 * 1024;

/// Names in a list of a manifest, and bytes of one; of more it says nothing.
const MOST_NAMES: usize = 1000;
const LONGEST_NAME: usize = 200;

/// The manifest of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub schema: String,
    pub export: FileDigest,
    pub receipts: FileDigest,
    #[serde(flatten)]
    pub facts: ReceiptFacts,
    /// The Ed25519 key that signed the manifest, 32 bytes in base64; null if none did.
    pub public_key: Option<String>,
}

/// What is known of all receipts of an export. A list is null where it would have more than
/// 1,000 names, or a long one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptFacts {
    /// Rows in the export.
    pub rows: u64,
    /// Runs with a receipt.
    pub with_receipt: u64,
    /// Versions of the definitions by which the figures were computed.
    pub definitions: NameList<u32>,
    /// Programs that measured.
    pub programs: NameList<String>,
    /// Hashes of what was asked, and how.
    pub configurations: NameList<String>,
    /// The calibrations of the hosts.
    pub calibrations: NameList<String>,
}

impl ReceiptFacts {
    /// Adds a run's receipt.
    pub fn add(&mut self, head: &ReceiptHead) {
        self.definitions.add(&head.definitions);
        self.programs.add(&head.program);
        self.configurations.add(&head.configuration);
        head.calibration.iter().for_each(|calibration| self.calibrations.add(calibration));
    }

    /// Adds the text of a receipt; false if it cannot be read.
    pub fn add_text(&mut self, receipt: &str) -> bool {
        self.with_receipt += 1;
        let read = Receipt::read(receipt);
        read.iter().for_each(|receipt| self.add(&receipt.head));
        read.is_ok()
    }
}

/// Names without their number, in order; `None` if there are too many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NameList<T: Ord>(Option<BTreeSet<T>>);

impl<T: Ord> Default for NameList<T> {
    fn default() -> Self {
        Self(Some(BTreeSet::new()))
    }
}

impl<T: Ord + Clone + ToString> NameList<T> {
    fn add(&mut self, name: &T) {
        let Some(names) = self.0.as_mut().filter(|names| !names.contains(name)) else { return };
        if names.len() == MOST_NAMES || name.to_string().len() > LONGEST_NAME {
            self.0 = None;
        } else {
            names.insert(name.clone());
        }
    }
}

/// Why a text is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A newer program wrote it.
    #[error("it is of the form {0}, which this version does not know: a newer llmbench reads it")]
    Newer(String),
    #[error("it is no manifest, or was changed: {0}")]
    Changed(String),
}

impl Manifest {
    /// The text of the file.
    pub fn text(&self) -> String {
        // Texts, numbers and lists under names: this cannot fail.
        format!("{}\n", serde_json::to_string_pretty(self).unwrap_or_default())
    }

    /// Reads the text of a file: the one that [`Manifest::text`] writes, and no other spelling of it.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn read(text: &[u8]) -> Result<Self, ManifestError> {
        if let Some(schema) = newer(text, MANIFEST) {
            return Err(ManifestError::Newer(schema));
        }
        let changed = |reason: &str| ManifestError::Changed(reason.to_owned());
        let manifest: Self = serde_json::from_slice(text).map_err(|error| changed(&error.to_string()))?;
        if manifest.schema != MANIFEST {
            return Err(changed("its schema has another name"));
        }
        if manifest.text().as_bytes() != text {
            return Err(changed("it is not written as llmbench writes it"));
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn manifest() -> Manifest {
        let head = ReceiptHead {
            definitions: 2,
            program: "llmbench/0.1.0".into(),
            configuration: "5".repeat(64),
            calibration: Some("01K".into()),
            end_ns: 5,
            network_rtt: None,
            visible_tokens: None,
            generated_tokens: None,
        };
        let mut facts = ReceiptFacts { rows: 3, with_receipt: 2, ..ReceiptFacts::default() };
        facts.add(&head);
        facts.add(&ReceiptHead { calibration: None, ..head });
        let digest = |bytes| FileDigest { bytes, sha256: "a".repeat(64) };
        Manifest {
            schema: MANIFEST.to_owned(),
            export: digest(10),
            receipts: digest(20),
            facts,
            public_key: None,
        }
    }

    #[test]
    fn a_manifest_comes_back_and_no_other_spelling_of_it() {
        let text = manifest().text();
        assert_eq!(Manifest::read(text.as_bytes()), Ok(manifest()));
        assert!(text.contains("\"calibrations\": [\n    \"01K\"\n  ]"), "{text}");
        let odd = [
            text.replace(": ", ":"),
            text.replace("\"rows\"", "\"raws\""),
            text.replace("results.manifest", "results.manifes"),
            text.replace("\"public_key\": null", "\"public_key\": null, \"more\": 1"),
            text[..text.len() - 3].to_owned(),
            String::new(),
        ];
        for odd in odd {
            assert!(matches!(Manifest::read(odd.as_bytes()), Err(ManifestError::Changed(_))), "{odd}");
        }
        let later = text.replace("manifest/1", "manifest/2");
        assert!(matches!(Manifest::read(later.as_bytes()), Err(ManifestError::Newer(_))));
    }

    #[test]
    fn too_many_names_are_none() {
        let mut names = NameList::default();
        (0..MOST_NAMES as u32).for_each(|name| names.add(&name));
        assert_eq!(names.0.as_ref().map(BTreeSet::len), Some(MOST_NAMES));
        names.add(&7);
        assert!(names.0.is_some());
        names.add(&5000);
        names.add(&1);
        assert_eq!(names, NameList(None));
        let mut long = NameList::default();
        long.add(&"x".repeat(LONGEST_NAME + 1));
        assert_eq!(long, NameList(None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..400, byte in any::<u8>()) {
            let _ = Manifest::read(&bytes);
            let mut text = manifest().text().into_bytes();
            let at = at % text.len();
            let same = text[at] == byte;
            text[at] = byte;
            // Another value of the right form is another manifest.
            prop_assert_eq!(Manifest::read(&text) == Ok(manifest()), same);
        }
    }
}
