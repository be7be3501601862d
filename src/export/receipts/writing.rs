//! Writes an export together with its receipts, manifest and signature: all of the files, or none.

use super::ReceiptPaths;
use super::digest::Digesting;
use super::lines::{ReceiptsHead, WrittenLine, write_head};
use super::manifest::{MANIFEST, Manifest, ReceiptFacts};
use super::signature::SigningKey;
use crate::export::new_file::{NewFile, NewFileError};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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
    /// Those of the operating system. No file is left then.
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
        named.keep(receipts_file, &paths.receipts)?;
        match key {
            Some(key) => {
                signature_file.write_all(&key.sign(manifest.as_bytes()))?;
                named.keep(signature_file, &paths.signature)?;
            }
            None => remove(&paths.signature)?,
        }
        named.keep(manifest_file, &paths.manifest)?;
        let bytes = named.keep(rows, &paths.rows)?;
        named.all_kept();
        Ok((bytes, totals))
    }
}

/// Files that have their names already. Dropped before [`NamedFiles::all_kept`], it removes them.
#[derive(Default)]
struct NamedFiles(Vec<PathBuf>);

impl NamedFiles {
    fn keep(&mut self, file: NewFile, path: &Path) -> io::Result<u64> {
        let bytes = file.keep()?;
        self.0.push(path.to_owned());
        Ok(bytes)
    }

    fn all_kept(mut self) {
        self.0.clear();
    }
}

impl Drop for NamedFiles {
    fn drop(&mut self) {
        // The error that led here is the one to tell.
        self.0.iter().for_each(|path| drop(fs::remove_file(path)));
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
