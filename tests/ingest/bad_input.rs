//! Bad input by the hundred, over real sockets: each gets an answer of the one shape with the right status, repeats no
//! secret, and leaves the server well.

use super::served::{INGEST_KEY, Served, failure, request, result, with};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

/// A body, the status that it gets, and a piece of the path or code that the error names.
type Case = (String, u16, &'static str);

fn case(body: &str, status: u16, names: &'static str) -> Case {
    (body.to_owned(), status, names)
}

/// Bodies that are no JSON.
fn malformed() -> Vec<Case> {
    vec![
        case("", 400, "syntax"),
        case(" \t\r\n", 400, "syntax"),
        case("{", 400, "syntax"),
        case("{\"provider\"", 400, "syntax"),
        case("{\"provider\": \"bedrock\"", 400, "syntax"),
        case("{\"provider\": \"bedrock", 400, "$.provider"),
        case("{}x", 400, "syntax"),
        case("{}{}", 400, "syntax"),
        case("{},", 400, "syntax"),
        case("\u{feff}{}", 400, "syntax"),
        case("{'provider': 'x'}", 400, "syntax"),
        case("{provider: 1}", 400, "syntax"),
        case("{\"a\": NaN}", 400, "$.a"),
        case("{\"a\": Infinity}", 400, "$.a"),
        case("{\"a\": -Infinity}", 400, "$.a"),
        case("{\"a\": 1e999}", 400, "$.a"),
        case("{\"a\": 01}", 400, "$.a"),
        case("{\"a\": +1}", 400, "$.a"),
        case("{\"a\": .5}", 400, "$.a"),
        case("{\"a\": 0x10}", 400, "syntax"),
        case("{\"a\": \"\\x\"}", 400, "$.a"),
        case("{\"a\": \"\\ud800\"}", 400, "$.a"),
        case("{\"a\": \"\n\"}", 400, "$.a"),
        case("{\"a\": \"\u{0}\"}", 400, "$.a"),
        case("{\"a\": undefined}", 400, "$.a"),
        case("{\"a\": 1,}", 400, "syntax"),
        case("// comment\n{}", 400, "syntax"),
        case("<html></html>", 400, "syntax"),
        case("provider=bedrock&model_name=x", 400, "syntax"),
    ]
}

fn bodies() -> Vec<Case> {
    let mut cases = vec![
        case("null", 422, "$"),
        case("true", 422, "$"),
        case("1", 422, "$"),
        case("\"text\"", 422, "$"),
        case("[]", 422, "$"),
        case("[{}]", 422, "$"),
        case("{}", 422, "$.provider"),
        case("{\"a\": 1, \"a\": 2}", 422, "$.a"),
        case("{\"misc\": {\"x\": {\"y\": 1, \"y\": 1}}}", 422, "$.misc.x.y"),
        case("{\"a\": [1, {\"b\": 1, \"b\": 2}]}", 422, "$.a[1].b"),
        case("{\"$where\": \"sleep(9)\"}", 422, "$where"),
        case("{\"misc\": {\"$gt\": 1}}", 422, "$gt"),
        case("{\"a.b\": 1}", 422, "a.b"),
        case("{\"misc\": {\"a.b\": 1}}", 422, "$.misc"),
        case("{\"\": 1}", 422, "schema"),
        case("{\"a\\u0000b\": 1}", 422, "schema"),
        case("{\"a\\nb\": 1}", 422, "schema"),
        case("{\"a\\u001b[2J\": 1}", 422, "schema"),
        case("{\"__proto__\": {\"x\": 1}}", 422, "$.__proto__"),
        case("{\"misc\": {\"a\": [{\"__proto__\": 1}]}}", 422, "$.misc.a[0].__proto__"),
        case("{\"a\u{202e}b\": 1}", 422, "schema"),
        case("{\"a\": 9223372036854775808}", 422, "$.a"),
        case("{\"a\": -9223372036854775809}", 422, "$.a"),
        case("{\"a\": 18446744073709551616}", 422, "$.a"),
        case("{\"a\": 1e30}", 422, "$.a"),
        case("{\"a\": 123456789012345678901234567890}", 422, "$.a"),
    ];
    cases.extend(malformed());
    cases.extend(too_much());
    cases.extend(wrong_results());
    cases
}

/// More than anybody needs.
fn too_much() -> Vec<Case> {
    let keys: Vec<String> = (0..10_000).map(|at| format!("\"k{at}\":0")).collect();
    vec![
        (format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), 422, "schema"),
        (format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40)), 422, "$.a.a.a"),
        (format!("{{\"{}\": 1}}", "k".repeat(300)), 422, "schema"),
        (format!("{{{}}}", keys.join(",")), 422, "schema"),
        (format!("{{\"a\": {}}}", "9".repeat(5000)), 400, "$.a"),
        // Ten thousand keys, none of whose objects has many.
        (with(result(), "misc", json!(vec![json!({"a": 1, "b": {"c": 2}}); 3_400])).to_string(), 422, "$"),
        (with(result(), "x", json!(vec![json!({"a": 1}); 1_000])).to_string(), 422, "$"),
    ]
}

