//! `run --dialect`: the same requests under the definitions of other load generators.

use super::output::schema_check::violations;
use crate::support::Home;
use crate::support::ran::Ran;
use serde_json::Value;

/// TTFT 60 ms, a token every 5 ms, 40 tokens.
const MODEL: &str = "sim:steady-ttft60-gap5-n40";

fn asked(arguments: &[&str]) -> Ran {
    Home::new().ran(&[&["run", "--no-store", "--warm"], arguments].concat())
}

fn document(tool: &str, more: &[&str]) -> Value {
    let ran = asked(&[&["--json", "--dialect", tool, "-m", MODEL], more].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../docs/schema/run.schema.json")).unwrap();
    assert_eq!(violations(&schema, &document), [""; 0]);
    document
}

/// The median of one of the first model's metrics.
fn median(document: &Value, metric: &str) -> f64 {
    let figure = &document["models"][0]["dialect"]["metrics"][metric]["p50"];
    figure.as_f64().unwrap_or_else(|| panic!("{metric} in {document}"))
}

#[test]
fn a_tools_figures_are_those_of_the_same_request() {
    for (tool, first, pace, latency, unit) in [
        ("aiperf", "time_to_first_token", "inter_token_latency", "request_latency", 1.0),
        ("guidellm", "time_to_first_token_ms", "inter_token_latency_ms", "request_latency", 1e3),
        ("vllm", "ttft_ms", "tpot_ms", "e2el_ms", 1.0),
    ] {
        let document = document(tool, &["-n", "1"]);
        assert_eq!(document["dialect"]["tool"], tool);
        assert_eq!(document["models"][0]["dialect"]["requests"], 1);
        let ours = |metric: &str| document["models"][0]["metrics"][metric]["p50"].as_f64().unwrap() * 1e3;
        let [first, pace] = [first, pace].map(|metric| median(&document, metric));
        let latency = median(&document, latency) * unit;
        // The first token with text is the same one for all of them.
        assert!((first - ours("ttft")).abs() < 1e-6, "{document}");
        assert!(latency <= ours("total") + 1e-6 && latency >= 60.0 + 39.0 * 5.0, "{document}");
        let last = first + 39.0 * pace;
        // GuideLLM's request ends with the answer, the others' with the last token.
        let apart = latency - last;
        assert!(if tool == "guidellm" { apart >= -1e-6 } else { apart.abs() < 1e-6 }, "{document}");
    }
}

#[test]
fn rates_are_those_of_the_whole_run() {
    let document = document("vllm", &["-n", "3"]);
    let totals = &document["models"][0]["dialect"]["totals"];
    let of = |name: &str| totals[name]["value"].as_f64().unwrap();
    let each = 0.06 + 39.0 * 0.005;
    assert!(of("request_throughput") > 0.0 && of("request_throughput") <= 1.0 / each, "{document}");
    assert!((of("output_throughput") / of("request_throughput") - 40.0).abs() < 1e-6, "{document}");
    assert_eq!(totals["output_throughput"]["unit"], "tokens/s");
}

#[test]
fn the_table_has_them_beside_its_own_and_says_what_they_hold() {
    let warm = asked(&["--dialect", "aiperf", "-n", "2", "-m", MODEL]);
    assert!(warm.out.contains("In the metrics of aiperf 0.13.0"), "{warm:?}");
    assert!(warm.out.contains("output_token_throughput_per_user") && warm.out.contains("TTFT"), "{warm:?}");
    assert!(!warm.out.contains("--warm compares"), "{warm:?}");
    let cold = Home::new().ran(&["run", "--no-store", "--dialect", "vllm", "-m", MODEL]);
    assert!(cold.out.contains("--warm compares"), "{cold:?}");
}

#[test]
fn rows_are_the_same_with_and_without_a_dialect() {
    let keys = |more: &[&str]| {
        let home = Home::new();
        let ran = home.ran(&[&["run", "-m", MODEL, "--quiet"], more].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        let [row]: [_; 1] = home.rows("runs").try_into().unwrap();
        row.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(keys(&["--dialect", "aiperf"]), keys(&[]));
}

#[test]
fn a_dialect_goes_with_no_other_lines_and_no_pairs() {
    for other in ["--ndjson", "--markdown", "--paired"] {
        let ran = Home::new().ran(&["run", "--no-store", "--dialect", "vllm", other, "-m", MODEL]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains("--dialect") && ran.err.contains(other), "{ran:?}");
    }
    let unknown = asked(&["--dialect", "genai-perf", "-m", MODEL]);
    assert!(unknown.code == 2 && unknown.err.contains("guidellm"), "{unknown:?}");
}
