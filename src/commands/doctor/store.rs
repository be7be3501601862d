//! Checks the store: it is reached, its version works, rights, indexes and rows are as they should be, and its clock
//! agrees with this one. Facts come from `storage::InspectStore`; nothing is changed.

use super::deadline::bounded;
use super::{bridge, cached_input};
use crate::commands::context::Context;
use crate::domain::clock_offset::ClockOffset;
use crate::domain::finding::{Finding, FindingSection};
use crate::domain::{CachedInput, ModelRef, troubleshooting};
use crate::output::advice::quoted;
use crate::storage::catalog::{CatalogEntry, Figures, ModelScope};
use crate::storage::inspect::{IndexFault, MissingRight, OddFieldReport, StoreInfo, StoreRights};
use crate::storage::{self, Store, StoreError, StoreLocation};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

const HERE: FindingSection = FindingSection::Store;

/// The tolerated difference of clocks, in seconds; beyond it rows get dates at which readers do not look.
pub const CLOCK_LIMIT: f64 = 2.0;

/// An answer, or the reason why there is none.
pub type QueryResult<T> = Result<T, String>;

/// The result of checking the store.
pub enum StoreCheck {
    /// No store is configured; the section of configuration reports it.
    Nowhere,
    /// The file does not exist: nothing was stored yet.
    NotYet(PathBuf),
    Closed(StoreError),
    /// The store did not open before the deadline.
    Late(String),
    Open(Box<StoreInspection>),
    /// The store is behind a bridge, which was checked.
    Bridge(Box<bridge::BridgeCheck>),
}

/// The facts about an open store, one query each.
pub struct StoreInspection {
    /// The store's description, without secrets.
    pub described: String,
    /// True if the store is one file.
    pub is_file: bool,
    /// Version, layout and clock.
    pub facts: QueryResult<StoreInfo>,
    /// Indexes that are missing or different.
    pub indexes: QueryResult<Vec<IndexFault>>,
    /// The permissions of the login.
    pub rights: QueryResult<StoreRights>,
    /// Fields with unexpected values in rows.
    pub census: QueryResult<Vec<OddFieldReport>>,
    /// Prompt tokens answered by prefix caches, per model.
    pub cached: QueryResult<BTreeMap<ModelRef, CachedInput>>,
    pub entries: QueryResult<Vec<CatalogEntry>>,
    /// The figures of the last day.
    pub figures: QueryResult<HashMap<ModelRef, Figures>>,
}

impl StoreCheck {
    /// The catalog, if it could be read. A store that does not exist yet has an empty one.
    pub fn entries(&self) -> Option<&[CatalogEntry]> {
        match self {
            StoreCheck::Open(seen) => seen.entries.as_deref().ok(),
            StoreCheck::NotYet(_) => Some(&[]),
            _ => None,
        }
    }
}

impl StoreCheck {
    /// The number of enabled models of a provider; `None` if unknown. Behind a bridge only the models that
    /// this host measures count.
    pub fn enabled(&self, provider: &str) -> Option<usize> {
        if let StoreCheck::Bridge(check) = self {
            return check.enabled(provider);
        }
        let of =
            |entry: &&CatalogEntry| entry.sound && entry.is_enabled() && entry.model.provider == provider;
        Some(self.entries()?.iter().filter(of).count())
    }
}

pub async fn look(context: Arc<Context>, now: DateTime<Utc>) -> StoreCheck {
    let Ok(location) = context.store_location() else { return StoreCheck::Nowhere };
    let location = location.value;
    let is_file = match &location {
        StoreLocation::Sqlite(path) if !path.exists() => return StoreCheck::NotYet(path.clone()),
        StoreLocation::Sqlite(_) => true,
        StoreLocation::Mongo(_) => false,
        StoreLocation::Bridge(_) => return StoreCheck::Bridge(Box::new(bridge::look(&context).await)),
    };
    let names = context.names();
    let published = &context.settings.profiles.published.value;
    match bounded("opening it", storage::look(&location, &names, published)).await {
        Err(late) => StoreCheck::Late(late),
        Ok(Err(error)) => StoreCheck::Closed(error),
        Ok(Ok(store)) => StoreCheck::Open(Box::new(seen(store, is_file, now).await)),
    }
}

