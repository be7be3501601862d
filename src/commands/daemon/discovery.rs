//! Reads providers' lists once a day while a daemon runs, and sends news to the configured destinations. Several
//! daemons share the work through the store: a list that another one has read since the day's moment is not read
//! again, and findings are held by one sender at a time. One list after the other, off the measuring thread, so that
//! no lane waits for it.

use crate::commands::catalog::{StoredListings, notify, sync};
use crate::commands::context::Context;
use crate::commands::notices::{self, DeliveryReport};
use crate::commands::run::access::SIMULATOR;
use crate::daemon::owner_id;
use crate::daemon::store_handle::StoreHandle;
use crate::domain::listing::ReadRow;
use crate::listings::diff::{ABSENT_READS, DiffInput, diff};
use crate::listings::findings::findings;
use crate::providers::hosts::Host;
use crate::storage::Store;
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Interval of the checks for due work.
const LOOK: Duration = Duration::from_secs(60);
/// Greatest delay of a daemon's first check, in ticks; it is random, so that daemons that start together
/// do not check together.
const FIRST_TICKS: f64 = 6.0;
/// Delay after a list that could not be read whole, or a failed sending.
const AGAIN: TimeDelta = TimeDelta::hours(1);
/// Time for which a list is left to the daemon that began to read it.
const READING: Duration = Duration::from_secs(600);
/// Greatest age of news: findings that were sent are not sent again.
const NEWS: TimeDelta = TimeDelta::days(7);

/// Reads lists each day at `at` (UTC), and at once if the last such moment was missed. Runs until its task is ended.
pub async fn run(
    context: Arc<Context>,
    store_handle: Arc<StoreHandle>,
    at: NaiveTime,
    stop: CancellationToken,
) {
    let first = context.settings.daemon_config.tick.as_secs_f64() * rand::random_range(0.1..FIRST_TICKS);
    sleep(Duration::from_secs_f64(first).min(LOOK)).await;
    let owner = owner_id::unique();
    let (mut done, mut told_at) = (None, None::<Instant>);
    let mut untold = false;
    loop {
        let moment = latest(at, Utc::now());
        if done != Some(moment)
            && let Ok(store) = store_handle.store().await
        {
            let (read, left) = round(&context, &store, moment, &owner).await;
            (untold, told_at) = if read > 0 { (true, None) } else { (untold, told_at) };
            done = (left == 0).then_some(moment);
        }
        let again = AGAIN.to_std().unwrap_or_default();
        if untold
            && told_at.is_none_or(|at| at.elapsed() >= again)
            && let Ok(store) = store_handle.store().await
        {
            untold = !tell(&context, &store, &stop).await;
            told_at = Some(Instant::now());
        }
        sleep(LOOK).await;
    }
}

/// The last occurrence of the day's moment.
fn latest(at: NaiveTime, now: DateTime<Utc>) -> DateTime<Utc> {
    let today = now.date_naive().and_time(at).and_utc();
    if today <= now { today } else { today.checked_sub_days(Days::new(1)).unwrap_or(today) }
}

/// The decision about a provider's list.
#[derive(Debug, PartialEq, Eq)]
enum DiscoveryDecision {
    /// It was read whole since the moment.
    Done,
    /// It failed lately and is retried later.
    Later,
    /// It is read now.
    Now,
}

fn due(reads: &[ReadRow], provider: &str, moment: DateTime<Utc>, now: DateTime<Utc>) -> DiscoveryDecision {
    let since = || reads.iter().filter(|read| read.provider == provider && read.started_at >= moment);
    if since().any(|read| read.complete) {
        DiscoveryDecision::Done
    } else if since().any(|read| now - read.finished_at < AGAIN) {
        DiscoveryDecision::Later
    } else {
        DiscoveryDecision::Now
    }
}

/// Reads the lists that are due. Returns the numbers of lists read and still to be read.
async fn round(
    context: &Arc<Context>,
    store: &Arc<dyn Store>,
    moment: DateTime<Utc>,
    owner: &str,
) -> (usize, usize) {
    let (mut read, mut left) = (0, 0);
    for host in hosts(context) {
        // Checked before each: another daemon may have read it meanwhile.
        let Ok(reads) = store.list_reads(Some(&host.name)).await else { return (read, left + 1) };
        match due(&reads, &host.name, moment, Utc::now()) {
            DiscoveryDecision::Done => {}
            DiscoveryDecision::Later => left += 1,
            DiscoveryDecision::Now => {
                match store.take_chore(&format!("list:{}", host.name), owner, READING).await {
                    Ok(true) => {
                        read += 1;
                        left += usize::from(!one(context, store, host).await);
                    }
                    // Another daemon reads it at this moment, or the store is not available.
                    Ok(false) | Err(_) => left += 1,
                }
            }
        }
    }
    (read, left)
}

