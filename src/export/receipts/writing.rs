//! Writes an export together with its receipts, manifest and signature: all of the files, or none.

use super::ReceiptPaths;
use super::digest::Digesting;
use super::lines::{ReceiptsHead, WrittenLine, write_head};
use super::manifest::{MANIFEST, Manifest, ReceiptFacts};
use super::named_files::NamedFiles;
use super::signature::SigningKey;
use crate::export::new_file::{NewFile, NewFileError};
use std::io::{self, Write};
use std::path::Path;

/// The receipts while they are written, one row after the other.
pub struct ReceiptsWriter<W> {
    out: W,
    facts: ReceiptFacts,
    /// Receipts that nobody can read.
    unreadable: u64,
}

impl<W: Write> ReceiptsWriter<W> {
    /// Writes the head.
    ///
    /// # Errors
    /// The writer's.
    pub fn new(head: &ReceiptsHead, mut out: W) -> io::Result<Self> {
        write_head(head, &mut out)?;
        Ok(Self { out, facts: ReceiptFacts::default(), unreadable: 0 })
    }

    /// Adds rows of the export, in its order.
    ///
    /// # Errors
    /// The writer's.
    pub fn rows(&mut self, texts: &[&str]) -> io::Result<()> {
        for text in texts {
            self.facts.rows += 1;
            let Some(WrittenLine { line, receipt }) = WrittenLine::of(text) else { continue };
            let unreadable = receipt.is_some_and(|receipt| !self.facts.add_text(&receipt));
            self.unreadable += u64::from(unreadable);
            self.out.write_all(line.as_bytes())?;
        }
        Ok(())
    }
}

/// What was written beside an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptTotals {
    /// Runs with a receipt.
    pub receipts: u64,
    pub unreadable: u64,
    pub signed: bool,
}

/// An export with receipts while it is written. Dropped before [`ReceiptedExport::keep`], it leaves nothing.
pub struct ReceiptedExport {
    rows: Digesting<NewFile>,
    receipts: ReceiptsWriter<Digesting<NewFile>>,
    manifest: NewFile,
    signature: NewFile,
    paths: ReceiptPaths,
    key: Option<SigningKey>,
}

impl ReceiptedExport {
    /// Creates the files that will be at `rows` and beside it. `replace` allows them to replace others.
    ///
    /// # Errors
    /// Any case of [`NewFileError`], of any of the files.
    pub fn create(
        rows: &Path,
        replace: bool,
        head: &ReceiptsHead,
        key: Option<SigningKey>,
    ) -> Result<Self, NewFileError> {
        let paths = ReceiptPaths::beside(rows);
        let new = |path: &Path| NewFile::create(path, replace);
        let receipts = ReceiptsWriter::new(head, Digesting::new(new(&paths.receipts)?));
        Ok(Self {
            rows: Digesting::new(new(rows)?),
            receipts: receipts.map_err(|error| NewFileError::Io(paths.receipts.clone(), error))?,
            manifest: new(&paths.manifest)?,
            // Without a key it is not kept; but one of an earlier export must not stay beside this one.
            signature: new(&paths.signature)?,
            paths,
            key,
        })
    }

    /// Where rows are written, and where their receipts are.
    pub fn parts(&mut self) -> (&mut Digesting<NewFile>, &mut ReceiptsWriter<Digesting<NewFile>>) {
        (&mut self.rows, &mut self.receipts)
    }

    /// Gives all files their names once they are on the disk; the export comes last, so whoever finds it finds the others.
    /// Returns the size of the export in bytes.
    ///
    /// # Errors
    /// Those of the operating system. No new file is left then, and files that were replaced are there again. A crash within
    /// this may leave new files beside old ones, which do not fit together and are told by [`super::checking`].
    pub fn keep(self) -> io::Result<(u64, ReceiptTotals)> {
        let Self { rows, receipts, manifest: mut manifest_file, signature: mut signature_file, paths, key } =
            self;
        let ReceiptsWriter { out, facts, unreadable } = receipts;
        let mut named = NamedFiles::default();
        let ((export, rows), (receipts, receipts_file)) = (rows.finish(), out.finish());
        let totals = ReceiptTotals { receipts: facts.with_receipt, unreadable, signed: key.is_some() };
        let public_key = key.as_ref().map(|key| key.public_key().to_string());
        let manifest = Manifest { schema: MANIFEST.to_owned(), export, receipts, facts, public_key }.text();
        manifest_file.write_all(manifest.as_bytes())?;
        named.keep(receipts_file)?;
        match key {
            Some(key) => {
                signature_file.write_all(&key.sign(manifest.as_bytes()))?;
                named.keep(signature_file)?;
            }
            None => named.remove(&paths.signature)?,
        }
        named.keep(manifest_file)?;
        let bytes = named.keep(rows)?;
        named.all_kept();
        Ok((bytes, totals))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::ExportFormat;
    use crate::export::receipts::lines::RECEIPTS;
    use std::fs;

    fn written(rows: &Path, text: &[u8]) -> ReceiptedExport {
        let head = ReceiptsHead {
            schema: RECEIPTS.to_owned(),
            file: "runs.ndjson".to_owned(),
            format: ExportFormat::Ndjson,
            program: "llmbench/0.1.0".to_owned(),
            definitions: 2,
            series: "all".to_owned(),
            from: None,
            to: None,
            provider: None,
            model: None,
        };
        let mut export = ReceiptedExport::create(rows, true, &head, None).unwrap();
        export.parts().0.write_all(text).unwrap();
        export
    }

    #[test]
    fn an_export_that_cannot_be_replaced_keeps_its_proof() {
        let home = tempfile::tempdir().unwrap();
        let paths = ReceiptPaths::beside(&home.path().join("runs.ndjson"));
        written(&paths.rows, b"{\"_id\":\"a\"}\n").keep().unwrap();
        fs::write(&paths.signature, "signed").unwrap();
        let files =
            || [&paths.receipts, &paths.manifest, &paths.signature].map(|path| fs::read(path).unwrap());
        let before = files();
        let next = written(&paths.rows, b"{\"_id\":\"b\"}\n{\"_id\":\"c\"}\n");
        // The rows are named last, and a directory cannot be replaced.
        fs::remove_file(&paths.rows).unwrap();
        fs::create_dir(&paths.rows).unwrap();
        assert!(next.keep().is_err());
        assert_eq!(files(), before);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 4);
        fs::remove_dir(&paths.rows).unwrap();
        written(&paths.rows, b"").keep().unwrap();
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 3);
    }
}