async fn seen(store: Arc<dyn Store>, is_file: bool, now: DateTime<Utc>) -> StoreInspection {
    let (facts, indexes, rights, census, cached, entries, figures) = tokio::join!(
        asked("its version", store.facts()),
        asked("its indexes", store.index_faults()),
        asked("its rights", store.rights()),
        asked("its rows", store.census()),
        asked("its newest rows", store.cached_input()),
        asked("the catalog", store.entries(None)),
        asked("the last day", store.figures(&ModelScope::All, now)),
    );
    StoreInspection {
        described: store.describe(),
        is_file,
        facts,
        indexes,
        rights,
        census,
        cached,
        entries,
        figures,
    }
}

async fn asked<T>(what: &str, work: impl Future<Output = Result<T, StoreError>>) -> QueryResult<T> {
    bounded(what, work).await.and_then(|answer| answer.map_err(|error| error.to_string()))
}

/// The findings about the store. `clocks` are those of hosts that answered.
pub fn findings(check: &StoreCheck, clocks: &[(String, ClockOffset)]) -> Vec<Finding> {
    let mut found = match check {
        StoreCheck::Nowhere => {
            vec![Finding::unknown(HERE, "reached", "not asked: no store is configured, see above")]
        }
        StoreCheck::NotYet(path) => {
            let sentence = format!("{} is not there yet: the first run creates it", path.display());
            vec![Finding::note(HERE, "reached", sentence).fix("`llmbench db init` creates it now")]
        }
        StoreCheck::Late(late) => vec![Finding::unknown(HERE, "reached", late)],
        StoreCheck::Closed(error) => vec![closed(error)],
        StoreCheck::Open(seen) => of_open(seen),
        StoreCheck::Bridge(check) => bridge::findings(check),
    };
    found.extend(clocks_of_hosts(clocks));
    found
}

fn closed(error: &StoreError) -> Finding {
    let (fix, heading) = match error {
        StoreError::Unavailable(_) => (
            "start the server, or correct --store, LLMBENCH_STORE or MONGODB_URI",
            troubleshooting::STORE_AWAY,
        ),
        StoreError::Denied(_) => (
            "correct user and password in the URI, percent-encoded, and name the database of the user: ?authSource=admin",
            troubleshooting::STORE_DENIES,
        ),
        StoreError::Broken(words) if words.contains("newer llmbench") => {
            ("use the newer llmbench, or name another file with --store", troubleshooting::VERSION)
        }
        StoreError::Broken(_) => {
            ("name another store with --store, or mend this one", troubleshooting::STORE_FILE)
        }
        StoreError::Conflict(_) | StoreError::Rejected(_) => {
            ("name another store with --store", troubleshooting::STORE)
        }
    };
    Finding::wrong(HERE, "reached", error.to_string(), fix, heading)
}

fn of_open(seen: &StoreInspection) -> Vec<Finding> {
    let mut found = vec![Finding::ok(HERE, "reached", &seen.described)];
    match &seen.facts {
        Ok(facts) => found.extend(of_facts(facts)),
        Err(why) => found.push(could_not("version", why)),
    }
    match &seen.rights {
        Ok(rights) => found.extend(of_rights(rights, seen.is_file)),
        Err(why) => found.push(could_not("rights", why)),
    }
    match &seen.indexes {
        Ok(faults) if faults.is_empty() => found.push(Finding::ok(HERE, "indexes", "all are there")),
        Ok(faults) => found.extend(of_indexes(faults, seen.is_file)),
        Err(why) => found.push(could_not("indexes", why)),
    }
    match &seen.census {
        Ok(all) => found.extend(all.iter().flat_map(of_rows)),
        Err(why) => found.push(could_not("rows", why)),
    }
    match &seen.cached {
        Ok(rows) => found.extend(cached_input::finding(rows)),
        Err(why) => found.push(could_not("prefix caches", why)),
    }
    found
}

