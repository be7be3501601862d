//! Interprets a bridge's answers strictly: a row counts as stored only if a complete answer in the bridge's own
//! format names its id. Everything else is an error; its kind decides if rows wait, are quarantined, or are posted in
//! smaller batches. Pure.

use super::http_client::BridgeReply;
use super::post_items::PostItem;
use crate::storage::{RecordOutcome, StoreError};
use serde_json::Value;

/// The longest quotation of an answer in a message, characters.
const LONGEST: usize = 300;

/// The reason why a body was not accepted as a whole.
#[derive(Debug, Clone)]
pub enum PostError {
    /// An error that does not concern single rows: all of them wait.
    Store(StoreError),
    /// The body is too large or partly unreadable: smaller batches will show the faulty row.
    Smaller(String),
}

/// The result of each item of a posted body, in order.
///
/// # Errors
/// [`PostError`] if the answer does not have one entry for each item.
pub fn kept(
    answer: &BridgeReply,
    items: &[PostItem],
) -> Result<Vec<Result<RecordOutcome, StoreError>>, PostError> {
    if answer.status != 200 {
        return Err(refused(answer));
    }
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(told) = document.get("results").and_then(Value::as_array) else {
        return Err(PostError::Store(foreign(answer)));
    };
    if told.len() != items.len() {
        let why = format!("the bridge answered for {} rows, and {} were posted", told.len(), items.len());
        return Err(PostError::Store(StoreError::Unavailable(why)));
    }
    Ok(items.iter().zip(told).enumerate().map(|(place, (item, told))| one(item, told, place)).collect())
}

/// The result of one item.
fn one(item: &PostItem, told: &Value, place: usize) -> Result<RecordOutcome, StoreError> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(shown);
    let named = told.get("id").and_then(Value::as_str) == Some(item.id.as_str())
        && told.get("item").and_then(Value::as_u64) == Some(place as u64);
    if !named {
        let why = "the bridge's answer does not name the row; it may or may not be stored".to_owned();
        return Err(StoreError::Unavailable(why));
    }
    match told.get("status").and_then(Value::as_str) {
        Some("accepted") => match told.get("duplicate").and_then(Value::as_bool) {
            Some(true) => Ok(RecordOutcome::Duplicate),
            _ => Ok(RecordOutcome::Stored),
        },
        Some("rejected") => {
            let why = text(told, "reason").unwrap_or_else(|| "without a reason".to_owned());
            Err(StoreError::Rejected(format!("the bridge does not take it: {why}")))
        }
        _ => {
            let error = told.get("error").cloned().unwrap_or_default();
            let why = text(&error, "message").unwrap_or_else(|| "it gave no reason".to_owned());
            Err(match error.get("code").and_then(Value::as_str) {
                Some("conflict") => StoreError::Conflict(format!("the bridge: {why}")),
                Some("schema") => StoreError::Rejected(format!("the bridge: {why}")),
                Some("forbidden") => StoreError::Denied(format!("the bridge: {why}")),
                _ => StoreError::Unavailable(format!("the bridge: {why}")),
            })
        }
    }
}

/// The meaning of a status other than 200 for a body of rows.
fn refused(answer: &BridgeReply) -> PostError {
    let own = own(answer);
    match (answer.status, own) {
        // A proxy can send this too: its limit may be lower than the bridge's.
        (413, own) => PostError::Smaller(own.map_or("it is too large".to_owned(), |(_, message)| message)),
        (400 | 422, Some((_, message))) => PostError::Smaller(message),
        _ => PostError::Store(refusal(answer)),
    }
}

/// True if an answer to a batch comes from a bridge that is older than batches: it has no such path, or understands no
/// array.
pub fn knows_no_batch(answer: &BridgeReply) -> bool {
    // The error format of the Python bridge's framework. A page of a proxy in between, while a bridge is replaced, says
    // nothing about the bridge.
    let is_its_error =
        || serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body.get("detail").is_some());
    matches!(answer.status, 400 | 404 | 405 | 422) && is_its_error()
}

