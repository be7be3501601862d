//! Tells of changes of series while a daemon or a bridge runs: by mail and webhook, in the log, and to monitors. Looks at
//! the changes in the store and not at who found them, so it does not matter which process did. Several processes share
//! the telling as they share that of lists: a notice is held by one sender, and one log has it.

use crate::commands::context::Context;
use crate::commands::notices::{self, DeliveryReport, NoticeBatch};
use crate::domain::notice::{ChangeNotice, NoticeItem, NoticeTopic, ToldChange};
use crate::domain::series_change::SeriesChange;
use crate::measure::change_cause::waits_for_others;
use crate::notify::NotifyConfig;
use crate::output::change_letter;
use crate::storage::notices::{NoticeHold, SendOutcome};
use crate::storage::series_changes::ChangeFilter;
use crate::storage::{Store, StoreError};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Interval of the looks, unless the schedule's ticks are short. Blocks of time that changes are found in have 3 hours.
const LOOK: Duration = Duration::from_secs(300);

/// Ticks of the schedule between two looks.
const LOOK_TICKS: u32 = 30;

/// Greatest age of news. What a store that is filled in finds in its past is shown by `results changes`, and not told.
const NEWS: TimeDelta = TimeDelta::days(7);

/// Days after an end in which it may become certain: what the detector looks back at, and the age of its baseline. Stores
/// do not keep when it did, so an end is news for as much longer; its fingerprint keeps it from being told twice.
const END_CERTAIN: TimeDelta = TimeDelta::days(18);

/// Changes that began earlier are not read: a level of two months is the usual one, and the end of an older change is no
/// news, or nearly so. Stores find the others along an index.
const READ: TimeDelta = TimeDelta::days(60);

/// Looks in which more changes may come before all are told: those of one block of time are found within minutes.
const MOST_GATHERING: u32 = 4;

/// Pause after a sending that failed.
const AGAIN: Duration = Duration::from_secs(3600);

/// The place of the log among those to which changes are told.
const LOG: &str = "log";

/// Time for which the log holds a notice.
const LOG_HOLD: TimeDelta = TimeDelta::minutes(1);

/// The task, and what else its process does with changes.
pub struct ChangeTeller {
    pub context: Arc<Context>,
    /// Logs one that no process of the store has logged.
    pub log: Box<dyn Fn(ToldChange<'_>) + Send + Sync>,
    /// Takes the changes that are open, the newest first, at each look.
    pub open: Box<dyn Fn(Vec<SeriesChange>) + Send + Sync>,
    /// Gives up sendings.
    pub stop: CancellationToken,
}

impl ChangeTeller {
    /// Runs until its task is aborted. `store` gives the store, or why there is none.
    pub async fn run<F>(self, store: impl Fn() -> F)
    where
        F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
    {
        let pause = self.context.settings.daemon_config.tick.saturating_mul(LOOK_TICKS).min(LOOK);
        let mut gathering = Gathering::default();
        loop {
            sleep(pause).await;
            // Who looks for changes says that the store does not answer.
            let Ok(store) = store().await else { continue };
            if let Err(error) = self.look(&store, &mut gathering).await {
                warn!("changes of series could not be told: {error}");
            }
        }
    }

    /// Reads the changes, gives monitors those that are open, and tells what is new once no more come.
    async fn look(&self, store: &Arc<dyn Store>, gathering: &mut Gathering) -> Result<(), StoreError> {
        let now = Utc::now();
        let filter = ChangeFilter { began_since: Some(now - READ), ..ChangeFilter::default() };
        let changes = store.series_changes(&filter).await?;
        let open = changes.iter().filter(|change| change.is_open(now)).cloned().collect();
        (self.open)(open);
        let (news, all) = (news(&changes, now), for_the_log(&changes, now));
        if !gathering.is_due(&all, Instant::now()) {
            return Ok(());
        }
        self.tell_log(store, &all, &changes).await?;
        let done = self.tell(store, news, changes).await;
        gathering.ended(done, Instant::now());
        Ok(())
    }