/// This daemon's providers that the settings select.
fn hosts(context: &Context) -> Vec<Host> {
    let settings = &context.settings;
    let mine = |host: &&Host| host.name != SIMULATOR && settings.daemon_config.covers(&host.name);
    settings.hosts.iter().filter(mine).filter(|host| settings.is_configured(host)).cloned().collect()
}

/// Reads one list; true if it was read whole and stored.
async fn one(context: &Arc<Context>, store: &Arc<dyn Store>, host: Host) -> bool {
    let provider = host.name.clone();
    let synced = sync::apart(host, Arc::clone(context), Arc::clone(store)).await;
    for note in synced.iter().flat_map(|synced| &synced.notes) {
        warn!(provider, note, "list read, but not all beside it");
    }
    match synced {
        Ok(synced) if synced.is_whole() => {
            let (models, new) =
                (synced.listing.models.len(), synced.kept.as_ref().map_or(0, |kept| kept.new));
            info!(provider, models, new, "list read");
            true
        }
        Ok(synced) => {
            warn!(provider, error = synced.trouble().unwrap_or("no reason is known"), "list not read whole");
            false
        }
        Err(error) => {
            warn!(provider, error = error.message, "list not read");
            false
        }
    }
}

/// Sends news to the configured destinations; true if nothing is left to send.
async fn tell(context: &Context, store: &Arc<dyn Store>, stop: &CancellationToken) -> bool {
    let notify = match notices::if_configured(context) {
        Ok(Some(notify)) => notify,
        Ok(None) => return true,
        Err(error) => {
            warn!(error = error.message, "nobody can be told what is new in lists");
            return false;
        }
    };
    let told = async {
        let known = StoredListings::load(&**store, &[]).await?;
        let found = diff(&DiffInput {
            rows: &known.rows,
            reads: &known.reads,
            measured: &known.measured,
            since: Utc::now() - NEWS,
            absent_reads: ABSENT_READS,
        });
        notify::tell(&notify, &findings(&found), context, store, stop).await
    };
    let told = match told.await {
        Ok(told) => told,
        Err(error) => {
            warn!(error = error.message, "nobody could be told what is new in lists");
            return false;
        }
    };
    for one in &told {
        let (destination, findings) = (one.destination.as_str(), one.items);
        match &one.refused {
            Some(error) => warn!(destination, findings, error, "findings are kept, and sent in an hour"),
            None if findings > 0 => info!(destination, findings, "told what is new in lists"),
            None => {}
        }
    }
    told.iter().all(DeliveryReport::is_done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_days_moment_is_todays_or_yesterdays() {
        let seven = NaiveTime::from_hms_opt(7, 0, 0).unwrap();
        for (now, expected) in [
            ("2026-11-20T06:59:59Z", "2026-11-19T07:00:00Z"),
            ("2026-11-20T07:00:00Z", "2026-11-20T07:00:00Z"),
            ("2026-11-21T00:00:00Z", "2026-11-20T07:00:00Z"),
        ] {
            assert_eq!(latest(seven, at(now)), at(expected));
        }
    }

    #[test]
    fn a_list_is_read_once_a_day_whoever_does_it_and_again_after_a_failure() {
        let moment = at("2026-11-20T07:00:00Z");
        let read = |started: &str, complete| ReadRow {
            provider: "groq".to_owned(),
            started_at: at(started),
            finished_at: at(started),
            complete,
            error: None,
        };
        let now = at("2026-11-20T09:00:00Z");
        let due = |reads: &[ReadRow]| due(reads, "groq", moment, now);
        assert_eq!(due(&[]), DiscoveryDecision::Now);
        assert_eq!(due(&[read("2026-11-20T06:59:00Z", true)]), DiscoveryDecision::Now);
        assert_eq!(due(&[read("2026-11-20T07:00:01Z", true)]), DiscoveryDecision::Done);
        assert_eq!(due(&[read("2026-11-20T07:30:00Z", false)]), DiscoveryDecision::Now);
        assert_eq!(due(&[read("2026-11-20T08:30:00Z", false)]), DiscoveryDecision::Later);
        assert_eq!(
            due(&[read("2026-11-20T08:30:00Z", false), read("2026-11-20T08:40:00Z", true)]),
            DiscoveryDecision::Done
        );
    }
}
