//! Documents of a real MongoDB, as JSON.

use super::peers::Mongod;
use mongodb::bson::{Bson, Document, doc};
use serde_json::{Map, Value};

/// Every document of these collections of a database.
pub fn rows(mongod: &Mongod, database: &str, collections: &[&str]) -> Vec<Map<String, Value>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut all = Vec::new();
        for collection in collections {
            let database = mongod.database(database).await;
            let mut cursor = database.collection::<Document>(collection).find(doc! {}).await.unwrap();
            while cursor.advance().await.unwrap() {
                let document = cursor.deserialize_current().unwrap();
                let Value::Object(row) = plain(Bson::Document(document)) else { panic!() };
                all.push(row);
            }
        }
        all
    })
}

fn plain(value: Bson) -> Value {
    match value {
        Bson::DateTime(at) => at.try_to_rfc3339_string().unwrap().into(),
        Bson::Document(fields) => fields.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        Bson::Array(values) => values.into_iter().map(plain).collect(),
        Bson::String(text) => text.into(),
        Bson::Boolean(flag) => flag.into(),
        Bson::Int32(number) => number.into(),
        Bson::Int64(number) => number.into(),
        Bson::Double(number) => number.into(),
        _ => Value::Null,
    }
}
