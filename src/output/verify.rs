//! Formats what came out of checking an export with receipts: a line for each check and a list of what does not fit for
//! people, a document for programs.

use super::list_report::{Column, ListReport};
use super::row_fields;
use super::text;
use super::view::ReportView;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

pub const VERIFIED: &str = "llmbench.results.verify/1";

/// Findings of a kind that are kept; the others are counted.
const KEPT: usize = 1000;
/// Lines of findings for people.
const SHOWN: usize = 50;

/// Findings: how many there are, and the first of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings<T> {
    pub total: u64,
    pub first: Vec<T>,
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self { total: 0, first: Vec::new() }
    }
}

impl<T> Findings<T> {
    pub fn add(&mut self, finding: T) {
        self.total += 1;
        if self.first.len() < KEPT {
            self.first.push(finding);
        }
    }

    fn unkept(&self) -> u64 {
        self.total - self.first.len() as u64
    }
}

/// A figure in which export, receipts and computation are not of one mind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigureFinding {
    pub name: String,
    /// The value in the export; `None` if the row was not read.
    pub exported: Option<Value>,
    /// The value in the file of receipts.
    pub listed: Value,
    /// The computed value; `None` for other definitions than today's.
    pub recomputed: Option<Value>,
}

/// A run with such figures, or with a receipt that cannot be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunFinding {
    pub id: String,
    pub figures: Vec<FigureFinding>,
    pub trouble: Option<String>,
}

/// What is known of the signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureState {
    /// Of the key that was given.
    Genuine,
    /// Of the key that the manifest names; no key was given.
    Unattributed,
    /// There is none, and none was asked for.
    Unsigned,
    /// There is none, though the manifest names a key, or one was given.
    Missing,
    /// Not a signature of this manifest.
    False,
    /// Of another key than the given one.
    OtherKey,
    /// The manifest could not be read.
    #[default]
    Unread,
}

/// A file and what the manifest says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedFile {
    /// `export` or `receipts`.
    pub role: &'static str,
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
    pub manifest_bytes: u64,
    pub manifest_sha256: String,
}

impl CheckedFile {
    pub fn is_same(&self) -> bool {
        self.bytes == self.manifest_bytes && self.sha256 == self.manifest_sha256
    }

    fn words(&self) -> String {
        let Self { name, bytes, sha256, manifest_bytes, .. } = self;
        match bytes.cmp(manifest_bytes) {
            _ if self.is_same() => format!("{name}: {bytes} bytes, SHA-256 {sha256}"),
            std::cmp::Ordering::Less => {
                format!("{name} is cut off or changed: {bytes} of {manifest_bytes} bytes")
            }
            std::cmp::Ordering::Greater => {
                format!("{name} has grown: {bytes} instead of {manifest_bytes} bytes")
            }
            std::cmp::Ordering::Equal => format!("{name} was changed: its SHA-256 is not the manifest's"),
        }
    }
}

/// The result of a check.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VerifyReport {
    /// The export's file.
    pub file: String,
    pub signature: SignatureState,
    /// The key that the manifest names, in base64.
    pub public_key: Option<String>,
    /// Export and receipts; empty if the manifest cannot be read.
    pub files: Vec<CheckedFile>,
    /// The head of the receipts: what was exported, when and by which program; null if it cannot be read.
    pub head: Value,
    /// Whatever else does not fit, in words.
    pub damage: Vec<String>,
    pub rows: u64,
    pub receipts: u64,
    /// Receipts from which the figures were computed again.
    pub checked: u64,
    /// Receipts of definitions that this version does not compute.
    pub other_definitions: u64,
    pub differing: Findings<RunFinding>,
    /// Runs of the receipts that the export does not have.
    pub missing: Findings<String>,
    /// Runs of the export that the receipts do not have.
    pub added: Findings<String>,
    /// Runs that a file has twice.
    pub twice: Findings<String>,
    /// Rows and lines that cannot be read.
    pub unreadable: Findings<String>,
}

impl VerifyReport {
    /// True if everything fits.
    pub fn is_true(&self) -> bool {
        use SignatureState::{Genuine, Unattributed, Unsigned};
        let counts = [self.missing.total, self.added.total, self.twice.total, self.unreadable.total];
        matches!(self.signature, Genuine | Unattributed | Unsigned)
            && self.files.iter().all(CheckedFile::is_same)
            && self.damage.is_empty()
            && self.differing.total + counts.iter().sum::<u64>() == 0
    }

