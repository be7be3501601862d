//! Blocks and changes of series, on every store: kept, joined to what is there, found again; and how fast thousands are.

use super::backend::Backend;
use crate::support::samples::{failed, failure, now, run, success};
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::commands::changes::level_cache::LevelCache;
use llmbench::commands::changes::look;
use llmbench::domain::ModelRef;
use llmbench::domain::interval::Interval;
use llmbench::domain::series_block::{
    BlockFigure, BlockNumbers, BlockOfSeries, SeriesBlock, day_of_slot, slot_of, slot_start,
};
use llmbench::domain::series_change::{
    Acknowledgement, ChangeCause, ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries, SeriesChange,
    WatchedFigure,
};
use llmbench::storage::Store;
use llmbench::storage::series_blocks::{
    DayColumns, DerivedCount, DueBlocks, StoredSeries, first_unfinished, series_key,
};
use llmbench::storage::series_changes::ChangeFilter;
use mongodb::bson::{Document, doc};
use rusqlite::{Connection, params};
use std::sync::Arc;
use std::time::Instant;

pub async fn opened(backend: &Backend) -> Arc<dyn Store> {
    let store = backend.open(&["cloud-default-v1"]).await;
    store.init().await.unwrap();
    store
}

fn series(model: &str) -> MeasuredSeries {
    MeasuredSeries {
        model: ModelRef::new("groq", model),
        runner: None,
        profile: Some("p".to_owned()),
        connection: None,
    }
}

fn block(slot: i64, ttft: f64) -> SeriesBlock {
    let ttft = Some(BlockFigure { median: ttft, samples: 6 });
    SeriesBlock { slot, ttft, attempts: 7, failures: 1, ..SeriesBlock::default() }
}

fn of(model: &str, block: SeriesBlock) -> BlockOfSeries {
    BlockOfSeries { series: series(model), block }
}

/// The first derivation of a slot.
pub fn derived(slot: i64, rows: u64) -> DerivedCount {
    DerivedCount { slot, rows, replaces: None }
}

#[tokio::test]
async fn blocks_are_kept_by_day_and_say_which_series_changed() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = opened(&backend).await;
        let slot = 166_400;
        assert_eq!(store.measured_series().await.unwrap(), []);
        store
            .keep_blocks(&[derived(slot, 12)], &[of("a", block(slot, 0.4)), of("b", block(slot, 0.5))])
            .await
            .unwrap();
        store.keep_blocks(&[derived(slot + 1, 6)], &[of("a", block(slot + 1, 0.41))]).await.unwrap();
        let all = store.measured_series().await.unwrap();
        let a = all.iter().find(|one| one.series == series("a")).unwrap().clone();
        assert_eq!((all.len(), a.key.as_str()), (2, series_key(&series("a")).as_str()));
        assert_eq!(
            (a.first_slot, a.last_slot, a.sampled_blocks, a.changed_from),
            (slot, slot + 1, 2, Some(slot))
        );
        let days = store
            .series_days(std::slice::from_ref(&a.key), day_of_slot(slot), day_of_slot(slot) + 1)
            .await
            .unwrap();
        assert_eq!(days.len(), 1);
        assert_eq!(days[0].columns.blocks(days[0].day), [block(slot, 0.4), block(slot + 1, 0.41)]);
        assert_eq!(
            store.derived_slots(slot, slot + 9).await.unwrap().into_iter().collect::<Vec<_>>(),
            [(slot, 12), (slot + 1, 6)]
        );

        let judged: Vec<_> = all
            .iter()
            .map(|one| StoredSeries {
                judged_days: Some(3).filter(|_| one.series == series("a")),
                ..one.clone()
            })
            .collect();
        store.looked_at(&judged).await.unwrap();
        let days = |all: Vec<StoredSeries>| all.iter().map(|one| one.judged_days).max();
        assert_eq!(days(store.measured_series().await.unwrap()), Some(Some(3)));
        store.looked_at(&all).await.unwrap();
        assert_eq!(days(store.measured_series().await.unwrap()), Some(Some(3)), "what is not told stays");
        // The same once more changes no series; late rows change theirs alone.
        store
            .keep_blocks(&[derived(slot, 13)], &[of("a", block(slot, 0.4)), of("b", block(slot, 0.6))])
            .await
            .unwrap();
        let changed: Vec<_> = store
            .measured_series()
            .await
            .unwrap()
            .into_iter()
            .filter_map(|one| Some((one.series, one.changed_from?)))
            .collect();
        assert_eq!(changed, [(series("b"), slot)]);
        assert_eq!(store.derived_slots(slot, slot + 1).await.unwrap()[&slot], 13);
        // Whoever looked at an older state leaves the series changed.
        store.looked_at(&all).await.unwrap();
        assert_eq!(
            store.measured_series().await.unwrap().iter().filter(|one| one.changed_from.is_some()).count(),
            1
        );
    }
}

