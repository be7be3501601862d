//! Formats changes of series as a notice: the text of a mail and the document of a webhook. One message holds everything
//! that is new for its destination, grouped by what it is about: a provider, single models, the path or the host of a
//! runner, what is over. Names are cut and escaped and long lists end in a count.
//!
//! What one runner alone sees is grouped under that runner, and neither subject nor heading names a provider for it.

mod document;
mod lines;
#[cfg(test)]
mod tests;

use super::text;
use super::units::{counted, grouped};
use crate::domain::notice::{ChangeMoment, ChangeNotice, NoticeMessage, ToldChange, letter_id};
use crate::domain::series_change::{ChangeScope, SeriesChange};
use lines::Movement;
pub use lines::level as level_words;
use std::collections::{BTreeMap, BTreeSet};

/// Most changes of one group in a mail.
const IN_MAIL: usize = 25;

/// Most changes of one group in a webhook's text; people read it between other messages.
const IN_CHAT: usize = 6;

/// The widest subject, in columns.
const WIDEST: usize = 160;

/// The changes of some notices, as they are now. One whose beginning and end are both to be told is told as ended, unless it
/// came back after that. Notices whose change is no longer known are left out, and ends that did not hold.
pub fn told<'a>(notices: &[&ChangeNotice], known: &'a [SeriesChange]) -> Vec<ToldChange<'a>> {
    let by_id: BTreeMap<&str, &SeriesChange> =
        known.iter().map(|change| (change.id.as_str(), change)).collect();
    let mut last: BTreeMap<&str, (u32, ChangeMoment)> = BTreeMap::new();
    for notice in notices {
        let order = last.entry(&notice.change_id).or_insert(notice.order());
        *order = (*order).max(notice.order());
    }
    let told = last.into_iter().filter_map(|(id, (_, moment))| {
        let change = *by_id.get(id)?;
        let holds = moment == ChangeMoment::Began || change.ended.is_some();
        holds.then_some(ToldChange { moment, change })
    });
    told.collect()
}

/// Builds the message for these changes, of which there is at least one. `fingerprints` are those of all notices that it
/// settles.
pub fn letter(told: &[ToldChange<'_>], fingerprints: impl IntoIterator<Item = String>) -> NoticeMessage {
    let groups = groups(told);
    let headline = headline(&groups);
    let mut text = format!("{headline}\n");
    for (group, changes) in &groups {
        text.push_str(&format!("\n{}\n", group.title(changes)));
        for told in changes.iter().take(IN_MAIL) {
            text.extend(lines::in_mail(*told).iter().map(|line| format!("  {line}\n")));
        }
        if changes.len() > IN_MAIL {
            text.push_str(&format!("  and {} more\n", grouped((changes.len() - IN_MAIL) as u64)));
        }
    }
    text.push_str(FOOT);
    NoticeMessage {
        id: letter_id(fingerprints),
        subject: text::cut(&format!("llmbench: {headline}"), WIDEST, true),
        text,
        document: document::document(told, &chat(&headline, &groups)),
    }
}

/// The last lines of a mail: the commands to run next.
const FOOT: &str = "
Each change is told once, and once more when it is over; one that comes back is told again. Times are UTC.
All of them: llmbench results changes
The figures behind one: llmbench results changes --explain ID
To say that somebody looks after it: llmbench results changes ack ID --note TEXT
";

/// What changes of one group have in common, in the order in which groups are told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum ChangeGroup {
    /// Several models of a provider at once.
    Provider(String),
    /// Models alone.
    Models,
    /// The path from a runner; `None` for the runner without a name.
    Path(Option<String>),
    /// Everything that a runner measures.
    Runner(Option<String>),
    /// What is over.
    Over,
}

type GroupedChanges<'a> = BTreeMap<ChangeGroup, Vec<ToldChange<'a>>>;

