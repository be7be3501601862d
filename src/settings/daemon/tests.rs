//! Tests the rules of a daemon: defaults, precedence of sources, and the places named in errors.

use super::*;
use crate::domain::ModelRef;
use crate::domain::daemon_config::DailyLimits;
use crate::settings::file::parse;
use crate::settings::{hosts, profiles};

fn settle(text: &str, env: &[(&str, &str)], flags: &DaemonFlags) -> Result<DaemonConfig, String> {
    let path = Path::new("/c/c.toml");
    let file = parse(text, path).map_err(|error| error.to_string())?;
    let env = Env::from_pairs(env.iter().copied());
    let (hosts, profiles) =
        (hosts::resolve(&file, path, &env, None).unwrap(), profiles::resolve(&file, path).unwrap());
    let given = DaemonInputs { flags, env: &env, file: &file, path, hosts: &hosts, profiles: &profiles };
    daemon_config(&given).map_err(|error| error.to_string())
}

#[test]
fn everything_has_a_default() {
    let found = settle("", &[], &DaemonFlags::default()).unwrap();
    let off = settle("[daemon]\ndiscovery = 'off'", &[], &DaemonFlags::default()).unwrap();
    assert_eq!((found.discovery, off.discovery), (NaiveTime::from_hms_opt(7, 0, 0), None));
    let calibrate = |word: &str| {
        settle(&format!("[daemon]\ncalibrate = '{word}'"), &[], &DaemonFlags::default()).unwrap().calibrate
    };
    assert!(found.calibrate && calibrate("daily") && !calibrate("never"));
    let plan = |word: &str| {
        settle(&format!("[daemon]\nplan = '{word}'"), &[], &DaemonFlags::default()).unwrap().plan
    };
    assert_eq!(
        [found.plan, plan("even"), plan("precision")],
        [PlanKind::Even, PlanKind::Even, PlanKind::Precision]
    );
    assert_eq!(
        found,
        DaemonConfig { profiles: vec!["cloud-default-v1".to_owned()], ..DaemonConfig::default() }
    );
}

#[test]
fn the_python_runners_variables_keep_their_meaning() {
    let env = [
        (FRESH_MINUTES, "15"),
        (BENCHMARK_PROVIDERS, "openai, groq,,bedrock"),
        (BENCHMARK_EXCLUDED_PROVIDERS, "bedrock"),
        (BENCHMARK_DEADLINE_SECONDS, "60"),
        ("BENCHMARK_CONCURRENCY_OPENAI", "4"),
        (SCHEDULER_TICK_SECONDS, "5"),
        (BENCHMARK_MAX_ATTEMPTS, "3"),
    ];
    let found = settle("[daemon]\ntick = 9", &env, &DaemonFlags::default()).unwrap();
    assert_eq!(
        (found.cadence_seconds, found.tick),
        (1350, Duration::from_secs(5)),
        "stale after 1.5 x 15 min"
    );
    assert_eq!(found.attempts, 3);
    let own = settle("[daemon]\ncadence = 7", &env, &DaemonFlags::default()).unwrap();
    assert_eq!(own.cadence_seconds, 7, "the daemon's own setting wins");
    assert_eq!((found.deadline, found.concurrency("openai")), (Duration::from_secs(60), 4));
    assert!(found.covers("groq") && !found.covers("bedrock") && !found.covers("together"));
}

#[test]
fn names_that_are_no_provider_measure_nothing_and_all_measures_everything() {
    let settled = |value: &str| settle("", &[(BENCHMARK_PROVIDERS, value)], &DaemonFlags::default()).unwrap();
    assert!(settled("all").covers("groq"));
    let some = settled("openai,anyscale,lambda");
    assert!(some.covers("openai") && !some.covers("groq"));
    assert!(!settled("anyscale").covers("groq"));
    let excluded = [(BENCHMARK_EXCLUDED_PROVIDERS, "databricks,groq")];
    let found = settle("", &excluded, &DaemonFlags::default()).unwrap();
    assert!(!found.covers("groq") && found.covers("openai"));
    let flags = DaemonFlags { only: vec!["anyscale".to_owned()], ..DaemonFlags::default() };
    let said = settle("", &[], &flags).unwrap_err();
    assert!(said.contains("flag --providers") && said.contains("unknown provider `anyscale`"), "{said}");
}

