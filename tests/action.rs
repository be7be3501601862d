//! `action.yml`: its steps, run by bash as a runner would run them, and its inputs, outputs and scripts against each other.

use crate::support::Home;
use crate::support::markdown::{document, section, spans};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MODEL: &str = "sim:steady-ttft2-gap1-n4";

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/action").join(name)
}

/// What a runner gives a step, and where it reads what the step says.
struct Job {
    home: Home,
}

impl Job {
    fn new() -> Self {
        Self { home: Home::new() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn said(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    fn step(&self, name: &str, inputs: &[(&str, &str)]) -> Output {
        let mut command = Command::new("bash");
        command.arg(script(name)).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        self.home.scrub(&mut command);
        command
            .env("GITHUB_ACTION_PATH", env!("CARGO_MANIFEST_DIR"))
            .env("RUNNER_TEMP", self.home.path())
            .env("GITHUB_OUTPUT", self.file("output"))
            .env("GITHUB_STEP_SUMMARY", self.file("summary"));
        let inputs = inputs.iter().map(|(name, value)| (format!("LLMBENCH_ACTION_{name}"), *value));
        command.envs(inputs).output().unwrap()
    }

    fn gate(&self, inputs: &[(&str, &str)]) -> Output {
        let program = [("PROGRAM", env!("CARGO_BIN_EXE_llmbench"))];
        self.step("gate.sh", &[&program[..], inputs].concat())
    }
}

#[test]
fn a_gate_that_passes_leaves_a_summary_and_status_0() {
    let job = Job::new();
    fs::write(job.file("summary"), "before\n").unwrap();
    let models = format!("\n  {MODEL}  \nsim:flood\n");
    let ran = job.gate(&[("MODELS", &models), ("FAIL_IF", "error_rate>50%"), ("REQUESTS", "2")]);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let summary = job.said("summary");
    assert!(summary.starts_with("before\n## llmbench: 2 models, 2 checks passed\n"), "{summary}");
    assert!(summary.contains(&format!("| <code>{MODEL}</code> | 2 | 0 |")), "{summary}");
    assert_eq!(job.said("output"), "status=0\n");
}

#[test]
fn a_gate_that_trips_fails_the_job_and_says_why() {
    let job = Job::new();
    let store = format!("sqlite:{}", job.file("runs.db").display());
    let inputs = [("MODELS", MODEL), ("FAIL_IF", "ttft_p50>0ms\nsuccesses<1"), ("STORE", store.as_str())];
    let ran = job.gate(&[&inputs[..], &[("ARGUMENTS", "--warmup\n1\n--role\nci-gate")]].concat());
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let summary = job.said("summary");
    assert!(summary.contains("## llmbench: 1 model, 1 of 2 checks tripped\n"), "{summary}");
    assert!(
        summary.contains("| **TRIPPED (") && summary.contains("<code>ttft_p50&gt;0ms</code>"),
        "{summary}"
    );
    assert!(String::from_utf8_lossy(&ran.stderr).contains("ttft_p50>0ms on sim:"), "{ran:?}");
    assert_eq!(job.said("output"), "status=1\n");
    let rows = crate::support::ran::rows(&job.file("runs.db"), "runs");
    assert!(rows.len() == 5 && rows.iter().all(|row| row["sample_role"] == "ci-gate"), "{}", rows.len());
}

#[test]
fn wrong_usage_is_a_status_of_its_own() {
    let job = Job::new();
    let ran = job.gate(&[("MODELS", MODEL), ("FAIL_IF", "tftt_p50>1s")]);
    assert_eq!((ran.status.code(), job.said("output").as_str()), (Some(2), "status=2\n"), "{ran:?}");
    assert!(String::from_utf8_lossy(&ran.stderr).contains("--fail-if 'tftt_p50>1s'"), "{ran:?}");
}

#[test]
fn a_program_that_is_there_is_taken_and_another_one_refused() {
    let job = Job::new();
    let program = env!("CARGO_BIN_EXE_llmbench");
    let ran = job.step("install.sh", &[("PROGRAM", program)]);
    assert_eq!((ran.status.code(), job.said("output")), (Some(0), format!("program={program}\n")), "{ran:?}");
    let ran = job.step("install.sh", &[("PROGRAM", "/nonexistent/llmbench")]);
    assert_eq!(ran.status.code(), Some(2), "{ran:?}");
    assert!(String::from_utf8_lossy(&ran.stdout).contains("::error::"), "{ran:?}");
}

/// A `cargo` that writes down what it was asked for, and installs a copy of this build's program.
#[test]
fn without_a_program_the_action_builds_its_own_version() {
    let job = Job::new();
    let bin = job.file("bin");
    fs::create_dir_all(&bin).unwrap();
    let fake = format!(
        "#!/bin/bash\nprintf '%s\\n' \"$@\" >{asked}\nwhile [[ $1 != --root ]]; do shift; done\n\
         mkdir -p \"$2/bin\" && ln -s {program} \"$2/bin/llmbench\"\n",
        asked = job.file("asked").display(),
        program = env!("CARGO_BIN_EXE_llmbench"),
    );
    fs::write(bin.join("cargo"), fake).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(bin.join("cargo"), executable).unwrap();
    let mut command = Command::new("bash");
    command.arg(script("install.sh"));
    job.home.scrub(&mut command);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    command.env("PATH", path).env("LLMBENCH_ACTION_PROGRAM", "").env("RUNNER_TEMP", job.home.path());
    command.env("GITHUB_ACTION_PATH", env!("CARGO_MANIFEST_DIR")).env("GITHUB_OUTPUT", job.file("output"));
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let asked = job.said("asked");
    for word in ["install", "--locked", "--path", env!("CARGO_MANIFEST_DIR"), "--root"] {
        assert!(asked.lines().any(|line| line == word), "{word}: {asked}");
    }
    assert!(job.said("output").ends_with("/llmbench/bin/llmbench\n"), "{}", job.said("output"));
}

/// The keys of a mapping of `action.yml` at this depth of indentation, from a heading on.
fn keys(text: &str, heading: &str, indent: usize) -> BTreeSet<String> {
    let start = text.find(&format!("{heading}:\n")).unwrap() + heading.len() + 2;
    let inside =
        text[start..].lines().take_while(|line| line.is_empty() || line.starts_with(&" ".repeat(indent)));
    let own = inside.filter(|line| !line[indent.min(line.len())..].starts_with(' '));
    own.filter_map(|line| Some(line.trim().split_once(':')?.0.to_owned())).collect()
}

#[test]
fn inputs_reach_the_scripts_and_are_documented() {
    let action = document("action.yml");
    let inputs = keys(&action, "inputs", 2);
    assert_eq!(inputs.len(), 6);
    let mut given: BTreeMap<&str, &str> = BTreeMap::new();
    for line in action.lines().map(str::trim).filter(|line| line.starts_with("LLMBENCH_ACTION_")) {
        let (variable, value) = line.split_once(": ").unwrap();
        given.insert(variable, value);
    }
    for input in &inputs {
        let reference = format!("${{{{ inputs.{input} }}}}");
        assert!(action.contains(&reference), "the input {input} goes nowhere");
    }
    let scripts = ["install.sh", "gate.sh"].map(|name| fs::read_to_string(script(name)).unwrap()).concat();
    let read: BTreeSet<&str> = scripts
        .split(|ch: char| !(ch.is_ascii_uppercase() || ch == '_'))
        .filter(|word| word.starts_with("LLMBENCH_ACTION_"))
        .collect();
    assert_eq!(read, given.keys().copied().collect());
    let page = document("docs/load.md");
    let documented: BTreeSet<String> = spans(section(&page, "## A gate in CI")).into_iter().collect();
    for name in inputs.iter().chain(&keys(&action, "outputs", 2)) {
        assert!(documented.contains(name), "docs/load.md does not explain {name}");
    }
}
