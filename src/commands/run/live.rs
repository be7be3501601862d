//! How a run shows that it goes on: full screen with `--live` at a terminal, else a bar.

use super::request_options::RequestOptions;
use crate::cli::run::RunArgs;
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::commands::interrupt::pass_on_stops;
use crate::domain::ModelRef;
use crate::output::live::can_show;
use crate::output::live::live_run::{LiveRun, RunPlan};
use crate::output::progress::Progress;
use crate::output::run_progress::RunProgress;
use crate::output::units;
use chrono::{DateTime, Utc};

/// Starts what is shown of a run of so many `requests`; a bar where a view cannot be shown.
///
/// # Errors
/// The operating system's, if stops by job control cannot be heard.
pub fn progress(
    args: &RunArgs,
    context: &Context,
    models: &[ModelRef],
    requests: Option<u64>,
    asked: &RequestOptions,
    started_at: DateTime<Utc>,
    csv_to_stdout: bool,
) -> Result<RunProgress, CommandError> {
    // The view would be drawn over lines that go to the same terminal.
    let is_shared = (args.ndjson || csv_to_stdout) && context.terminal.stdout_tty;
    let term = context.settings.env().get("TERM");
    if args.live && !is_shared && can_show(context.terminal.stderr_tty, term) {
        let plan = RunPlan {
            title: title(args, asked, models.len()),
            models: models.to_vec(),
            requests,
            duration: args.duration,
            started_at,
        };
        if let Ok(live) = LiveRun::start(plan, context.terminal) {
            pass_on_stops(live.sender()).map_err(CommandError::usage)?;
            return Ok(RunProgress::Live(Box::new(live)));
        }
    }
    Ok(RunProgress::Bar(Progress::start(requests, &context.terminal, args.quiet)))
}

/// For example `cloud-default-v1, 3 models, 4 at once`.
fn title(args: &RunArgs, asked: &RequestOptions, models: usize) -> String {
    let models = units::counted(models as u64, "model");
    let load = match (args.rate, args.concurrency) {
        (Some(rate), _) => format!("{rate} a second"),
        (None, Some(several)) if several > 1 => format!("{several} at once"),
        (None, _) => "one at a time".to_owned(),
    };
    format!("{}, {models}, {load} per provider", asked.profile.id)
}
