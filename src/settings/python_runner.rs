//! Variables of the Python runner's containers: those that are read here in its own words, and those that nothing here
//! reads. Pure; the results are told once in a daemon's log and by `doctor`.

use super::Env;
use crate::domain::env_vars::{self, RUNNER_CONFIG_URL};
use crate::domain::env_vars::{
    BENCHMARK_CONCURRENCY, BENCHMARK_EXCLUDED_PROVIDERS, BENCHMARK_MODELS, BENCHMARK_MODELS_OVERRIDE,
    BENCHMARK_PROVIDERS, FRESH_MINUTES, SCHEDULER_TICK_SECONDS,
};
use crate::providers::hosts::Hosts;

/// The provider that the Python scheduler leaves to a host of its own if nothing else is said.
pub const EXCLUDED: &str = "bedrock";

/// The word for every provider.
const ALL: &str = "all";
/// The word for no provider.
const NONE: &str = "none";

/// Variables that only the Python runner reads, beside the families below.
const UNREAD: [&str; 8] = [
    "VERTEX_PUBLISHER",
    "LOG_LEVEL",
    "LOG_DIR",
    "LOG_FILE",
    "OPENROUTER_ROUTING_ENABLED",
    "HF_HUB_CACHE",
    "TOKENIZERS_PARALLELISM",
    "RUNPOD_API_KEY",
];

/// Beginnings of such names: tuning of its queue, and settings of providers that it alone knows.
const FAMILIES: [&str; 3] = ["BENCHMARK_", "LOG_", "SCHEDULER_"];

/// A list of providers in a variable of the Python runner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderNames {
    /// Known providers; empty for all of them.
    pub known: Vec<String>,
    /// Names that are no provider here, which the Python runner ignores as well.
    pub unknown: Vec<String>,
}

/// What the Python runner's variables say, apart from values that [`super::daemon`] and [`super::bridge`] read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PythonVariables {
    /// True if the environment is that of the Python scheduler's container.
    pub scheduler: bool,
    /// Variables with names that are no provider here, and those names.
    pub unknown: Vec<(&'static str, Vec<String>)>,
    /// True if [`EXCLUDED`] is excluded because the Python scheduler excludes it.
    pub excluded_by_default: bool,
    /// The models that a runner measures instead of its bridge's work list.
    pub models: Option<Vec<String>>,
    /// Variables that are set and that nothing here reads, in order.
    pub unused: Vec<String>,
}

/// One sentence about variables of the Python runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonNote {
    /// The variable, or a word for several.
    pub subject: String,
    pub sentence: String,
    /// The setting that changes it.
    pub fix: String,
    /// True if a value is ignored.
    pub warning: bool,
}

impl PythonVariables {
    /// The sentences for log and `doctor`.
    pub fn notes(&self) -> Vec<PythonNote> {
        let mut notes: Vec<PythonNote> =
            self.unknown.iter().map(|(name, names)| ignored(name, names)).collect();
        if self.excluded_by_default {
            notes.push(PythonNote {
                subject: EXCLUDED.to_owned(),
                sentence: format!(
                    "{EXCLUDED} is excluded, as by the Python scheduler: its variables are set and \
                     {BENCHMARK_EXCLUDED_PROVIDERS} is not"
                ),
                fix: format!("{BENCHMARK_EXCLUDED_PROVIDERS}={NONE} measures it here too"),
                warning: false,
            });
        }
        if let Some(models) = &self.models {
            notes.push(PythonNote {
                subject: BENCHMARK_MODELS_OVERRIDE.to_owned(),
                sentence: format!(
                    "these {} models are measured instead of the bridge's work list: {}",
                    models.len(),
                    models.join(", ")
                ),
                fix: format!(
                    "unset {BENCHMARK_MODELS_OVERRIDE} and {BENCHMARK_MODELS} to follow the bridge again"
                ),
                warning: false,
            });
        }
        if !self.unused.is_empty() {
            notes.push(PythonNote {
                subject: "variables of the Python runner".to_owned(),
                sentence: format!("set, and read by nothing here: {}", self.unused.join(", ")),
                fix: "TROUBLESHOOTING.md, \"Variables of the Python runner\", names what takes their place"
                    .to_owned(),
                warning: false,
            });
        }
        notes
    }
}