/// The blocks of a model on the day of a slot.
async fn stored_blocks(store: &dyn Store, model: &str, slot: i64) -> Vec<SeriesBlock> {
    let (key, day) = (series_key(&series(model)), day_of_slot(slot));
    let days = store.series_days(&[key], day, day + 1).await.unwrap();
    days.iter().flat_map(|one| one.columns.blocks(one.day)).collect()
}

#[tokio::test]
async fn what_was_derived_from_older_rows_replaces_nothing_newer() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = opened(&backend).await;
        let slot = 166_400;
        let keep = async |rows: u64, replaces: Option<u64>, ttft: f64| {
            let counted = [DerivedCount { slot, rows, replaces }];
            store.keep_blocks(&counted, &[of("a", block(slot, ttft))]).await.unwrap();
            let kept = stored_blocks(&*store, "a", slot).await;
            (kept[0].ttft.unwrap().median, store.derived_slots(slot, slot + 1).await.unwrap()[&slot])
        };
        assert_eq!(keep(12, None, 0.5).await, (0.5, 12));
        let revision = store.measured_series().await.unwrap()[0].revision;
        assert_eq!(keep(10, None, 0.4).await, (0.5, 12), "it was read before the last two rows came");
        assert_eq!(store.measured_series().await.unwrap()[0].revision, revision, "nobody has to look again");
        assert_eq!(keep(13, Some(10), 0.6).await, (0.6, 13));
        assert_eq!(keep(9, Some(13), 0.3).await, (0.3, 9), "rows were deleted: nobody wrote in between");
    }
}

/// A command and a daemon derive other slots of one day, and one slot from rows that one of them read earlier.
#[tokio::test]
async fn two_writers_of_one_day_lose_nothing() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let stores = [opened(&backend).await, opened(&backend).await];
        let models: Vec<String> = (0..20).map(|number| format!("m{number}")).collect();
        for round in 0..5 {
            let first = (20_000 + round) * 8;
            // Slot 0 is derived by both: the second writer has read one more row.
            let write = |writer: usize| {
                let (store, models) = (Arc::clone(&stores[writer]), models.clone());
                async move {
                    for slot in (first..first + 8).filter(|slot| {
                        let place = usize::try_from(slot - first).unwrap();
                        place == 0 || place % 2 == writer
                    }) {
                        let level = if slot == first { 0.5 + writer as f64 } else { 0.4 };
                        let blocks: Vec<_> =
                            models.iter().map(|model| of(model, block(slot, level))).collect();
                        store.keep_blocks(&[derived(slot, 100 + writer as u64)], &blocks).await.unwrap();
                    }
                }
            };
            let both = [0, 1].map(|writer| tokio::spawn(write(writer)));
            for one in both {
                one.await.unwrap();
            }
            for model in &models {
                let blocks = stored_blocks(&*stores[0], model, first).await;
                assert_eq!(blocks.len(), 8, "round {round}, {model}: {blocks:?}");
                assert_eq!(blocks[0].ttft.unwrap().median, 1.5, "the newer one stays, whoever was first");
            }
            assert_eq!(stores[0].derived_slots(first, first + 1).await.unwrap()[&first], 101);
        }
        let all = stores[0].measured_series().await.unwrap();
        assert!(all.iter().all(|one| one.sampled_blocks == 40), "{all:?}");
    }
}

async fn measure(store: &dyn Store, id: &str, at: DateTime<Utc>, ttft: f64) {
    let mut run = run(id, "groq", "m");
    (run.run_ts, run.gen_ts) = (at, at + TimeDelta::seconds(1));
    run.speeds.time_to_first_token = Some(ttft);
    store.record(&success(&run)).await.unwrap();
}

