//! Formats findings as a notice: the text of a mail and the document of a webhook. Every name is cut and escaped and
//! long lists end in a count, so that neither a hostile list nor a first day makes a notice longer than a few
//! kilobytes.

use super::super::units::{counted, grouped};
use super::{change, stated};
use crate::domain::listing::FactChange;
use crate::domain::notice::{ListingFinding, NoticeKind, NoticeMessage, letter_id};
use crate::output::json::time;
use crate::output::text;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

pub const SCHEMA: &str = "llmbench.catalog.notice/1";

/// Most findings of one kind in a mail.
const IN_MAIL: usize = 25;

/// Most findings of one kind in a webhook's text; people read it between other messages.
const IN_CHAT: usize = 8;

/// Most findings in a webhook's document.
const IN_DOCUMENT: usize = 50;

/// The widest line of a text, in columns.
const WIDEST: usize = 160;

/// The longest text in a document, in characters.
const LONGEST: usize = 300;

/// Builds the notice for these findings, of which there is at least one.
pub fn letter(findings: &[ListingFinding]) -> NoticeMessage {
    let mut sorted: Vec<&ListingFinding> = findings.iter().collect();
    sorted.sort_by(|a, b| (a.kind, &a.model, a.at, &a.fact).cmp(&(b.kind, &b.model, b.at, &b.fact)));
    let subject = format!("llmbench: {}", headline(&sorted));
    let mut text = format!("{}\n", headline(&sorted));
    for (kind, lines) in sections(&sorted, IN_MAIL) {
        text.push_str(&format!("\n{}\n", title(kind)));
        text.extend(lines.iter().map(|line| format!("  {line}\n")));
    }
    text.push_str(FOOT);
    NoticeMessage {
        id: letter_id(findings.iter().map(ListingFinding::fingerprint)),
        subject,
        text,
        document: document(&sorted),
    }
}

/// The last lines of a mail: the commands to run next.
const FOOT: &str = "
Each finding is told once. All that differs now: llmbench catalog diff --wide
To measure new models: llmbench catalog diff --pick
To stop measuring one: llmbench models disable PROVIDER:MODEL_ID --reason TEXT
";

/// The preview that `--dry-run` shows: the recipient and the notice.
pub fn preview(destination: &str, letter: Option<&NoticeMessage>, is_mail: bool) -> String {
    match letter {
        None => format!("{destination}: nothing that it was not told already\n"),
        Some(letter) if is_mail => {
            format!("{destination}:\nSubject: {}\n\n{}", letter.subject, letter.text)
        }
        Some(letter) => format!("{destination}:\n{:#}\n", letter.document),
    }
}