fn ignored(variable: &str, names: &[String]) -> PythonNote {
    let listed = names.iter().map(|name| format!("`{}`", name.escape_debug())).collect::<Vec<_>>().join(", ");
    let (verb, noun) = if names.len() == 1 { ("is", "provider") } else { ("are", "providers") };
    PythonNote {
        subject: variable.to_owned(),
        sentence: format!("{variable} names {listed}, which {verb} no {noun} here: ignored"),
        fix: "correct or remove the name; [providers.NAME] in the configuration file adds a provider"
            .to_owned(),
        warning: true,
    }
}

/// The providers in a variable's value. Without a name, all are measured and none is excluded; `all` says the one, `none`
/// the other. In the wrong variable each of them is an unknown name, because it would mean that nothing is measured.
pub fn providers(variable: &str, value: &str, hosts: &Hosts) -> ProviderNames {
    let names: Vec<&str> = value.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let nobody = if variable == BENCHMARK_EXCLUDED_PROVIDERS { NONE } else { ALL };
    if names.iter().any(|name| name.eq_ignore_ascii_case(nobody)) {
        return ProviderNames::default();
    }
    let names = names.into_iter().map(str::to_owned);
    let (known, unknown) = names.partition(|name| hosts.find(name).is_ok());
    ProviderNames { known, unknown }
}

/// Reads the environment. `excluded` is true if a flag or the file says which providers are excluded; `beside_database`
/// is false for a runner behind a bridge, which exists for one provider.
pub fn read(env: &Env, hosts: &Hosts, excluded: bool, beside_database: bool) -> PythonVariables {
    let listed = [BENCHMARK_PROVIDERS, BENCHMARK_EXCLUDED_PROVIDERS];
    let unknown =
        listed.iter().filter_map(|name| Some((*name, providers(name, env.get(name)?, hosts).unknown)));
    let scheduler = is_scheduler(env);
    PythonVariables {
        scheduler,
        unknown: unknown.filter(|(_, names)| !names.is_empty()).collect(),
        excluded_by_default: scheduler
            && beside_database
            && !excluded
            && env.get(BENCHMARK_EXCLUDED_PROVIDERS).is_none(),
        models: models(env).filter(|_| !beside_database),
        unused: env.names().filter(|name| is_unused(name, env, beside_database)).map(str::to_owned).collect(),
    }
}

/// True if the variables that only the Python scheduler's container has are there.
fn is_scheduler(env: &Env) -> bool {
    let marks = [BENCHMARK_PROVIDERS, FRESH_MINUTES, SCHEDULER_TICK_SECONDS];
    marks.iter().any(|name| env.get(name).is_some())
        || env.names().any(|name| name.starts_with("BENCHMARK_LIVENESS_"))
}

fn is_unused(name: &str, env: &Env, beside_database: bool) -> bool {
    match name {
        BENCHMARK_MODELS | BENCHMARK_MODELS_OVERRIDE if beside_database => return true,
        BENCHMARK_MODELS => return models(env).is_none(),
        _ => {}
    }
    let read = env_vars::ALL.contains(&name) || name.starts_with(BENCHMARK_CONCURRENCY);
    !read && (UNREAD.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family)))
}