fn could_not(subject: &str, why: impl Display) -> Finding {
    Finding::unknown(HERE, subject, format!("could not be looked at: {why}"))
}

fn of_facts(facts: &StoreInfo) -> Vec<Finding> {
    let version = format!("{} {} ({} or newer works)", facts.product, facts.version, facts.oldest);
    let mut found = vec![
        if is_at_least(&facts.version, facts.oldest) {
            Finding::ok(HERE, "version", version)
        } else {
            let fix = format!("update to {} {} or newer", facts.product, facts.oldest);
            Finding::wrong(HERE, "version", version, fix, troubleshooting::VERSION)
        },
        Finding::ok(HERE, "shape", &facts.shape),
    ];
    if let Some(outdated) = &facts.outdated {
        let fix = "`llmbench db init` brings it up to date, as any other command does";
        found.push(Finding::wrong(HERE, "tables", outdated, fix, troubleshooting::VERSION));
    }
    found.extend(facts.clock.map(|clock| {
        let sentence = format!("the server's clock is {}", clock.spoken());
        if clock.is_beyond(CLOCK_LIMIT) { off(sentence) } else { Finding::ok(HERE, "clock", sentence) }
    }));
    found
}

pub(super) fn off(sentence: String) -> Finding {
    let fix = "let a time service set both clocks; `timedatectl set-ntp true` on this machine";
    Finding::wrong(HERE, "clock", sentence, fix, troubleshooting::CLOCK)
}

/// Compares this clock with the median of the hosts' clocks, because one host's clock can be wrong.
fn clocks_of_hosts(clocks: &[(String, ClockOffset)]) -> Option<Finding> {
    let mut sorted = clocks.to_vec();
    sorted.sort_by(|(_, one), (_, other)| one.seconds.total_cmp(&other.seconds));
    let (name, middle) = sorted.get(sorted.len() / 2)?;
    let sentence =
        format!("the clock of {name} is {} (HTTP Date; the middle one of {})", middle.spoken(), clocks.len());
    let found =
        if middle.is_beyond(CLOCK_LIMIT) { off(sentence) } else { Finding::ok(HERE, "clock", sentence) };
    Some(Finding { subject: "clock, second opinion".to_owned(), ..found })
}

/// Compares versions number by number; a part that is no number counts as 0.
fn is_at_least(version: &str, oldest: &str) -> bool {
    let numbers =
        |text: &str| -> Vec<u64> { text.split(['.', '-']).map(|part| part.parse().unwrap_or(0)).collect() };
    numbers(version) >= numbers(oldest)
}

fn of_rights(rights: &StoreRights, is_file: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    match &rights.login {
        Some(login) => found.push(Finding::ok(HERE, "login", login)),
        None if rights.open_to_all => {
            let sentence = "none is wanted: whoever reaches the server may do anything";
            found.push(Finding::note(HERE, "login", sentence).heading(troubleshooting::STORE_DENIES));
        }
        None => {}
    }
    if rights.lacking.is_empty() {
        found.push(Finding::ok(HERE, "rights", "may do all that is needed"));
    }
    found.extend(rights.lacking.iter().map(|lack| lacking(lack, rights.login.as_deref(), is_file)));
    found
}

fn lacking(lack: &MissingRight, login: Option<&str>, is_file: bool) -> Finding {
    let places = listed(&lack.places);
    if is_file {
        let sentence = format!("{places} is read-only for this user");
        let fix = format!("`chmod u+w {places}`, or run as its owner");
        return Finding::wrong(HERE, "rights", sentence, fix, troubleshooting::STORE_FILE);
    }
    let subject = format!("right to {}", lack.action);
    let Some(login) = login else {
        let fix = "write mongodb://USER:PASSWORD@HOST/DATABASE, with ?authSource=admin where the user is kept there";
        let sentence = "the server wants a login, and the URI has none";
        return Finding::wrong(HERE, subject, sentence, fix, troubleshooting::STORE_DENIES);
    };
    let user = login.split('@').next().unwrap_or(login);
    let sentence = format!("{login} may not {} in {places}", lack.action);
    if lack.for_init_alone {
        let note = Finding::note(HERE, subject, sentence + "; `llmbench db init` needs it, nothing else");
        return note.heading(troubleshooting::STORE_DENIES);
    }
    let fix = format!("in mongosh, as an administrator: `db.grantRolesToUser({user:?}, [\"readWrite\"])`");
    Finding::wrong(HERE, subject, sentence, fix, troubleshooting::STORE_DENIES)
}

