//! Finds the names: of providers and profiles in the settings, of everything else in the store. A model is offered in
//! two steps, its provider first: thousands of names at once help nobody.

use crate::cli::complete::{CompletionSource, CompletionWord};
use crate::commands::context::Context;
use crate::commands::run::access::SIMULATOR;
use crate::simulator::scenario::PRESETS;
use crate::storage::suggestion_reader;
use crate::storage::suggestions::{Suggestion, SuggestionSource};
use std::collections::HashSet;

/// Names with this prefix; empty if anything fails.
pub async fn found(names: CompletionSource, typed: &str, context: &Context) -> Vec<CompletionWord> {
    match names {
        CompletionSource::Providers => providers(context, ""),
        CompletionSource::Profiles => {
            let word = |name: &str| CompletionWord { text: name.to_owned(), about: String::new() };
            context.settings.profiles.iter().map(|profile| word(&profile.name)).collect()
        }
        CompletionSource::Runs => shelf(SuggestionSource::Runs, typed, context).await,
        CompletionSource::Batches => shelf(SuggestionSource::Batches, typed, context).await,
        CompletionSource::Changes => shelf(SuggestionSource::Changes, typed, context).await,
        CompletionSource::Models
        | CompletionSource::Measurable
        | CompletionSource::Listed
        | CompletionSource::Troubles => match typed.split_once(':') {
            Some((provider, beginning)) => models(names, provider, beginning, context).await,
            None => {
                let mut found = providers(context, ":");
                if names == CompletionSource::Troubles && !typed.is_empty() {
                    found.extend(shelf(SuggestionSource::Fingerprints, typed, context).await);
                }
                found
            }
        },
    }
}

fn providers(context: &Context, end: &str) -> Vec<CompletionWord> {
    let hosts = context.settings.hosts.iter();
    hosts
        .map(|host| CompletionWord { text: format!("{}{end}", host.name), about: host.title.clone() })
        .collect()
}

/// The models of a provider, in full.
async fn models(
    names: CompletionSource,
    provider: &str,
    beginning: &str,
    context: &Context,
) -> Vec<CompletionWord> {
    let mut found = Vec::new();
    if provider == SIMULATOR && matches!(names, CompletionSource::Measurable | CompletionSource::Listed) {
        let word =
            |name: &str, about: &str| CompletionWord { text: name.to_owned(), about: about.to_owned() };
        found.extend(PRESETS.iter().map(|preset| word(preset.name, preset.about)));
    }
    let on = match names {
        CompletionSource::Listed => SuggestionSource::Listed(provider.to_owned()),
        _ => SuggestionSource::Catalog(provider.to_owned()),
    };
    let stored = shelf(on, beginning, context).await;
    let known: HashSet<String> = found.iter().map(|word| word.text.clone()).collect();
    found.extend(stored.into_iter().filter(|word| !known.contains(&word.text)));
    found
        .into_iter()
        .map(|word| CompletionWord { text: format!("{provider}:{}", word.text), ..word })
        .collect()
}

async fn shelf(shelf: SuggestionSource, beginning: &str, context: &Context) -> Vec<CompletionWord> {
    let Ok(location) = context.store_location() else { return Vec::new() };
    let Ok(store) = suggestion_reader(&location.value, &context.names()).await else { return Vec::new() };
    let found = store.suggest(&shelf, beginning).await.unwrap_or_default();
    found.into_iter().map(|Suggestion { text, about }| CompletionWord { text, about }).collect()
}
