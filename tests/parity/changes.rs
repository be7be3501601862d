//! What operators changed by hand and change by command now: each sees what the other did.

use super::world::World;
use crate::support::mongosh::Mongosh;
use serde_json::json;

const FIELDS: &str = "const entry = id => (({ enabled, status, disabled_reason, disabled_class, disabled_at }) => \
    ({ enabled, status, disabled_reason, disabled_class, at: disabled_at instanceof Date }))\
    (db.models.findOne({ provider: 'groq', model_id: id }) ?? {});";

#[tokio::test]
async fn added_and_disabled_by_command_is_seen_by_the_snippet() {
    let mongosh = Mongosh::get();
    let world = World::new().await;
    world.done(&["models", "add", "groq:new-one", "--no-probe", "--yes"]);
    world.done(&[
        "models",
        "disable",
        "groq:model-0",
        "--reason",
        "says 404",
        "--class",
        "hard_model",
        "--yes",
    ]);
    let script = "print(JSON.stringify([entry('new-one'), entry('model-0'), \
        db.models.countDocuments({ model_id: 'new-one' }), db.models.countDocuments({ model_id: 'model-0' })]))";
    let said = mongosh.ask(&world.uri(), &format!("{FIELDS} {script}"));
    assert_eq!((&said[0]["enabled"], &said[0]["status"]), (&json!(false), &json!("probing")));
    let off = json!({ "enabled": false, "disabled_reason": "says 404", "disabled_class": "hard_model", "at": true });
    assert_eq!(said[1], off);
    // One entry in the catalog for each: nothing was copied, nothing deleted.
    assert_eq!((&said[2], &said[3]), (&json!(1), &json!(3)));
}

#[tokio::test]
async fn added_and_disabled_by_snippet_is_seen_by_the_command() {
    let mongosh = Mongosh::get();
    let world = World::new().await;
    let script = "db.models.insertOne({ provider: 'groq', model_id: 'by-hand', display_name: 'By hand', enabled: true, \
            created_at: new Date() });
        db.models.updateOne({ provider: 'groq', model_id: 'model-1' }, { $set: { enabled: false, \
            disabled_reason: 'no quota', disabled_class: 'quota', disabled_at: new Date() } });
        print(JSON.stringify(db.models.countDocuments({ enabled: true, deprecated: { $ne: true } })))";
    let enabled = mongosh.ask(&world.uri(), script);
    let told = world.told(&["models", "list"]);
    assert_eq!(json!(told["models"].as_array().unwrap().len()), enabled);
    let shown = world.told(&["models", "show", "groq:by-hand"]);
    assert_eq!(shown["models"][0]["model"]["display_name"], "By hand");
    let newest = &world.told(&["models", "list", "--disabled", "--since", "1h"])["models"];
    assert_eq!(newest.as_array().unwrap().len(), 1);
    assert_eq!((&newest[0]["model"], &newest[0]["disabled_reason"]), (&json!("model-1"), &json!("no quota")));
}
