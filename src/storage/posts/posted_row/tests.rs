//! Tests of posted rows: every field under its name, in the types that readers know, under an id of its own.

use super::*;
use crate::domain::PublishedProfiles;
use crate::storage::outcomes::document::RowDestination;
use proptest::prelude::*;

fn stamps() -> PostOrigin {
    let received_at = field_types::parse_date("2026-11-23T09:00:00Z").unwrap();
    let tag = ("tagged".to_owned(), "tagged/us-east-1".to_owned());
    let endpoint_tags = Arc::new(BTreeMap::from([tag]));
    PostOrigin { received_at, key_id: "k1".to_owned(), runner: "aws-1".to_owned(), endpoint_tags }
}

fn posted(kind: OutcomeKind, document: Value) -> Posted {
    let Value::Object(document) = document else { panic!() };
    Posted { kind, document, id: None, stamps: stamps() }
}

/// A run as the Python runner posts it.
fn run() -> Value {
    json!({
        "provider": "bedrock", "model_name": "amazon.nova-pro-v1:0", "run_ts": "2026-11-23 08:52:02",
        "gen_ts": "2026-11-23 08:52:05", "temperature": 0, "misc": {}, "requested_tokens": 64, "output_tokens": 64,
        "generate_time": 2, "tokens_per_second": 23.8, "time_to_first_token": null, "times_between_tokens": [],
        "validation_policy": "strict_pm10", "reasoning_tokens": null, "visible_text_empty": false,
    })
}

fn failure() -> Value {
    json!({
        "provider": "together", "model_name": "fake-err404", "ts": "2026-11-23 08:52:17", "stage": "generate",
        "message": "NotFoundError: Error code: 404 - {'error': {'code': 'model_not_found'}}",
        "exc_type": "NotFoundError", "error_kind": "hard_model",
    })
}

fn published() -> PublishedProfiles {
    PublishedProfiles::from(&["cloud-default-v1".to_owned()])
}

fn row_of(kind: OutcomeKind, document: Value) -> Row {
    row(posted(kind, document), &published()).unwrap()
}

fn with(mut document: Value, name: &str, value: Value) -> Value {
    document[name] = value;
    document
}

#[test]
fn times_without_a_zone_are_utc_and_types_are_the_contracts() {
    let row = row_of(OutcomeKind::Run, run());
    assert_eq!(row.fields["run_ts"], json!("2026-11-23T08:52:02.000Z"));
    assert_eq!(row.fields["temperature"].to_string(), "0.0");
    assert_eq!(row.fields["generate_time"].to_string(), "2.0");
    assert_eq!(row.fields["time_to_first_token"], Value::Null);
    assert_eq!(row.fields.get("ttft_available"), None);
    assert_eq!(row.fields["key_id"], json!("k1"));
    assert_eq!((row.place, row.moves_health), (RowDestination::Published, true));
    for text in ["2026-11-23T08:52:02", "2026-11-23 08:52:02.000", "2026-11-23T03:52:02-05:00"] {
        let other = row_of(OutcomeKind::Run, with(run(), "run_ts", json!(text)));
        assert_eq!(other.fields["_id"], row.fields["_id"], "{text}");
    }
}

#[test]
fn what_is_not_of_the_published_series_is_probed() {
    for (name, value, place, moves) in [
        ("sample_role", json!("published"), RowDestination::Published, true),
        ("sample_role", json!("manual"), RowDestination::Probe, false),
        ("benchmark_profile_id", json!("cloud-default-v1"), RowDestination::Published, true),
        ("benchmark_profile_id", json!("cloud-long-v1"), RowDestination::Probe, false),
        ("suspect", json!(true), RowDestination::Probe, true),
        ("suspect", json!(false), RowDestination::Published, true),
        ("sample_role", Value::Null, RowDestination::Published, true),
    ] {
        let row = row_of(OutcomeKind::Run, with(run(), name, value.clone()));
        assert_eq!((row.place, row.moves_health), (place, moves), "{name}: {value}");
    }
}

