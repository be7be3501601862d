//! Outcomes made by hand for unit tests: fixed, plausible, and without randomness.

use crate::domain::failure::{Failure, fingerprint, normalize};
use crate::domain::run::{Connection, ConnectionInfo, Phases, Quality, Speeds, StreamShape, Tokens};
use crate::domain::{FailureKind, FailureStage, ModelRef, Outcome, Run};
use crate::measure::collect::OutcomeCollector;
use crate::measure::report::{LoadReport, ModelReport, Report, RequestedConnection, RunParameters};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, json};

/// 12:00:00.250 UTC on a fixed day.
pub fn moment() -> DateTime<Utc> {
    "2026-08-23T12:00:00.250Z".parse().unwrap()
}

/// A run of 64 visible tokens whose first came after `ttft` seconds and whose last came one second later.
pub fn run(provider: &str, model: &str, ttft: f64) -> Run {
    Run {
        id: "01K3BV8Q5W0000000000000000".into(),
        provider: provider.into(),
        model_name: model.into(),
        run_ts: moment(),
        gen_ts: moment() + TimeDelta::milliseconds((ttft * 1000.0) as i64 + 1000),
        temperature: Some(0.1),
        requested_tokens: 64,
        max_output_tokens_attempted: 64,
        tokens: tokens(),
        speeds: speeds(ttft),
        phases: phases(ttft),
        stream: StreamShape {
            stream_resolution: Some("token".into()),
            visible_stream_chunks: 64,
            max_tokens_per_chunk: Some(1),
        },
        connection: Connection::Cold,
        carrier: ConnectionInfo::default(),
        quality: Quality { loop_lag_seconds: 0.0002, dispatch_delay_seconds: 0.0005, ..Quality::default() },
        metrics_schema_version: 2,
        request_mode: format!("{provider}_chat_completions_stream"),
        finish_reason: Some("length".into()),
        response_id: Some("chatcmpl-1".into()),
        provider_request_id: Some("req-1".into()),
        response_status: None,
        response_model: Some(model.into()),
        reasoning_effort: None,
        validation_policy: "visible_nonzero".into(),
        visible_text_empty: false,
        sample_role: "manual".into(),
        benchmark_profile_id: "cloud-default-v1".into(),
        protocol_version: 1,
        definitions_version: Some(2),
        calibration_id: None,
        attempt_group: "01K3BV8Q5V0000000000000000".into(),
        attempt: 1,
        attempts_count: 1,
        pair_id: None,
        pair_position: None,
        cost_usd: None,
        system_fingerprint: Some("fp_1".into()),
        adaptations: Vec::new(),
        transport_provider: None,
        observed_provider: None,
        route_endpoint_tag: None,
        endpoint_mismatch: None,
        quantization: None,
        service_tier: None,
        provider_timing: json!({"queue_time": ttft * 0.25, "prompt_time": ttft * 0.5}).as_object().cloned(),
        measured_by: "llmbench/test".into(),
        misc: Map::new(),
        extra: Map::new(),
    }
}

fn tokens() -> Tokens {
    Tokens {
        output_tokens: Some(64),
        generated_output_tokens: Some(64),
        visible_output_tokens: Some(64),
        reasoning_tokens: None,
        input_tokens: Some(20),
        cached_input_tokens: Some(0),
        total_tokens: Some(84),
        token_source: "provider_usage_completion_tokens".into(),
    }
}

fn speeds(ttft: f64) -> Speeds {
    let total = ttft + 1.0;
    Speeds {
        generate_time: total,
        tokens_per_second: 64.0 / total,
        generated_tokens_per_second: Some(64.0 / total),
        visible_tokens_per_second: Some(64.0 / total),
        decode_tokens_per_second: Some(63.0),
        time_to_first_token: Some(ttft),
        time_to_first_reasoning_token: None,
        ttft_available: true,
        times_between_tokens: vec![0.015, 0.016, 0.017],
        inter_token_latency: Some(1.0 / 63.0),
        time_to_64_visible_tokens_seconds: Some(total),
        ttft_beyond_rtt: None,
        max_stall_seconds: Some(0.017),
    }
}

