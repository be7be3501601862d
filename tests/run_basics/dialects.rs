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
    let ran = asked(&[&["--json", "--dialect", tool, "-n", "5", "-m", MODEL], more].concat());
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
fn a_tools_figures_are_those_of_the_same_requests() {
    for (tool, first, pace, latency, unit) in [
        ("aiperf", "time_to_first_token", "inter_token_latency", "request_latency", 1e3),
        ("guidellm", "time_to_first_token_ms", "inter_token_latency_ms", "request_latency", 1.0),
        ("vllm", "ttft_ms", "tpot_ms", "e2el_ms", 1e3),
    ] {
        let document = document(tool, &[]);
        assert_eq!(
            (&document["dialect"]["tool"], &document["models"][0]["dialect"]["requests"]),
            (&tool.into(), &5.into())
        );
        let ours = |metric: &str| document["models"][0]["metrics"][metric]["p50"].as_f64().unwrap();
        // The first token with text is the same one in all of them; so is the last.
        assert!((median(&document, first) / 1e3 - ours("ttft")).abs() < 1e-6, "{document}");
        assert!((median(&document, pace) / 1e3 / ours("itl") - 1.0).abs() < 0.05, "{document}");
        assert!(median(&document, latency) / unit <= ours("total") + 1e-9, "{document}");
        assert!(
            median(&document, latency) / unit >= 0.06 + 39.0 * 0.005,
            "no sooner than it was sent: {document}"
        );
    }
}

#[test]
fn rates_are_those_of_the_whole_run() {
    let document = document("vllm", &[]);
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