/// The first few of many names.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let more = names.len().saturating_sub(SHOWN);
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn of_indexes(faults: &[IndexFault], is_file: bool) -> Vec<Finding> {
    let missing: Vec<String> = faults
        .iter()
        .filter(|fault| fault.other.is_none())
        .map(|fault| format!("{}.{}", fault.collection, fault.name))
        .collect();
    let mut found = Vec::new();
    if !missing.is_empty() {
        let sentence = format!("{} missing: {}", missing.len(), listed(&missing));
        let fix = "`llmbench db init` creates them";
        found.push(Finding::wrong(HERE, "indexes", sentence, fix, troubleshooting::INDEXES));
    }
    found.extend(faults.iter().filter_map(|fault| {
        let (name, is) = fault.other.as_ref()?;
        let subject = format!("index {}.{}", fault.collection, fault.name);
        let sentence = format!("`{name}` is another: {is}");
        let fix = if is_file {
            "name another file with --store: nothing but llmbench should change this one".to_owned()
        } else {
            let drop = format!("db.getCollection({:?}).dropIndex({name:?})", fault.collection);
            format!("in mongosh `{drop}`, then `llmbench db init`")
        };
        Some(Finding::wrong(HERE, subject, sentence, fix, troubleshooting::INDEXES))
    }));
    found
}

fn of_rows(census: &OddFieldReport) -> Vec<Finding> {
    let subject = format!("rows of {}", census.collection);
    if let Some(why) = &census.trouble {
        return vec![could_not(&subject, why)];
    }
    if census.odd.is_empty() {
        let sentence = match census.looked_at {
            0 => "none yet".to_owned(),
            rows => format!("the newest {rows} are as they should be"),
        };
        return vec![Finding::ok(HERE, subject, sentence)];
    }
    let one = |odd: &storage::inspect::OddField| {
        let is = if odd.is == "missing" { "missing".to_owned() } else { format!("{} there", odd.is) };
        let sentence = format!("{is} in {} of the newest {} rows", odd.rows, census.looked_at);
        let fix = format!("look at one: _id {}; whatever writes such rows has to stop", quoted(&odd.example));
        let subject = format!("{}.{}", census.collection, odd.field);
        Finding::wrong(HERE, subject, sentence, fix, troubleshooting::ODD_ROWS)
    };
    census.odd.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Severity;

    #[test]
    fn versions_count_by_number() {
        assert!(is_at_least("6.0.5", "4.4") && is_at_least("3.51.3", "3.51.3") && is_at_least("10.0", "9.9"));
        assert!(!is_at_least("3.46.1", "3.51.3") && !is_at_least("4.2.24", "4.4"));
        assert!(is_at_least("8.0.0-rc1", "4.4"));
    }

    #[test]
    fn one_wrong_clock_among_hosts_is_theirs() {
        let clock = |seconds| ("groq".to_owned(), ClockOffset { seconds, within: 0.5 });
        let severity = |clocks: &[(String, ClockOffset)]| clocks_of_hosts(clocks).map(|one| one.severity);
        assert_eq!(severity(&[]), None);
        assert_eq!(severity(&[clock(0.1), clock(900.0), clock(-0.1)]), Some(Severity::Ok));
        assert_eq!(severity(&[clock(900.0), clock(901.0)]), Some(Severity::Finding));
        assert_eq!(severity(&[clock(2.4)]), Some(Severity::Ok), "it may be 1.9");
    }

    #[test]
    fn many_places_are_cut() {
        let names: Vec<String> = (0..6).map(|number| number.to_string()).collect();
        assert_eq!(listed(&names), "0, 1, 2, 3 and 2 more");
    }
}
