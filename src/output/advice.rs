//! What to do about a failure, one sentence a kind.

use crate::domain::Kind;

/// What an operator can do about failures of this kind.
pub fn advice(kind: Kind) -> &'static str {
    match kind {
        Kind::Auth => "Check the key or role of this provider, and that it may use this model.",
        Kind::Billing => "Check the account: its credit, its spend limit, its payment method.",
        Kind::RateLimit => "Lower the rate or the concurrency, or ask the provider for a higher limit.",
        Kind::HardModel => {
            "Check the spelling of the model id and whether this account (and region) is served; else disable the model."
        }
        Kind::HardCapability => {
            "The model refuses a parameter or API: its catalogue entry needs a request quirk."
        }
        Kind::TransientProvider => "The provider failed or is overloaded: measure again later.",
        Kind::Network => {
            "Check name resolution, routes, proxies and firewalls between here and the provider."
        }
        Kind::Timeout => "The provider was too slow for the deadline: measure again, or allow more time.",
        Kind::BudgetExhausted => {
            "The model spent the whole output budget on reasoning: measure it under a profile with a larger budget."
        }
        Kind::Truncated => {
            "The stream was cut: measure again; if it stays, a proxy or the provider cuts streams."
        }
        Kind::Protocol => "The answer was no such protocol: check the base URL and what stands in between.",
        Kind::Unknown => "Nobody has named this failure yet: its message is all there is.",
    }
}