#[tokio::test]
async fn blocks_are_made_of_rows_and_made_again_where_rows_came_late() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = opened(&backend).await;
        let store = &*store;
        let end = first_unfinished(now());
        assert_eq!(
            DueBlocks::find(store, now(), 30).await.unwrap().days(),
            0,
            "an empty store has nothing to make"
        );
        let at = |slot: i64, minutes: i64| slot_start(slot) + TimeDelta::minutes(minutes);
        for minutes in 0..3 {
            measure(store, &format!("a{minutes}"), at(end - 20, minutes), 0.4).await;
        }
        measure(store, "b", at(end - 1, 5), 0.5).await;
        measure(store, "unfinished", at(end, 1), 9.0).await;
        let mut error = failure("e", "groq", "m");
        error.ts = at(end - 1, 6);
        store.record(&failed(&error)).await.unwrap();

        let mut due = DueBlocks::find(store, now(), 30).await.unwrap();
        let mut rows = 0;
        while let Some(more) = due.derive_next(store).await.unwrap() {
            rows += more;
        }
        assert_eq!(rows, 5);
        assert_eq!(DueBlocks::find(store, now(), 30).await.unwrap(), DueBlocks::default());
        let all = store.measured_series().await.unwrap();
        let one = all.iter().find(|one| one.sampled_blocks > 0).unwrap();
        assert_eq!((one.first_slot, one.last_slot, one.sampled_blocks), (end - 20, end - 1, 2));

        measure(store, "late", at(end - 20, 100), 0.8).await;
        let mut due = DueBlocks::find(store, now(), 30).await.unwrap();
        assert_eq!(due.days(), 1);
        assert_eq!(
            DueBlocks::find(store, now(), 1).await.unwrap().days(),
            0,
            "it was not looked so far back"
        );
        assert_eq!(due.derive_next(store).await.unwrap(), Some(4));
        let day = day_of_slot(end - 20);
        let days = store.series_days(std::slice::from_ref(&one.key), day, day + 1).await.unwrap();
        let blocks = days[0].columns.blocks(day);
        assert_eq!(blocks.iter().find(|block| block.slot == end - 20).unwrap().ttft.unwrap().samples, 4);
        assert_eq!(store.oldest_slot().await.unwrap(), Some(slot_of(at(end - 20, 0).timestamp_millis())));
    }
}

pub fn change(id: &str, model: &str, days: i64) -> SeriesChange {
    let at = slot_start(166_400) - TimeDelta::days(days);
    SeriesChange {
        id: id.to_owned(),
        series: series(model),
        level: ChangedLevel::Figure {
            figure: WatchedFigure::Ttft,
            before: 0.4,
            after: 0.5,
            ratio: Interval { low: 1.2, high: 1.3 },
        },
        began: EstimatedTime { at, earliest: at - TimeDelta::hours(3), latest: at + TimeDelta::hours(3) },
        noticed_at: at + TimeDelta::days(1),
        ended: None,
        scope: ChangeScope::Model,
        cause: ChangeCause::Unknown,
        cause_line: "nothing".to_owned(),
        acknowledged: None,
        returned: None,
        confirmed: None,
    }
}

#[tokio::test]
async fn changes_are_kept_by_id_and_acknowledgements_and_unknown_fields_survive() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = opened(&backend).await;
        let (old, new) = (change("a1", "x", 9), change("b2", "y\u{1b}", 2));
        store.keep_changes(&[old.clone(), new.clone()]).await.unwrap();
        let all = ChangeFilter::default();
        assert_eq!(store.series_changes(&all).await.unwrap(), [new.clone(), old.clone()], "the newest first");
        let seen = Acknowledgement { at: now(), who: "ann".to_owned(), note: Some("told".to_owned()) };
        assert!(store.acknowledge_change("a1", &seen).await.unwrap());
        assert!(!store.acknowledge_change("nobody", &seen).await.unwrap());
        annotate(&backend).await;
        let over = SeriesChange { ended: Some(new.began), cause_line: "gone".to_owned(), ..old.clone() };
        store.keep_changes(std::slice::from_ref(&over)).await.unwrap();
        let kept = store.series_change("a1").await.unwrap().unwrap();
        assert_eq!(kept, SeriesChange { acknowledged: Some(seen), ..over });
        assert_eq!(annotation(&backend).await.as_deref(), Some("of a newer program"));
        let ids = |found: Vec<SeriesChange>| found.into_iter().map(|one| one.id).collect::<Vec<_>>();
        let asked = async |filter: ChangeFilter| ids(store.series_changes(&filter).await.unwrap());
        assert_eq!(asked(ChangeFilter { open: true, ..all.clone() }).await, ["b2"]);
        assert_eq!(asked(ChangeFilter { provider: Some("openai".into()), ..all.clone() }).await, [""; 0]);
        assert_eq!(asked(ChangeFilter { model: Some("x".into()), ..all.clone() }).await, ["a1"]);
        assert_eq!(asked(ChangeFilter { since: Some(new.began.at), ..all.clone() }).await, ["b2"]);
        assert_eq!(store.series_change("nobody").await.unwrap(), None);
    }
}