/// The emergency work list: the ids of models that are measured instead of the bridge's list. The override holds the
/// list itself, or a word for yes; then the list is in the other variable, which is also used without any URL of lists.
pub fn models(env: &Env) -> Option<Vec<String>> {
    let listed = |text: &str| -> Option<Vec<String>> {
        let mut ids: Vec<String> = Vec::new();
        for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
            if !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
        (!ids.is_empty()).then_some(ids)
    };
    let plain = || env.get(BENCHMARK_MODELS).and_then(listed);
    match env.get(BENCHMARK_MODELS_OVERRIDE).map(|text| (text, text.to_ascii_lowercase())) {
        Some((_, word)) if ["1", "true", "yes", "on"].contains(&word.as_str()) => plain(),
        Some((text, word)) if !["0", "false", "no", "off"].contains(&word.as_str()) => listed(text),
        _ if env.get(RUNNER_CONFIG_URL).is_none() => plain(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::builtin_hosts;

    fn hosts() -> Hosts {
        Hosts::new(builtin_hosts::built_in())
    }

    fn env(pairs: &[(&str, &str)]) -> Env {
        Env::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn names_that_are_no_provider_are_told() {
        let named = |variable: &str, value: &str| {
            let ProviderNames { known, unknown } = providers(variable, value, &hosts());
            (known.join(" "), unknown.join(" "))
        };
        let names = |value: &str| named(BENCHMARK_PROVIDERS, value);
        assert_eq!(names("all"), (String::new(), String::new()));
        assert_eq!(names(" ALL "), (String::new(), String::new()));
        assert_eq!(names("none"), (String::new(), "none".to_owned()));
        assert_eq!(named(BENCHMARK_EXCLUDED_PROVIDERS, "None"), (String::new(), String::new()));
        assert_eq!(named(BENCHMARK_EXCLUDED_PROVIDERS, "all"), (String::new(), "all".to_owned()));
        assert_eq!(names("openai, anyscale,,groq"), ("openai groq".to_owned(), "anyscale".to_owned()));
        let found =
            read(&env(&[(BENCHMARK_EXCLUDED_PROVIDERS, "bedrock,anyscale,runpod")]), &hosts(), false, true);
        let notes = found.notes();
        assert_eq!(
            (notes.len(), notes[0].sentence.as_str(), notes[0].warning),
            (
                1,
                "BENCHMARK_EXCLUDED_PROVIDERS names `anyscale`, `runpod`, which are no providers here: ignored",
                true
            )
        );
    }

    #[test]
    fn bedrock_is_excluded_where_the_python_scheduler_excludes_it() {
        let excluded = |pairs: &[(&str, &str)], said, database| {
            read(&env(pairs), &hosts(), said, database).excluded_by_default
        };
        assert!(excluded(&[(BENCHMARK_PROVIDERS, "all")], false, true));
        assert!(excluded(&[(FRESH_MINUTES, "30")], false, true));
        assert!(!excluded(&[(FRESH_MINUTES, "30")], true, true), "the file or a flag says it");
        assert!(!excluded(&[(FRESH_MINUTES, "30")], false, false), "a runner behind a bridge");
        assert!(!excluded(&[(FRESH_MINUTES, "30"), (BENCHMARK_EXCLUDED_PROVIDERS, "none")], false, true));
        assert!(!excluded(&[("OPENAI_API_KEY", "k")], false, true));
    }

    #[test]
    fn variables_that_nothing_reads_are_named_once() {
        let pairs = [
            ("BENCHMARK_RETRY_BACKOFF_SECONDS", "900"),
            ("BENCHMARK_CONCURRENCY_OPENAI", "4"),
            ("LOG_LEVEL", "debug"),
            ("TOKENIZERS_PARALLELISM", "False"),
            ("HF_HUB_CACHE", ""),
            ("PATH", "/bin"),
            (FRESH_MINUTES, "30"),
            (BENCHMARK_MODELS, "a"),
        ];
        let found = read(&env(&pairs), &hosts(), false, true);
        assert_eq!(
            found.unused,
            ["BENCHMARK_MODELS", "BENCHMARK_RETRY_BACKOFF_SECONDS", "LOG_LEVEL", "TOKENIZERS_PARALLELISM"]
        );
        assert!(!read(&env(&pairs), &hosts(), false, false).unused.contains(&BENCHMARK_MODELS.to_owned()));
    }

    #[test]
    fn the_emergency_list_has_two_spellings() {
        let list = |pairs: &[(&str, &str)]| models(&env(pairs)).map(|ids| ids.join(" "));
        let url = (RUNNER_CONFIG_URL, "https://h/runner-config");
        assert_eq!(list(&[url, (BENCHMARK_MODELS_OVERRIDE, "a:0, b,a:0")]).as_deref(), Some("a:0 b"));
        assert_eq!(
            list(&[url, (BENCHMARK_MODELS_OVERRIDE, "1"), (BENCHMARK_MODELS, "c")]).as_deref(),
            Some("c")
        );
        assert_eq!(list(&[url, (BENCHMARK_MODELS_OVERRIDE, "0"), (BENCHMARK_MODELS, "c")]), None);
        assert_eq!(list(&[url, (BENCHMARK_MODELS, "c")]), None, "the bridge's list wins");
        assert_eq!(list(&[(BENCHMARK_MODELS, "c,d")]).as_deref(), Some("c d"));
        assert_eq!(list(&[(BENCHMARK_MODELS_OVERRIDE, " , ")]), None);
    }
}
