//! Documents as the Python runner's own code wrote them, from `tests/data/python-runner-documents.json`.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document};
use serde_json::Value;

/// The documents of a collection.
pub fn documents(collection: &str) -> Vec<Document> {
    let samples: Value = serde_json::from_str(include_str!("../data/python-runner-documents.json")).unwrap();
    let row = |row: &Value| match bson(row) {
        Bson::Document(row) => row,
        other => panic!("{other}"),
    };
    samples[collection].as_array().unwrap().iter().map(row).collect()
}

/// Canonical extended JSON as BSON.
fn bson(value: &Value) -> Bson {
    let Value::Object(fields) = value else {
        return match value {
            Value::Null => Bson::Null,
            Value::Bool(flag) => Bson::Boolean(*flag),
            Value::String(text) => Bson::String(text.clone()),
            Value::Array(items) => Bson::Array(items.iter().map(bson).collect()),
            other => panic!("no bare {other} in canonical extended JSON"),
        };
    };
    let tagged = |tag: &str| fields.get(tag).and_then(Value::as_str);
    if let Some(id) = tagged("$oid") {
        Bson::ObjectId(ObjectId::parse_str(id).unwrap())
    } else if let Some(number) = tagged("$numberInt") {
        Bson::Int32(number.parse().unwrap())
    } else if let Some(number) = tagged("$numberLong") {
        Bson::Int64(number.parse().unwrap())
    } else if let Some(number) = tagged("$numberDouble") {
        Bson::Double(number.parse().unwrap())
    } else if let Some(date) = fields.get("$date") {
        Bson::DateTime(DateTime::from_millis(bson(date).as_i64().unwrap()))
    } else {
        Bson::Document(fields.iter().map(|(name, value)| (name.clone(), bson(value))).collect())
    }
}
