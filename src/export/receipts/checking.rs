//! Holds an export, its receipts, its manifest and the signature against each other. Opens these files and nothing else.

use super::ReceiptPaths;
use super::brief::{brief, brief_head, name, shortened, told};
use super::digest::{Digesting, FileDigest};
use super::lines::{LinesError, LinesReader, ReceiptLine};
use super::manifest::{self, Manifest, ManifestError, ReceiptFacts};
use super::pairing::{Pairing, PairingStep};
use super::signature::{PublicKey, SIGNATURE_LENGTH};
use crate::export::ExportFormat;
use crate::export::reading::{self, ExportedRow, RowsError, RowsReader};
use crate::measure::receipt::Receipt;
use crate::measure::receipt_figures::{FIGURES, computed, follows, is_same};
use crate::output::verify::{CheckedFile, FigureFinding, RunFinding, SignatureState, VerifyReport};
use serde_json::{Map, Value};
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};

/// Why files cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The file is not there.
    #[error("{} is missing", .0.display())]
    Missing(PathBuf),
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
    /// The name of the form.
    #[error("{}: {}", .0.display(), .1)]
    Newer(PathBuf, String),
}

type DigestedFile = BufReader<Digesting<File>>;

/// Checks the files of an export. With a key, the signature must be there and be this key's.
///
/// # Errors
/// [`VerifyError`] if a file cannot be read or was written by a newer program. Whatever does not fit together is in the
/// report.
pub fn check(paths: &ReceiptPaths, key: Option<PublicKey>) -> Result<VerifyReport, VerifyError> {
    let text = small(&paths.manifest, manifest::LARGEST).map_err(|error| match error {
        // Of a mistyped name nothing is there, and what was typed is what is missing.
        VerifyError::Missing(_) if !paths.rows.exists() => VerifyError::Missing(paths.rows.clone()),
        error => error,
    })?;
    let signature = match small(&paths.signature, SIGNATURE_LENGTH as u64) {
        Ok(signature) => Some(signature),
        Err(VerifyError::Missing(_)) => None,
        Err(error) => return Err(error),
    };
    let mut report = VerifyReport { file: paths.rows.display().to_string(), ..VerifyReport::default() };
    let manifest = match Manifest::read(&text) {
        Ok(manifest) => manifest,
        Err(error @ ManifestError::Newer(_)) => {
            return Err(VerifyError::Newer(paths.manifest.clone(), error.to_string()));
        }
        Err(error) => {
            report.damage.push(told(&paths.manifest, &error));
            let signed = |key: &PublicKey| {
                signature.as_deref().is_some_and(|signature| key.has_signed(&text, signature))
            };
            report.signature = match key.filter(|key| !signed(key)) {
                Some(_) if signature.is_some() => SignatureState::False,
                Some(_) => SignatureState::Missing,
                None => SignatureState::Unread,
            };
            return Ok(report);
        }
    };
    (report.signature, report.public_key) = judge(&manifest, &text, signature.as_deref(), key);
    let (rows, receipts) = (open(&paths.rows)?, open(&paths.receipts)?);
    ExportChecker {
        paths,
        manifest,
        report,
        facts: ReceiptFacts::default(),
        pairing: Pairing::default(),
        paired: true,
    }
    .files(rows, receipts)
}

/// Whether the signature is true, and the key that made it.
fn judge(
    manifest: &Manifest,
    text: &[u8],
    signature: Option<&[u8]>,
    given: Option<PublicKey>,
) -> (SignatureState, Option<String>) {
    let named = manifest.public_key.as_deref();
    let state = match (named.map(PublicKey::from_base64), signature, given) {
        (None, None, None) => SignatureState::Unsigned,
        (_, None, _) => SignatureState::Missing,
        (Some(Some(named)), Some(signature), _) if !named.has_signed(text, signature) => {
            SignatureState::False
        }
        (Some(Some(named)), Some(_), Some(given)) if named != given => SignatureState::OtherKey,
        (Some(Some(_)), Some(_), Some(_)) => SignatureState::Genuine,
        (Some(Some(_)), Some(_), None) => SignatureState::Unattributed,
        // A signature beside a manifest that names no key.
        (None | Some(None), Some(_), _) => SignatureState::False,
    };
    (state, named.map(shortened))
}

struct ExportChecker<'a> {
    paths: &'a ReceiptPaths,
    manifest: Manifest,
    report: VerifyReport,
    /// What the receipts say of themselves and the rows are, as far as they were read.
    facts: ReceiptFacts,
    pairing: Pairing,
    /// True while rows and lines are paired.
    paired: bool,
}

