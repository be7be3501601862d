//! Outcomes in the form in which they are posted: the row that a store would get, one JSON object each, in bodies
//! that the bridge accepts. Pure.

use crate::domain::canary::is_beside_series;
use crate::domain::{Outcome, PublishedProfiles};
use crate::storage::StoreError;
use crate::storage::outcomes::document;
use crate::storage::outcomes::document::Row;
use crate::storage::outcomes::field_types::parse_date;
use crate::storage::outcomes::payload::OutcomePayload;
use serde_json::{Map, Value};

/// The largest number of items in one body; the bridge accepts 1,000.
const MOST_ITEMS: usize = 500;
/// The largest body, bytes, unless one item alone is larger. A bridge reads this much to the end even if it refuses
/// the key, so the client sees its answer.
const MOST_BYTES: usize = 900 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostItem {
    /// The row's id; the bridge's answer refers to it.
    pub id: String,
    pub json: String,
}

/// Turns an outcome into an item.
///
/// # Errors
/// [`StoreError::Rejected`] if no store could keep it.
pub fn item(outcome: &Outcome) -> Result<PostItem, StoreError> {
    // The module with the collections decides to which of them a row belongs.
    document::row(outcome, &PublishedProfiles::default()).map(written)
}

/// Turns the document of an outcome into an item.
///
/// # Errors
/// As [`item`].
pub fn item_of(payload: &OutcomePayload) -> Result<PostItem, StoreError> {
    document::row_of(payload, &PublishedProfiles::default()).map(written)
}

fn written(row: Row) -> PostItem {
    PostItem { id: row.text("_id").to_owned(), json: row.json() }
}

/// The path and the body of an item that is posted alone to an older bridge, as the Python runner posts it: dates in
/// whole seconds without a zone, and no id.
///
/// # Errors
/// [`StoreError::Rejected`] if the item is no object, or the row of a counterpart or a canary: such a bridge may not know
/// these roles and publish it.
pub fn single(item: &PostItem) -> Result<(&'static str, String), StoreError> {
    let Ok(mut row) = serde_json::from_str::<Map<String, Value>>(&item.json) else {
        return Err(StoreError::Rejected("the row is no JSON object".to_owned()));
    };
    if is_beside_series(row.get("sample_role").and_then(Value::as_str)) {
        return Err(StoreError::Rejected(HELD_BACK.to_owned()));
    }
    let failure = row.contains_key("error_kind") && row.contains_key("stage");
    if let Some(id) = row.remove("_id") {
        row.insert("attempt_id".to_owned(), id);
    }
    for name in DATES {
        let at = row.get(name).and_then(Value::as_str).and_then(parse_date);
        if let Some(at) = at {
            row.insert(name.to_owned(), Value::String(at.format("%Y-%m-%d %H:%M:%S").to_string()));
        }
    }
    if failure {
        row.entry("exc_type").or_insert_with(|| Value::String(String::new()));
    }
    let path = if failure { "/ingest/error" } else { "/ingest" };
    Ok((path, Value::Object(row).to_string()))
}

/// Why the row of a counterpart or a canary is not posted alone.
const HELD_BACK: &str = "the bridge has no `/ingest/batch` and could publish this row, the warm half of a pair or the answer \
    of a canary: update the bridge, then send the row again";

/// Dates of a row that the Python runner posts.
const DATES: [&str; 3] = ["run_ts", "gen_ts", "ts"];

/// Splits items into bodies, in order.
pub fn bodies(mut items: &[PostItem]) -> Vec<&[PostItem]> {
    let mut bodies = Vec::new();
    while !items.is_empty() {
        let mut bytes = 0;
        let fits = |item: &&PostItem| {
            bytes += item.json.len() + 1;
            bytes <= MOST_BYTES
        };
        let many = items.iter().take(MOST_ITEMS).take_while(fits).count().max(1);
        let (body, rest) = items.split_at(many);
        bodies.push(body);
        items = rest;
    }
    bodies
}

/// The body of a post: a JSON array of the items.
pub fn body(items: &[PostItem]) -> String {
    let rows: Vec<&str> = items.iter().map(|item| item.json.as_str()).collect();
    format!("[{}]", rows.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::canary::CANARY_ROLE;
    use crate::domain::pair::COUNTERPART;
    use serde_json::json;

    fn item(bytes: usize) -> PostItem {
        PostItem { id: "i".to_owned(), json: "x".repeat(bytes) }
    }

    #[test]
    fn bodies_are_bounded_by_number_and_size_and_lose_nothing() {
        let sizes = |items: &[PostItem]| bodies(items).iter().map(|body| body.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        assert_eq!(sizes(&vec![item(10); 1201]), [500, 500, 201]);
        assert_eq!(sizes(&[item(MOST_BYTES * 2), item(1), item(MOST_BYTES)]), [1, 1, 1]);
        assert_eq!(sizes(&vec![item(300 * 1024 - 1); 7]), [3, 3, 1]);
    }

    #[test]
    fn an_old_bridge_gets_rows_as_the_python_runner_posts_them() {
        let one = |json: Value| {
            let (path, body) = single(&PostItem { id: "i".to_owned(), json: json.to_string() }).unwrap();
            (path, serde_json::from_str::<Value>(&body).unwrap())
        };
        let run = json!({"_id": "01X", "run_ts": "2026-11-29T10:00:00.123Z", "model_name": "m", "odd": [1]});
        let posted =
            json!({"attempt_id": "01X", "run_ts": "2026-11-29 10:00:00", "model_name": "m", "odd": [1]});
        assert_eq!(one(run), ("/ingest", posted));
        let failure =
            json!({"_id": "01Y", "ts": "2026-11-29T10:00:00Z", "stage": "stream", "error_kind": "timeout"});
        let (path, posted) = one(failure);
        assert_eq!(
            (path, &posted["ts"], &posted["exc_type"]),
            ("/ingest/error", &json!("2026-11-29 10:00:00"), &json!(""))
        );
        assert!(single(&PostItem { id: String::new(), json: "[]".to_owned() }).is_err());
    }

    #[test]
    fn an_old_bridge_gets_no_row_that_it_could_publish() {
        let failure = json!({"stage": "stream", "error_kind": "timeout"});
        for mut row in [json!({}), failure] {
            let single = |row: &Value| single(&PostItem { id: "i".to_owned(), json: row.to_string() });
            row["sample_role"] = "published".into();
            assert!(single(&row).is_ok(), "{row}");
            for role in [COUNTERPART, CANARY_ROLE] {
                row["sample_role"] = role.into();
                let held_back = single(&row);
                assert!(
                    matches!(&held_back, Err(StoreError::Rejected(why)) if why == HELD_BACK),
                    "{role}: {held_back:?}"
                );
            }
        }
    }

    #[test]
    fn a_body_is_an_array() {
        let one = |json: &str| PostItem { id: String::new(), json: json.to_owned() };
        assert_eq!(body(&[one("{}"), one("1")]), "[{},1]");
    }
}