fn phases(ttft: f64) -> Phases {
    Phases {
        dns_seconds: Some(0.004),
        connect_seconds: Some(0.031),
        proxy_seconds: None,
        tls_seconds: Some(0.018),
        sent_seconds: Some(0.0315),
        transmitted_seconds: None,
        headers_seconds: Some(ttft * 0.75),
        first_event_seconds: Some(ttft * 0.75),
        last_visible_seconds: Some(ttft + 1.0),
    }
}

/// The same run as a starved client would have stamped it.
pub fn suspect(mut run: Run, reason: &str) -> Run {
    run.quality.suspect = true;
    run.quality.suspect_reasons = vec![reason.into()];
    run
}

/// A failure at the answer's head.
pub fn failure(provider: &str, model: &str, kind: FailureKind, message: &str) -> Outcome {
    let normalized = normalize(message);
    Outcome::Failure(Box::new(Failure {
        id: "01K3BV8Q5X0000000000000000".into(),
        provider: provider.into(),
        model_name: model.into(),
        ts: moment(),
        stage: FailureStage::Response,
        message: message.into(),
        error_kind: kind,
        http_status: (kind == FailureKind::RateLimit).then_some(429),
        provider_error_code: None,
        fingerprint: fingerprint(provider, model, FailureStage::Response, kind, &normalized),
        normalized_message: normalized,
        traceback: None,
        extra: Map::new(),
    }))
}

/// A report on three models: one sound, one with failures and a suspect sample, one that only fails and whose name
/// tries to move the cursor.
pub fn report() -> Report {
    let (fast, slow, hostile) =
        ("llama-3.3-70b-versatile", "gpt-oss-120b", "evil\x1b[2J\u{202e}name\nwith a line break");
    let mut outcomes: Vec<Outcome> = (0..20)
        .map(|place| run("groq", fast, 0.2 + 0.01 * f64::from(place * place % 17)))
        .map(|run| Outcome::Success(Box::new(run)))
        .collect();
    outcomes.extend((0..3).map(|place| {
        let mut run = run("cerebras", slow, 1.5 + f64::from(place));
        run.speeds.time_to_first_reasoning_token = Some(0.9);
        // The provider's clock stops at the first token, which is a reasoning token here.
        run.provider_timing = json!({"queue_time": 0.25, "prompt_time": 0.5}).as_object().cloned();
        Outcome::Success(Box::new(run))
    }));
    let reason = "the measuring loop was late by 61 ms";
    outcomes.push(Outcome::Success(Box::new(suspect(run("cerebras", slow, 40.0), reason))));
    let limited = "Rate limit reached for requests per minute: limit 30, used 30. Please try again in 2s.";
    outcomes.push(failure("cerebras", slow, FailureKind::RateLimit, limited));
    outcomes.push(failure("cerebras", slow, FailureKind::RateLimit, limited));
    outcomes.push(failure(
        "cerebras",
        slow,
        FailureKind::BudgetExhausted,
        "all 64 tokens went into reasoning",
    ));
    outcomes.push(failure("openai", hostile, FailureKind::HardModel, "no such model: \x1b[31mred"));
    let mut collector = OutcomeCollector::default();
    for outcome in &outcomes {
        let (provider, model) = match outcome {
            Outcome::Success(run) => (&run.provider, &run.model_name),
            Outcome::Failure(failure) => (&failure.provider, &failure.model_name),
        };
        collector.add(&ModelRef::new(provider, model), outcome);
    }
    Report {
        started_at: moment(),
        ended_at: moment() + TimeDelta::milliseconds(12_345),
        asked: RunParameters {
            profile: "cloud-default-v1".into(),
            max_output_tokens: 64,
            connection: RequestedConnection::Cold,
            concurrency: Some(4),
            rate: Some(2.0),
        },
        load: LoadReport {
            planned: Some(40),
            started: 28,
            late_starts: 3,
            max_delay: 0.75,
            rate_requested: Some(2.0),
            rate_achieved: Some(1.9),
            stopped_early: Some("interrupted".into()),
        },
        models: collector.finish(),
        dialect: None,
    }
}

/// The report on one model.
pub fn report_of(model: &ModelRef, outcomes: &[Outcome]) -> ModelReport {
    let mut collector = OutcomeCollector::expecting([model]);
    outcomes.iter().for_each(|outcome| collector.add(model, outcome));
    collector.finish().remove(0)
}
