//! The names themselves: of providers and profiles from the settings, of everything else from the store. A model is offered
//! in two steps, its provider first: thousands of names at once help nobody.

use crate::cli::complete::{Names, Word};
use crate::commands::context::Context;
use crate::commands::run::access::SIMULATOR;
use crate::providers::sim::scenario::PRESETS;
use crate::storage::onlooker;
use crate::storage::suggestions::{Shelf, Suggestion};
use std::collections::HashSet;

/// Names that may begin like this. Where anything goes wrong there are none.
pub async fn found(names: Names, typed: &str, context: &Context) -> Vec<Word> {
    match names {
        Names::Providers => providers(context, ""),
        Names::Profiles => {
            let word = |name: &str| Word { text: name.to_owned(), about: String::new() };
            context.settings.profiles.iter().map(|profile| word(&profile.name)).collect()
        }
        Names::Runs => shelf(Shelf::Runs, typed, context).await,
        Names::Batches => shelf(Shelf::Batches, typed, context).await,
        Names::Models | Names::Measurable | Names::Listed | Names::Troubles => match typed.split_once(':') {
            Some((provider, beginning)) => models(names, provider, beginning, context).await,
            None => {
                let mut found = providers(context, ":");
                if names == Names::Troubles && !typed.is_empty() {
                    found.extend(shelf(Shelf::Fingerprints, typed, context).await);
                }
                found
            }
        },
    }
}

fn providers(context: &Context, end: &str) -> Vec<Word> {
    let hosts = context.settings.hosts.iter();
    hosts.map(|host| Word { text: format!("{}{end}", host.name), about: host.title.clone() }).collect()
}

/// The models of a provider, in full.
async fn models(names: Names, provider: &str, beginning: &str, context: &Context) -> Vec<Word> {
    let mut found = Vec::new();
    if provider == SIMULATOR && matches!(names, Names::Measurable | Names::Listed) {
        let word = |name: &str, about: &str| Word { text: name.to_owned(), about: about.to_owned() };
        found.extend(PRESETS.iter().map(|preset| word(preset.name, preset.about)));
    }
    let on = match names {
        Names::Listed => Shelf::Listed(provider.to_owned()),
        _ => Shelf::Catalogue(provider.to_owned()),
    };
    let stored = shelf(on, beginning, context).await;
    let known: HashSet<String> = found.iter().map(|word| word.text.clone()).collect();
    found.extend(stored.into_iter().filter(|word| !known.contains(&word.text)));
    found.into_iter().map(|word| Word { text: format!("{provider}:{}", word.text), ..word }).collect()
}

async fn shelf(shelf: Shelf, beginning: &str, context: &Context) -> Vec<Word> {
    let Ok(location) = context.store_location() else { return Vec::new() };
    let Ok(store) = onlooker(&location.value, &context.names()).await else { return Vec::new() };
    let found = store.suggest(&shelf, beginning).await.unwrap_or_default();
    found.into_iter().map(|Suggestion { text, about }| Word { text, about }).collect()
}
