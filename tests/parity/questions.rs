//! The table of questions: the snippet that operators pasted, the command that answers it now, and where in its document the
//! answer stands. Names that a row lacks are a dash on both sides, names that are no text are written as JSON.

use super::world::World;
use crate::support::mongosh::Mongosh;
use serde_json::{Map, Value, json};

/// What stands before every snippet: the window, and how names are written.
const PRELUDE: &str = r#"
const now = Date.now(), day = new Date(now - 24 * 3600 * 1000), week = new Date(now - 7 * 24 * 3600 * 1000);
const word = v => v === undefined || v === null ? "-" : typeof v === "string" ? v : EJSON.stringify(v);
const name = (provider, model) => word(provider) + ":" + word(model);
const counted = (rows, key) => Object.fromEntries(rows.map(row => [key(row._id), row.n]));
const pairs = (collection, time) => new Set(db[collection].aggregate([
    { $match: { [time]: { $gte: day } } },
    { $group: { _id: { p: "$provider", m: "$model_name" } } },
]).toArray().map(row => name(row._id.p, row._id.m)));
"#;

struct Question {
    name: &'static str,
    /// An expression of JavaScript.
    snippet: &'static str,
    command: &'static [&'static str],
    answer: fn(&Value) -> Value,
}

const fn question(
    name: &'static str,
    snippet: &'static str,
    command: &'static [&'static str],
    answer: fn(&Value) -> Value,
) -> Question {
    Question { name, snippet, command, answer }
}