    /// Logs what no process of this store has logged.
    async fn tell_log(
        &self,
        store: &Arc<dyn Store>,
        news: &[NoticeItem],
        changes: &[SeriesChange],
    ) -> Result<(), StoreError> {
        let (place, now) = (NoticeTopic::Changes.place(LOG), Utc::now().trunc_subsecs(3));
        let hold = NoticeHold { id: ulid::Ulid::generate().to_string(), at: now, until: now + LOG_HOLD };
        store.note_items(&place, news, now).await?;
        let claimed = store.claim_notices(&place, &hold).await?.items;
        if claimed.is_empty() {
            return Ok(());
        }
        let mut changes = changes.to_vec();
        add_missing(&**store, &claimed, &mut changes).await?;
        let notices: Vec<&ChangeNotice> = claimed.iter().filter_map(NoticeItem::change).collect();
        for told in change_letter::told(&notices, &changes) {
            (self.log)(told);
        }
        store.settle_notices(&place, &hold.id, now, &SendOutcome::Taken).await
    }

    /// Sends news to the configured destinations; true if nothing is left to send.
    async fn tell(
        &self,
        store: &Arc<dyn Store>,
        news: Vec<NoticeItem>,
        mut changes: Vec<SeriesChange>,
    ) -> bool {
        let notify = match notices::if_configured(&self.context) {
            Ok(Some(notify)) => notify,
            Ok(None) => return true,
            Err(error) => {
                warn!(error = error.message, "nobody can be told of changes of series");
                return false;
            }
        };
        if let Err(error) = add_waiting(&**store, &notify, &mut changes).await {
            warn!("changes of series could not be told: {error}");
            return false;
        }
        let batch = batch(news, changes);
        let told = match notices::tell(&notify, batch, &self.context, store, &self.stop).await {
            Ok(told) => told,
            Err(error) => {
                warn!(error = error.message, "nobody could be told of changes of series");
                return false;
            }
        };
        for one in &told {
            let (destination, notices) = (one.destination.as_str(), one.items);
            match &one.refused {
                Some(error) => warn!(destination, notices, error, "notices are kept, and sent in an hour"),
                None if notices > 0 => info!(destination, notices, "told of changes of series"),
                None => {}
            }
        }
        told.iter().all(DeliveryReport::is_done)
    }
}

/// Adds the changes of notices that wait for a destination which did not take them: these may wait for longer than changes
/// are read.
async fn add_waiting(
    store: &dyn Store,
    notify: &NotifyConfig,
    changes: &mut Vec<SeriesChange>,
) -> Result<(), StoreError> {
    for destination in notify.destinations() {
        let place = NoticeTopic::Changes.place(&destination.name());
        let noted = store.notices(&place).await?;
        let waiting: Vec<NoticeItem> =
            noted.into_iter().filter(|notice| notice.sent_at.is_none()).map(|notice| notice.item).collect();
        add_missing(store, &waiting, changes).await?;
    }
    Ok(())
}

/// Adds the changes of these notices that are not among `changes`, as far as they are still stored.
async fn add_missing(
    store: &dyn Store,
    items: &[NoticeItem],
    changes: &mut Vec<SeriesChange>,
) -> Result<(), StoreError> {
    let named = items.iter().filter_map(NoticeItem::change).map(|notice| &notice.change_id);
    let missing: BTreeSet<String> =
        named.filter(|id| !changes.iter().any(|change| change.id == **id)).cloned().collect();
    for id in missing {
        let found = store.series_change(&id).await?;
        changes.extend(found);
    }
    Ok(())
}

/// The notices with the words for them: of each change what is known now.
pub fn batch(items: Vec<NoticeItem>, changes: Vec<SeriesChange>) -> NoticeBatch {
    let letter = Arc::new(move |items: &[NoticeItem]| {
        let notices: Vec<&ChangeNotice> = items.iter().filter_map(NoticeItem::change).collect();
        let told = change_letter::told(&notices, &changes);
        // What is no longer stored has nothing that could be said of it.
        (!told.is_empty()).then(|| change_letter::letter(&told, items.iter().map(NoticeItem::fingerprint)))
    });
    NoticeBatch { topic: NoticeTopic::Changes, items, letter }
}

/// What is to be told: beginnings and returns of changes that are open and that nobody has acknowledged, and ends.
pub fn news(changes: &[SeriesChange], now: DateTime<Utc>) -> Vec<NoticeItem> {
    let since = |change: &SeriesChange| change.returned.map_or(change.noticed_at, |returned| returned.at);
    let fresh = changes.iter().filter(|change| change.ended.is_some() || now - since(change) <= NEWS);
    fresh.filter_map(|change| notice(change, now)).map(NoticeItem::Change).collect()
}

/// What the log has: the same, and what is open whenever it began.
fn for_the_log(changes: &[SeriesChange], now: DateTime<Utc>) -> Vec<NoticeItem> {
    changes.iter().filter_map(|change| notice(change, now)).map(NoticeItem::Change).collect()
}

fn notice(change: &SeriesChange, now: DateTime<Utc>) -> Option<ChangeNotice> {
    match &change.ended {
        Some(ended) if now - ended.latest <= NEWS + END_CERTAIN => ChangeNotice::ended(change),
        None if is_seen(change) || waits_for_others(change, now) => None,
        None => Some(ChangeNotice::began(change)),
        Some(_) => None,
    }
}

/// True if somebody has seen what is open now: who saw a change before it was over did not see it come back.
fn is_seen(change: &SeriesChange) -> bool {
    let Some(seen) = &change.acknowledged else { return false };
    change.returned.is_none_or(|returned| seen.at >= returned.at)
}

/// Waits until no more changes come, so that those of one provider are one letter, and after a failure.
#[derive(Debug, Default)]
struct Gathering {
    /// Fingerprints of the last look.
    seen: BTreeSet<String>,
    /// Those of the last sending after which nothing was left.
    told: Option<BTreeSet<String>>,
    /// Looks since something new came.
    waited: u32,
    failed_at: Option<Instant>,
}

impl Gathering {
    /// True if what is known should be sent now.
    fn is_due(&mut self, news: &[NoticeItem], now: Instant) -> bool {
        let prints: BTreeSet<String> = news.iter().map(NoticeItem::fingerprint).collect();
        let more = !prints.is_subset(&self.seen);
        self.seen = prints;
        // Before the first sending there may be notices that another process could not send.
        let is_new = self.told.as_ref().is_none_or(|told| !self.seen.is_subset(told));
        let again = self.failed_at.is_some_and(|at| now.duration_since(at) >= AGAIN);
        if !is_new && !again {
            self.waited = 0;
            return false;
        }
        if more && self.waited < MOST_GATHERING {
            self.waited += 1;
            return false;
        }
        true
    }