/// For example `2 new models, 1 gone, 3 changes`.
fn headline(findings: &[&ListingFinding]) -> String {
    let count = |kind: NoticeKind| findings.iter().filter(|finding| finding.kind == kind).count();
    let words = NoticeKind::ALL.into_iter().filter(|kind| count(*kind) > 0).map(|kind| match kind {
        NoticeKind::Unlisted => format!("{} measured and not listed", grouped(count(kind) as u64)),
        NoticeKind::New => counted(count(kind) as u64, "new model"),
        NoticeKind::Gone => format!("{} gone", grouped(count(kind) as u64)),
        NoticeKind::Changed => counted(count(kind) as u64, "change"),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn title(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Unlisted => "Measured, and not listed by the provider",
        NoticeKind::New => "New",
        NoticeKind::Gone => "Gone",
        NoticeKind::Changed => "Changed",
    }
}

/// The lines of each kind that occurs, at most `most` of them, and a count of the others.
fn sections(findings: &[&ListingFinding], most: usize) -> Vec<(NoticeKind, Vec<String>)> {
    let section = |kind: NoticeKind| {
        let all: Vec<&&ListingFinding> = findings.iter().filter(|finding| finding.kind == kind).collect();
        let mut lines: Vec<String> = all.iter().take(most).map(|finding| line(finding)).collect();
        if all.len() > most {
            lines.push(format!("and {} more", grouped((all.len() - most) as u64)));
        }
        (kind, lines)
    };
    NoticeKind::ALL.into_iter().map(section).filter(|(_, lines)| !lines.is_empty()).collect()
}

/// One finding on one line, for example `groq:model  context 131,072, $0.11 / $0.34`.
fn line(finding: &ListingFinding) -> String {
    let ListingFinding { kind, model, at, fact, from, to } = finding;
    let words = match kind {
        NoticeKind::New => stated(&serde_json::from_value(to.clone()).unwrap_or_default()),
        NoticeKind::Unlisted | NoticeKind::Gone => {
            at.map_or_else(|| "never listed".to_owned(), |at| format!("last listed {}", minute(at)))
        }
        NoticeKind::Changed => {
            let fact = fact.clone().unwrap_or_default();
            let (from, to) = (from.clone(), to.clone());
            change(&FactChange { at: at.unwrap_or_default(), fact, from, to }, true)
        }
    };
    let gap = if words.is_empty() { "" } else { "  " };
    text::cut(&text::escape(&format!("{model}{gap}{words}")), WIDEST, true)
}

/// Formats a time in UTC, because recipients may be in any time zone.
fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// The document that a webhook receives. Chats that know only `text` show that; programs read the findings.
fn document(findings: &[&ListingFinding]) -> Value {
    let count = |kind: NoticeKind| findings.iter().filter(|finding| finding.kind == kind).count();
    let counts: Map<String, Value> =
        NoticeKind::ALL.into_iter().map(|kind| (kind.as_str().to_owned(), json!(count(kind)))).collect();
    let shown: Vec<Value> = findings.iter().take(IN_DOCUMENT).map(|finding| entry(finding)).collect();
    json!({
        "schema": SCHEMA,
        "text": chat(findings),
        "counts": counts,
        "more": findings.len() - shown.len(),
        "findings": shown,
    })
}

fn entry(finding: &ListingFinding) -> Value {
    let bounded = |value: &Value| match value {
        Value::String(text) => Value::String(shortened(text)),
        other => other.clone(),
    };
    let to = match &finding.to {
        Value::Object(facts) => {
            facts.iter().map(|(name, value)| (name.clone(), bounded(value))).collect::<Map<_, _>>().into()
        }
        other => bounded(other),
    };
    json!({
        "kind": finding.kind.as_str(),
        "provider": shortened(&finding.model.provider),
        "model_id": shortened(&finding.model.model_id),
        "at": finding.at.map(time),
        "fact": finding.fact,
        "from": bounded(&finding.from),
        "to": to,
        "fingerprint": finding.fingerprint(),
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// The text for a chat. Slack reads `<…>` as links and calls (`<!channel>`), so the three characters with a special
/// meaning are escaped in Slack's form.
fn chat(findings: &[&ListingFinding]) -> String {
    let mut lines = vec![format!("llmbench: {}", headline(findings))];
    for (kind, section) in sections(findings, IN_CHAT) {
        lines.push(format!("{}:", title(kind)));
        lines.extend(section.into_iter().map(|line| format!("• {line}")));
    }
    lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;
    use proptest::prelude::*;

    fn finding(kind: NoticeKind, id: &str) -> ListingFinding {
        let changed = kind == NoticeKind::Changed;
        ListingFinding {
            kind,
            model: ModelRef::new("groq", id),
            at: DateTime::from_timestamp_millis(1_795_000_000_000),
            fact: changed.then(|| "context_length".to_owned()),
            from: if changed { json!(8192) } else { Value::Null },
            to: match kind {
                NoticeKind::New => {
                    json!({"context_length": 131_072, "input_price": 0.11, "output_price": 0.34})
                }
                NoticeKind::Changed => json!(131_072),
                _ => Value::Null,
            },
        }
    }

    fn some() -> Vec<ListingFinding> {
        let mut findings: Vec<ListingFinding> =
            NoticeKind::ALL.into_iter().map(|kind| finding(kind, kind.as_str())).collect();
        findings.push(finding(NoticeKind::New, "evil\r\nBcc: eve@example.com\u{1b}[2J <!channel> & co"));
        findings.push(ListingFinding { at: None, ..finding(NoticeKind::Unlisted, "never") });
        findings.reverse();
        findings
    }

    fn assert_picture(name: &str, picture: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../../../tests/snapshots");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, picture));
    }

    #[test]
    fn what_people_and_programs_get() {
        let letter = letter(&some());
        assert_picture("notice_mail", &preview("mail to ann@example.com", Some(&letter), true));
        assert_picture("notice_webhook", &preview("the webhook at hooks.example.com", Some(&letter), false));
    }

    #[test]
    fn no_name_forges_a_line_or_calls_a_channel() {
        let letter = letter(&some());
        assert_eq!(letter.text.lines().count(), 19, "{}", letter.text);
        assert!(!letter.subject.contains(char::is_control) && !letter.text.contains('\u{1b}'));
        assert!(!letter.document["text"].as_str().unwrap().contains("<!channel>"));
        assert_eq!(letter.id, super::letter(&some().into_iter().rev().collect::<Vec<_>>()).id);
    }

    #[test]
    fn long_lists_end_in_a_count() {
        let many: Vec<ListingFinding> = (0..700)
            .map(|number| {
                finding(NoticeKind::ALL[number % 4], &format!("{number:03}{}", "x".repeat(100_000)))
            })
            .collect();
        let letter = letter(&many);
        assert!(letter.text.contains("and 150 more") && letter.text.len() < 20_000, "{}", letter.text.len());
        let document = letter.document.to_string();
        assert!(document.len() < 60_000, "{}", document.len());
        assert_eq!((&letter.document["more"], &letter.document["counts"]["new"]), (&json!(650), &json!(175)));
        assert!(letter.document["text"].as_str().unwrap().len() < 8_000);
    }

    proptest! {
        #[test]
        fn a_subject_is_one_line_whatever_the_names(ids in prop::collection::vec(any::<String>(), 1..6)) {
            let findings: Vec<ListingFinding> = ids.iter().map(|id| finding(NoticeKind::New, id)).collect();
            let letter = letter(&findings);
            prop_assert!(!letter.subject.contains(char::is_control));
            prop_assert_eq!(letter.text.lines().count(), 7 + ids.len());
        }
    }
}
