//! `llmbench catalog diff --pick`: adds listed but unmeasured models with `models add`, chosen from a list or by name.

use super::stored_listings::fits;
use crate::cli::catalog::CatalogDiffArgs;
use crate::cli::models::ConfirmArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::models::add::{AddOptions, add};
use crate::commands::models::candidates::ModelCandidate;
use crate::commands::models::change::ChangeSession;
use crate::commands::models::choose::{addable, candidate, from_list};
use crate::commands::unknown_names::near_or;
use crate::domain::listing::CatalogRow;
use crate::listings::diff::ListingDiff;
use crate::output::catalog::stated;
use crate::output::picker::PickerItem;
use crate::output::{print, prompt};
use crate::storage::Store;
use std::collections::HashSet;
use tokio_util::sync::CancellationToken;

/// Offers or picks models from the differences.
///
/// # Errors
/// Status 2 if nobody can be asked, 1 if nothing is chosen or a name matches nothing, and those of `models add`.
pub async fn run(
    args: &CatalogDiffArgs,
    found: &ListingDiff,
    context: &Context,
    store: &dyn Store,
) -> Result<Exit, CommandError> {
    let rows = addable(newest_first(found));
    if rows.is_empty() {
        print::note("every listed model that can be added is in the catalog: nothing to choose from");
        return Ok(Exit::Yes);
    }
    let named = args.pick.as_deref().unwrap_or_default();
    let session = ChangeSession::new(store, context, ConfirmArgs { yes: args.yes, dry_run: args.dry_run })?;
    let wanted = if named.is_empty() {
        chosen(&rows, found, &session.interrupt.stop).await?
    } else {
        by_name(named, &rows)?
    };
    if wanted.is_empty() {
        print::note("nothing was chosen; nothing was changed");
        return Ok(Exit::Yes);
    }
    let reason = Some("picked from catalog diff".to_owned());
    let adding = AddOptions { no_probe: args.no_probe, reason, must_ask: true };
    add(wanted, &adding, context, &session).await
}

/// Sorts new models to the front.
fn newest_first(found: &ListingDiff) -> Vec<CatalogRow> {
    let mut rows = found.not_measured.clone();
    rows.sort_by_key(|row| !is_new(row, found));
    rows
}

fn is_new(row: &CatalogRow, found: &ListingDiff) -> bool {
    found.new.iter().any(|new| (&new.provider, &new.model_id) == (&row.provider, &row.model_id))
}

async fn chosen(
    rows: &[CatalogRow],
    found: &ListingDiff,
    stop: &CancellationToken,
) -> Result<Vec<ModelCandidate>, CommandError> {
    if !prompt::possible() {
        return Err(CommandError::usage("--pick asks which models are meant, and there is no terminal")
            .hint("--pick=PROVIDER:MODEL_ID,… --yes names them, and patterns do; so does models add --from-file FILE"));
    }
    let choice = |row: &CatalogRow| {
        let new = is_new(row, found).then(|| "new".to_owned());
        let words: Vec<String> = new.into_iter().chain([stated(&row.facts)]).collect();
        PickerItem { name: format!("{}:{}", row.provider, row.model_id), note: words.join("  ") }
    };
    from_list("Which models are to be measured?".to_owned(), rows, choice, stop).await
}

/// Matches comma-separated names and patterns; each has to match something.
fn by_name(named: &str, rows: &[CatalogRow]) -> Result<Vec<ModelCandidate>, CommandError> {
    let mut wanted: Vec<ModelCandidate> = Vec::new();
    for pattern in named.split(',').map(str::trim).filter(|pattern| !pattern.is_empty()) {
        let fitting: Vec<ModelCandidate> =
            rows.iter().filter(|row| fits(pattern, row)).map(candidate).collect();
        if fitting.is_empty() {
            return Err(nothing(pattern, rows));
        }
        wanted.extend(fitting);
    }
    let mut seen = HashSet::new();
    wanted.retain(|candidate| seen.insert(candidate.model.clone()));
    Ok(wanted)
}

fn nothing(pattern: &str, rows: &[CatalogRow]) -> CommandError {
    let names: Vec<String> = rows.iter().map(|row| format!("{}:{}", row.provider, row.model_id)).collect();
    let otherwise = "`llmbench catalog diff --wide` shows what is listed and not measured";
    let hint = near_or(pattern, names.iter().map(String::as_str), otherwise);
    let pattern = pattern.escape_debug();
    CommandError::usage(format!("no model that is listed and not measured fits `{pattern}`"))
        .exit(Exit::No)
        .hint(hint)
}
