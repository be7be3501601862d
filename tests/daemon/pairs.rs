//! A profile with `paired = true`: both halves of a pair in one slot, on both stores, whatever fails and whenever the
//! daemon is killed.

use super::world::{QUICK, World, counted, provider, until};
use crate::raw_server::{Heard, play_each, play_to, wait_ms};
use crate::support::Home;
use crate::support::answers::{plain, sound};
use crate::support::peers::{Mongod, fresh_name};
use crate::support::ran::Ran;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

type Row = Map<String, Value>;

const PAIRED: &str = "[profiles.default]\npaired = true\n";

/// Under `[daemon]`: what a provider is asked is measurements alone.
const QUIET: &str = "discovery = 'off'\n";

/// The stored rows of a series as exports have them, with `published` on runs.
fn exported(world: &World, series: &str) -> Vec<Row> {
    let output = world.other(&["results", "export", "--format", "ndjson", "--quiet", "--series", series]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let ran =
        Ran { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) };
    let mut rows = ran.lines();
    for row in &mut rows {
        // MongoDB keeps the slot as a date, whose text has milliseconds; ids have none.
        let slot = row["slot_at"].as_str().unwrap().replace(".000Z", "Z");
        row.insert("slot_at".to_owned(), slot.into());
    }
    rows
}

fn by_pair(rows: &[Row]) -> BTreeMap<String, Vec<Row>> {
    let mut found: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row["pair_id"].is_null()) {
        found.entry(row["pair_id"].as_str().unwrap().to_owned()).or_default().push(row.clone());
    }
    found
}

/// Rows that are whole pairs of two successes.
fn complete(rows: &[Row]) -> usize {
    by_pair(rows).values().filter(|pair| pair.len() == 2).count()
}

