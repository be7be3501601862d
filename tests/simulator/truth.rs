//! What the simulator tells about itself.

use super::client::*;

#[test]
fn the_truth_never_comes_before_its_schedule() {
    let server = simulator();
    let reply = chat(&server, "", "reasoning-ttft30-gap4-r3-n10", 64);
    let id = reply.header("x-request-id").unwrap().to_owned();
    let truth = get(&server, &format!("/truth/{id}")).json();
    assert_eq!(
        (&truth["outcome"], &truth["visible_tokens"], &truth["reasoning_tokens"]),
        (&json!("complete"), &json!(10), &json!(3))
    );
    let seconds = |name: &str| truth["seconds"][name].as_f64().unwrap();
    assert!(seconds("first_reasoning") >= 0.030 && seconds("first_visible") >= 0.042);
    assert!(seconds("head") <= seconds("first_reasoning") && seconds("end") >= seconds("last_visible"));
    let stamps: Vec<f64> =
        truth["visible_token_seconds"].as_array().unwrap().iter().map(|at| at.as_f64().unwrap()).collect();
    assert_eq!(stamps.len(), 10);
    for (index, at) in stamps.iter().enumerate() {
        assert!(*at >= 0.030 + 0.004 * (3 + index) as f64, "token {index} left early: {at}");
    }
    let received = truth["received_monotonic_ns"].as_u64().unwrap();
    let absolute = truth["monotonic_ns"]["first_visible"].as_u64().unwrap();
    assert!(((absolute - received) as f64 / 1e9 - seconds("first_visible")).abs() < 1e-9);
    let planned = truth["about"]["planned"]["first_visible_seconds"].as_f64().unwrap();
    assert!((planned - 0.042).abs() < 1e-9);
}

#[test]
fn a_flood_is_counted_without_a_stamp_for_each_token() {
    let server = simulator();
    let reply = chat(&server, "", "flood", 1000);
    assert_eq!(reply.events().len(), 1 + 1000 + 3);
    let id = reply.header("x-sim-id").unwrap();
    let truth = get(&server, &format!("/truth/{id}")).json();
    assert_eq!((&truth["visible_tokens"], &truth["visible_token_seconds"]), (&json!(1000), &json!([])));
}

#[test]
fn lists_health_and_truth() {
    let server = simulator();
    assert_eq!(get(&server, "/health").json()["status"], "ok");
    let list = get(&server, "/v1/models").json();
    assert_eq!(list["data"].as_array().unwrap().len(), PRESETS.len());
    assert!(get(&server, "/together/v1/models").json().is_array());
    chat(&server, "", "flood-n2", 5);
    chat(&server, "", "error500", 5);
    let recent = get(&server, "/truth?recent=1").json();
    assert_eq!(recent["requests"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&recent["requests"][0]["status"], &recent["requests"][0]["outcome"]),
        (&json!(500), &json!("complete"))
    );
    assert_eq!(get(&server, "/truth/sim-999999").status, 404);
}
