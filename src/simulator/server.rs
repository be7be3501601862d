//! The simulator's HTTP side: accepts, reads requests, chooses the answer. `response_writer` decides the content of
//! an answer, `playback` its timing.

use super::error_response::SimErrorResponse;
use super::ground_truth::{RecentRequests, RequestRecord, STAMPS_A_REQUEST};
use super::instrumented_stream::{UnflushedOutput, Wire};
use super::listing;
use super::playback::Playback;
use super::request::{self, SimRequest};
use super::response_writer::{ResponseContext, writer};
use super::route::{SimHost, SimRoute, route};
use super::scenario::{Scenario, SimFault};
use super::script::{Script, SimTokenPlan};
use super::timer::Timer;
use crate::providers::protocols::Dialect;
use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest request body, in bytes.
const BODY_LIMIT: usize = 16 << 20;
/// Requests listed by `/truth` by default.
const TRUTH_DEFAULT: usize = 256;

/// A streamed body or one that is known in full.
pub type SimBody = Either<Playback, Full<Bytes>>;

/// State shared by all connections.
pub struct SimServerState {
    timer: Timer,
    ring: RecentRequests,
    issued: AtomicU64,
}

/// A request to generate, parsed as far as its path goes.
struct SimCall {
    dialect: Dialect,
    host: SimHost,
    id: String,
}

impl SimServerState {
    pub fn new(timer: Timer) -> Self {
        Self { timer, ring: RecentRequests::default(), issued: AtomicU64::new(1) }
    }

    /// Answers one request on a connection.
    pub async fn answer(self: Arc<Self>, wire: Wire, request: Request<Incoming>) -> Response<SimBody> {
        let (parts, body) = request.into_parts();
        wire.begin(None, false);
        let path = route(parts.method.as_str(), parts.uri.path());
        if let SimRoute::Generate { dialect, host, model } = path {
            let id = format!("sim-{:06}", self.issued.fetch_add(1, Ordering::Relaxed));
            let call = SimCall { dialect, host, id };
            let body = Limited::new(body, BODY_LIMIT).collect().await;
            let asked = match body {
                Err(error) => Err(error.to_string()),
                Ok(body) => read(&call, model, &parts, &body.to_bytes()),
            };
            return self.generate(wire, call, asked).await;
        }
        // An unread body would end the connection; such bodies are small.
        let _ = Limited::new(body, BODY_LIMIT).collect().await;
        let (status, document) = self.tell(&path, &parts);
        json_response(status, &document)
    }

    /// Answers everything that is not a generation.
    fn tell(&self, path: &SimRoute, parts: &Parts) -> (u16, Value) {
        let query = parts.uri.query().unwrap_or_default();
        match path {
            SimRoute::Health => (200, json!({"status": "ok"})),
            SimRoute::Models(host) => {
                let anthropic = parts.headers.contains_key("anthropic-version");
                (200, listing::models(*host, anthropic))
            }
            SimRoute::Endpoints(model) => (200, listing::endpoints(model)),
            SimRoute::Truth => {
                let recent = listing::query_number(query, "recent").unwrap_or(TRUTH_DEFAULT);
                let with_tokens = listing::query_number(query, "tokens") == Some(1);
                let records = self.ring.newest(recent);
                let told: Vec<Value> = records.iter().map(|record| record.to_json(with_tokens)).collect();
                (200, json!({ "requests": told }))
            }
            SimRoute::TruthOf(id) => match self.ring.find(id) {
                Some(record) => (200, record.to_json(true)),
                None => (404, json!({"error": {"message": format!("no recent request `{id}`")}})),
            },
            SimRoute::Generate { .. } | SimRoute::Unknown => {
                (404, json!({"error": {"message": format!("no such path: {}", parts.uri.path())}}))
            }
        }
    }

    async fn generate(
        &self,
        wire: Wire,
        call: SimCall,
        asked: Result<SimRequest, String>,
    ) -> Response<SimBody> {
        let received = wire.last_read();
        let (ask, scenario) = match understand(asked) {
            Ok(understood) => understood,
            Err((model, refusal)) => {
                let record = self.remember(&call, json!({ "model": model }), received, 0);
                return refuse(&wire, &call, &record, &refusal);
            }
        };
        let plan = SimTokenPlan::new(&scenario, ask.budget);
        let about = listing::about(&ask.model, &scenario, &plan);
        let record = self.remember(&call, about, received, room(&scenario, &plan));
        if let Some(refusal) = SimErrorResponse::of_scenario(&scenario, call.dialect, &ask) {
            return refuse(&wire, &call, &record, &refusal);
        }
        match scenario.fault {
            SimFault::Hang => {
                let _gone = ClientGoneGuard(record);
                std::future::pending().await
            }
            SimFault::Html => {
                finished(&wire, &call, &record, 200, "text/html; charset=utf-8", listing::WEB_PAGE)
            }
            SimFault::Redirect => {
                let mut response = finished(&wire, &call, &record, 307, "text/plain", "elsewhere\n");
                let elsewhere = HeaderValue::from_static("http://elsewhere.invalid/v1/chat/completions");
                response.headers_mut().insert(LOCATION, elsewhere);
                response
            }
            _ => self.stream(wire, call, record, ask, scenario, plan),
        }
    }