/// Checks what holds for the rows of paired series at any time.
fn check(runs: &[Row], errors: &[Row]) {
    let all = [runs, errors].concat();
    let ids: BTreeSet<&str> = all.iter().map(|row| row["_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "one request, one row");
    let slots = counted(runs);
    assert_eq!(slots.len(), slots.iter().collect::<BTreeSet<_>>().len(), "a slot counts once");
    for row in runs {
        let counterpart = row["sample_role"] == "counterpart";
        assert_eq!(row["connection"] == "warm", counterpart, "{row:?}");
        let counts = !counterpart && row["suspect"] == false && row["sample_role"] == "published";
        assert_eq!(row["published"], counts, "{row:?}");
    }
    for (id, pair) in by_pair(&all) {
        let of = |name: &str| pair.iter().map(|row| row[name].to_string()).collect::<BTreeSet<_>>();
        assert!(pair.len() <= 2 && of("pair_position").len() == pair.len(), "{id}: {pair:?}");
        let counterparts = pair.iter().filter(|row| row["sample_role"] == "counterpart").count();
        assert!(counterparts <= 1 && of("slot_at").len() == 1, "{id}: {pair:?}");
    }
}

fn story(store: Option<String>) {
    let models = [format!("alpha:{QUICK}"), "beta:steady-ttft3-gap1-n5".to_owned()];
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let configuration = format!("[daemon]\ncadence = 2\ntick = 1.0\n{PAIRED}");
    let world = match store {
        Some(store) => World::at(Home::new(), store, &models, &configuration),
        None => World::new(&models, &configuration),
    };
    let daemon = world.start(&[]);
    let cold_first = |runs: &[Row]| -> BTreeSet<bool> {
        let pairs = by_pair(runs).into_values().filter(|pair| pair.len() == 2).flatten();
        pairs.filter(|row| row["connection"] == "cold").map(|row| row["pair_position"] == 1).collect()
    };
    until("pairs of both orders", || {
        let runs = exported(&world, "all");
        complete(&runs) >= 4 && cold_first(&runs).len() == 2
    });
    let (code, said) = daemon.stop();
    assert!(code == 0 && said.contains("0 wait in the outbox"), "{said}");
    let (runs, errors) = (exported(&world, "all"), exported(&world, "errors"));
    assert_eq!(errors, Vec::<Row>::new());
    check(&runs, &errors);
    let published = exported(&world, "published");
    assert!(
        !published.is_empty() && published.iter().all(|row| row["connection"] == "cold"),
        "{published:?}"
    );
    let shown = world.said(&["results", "pairs"]);
    assert!(shown.starts_with("MODEL") && shown.contains(models[0]), "{shown}");
}

#[test]
fn a_slot_of_a_paired_profile_has_both_halves_on_sqlite() {
    story(None);
}

#[test]
fn a_slot_of_a_paired_profile_has_both_halves_on_mongodb() {
    story(Some(Mongod::start().uri(&fresh_name())));
}

/// A pass over one paired series whose second request is answered so: runs, errors, and how the job of the slot ended.
fn pass(answer: &'static str, headers: &'static str) -> (Vec<Row>, Vec<Row>, String) {
    let requests = AtomicUsize::new(0);
    let second = plain(answer, headers, "{\"error\":{\"message\":\"it broke\"}}");
    let address = play_each(move || match requests.fetch_add(1, Ordering::SeqCst) {
        1 => second.clone(),
        _ => sound(),
    });
    let configuration = format!(
        "[daemon]\ncadence = 86400\nspread = 0.0\nattempts = 1\n{QUIET}{PAIRED}{}",
        provider("gamma", address)
    );
    let world = World::new(&["gamma:m"], &configuration);
    let output = world.command(&["--once"]).output().unwrap();
    // 1 where the slot's own request failed.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    let store = Connection::open(world.home.path().join("runs.db")).unwrap();
    let status = store.query_row("SELECT status FROM jobs", [], |row| row.get(0)).unwrap();
    let (runs, errors) = (exported(&world, "all"), exported(&world, "errors"));
    check(&runs, &errors);
    (runs, errors, status)
}

#[test]
fn the_slot_is_judged_by_its_own_half() {
    let mut seen = BTreeSet::new();
    until("either half came second", || {
        let (runs, errors, status) = pass("500 Internal Server Error", "");
        let [run] = &runs[..] else { panic!("{runs:?} {errors:?}") };
        if run["sample_role"] == "published" && run["suspect"] == true {
            assert!(errors.is_empty(), "a spoilt sample is compared with nothing: {errors:?}");
            return false;
        }
        let [error] = &errors[..] else { panic!("{runs:?} {errors:?}") };
        assert_eq!(run["pair_id"], error["pair_id"]);
        let own_failed = error["sample_role"] == "published";
        let expected = if own_failed { ("counterpart", "dead_letter") } else { ("published", "success") };
        assert_eq!((run["sample_role"].as_str().unwrap(), status.as_str()), expected);
        seen.insert(own_failed);
        seen.len() == 2
    });
}

#[test]
fn a_daemon_that_is_killed_loses_and_doubles_no_half() {
    let mut slow = vec![wait_ms(120)];
    slow.extend(sound());
    let heard = Heard::default();
    let asked = || heard.lock().unwrap().len();
    let address = play_to(slow, Arc::clone(&heard));
    let configuration =
        format!("[daemon]\ncadence = 1\ntick = 0.2\n{QUIET}{PAIRED}{}", provider("gamma", address));
    let world = World::new(&["gamma:m"], &configuration);
    let mut random = SmallRng::seed_from_u64(95);
    const KILLS: usize = 12;
    for _ in 0..KILLS {
        let before = asked();
        let daemon = world.start(&[]);
        until("it measures", || asked() > before);
        sleep(Duration::from_millis(random.random_range(0..400)));
        daemon.kill();
    }
    let since = chrono::Utc::now();
    let daemon = world.start(&[]);
    until("a whole pair after all kills", || {
        let is_new = |row: &Row| {
            row["run_ts"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap() > since
        };
        let new: Vec<Row> = exported(&world, "all").into_iter().filter(is_new).collect();
        complete(&new) >= 1
    });
    let (code, said) = daemon.stop();
    assert!(code == 0 && said.contains("0 wait in the outbox"), "{said}");
    let (runs, errors) = (exported(&world, "all"), exported(&world, "errors"));
    check(&runs, &errors);
    assert!(errors.iter().all(|row| row["error_kind"] == "interrupted"), "{errors:?}");
    // A kill between intent and request leaves a row without a request; none the other way round.
    let (rows, requests) = (runs.len() + errors.len(), asked());
    assert!((requests..=requests + KILLS).contains(&rows), "{requests} requests, {rows} rows");
}