static QUESTIONS: [Question; 19] = [
    question(
        "errors of the last 24 h by provider",
        r#"counted(db.errors_cloud.aggregate([
            { $match: { ts: { $gte: day } } }, { $group: { _id: "$provider", n: { $sum: 1 } } },
        ]).toArray(), word)"#,
        &["errors", "summary", "--since", "24h"],
        |told| groups(told, |group| word(&group["provider"])),
    ),
    question(
        "errors by model with a sample message",
        r#"Object.fromEntries(db.errors_cloud.aggregate([
            { $match: { ts: { $gte: day } } }, { $sort: { ts: -1 } },
            { $group: { _id: { p: "$provider", m: "$model_name" }, n: { $sum: 1 }, sample: { $first: "$message" } } },
        ]).toArray().map(row => [name(row._id.p, row._id.m), [row.n, word(row.sample)]]))"#,
        &["errors", "summary", "--by", "model"],
        |told| {
            keyed(&told["groups"], |group| (model(group), json!([group["errors"], word(&group["message"])])))
        },
    ),
    question(
        "errors by stored kind",
        r#"counted(db.errors_cloud.aggregate([
            { $match: { ts: { $gte: day } } }, { $group: { _id: "$error_kind", n: { $sum: 1 } } },
        ]).toArray(), word)"#,
        &["errors", "summary", "--by", "kind"],
        |told| groups(told, |group| word(&group["kind"])),
    ),
    question(
        "errors by kind: rate limit, token mismatch, not found, AWS profile, other",
        r#"counted(db.errors_cloud.aggregate([
            { $match: { ts: { $gte: day } } },
            { $addFields: { text: { $cond: [{ $eq: [{ $type: "$message" }, "string"] }, "$message", ""] } } },
            { $group: { n: { $sum: 1 }, _id: { $switch: { default: "other", branches: [
                { case: { $regexMatch: { input: "$text", regex: /config profile/i } }, then: "aws_profile" },
                { case: { $regexMatch: { input: "$text", regex: /rate limit|too many requests/i } }, then: "rate_limit" },
                { case: { $regexMatch: { input: "$text", regex: /not within 10%/i } }, then: "token_mismatch" },
                { case: { $regexMatch: { input: "$text", regex: /does not exist|not found/i } }, then: "not_found" },
            ] } } } },
        ]).toArray(), word)"#,
        &["errors", "summary", "--by", "cause"],
        |told| groups(told, |group| word(&group["cause"])),
    ),
    question(
        "success against error of a provider over a window",
        r#"(() => { const of = time => ({ provider: "groq", [time]: { $gte: week } });
            const ok = db.metrics_cloud_v2.countDocuments(of("run_ts")), bad = db.errors_cloud.countDocuments(of("ts"));
            return [ok, bad, bad / (ok + bad)]; })()"#,
        &["errors", "summary", "--since", "7d", "--provider", "groq"],
        ratio,
    ),
    question(
        "success against error of a model over a window",
        r#"(() => { const of = time => ({ provider: "openai", model_name: "model-1", [time]: { $gte: day } });
            const ok = db.metrics_cloud_v2.countDocuments(of("run_ts")), bad = db.errors_cloud.countDocuments(of("ts"));
            return [ok, bad, bad / (ok + bad)]; })()"#,
        &["errors", "summary", "--model", "openai:model-1"],
        ratio,
    ),
    question(
        "models with only errors",
        r#"[...pairs("errors_cloud", "ts")].filter(pair => !pairs("metrics_cloud_v2", "run_ts").has(pair)).sort()"#,
        &["errors", "summary", "--only-failing"],
        |told| names(&told["groups"], model),
    ),
    question(
        "enabled models with recent errors",
        r#"(() => { const failed = pairs("errors_cloud", "ts");
            return db.models.find({ enabled: true, deprecated: { $ne: true } }).toArray()
                .map(entry => name(entry.provider, entry.model_id)).filter(pair => failed.has(pair)).sort(); })()"#,
        &["errors", "summary", "--enabled"],
        |told| names(&told["groups"], model),
    ),
    question(
        "enabled models",
        r#"db.models.find({ enabled: true, deprecated: { $ne: true } }).toArray()
            .map(entry => [name(entry.provider, entry.model_id), entry.display_name ?? null]).sort()"#,
        &["models", "list"],
        |told| sorted(&told["models"], |row| json!([model(row), row["display_name"]])),
    ),
    question(
        "recently disabled, with the reason, newest first",
        r#"db.models.find({ enabled: { $ne: true }, disabled_at: { $gte: week } }).sort({ disabled_at: -1 }).toArray()
            .map(entry => [name(entry.provider, entry.model_id), word(entry.disabled_reason), entry.disabled_class])"#,
        &["models", "list", "--disabled", "--since", "7d"],
        |told| {
            listed(&told["models"], |row| json!([model(row), row["disabled_reason"], row["disabled_class"]]))
        },
    ),
    question(
        "catalog size by provider",
        r#"counted(db.provider_catalog.aggregate([{ $group: { _id: "$provider", n: { $sum: 1 } } }]).toArray(), word)"#,
        &["catalog", "list", "--counts"],
        |told| {
            let size = |state: &Value| state["listed"].as_u64().unwrap() + state["gone"].as_u64().unwrap();
            let sizes =
                told["providers"].as_object().unwrap().iter().map(|(name, state)| (name, size(state)));
            sizes.filter(|(_, size)| *size != 0).map(|(name, size)| (name.clone(), json!(size))).collect()
        },
    ),
    question(
        "listed and not measured",
        r#"(() => { const known = new Set(db.models.find().toArray().map(entry => name(entry.provider, entry.model_id)));
            return db.provider_catalog.find().toArray().map(row => name(row.provider, row.model_id))
                .filter(pair => !known.has(pair)).sort(); })()"#,
        &["catalog", "diff"],
        |told| names(&told["listed_not_measured"], listed_model),
    ),
    question(
        "measured and not listed any more",
        r#"(() => { const there = new Set(db.provider_catalog.find().toArray().map(row => name(row.provider, row.model_id)));
            return db.models.find({ enabled: true, deprecated: { $ne: true } }).toArray()
                .map(entry => name(entry.provider, entry.model_id)).filter(pair => !there.has(pair)).sort(); })()"#,
        &["catalog", "diff"],
        |told| names(&told["measured_not_listed"], listed_model),
    ),
    question(
        "last runs",
        r#"db.metrics_cloud_v2.find().sort({ run_ts: -1 }).limit(5).toArray().map(run => word(run._id)).sort()"#,
        &["results", "list", "-n", "5"],
        |told| sorted(&told["runs"], |run| run["_id"].clone()),
    ),
    question(
        "last runs of a provider",
        r#"db.metrics_cloud_v2.find({ provider: "groq" }).sort({ run_ts: -1 }).limit(4).toArray()
            .map(run => run._id).sort()"#,
        &["results", "list", "--provider", "groq", "-n", "4"],
        |told| sorted(&told["runs"], |run| run["_id"].clone()),
    ),
    question(
        "newest run",
        r#"db.metrics_cloud_v2.find().sort({ run_ts: -1 }).limit(1).toArray().map(run => word(run._id))"#,
        &["results", "list", "-n", "1"],
        |told| listed(&told["runs"], |run| run["_id"].clone()),
    ),
    question(
        "newest run of a model, and when",
        r#"(run => [run._id, run.run_ts.toISOString()])(db.metrics_cloud_v2
            .find({ provider: "openai", model_name: "model-1" }).sort({ run_ts: -1 }).limit(1).toArray()[0])"#,
        &["results", "list", "--model", "openai:model-1", "-n", "1"],
        |told| json!([told["runs"][0]["_id"], told["runs"][0]["run_ts"]]),
    ),
    question(
        "runs per model",
        r#"counted(db.metrics_cloud_v2.aggregate([
            { $group: { _id: { p: "$provider", m: "$model_name" }, n: { $sum: 1 } } },
        ]).toArray(), id => name(id.p, id.m))"#,
        &["results", "list", "--counts", "--published"],
        |told| keyed(&told["models"], |row| (model(row), row["runs"].clone())),
    ),
    question(
        "runs per model of the last 24 h, with the newest",
        r#"Object.fromEntries(db.metrics_cloud_v2.aggregate([
            { $match: { run_ts: { $gte: day } } },
            { $group: { _id: { p: "$provider", m: "$model_name" }, n: { $sum: 1 }, at: { $max: "$run_ts" } } },
        ]).toArray().map(row => [name(row._id.p, row._id.m), [row.n, row.at.toISOString()]]))"#,
        &["results", "list", "--counts", "--published", "--since", "24h"],
        |told| keyed(&told["models"], |row| (model(row), json!([row["runs"], row["newest_at"]]))),
    ),
];