    /// Findings that are counted alone.
    fn unkept(&self) -> u64 {
        let Self { missing, added, twice, unreadable, differing, .. } = self;
        let names = [missing, added, twice, unreadable];
        names.iter().map(|found| found.unkept()).sum::<u64>() + differing.unkept()
    }

    /// True if the figures of no row were computed again, and of an export without rows, too.
    pub fn is_empty_handed(&self) -> bool {
        self.checked == 0
    }
}

/// One line of checks.
struct CheckLine {
    what: String,
    state: &'static str,
    words: String,
}

fn signature_line(report: &VerifyReport) -> CheckLine {
    let key = report.public_key.as_deref().unwrap_or("-");
    let (state, words) = match report.signature {
        SignatureState::Genuine => ("ok", "true, by the key of --public-key".to_owned()),
        SignatureState::Unattributed => {
            ("?", format!("true, by the key {key}; whose key that is, --public-key FILE can tell"))
        }
        SignatureState::Unsigned => {
            ("?", "there is none: nobody vouches for the origin of these files".to_owned())
        }
        SignatureState::Missing if report.public_key.is_some() => {
            ("no", format!("there is none, though the manifest names the key {key}"))
        }
        SignatureState::Missing => ("no", "there is none, and --public-key asks for one".to_owned()),
        SignatureState::False => {
            ("no", "it is not that of this manifest: one of the two was changed".to_owned())
        }
        SignatureState::OtherKey => ("no", format!("by another key than that of --public-key: {key}")),
        SignatureState::Unread => ("?", "the manifest cannot be read".to_owned()),
    };
    CheckLine { what: "signature".to_owned(), state, words }
}

/// What was exported, as the head of the receipts says; `None` if it cannot be read. Whoever gives an old export another
/// name is seen here.
fn contents_line(report: &VerifyReport) -> Option<CheckLine> {
    let head = &report.head;
    let text = |name: &str| head[name].as_str();
    let (series, program, file) = (text("series")?, text("program")?, text("file")?);
    let window = match (text("from"), text("to")) {
        (None, None) => "of all time".to_owned(),
        (Some(from), None) => format!("from {from} on"),
        (None, Some(to)) => format!("until {to}"),
        (Some(from), Some(to)) => format!("from {from} until {to}"),
    };
    let models = match (text("provider"), text("model")) {
        (None, None) => "every model".to_owned(),
        (Some(provider), None) => format!("provider {provider}"),
        (None, Some(model)) => format!("model {model}"),
        (Some(provider), Some(model)) => format!("model {provider}:{model}"),
    };
    let same = Path::new(&report.file).file_name().is_some_and(|name| name.to_string_lossy() == file);
    let name = if same { String::new() } else { format!(" under the name {file}") };
    let words = format!("series {series} {window}, {models}; exported by {program}{name}");
    let state = if same { "ok" } else { "?" };
    Some(CheckLine { what: "contents".to_owned(), state, words })
}

fn figures_line(report: &VerifyReport) -> CheckLine {
    let VerifyReport { rows, receipts, checked, other_definitions, .. } = report;
    let mut words = format!("{receipts} of {rows} rows have a receipt; ");
    words.push_str(&match report.differing.total {
        0 if *checked == 0 => "no figure was computed again".to_owned(),
        0 => format!("every figure of {checked} follows from it, bit for bit"),
        1 => "the figures of 1 do not follow from it, or are not those of the export".to_owned(),
        many => format!("the figures of {many} do not follow from it, or are not those of the export"),
    });
    if *other_definitions > 0 {
        words.push_str("; not checked, being of definitions that this version does not compute: ");
        words.push_str(&other_definitions.to_string());
    }
    let state = match report.differing.total {
        // Figures that no row of the export was held against.
        0 if report.is_empty_handed() || report.missing.total + report.unreadable.total > 0 => "?",
        0 => "ok",
        _ => "no",
    };
    CheckLine { what: "figures".to_owned(), state, words }
}