async fn annotate(backend: &Backend) {
    match backend {
        Backend::Sqlite(_) => {
            let connection = Connection::open(backend.url().strip_prefix("sqlite:").unwrap()).unwrap();
            let sql = "UPDATE series_changes SET doc = json_set(doc, '$.newer', 'of a newer program')";
            connection.execute(sql, []).unwrap();
        }
        Backend::Mongo(database) => {
            let changes = database.collection::<Document>("bench_series_changes");
            changes.update_many(doc! {}, doc! { "$set": { "newer": "of a newer program" } }).await.unwrap();
        }
    }
}

async fn annotation(backend: &Backend) -> Option<String> {
    match backend {
        Backend::Sqlite(_) => {
            let connection = Connection::open(backend.url().strip_prefix("sqlite:").unwrap()).unwrap();
            let sql = "SELECT doc ->> '$.newer' FROM series_changes WHERE id = 'a1'";
            connection.query_row(sql, [], |row| row.get(0)).unwrap()
        }
        Backend::Mongo(database) => {
            let changes = database.collection::<Document>("bench_series_changes");
            let row = changes.find_one(doc! { "_id": "a1" }).await.unwrap().unwrap();
            assert!(row.get_datetime("began_at").is_ok() && row.get("id").is_none(), "{row}");
            row.get_str("newer").ok().map(str::to_owned)
        }
    }
}

/// A teller asks every five minutes for the changes of two months, among all that there ever were.
#[tokio::test]
async fn the_newest_changes_are_read_along_an_index() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = opened(&backend).await;
        let all: Vec<SeriesChange> = (0..200).map(|days| change(&format!("c{days:03}"), "x", days)).collect();
        store.keep_changes(&all).await.unwrap();
        let since = all[5].began.at;
        if let Backend::Mongo(database) = &backend {
            database.run_command(doc! { "profile": 2 }).await.unwrap();
        }
        let filter = ChangeFilter { began_since: Some(since), ..ChangeFilter::default() };
        let found = store.series_changes(&filter).await.unwrap();
        let ids: Vec<&str> = found.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["c000", "c001", "c002", "c003", "c004", "c005"]);
        // SQLite's plan is tested beside its statement.
        let Backend::Mongo(database) = &backend else { continue };
        database.run_command(doc! { "profile": 0 }).await.unwrap();
        let of_changes = doc! { "ns": format!("{}.bench_series_changes", database.name()), "op": "query" };
        let asked = database.collection::<Document>("system.profile").find_one(of_changes).await.unwrap();
        let asked = asked.unwrap();
        let plan = asked.get_str("planSummary").unwrap();
        assert!(plan.starts_with("IXSCAN") && plan.contains("began_at"), "{plan}");
        assert_eq!(asked.get_i32("docsExamined").unwrap(), 6, "{asked}");
        assert!(!asked.get_bool("hasSortStage").unwrap_or(false), "{asked}");
    }
}

/// A block with everything that causes are told from.
fn whole_block(slot: i64, ttft: f64) -> SeriesBlock {
    let numbers = BlockNumbers {
        network_rtt_seconds: Some(0.02),
        loop_lag_seconds: Some(0.000_1),
        output_tokens: Some(200.0),
        input_tokens: Some(50.0),
        ..BlockNumbers::default()
    };
    SeriesBlock { numbers, failures: 0, ..block(slot, ttft) }
}