/// Results with one field that is wrong, or missing.
fn wrong_results() -> Vec<Case> {
    let mut cases = Vec::new();
    for field in ["provider", "model_name", "run_ts", "gen_ts", "generate_time", "tokens_per_second"] {
        let mut without = result();
        without.as_object_mut().unwrap().remove(field);
        cases.push((without.to_string(), 422, "$."));
        for wrong in [json!(null), json!([]), json!({}), json!(true)] {
            cases.push((with(result(), field, wrong).to_string(), 422, "$."));
        }
    }
    let wrong = wrong_types().into_iter().chain(wrong_values());
    cases.extend(wrong.map(|(field, value)| (with(result(), field, value).to_string(), 422, field)));
    cases
}

/// Fields with a value of another type, or one that no parser takes.
fn wrong_types() -> Vec<(&'static str, Value)> {
    vec![
        ("provider", json!("")),
        ("provider", json!(" ")),
        ("provider", json!("a\nb")),
        ("provider", json!("\u{1b}[31m")),
        ("model_name", json!("a\u{0}b")),
        ("model_name", json!(7)),
        ("run_ts", json!("yesterday")),
        ("run_ts", json!("2026-13-01 00:00:00")),
        ("run_ts", json!("2026-02-30 00:00:00")),
        ("run_ts", json!(1_795_424_371)),
        ("gen_ts", json!("2026-11-23 25:00:00")),
        ("gen_ts", json!("99999-01-01 00:00:00")),
        ("tokens_per_second", json!(0)),
        ("tokens_per_second", json!(-1.5)),
        ("tokens_per_second", json!("33")),
        ("generate_time", json!(0.0)),
        ("generate_time", json!("fast")),
        ("output_tokens", json!(1.5)),
        ("output_tokens", json!("many")),
        ("times_between_tokens", json!([0.1, null])),
        ("times_between_tokens", json!("none")),
        ("times_between_tokens", json!([[1]])),
        ("misc", json!([])),
        ("misc", json!("x")),
        ("ttft_available", json!(1)),
        ("temperature", json!("hot")),
        ("time_to_first_token", json!(false)),
        ("response_id", json!(5)),
    ]
}

/// Fields with a value of their type that cannot be.
fn wrong_values() -> Vec<(&'static str, Value)> {
    vec![
        ("provider", json!("../../etc")),
        ("provider", json!("__proto__")),
        ("provider", json!("p".repeat(257))),
        ("model_name", json!("a\u{202e}b")),
        ("model_name", json!("a\u{200b}b")),
        ("model_name", json!("a/../b")),
        ("benchmark_profile_id", json!("..")),
        ("sample_role", json!("published\u{200d}")),
        ("run_ts", json!("0001-01-01 00:00:00")),
        ("run_ts", json!("2019-12-31 23:59:59")),
        ("run_ts", json!("9999-12-31 23:59:59")),
        ("gen_ts", json!(ahead(26))),
        ("output_tokens", json!(-1)),
        ("output_tokens", json!(1_i64 << 62)),
        ("reasoning_tokens", json!(i64::MIN)),
        ("total_tokens", json!(1_000_000_000_000_i64)),
        ("tokens_per_second", json!(2.2e18)),
        ("visible_tokens_per_second", json!(-3)),
        ("generate_time", json!(1e9)),
        ("time_to_first_token", json!(-0.001)),
        ("time_to_first_token", json!(1e8)),
        ("times_between_tokens", json!([0.1, -0.1])),
    ]
}