fn check_lines(report: &VerifyReport) -> Vec<CheckLine> {
    let mut lines = vec![signature_line(report)];
    let file = |file: &CheckedFile| CheckLine {
        what: file.role.to_owned(),
        state: if file.is_same() { "ok" } else { "no" },
        words: file.words(),
    };
    lines.extend(report.files.iter().map(file));
    lines.extend(contents_line(report));
    if !report.files.is_empty() {
        lines.push(figures_line(report));
    }
    let damage = |words: &String| CheckLine { what: "damage".to_owned(), state: "no", words: words.clone() };
    lines.extend(report.damage.iter().map(damage));
    let kinds = [
        (&report.missing, "are in the receipts and not in the export"),
        (&report.added, "are in the export and not in the receipts"),
        (&report.twice, "are in one file twice"),
        (&report.unreadable, "rows or lines cannot be read"),
    ];
    for (found, words) in kinds.iter().filter(|(found, _)| found.total > 0) {
        let words = format!("{} {words}", found.total);
        lines.push(CheckLine { what: "runs".to_owned(), state: "no", words });
    }
    lines
}

/// One line of the list of what does not fit.
struct FindingLine {
    run: String,
    figure: String,
    values: [String; 3],
}

fn finding_lines(report: &VerifyReport) -> Vec<FindingLine> {
    let bare = |run: &String, figure: &str| FindingLine {
        run: run.clone(),
        figure: figure.to_owned(),
        values: ["-", "-", "-"].map(str::to_owned),
    };
    let value = |value: Option<&Value>| match value {
        Some(Value::Array(items)) => format!("{} values", items.len()),
        value => value.map_or_else(|| "-".to_owned(), row_fields::value),
    };
    let mut lines = Vec::new();
    for run in &report.differing.first {
        lines.extend(run.trouble.as_ref().map(|trouble| bare(&run.id, trouble)));
        lines.extend(run.figures.iter().map(|figure| FindingLine {
            run: run.id.clone(),
            figure: figure.name.clone(),
            values: [
                value(figure.exported.as_ref()),
                value(Some(&figure.listed)),
                value(figure.recomputed.as_ref()),
            ],
        }));
    }
    lines.extend(report.missing.first.iter().map(|run| bare(run, "missing in the export")));
    lines.extend(report.added.first.iter().map(|run| bare(run, "missing in the receipts")));
    lines.extend(report.twice.first.iter().map(|run| bare(run, "twice")));
    lines.extend(report.unreadable.first.iter().map(|place| bare(&"-".to_owned(), place)));
    lines
}

/// Columns of a check's name and its result.
const CHECK: usize = 16;

/// A check; its words are wrapped beside it, not cut.
fn check(line: &CheckLine, view: &ReportView) -> String {
    let head = format!("{:11}{:4} ", line.what, line.state);
    let words = text::escape(&line.words);
    let words = match view.limit() {
        Some(columns) => text::wrap(&words, columns, CHECK).join("\n"),
        None => format!("{:CHECK$}{words}", ""),
    };
    format!("{head}{}\n", &words[CHECK..])
}

/// The checks and what does not fit, for people.
pub fn list(report: &VerifyReport, view: &ReportView) -> String {
    let mut shown: String = check_lines(report).iter().map(|line| check(line, view)).collect();
    let mut findings = finding_lines(report);
    let more = (findings.len() as u64 + report.unkept()).saturating_sub(SHOWN as u64);
    findings.truncate(SHOWN);
    if !findings.is_empty() {
        shown.push('\n');
        shown.push_str(
            &ListReport::new(&findings)
                .column(Column::new("RUN").free(), |line| text::escape(&line.run))
                .column(Column::new("FIGURE").free(), |line| text::escape(&line.figure))
                .column(Column::number("EXPORTED"), |line| line.values[0].clone())
                .column(Column::number("LISTED").rank(1), |line| line.values[1].clone())
                .column(Column::number("RECOMPUTED"), |line| line.values[2].clone())
                .screen(view),
        );
    }
    if more > 0 {
        shown.push_str(&format!("and {more} more: --json has up to {KEPT} of each kind\n"));
    }
    shown
}