fn groups<'a>(told: &[ToldChange<'a>]) -> GroupedChanges<'a> {
    let mut groups = GroupedChanges::new();
    for told in told {
        let series = &told.change.series;
        let group = match (told.moment, told.change.scope) {
            (ChangeMoment::Ended, _) => ChangeGroup::Over,
            (_, ChangeScope::Provider) => ChangeGroup::Provider(series.model.provider.clone()),
            (_, ChangeScope::Model) => ChangeGroup::Models,
            (_, ChangeScope::Path) => ChangeGroup::Path(series.runner.clone()),
            (_, ChangeScope::Runner) => ChangeGroup::Runner(series.runner.clone()),
        };
        groups.entry(group).or_default().push(*told);
    }
    for changes in groups.values_mut() {
        changes.sort_by(|a, b| {
            let key = |told: &ToldChange<'_>| (told.change.series.clone(), told.change.id.clone());
            key(a).cmp(&key(b))
        });
    }
    groups
}

impl ChangeGroup {
    fn title(&self, changes: &[ToldChange<'_>]) -> String {
        match self {
            ChangeGroup::Provider(provider) => {
                format!("{}: {} at once", text::escape(provider), counted(models(changes) as u64, "model"))
            }
            ChangeGroup::Models => "Single models".to_owned(),
            ChangeGroup::Path(runner) => {
                format!("The path from {}: other runners do not see it", runner_name(runner.as_deref()))
            }
            ChangeGroup::Runner(runner) => {
                format!(
                    "Everything that {} measures: its host or its network",
                    runner_name(runner.as_deref())
                )
            }
            ChangeGroup::Over => "Over".to_owned(),
        }
    }

    /// What a subject says of it.
    fn words(&self, changes: &[ToldChange<'_>]) -> String {
        let is_back = changes.iter().all(|told| told.change.returned.is_some());
        let moved = Movement::of_all(changes).as_str();
        let moved = if is_back { format!("{moved} again") } else { moved.to_owned() };
        let series = || counted(changes.len() as u64, "series").replace("serieses", "series");
        match self {
            ChangeGroup::Provider(provider) => {
                let models = counted(models(changes) as u64, "model");
                format!("{} {moved} ({models})", text::escape(provider))
            }
            ChangeGroup::Models => match changes {
                [one] => format!("{} {moved}", text::escape(&one.change.series.model.to_string())),
                several => {
                    format!("{} {moved}", counted(models(several) as u64, "model"))
                }
            },
            ChangeGroup::Path(runner) => {
                format!("the path from {} {moved} ({})", runner_name(runner.as_deref()), series())
            }
            ChangeGroup::Runner(runner) => {
                format!("all that {} measures {moved} ({})", runner_name(runner.as_deref()), series())
            }
            ChangeGroup::Over => format!("{} over", grouped(changes.len() as u64)),
        }
    }
}

fn models(changes: &[ToldChange<'_>]) -> usize {
    changes.iter().map(|told| &told.change.series.model).collect::<BTreeSet<_>>().len()
}

fn runner_name(runner: Option<&str>) -> String {
    runner.map_or_else(|| "the runner without a name".to_owned(), text::escape)
}

/// For example `groq slower (4 models), the path from eu-1 slower (2 series), 1 over`.
fn headline(groups: &GroupedChanges<'_>) -> String {
    groups.iter().map(|(group, changes)| group.words(changes)).collect::<Vec<_>>().join(", ")
}

/// The text for a chat. Slack reads `<…>` as links and calls (`<!channel>`), so the three characters with a special
/// meaning are escaped in Slack's form.
fn chat(headline: &str, groups: &GroupedChanges<'_>) -> String {
    let mut all = vec![format!("llmbench: {headline}")];
    for (group, changes) in groups {
        all.push(format!("{}:", group.title(changes)));
        all.extend(changes.iter().take(IN_CHAT).map(|told| format!("• {}", lines::in_chat(*told))));
        if changes.len() > IN_CHAT {
            all.push(format!("• and {} more", grouped((changes.len() - IN_CHAT) as u64)));
        }
    }
    all.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
