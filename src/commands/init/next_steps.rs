//! What to type after `llmbench init`: what is missing first, then what there is to be seen. Pure but for the settings that it
//! reads.

use crate::commands::context::Context;
use crate::output::advice::quoted;
use crate::output::init::{InitProbe, NextStep, ProbeState};
use crate::settings::NewConfig;
use std::path::Path;

/// The steps in their order. `config` is the file if a flag named it: without the flag no command reads it.
pub fn next(
    config: &NewConfig,
    probes: &[InitProbe],
    context: &Context,
    flag: Option<&Path>,
) -> Vec<NextStep> {
    let settings = &context.settings;
    let mut steps = Vec::new();
    if let Some(path) = flag {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let command = format!("export LLMBENCH_CONFIG={}", quoted(&path.display().to_string()));
        steps.push(NextStep::new(command, "the file is not where commands look by themselves"));
    }
    for provider in &config.providers {
        let host = settings.hosts.iter().find(|host| host.name == provider.name);
        let Some(host) = host.filter(|host| !settings.is_configured(host)) else { continue };
        if let Some(variable) = host.key_names().first() {
            let why = format!("the key of {}, which is not set here", host.name);
            steps.push(NextStep::new(format!("export {variable}=…"), &why));
        }
    }
    let measured = |probe: &InitProbe| matches!(probe.state, ProbeState::Answered | ProbeState::Measured);
    let some = probes.iter().any(measured);
    if let Some(failed) = probes.iter().find(|probe| probe.state == ProbeState::Failed) {
        let command = format!("llmbench models add {}", quoted(&failed.model));
        steps.push(NextStep::new(command, "ask it again, once the reason is gone"));
        let command = format!("llmbench models remove {}", quoted(&failed.model));
        steps.push(NextStep::new(command, "take it out of the catalog, if its name is mistyped"));
    }
    let more = if some { "measure more models" } else { "choose models to measure; each is asked once" };
    let add = NextStep::new("llmbench models add".to_owned(), more);
    if some {
        steps
            .push(NextStep::new("llmbench run --all -n 5".to_owned(), "measure what is in the catalog, now"));
        steps.push(NextStep::new("llmbench daemon".to_owned(), "measure it around the clock"));
        steps.push(add);
    } else {
        steps.push(add);
        steps.push(NextStep::new("llmbench run --all -n 5".to_owned(), "measure them"));
    }
    steps.push(NextStep::new("llmbench doctor".to_owned(), "what is wrong or missing, and how to mend it"));
    steps
}
