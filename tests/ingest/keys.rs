//! Who may do what: keys of both kinds, their scopes and times, and that a refusal tells nothing.

use super::served::{CONFIG_TOKEN, INGEST_KEY, Served, failure, request, result, with};
use crate::support::PATIENCE;
use chrono::{TimeDelta, Utc};
use llmbench::domain::secret::Secret;
use llmbench::storage::posts::ingest_keys::{Action, IngestKey, mint, sha256};
use serde_json::json;
use std::time::{Duration, Instant};

/// A key for bedrock that may do everything, changed, and kept in the bridge's store.
async fn add(served: &Served, change: impl FnOnce(&mut IngestKey)) -> (String, Secret) {
    let (id, secret) = mint();
    let mut key = IngestKey {
        id: id.clone(),
        label: "aws-1".to_owned(),
        runner: "aws-1".to_owned(),
        sha256: sha256(&secret),
        providers: Some(vec!["bedrock".to_owned()]),
        actions: Action::ALL.to_vec(),
        not_before: None,
        not_after: None,
        created_at: Utc::now(),
        created_by: "test".to_owned(),
        revoked_at: None,
        revoked_by: None,
        last_used_at: None,
    };
    change(&mut key);
    served.store().await.add_ingest_key(&key).await.unwrap();
    (id, secret)
}

fn shown(secret: &Secret) -> String {
    format!("X-API-Key: {}\r\n", secret.expose())
}

