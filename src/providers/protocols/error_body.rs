//! Reads provider errors from JSON, in all documented or observed shapes: one reader for error bodies and for errors
//! inside streams. `providers::errors` interprets them.

use super::StreamError;
use crate::wire::sse;
use serde_json::Value;

/// Parses the body of an unsuccessful answer; `None` if it is not JSON, or JSON without an error.
///
/// Shapes: OpenAI and its copies `{"error":{message,type,param,code}}`; Anthropic
/// `{"type":"error","error":{…}}`; Google the same with a numeric code and `status`, also inside an array;
/// Fireworks and DeepInfra `{"error":"…"}`; DeepInfra `{"detail":…}` with an object, a text or FastAPI's list;
/// Cerebras, Bedrock and Cohere flat `{"message":…}`, Databricks with an `error_code`, Mistral with FastAPI's list in it; OpenRouter with `metadata`. Bedrock names the type in a header,
/// `x-amzn-errortype`, which the caller has to add. Any of them may stand in the data of a server-sent event: some
/// hosts open the stream before they know that they refuse.
pub fn error_body(body: &[u8]) -> Option<StreamError> {
    from_json(body).or_else(|| sse::events(body).find_map(|event| from_json(&event.data)))
}

fn from_json(body: &[u8]) -> Option<StreamError> {
    let text = String::from_utf8_lossy(body);
    let bare =
        text.trim_start_matches(|c: char| c.is_whitespace() || c == '[' || c == ',' || c == '\u{FEFF}');
    let value = serde_json::Deserializer::from_str(bare).into_iter::<Value>().next()?.ok()?;
    from_document(&value)
}

/// Parses a whole JSON document that may be an error.
pub(super) fn from_document(document: &Value) -> Option<StreamError> {
    if let Some(error) = document.get("error").filter(|error| is_truthy(error)) {
        return Some(from_value(error, document));
    }
    match document.get("detail") {
        Some(detail @ (Value::String(_) | Value::Object(_))) => {
            let inner = detail.get("error").filter(|error| is_truthy(error)).unwrap_or(detail);
            return Some(from_value(inner, document));
        }
        Some(Value::Array(list)) => return Some(from_validation(list)),
        _ => {}
    }
    // Mistral wraps that list once more, and writes its own type and code around it.
    let wrapped = document.pointer("/message/detail").or_else(|| document.get("message"));
    if let Some(list) = wrapped.and_then(Value::as_array) {
        return Some(from_validation(list));
    }
    let flat = ["message", "Message"].iter().any(|key| word(document, key).is_some());
    flat.then(|| from_value(document, &Value::Null))
}

/// Parses an error object or text; `around` is the enclosing document, for a `status_code` beside it.
pub(super) fn from_value(error: &Value, around: &Value) -> StreamError {
    let code = code(error);
    let family = word(error, "type").filter(|kind| Some(*kind) != code.as_deref() && *kind != "error");
    StreamError {
        family: family.map(str::to_owned),
        code,
        message: message(error),
        status: [error.get("status_code"), error.get("code"), error.get("status"), around.get("status_code")]
            .into_iter()
            .chain([error.get("originalStatusCode")])
            .flatten()
            .find_map(status),
        param: word(error, "param").map(str::to_owned),
    }
}

/// True for values that the JavaScript and Python readers of provider SDKs take for an error: anything
/// but null, false, zero and emptiness.
pub(super) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// FastAPI's list of errors in a request: `[{"loc":["body","temperature"],"msg":"…","type":"…"}]`.
fn from_validation(list: &[Value]) -> StreamError {
    let messages: Vec<&str> = list.iter().filter_map(|item| word(item, "msg")).collect();
    let first = list.first().unwrap_or(&Value::Null);
    let place = first.get("loc").and_then(Value::as_array).and_then(|path| path.last());
    StreamError {
        code: word(first, "type").map(str::to_owned),
        family: None,
        message: if messages.is_empty() { Value::from(list).to_string() } else { messages.join("; ") },
        status: None,
        param: place.and_then(Value::as_str).map(str::to_owned),
    }
}

/// The provider's word for the error, from the most specific place: Anthropic puts its spend limit in
/// `details.error_code`, OpenRouter the upstream's code in `metadata`; OpenAI's flat events have the type `error`.
fn code(error: &Value) -> Option<String> {
    let detail = error.get("details").and_then(|details| word(details, "error_code"));
    let metadata = error.get("metadata");
    detail
        .or_else(|| word(error, "code"))
        .or_else(|| word(error, "error_code"))
        .or_else(|| word(error, "type").filter(|kind| *kind != "error"))
        .or_else(|| word(error, "status"))
        .or_else(|| metadata.and_then(|metadata| word(metadata, "error_type")))
        .or_else(|| metadata.and_then(|metadata| word(metadata, "provider_code")))
        .map(str::to_owned)
}

fn message(error: &Value) -> String {
    if let Some(text) = error.as_str() {
        return text.to_owned();
    }
    let keys = ["message", "Message", "msg", "error", "detail", "originalMessage"];
    let Some(text) = keys.iter().find_map(|key| word(error, key)) else { return error.to_string() };
    // OpenRouter says "Provider returned error" and keeps the provider's own words here.
    match error.get("metadata").and_then(|metadata| word(metadata, "raw")) {
        Some(raw) => format!("{text}: {raw}"),
        None => text.to_owned(),
    }
}