/// The result of one row or list that was posted alone, by the rules of the Python runner: a success with an object that
/// does not say `rejected`. Such a bridge tells no duplicate.
///
/// # Errors
/// [`StoreError`] if it was not taken.
pub fn single(answer: &BridgeReply) -> Result<RecordOutcome, StoreError> {
    let body = serde_json::from_slice::<Value>(&answer.body).ok().filter(Value::is_object);
    match (answer.status, body) {
        (200..=299, Some(body)) if body.get("status").and_then(Value::as_str) == Some("rejected") => {
            let why = body.get("reason").and_then(Value::as_str).map_or("without a reason".to_owned(), shown);
            Err(StoreError::Rejected(format!("the bridge does not take it: {why}")))
        }
        (200..=299, Some(body)) if body.get("error").is_none() => Ok(RecordOutcome::Stored),
        (400 | 413 | 422, Some(body)) => {
            let why = shown(&body.get("detail").unwrap_or(&body).to_string());
            Err(StoreError::Rejected(format!("the bridge cannot take it: {why}")))
        }
        _ => Err(refusal(answer)),
    }
}

/// The meaning of an unexpected status for the bridge as a whole.
pub fn refusal(answer: &BridgeReply) -> StoreError {
    let status = answer.status;
    let said = own(answer).map(|(code, message)| format!(" ({code}): {message}")).unwrap_or_default();
    match status {
        200..=299 => foreign(answer),
        300..=399 => StoreError::Denied(format!(
            "it answered {status}, a redirection, and none is followed: name the bridge's own address"
        )),
        401 => StoreError::Denied(format!("the bridge refuses the key: 401{said}")),
        403 => StoreError::Denied(format!("the bridge does not allow this: 403{said}")),
        404 | 405 => {
            StoreError::Broken(format!("there is no bridge at this address: it answered {status}{said}"))
        }
        _ => StoreError::Unavailable(format!("the bridge answered {status}{said}")),
    }
}

/// The error for a success that does not come from the bridge: a captive portal, a proxy's page.
pub fn foreign(answer: &BridgeReply) -> StoreError {
    let begins = String::from_utf8_lossy(&answer.body[..answer.body.len().min(60)]).into_owned();
    StoreError::Unavailable(format!(
        "something answered {} that is not the bridge, with `{}`: nothing counts as stored",
        answer.status,
        shown(begins.trim())
    ))
}

/// Code and message, if the answer has the format of the bridge's errors.
fn own(answer: &BridgeReply) -> Option<(String, String)> {
    let document: Value = serde_json::from_slice(&answer.body).ok()?;
    let error = document.get("error")?;
    error.get("request_id")?;
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(shown);
    Some((text("code")?, text("message")?))
}

