//! Model ids of Amazon Bedrock: newer models are reached only through an inference profile, whose
//! id is the model's id with a geography in front. Pure rules; the catalog knows which profiles
//! exist. <https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html>

/// Names of geographies that stand before a model id.
const PREFIXES: &[&str] =
    &["us-gov", "us", "eu", "apac", "global", "jp", "au", "ca", "sa", "amer", "me", "af", "il", "ap"];

/// Prefixes of regions and the geographies of their profiles, likeliest first. The longest prefix counts.
const GEOGRAPHIES: &[(&str, &[&str])] = &[
    ("us-gov-", &["us-gov"]),
    ("us-", &["us", "global"]),
    ("eu-", &["eu", "global"]),
    ("ap-northeast-1", &["jp", "apac", "global"]),
    ("ap-northeast-3", &["jp", "apac", "global"]),
    ("ap-southeast-2", &["au", "apac", "global"]),
    ("ap-southeast-4", &["au", "apac", "global"]),
    ("ap-", &["apac", "global"]),
    ("ca-", &["ca", "us", "global"]),
    ("sa-", &["sa", "us", "global"]),
    ("me-", &["me", "global"]),
    ("il-", &["il", "global"]),
    ("af-", &["af", "global"]),
];

/// The geography before a model id, if there is one: `us` of `us.amazon.nova-pro-v1:0`.
pub fn prefix(model_id: &str) -> Option<&str> {
    let (first, rest) = model_id.split_once('.')?;
    (PREFIXES.contains(&first) && rest.contains('.')).then_some(first)
}

/// True if Bedrock's message says that a model needs an inference profile. Its apostrophe is a curly one;
/// copies may have a straight one.
pub fn needs_profile(message: &str) -> bool {
    let plain = message.replace('\u{2019}', "'").to_lowercase();
    plain.contains("on-demand throughput isn't supported")
}

/// True if a bare id belongs to a family whose newer models are reached only through a profile. Older ones are not,
/// so this is only likely.
pub fn likely_needs_profile(model_id: &str) -> bool {
    ["anthropic.", "meta."].iter().any(|vendor| model_id.starts_with(vendor))
}

/// Profile ids to try for a bare model id in a region, likeliest first; empty if the id is not a bare one.
pub fn suggestions(region: Option<&str>, model_id: &str) -> Vec<String> {
    if model_id.starts_with("arn:") || prefix(model_id).is_some() {
        return Vec::new();
    }
    let fits = |(start, _): &&(&str, &[&str])| region.is_some_and(|region| region.starts_with(start));
    let longest = GEOGRAPHIES.iter().filter(fits).max_by_key(|(start, _)| start.len());
    let geographies = longest.map_or(&["global"][..], |(_, geographies)| geographies);
    geographies.iter().map(|geography| format!("{geography}.{model_id}")).collect()
}

/// The advice for [`needs_profile`], for people.
pub fn hint(region: Option<&str>, model_id: &str) -> String {
    spoken(&suggestions(region, model_id))
}

/// The advice which of these profiles to call, for people.
pub fn spoken(profiles: &[String]) -> String {
    match profiles {
        [] => "call it by the id or ARN of an inference profile (aws bedrock list-inference-profiles)"
            .to_owned(),
        ids => format!("call it by an inference profile: {}", ids.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        assert_eq!(prefix("us.amazon.nova-pro-v1:0"), Some("us"));
        assert_eq!(prefix("us-gov.anthropic.claude-sonnet-4-5-v1:0"), Some("us-gov"));
        assert_eq!(prefix("global.anthropic.claude-opus-4-7"), Some("global"));
        assert_eq!(prefix("anthropic.claude-opus-4-7"), None);
        assert_eq!(prefix("ai21.jamba-1-5-large-v1:0"), None);
        assert_eq!(prefix("plain"), None);
    }

    #[test]
    fn families_behind_profiles() {
        assert!(
            likely_needs_profile("anthropic.claude-opus-4-7") && likely_needs_profile("meta.llama4-x-v1:0")
        );
        assert!(!likely_needs_profile("us.anthropic.claude-x") && !likely_needs_profile("mistral.large"));
    }

    #[test]
    fn suggestions_follow_the_region() {
        let first = |region: &str| suggestions(Some(region), "anthropic.claude-x").remove(0);
        assert_eq!(first("us-east-1"), "us.anthropic.claude-x");
        assert_eq!(first("us-gov-west-1"), "us-gov.anthropic.claude-x");
        assert_eq!(first("eu-central-1"), "eu.anthropic.claude-x");
        assert_eq!(first("ap-northeast-1"), "jp.anthropic.claude-x");
        assert_eq!(first("ap-southeast-2"), "au.anthropic.claude-x");
        assert_eq!(first("ap-south-1"), "apac.anthropic.claude-x");
        assert_eq!(suggestions(None, "a.b"), ["global.a.b"]);
        assert!(suggestions(Some("us-east-1"), "us.a.b").is_empty());
        assert!(suggestions(Some("us-east-1"), "arn:aws:bedrock:x").is_empty());
    }

    #[test]
    fn both_apostrophes() {
        let text = |mark: char| {
            format!("Invocation of model ID a.b with on-demand throughput isn{mark}t supported.")
        };
        assert!(needs_profile(&text('\'')) && needs_profile(&text('\u{2019}')));
        assert!(!needs_profile("throughput exceeded"));
    }

    #[test]
    fn hints_name_ids() {
        assert_eq!(hint(Some("eu-west-1"), "a.b"), "call it by an inference profile: eu.a.b or global.a.b");
        assert!(hint(Some("eu-west-1"), "eu.a.b").contains("list-inference-profiles"));
    }
}
