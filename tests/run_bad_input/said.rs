//! The error texts of wrong usage and configuration, read as a person reads them: one snapshot holds them all.

use crate::support::Home;
use crate::support::ran::QUICK;
use std::fmt::Write;

/// Arguments behind `llmbench run`, and the environment.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

const CASES: &[Case<'_>] = &[
    (&[], &[]),
    (&["--all"], &[]),
    (&["--model", "opnai:gpt-4o"], &[]),
    (&["--model", "bananas:m"], &[]),
    (&["--provider", "grok"], &[]),
    (&["--provider", "groq"], &[]),
    (&["--model", "gpt-4o"], &[]),
    (&["--model", "gpt-4o", "--no-store"], &[]),
    (&["--model", "openai:"], &[]),
    (&["--model", "openai:gpt-4o"], &[]),
    (&["--model", "openai:gpt-4o"], &[("OPENAI_API_KEY", "two words")]),
    (&["--model", "openai:gpt-4o"], &[("OPENAI_BASE_URL", "http://example.com/v1")]),
    (&["--model", "openai:gpt-4o"], &[("OPENAI_BASE_URL", "example.com")]),
    (&["--model", QUICK, "--profile", "lnog"], &[]),
    (&["--model", QUICK, "--timeout", "soon"], &[]),
    (&["--model", QUICK, "--fail-if", "tttf_p95>2s"], &[]),
    (&["--model", QUICK, "--fail-if", "ttft_p95>1.3x"], &[]),
    (&["--model", QUICK, "--fail-if", "dns_p50>1.3x"], &[]),
    (&["--model", QUICK, "--fail-if", "ttft_p50>1.3x", "--no-store"], &[]),
    (&["--model", QUICK, "--fail-if", "ttft_p50>1.3x", "--prompt", "Count."], &[]),
    (&["--model", QUICK, "--fail-if", "ttft_p50>1.3x", "--store", "https://bridge.example"], &[]),
    (&["--model", QUICK, "--fail-if", "ttft_p50>1.3x", "--store", "mongodb://127.0.0.1:1/x"], &[]),
    (&["--model", QUICK, "--fail-if", "ttft_p50>1.3x", "--baseline", "2d"], &[]),
    (&["--model", QUICK, "--fail-if", "ttft_p50>2s", "--baseline", "14d"], &[]),
    (&["--model", QUICK, "--fail-if", "ttft_difference_p50>80ms"], &[]),
    (&["--model", QUICK, "--paired", "--warm"], &[]),
    (&["--model", QUICK, "--paired", "--rate", "5"], &[]),
    (&["--model", QUICK, "--paired", "-c", "4"], &[]),
    (&["--model", QUICK, "--config", "nowhere.toml"], &[]),
    (&["--model", QUICK, "--config", "unknown-key.toml"], &[]),
    (&["--model", QUICK, "--config", "unknown-table.toml"], &[]),
    (&["--model", QUICK, "--config", "broken.toml"], &[]),
    (&["--model", QUICK, "--config", "key-inside.toml"], &[]),
    (&["--model", QUICK, "--config", "no-dialect.toml"], &[]),
    (&["--model", QUICK], &[("LLMBENCH_CONFIG", "unknown-key.toml")]),
    (&["--model", QUICK, "--store", "postgres://user:pw@host/db"], &[]),
    (&["--model", QUICK], &[("LLMBENCH_STORE", "runs")]),
    (&["--model", QUICK], &[("MONGODB_URI", "mongodb://")]),
    (&["--model", QUICK, "--store", "sqlite:nowhere/runs.db"], &[]),
    (&["--model", QUICK, "--store", "no-database.db"], &[]),
    (&["--model", QUICK, "--store", "mongodb://127.0.0.1:1/x"], &[]),
];

#[test]
fn errors_say_what_where_and_how_to_mend_it() {
    let home = Home::new();
    for (name, text) in [
        ("unknown-key.toml", "[defaults]\nprofile = \"long\"\nfirst_bite = 3\n"),
        ("unknown-table.toml", "\n[provider.groq]\nregion = \"x\"\n"),
        ("broken.toml", "[defaults]\ngap = 5\nprofile = \"long\n"),
        ("key-inside.toml", "[providers.groq]\napi_key = \"gsk-canary\"\n"),
        ("no-dialect.toml", "[providers.local]\nbase_url = \"http://127.0.0.1:1/v1\"\n"),
        ("no-database.db", "This is a letter and no database. This is a letter and no database.\n"),
    ] {
        std::fs::write(home.path().join(name), text).unwrap();
    }
    let mut all = String::new();
    for (arguments, environment) in CASES {
        let arguments: Vec<&str> = [&["run"], *arguments].concat();
        let ran = crate::support::ran::ran(home.llmbench(&arguments).envs(environment.iter().copied()));
        let pairs: String = environment.iter().map(|(name, value)| format!("{name}='{value}' ")).collect();
        writeln!(all, "$ {pairs}llmbench {}\n{}[exit {}]\n", arguments.join(" "), ran.err, ran.code).unwrap();
        assert_eq!(ran.out, "", "{arguments:?}");
    }
    let root = home.path().canonicalize().unwrap();
    insta::assert_snapshot!("error_texts", all.replace(root.to_str().unwrap(), "~"));
}
