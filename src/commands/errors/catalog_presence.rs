//! Looks up the models of advice in the catalog, so that no advice is to disable a model that is disabled or not there.

use crate::domain::FailureKind;
use crate::output::advice::{CatalogPresence, asks_the_catalog};
use crate::output::errors::FailureAdvice;
use crate::storage::catalog::CatalogEntry;
use crate::storage::{Store, StoreError};

/// Adds the catalog state to advice that depends on it.
///
/// # Errors
/// Those of the store.
pub async fn settled(
    mut advised: Vec<FailureAdvice>,
    store: &dyn Store,
) -> Result<Vec<FailureAdvice>, StoreError> {
    for one in advised.iter_mut().filter(|one| asks_the_catalog(one.kind)) {
        let entries = store.entries(Some(&one.provider)).await?;
        one.presence = presence(one, &entries);
    }
    Ok(advised)
}

/// The state of the model; for an account without money, of any model of the provider.
fn presence(one: &FailureAdvice, entries: &[CatalogEntry]) -> CatalogPresence {
    let meant = entries.iter().filter(|entry| {
        entry.sound && (one.kind == FailureKind::Billing || entry.model.model_id == one.model)
    });
    let stands = |entry: &CatalogEntry| {
        if entry.is_enabled() { CatalogPresence::Enabled } else { CatalogPresence::Disabled }
    };
    meant.map(stands).max().unwrap_or(CatalogPresence::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(model: &str, enabled: bool) -> CatalogEntry {
        let fields = json!({"provider": "groq", "model_id": model, "enabled": enabled});
        CatalogEntry::new(fields.as_object().unwrap().clone())
    }

    #[test]
    fn money_is_the_providers_and_everything_else_the_models() {
        let entries = [entry("on", true), entry("off", false)];
        for (kind, model, entries, expected) in [
            (FailureKind::HardModel, "on", &entries[..], CatalogPresence::Enabled),
            (FailureKind::HardModel, "off", &entries, CatalogPresence::Disabled),
            (FailureKind::HardModel, "other", &entries, CatalogPresence::Missing),
            (FailureKind::Billing, "other", &entries, CatalogPresence::Enabled),
            (FailureKind::Billing, "off", &entries[1..], CatalogPresence::Disabled),
            (FailureKind::Billing, "off", &[], CatalogPresence::Missing),
        ] {
            let (provider, model) = ("groq".to_owned(), model.to_owned());
            let one = FailureAdvice { kind, count: 1, provider, model, presence: CatalogPresence::Missing };
            assert_eq!(presence(&one, entries), expected, "{one:?}");
        }
    }
}
