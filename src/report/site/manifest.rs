//! The list of the files that a report wrote into a folder, kept in the folder: whatever it does not name is somebody
//! else's. A file is named before it is written, so that a folder that was left half-way is known, too.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path};

/// Its name in the folder.
pub const MANIFEST: &str = ".llmbench-report";

/// Its first line.
const HEAD: &str = "llmbench report 1: the lines below name the files that it wrote";

/// The list while it grows.
#[derive(Debug)]
pub struct GrowingManifest(File);

impl GrowingManifest {
    /// Begins the list of a new folder.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().append(true).create_new(true).open(folder.join(MANIFEST))?;
        writeln!(file, "{HEAD}")?;
        Ok(Self(file))
    }

    /// Names a file.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn name(&mut self, path: &str) -> io::Result<()> {
        self.0.write_all(format!("{path}\n").as_bytes())
    }
}

/// The files that a report wrote into this folder; `None` for a folder of somebody else. Lines that could not be a
/// report's, as a path out of the folder, are passed over.
pub fn read(folder: &Path) -> Option<BTreeSet<String>> {
    let text = fs::read_to_string(folder.join(MANIFEST)).ok()?;
    let mut lines = text.lines();
    (lines.next() == Some(HEAD)).then(|| lines.filter(|path| is_inside(path)).map(str::to_owned).collect())
}

/// True for a relative path without a way up.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_only_what_is_inside() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), None);
        let mut list = GrowingManifest::create(folder.path()).unwrap();
        for path in ["index.html", "../out", "/etc/passwd", "a/../../b", "models/a/b.html", ""] {
            list.name(path).unwrap();
        }
        let named: Vec<String> = read(folder.path()).unwrap().into_iter().collect();
        assert_eq!(named, ["index.html", "models/a/b.html"]);
        fs::write(folder.path().join(MANIFEST), "somebody's notes\nindex.html\n").unwrap();
        assert_eq!(read(folder.path()), None);
    }
}