/// A text from outside, truncated, without control characters that could move a cursor.
fn shown(text: &str) -> String {
    let mut out = String::new();
    for ch in text.chars().take(LONGEST) {
        if ch.is_control() { out.extend(ch.escape_default()) } else { out.push(ch) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::json;

    fn answer(status: u16, body: impl ToString) -> BridgeReply {
        BridgeReply { status, wait: None, body: Bytes::from(body.to_string()) }
    }

    fn items(ids: &[&str]) -> Vec<PostItem> {
        ids.iter().map(|id| PostItem { id: (*id).to_owned(), json: String::new() }).collect()
    }

    fn word(answer: &Result<RecordOutcome, StoreError>) -> &'static str {
        match answer {
            Ok(RecordOutcome::Stored) => "stored",
            Ok(RecordOutcome::Duplicate) => "duplicate",
            Err(StoreError::Unavailable(_)) => "unavailable",
            Err(StoreError::Denied(_)) => "denied",
            Err(StoreError::Conflict(_)) => "conflict",
            Err(StoreError::Rejected(_)) => "rejected",
            Err(StoreError::Broken(_)) => "broken",
        }
    }

    #[test]
    fn each_row_has_an_answer_that_names_it() {
        let error = |code: &str| json!({"status": "error", "error": {"code": code, "message": "m"}});
        let mut told = vec![
            json!({"status": "accepted", "duplicate": false}),
            json!({"status": "accepted", "duplicate": true}),
            json!({"status": "rejected", "reason": "model is not enabled in catalog"}),
            error("conflict"),
            error("schema"),
            error("forbidden"),
            error("store_unavailable"),
            error("bug"),
            json!({"status": "accepted"}),
        ];
        let ids: Vec<String> = (0..told.len()).map(|place| format!("id{place}")).collect();
        for (place, (told, id)) in told.iter_mut().zip(&ids).enumerate() {
            (told["item"], told["id"]) = (json!(place), json!(id));
        }
        told[8]["id"] = json!("another");
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let found = kept(&answer(200, json!({"status": "accepted", "results": told})), &items(&ids)).unwrap();
        assert_eq!(
            found.iter().map(word).collect::<Vec<_>>(),
            [
                "stored",
                "duplicate",
                "rejected",
                "conflict",
                "rejected",
                "denied",
                "unavailable",
                "unavailable",
                "unavailable"
            ]
        );
    }

    #[test]
    fn whatever_is_not_the_bridges_confirms_nothing() {
        let own =
            |code: &str| json!({"error": {"code": code, "message": "m", "request_id": "r"}}).to_string();
        let short = json!({"status": "accepted", "results": []}).to_string();
        for (status, body, expected) in [
            (200, "<html>Welcome to the hotel</html>".to_owned(), "unavailable"),
            (200, "{}".to_owned(), "unavailable"),
            (200, "[]".to_owned(), "unavailable"),
            (200, String::new(), "unavailable"),
            (200, short, "unavailable"),
            (202, own("x"), "unavailable"),
            (204, String::new(), "unavailable"),
            (307, String::new(), "denied"),
            (401, own("unauthorized"), "denied"),
            (403, "<html>".to_owned(), "denied"),
            (404, own("not_found"), "broken"),
            (400, "<html>".to_owned(), "unavailable"),
            (422, "{}".to_owned(), "unavailable"),
            (429, String::new(), "unavailable"),
            (500, own("bug"), "unavailable"),
            (503, own("store_unavailable"), "unavailable"),
        ] {
            match kept(&answer(status, &body), &items(&["a"])) {
                Err(PostError::Store(error)) => assert_eq!(word(&Err(error)), expected, "{status} {body}"),
                other => panic!("{status} {body}: {other:?}"),
            }
        }
        for (status, body) in [(413, "<html>".to_owned()), (422, own("schema")), (400, own("syntax"))] {
            assert!(matches!(kept(&answer(status, body), &items(&["a"])), Err(PostError::Smaller(_))));
        }
    }

    #[test]
    fn an_old_bridge_is_known_by_its_answer_to_a_batch() {
        let own = json!({"error": {"code": "not_found", "message": "m", "request_id": "r"}});
        let detail = json!({"detail": [{"msg": "Input should be a valid dictionary"}]});
        for (status, body, old) in [
            (404, json!({"detail": "Not Found"}), true),
            (405, json!("x"), false),
            (405, json!({"detail": "Method Not Allowed"}), true),
            (422, detail, true),
            (404, own.clone(), false),
            (422, own, false),
            (200, json!({}), false),
            (503, json!({"detail": "x"}), false),
        ] {
            assert_eq!(knows_no_batch(&answer(status, &body)), old, "{status} {body}");
        }
    }

    #[test]
    fn a_single_row_is_stored_by_the_python_runners_rules() {
        let said = |status, body: Value| word(&single(&answer(status, body)));
        assert_eq!(said(200, json!({"status": "accepted"})), "stored");
        assert_eq!(said(201, json!({"inserted": 1})), "stored");
        assert_eq!(said(202, json!({"status": "rejected", "reason": "r"})), "rejected");
        assert_eq!((said(200, json!([])), said(200, json!("ok"))), ("unavailable", "unavailable"));
        assert_eq!((said(422, json!({"detail": "x"})), said(401, json!({}))), ("rejected", "denied"));
        assert_eq!((said(404, json!({"detail": "x"})), said(500, json!({}))), ("broken", "unavailable"));
    }

    #[test]
    fn nothing_that_came_can_move_a_cursor() {
        let said = foreign(&answer(200, "\u{1b}[2J<html>")).to_string();
        assert!(said.contains("\\u{1b}[2J<html>"), "{said}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_and_none_confirms_a_row_that_it_does_not_name(
            status in 100u16..600, body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let found = kept(&BridgeReply { status, wait: None, body: Bytes::from(body) }, &items(&["01X"]));
            prop_assert!(!matches!(found, Ok(found) if found.iter().any(Result::is_ok)));
        }
    }
}
