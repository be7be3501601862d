//! Every way in which a network fails, and the same row sent until it is confirmed: stored once.

use super::world::{World, block_on, client, serve};
use crate::daemon::world::{Daemon, until};
use crate::ingest::served::{INGEST_KEY, Served};
use crate::support::documents::rows;
use crate::support::peers::{Mongod, fresh_name};
use crate::support::proxy::{Fault, Proxy};
use crate::support::samples;
use chrono::Utc;
use llmbench::storage::{OutcomeSink, RecordOutcome, StoreError};
use std::collections::BTreeSet;
use std::time::Duration;

const HOTEL: Fault = Fault::Foreign(200, "content-type: text/html\r\n", "<html>Welcome to the hotel</html>");

fn word(answer: &Result<RecordOutcome, StoreError>) -> &'static str {
    match answer {
        Ok(_) => "kept",
        Err(StoreError::Unavailable(_)) => "unavailable",
        Err(StoreError::Denied(_)) => "denied",
        Err(StoreError::Broken(_)) => "broken",
        Err(StoreError::Conflict(_)) => "conflict",
        Err(StoreError::Rejected(_)) => "rejected",
    }
}

#[test]
fn each_fault_has_its_name_and_no_row_is_confirmed_that_is_not_stored() {
    let mongod = Mongod::start();
    let database = fresh_name();
    let bridge = serve(&database, &[]);
    let proxy = Proxy::start(bridge.address, |_| Fault::None);
    let faults = [
        (Fault::LoseRequest, "unavailable"),
        (Fault::LoseAnswer, "unavailable"),
        (Fault::HalfAnswer, "unavailable"),
        (HOTEL, "unavailable"),
        (Fault::Foreign(200, "", "{\"status\":\"accepted\"}"), "unavailable"),
        (Fault::Foreign(200, "", "[]"), "unavailable"),
        (Fault::Foreign(204, "", ""), "unavailable"),
        (Fault::Foreign(307, "location: http://127.0.0.1:1/\r\n", ""), "denied"),
        (Fault::Foreign(401, "", ""), "denied"),
        (Fault::Foreign(403, "", "<html>"), "denied"),
        (Fault::Foreign(404, "", ""), "broken"),
        (Fault::Foreign(413, "", "<html>"), "rejected"),
        (Fault::Foreign(429, "", ""), "unavailable"),
        (Fault::Foreign(502, "", "<html>"), "unavailable"),
        (Fault::Delay(Duration::from_millis(300)), "kept"),
        (Fault::None, "kept"),
    ];
    let count = faults.len();
    block_on(async {
        for (number, (fault, expected)) in faults.into_iter().enumerate() {
            // A connection of its own each: one that was cut is tried again on a new one by itself.
            let runner = client(proxy.address, &["alpha"], INGEST_KEY);
            let failure = samples::failure(&format!("01K1J00000000000000000{number:04}"), "alpha", "m");
            let outcome = samples::failed(&failure);
            let planned = fault.clone();
            proxy.plan(move |_| planned.clone());
            let answer = runner.record(&outcome).await;
            assert_eq!(word(&answer), expected, "{fault:?}: {answer:?}");
            assert_eq!(
                runner.heard().error.is_some(),
                !["kept", "rejected"].contains(&expected),
                "{fault:?}"
            );
            proxy.plan(|_| Fault::None);
            let again = runner.record(&outcome).await;
            assert!(again.is_ok() && runner.heard().error.is_none(), "{fault:?}: {again:?}");
        }
    });
    let ids: BTreeSet<String> =
        rows(mongod, &database, &["errors_cloud"]).iter().map(|row| row["_id"].to_string()).collect();
    assert_eq!((ids.len(), rows(mongod, &database, &["errors_cloud"]).len()), (count, count));
}

#[test]
fn a_bridge_that_asks_to_be_left_alone_is() {
    let bridge = block_on(Served::on_sqlite(&[]));
    let proxy = Proxy::start(bridge.address, |_| Fault::Foreign(503, "retry-after: 800\r\n", ""));
    let runner = client(proxy.address, &["alpha"], INGEST_KEY);
    let outcome = samples::failed(&samples::failure("01K1J0000000000000000000F1", "alpha", "m"));
    block_on(async {
        assert!(runner.rest().is_none());
        runner.record(&outcome).await.unwrap_err();
        let rest = runner.rest().unwrap();
        assert!(rest > Duration::from_secs(400) && rest <= Duration::from_secs(800), "{rest:?}");
        let again = runner.record(&outcome).await.unwrap_err();
        assert!(again.to_string().contains("left alone"), "{again}");
    });
    assert_eq!(proxy.seen().len(), 1, "nobody was asked again");
    let absurd = Proxy::start(bridge.address, |_| Fault::Foreign(503, "retry-after: 999999\r\n", ""));
    let runner = client(absurd.address, &["alpha"], INGEST_KEY);
    block_on(async {
        runner.record(&outcome).await.unwrap_err();
        assert!(runner.rest().unwrap() <= Duration::from_secs(900));
    });
}

#[test]
fn a_daemon_behind_a_failing_network_stores_every_row_once() {
    let world =
        World::new(&["steady-ttft2-gap1-n4", "steady-ttft3-gap1-n5"], "[daemon]\ncadence = 1\ntick = 0.5");
    let mut number = 0_usize;
    world.proxy.plan(move |line| {
        if !line.contains("/ingest/batch") {
            return Fault::None;
        }
        number += 1;
        match number % 8 {
            1 => Fault::LoseAnswer,
            2 => Fault::LoseRequest,
            3 => Fault::HalfAnswer,
            4 => HOTEL,
            5 => Fault::Foreign(503, "retry-after: 1\r\n", ""),
            6 => Fault::Foreign(401, "", ""),
            _ => Fault::None,
        }
    });
    let daemon = Daemon::logged(world.daemon(&[]), world.state());
    until("every fault was met", || {
        world.proxy.seen().iter().filter(|(line, _)| line.contains("/ingest/batch")).count() >= 9
    });
    world.proxy.plan(|_| Fault::None);
    let mended = Some(Utc::now());
    until("the bridge works again", || daemon.stored_at() > mended);
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("0 wait in the outbox"), "{said}");
    let claimed = world.delivered();
    let rows = world.rows();
    let ids: BTreeSet<String> = rows.iter().map(|row| row["_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), rows.len(), "none twice");
    assert!(claimed.len() >= 10, "{}", claimed.len());
    assert_eq!(claimed, ids, "none lost, none invented");
}