#[test]
fn flags_win_over_variables_and_those_over_the_file() {
    let file = "[daemon]\nvantage = 'file'\nexclude = ['openai']\ngrace = 3";
    let flags = DaemonFlags {
        vantage: Some("flag".to_owned()),
        only: vec!["groq".to_owned()],
        ..DaemonFlags::default()
    };
    let found = settle(file, &[(LLMBENCH_VANTAGE, "env")], &flags).unwrap();
    assert_eq!((found.vantage.as_str(), found.only.as_slice()), ("flag", ["groq".to_owned()].as_slice()));
    assert_eq!(
        (found.exclude.as_slice(), found.grace),
        (["openai".to_owned()].as_slice(), Duration::from_secs(3))
    );
    assert_eq!(settle(file, &[(LLMBENCH_VANTAGE, "env")], &DaemonFlags::default()).unwrap().vantage, "env");
}

#[test]
fn tables_are_read() {
    let found = settle(
        "[daemon]\nask = ['default', 'reasoning']\n[daemon.profiles.long]\ncadence = 86400\n\
         [daemon.providers.groq]\ncadence = 900\nruns_per_day = 10\ndollars_per_day = 1.5\ninput_price = 0.1\noutput_price = 0.2\n\
         [daemon.models.'openai:gpt-5']\ncadence = 3600",
        &[],
        &DaemonFlags::default(),
    )
    .unwrap();
    assert_eq!(found.profiles, ["cloud-default-v1", "cloud-reasoning-v1"]);
    assert_eq!(found.by_profile["cloud-long-v1"], 86_400);
    let limits = DailyLimits { runs: Some(10), tokens: None, micro_dollars: Some(1_500_000) };
    assert_eq!(found.limits("groq"), limits);
    assert_eq!(found.cadence(&ModelRef::new("openai", "gpt-5"), "cloud-default-v1"), 3600);
    let long = settle("[daemon.profiles.long]\ncadence = 86400", &[], &DaemonFlags::default()).unwrap();
    assert_eq!(long.profiles, ["cloud-default-v1", "cloud-long-v1"], "a cadence asks for the profile");
}

#[test]
fn mistakes_are_named_with_their_place() {
    let files = [
        ("[daemon]\ncadence = 0", "/c/c.toml: [daemon]: cadence must be from 1 second"),
        ("[daemon]\nconcurrency = 0", "[daemon]: concurrency must be 1 or more"),
        ("[daemon]\nspread = 2.0", "[daemon]: spread must be from 0 to 1"),
        ("[daemon]\ntick = -1.0", "[daemon]: tick must be above 0"),
        ("[daemon]\nvantage = 'a b'", "letters, digits, -, _ and . alone"),
        ("[daemon]\nexclude = ['grok']", "unknown provider `grok`: did you mean groq?"),
        ("[daemon]\nask = ['lomg']", "no profile `lomg`: did you mean long?"),
        ("[daemon]\nask = []", "ask names no profile"),
        ("[daemon]\ndiscovery = 'noon'", "[daemon]: discovery is `noon`: write a time of day"),
        ("[daemon]\ndiscovery = '25:00'", "discovery is `25:00`"),
        ("[daemon]\nplan = 'cheap'", "[daemon]: plan is `cheap`: write \"even\" or \"precision\""),
        ("[daemon]\ncalibrate = 'hourly'", "[daemon]: calibrate is `hourly`: write \"daily\" or \"never\""),
        ("[daemon.providers.grok]", "[daemon.providers.grok]: unknown provider"),
        ("[daemon.providers.groq]\ninput_price = 1.0", "input_price and output_price belong together"),
        ("[daemon.models.gpt]\ncadence = 9", "no provider in `gpt`"),
        ("[daemon]\ncadense = 9", "unknown key `cadense`"),
    ];
    for (text, expected) in files {
        let said = settle(text, &[], &DaemonFlags::default()).unwrap_err();
        assert!(said.contains(expected), "{text}: {said}");
    }
    let variables = [
        (FRESH_MINUTES, "soon"),
        (BENCHMARK_DEADLINE_SECONDS, "-3"),
        (SCHEDULER_TICK_SECONDS, "nan"),
        ("BENCHMARK_CONCURRENCY_GROQ", "0"),
        (BENCHMARK_MAX_ATTEMPTS, "0"),
    ];
    for (name, value) in variables {
        let said = settle("", &[(name, value)], &DaemonFlags::default()).unwrap_err();
        assert!(said.contains(&format!("environment variable {name}")), "{said}");
    }
}
