//! `llmbench models`: the catalog of measured models. `list`, `show` and `history` read; every change is a plan of
//! values before and after, made and recorded by `change`.

pub mod add;
mod canary_cost;
pub mod candidates;
pub mod change;
mod check;
pub mod choose;
mod history;
mod identity;
mod list;
mod listed;
mod pins;
mod probe;
mod ranking;
mod remove;
mod select;
mod set;
mod show;
mod switch;
mod undo;

pub(super) use change::who;

use crate::cli::models::{ModelsArgs, ModelsCommand};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};

/// Runs `llmbench models` to its exit status.
///
/// # Errors
/// A store that cannot be used, selectors that match nothing, a change that the user did not agree to.
pub async fn run(args: ModelsArgs, context: Context) -> Result<Exit, CommandError> {
    match args.command {
        ModelsCommand::List(args) => list::run(&args, &context).await,
        ModelsCommand::Add(args) => add::run(&args, &context).await,
        ModelsCommand::Disable(args) => switch::disable(&args, &context).await,
        ModelsCommand::Enable(args) => switch::enable(&args, &context).await,
        ModelsCommand::Remove(args) => remove::run(&args, &context).await,
        ModelsCommand::Set(args) => set::run(&args, &context).await,
        ModelsCommand::Show(args) => show::run(&args, &context).await,
        ModelsCommand::History(args) => history::run(&args, &context).await,
        ModelsCommand::Undo(args) => undo::run(&args, &context).await,
    }
}
