//! Formats the findings of `doctor` for people and programs: problems first, with advice and the section to read, then
//! all checks, section by section.

use super::json::time;
use super::units::counted;
use super::{ReportView, text};
use crate::domain::finding::{Finding, FindingSection, Severity};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The widest column of subjects, in columns of the terminal.
const SUBJECT: usize = 32;

/// All findings, ending in a line break.
pub fn text(found: &[Finding], view: &ReportView) -> String {
    let mut lines = view.wrap(&headline(found));
    let open = || found.iter().filter(|one| one.is_open());
    for severity in [Severity::Finding, Severity::Unknown] {
        for one in open().filter(|one| one.severity == severity) {
            lines.push(String::new());
            lines.extend(problem(one, view));
        }
    }
    let shown = |one: &&Finding| !one.is_open() && (view.verbose || one.severity == Severity::Note);
    for section in FindingSection::ALL {
        let rest: Vec<&Finding> = found.iter().filter(|one| one.section == section).filter(shown).collect();
        if !rest.is_empty() {
            lines.push(String::new());
            lines.push(view.paint().heading(title(section)));
            lines.extend(rows(&rest, view));
        }
    }
    if let Some(fine) = fine(found).filter(|_| !view.verbose) {
        lines.push(String::new());
        lines.extend(text::wrap(&fine, view.terminal.width, 0).iter().map(|line| view.paint().quiet(line)));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// For example `Fine: 12 of Configuration, 3 of Store; -v shows each`; `None` if nothing is fine.
fn fine(found: &[Finding]) -> Option<String> {
    let count = |section: FindingSection| {
        found.iter().filter(|one| one.section == section && one.severity == Severity::Ok).count()
    };
    let counted = FindingSection::ALL.into_iter().map(|section| (section, count(section)));
    let words: Vec<String> = counted
        .filter(|(_, count)| *count > 0)
        .map(|(section, count)| format!("{count} of {}", title(section)))
        .collect();
    (!words.is_empty()).then(|| format!("Fine: {}; -v shows each", words.join(", ")))
}

/// For example `2 findings, 1 not known, 30 fine`.
fn headline(found: &[Finding]) -> String {
    let count = |severity| found.iter().filter(|one| one.severity == severity).count();
    let (wrong, unknown, notes) = (count(Severity::Finding), count(Severity::Unknown), count(Severity::Note));
    let mut words = vec![match wrong {
        0 => "nothing found".to_owned(),
        wrong => counted(wrong as u64, "finding"),
    }];
    if unknown > 0 {
        words.push(format!("{unknown} could not be looked at"));
    }
    if notes > 0 {
        words.push(counted(notes as u64, "note"));
    }
    words.push(format!("{} fine", count(Severity::Ok)));
    words.join(", ")
}

fn title(section: FindingSection) -> &'static str {
    match section {
        FindingSection::Configuration => "Configuration",
        FindingSection::Providers => "Providers",
        FindingSection::Aws => "AWS",
        FindingSection::Google => "Google Cloud",
        FindingSection::Store => "Store",
        FindingSection::Catalog => "Catalog",
        FindingSection::State => "This machine",
        FindingSection::Switch => "From the Python containers",
    }
}

/// A problem in full; nothing of it is cut.
fn problem(one: &Finding, view: &ReportView) -> Vec<String> {
    let paint = view.paint();
    let word = if one.severity == Severity::Finding { "FINDING" } else { "UNKNOWN" };
    let head = format!("{word} {}: {}", title(one.section), text::escape(&one.subject));
    let coloured = |line: &String| {
        if one.severity == Severity::Finding { paint.bad(line) } else { paint.doubtful(line) }
    };
    let mut lines: Vec<String> = view.wrap(&head).iter().map(coloured).collect();
    let indented = |words: &str| text::wrap(words, view.terminal.width, 2);
    lines.extend(indented(&text::one_line(&one.sentence)));
    if let Some(fix) = &one.fix {
        lines.extend(text::unbroken(&format!("mended by: {}", text::one_line(fix)), view.terminal.width, 2));
    }
    if let Some(heading) = one.heading {
        let more = indented(&format!("more: TROUBLESHOOTING.md, \"{heading}\""));
        lines.extend(more.iter().map(|line| paint.quiet(line)));
    }
    lines
}

/// Facts that are fine or worth knowing, one line each. A note is shown whole, with its advice.
fn rows(found: &[&Finding], view: &ReportView) -> Vec<String> {
    let (paint, terminal) = (view.paint(), view.terminal);
    let subjects: Vec<String> = found.iter().map(|one| text::escape(&one.subject)).collect();
    let widest = subjects.iter().map(|subject| text::width(subject)).max().unwrap_or(0).min(SUBJECT);
    let mut lines = Vec::new();
    for (one, subject) in found.iter().zip(&subjects) {
        let note = one.severity == Severity::Note;
        let room = " ".repeat(widest.saturating_sub(text::width(subject)));
        let mark = if note { "note" } else { "ok" };
        let (head, sentence) = (format!("  {mark:4}  {subject}{room}  "), text::one_line(&one.sentence));
        if note {
            let fix = one.fix.iter().map(|fix| text::one_line(fix));
            let words = std::iter::once(sentence).chain(fix).collect::<Vec<_>>().join("; ");
            lines.extend(hanging(&head, &words, terminal.width).iter().map(|line| paint.doubtful(line)));
        } else {
            let line = head + &sentence;
            let limit = terminal.text_limit();
            lines.push(limit.map_or(line.clone(), |limit| text::cut(&line, limit, terminal.unicode)));
        }
    }
    lines
}

/// Puts words behind a head, with further lines aligned below the first; below the head if it leaves too little room.
fn hanging(head: &str, words: &str, width: usize) -> Vec<String> {
    const LEAST: usize = 24;
    let indent = text::width(head);
    if indent + LEAST > width {
        let mut lines = text::wrap(head, width, 2);
        lines.extend(text::unbroken(words, width, 8.min(width / 2)));
        return lines;
    }
    let mut lines = text::unbroken(words, width, indent);
    if let Some(first) = lines.first_mut() {
        *first = format!("{head}{}", first.trim_start());
    }
    lines
}

/// One document, described by `docs/schema/doctor.schema.json`.
pub fn json(found: &[Finding], now: DateTime<Utc>) -> String {
    let count = |severity| found.iter().filter(|one| one.severity == severity).count();
    let document = json!({
        "schema": "llmbench.doctor/1",
        "checked_at": time(now),
        "version": env!("CARGO_PKG_VERSION"),
        "fine": !found.iter().any(Finding::is_open),
        "findings": count(Severity::Finding),
        "unknown": count(Severity::Unknown),
        "checks": found.iter().map(check).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn check(one: &Finding) -> Value {
    json!({
        "section": one.section.as_str(),
        "severity": one.severity.as_str(),
        "subject": one.subject,
        "sentence": one.sentence,
        "fix": one.fix,
        "heading": one.heading,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::troubleshooting;
    use crate::output::schema_check::violations;
    use crate::output::snapshots::assert_picture;
    use crate::output::terminal::{Terminal, TerminalEnv};
    use chrono::{FixedOffset, TimeZone};

    fn view(columns: usize, unicode: bool) -> ReportView {
        let wishes = TerminalEnv { columns: Some(columns), no_colour: true, force_colour: false, unicode };
        let zone = FixedOffset::east_opt(0).unwrap();
        ReportView { terminal: Terminal::new(wishes, true, true, None), verbose: true, zone }
    }

    fn found() -> Vec<Finding> {
        let here = FindingSection::Configuration;
        vec![
            Finding::ok(
                here,
                "store",
                "mongodb://db.internal.example:27017 (environment variable MONGODB_URI)",
            ),
            Finding::ok(here, "key of groq", "set (environment variable GROQ_API_KEY)"),
            Finding::note(
                here,
                "key of anthropic",
                "ANTHROPIC_API_KEY is set and wins over ANTHROPIC_AUTH_TOKEN",
            )
            .fix("if that key is stale: `unset ANTHROPIC_API_KEY`"),
            Finding::wrong(
                here,
                "OPENAI_APIKEY",
                "nobody reads this variable; OPENAI_API_KEY is probably meant, and unset",
                "rename it: `export OPENAI_API_KEY=\"$OPENAI_APIKEY\"; unset OPENAI_APIKEY`",
                troubleshooting::LOOK_ALIKE,
            ),
            Finding::ok(
                FindingSection::Providers,
                "groq, the way there",
                "name 2.00 ms, TCP 12.0 ms, TLS 25.0 ms, answer 80.1 ms",
            ),
            Finding::ok(FindingSection::Providers, "groq", "takes the key, and lists 23 models"),
            Finding::wrong(
                FindingSection::Providers,
                "together",
                "refuses the key: HTTP 401: Invalid API key provided\u{1b}[2J, you can find yours in the settings",
                "put a key that is valid for Together AI into TOGETHER_API_KEY, or unset it",
                "auth",
            ),
            Finding::unknown(
                FindingSection::Providers,
                "own-server-with-a-long-name",
                "asking it did not end within 10 s",
            ),
            Finding::ok(FindingSection::Store, "reached", "mongodb://db.internal.example:27017/llm-bench"),
            Finding::ok(FindingSection::State, "undelivered results", "none"),
        ]
    }

    #[test]
    fn what_people_see() {
        for columns in [80, 140] {
            assert_picture(&format!("doctor_{columns}"), &text(&found(), &view(columns, true)));
        }
        let fine: Vec<Finding> = found().into_iter().filter(|one| !one.is_open()).collect();
        assert_picture("doctor_fine_80", &text(&fine, &view(80, true)));
        let brief = ReportView { verbose: false, ..view(80, true) };
        assert_picture("doctor_brief_80", &text(&found(), &brief));
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_and_ascii_is_enough() {
        for columns in 20..160 {
            let picture = text(&found(), &view(columns, false));
            let wide = picture.lines().find(|line| text::width(line) > columns && !line.contains('`'));
            assert_eq!(wide, None, "at {columns} columns");
            assert!(picture.is_ascii() && !picture.contains('\x1b'));
        }
    }

    #[test]
    fn the_document_is_what_its_schema_says() {
        let schema: Value =
            serde_json::from_str(include_str!("../../docs/schema/doctor.schema.json")).unwrap();
        let at = Utc.timestamp_opt(1_790_000_000, 0).unwrap();
        let document: Value = serde_json::from_str(&json(&found(), at)).unwrap();
        assert_eq!(violations(&schema, &document), Vec::<String>::new());
        assert_eq!((&document["fine"], &document["findings"]), (&json!(false), &json!(2)));
    }
}