/// The result for programs.
pub fn document(report: &VerifyReport) -> Value {
    let file = |file: &CheckedFile| {
        let mut document = json!(file);
        document["same"] = file.is_same().into();
        document
    };
    json!({
        "schema": VERIFIED,
        // An export of which no figure was computed again is not verified.
        "verified": report.is_true() && !report.is_empty_handed(),
        "file": report.file,
        "signature": report.signature,
        "public_key": report.public_key,
        "files": report.files.iter().map(file).collect::<Vec<_>>(),
        "head": report.head,
        "damage": report.damage,
        "rows": report.rows,
        "receipts": report.receipts,
        "checked": report.checked,
        "other_definitions": report.other_definitions,
        "differing": report.differing,
        "missing": report.missing,
        "added": report.added,
        "twice": report.twice,
        "unreadable": report.unreadable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::schema_check::violations;
    use crate::output::snapshots::{assert_picture, view};

    fn broken() -> VerifyReport {
        let mut report = VerifyReport {
            file: "runs.csv".to_owned(),
            signature: SignatureState::OtherKey,
            public_key: Some("Gb9E".to_owned()),
            files: vec![CheckedFile {
                role: "export",
                name: "runs.csv".to_owned(),
                bytes: 5,
                sha256: "a".repeat(64),
                manifest_bytes: 7,
                manifest_sha256: "b".repeat(64),
            }],
            head: json!({ "schema": "x" }),
            damage: vec!["a manifest of something else".to_owned()],
            rows: 3,
            receipts: 2,
            checked: 1,
            other_definitions: 1,
            ..VerifyReport::default()
        };
        let figure = |exported: Option<Value>| FigureFinding {
            name: "generate_time".to_owned(),
            exported,
            listed: json!(1.5),
            recomputed: None,
        };
        let figures = vec![figure(Some(json!(1.25))), figure(None)];
        report.differing.add(RunFinding { id: "01K\u{1b}".to_owned(), figures, trouble: None });
        let trouble = Some("no receipt: it is no base64".to_owned());
        report.differing.add(RunFinding { id: "01L".to_owned(), figures: Vec::new(), trouble });
        (0..1200).for_each(|number| report.missing.add(format!("run-{number}")));
        report
    }

    #[test]
    fn the_document_is_what_its_schema_says() {
        let schema: Value =
            serde_json::from_str(include_str!("../../docs/schema/results_verify.schema.json")).unwrap();
        for report in [broken(), VerifyReport::default()] {
            assert_eq!(violations(&schema, &document(&report)), Vec::<String>::new());
        }
        let document = document(&broken());
        assert_eq!(
            (&document["missing"]["total"], &document["signature"]),
            (&json!(1200), &json!("other_key"))
        );
        assert_eq!(document["missing"]["first"].as_array().unwrap().len(), KEPT);
    }

    #[test]
    fn people_see_what_does_not_fit_and_no_control_characters() {
        let shown = list(&broken(), &view(140, false, true));
        for words in
            ["5 of 7 bytes", "another key", "generate_time", "1200 are in the receipts", "and 1153 more"]
        {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert!(!broken().is_true() && !VerifyReport::default().is_true());
    }

    #[test]
    fn checks_at_two_widths() {
        let file = |role, name: &str| CheckedFile {
            role,
            name: name.to_owned(),
            bytes: 70_000,
            sha256: "a1".repeat(32),
            manifest_bytes: 70_000,
            manifest_sha256: "a1".repeat(32),
        };
        let fine = VerifyReport {
            signature: SignatureState::Unattributed,
            public_key: Some("6TXiq2qk8hcmZLjFq2DDL3GnUBOPN1B+RZepNekF3JU=".to_owned()),
            files: vec![file("export", "runs.csv"), file("receipts", "runs.csv.receipts.ndjson")],
            file: "exports/runs.csv".to_owned(),
            head: json!({
                "file": "runs.csv", "series": "published", "program": "llmbench/0.1.0",
                "from": "2026-10-01T00:00:00.000Z", "to": null, "provider": "groq", "model": null,
            }),
            rows: 100,
            receipts: 98,
            checked: 97,
            other_definitions: 1,
            ..VerifyReport::default()
        };
        let mut wrong = broken();
        (wrong.missing.total, wrong.missing.first) = (2, vec!["run-1".to_owned(), "run-2".to_owned()]);
        for columns in [80, 140] {
            assert_picture(&format!("results_verify_{columns}"), &list(&fine, &view(columns, false, false)));
            assert_picture(
                &format!("results_verify_wrong_{columns}"),
                &list(&wrong, &view(columns, false, false)),
            );
        }
    }
}
