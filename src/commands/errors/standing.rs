//! How the models that advice names stand in the catalogue: nobody is told to switch off what is off, or not there.

use crate::domain::Kind;
use crate::output::advice::{Standing, asks_the_catalogue};
use crate::output::errors::Advised;
use crate::storage::catalogue::Entry;
use crate::storage::{Store, StoreError};

/// Asks the catalogue about those whose advice depends on it.
///
/// # Errors
/// Those of the store.
pub async fn settled(mut advised: Vec<Advised>, store: &dyn Store) -> Result<Vec<Advised>, StoreError> {
    for one in advised.iter_mut().filter(|one| asks_the_catalogue(one.kind)) {
        let entries = store.entries(Some(&one.provider)).await?;
        one.standing = standing(one, &entries);
    }
    Ok(advised)
}

/// Of the model; where the account has no money, of any model of the provider.
fn standing(one: &Advised, entries: &[Entry]) -> Standing {
    let meant = entries
        .iter()
        .filter(|entry| entry.sound && (one.kind == Kind::Billing || entry.model.model_id == one.model));
    let stands = |entry: &Entry| if entry.is_enabled() { Standing::Enabled } else { Standing::Disabled };
    meant.map(stands).max().unwrap_or(Standing::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(model: &str, enabled: bool) -> Entry {
        let fields = json!({"provider": "groq", "model_id": model, "enabled": enabled});
        Entry::new(fields.as_object().unwrap().clone())
    }

    #[test]
    fn money_is_the_providers_and_everything_else_the_models() {
        let entries = [entry("on", true), entry("off", false)];
        for (kind, model, entries, expected) in [
            (Kind::HardModel, "on", &entries[..], Standing::Enabled),
            (Kind::HardModel, "off", &entries, Standing::Disabled),
            (Kind::HardModel, "other", &entries, Standing::Missing),
            (Kind::Billing, "other", &entries, Standing::Enabled),
            (Kind::Billing, "off", &entries[1..], Standing::Disabled),
            (Kind::Billing, "off", &[], Standing::Missing),
        ] {
            let (provider, model) = ("groq".to_owned(), model.to_owned());
            let one = Advised { kind, count: 1, provider, model, standing: Standing::Missing };
            assert_eq!(standing(&one, entries), expected, "{one:?}");
        }
    }
}