/// A provider with more models than one answer holds: all become slower at once, and each change has its cause.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_changes_at_once_have_a_cause_each() {
    const MODELS: usize = 220;
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = opened(&backend).await;
        let end = first_unfinished(now());
        let first = end - 26 * 8;
        for day in day_of_slot(first)..=day_of_slot(end - 1) {
            let slots = (day * 8).max(first)..(day * 8 + 8).min(end);
            let counted: Vec<_> = slots.clone().map(|slot| derived(slot, 1)).collect();
            let level = |number: usize, slot: i64| {
                let chance = ((number as i64 * 7919 + slot) as f64 * 0.618_033_988_75).fract() - 0.5;
                let step: f64 = if slot >= end - 4 * 8 { 1.5 } else { 1.0 };
                0.4 * step * (0.1 * chance).exp()
            };
            let blocks: Vec<_> = (0..MODELS)
                .flat_map(|number| {
                    let slots = slots.clone();
                    slots.map(move |slot| of(&format!("m{number}"), whole_block(slot, level(number, slot))))
                })
                .collect();
            store.keep_blocks(&counted, &blocks).await.unwrap();
        }
        let report = look(&*store, now(), &mut LevelCache::default()).await.unwrap();
        assert_eq!((report.series, report.new.len(), report.written), (MODELS, MODELS, MODELS));
        let changes = store.series_changes(&ChangeFilter::default()).await.unwrap();
        assert_eq!(changes.len(), MODELS);
        for change in &changes {
            let line = &change.cause_line;
            assert_eq!(
                (change.scope, change.cause),
                (ChangeScope::Provider, ChangeCause::NothingElse),
                "{line}"
            );
            assert!(line.starts_with("220 of 220 models of the provider moved together"), "{line}");
        }
    }
}

/// How long looks at 5,000 series take: `cargo test --test it -- --ignored --nocapture looks_at_five_thousand`.
#[tokio::test]
#[ignore = "a measurement, not a promise of every machine"]
async fn looks_at_five_thousand_series() {
    let (backend, series_count, days) = (Backend::sqlite(), 5_000, 90);
    let store = opened(&backend).await;
    let end = first_unfinished(now());
    let level = |number: i64, slot: i64| {
        let chance = |step: f64| ((number * 7919 + slot) as f64 * step).fract() - 0.5;
        0.4 * (0.3 * (chance(0.618_033_988_75) + chance(0.754_877_666_2))).exp()
    };
    let mut connection = Connection::open(backend.url().strip_prefix("sqlite:").unwrap()).unwrap();
    let transaction = connection.transaction().unwrap();
    for number in 0..series_count {
        let series = series(&format!("m{number}"));
        let (key, first) = (series_key(&series), end - days * 8);
        for day in day_of_slot(first)..=day_of_slot(end - 1) {
            let slots = (day * 8).max(first)..(day * 8 + 8).min(end);
            let blocks: Vec<_> = slots.map(|slot| block(slot, level(number, slot))).collect();
            let doc = serde_json::to_string(&DayColumns::of(&blocks)).unwrap();
            transaction
                .prepare_cached("INSERT INTO series_blocks VALUES (?, ?, ?)")
                .unwrap()
                .execute(params![key, day, doc])
                .unwrap();
        }
        let sql =
            "INSERT INTO measured_series VALUES (?1, 'groq', ?2, NULL, 'p', NULL, ?3, ?4, ?5, ?3, 1, NULL)";
        let names = params![key, series.model.model_id, first, end - 1, days * 8];
        transaction.prepare_cached(sql).unwrap().execute(names).unwrap();
    }
    transaction.commit().unwrap();
    let mut cache = LevelCache::lasting();
    let begun = Instant::now();
    let report = look(&*store, now(), &mut cache).await.unwrap();
    println!("{} series, {} changes: {:?} at first", report.series, report.new.len(), begun.elapsed());
    for later in 0..2 {
        let slot = end + later;
        let blocks: Vec<_> = (0..series_count)
            .map(|number| of(&format!("m{number}"), block(slot, level(number, slot))))
            .collect();
        let begun = Instant::now();
        store.keep_blocks(&[derived(slot, 1)], &blocks).await.unwrap();
        let kept = begun.elapsed();
        let at = slot_start(slot + 1) + TimeDelta::minutes(11);
        let report = look(&*store, at, &mut cache).await.unwrap();
        println!("{} series: {kept:?} kept, {:?} after a block", report.series, begun.elapsed() - kept);
    }
}
