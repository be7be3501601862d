//! Files and sites of `llmbench report`, on both stores: what is written, and what is not.

use super::world::{ReportWorld, models};
use crate::stores::backend::Backend;
use crate::support::Home;
use crate::support::ran::{in_little_space, ran};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut waiting) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(inside) = waiting.pop() {
        for entry in fs::read_dir(inside).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => waiting.push(entry),
                false => drop(
                    found.insert(entry.strip_prefix(folder).unwrap().to_owned(), fs::read(&entry).unwrap()),
                ),
            }
        }
    }
    found
}

/// A site of which every file is there that its list names, and whole.
fn is_whole(site: &Path) -> bool {
    let list = fs::read_to_string(site.join(".llmbench-report")).unwrap();
    let named: Vec<&str> = list.lines().skip(1).collect();
    let index = fs::read_to_string(site.join("index.html")).unwrap();
    !named.is_empty() && index.ends_with("</html>") && named.iter().all(|path| site.join(path).exists())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_a_file_and_a_site_and_the_same_rows_give_the_same_bytes() {
    for world in ReportWorld::both().await {
        world.measure(&models(12), 5).await;
        let said =
            world.report(&["--output", "report.html", "--site", "www", "--url", "https://bench.example.org"]);
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
        assert!(said.err.contains("report.html: ") && said.err.contains("www: "), "{said:?}");
        let (home, site) = (world.home.path(), world.home.path().join("www"));
        let one = fs::read_to_string(home.join("report.html")).unwrap();
        assert!(
            one.contains("p3:m-3") && one.contains("How wrong is this") && one.contains("How it is measured")
        );
        assert!(!one.contains("http://") && !one.contains(" src="), "nothing is loaded");
        let first = files(&site);
        assert!(is_whole(&site) && first.len() == 12 * 5 + 12 * 2 + 6, "{:?}", first.keys());
        let index: Value = serde_json::from_slice(&first[Path::new("data/index.json")]).unwrap();
        assert_eq!(index["models"].as_array().unwrap().len(), 12);
        assert_eq!(index["models"][0]["ttft"]["tier"], 1);
        let feed = String::from_utf8(first[Path::new("feed.atom")].clone()).unwrap();
        assert!(feed.contains("https://bench.example.org/"), "{feed}");
        let said = world.report(&["--json"]);
        assert_eq!(serde_json::from_str::<Value>(&said.out).unwrap(), index);
        assert_eq!(world.report(&["--site", "www", "--url", "https://bench.example.org", "--quiet"]).err, "");
        assert_eq!(files(&site), first);
        // A day more is another site, and a model that fell silent is not among the compared.
        let today = chrono::Utc::now().timestamp().div_euclid(86_400);
        world.measure_day(&models(11), today).await;
        assert_eq!(world.report(&["--site", "www"]).code, 0);
        let next: Value = serde_json::from_slice(&fs::read(site.join("data/index.json")).unwrap()).unwrap();
        assert!(next["as_of"].as_str() > index["as_of"].as_str(), "{}", next["as_of"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_measured_is_a_page_that_says_so() {
    for world in ReportWorld::both().await {
        let said = world.report(&["--output", "report.html", "--site", "www"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.err.contains("no request of a daemon is stored"), "{said:?}");
        for path in ["report.html", "www/index.html"] {
            let page = fs::read_to_string(world.home.path().join(path)).unwrap();
            assert!(page.contains("Nothing was measured in this time"), "{page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_in_a_sentence() {
    let world = ReportWorld::new(Backend::sqlite()).await;
    world.measure(&models(2), 4).await;
    for (arguments, code, said) in [
        (vec![], 2, "it is not said what to write"),
        (vec!["--output", "-"], 2, "does not go to standard output"),
        (vec!["--site", "www", "--since", "then"], 2, "--since: `then` is no time"),
        (vec!["--site", "www", "--since", "2999-01-01"], 2, "--since: the report begins"),
        (vec!["--site", "www", "--url", "bench"], 2, "--url: `bench` is no web address"),
        (
            vec!["--site", "www", "--profile", "other"],
            2,
            "there are measurements of the profiles cloud-default-v1",
        ),
        (vec!["--site", "www", "--runner", "osaka"], 2, "by the runners tokyo"),
        (vec!["--output", "."], 2, "--output: "),
        (vec!["--force", "--output", "x.html"], 2, "--site"),
    ] {
        let ended = world.report(&arguments);
        assert!(ended.code == code && ended.err.contains(said), "{arguments:?}: {ended:?}");
        assert!(!world.home.path().join("www").exists(), "{arguments:?}");
    }
    let ended =
        world.report(&["--site", "www", "--profile", "default", "--connection", "cold", "--runner", "tokyo"]);
    assert_eq!(ended.code, 0, "a profile is known by its name, too: {ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_peoples_files_stay() {
    let world = ReportWorld::new(Backend::sqlite()).await;
    world.measure(&models(2), 4).await;
    let site = world.home.path().join("www");
    fs::create_dir(&site).unwrap();
    fs::write(site.join("CNAME"), "bench.example.org").unwrap();
    let refused = world.report(&["--site", "www"]);
    assert!(
        refused.code == 2 && refused.err.contains("CNAME") && refused.err.contains("--force"),
        "{refused:?}"
    );
    assert_eq!(files(&site).len(), 1);
    for arguments in [&["--site", "www", "--force"][..], &["--site", "www"]] {
        assert_eq!(world.report(arguments).code, 0);
        assert_eq!(fs::read_to_string(site.join("CNAME")).unwrap(), "bench.example.org");
        assert!(is_whole(&site));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_and_a_store_that_is_gone_leave_the_old_site() {
    let world = ReportWorld::new(Backend::sqlite()).await;
    world.measure(&models(40), 5).await;
    let site = world.home.path().join("www");
    assert_eq!(world.report(&["--site", "www"]).code, 0);
    let old = files(&site);
    let url = world.backend.url();
    let full = in_little_space(&world.home.llmbench(&["report", "--store", &url, "--site", "www"]), 80);
    let ended = ran(&mut { full });
    assert!(ended.code == 1 && ended.err.contains("cannot be written"), "{ended:?}");
    assert_eq!(files(&site), old);
    let beside = fs::read_dir(world.home.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!beside.into_iter().any(|name| name == ".www.llmbench-new"), "half a site is cleared up");
    let gone = world.home.ran(&["report", "--store", "mongodb://127.0.0.1:1/x", "--site", "www"]);
    assert_eq!(gone.code, 75, "{gone:?}");
    let broken = world.home.ran(&["report", "--store", "sqlite:/nonexistent/runs.db", "--site", "www"]);
    assert_eq!(broken.code, 2, "{broken:?}");
    assert_eq!(files(&site), old);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_leaves_a_whole_site() {
    let world = ReportWorld::new(Backend::sqlite()).await;
    world.measure(&models(60), 4).await;
    let (site, url) = (world.home.path().join("www"), world.backend.url());
    assert_eq!(world.report(&["--site", "www"]).code, 0);
    for milliseconds in [30, 90, 150, 250, 350, 450, 600, 800] {
        let mut command = world.home.llmbench(&["report", "--store", &url, "--site", "www", "--quiet"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        // It may have ended.
        let _ = child.kill();
        child.wait().unwrap();
        assert!(is_whole(&site), "after {milliseconds} ms");
    }
    assert_eq!(world.report(&["--site", "www"]).code, 0);
    let mut beside: Vec<_> =
        fs::read_dir(world.home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    beside.retain(|name| name.to_string_lossy().contains("www"));
    assert_eq!(beside.len(), 2, "the site and its lock: {beside:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_reports_at_once_are_told_apart() {
    let world = ReportWorld::new(Backend::sqlite()).await;
    world.measure(&models(2), 4).await;
    let lock = fs::File::create(world.home.path().join(".www.llmbench-lock")).unwrap();
    lock.try_lock().unwrap();
    let ended = world.report(&["--site", "www"]);
    assert!(ended.code == 1 && ended.err.contains("another report is writing"), "{ended:?}");
    drop(lock);
    assert_eq!(world.report(&["--site", "www"]).code, 0);
}

/// Rows that daemons wrote become blocks when a report is made, and rows by hand do not.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_read_where_nobody_has_made_blocks_yet() {
    use crate::support::samples::{failed, failure, run, success};
    for world in ReportWorld::both().await {
        let hours_ago = |hours: i64| crate::support::samples::now() - chrono::TimeDelta::hours(hours);
        for number in 0..30 {
            let mut one = run(&format!("r{number}"), "groq", "by-daemon");
            (one.run_ts, one.gen_ts) = (hours_ago(4 + number), hours_ago(4 + number));
            world.store.record(&success(&one)).await.unwrap();
        }
        let mut only = failure("f1", "groq", "fails");
        only.ts = hours_ago(5);
        world.store.record(&failed(&only)).await.unwrap();
        let said = world.report(&["--json"]);
        let index: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
        let names: Vec<&str> = index["models"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model["model"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["by-daemon", "fails"], "{index:#}");
        assert_eq!(index["models"][1]["ttft"]["median"], Value::Null);
        assert!(index["models"][0]["ttft"]["n"].as_u64().unwrap() >= 27, "{index:#}");
    }
}

#[test]
fn help_and_the_configuration_know_the_site() {
    let home = Home::new();
    let help = home.ran(&["report", "--help"]);
    let words = help.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("--site <DIR>") && words.contains("A reader never sees half a site"), "{help:?}");
    fs::write(home.path().join("c.toml"), "[report]\nsite = 'www'\nevery = '2h'").unwrap();
    let shown = home.ran(&["config", "show", "--config", "c.toml"]);
    assert!(shown.out.contains("report.site") && shown.out.contains("7200"), "{shown:?}");
    fs::write(home.path().join("c.toml"), "[report]\nsit = 'www'").unwrap();
    let wrong = home.ran(&["config", "show", "--config", "c.toml"]);
    assert!(wrong.code == 2 && wrong.err.contains("site"), "{wrong:?}");
}
