//! Two of our own runners measure around the clock meanwhile: what each has in its outbox as delivered is what is stored.

use super::super::served::Served;
use super::{Fault, Proxy, STORED, trouble};
use crate::daemon::world::{Daemon, until};
use crate::runner::world::{block_on, command, configured, delivered, enable};
use crate::support::Home;
use crate::support::documents::rows;
use crate::support::peers::{Mongod, fresh_name};
use chrono::Utc;
use llmbench::simulator;
use std::collections::BTreeSet;

const MODELS: [&str; 3] = ["steady-ttft2-gap1-n4", "steady-ttft3-gap1-n5", "error404"];
const CADENCE: &str = "[daemon]\ncadence = 1\ntick = 0.5";

struct Runner {
    home: Home,
    daemon: Daemon,
}

impl Runner {
    fn start(home: Home, bridge: &str, vantage: &str) -> Self {
        let arguments = ["daemon", "--providers", "alpha", "--vantage", vantage];
        let daemon = Daemon::logged(command(&home, bridge, &arguments), home.path().join("state/llmbench"));
        Self { home, daemon }
    }
}

#[test]
fn whatever_dies_what_two_daemons_measured_is_stored_once() {
    let (mut mongod, database) = (Mongod::start_private(), fresh_name());
    let url = mongod.uri(&database);
    MODELS.iter().for_each(|model| enable(&url, model, true));
    let served = block_on(Served::on(Home::new(), url, &["--rate", "100000"]));
    let proxy = Proxy::start(served.address);
    let (bridge, simulator) = (format!("http://{}", proxy.address), simulator::start_in_process().unwrap());
    let runners =
        ["far", "farther"].map(|vantage| Runner::start(configured(&simulator, CADENCE), &bridge, vantage));
    until("both have stored something", || runners.iter().all(|runner| runner.daemon.stored_at().is_some()));
    let (served, fired) = trouble(served, &mut mongod, &proxy);
    let mended = Some(Utc::now());
    until("both store again", || runners.iter().all(|runner| runner.daemon.stored_at() > mended));
    let mut claimed = BTreeSet::new();
    for Runner { home, daemon } in runners {
        let (code, said) = daemon.stop();
        assert!(code == 0 && said.contains("0 wait in the outbox"), "{code}: {said}");
        let mut of_one = delivered(&home, &bridge);
        assert!(of_one.len() > 10, "{of_one:?}");
        claimed.append(&mut of_one);
    }
    let (code, said) = served.stop();
    assert_eq!(code, Some(0), "{said}");
    let stored = rows(&mongod, &database, STORED);
    let ids: BTreeSet<String> = stored.iter().map(|row| row["_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), stored.len(), "a row is stored twice");
    assert_eq!(ids, claimed, "none lost, none invented");
    assert!(fired[&Fault::KillBridge] > 0);
    println!("{fired:?}: {} rows of two daemons", stored.len());
}
