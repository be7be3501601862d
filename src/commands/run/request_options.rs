//! The request and the load of a run, from flags and settings; and the rule by which rows may be published.

use crate::cli::run::{ArrivalsArg, RunArgs};
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::domain::Profile;
use crate::domain::pair::COUNTERPART;
use crate::domain::sourced::Source;
use crate::measure::load::{ArrivalRate, Arrivals, LoadSpec};
use crate::measure::report::RequestedConnection;
use crate::wire::ExchangeLimits;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// The role of rows that the dashboard may show.
const PUBLISHED: &str = "published";
/// The role of rows of manual trials.
const MANUAL: &str = "manual";
/// Requests in flight of an open loop without `--concurrency`.
const OPEN_LOOP_PLACES: usize = 1000;
/// The id of a request that matches no profile.
pub(super) const CUSTOM_PROFILE: &str = "custom";
/// Tokens per second that any model is expected to reach: sizes the deadline of long answers.
const SLOWEST_PACE: f64 = 8.0;

/// The request for every model.
pub struct RequestOptions {
    /// The profile, with changes by flags.
    pub profile: Profile,
    /// Deadlines and caps of an exchange.
    pub limits: ExchangeLimits,
    pub connection: RequestedConnection,
    /// True if a closed loop waits as long as an answer asks for.
    pub waits: bool,
    /// The role of rows that `--role` gave.
    role: Option<String>,
    /// True for exactly the published request, cold, one at a time.
    publishable: bool,
}

impl RequestOptions {
    /// The role of a model's rows: `published` needs the published request and a model that the catalog has enabled.
    pub fn role(&self, enabled: bool) -> &str {
        match &self.role {
            Some(role) => role,
            None if self.publishable && enabled => PUBLISHED,
            None => MANUAL,
        }
    }
}

/// Resolves the request from flags and settings.
///
/// # Errors
/// A prompt file that cannot be read, or a role that the request does not allow.
pub fn settle(args: &RunArgs, context: &Context) -> Result<RequestOptions, CommandError> {
    let named = context.settings.profile().map_err(CommandError::usage)?;
    let mut profile = named.clone();
    let own = change(&mut profile, args)?;
    let connection = connection(args)?;
    let single = args.rate.is_none() && args.concurrency.unwrap_or(1) == 1;
    let publishable = profile.published && !own && !args.warm && single && !profile.cache_bust;
    if args.role.as_deref() == Some(COUNTERPART) {
        return Err(CommandError::usage(format!("--role {COUNTERPART} is that of the warm halves of pairs"))
            .hint("--paired makes such rows; any other word is free"));
    }
    if args.role.as_deref() == Some(PUBLISHED) && !publishable {
        return Err(CommandError::usage(
            "--role published needs a published profile as it is, cold, one request at a time",
        )
        .hint("leave out --role, or the flags that change the question"));
    }
    let limits = limits(context, &profile);
    let waits = args.rate.is_none() && !args.no_wait;
    Ok(RequestOptions { profile, limits, connection, waits, role: args.role.clone(), publishable })
}

/// The connections that the flags ask for.
///
/// # Errors
/// A flag that leaves no pair to be made, or nothing that a pair could be compared by.
fn connection(args: &RunArgs) -> Result<RequestedConnection, CommandError> {
    if !args.paired {
        return Ok(if args.warm { RequestedConnection::Warm } else { RequestedConnection::Cold });
    }
    let (both, alone) = (
        "a pair is a cold request and a warm one",
        "other requests at the same time would be part of the difference",
    );
    let against = [
        (args.warm, "--warm", both),
        (args.cold, "--cold", both),
        (args.rate.is_some(), "--rate", alone),
        (args.concurrency.is_some_and(|most| most > 1), "--concurrency", alone),
    ];
    match against.into_iter().find(|(given, ..)| *given) {
        Some((_, flag, why)) => Err(CommandError::usage(format!("--paired cannot go with {flag}: {why}"))
            .hint(format!("leave out {flag}; `-n 20` makes 20 pairs, one request after the other"))),
        None => Ok(RequestedConnection::Paired),
    }
}

/// Applies the flags that change the request; true if it then differs from the profile.
fn change(profile: &mut Profile, args: &RunArgs) -> Result<bool, CommandError> {
    let before = profile.clone();
    if let Some(prompt) = &args.prompt {
        if prompt.trim().is_empty() {
            return Err(CommandError::usage("--prompt is empty"));
        }
        profile.prompt.clone_from(prompt);
    }
    if let Some(file) = &args.prompt_file {
        profile.prompt = read_prompt(file)?;
    }
    if let Some(tokens) = args.max_tokens {
        profile.max_output_tokens = tokens;
    }
    if args.temperature.is_some() {
        profile.temperature = args.temperature;
    }
    if args.reasoning_effort.is_some() {
        profile.reasoning_effort.clone_from(&args.reasoning_effort);
    }
    let own = *profile != before;
    if own {
        // Another request under a profile's id would not compare with that profile's rows.
        profile.id = CUSTOM_PROFILE.to_owned();
        profile.published = false;
        profile.cache_bust = true;
    }
    if args.cache_bust || args.no_cache_bust {
        profile.cache_bust = args.cache_bust;
    }
    Ok(own)
}

fn read_prompt(file: &Path) -> Result<String, CommandError> {
    let fail =
        |error: std::io::Error| CommandError::usage(format!("--prompt-file {}: {error}", file.display()));
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(fail)?;
    } else {
        text = std::fs::read_to_string(file).map_err(fail)?;
    }
    if text.trim().is_empty() {
        return Err(CommandError::usage(format!("--prompt-file {} is empty", file.display())));
    }
    Ok(text)
}

/// The deadlines. The default of two minutes grows for long answers, so that slow models are not cut off.
pub fn limits(context: &Context, profile: &Profile) -> ExchangeLimits {
    let deadlines = &context.settings.deadlines;
    let mut limits = deadlines.limits();
    if deadlines.total.source == Source::Default {
        let needed = Duration::from_secs_f64(f64::from(profile.max_output_tokens) / SLOWEST_PACE);
        limits.total = limits.total.max(limits.first_byte + needed);
    }
    limits
}

/// The load of a lane.
pub fn load(args: &RunArgs) -> LoadSpec {
    let arrivals = match args.arrivals {
        ArrivalsArg::Poisson => Arrivals::Poisson,
        ArrivalsArg::Constant => Arrivals::Constant,
    };
    let places = if args.rate.is_some() { OPEN_LOOP_PLACES } else { 1 };
    LoadSpec {
        requests: args.requests.or_else(|| args.duration.is_none().then_some(1)),
        duration: args.duration,
        concurrency: args.concurrency.map_or(places, usize::from),
        rate: args.rate.map(|per_second| ArrivalRate { per_second, arrivals }),
        max_error_rate: args.max_error_rate,
    }
}
