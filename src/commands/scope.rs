//! Converts flags to a filter for rows: a window of time, a provider, a model.

use crate::cli::errors::{ModelArgs, WindowArgs};
use crate::cli::rank::ConnectionArg;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::domain::{ModelRef, Window};
use crate::measure::ranking::circumstances::WantedCircumstances;
use crate::storage::StoreError;
use crate::storage::history::HistoryFilter;
use chrono::{Duration, Local};

/// The window that the flags name; without a start it is `length` long.
///
/// # Errors
/// Status 2 with the accepted forms.
pub fn window(args: &WindowArgs, length: Option<Duration>) -> Result<Window, CommandError> {
    Window::parse(args.since.as_deref(), args.to.as_deref(), length, &Local::now())
        .map_err(CommandError::usage)
}

/// The filter for this window and these models.
///
/// # Errors
/// Status 2 if a model names another provider than `--provider`.
pub fn scope(args: &ModelArgs, window: Window) -> Result<HistoryFilter, CommandError> {
    let mut scope = HistoryFilter {
        window,
        provider: args.provider.clone(),
        model: args.model.clone(),
        ..HistoryFilter::default()
    };
    // Beside --provider a model is a bare id, which may hold colons of its own; it may also be written in full.
    // Rows carry the model without its pinned endpoint.
    let full = args.model.as_deref().and_then(|text| text.parse::<ModelRef>().ok());
    let full = full.map(|model| model.unpinned());
    match (full, &args.provider) {
        (Some(model), None) => (scope.provider, scope.model) = (Some(model.provider), Some(model.model_id)),
        (Some(model), Some(provider)) if model.provider == *provider => scope.model = Some(model.model_id),
        _ => {}
    }
    if scope.model.as_deref().is_some_and(|model| model.trim().is_empty()) {
        return Err(CommandError::usage("--model is empty").hint("write provider:model_id"));
    }
    Ok(scope)
}

/// The name of the runner on the command line whose runs no bridge received.
pub const NO_RUNNER: &str = "-";

/// The circumstances that flags ask for. A profile that the configuration does not know may be another program's, and is
/// taken as its id.
pub fn wanted_circumstances(
    profile: Option<&str>,
    connection: Option<ConnectionArg>,
    runners: &[String],
    context: &Context,
) -> WantedCircumstances {
    let id = |name: &str| {
        let known = context.settings.profiles.iter().find(|profile| profile.name == name);
        known.map_or_else(|| name.to_owned(), |profile| profile.id.clone())
    };
    let connection = connection.map(|connection| match connection {
        ConnectionArg::Cold => "cold".to_owned(),
        ConnectionArg::Warm => "warm".to_owned(),
    });
    let runner = |name: &String| Some(name.clone()).filter(|name| name != NO_RUNNER);
    WantedCircumstances {
        profile: profile.map(id),
        connection,
        runners: runners.iter().map(runner).collect(),
    }
}

/// Converts a store's error while reading: unreachable is 75, everything else needs a change.
pub fn read_error(what: &str, error: StoreError) -> CommandError {
    let exit = if matches!(error, StoreError::Unavailable(_)) { Exit::NotStored } else { Exit::Usage };
    CommandError::usage(format!("{what}: {error}")).exit(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(provider: Option<&str>, model: &str) -> (Option<String>, Option<String>) {
        let args = ModelArgs { provider: provider.map(str::to_owned), model: Some(model.to_owned()) };
        let scope = scope(&args, Window::default()).unwrap();
        (scope.provider, scope.model)
    }

    #[test]
    fn a_model_is_found_however_it_is_written() {
        let nova = |provider: &str| (Some(provider.to_owned()), Some("amazon.nova-pro-v1:0".to_owned()));
        assert_eq!(named(None, "bedrock:amazon.nova-pro-v1:0"), nova("bedrock"));
        assert_eq!(named(Some("bedrock"), "bedrock:amazon.nova-pro-v1:0"), nova("bedrock"));
        assert_eq!(named(Some("bedrock"), "amazon.nova-pro-v1:0"), nova("bedrock"));
        assert_eq!(named(None, "gpt-4o"), (None, Some("gpt-4o".to_owned())));
        let empty = ModelArgs { provider: None, model: Some(" ".to_owned()) };
        assert!(scope(&empty, Window::default()).is_err());
    }
}