#[tokio::test]
async fn every_snippet_has_a_command_that_says_the_same() {
    let mongosh = Mongosh::get();
    let world = World::new().await;
    let entry = |question: &Question| format!("[{}]: {},\n", json!(question.name), question.snippet);
    let snippets: String = QUESTIONS.iter().map(entry).collect();
    let said = mongosh.ask(&world.uri(), &format!("{PRELUDE}\nprint(JSON.stringify({{\n{snippets}}}))"));
    for Question { name, command, answer, .. } in &QUESTIONS {
        let (told, said) = (answer(&world.told(command)), &said[name]);
        assert!(!is_empty(said), "{name}: the database holds nothing that would be seen");
        assert!(
            same(&told, said),
            "{name}: llmbench {}\n  llmbench: {told}\n  mongosh:  {said}",
            command.join(" ")
        );
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || *value == json!([]) || *value == json!({})
}

/// Equal, whatever the order of keys and the type of numbers; ratios to a billionth.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            (one.as_f64().unwrap() - other.as_f64().unwrap()).abs() < 1e-9
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

fn model(row: &Value) -> String {
    format!("{}:{}", word(&row["provider"]), word(&row["model"]))
}

fn listed_model(row: &Value) -> String {
    format!("{}:{}", word(&row["provider"]), word(&row["model_id"]))
}

fn keyed(rows: &Value, entry: impl Fn(&Value) -> (String, Value)) -> Value {
    Value::Object(rows.as_array().unwrap().iter().map(entry).collect::<Map<_, _>>())
}

fn groups(told: &Value, key: impl Fn(&Value) -> String) -> Value {
    keyed(&told["groups"], |group| (key(group), group["errors"].clone()))
}

fn ratio(told: &Value) -> Value {
    json!([told["successes"], told["errors"], told["error_rate"]])
}

fn listed(rows: &Value, item: impl Fn(&Value) -> Value) -> Value {
    rows.as_array().unwrap().iter().map(item).collect()
}

fn sorted(rows: &Value, item: impl Fn(&Value) -> Value) -> Value {
    let mut items: Vec<Value> = rows.as_array().unwrap().iter().map(item).collect();
    items.sort_by_key(ToString::to_string);
    items.into()
}

fn names(rows: &Value, name: impl Fn(&Value) -> String) -> Value {
    sorted(rows, |row| name(row).into())
}