impl ExportChecker<'_> {
    fn files(mut self, mut rows: DigestedFile, receipts: DigestedFile) -> Result<VerifyReport, VerifyError> {
        let mut lines = LinesReader::new(receipts);
        match lines.head() {
            Ok(head) => {
                self.runs(head.format, &mut rows, &mut lines)?;
                self.report.head = brief_head(&head);
            }
            Err(error) => {
                self.broken_line(error)?;
            }
        }
        let export = rest(rows, &self.paths.rows)?;
        let receipts = rest(lines.into_inner(), &self.paths.receipts)?;
        let Manifest { export: export_said, receipts: receipts_said, facts, .. } = self.manifest;
        self.report.files = vec![
            checked("export", &self.paths.rows, export, export_said),
            checked("receipts", &self.paths.receipts, receipts, receipts_said),
        ];
        // A changed file, or one that was not read to its end, has other facts; that is told already.
        if self.paired && self.report.files.iter().all(CheckedFile::is_same) && self.facts != facts {
            let said = "the manifest does not say of the receipts what they say of themselves".to_owned();
            self.report.damage.push(said);
        }
        self.report.rows = self.facts.rows;
        self.report.receipts = self.facts.with_receipt;
        Ok(self.report)
    }

    /// Checks the rows of a form.
    fn runs(
        &mut self,
        format: ExportFormat,
        rows: &mut DigestedFile,
        lines: &mut LinesReader<DigestedFile>,
    ) -> Result<(), VerifyError> {
        if format != ExportFormat::Parquet {
            if let Some(mut rows) = reading::rows(format, rows) {
                self.pairs(&mut *rows, lines)?;
            }
            return Ok(());
        }
        // The digest is of the same open file, which is read from its beginning once more.
        let failed = |error| VerifyError::Io(self.paths.rows.clone(), error);
        let mut file = rows.get_ref().get_ref();
        let twin = file.try_clone().map_err(failed)?;
        self.pairs(&mut reading::parquet_rows(twin), lines)?;
        file.rewind().map_err(|error| VerifyError::Io(self.paths.rows.clone(), error))
    }

    /// Checks row by row.
    fn pairs(
        &mut self,
        rows: &mut dyn RowsReader,
        lines: &mut LinesReader<DigestedFile>,
    ) -> Result<(), VerifyError> {
        loop {
            let row = if self.paired { self.next_row(rows)? } else { None };
            match (row, self.next_line(lines)?) {
                (None, None) => break,
                (Some((id, row)), Some(line)) if id == line.id => self.compare(Some(&row), &line),
                (row, line) => {
                    let row = row.map(|(id, row)| self.pairing.row(id, row));
                    row.into_iter().for_each(|step| self.step(step));
                    let line = line.map(|line| self.line_apart(line));
                    line.into_iter().for_each(|step| self.step(step));
                }
            }
        }
        self.left();
        Ok(())
    }

    /// A line whose row is not beside it.
    fn line_apart(&mut self, line: ReceiptLine) -> PairingStep {
        if self.paired {
            return self.pairing.line(line);
        }
        self.compare(None, &line);
        PairingStep::Waits
    }

    fn step(&mut self, step: PairingStep) {
        match step {
            PairingStep::Pair(row, line) => self.compare(Some(&row), &line),
            PairingStep::Waits => {}
            PairingStep::Twice(id) => self.report.twice.add(shortened(&id)),
            PairingStep::Full => {
                self.paired = false;
                let said =
                    "the export and its receipts have hardly a run in common: they are not of one another";
                self.report.damage.push(said.to_owned());
            }
        }
    }

    /// Rows without a line, and lines without a row.
    fn left(&mut self) {
        let (rows, lines) = std::mem::take(&mut self.pairing).left();
        for line in &lines {
            self.compare(None, line);
            if self.paired {
                self.report.missing.add(shortened(&line.id));
            }
        }
        if self.paired {
            rows.iter().for_each(|id| self.report.added.add(shortened(id)));
        }
    }

    /// The next row with an id.
    fn next_row(&mut self, rows: &mut dyn RowsReader) -> Result<Option<(String, ExportedRow)>, VerifyError> {
        while let Some(row) = rows.next_row() {
            match row {
                Ok(ExportedRow { id: Some(id), figures }) => {
                    self.facts.rows += 1;
                    return Ok(Some((id, ExportedRow { id: None, figures })));
                }
                Ok(ExportedRow { id: None, .. }) => self.facts.rows += 1,
                Err(RowsError::Row(number)) => {
                    self.facts.rows += 1;
                    let said = format!("{}: {}", name(&self.paths.rows), RowsError::Row(number));
                    self.report.unreadable.add(said);
                }
                Err(RowsError::Form(said)) => {
                    self.report.damage.push(told(&self.paths.rows, &said));
                    // What else is in it is not known, so nothing is missing.
                    self.paired = false;
                }
                Err(RowsError::Io(error)) => return Err(VerifyError::Io(self.paths.rows.clone(), error)),
            }
        }
        Ok(None)
    }

    /// The next line that can be read.
    fn next_line(
        &mut self,
        lines: &mut LinesReader<DigestedFile>,
    ) -> Result<Option<ReceiptLine>, VerifyError> {
        while let Some(line) = lines.next_run() {
            match line {
                Ok(line) => return Ok(Some(line)),
                Err(error) => {
                    if self.broken_line(error)? {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Notes a broken line; true if none can follow it.
    fn broken_line(&mut self, error: LinesError) -> Result<bool, VerifyError> {
        let path = &self.paths.receipts;
        match error {
            LinesError::Newer(_) => Err(VerifyError::Newer(path.clone(), error.to_string())),
            LinesError::Line(..) => {
                self.report.unreadable.add(format!("{}: {error}", name(path)));
                Ok(false)
            }
            LinesError::Io(error) if error.kind() == ErrorKind::InvalidData => {
                self.report.damage.push(told(path, &error));
                self.paired = false;
                Ok(true)
            }
            LinesError::Io(error) => Err(VerifyError::Io(path.clone(), error)),
        }
    }

    /// Computes the figures of a run again, and holds them against the line and the row, if there is one.
    fn compare(&mut self, row: Option<&ExportedRow>, line: &ReceiptLine) {
        let Some(text) = &line.receipt else { return };
        self.facts.with_receipt += 1;
        let finding = |figures, trouble| RunFinding { id: shortened(&line.id), figures, trouble };
        let receipt = match Receipt::read(text) {
            Ok(receipt) => receipt,
            Err(error) => return self.report.differing.add(finding(Vec::new(), Some(error.to_string()))),
        };
        self.facts.add(&receipt.head);
        let current = receipt.is_current();
        *(if current { &mut self.report.checked } else { &mut self.report.other_definitions }) += 1;
        let computed = if current { Some(computed(receipt)) } else { None };
        let listed = line.figures.as_ref();
        let figures = figures(row.map(|row| &row.figures), listed, computed.as_ref());
        if !figures.is_empty() {
            self.report.differing.add(finding(figures, None));
        }
    }
}

/// The figures in which row, line and receipt are not of one mind. Without `computed`, row and line alone are compared.
fn figures(
    row: Option<&Map<String, Value>>,
    listed: Option<&Map<String, Value>>,
    computed: Option<&Map<String, Value>>,
) -> Vec<FigureFinding> {
    let at = |figures: Option<&Map<String, Value>>, name| {
        figures.and_then(|all| all.get(name)).cloned().unwrap_or_default()
    };
    let figure = |name: &&'static str| {
        let (exported, listed, computed_one) = (at(row, *name), at(listed, *name), at(computed, *name));
        let follow = computed.is_none() || follows(name, &listed, &computed_one);
        // A CSV file has no cell for an empty list.
        let empty = exported.is_null() && listed.as_array().is_some_and(Vec::is_empty);
        let agree = row.is_none() || empty || is_same(&exported, &listed);
        (!(follow && agree)).then(|| FigureFinding {
            name: (*name).to_owned(),
            exported: row.map(|_| brief(exported)),
            listed: brief(listed),
            recomputed: computed.map(|_| brief(computed_one)),
        })
    };
    FIGURES.iter().filter_map(figure).collect()
}

fn checked(role: &'static str, path: &Path, found: FileDigest, said: FileDigest) -> CheckedFile {
    CheckedFile {
        role,
        name: name(path),
        bytes: found.bytes,
        sha256: found.sha256,
        manifest_bytes: said.bytes,
        manifest_sha256: shortened(&said.sha256),
    }
}

/// Reads the rest of a file for its digest.
fn rest(mut from: DigestedFile, path: &Path) -> Result<FileDigest, VerifyError> {
    io::copy(&mut from, &mut io::sink()).map_err(|error| VerifyError::Io(path.to_owned(), error))?;
    Ok(from.into_inner().finish().0)
}

fn open(path: &Path) -> Result<DigestedFile, VerifyError> {
    let file = regular(path)?;
    Ok(BufReader::with_capacity(1 << 16, Digesting::new(file)))
}

/// A whole file of at most so many bytes and one; whoever reads it sees that it is too long.
fn small(path: &Path, largest: u64) -> Result<Vec<u8>, VerifyError> {
    let mut bytes = Vec::new();
    let read = regular(path)?.take(largest + 1).read_to_end(&mut bytes);
    read.map_err(|error| VerifyError::Io(path.to_owned(), error))?;
    Ok(bytes)
}

/// Opens a file; not a pipe, which may never have a writer.
fn regular(path: &Path) -> Result<File, VerifyError> {
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => VerifyError::Missing(path.to_owned()),
        _ => VerifyError::Io(path.to_owned(), error),
    };
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is no regular file")));
    }
    File::open(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::encoder;
    use crate::export::receipts::writing::ReceiptedExport;
    use crate::output::verify::document;
    use crate::storage::history::RunSeries;
    use crate::storage::history::row_pages::RowSource;
    use serde_json::json;

    /// Writes an export of two rows whose head names this model.
    fn export(rows: &Path, format: ExportFormat, model: &str) -> ReceiptPaths {
        let head = json!({
            "schema": super::super::lines::RECEIPTS, "file": "runs", "format": format, "program": "llmbench/0.1.0",
            "definitions": 2, "series": "all", "from": null, "to": null, "provider": null, "model": model,
        });
        let head = serde_json::from_value(head).unwrap();
        let texts = ["{\"_id\":\"a\",\"generate_time\":1.5}", "{\"_id\":\"b\"}"];
        let mut export = ReceiptedExport::create(rows, true, &head, None).unwrap();
        let (out, receipts) = export.parts();
        let mut encoder = encoder(format, RowSource::Runs(RunSeries::Published), &Map::new(), out).unwrap();
        encoder.rows(&texts).unwrap();
        encoder.finish().unwrap();
        drop(encoder);
        receipts.rows(&texts).unwrap();
        export.keep().unwrap();
        ReceiptPaths::beside(rows)
    }

    #[test]
    fn digest_and_rows_are_of_one_file() {
        let home = tempfile::tempdir().unwrap();
        for format in [ExportFormat::Parquet, ExportFormat::Ndjson] {
            let paths = export(&home.path().join("runs"), format, "x");
            let manifest = Manifest::read(&fs::read(&paths.manifest).unwrap()).unwrap();
            let (rows, receipts) = (open(&paths.rows).unwrap(), open(&paths.receipts).unwrap());
            // Another file takes the name meanwhile.
            fs::remove_file(&paths.rows).unwrap();
            fs::write(&paths.rows, "something else").unwrap();
            let checker = ExportChecker {
                paths: &paths,
                manifest,
                report: VerifyReport { signature: SignatureState::Unsigned, ..VerifyReport::default() },
                facts: ReceiptFacts::default(),
                pairing: Pairing::default(),
                paired: true,
            };
            let report = checker.files(rows, receipts).unwrap();
            assert!(report.is_true() && report.rows == 2, "{report:?}");
        }
    }

    #[test]
    fn a_report_does_not_grow_with_the_files() {
        let home = tempfile::tempdir().unwrap();
        let long = "x".repeat(60_000);
        let paths = export(&home.path().join("runs"), ExportFormat::Ndjson, &long);
        let told = |text: String| {
            fs::write(&paths.manifest, text).unwrap();
            let report = check(&paths, None).unwrap();
            let told = document(&report).to_string();
            assert!(told.len() < 4000, "{} bytes: {}", told.len(), &told[..4000]);
            report
        };
        let text = fs::read_to_string(&paths.manifest).unwrap();
        let report = told(text.clone());
        assert!(report.is_true() && report.head["model"].as_str().is_some_and(|model| model.ends_with("x…")));
        told(text.replace("\"public_key\": null", &format!("\"public_key\": \"{long}\"")));
        told(text.replace("\"rows\": 2", &format!("\"rows\": \"{long}\"")));
        let manifest = Manifest::read(text.as_bytes()).unwrap();
        told(text.replace(&manifest.export.sha256, &long));
        told(text.replace(super::super::manifest::MANIFEST, &long));
    }
}