/// A date so many hours ahead, as a runner writes it.
fn ahead(hours: i64) -> String {
    (Utc::now() + TimeDelta::hours(hours)).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// What is dated wrongly, and yet can be, is kept where nobody publishes it.
#[tokio::test]
async fn a_row_whose_clock_is_doubted_is_kept_and_not_published() {
    let served = Served::on_sqlite(&[]).await;
    for run_ts in [ahead(2), ahead(-24 * 31)] {
        assert_eq!(served.post("/ingest", &with(result(), "run_ts", json!(run_ts))).status, 200, "{run_ts}");
    }
    let database = served.url.strip_prefix("sqlite:").unwrap();
    let connection = rusqlite::Connection::open(database).unwrap();
    let count = |published: bool| -> i64 {
        let asked = "SELECT count(*) FROM runs WHERE published = ?1";
        connection.query_row(asked, [published], |row| row.get(0)).unwrap()
    };
    assert_eq!((count(true), count(false)), (0, 2));
    assert_eq!(served.post("/ingest", &result()).status, 200);
    assert_eq!((count(true), count(false)), (1, 2));
}

#[tokio::test]
async fn every_bad_body_has_its_answer() {
    let served = Served::on_sqlite(&["--rate", "100000"]).await;
    let cases = bodies();
    assert!(cases.len() >= 100, "{}", cases.len());
    let mut wrong = Vec::new();
    for (body, status, names) in &cases {
        let shown: String = body.chars().take(120).collect();
        let answer = served.post_as("/ingest", body, &format!("X-API-Key: {INGEST_KEY}\r\n"));

        let code = answer.code();
        let error = &answer.json()["error"];
        let field = error["field"].as_str().unwrap_or_default();
        if answer.status != *status || !(code == *names || field.contains(names)) {
            wrong.push(format!("{shown}: {} {error}", answer.status));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(served.post("/ingest", &result()).status, 200);
    let (status, said) = served.stop();
    assert_eq!(status, Some(0), "{said}");
    assert!(!said.contains(INGEST_KEY) && !said.contains("panicked"), "{said}");
}

#[tokio::test]
async fn other_posts_are_checked_too() {
    let served = Served::on_sqlite(&[]).await;
    let listing =
        json!({"provider": "bedrock", "pagination_complete": true, "started_at": null, "models": []});
    let model = |model: Value| with(listing.clone(), "models", json!([model]));
    for (path, body, field) in [
        ("/ingest/error", with(failure(), "stage", json!(null)), "$.stage"),
        ("/ingest/error", with(failure(), "message", json!({})), "$.message"),
        ("/ingest/error", with(failure(), "error_kind", json!(4)), "$.error_kind"),
        ("/ingest/error", with(failure(), "ts", json!("noon")), "$.ts"),
        ("/ingest/error", with(failure(), "model_name", json!("")), "$.model_name"),
        ("/ingest/error", json!([failure()]), "$"),
        ("/ingest/catalog", with(listing.clone(), "models", json!({})), "$.models"),
        (
            "/ingest/catalog",
            with(listing.clone(), "pagination_complete", json!("yes")),
            "$.pagination_complete",
        ),
        ("/ingest/catalog", with(listing.clone(), "started_at", json!("soon")), "$.started_at"),
        ("/ingest/catalog", with(listing.clone(), "provider", json!(null)), "$.provider"),
        ("/ingest/catalog", model(json!("x")), "$.models[0]"),
        ("/ingest/catalog", model(json!({"model_id": ""})), "$.models[0].model_id"),
        ("/ingest/catalog", model(json!({"model_id": "a/../b"})), "$.models[0].model_id"),
        (
            "/ingest/catalog",
            model(json!({"model_id": "a", "raw": vec![json!({"k": 1}); 1_000]})),
            "$.models[0]",
        ),
        ("/ingest/catalog", with(listing.clone(), "provider", json!("a\u{2066}b")), "$.provider"),
        (
            "/ingest/catalog",
            with(listing.clone(), "started_at", json!("9999-01-01 00:00:00")),
            "$.started_at",
        ),
        ("/ingest/error", with(failure(), "ts", json!("0001-01-01 00:00:00")), "$.ts"),
        ("/ingest/error", with(failure(), "provider", json!("__proto__")), "$.provider"),
        ("/ingest/error", with(failure(), "stage", json!("a\u{202e}b")), "$.stage"),
        ("/ingest/batch", json!({}), "$.results"),
        ("/ingest/batch", json!({"results": {}}), "$.results"),
        ("/ingest/batch", json!(5), "$"),
    ] {
        let answer = served.post(path, &body);
        assert_eq!((answer.status, answer.code().as_str()), (422, "schema"), "{path} {body}");
        assert_eq!(answer.json()["error"]["field"], field, "{path} {body}");
    }
}

#[tokio::test]
async fn types_encodings_and_sizes_are_refused_by_name() {
    let served = Served::on_sqlite(&[]).await;
    let key = format!("X-API-Key: {INGEST_KEY}\r\n");
    let body = result().to_string();
    let send = |headers: &str, body: &[u8]| {
        served.send(&request("POST", "/ingest", &format!("{key}{headers}"), body))
    };
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data"]
    {
        let answer = send(&format!("Content-Type: {kind}\r\n"), body.as_bytes());
        assert_eq!((answer.status, answer.code().as_str()), (415, "content_type"), "{kind}");
    }
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, gzip", "nonsense"] {
        // A bomb is never inflated: nothing is.
        let answer = send(&format!("Content-Encoding: {encoding}\r\n"), &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
        assert_eq!((answer.status, answer.code().as_str()), (415, "content_encoding"), "{encoding}");
    }
    assert_eq!(send("Content-Type: application/json; charset=utf-8\r\n", body.as_bytes()).status, 200);
    let large = vec![b' '; (1 << 20) + 1];
    for size in [large.len(), 5 << 20, 40 << 20] {
        let answer = send("Content-Type: application/json\r\n", &vec![b' '; size]);
        assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"), "{size}");
    }
    let items = json!(vec![0; 1001]);
    let answer = served.post("/ingest/batch", &items);
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_many_items"));
}
