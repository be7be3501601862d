//! Daemons beside a store with weeks of rows: they make blocks, find the changes and tell each once.

use super::world::{Daemon, QUICK, World, until};
use crate::results::bulk::fill;
use crate::results::changes::{SERIES, history};
use crate::stores::backend::Backend;
use crate::support::Home;
use chrono::Utc;
use serde_json::Value;

fn story(backend: &Backend, runtime: &tokio::runtime::Runtime) {
    let model = format!("alpha:{QUICK}");
    let world = World::at(
        Home::new(),
        backend.url(),
        &[&model],
        "[daemon]\ncadence = 3600\ntick = 0.2\ncalibrate = 'never'",
    );
    runtime.block_on(async {
        for series in &SERIES[..3] {
            fill(backend, &history(Utc::now(), series, (40.0, 2.0)), true).await;
        }
    });
    let daemons = ["one", "two"].map(|name| {
        let state = world.home.path().join(name);
        let arguments = ["--state-dir", state.to_str().unwrap(), "--log-level", "debug"];
        Daemon::logged(world.command(&arguments), state.clone())
    });
    let said = |what: &str| daemons.iter().map(|daemon| daemon.said().matches(what).count()).sum::<usize>();
    until("changes are told", || said("a series changed") >= 2);
    let shown = world.other(&["results", "changes", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["changes"].as_array().unwrap().len(), 2, "{shown}");
    // The command found nothing left to do, and neither does the other daemon.
    assert_eq!(said("a series changed"), 2);
    for daemon in daemons {
        let (code, said) = daemon.stop();
        assert_eq!(code, 0, "{said}");
        assert!(!said.contains("could not be looked for"), "{said}");
    }
}

#[test]
fn two_daemons_find_changes_once_on_sqlite() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    story(&Backend::sqlite(), &runtime);
}

#[test]
fn two_daemons_find_changes_once_on_mongodb() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    story(&runtime.block_on(Backend::mongo()), &runtime);
}
