//! The `usage` object of OpenAI's chat and completions formats, and the additions of hosts.

use super::{Closing, Finish, ResponseContext, Timing};
use crate::simulator::route::SimHost;
use serde_json::{Value, json};

/// True if usage is reported: always, unless switched off, or only on request, by host.
pub fn is_told(setting: &ResponseContext) -> bool {
    match setting.host {
        SimHost::Groq | SimHost::OpenRouter | SimHost::Cerebras | SimHost::Together => true,
        SimHost::DeepInfra => setting.ask.include_usage != Some(false),
        SimHost::Plain | SimHost::OpenAi | SimHost::Fireworks => setting.ask.include_usage == Some(true),
    }
}

/// The word for a finish reason.
pub fn finish_word(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
    }
}

/// The counts, with the host's own fields.
pub fn object(setting: &ResponseContext, closing: &Closing) -> Value {
    let (input, output) = (setting.ask.prompt_tokens, closing.visible + closing.reasoning);
    let mut usage =
        json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output});
    match setting.host {
        // No reasoning count, no cached count (Together's specification).
        SimHost::Together => {}
        // No reasoning count either (Fireworks' client).
        SimHost::Fireworks => usage["prompt_tokens_details"] = json!({"cached_tokens": 0}),
        _ => {
            usage["prompt_tokens_details"] = json!({"cached_tokens": 0});
            usage["completion_tokens_details"] = json!({"reasoning_tokens": closing.reasoning});
        }
    }
    if setting.host == SimHost::Groq {
        add_groq_times(&mut usage, &closing.timing);
    }
    if setting.host == SimHost::OpenRouter {
        usage["cost"] = json!(output as f64 * 1e-6);
        usage["is_byok"] = json!(false);
        usage["cost_details"] = json!({"upstream_inference_cost": null});
    }
    usage
}

/// Groq: seconds; the total leaves the queue out.
fn add_groq_times(usage: &mut Value, timing: &Timing) {
    let (prompt, completion) = (timing.first - timing.head, timing.last - timing.first);
    usage["queue_time"] = json!(timing.head);
    usage["prompt_time"] = json!(prompt);
    usage["completion_time"] = json!(completion);
    usage["total_time"] = json!(prompt + completion);
}

/// Cerebras' `time_info`: seconds; the total is wall time from submission.
pub fn time_info(setting: &ResponseContext, timing: &Timing) -> Value {
    json!({
        "queue_time": timing.head,
        "prompt_time": timing.first - timing.head,
        "completion_time": timing.last - timing.first,
        "total_time": timing.now,
        "created": setting.created,
    })
}

/// Fireworks' `perf_metrics`: seconds.
pub fn perf_metrics(setting: &ResponseContext, timing: &Timing) -> Value {
    json!({
        "prompt-tokens": setting.ask.prompt_tokens,
        "cached-prompt-tokens": 0,
        "server-time-to-first-token": timing.first,
        "server-processing-time": timing.now,
    })
}