    fn stream(
        &self,
        wire: Wire,
        call: SimCall,
        record: Arc<RequestRecord>,
        ask: SimRequest,
        scenario: Scenario,
        plan: SimTokenPlan,
    ) -> Response<SimBody> {
        let drip = scenario.fault == SimFault::Drip;
        let setting = ResponseContext {
            id: call.id.clone(),
            created: chrono::Utc::now().timestamp(),
            host: call.host,
            ask,
            fault: scenario.fault,
        };
        let script = Script::new(scenario, plan, writer(call.dialect, setting));
        record.seen().status = 200;
        let playback = Playback::new(wire.clone(), record.clone(), self.timer.alarm(), script, drip);
        wire.begin(Some(record.clone()), drip);
        let mut response = Response::new(Either::Left(playback));
        let kind = match call.dialect {
            Dialect::Converse => "application/vnd.amazon.eventstream",
            _ => "text/event-stream; charset=utf-8",
        };
        if scenario.fault != SimFault::NoContentType {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        listing::mark(response.headers_mut(), &call.id, call.dialect, call.host, record.received);
        response
    }

    fn remember(&self, call: &SimCall, mut about: Value, received: u64, room: usize) -> Arc<RequestRecord> {
        about["dialect"] = json!(format!("{:?}", call.dialect).to_lowercase());
        about["host"] = json!(call.host.name());
        let record = Arc::new(RequestRecord::new(call.id.clone(), about, received, room));
        self.ring.push(record.clone());
        record
    }
}

/// Records that the client left a request that never gets an answer.
struct ClientGoneGuard(Arc<RequestRecord>);

impl Drop for ClientGoneGuard {
    fn drop(&mut self) {
        let mut seen = self.0.seen();
        seen.outcome = "client_gone";
        seen.end = Some(super::clock::now());
    }
}

fn read(call: &SimCall, model: Option<String>, parts: &Parts, body: &[u8]) -> Result<SimRequest, String> {
    let query = parts.uri.query().unwrap_or_default();
    if call.dialect == Dialect::Gemini && !query.split('&').any(|pair| pair == "alt=sse") {
        return Err("the simulator only speaks alt=sse".to_owned());
    }
    request::parse(call.dialect, model, body)
}

/// A request with its scenario, or the model's name and the error.
fn understand(
    asked: Result<SimRequest, String>,
) -> Result<(SimRequest, Scenario), (Option<String>, SimErrorResponse)> {
    let ask = asked.map_err(|message| (None, SimErrorResponse::invalid(message)))?;
    match Scenario::parse(&ask.model) {
        Ok(scenario) => Ok((ask, scenario)),
        Err(error) => Err((Some(ask.model), SimErrorResponse::unknown_model(error.to_string()))),
    }
}

/// Token stamps to keep: none if tokens leave without pauses, or for ever.
fn room(scenario: &Scenario, plan: &SimTokenPlan) -> usize {
    let counts = !scenario.gap.is_zero() && scenario.fault != SimFault::Endless;
    if counts && plan.visible <= STAMPS_A_REQUEST { plan.visible as usize } else { 0 }
}

fn refuse(
    wire: &Wire,
    call: &SimCall,
    record: &Arc<RequestRecord>,
    refusal: &SimErrorResponse,
) -> Response<SimBody> {
    let (body, aws) = refusal.body(call.dialect, call.host, &call.id);
    let mut response = finished(wire, call, record, refusal.status, "application/json", &body.to_string());
    let aws = aws.map(|kind| ("x-amzn-errortype", kind.to_owned()));
    for (name, value) in refusal.headers.iter().cloned().chain(aws) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A whole answer to a request to generate.
fn finished(
    wire: &Wire,
    call: &SimCall,
    record: &Arc<RequestRecord>,
    status: u16,
    kind: &'static str,
    body: &str,
) -> Response<SimBody> {
    record.seen().status = status;
    wire.begin(Some(record.clone()), false);
    wire.hand_over(UnflushedOutput { end: true, ..UnflushedOutput::default() });
    let mut response = whole(status, kind, Bytes::copy_from_slice(body.as_bytes()));
    listing::mark(response.headers_mut(), &call.id, call.dialect, call.host, record.received);
    response
}

fn json_response(status: u16, document: &Value) -> Response<SimBody> {
    whole(status, "application/json", Bytes::from(format!("{document}\n")))
}

fn whole(status: u16, kind: &'static str, body: Bytes) -> Response<SimBody> {
    let mut response = Response::new(Either::Right(Full::new(body)));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