    fn ended(&mut self, done: bool, now: Instant) {
        self.waited = 0;
        self.failed_at = (!done).then_some(now);
        // What could not be sent is known too: only something newer is sent before the hour is over.
        self.told = Some(self.seen.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;
    use crate::domain::interval::Interval;
    use crate::domain::notice::ChangeMoment;
    use crate::domain::series_change::{
        Acknowledgement, ChangeCause, ChangeReturn, ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries,
        WatchedFigure,
    };

    fn now() -> DateTime<Utc> {
        "2026-12-08T12:00:00Z".parse().unwrap()
    }

    fn change(id: &str, days_ago: i64) -> SeriesChange {
        let at = now() - TimeDelta::days(days_ago);
        let model = ModelRef::new("groq", "m");
        SeriesChange {
            id: id.to_owned(),
            series: MeasuredSeries { model, runner: None, profile: None, connection: None },
            level: ChangedLevel::Figure {
                figure: WatchedFigure::Ttft,
                before: 1.0,
                after: 1.3,
                ratio: Interval { low: 1.2, high: 1.4 },
            },
            began: EstimatedTime { at, earliest: at, latest: at },
            noticed_at: at + TimeDelta::days(1),
            ended: None,
            scope: ChangeScope::Model,
            cause: ChangeCause::NothingElse,
            cause_line: String::new(),
            acknowledged: None,
            returned: None,
            confirmed: None,
        }
    }

    fn told(change: &SeriesChange) -> Vec<ChangeMoment> {
        let news = news(std::slice::from_ref(change), now());
        news.iter().filter_map(NoticeItem::change).map(|notice| notice.moment).collect()
    }

    #[test]
    fn the_newly_begun_and_the_newly_over_are_news() {
        let (young, old) = (change("1", 3), change("2", 30));
        assert_eq!((told(&young), told(&old)), (vec![ChangeMoment::Began], vec![]));
        let over = |days_ago: i64| {
            let at = now() - TimeDelta::days(days_ago);
            Some(EstimatedTime { at, earliest: at, latest: at })
        };
        assert_eq!(told(&SeriesChange { ended: over(2), ..old.clone() }), [ChangeMoment::Ended]);
        let late = SeriesChange { ended: over(24), ..old.clone() };
        assert_eq!(told(&late), [ChangeMoment::Ended], "it may have become certain this week");
        assert_eq!(told(&SeriesChange { ended: over(26), ..old.clone() }), []);
        assert_eq!(told(&SeriesChange { ended: over(1), ..young.clone() }), [ChangeMoment::Ended]);
        let seen = Some(Acknowledgement { at: now(), who: "ann".to_owned(), note: None });
        assert_eq!(told(&SeriesChange { acknowledged: seen.clone(), ..young.clone() }), []);
        let both = SeriesChange { acknowledged: seen, ended: over(1), ..young };
        assert_eq!(told(&both), [ChangeMoment::Ended], "its end is told to everybody");
    }

    #[test]
    fn each_return_is_news_once_until_somebody_has_seen_it() {
        let at = |days_ago: i64| now() - TimeDelta::days(days_ago);
        let seen =
            |days_ago: i64| Some(Acknowledgement { at: at(days_ago), who: "ann".to_owned(), note: None });
        let back = |times: u32, days_ago: i64| Some(ChangeReturn { times, at: at(days_ago) });
        let old = SeriesChange { acknowledged: seen(15), returned: back(1, 2), ..change("1", 20) };
        assert_eq!(told(&old), [ChangeMoment::Began]);
        assert_eq!(told(&SeriesChange { acknowledged: seen(1), ..old.clone() }), []);
        assert_eq!(told(&SeriesChange { returned: back(1, 9), ..old.clone() }), [], "it is no news any more");
        let fingerprint = |change: &SeriesChange| news(std::slice::from_ref(change), now())[0].fingerprint();
        let twice = SeriesChange { returned: back(2, 1), ..old.clone() };
        assert_ne!(fingerprint(&old), fingerprint(&twice));
        let moment = EstimatedTime { at: at(1), earliest: at(1), latest: at(1) };
        let ends = [&old, &twice].map(|one| SeriesChange { ended: Some(moment), ..one.clone() });
        let first = SeriesChange { returned: None, ..ends[0].clone() };
        let prints = [fingerprint(&first), fingerprint(&ends[0]), fingerprint(&ends[1])];
        assert!(prints[0] != prints[1] && prints[1] != prints[2], "each has an end");
    }

    #[test]
    fn a_provider_is_told_when_another_runner_confirms_it_or_after_three_days() {
        let waits = SeriesChange { confirmed: Some(false), noticed_at: now(), ..change("1", 1) };
        assert_eq!((told(&waits), for_the_log(std::slice::from_ref(&waits), now())), (vec![], vec![]));
        assert_eq!(told(&SeriesChange { confirmed: Some(true), ..waits.clone() }), [ChangeMoment::Began]);
        assert_eq!(told(&SeriesChange { scope: ChangeScope::Path, ..waits.clone() }), [ChangeMoment::Began]);
        let late = SeriesChange { noticed_at: now() - TimeDelta::hours(72), ..waits };
        assert_eq!(told(&late), [ChangeMoment::Began]);
    }

    /// Whether each look sends, by the numbers of changes that it finds.
    fn looks(gathering: &mut Gathering, found: &[i64], at: Instant, done: bool) -> Vec<bool> {
        let look = |count: &i64| {
            let changes: Vec<SeriesChange> = (0..*count).map(|id| change(&id.to_string(), 1)).collect();
            let due = gathering.is_due(&news(&changes, now()), at);
            if due {
                gathering.ended(done, at);
            }
            due
        };
        found.iter().map(look).collect()
    }

    #[test]
    fn changes_of_one_block_are_told_together_and_once() {
        let (mut gathering, at) = (Gathering::default(), Instant::now());
        let sent = looks(&mut gathering, &[0, 1, 3, 3, 3, 4, 4, 4], at, true);
        assert_eq!(sent, [true, false, false, true, false, false, true, false]);
        let flood: Vec<i64> = (5..17).collect();
        let sent = looks(&mut gathering, &flood, at, true);
        assert_eq!(
            sent.iter().position(|sent| *sent),
            Some(MOST_GATHERING as usize),
            "a flood is not waited for without end"
        );
    }

    #[test]
    fn what_was_not_taken_is_sent_in_an_hour_or_with_the_next_news() {
        let (mut gathering, at) = (Gathering::default(), Instant::now());
        assert_eq!(looks(&mut gathering, &[2, 2, 2, 2], at, false), [false, true, false, false]);
        assert_eq!(looks(&mut gathering, &[3, 3, 3], at, false), [false, true, false]);
        assert_eq!(looks(&mut gathering, &[3], at + AGAIN, true), [true]);
        assert_eq!(looks(&mut gathering, &[3, 3], at + AGAIN * 2, true), [false, false]);
    }
}
