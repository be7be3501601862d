//! Outcomes in the form in which they are posted: the row that a store would get, one JSON object each, in bodies
//! that the bridge accepts. Pure.

use crate::domain::{Outcome, PublishedProfiles};
use crate::storage::StoreError;
use crate::storage::outcomes::document;
use crate::storage::outcomes::document::Row;
use crate::storage::outcomes::payload::OutcomePayload;

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
    fn a_body_is_an_array() {
        let one = |json: &str| PostItem { id: String::new(), json: json.to_owned() };
        assert_eq!(body(&[one("{}"), one("1")]), "[{},1]");
    }
}