/// Waits until a post under this header has this status: keys are read again every few seconds.
fn until(served: &Served, header: &str, status: u16) {
    let start = Instant::now();
    while served.post_as("/ingest", &result().to_string(), header).status != status {
        assert!(start.elapsed() < PATIENCE, "never {status}: {}", served.said());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test]
async fn every_refusal_of_a_key_is_the_same() {
    let served = Served::on_sqlite(&[]).await;
    let (expired_id, expired) =
        add(&served, |key| key.not_after = Some(Utc::now() - TimeDelta::hours(1))).await;
    let (_, revoked) = add(&served, |key| key.revoked_at = Some(Utc::now())).await;
    let (_, waiting) = add(&served, |key| key.not_before = Some(Utc::now() + TimeDelta::hours(1))).await;
    let (_, live) = add(&served, |_| ()).await;
    until(&served, &shown(&live), 200);
    let headers = [
        String::new(),
        "X-API-Key: \r\n".to_owned(),
        "X-API-Key: wrong\r\n".to_owned(),
        format!("X-API-Key: {}\r\n", "k".repeat(12_000)),
        format!("X-API-Key: {INGEST_KEY}x\r\n"),
        format!("X-API-Key: {INGEST_KEY}\r\nX-API-Key: {INGEST_KEY}\r\n"),
        format!("X-API-Key: lb_{expired_id}_{}\r\n", "A".repeat(43)),
        format!("X-API-Key: lb_nobody_{}\r\n", "A".repeat(43)),
        format!("Authorization: Basic {INGEST_KEY}\r\n"),
        "Authorization: Bearer\r\n".to_owned(),
        shown(&expired),
        shown(&revoked),
        shown(&waiting),
    ];
    let mut bodies = Vec::new();
    for header in &headers {
        let answer = served.post_as("/ingest", &result().to_string(), header);
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"), "{header}");
        let mut document = answer.json();
        document["error"]["request_id"] = json!(null);
        bodies.push((document.to_string(), answer.headers.keys().cloned().collect::<Vec<_>>()));
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    let said = served.said();
    assert!(
        !said.contains("AAAAAAAA") && !said.contains(expired.expose()) && !said.contains(INGEST_KEY),
        "{said}"
    );
}

/// Guessing is slow from one address, and whoever has a key there does not notice.
#[tokio::test]
async fn bad_keys_are_limited_and_valid_ones_are_not() {
    let served = Served::on_sqlite(&[]).await;
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for guess in 0..400 {
        let told =
            served.get("/runner-config?provider=bedrock", &format!("X-API-Key: guess-number-{guess}\r\n"));
        *statuses.entry(told.status).or_default() += 1;
        if told.status == 429 {
            assert_eq!(
                (told.code().as_str(), told.headers["connection"].as_str()),
                ("too_many_bad_keys", "close")
            );
            assert!(told.headers["retry-after"].parse::<u64>().unwrap() >= 1);
        }
        assert_eq!(served.config("bedrock").status, 200);
    }
    assert!(statuses[&401] >= 100 && statuses[&429] >= 1 && statuses.len() == 2, "{statuses:?}");
    assert_eq!(served.post("/ingest", &result()).status, 200);
}

#[tokio::test]
async fn a_401_arrives_while_the_body_is_still_being_sent() {
    let served = Served::on_sqlite(&[]).await;
    for size in [1 << 20, 5 << 20, 30 << 20] {
        for _ in 0..5 {
            let body = vec![b' '; size];
            let answer = served.send(&request("POST", "/ingest", "X-API-Key: wrong\r\n", &body));
            assert_eq!(answer.status, 401, "{size}");
        }
    }
}

#[tokio::test]
async fn a_key_is_for_its_providers_and_actions() {
    let served = Served::on_sqlite(&[]).await;
    let (_, bedrock) = add(&served, |_| ()).await;
    let (_, config) = add(&served, |key| key.actions = vec![Action::Config]).await;
    let (_, runs) = add(&served, |key| key.actions = vec![Action::Ingest]).await;
    until(&served, &shown(&runs), 200);
    let post = |path: &str, body: &serde_json::Value, key: &Secret| {
        served.post_as(path, &body.to_string(), &shown(key))
    };
    let forbidden = |answer: super::served::Answer| {
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"));
    };
    // Somebody else's provider, in each way in.
    forbidden(post("/ingest", &with(result(), "provider", json!("groq")), &bedrock));
    forbidden(post("/ingest/error", &failure(), &bedrock));
    let list = json!({"provider": "groq", "pagination_complete": true, "started_at": null, "models": []});
    forbidden(post("/ingest/catalog", &list, &bedrock));
    forbidden(served.get("/runner-config?provider=groq", &shown(&bedrock)));
    assert_eq!(served.get("/runner-config?provider=bedrock", &shown(&bedrock)).status, 200);
    // Somebody else's path.
    forbidden(post("/ingest", &result(), &config));
    forbidden(post("/ingest/error", &with(failure(), "provider", json!("bedrock")), &runs));
    forbidden(served.get("/runner-config?provider=bedrock", &shown(&runs)));
    // In a batch it is the item's own answer.
    let items = json!([
        result(),
        with(failure(), "provider", json!("bedrock")),
        with(result(), "provider", json!("groq"))
    ]);
    let told = post("/ingest/batch", &items, &runs).json();
    assert_eq!(told["results"][0]["status"], "accepted");
    for place in [1, 2] {
        assert_eq!(told["results"][place]["error"]["code"], "forbidden", "{told}");
    }
    // The Python runner's pair: each for its own.
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    assert_eq!(served.get("/runner-config?provider=bedrock", &bearer(INGEST_KEY)).status, 403);
    assert_eq!(served.post_as("/ingest", "{}", &bearer(CONFIG_TOKEN)).status, 403);
}

#[tokio::test]
async fn a_revoked_key_ends_within_seconds_and_two_overlap() {
    let served = Served::on_sqlite(&[]).await;
    let (old_id, old) = add(&served, |_| ()).await;
    let (_, new) = add(&served, |_| ()).await;
    until(&served, &shown(&old), 200);
    until(&served, &shown(&new), 200);
    assert!(served.store().await.revoke_ingest_key(&old_id, "test", Utc::now()).await.unwrap());
    until(&served, &shown(&old), 401);
    assert_eq!(served.post_as("/ingest", &result().to_string(), &shown(&new)).status, 200);
    // One line for each write, with the key's id and never the key.
    served.until_said("\"event\":\"write\"");
    let said = served.said();
    assert!(said.contains(&old_id) && said.contains("\"runner\":\"aws-1\""), "{said}");
    assert!(!said.contains(old.expose()) && !said.contains(new.expose()), "{said}");
}
