//! One part of a calibration: runs under one set of conditions, joined with what the server saw by the id of each.

use super::simulator_process::SimulatorProcess;
use crate::commands::run::access::SIMULATOR;
use crate::domain::redact::Redactor;
use crate::domain::sourced::{Source, Sourced};
use crate::domain::{ModelRef, Outcome, Run, profile};
use crate::http::{HttpClient, ProxyRules};
use crate::measure::busy_loop::BusyLoop;
use crate::measure::calibration::{CalibrationCell, CalibrationSample, CellConditions, ServerTimes};
use crate::measure::clock_thread::ClockThread;
use crate::measure::decode_thread::DecodeThread;
use crate::measure::measurer::{AttemptResult, Measurer, RequestSpec, Target};
use crate::providers::auth::Credential;
use crate::providers::builtin_hosts::built_in;
use crate::providers::route::{ProviderRoute, RouteAccess};
use crate::wire::{ExchangeLimits, Origin, WireRequest};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// 50 ms to the first of 24 tokens, then one every 5 ms: short, and with a pace that one millisecond would spoil.
const MODEL: &str = "steady-ttft50-gap5-n24";
/// The fewest runs of a cell.
const FEWEST_RUNS: usize = 40;
/// Waves of a cell with many streams.
const WAVES: usize = 2;
/// The most runs of a cell; the simulator remembers four times as many.
const MOST_RUNS: usize = 1000;

/// What measures, and the server that knows the truth.
pub struct Bench {
    measurer: Measurer,
    target: Target,
    request: RequestSpec,
    http: HttpClient,
    truth: Origin,
}

impl Bench {
    /// Sets up the measuring of this simulator. `slowed` stops the measuring thread again and again, for a test.
    ///
    /// # Errors
    /// A sentence.
    pub fn new(simulator: &SimulatorProcess, slowed: Option<Duration>) -> Result<Self, String> {
        let clock_thread = ClockThread::start_slowed(Arc::clone(&simulator.tls), slowed);
        let threads = clock_thread.and_then(|clock_thread| Ok((clock_thread, DecodeThread::start()?)));
        let (clock_thread, decode_thread) = threads.map_err(|error| format!("no thread: {error}"))?;
        let mut host = built_in()
            .into_iter()
            .find(|host| host.name == SIMULATOR)
            .ok_or("the simulator is no provider of this program")?;
        host.base_url = Some(Sourced::new(format!("{}/v1", simulator.base_url), Source::Default));
        let access = RouteAccess::Known(Credential::None);
        let [profile, ..] = profile::built_in();
        let limits = ExchangeLimits::default();
        let http = HttpClient::new(&simulator.tls, ProxyRules::default(), limits.connect)?;
        Ok(Self {
            measurer: Measurer {
                clock_thread,
                decode_thread,
                redactor: Arc::new(Redactor::new()),
                calibration: Arc::new(|| None),
                keeps_chunk_times: false,
            },
            target: Target {
                model: ModelRef::new(SIMULATOR, MODEL),
                route: Arc::new(ProviderRoute { host, access }),
                metadata: Map::new(),
                learned: Vec::new(),
            },
            request: RequestSpec { profile, role: "calibration".to_owned(), limits, warm: false },
            http,
            truth: origin(&simulator.base_url)?,
        })
    }

    /// Measures under these conditions.
    ///
    /// # Errors
    /// A simulator that does not tell what it saw.
    pub async fn measure(&self, conditions: CellConditions) -> Result<CalibrationCell, String> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let load: Vec<_> = (0..cores).filter(|_| conditions.busy).map(|_| BusyLoop::start()).collect();
        let runs = (conditions.streams * WAVES).max(FEWEST_RUNS).min(MOST_RUNS.max(conditions.streams));
        let one = |_| self.measurer.measure(&self.target, &self.request, None);
        let ended: Vec<Vec<AttemptResult>> =
            stream::iter(0..runs).map(one).buffer_unordered(conditions.streams).collect().await;
        drop(load);
        let seen = self.truth(runs).await?;
        let samples: Vec<CalibrationSample> =
            ended.iter().filter_map(|attempts| sample(&attempts.last()?.outcome, &seen)).collect();
        Ok(CalibrationCell::of(conditions, &samples, runs - samples.len()))
    }

    /// What the simulator saw of its newest requests, by their ids.
    async fn truth(&self, count: usize) -> Result<HashMap<String, ServerTimes>, String> {
        let request = WireRequest {
            method: "GET",
            target: self.truth.clone(),
            proxy: None,
            path: format!("/truth?recent={count}&tokens=1"),
            headers: Vec::new(),
            body: Bytes::new(),
        };
        let limits = ExchangeLimits { body_bytes: 64 * 1024 * 1024, ..ExchangeLimits::default() };
        let answer = self.http.send(&request, &limits).await;
        let document: Value = serde_json::from_slice(&answer.body)
            .map_err(|error| format!("the simulator does not tell what it saw: {error}"))?;
        let requests = document["requests"].as_array().ok_or("the simulator tells no requests")?;
        Ok(requests.iter().filter_map(server_times).collect())
    }
}

fn server_times(request: &Value) -> Option<(String, ServerTimes)> {
    let tokens = request["visible_token_seconds"].as_array()?;
    let tokens: Option<Vec<Duration>> =
        tokens.iter().map(|at| Duration::try_from_secs_f64(at.as_f64()?).ok()).collect();
    let times = ServerTimes::of(&tokens?, request["seconds"]["end"].as_f64()?)?;
    Some((request["id"].as_str()?.to_owned(), times))
}

fn sample(outcome: &Outcome, seen: &HashMap<String, ServerTimes>) -> Option<CalibrationSample> {
    let Outcome::Success(run) = outcome else { return None };
    let Run { speeds, phases, quality, provider_request_id, .. } = &**run;
    Some(CalibrationSample {
        server: *seen.get(provider_request_id.as_deref()?)?,
        connect: phases.connect_seconds.unwrap_or(0.0),
        ttft: speeds.time_to_first_token?,
        inter_token_latency: speeds.inter_token_latency,
        tokens_per_second: speeds.tokens_per_second,
        suspect: quality.suspect,
        clock_source: quality.clock_source.clone(),
    })
}

fn origin(base_url: &str) -> Result<Origin, String> {
    let url = url::Url::parse(base_url).map_err(|error| format!("{base_url}: {error}"))?;
    let host = url.host_str().ok_or_else(|| format!("{base_url} has no host"))?.to_owned();
    let port = url.port_or_known_default().ok_or_else(|| format!("{base_url} has no port"))?;
    Ok(Origin { tls: url.scheme() == "https", host, port })
}