#[test]
fn a_failure_gets_what_the_direct_writer_derives() {
    let fields = row_of(OutcomeKind::Failure, failure()).fields;
    assert_eq!(fields["http_status"], json!(404));
    assert_eq!(fields["provider_error_code"], json!("model_not_found"));
    assert_eq!(fields["exc_type"], json!("NotFoundError"));
    let normalized = fields["normalized_message"].as_str().unwrap();
    let fingerprint =
        failure::fingerprint_of("together", "fake-err404", "generate", "hard_model", normalized);
    assert_eq!(fields["fingerprint"], json!(fingerprint));
    let when = |ts: Value| row_of(OutcomeKind::Failure, with(failure(), "ts", ts)).fields["ts"].clone();
    assert_eq!(when(Value::Null), json!("2026-11-23T09:00:00.000Z"));
    let foreign = row_of(OutcomeKind::Failure, with(failure(), "fingerprint", json!("other")));
    assert_eq!(foreign.fields["fingerprint"], json!(fingerprint));
    assert_eq!(foreign.fields["posted"], json!({"fingerprint": "other"}));
    let plain = row_of(OutcomeKind::Failure, with(failure(), "message", json!("visible output empty")));
    assert_eq!(
        (&plain.fields["http_status"], &plain.fields["provider_error_code"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn only_the_server_says_who_and_which_row() {
    let mut document = run();
    for name in ["_id", "posted", "received_at", "key_id", "runner", "clock_suspect"] {
        document[name] = json!("mine");
    }
    let row = row_of(OutcomeKind::Run, document.clone());
    assert!(row.text("_id").starts_with("posted/"));
    assert_eq!((row.text("key_id"), row.text("runner")), ("k1", "aws-1"));
    assert_eq!(row.fields["posted"].as_object().unwrap().len(), 6);
    let mut other = posted(OutcomeKind::Run, document);
    other.stamps.key_id = "k2".to_owned();
    assert_eq!(super::row(other, &published()).unwrap().fields["_id"], row.fields["_id"]);
}

#[test]
fn an_id_is_the_runners_own_or_none() {
    let with_id = |id: &str| {
        let mut post = posted(OutcomeKind::Run, with(run(), "_id", json!(id)));
        post.id = Some(id.to_owned());
        super::row(post, &published())
    };
    for id in [
        "01K1J0000000000000000000RN",
        "bedrock/amazon.nova-pro-v1:0/cloud-default-v1/main/2026-11-23T08:30:00Z",
    ] {
        let row = with_id(id).unwrap();
        assert_eq!((row.text("_id"), row.fields.get("posted")), (id, None));
    }
    for id in
        ["", "groq/m/cloud-default-v1/main/2026-11-23T08:30:00Z", "posted/1", "01K1J0000000000000000000R\n"]
    {
        assert_eq!(with_id(id).unwrap_err().field, "id", "{id}");
    }
}

#[test]
fn a_clock_far_off_is_said_and_nothing_is_lost() {
    let dated = |ts: &str| row_of(OutcomeKind::Run, with(run(), "run_ts", json!(ts)));
    let told = |ts: &str| {
        let row = dated(ts);
        (row.fields.get("clock_suspect").cloned(), row.place, row.moves_health)
    };
    assert_eq!(told("2026-11-23 09:09:00"), (None, RowDestination::Published, true));
    assert_eq!(told("2026-11-23 09:11:00"), (Some(json!(true)), RowDestination::Probe, true));
    assert_eq!(told("2026-10-01 00:00:00"), (Some(json!(true)), RowDestination::Probe, true));
}

#[test]
fn a_flaw_names_the_field_and_not_its_value() {
    let flaw = |kind, document| row(posted(kind, document), &published()).unwrap_err();
    for (name, value) in [
        ("provider", json!("")),
        ("provider", Value::Null),
        ("model_name", json!("a\nb")),
        ("run_ts", json!("secret")),
        ("gen_ts", Value::Null),
        ("tokens_per_second", json!("secret")),
        ("tokens_per_second", json!(0)),
        ("generate_time", json!(-1.5)),
        ("provider", json!("../secret")),
        ("model_name", json!("secret\u{202e}")),
        ("model_name", json!("__proto__")),
        ("model_name", json!("secret".repeat(50))),
        ("sample_role", json!("secret\u{200b}")),
        ("run_ts", json!("9999-01-01 00:00:00")),
        ("gen_ts", json!("0001-01-01 00:00:00")),
        ("output_tokens", json!(-64)),
        ("time_to_first_token", json!(-0.1)),
        ("times_between_tokens", json!([0.1, null])),
        ("misc", json!("secret")),
        ("odd", json!(u64::MAX)),
    ] {
        let error = flaw(OutcomeKind::Run, with(run(), name, value));
        assert_eq!(error.field, name);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for name in ["stage", "message", "error_kind"] {
        assert_eq!(flaw(OutcomeKind::Failure, with(failure(), name, Value::Null)).field, name);
    }
}

#[test]
fn a_list_is_read_whole_or_named() {
    let entry = |id: &str| json!({"model_id": id, "name": "Nova", "raw": {"modelLifecycle": {"status": "ACTIVE"}, "providerName": null}});
    let body = json!({"provider": "bedrock", "pagination_complete": true, "started_at": "2026-11-23 08:54:59",
        "models": [entry("b"), entry("a"), entry("a")]});
    let read = |body: &Value| listing(body.as_object().unwrap(), stamps().received_at);
    let complete = read(&body).unwrap();
    assert_eq!((complete.status, complete.raw_count, complete.models.len()), (ReadStatus::Completed, 3, 2));
    assert_eq!(complete.models[0].facts.lifecycle.as_deref(), Some("ACTIVE"));
    assert_eq!(complete.started_at, field_types::parse_date("2026-11-23T08:54:59Z").unwrap());
    let partial =
        read(&with(with(body.clone(), "pagination_complete", json!(false)), "started_at", Value::Null));
    let partial = partial.unwrap();
    assert_eq!((partial.status, partial.started_at), (ReadStatus::Partial, partial.finished_at));
    assert!(read(&with(body.clone(), "models", json!([]))).unwrap().models.is_empty());
    for (name, value, field) in [
        ("models", json!({}), "models"),
        ("models", json!([entry("a"), {"model_id": " "}]), "models[1].model_id"),
        ("models", json!([1]), "models[0]"),
        ("pagination_complete", json!("yes"), "pagination_complete"),
        ("started_at", json!("soon"), "started_at"),
        ("provider", json!(1), "provider"),
    ] {
        assert_eq!(read(&with(body.clone(), name, value)).unwrap_err().field, field);
    }
}

/// Any JSON that a body can hold.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300_f64).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-c$._]{0,4}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    /// A field keeps its name, or is set aside, or is the reason for refusing the post.
    #[test]
    fn no_field_is_lost(extra in prop::collection::hash_map("[a-z_$.%]{1,8}|_id|posted|runner|misc|run_ts|suspect", json_value(), 0..8)) {
        let mut document = run();
        for (name, value) in &extra {
            document[name.as_str()] = value.clone();
        }
        match row(posted(OutcomeKind::Run, document.clone()), &published()) {
            Err(flaw) => prop_assert!(extra.contains_key(&flaw.field), "{flaw}"),
            Ok(row) => {
                for (name, value) in document.as_object().unwrap() {
                    let aside = row.fields.get("posted").and_then(|aside| aside.get(name));
                    let kept = aside.or_else(|| row.fields.get(name));
                    let typed = field_type(name).and_then(|wanted| super::coerced(wanted, value.clone()));
                    let coerced = typed.unwrap_or_else(|| value.clone());
                    prop_assert!(kept == Some(&coerced) || kept == Some(value), "{name}: {kept:?}");
                }
            }
        }
    }
}

#[test]
fn a_direct_provider_s_row_has_the_endpoint_that_the_operator_named_unless_it_states_one() {
    let tag_of = |provider: &str, name: &str, value: Value| {
        let document = with(with(run(), "provider", json!(provider)), name, value);
        row_of(OutcomeKind::Run, document).text("route_endpoint_tag").to_owned()
    };
    assert_eq!(tag_of("tagged", "route_endpoint_tag", Value::Null), "tagged/us-east-1");
    assert_eq!(tag_of("tagged", "route_endpoint_tag", json!("tagged/eu")), "tagged/eu");
    assert_eq!(tag_of("tagged", "transport_provider", json!("openrouter")), "");
    assert_eq!(tag_of("other", "route_endpoint_tag", Value::Null), "");
    let stamped = row_of(OutcomeKind::Run, with(run(), "provider", json!("tagged")));
    assert_eq!(stamped.fields.get(super::TAG_IS_OURS), Some(&json!(true)));
    let stated = with(with(run(), "provider", json!("tagged")), "route_endpoint_tag", json!("tagged/eu"));
    assert_eq!(row_of(OutcomeKind::Run, stated).fields.get(super::TAG_IS_OURS), None);
}

#[test]
fn a_slot_of_a_pinned_endpoint_is_an_id_of_its_model() {
    let posted = |provider: &str, id: &str| {
        let document = with(with(run(), "provider", json!(provider)), "model_name", json!("a/b"));
        let Value::Object(document) = document else { panic!() };
        let post = Posted { kind: OutcomeKind::Run, document, id: Some(id.to_owned()), stamps: stamps() };
        row(post, &published()).map(|row| row.text("_id").to_owned())
    };
    let id = "openrouter/a/b@deepinfra/fp4/cloud-default-v1/main/2026-11-29T16:00:00Z";
    assert_eq!(posted("openrouter", id).as_deref(), Ok(id));
    assert!(posted("groq", &id.replace("openrouter", "groq")).is_err());
    assert!(posted("openrouter", "openrouter/a/bc@x/main").is_err());
}

#[test]
fn a_run_of_a_profile_without_a_rate_may_say_null() {
    let ids = ["cloud-default-v1", "cloud-long-v1"].map(str::to_owned);
    let profiles = PublishedProfiles::new(ids.to_vec(), vec![ids[1].clone()]);
    let long = with(run(), "benchmark_profile_id", json!("cloud-long-v1"));
    for rate in [json!(40.0), Value::Null] {
        let document = with(long.clone(), "tokens_per_second", rate);
        let row = super::row(posted(OutcomeKind::Run, document), &profiles).unwrap();
        let stored = (row.place, &row.fields["tokens_per_second"]);
        assert_eq!(stored, (RowDestination::Published, &Value::Null));
    }
    let mut without = long.clone();
    without.as_object_mut().unwrap().remove("tokens_per_second");
    for (document, field) in [
        (without, "tokens_per_second"),
        (with(run(), "tokens_per_second", Value::Null), "tokens_per_second"),
        (with(long.clone(), "tokens_per_second", json!(0)), "tokens_per_second"),
        (with(long, "generate_time", Value::Null), "generate_time"),
    ] {
        let flaw = super::row(posted(OutcomeKind::Run, document), &profiles).unwrap_err();
        assert_eq!(flaw.field, field);
    }
}
