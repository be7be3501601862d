//! Receipts beside an export, by which a stranger can check its figures. `FILE.receipts.ndjson` has a line for each run:
//! its receipt and the figures that follow from it. `FILE.manifest.json` has the SHA-256 of both files and what the
//! receipts say of themselves; `FILE.manifest.json.sig` is its signature. [`writing`] makes them, [`checking`] holds them
//! against each other. All of them come from strangers, so every reader here has bounds.

pub mod bounded;
mod brief;
pub mod checking;
pub mod digest;
pub mod lines;
pub mod manifest;
mod named_files;
mod pairing;
pub mod signature;
pub mod writing;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The ending of the receipts' file, behind the name of the export.
pub const RECEIPTS_ENDING: &str = ".receipts.ndjson";
/// The ending of the manifest.
pub const MANIFEST_ENDING: &str = ".manifest.json";
/// The ending of the signature, behind the name of the manifest.
pub const SIGNATURE_ENDING: &str = ".sig";

/// Where the files of an export with receipts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptPaths {
    pub rows: PathBuf,
    pub receipts: PathBuf,
    pub manifest: PathBuf,
    pub signature: PathBuf,
}

impl ReceiptPaths {
    /// Those beside a file of rows.
    pub fn beside(rows: &Path) -> Self {
        let manifest = with_ending(rows, MANIFEST_ENDING);
        Self {
            rows: rows.to_owned(),
            receipts: with_ending(rows, RECEIPTS_ENDING),
            signature: with_ending(&manifest, SIGNATURE_ENDING),
            manifest,
        }
    }

    /// The same where somebody named any of the files. Names inside files are never followed.
    pub fn of_any(named: &Path) -> Self {
        let name = named.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let signed = format!("{MANIFEST_ENDING}{SIGNATURE_ENDING}");
        let bare = [signed.as_str(), MANIFEST_ENDING, RECEIPTS_ENDING]
            .into_iter()
            .find_map(|ending| name.strip_suffix(ending))
            .filter(|bare| !bare.is_empty());
        bare.map_or_else(|| Self::beside(named), |bare| Self::beside(&named.with_file_name(bare)))
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_the_files_names_all() {
        let all = ReceiptPaths::beside(Path::new("a/runs.csv"));
        assert_eq!(all.signature, Path::new("a/runs.csv.manifest.json.sig"));
        for one in [&all.rows, &all.receipts, &all.manifest, &all.signature] {
            assert_eq!(ReceiptPaths::of_any(one), all, "{}", one.display());
        }
        assert_eq!(ReceiptPaths::of_any(Path::new(".manifest.json")).rows, Path::new(".manifest.json"));
    }
}