/// An HTTP status of 100 to 599, as a number or as text.
fn status(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (100..600).contains(status))
}

fn word<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (Option<String>, String, Option<u16>, Option<String>) {
        let error = error_body(body.as_bytes()).unwrap();
        (error.code, error.message, error.status, error.param)
    }

    fn expected(
        code: Option<&str>,
        message: &str,
        status: Option<u16>,
        param: Option<&str>,
    ) -> (Option<String>, String, Option<u16>, Option<String>) {
        (code.map(str::to_owned), message.to_owned(), status, param.map(str::to_owned))
    }

    #[test]
    fn openai_prefers_its_code_and_names_the_parameter() {
        assert_eq!(
            read(
                r#"{"error":{"message":"No.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}"#
            ),
            expected(Some("unsupported_value"), "No.", None, Some("temperature"))
        );
        assert_eq!(
            read(r#"{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":null}}"#),
            expected(Some("invalid_request_error"), "No.", None, None)
        );
    }

    #[test]
    fn anthropic_and_its_spend_limit() {
        assert_eq!(
            read(
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#
            ),
            expected(Some("overloaded_error"), "Overloaded", None, None)
        );
        assert_eq!(
            read(r#"{"type":"error","error":{"type":"rate_limit_error","message":"Cap","details":{"error_code":"enforced_spend_limit_reached"}}}"#).0,
            Some("enforced_spend_limit_reached".to_owned())
        );
    }

    #[test]
    fn google_alone_or_in_an_array() {
        let google =
            r#"{"error":{"code":429,"message":"Exhausted","status":"RESOURCE_EXHAUSTED","details":[]}}"#;
        let wanted = expected(Some("RESOURCE_EXHAUSTED"), "Exhausted", Some(429), None);
        assert_eq!(read(google), wanted);
        assert_eq!(read(&format!("[{google}\n]")), wanted);
        assert_eq!(read(&format!("[{google}")), wanted);
    }

    #[test]
    fn mistral_and_databricks_in_their_own_shapes() {
        let forbidden = r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden",
            "loc":["body","stream_options","include_usage"],"msg":"Extra inputs are not permitted","input":true}]},
            "type":"invalid_request_error","param":null,"code":null}"#;
        let wanted =
            expected(Some("extra_forbidden"), "Extra inputs are not permitted", None, Some("include_usage"));
        assert_eq!(read(forbidden), wanted);
        let plain = r#"{"object":"error","message":"Invalid model: x","type":"invalid_model","param":null,"code":"1500"}"#;
        assert_eq!(read(plain), expected(Some("1500"), "Invalid model: x", None, None));
        assert_eq!(error_body(plain.as_bytes()).unwrap().family.as_deref(), Some("invalid_model"));
        let missing =
            r#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"The given endpoint does not exist"}"#;
        let wanted =
            expected(Some("RESOURCE_DOES_NOT_EXIST"), "The given endpoint does not exist", None, None);
        assert_eq!(read(missing), wanted);
    }

    #[test]
    fn deepinfra_in_four_shapes() {
        assert_eq!(read(r#"{"detail":{"error":"inference prohibited"}}"#).1, "inference prohibited");
        assert_eq!(read(r#"{"error":"no such model"}"#).1, "no such model");
        assert_eq!(read(r#"{"detail":"Not Found"}"#).1, "Not Found");
        assert_eq!(
            read(
                r#"{"detail":[{"loc":["body","temperature"],"msg":"too high","type":"less_than"},{"msg":"and"}]}"#
            ),
            expected(Some("less_than"), "too high; and", None, Some("temperature"))
        );
    }

    #[test]
    fn flat_shapes_of_cerebras_and_bedrock() {
        assert_eq!(
            read(
                r#"{"message":"Bad","type":"invalid_request_error","param":"max_tokens","code":"wrong_api_key"}"#
            ),
            expected(Some("wrong_api_key"), "Bad", None, Some("max_tokens"))
        );
        assert_eq!(read(r#"{"message":"Too many tokens"}"#).1, "Too many tokens");
        assert_eq!(read(r#"{"Message":"Denied"}"#).1, "Denied");
    }

    #[test]
    fn openrouter_carries_the_upstreams_words() {
        let body = r#"{"error":{"code":402,"message":"Provider returned error","metadata":{"raw":"no credit","error_type":"payment"}}}"#;
        assert_eq!(
            read(body),
            expected(Some("payment"), "Provider returned error: no credit", Some(402), None)
        );
    }

    #[test]
    fn an_error_in_an_event_is_found() {
        let stream = ": wait\n\nevent: error\ndata: {\"error\":{\"message\":\"No.\",\"code\":\"insufficient_quota\"}}\n\n\
                      data: [DONE]\n\n";
        assert_eq!(read(stream), expected(Some("insufficient_quota"), "No.", None, None));
        assert_eq!(error_body(b"data: {\"choices\":[]}\n\ndata: [DONE]\n\n"), None);
    }

    #[test]
    fn what_is_no_error_is_none() {
        for body in
            ["", "<html>", "{", "{}", "[]", "7", r#"{"error":null,"choices":[]}"#, r#"{"type":"message"}"#]
        {
            assert_eq!(error_body(body.as_bytes()), None, "{body}");
        }
    }
}
