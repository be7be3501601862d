//! Advice about failures: one sentence and one command per kind.

use super::text;
use crate::domain::FailureKind;

/// The advice for an operator on failures of this kind.
pub fn advice(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Auth => "Check the key or role of this provider, and that it may use this model.",
        FailureKind::Billing => "Check the account: its credit, its spend limit, its payment method.",
        FailureKind::RateLimit => {
            "Lower the rate or the concurrency, or ask the provider for a higher limit."
        }
        FailureKind::HardModel => {
            "Check the spelling of the model id and whether this account (and region) is served."
        }
        FailureKind::HardCapability => {
            "The model refuses a parameter or API: its catalog entry needs a request quirk."
        }
        FailureKind::TransientProvider => "The provider failed or is overloaded: measure again later.",
        FailureKind::Network => {
            "Check name resolution, routes, proxies and firewalls between here and the provider."
        }
        FailureKind::Timeout => {
            "The provider was too slow for the deadline: measure again, or allow more time."
        }
        FailureKind::BudgetExhausted => {
            "The model spent the whole output budget on reasoning: measure it under a profile with a larger budget."
        }
        FailureKind::Truncated => {
            "The stream was cut: measure again; if it stays, a proxy or the provider cuts streams."
        }
        FailureKind::Protocol => {
            "The answer was no such protocol: check the base URL and what stands in between."
        }
        FailureKind::Interrupted => {
            "The daemon ended during the call: see in its log why. The model is measured again at its next turn."
        }
        FailureKind::Client => {
            "This machine had no file descriptor, thread or memory left: raise its limits (`ulimit -n`), or measure less at once."
        }
        FailureKind::Unknown => "Nobody has named this failure yet: its message is all there is.",
    }
}

/// A model's state in the catalog. A model that is off or absent cannot be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CatalogPresence {
    /// The catalog does not have it.
    Missing,
    /// It is in the catalog and not measured.
    Disabled,
    Enabled,
}

/// True if the advice depends on the state of the model, or of any model of its provider, in the catalog.
pub fn asks_the_catalog(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::HardModel | FailureKind::Billing)
}

/// The advice on failures of this kind for a model in this state of the catalog.
pub fn advice_for(kind: FailureKind, presence: CatalogPresence) -> String {
    let more = match (kind, presence) {
        (FailureKind::HardModel, CatalogPresence::Enabled) => " Else disable the model.",
        (FailureKind::HardModel, CatalogPresence::Disabled) => " The model is disabled already.",
        (FailureKind::HardModel, CatalogPresence::Missing) => {
            " The catalog does not have this model: see what the provider lists."
        }
        (FailureKind::Billing, CatalogPresence::Enabled) => " Disable its models until then.",
        _ => "",
    };
    format!("{}{more}", advice(kind))
}

/// Adds the section to read to a piece of advice: every kind has a heading of its own in TROUBLESHOOTING.md.
pub fn with_heading(advice: &str, kind: FailureKind) -> String {
    format!("{advice} More: TROUBLESHOOTING.md, \"{kind}\"")
}

/// The advice on failures of this kind for any model, with the section to read.
pub fn told(kind: FailureKind) -> String {
    with_heading(advice(kind), kind)
}

/// Parses a stored word; `None` if it is no kind of this program.
pub fn kind(word: &str) -> Option<FailureKind> {
    FailureKind::ALL.into_iter().find(|kind| kind.as_str() == word)
}

/// The first command to type on failures of this kind of this model. `presence` is the model's state in the catalog;
/// for failures about money it is that of the provider's models.
pub fn command(kind: FailureKind, provider: &str, model: &str, presence: CatalogPresence) -> String {
    let named = quoted(&format!("{provider}:{model}"));
    match kind {
        FailureKind::Auth | FailureKind::Network | FailureKind::Protocol | FailureKind::Unknown => {
            look(&named)
        }
        FailureKind::Billing if presence != CatalogPresence::Enabled => look(&named),
        FailureKind::HardModel if presence == CatalogPresence::Disabled => {
            format!("llmbench models show {named}")
        }
        FailureKind::HardModel if presence == CatalogPresence::Missing => {
            format!("llmbench catalog list --provider {}", quoted(provider))
        }
        FailureKind::Billing => {
            let all = quoted(&format!("{provider}:*"));
            format!("llmbench models disable {all} --class billing --reason 'the account has no credit'")
        }
        FailureKind::RateLimit => format!("llmbench run --model {named} --requests 5 --concurrency 1"),
        FailureKind::HardModel => {
            format!(
                "llmbench models disable {named} --class hard_model --reason 'the provider does not serve it'"
            )
        }
        // A run learns which parameters the model refuses, and stores that for the next one.
        FailureKind::TransientProvider
        | FailureKind::HardCapability
        | FailureKind::Interrupted
        | FailureKind::Client => {
            format!("llmbench run --model {named}")
        }
        FailureKind::Timeout => format!("llmbench run --model {named} --timeout 5m"),
        FailureKind::BudgetExhausted => format!("llmbench run --model {named} --profile reasoning"),
        FailureKind::Truncated => format!("llmbench run --model {named} --requests 5 --verbose"),
    }
}

/// One call with every detail shown, of which nothing is stored.
fn look(named: &str) -> String {
    format!("llmbench run --model {named} --no-store --verbose")
}

/// Quotes a word for a shell, on one line whatever it contains.
pub fn quoted(word: &str) -> String {
    let plain = |ch: char| ch.is_ascii_alphanumeric() || "._:/@%+=,-".contains(ch);
    let word = text::escape(word);
    if word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_a_command_of_its_own() {
        assert_eq!(quoted("bedrock:us.amazon.nova-pro-v1:0"), "bedrock:us.amazon.nova-pro-v1:0");
        assert_eq!(quoted("x; rm -rf ~"), "'x; rm -rf ~'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("a\nb"), "'a\\nb'");
    }

    #[test]
    fn every_kind_is_known_by_its_word() {
        assert!(FailureKind::ALL.into_iter().all(|one| kind(one.as_str()) == Some(one)));
        assert_eq!(kind("quota"), None);
    }
}
