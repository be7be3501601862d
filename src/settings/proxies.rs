//! The proxies of unmeasured requests: the variables that curl reads, lower case first, like curl.
//! `http::proxy_rules` applies them.

use super::display::{EffectiveSetting, SettingValue};
use super::{Env, SettingsError};
use crate::domain::env_vars::{ALL_PROXY, HTTP_PROXY, HTTPS_PROXY, NO_PROXY};
use crate::domain::secret::Secret;
use crate::domain::sourced::Source;
use crate::http::{ProxyRules, ProxyUrl};

/// The variables that name a proxy, in the order of display.
pub const NAMING: [&str; 3] = [HTTPS_PROXY, HTTP_PROXY, ALL_PROXY];

/// The proxy rules of the environment.
///
/// # Errors
/// [`SettingsError::Value`] if a variable names no usable proxy.
pub(super) fn resolve(env: &Env) -> Result<ProxyRules, SettingsError> {
    let proxy = |name: &str| {
        let Some((set, text)) = variable(env, name) else { return Ok(None) };
        let parsed = ProxyUrl::parse(&set, text).map(Some);
        parsed.map_err(|reason| SettingsError::Value {
            what: "proxy".to_owned(),
            source_name: Source::Env(set).to_string(),
            reason,
        })
    };
    let except = variable(env, NO_PROXY).map(|(_, list)| list);
    Ok(ProxyRules::new(proxy(HTTPS_PROXY)?, proxy(HTTP_PROXY)?, proxy(ALL_PROXY)?, except))
}

/// The value of a variable and the name under which it is set: lower case or upper case.
pub(super) fn variable<'a>(env: &'a Env, name: &str) -> Option<(String, &'a str)> {
    let lower = name.to_ascii_lowercase();
    let (set, value) = env.first(&[lower.as_str(), name])?;
    Some((set.to_owned(), value))
}

/// The variables that name a proxy and are set.
pub(super) fn named(env: &Env) -> Vec<String> {
    NAMING.iter().filter_map(|name| variable(env, name)).map(|(set, _)| set).collect()
}

/// The variables for display: proxies without user and password.
pub(super) fn shown(env: &Env) -> Vec<EffectiveSetting> {
    let shown = |name: &str| {
        let (value, source) = match variable(env, name) {
            None => (SettingValue::Nothing, Source::Default),
            Some((set, text)) if name == NO_PROXY => (SettingValue::Value(text.to_owned()), Source::Env(set)),
            Some((set, text)) => {
                // An invalid value may contain a password anywhere.
                let proxy = ProxyUrl::parse(&set, text);
                let value =
                    proxy.map_or(SettingValue::Secret, |proxy| SettingValue::Value(proxy.to_string()));
                (value, Source::Env(set))
            }
        };
        EffectiveSetting { name: name.to_ascii_lowercase(), value, source }
    };
    NAMING.into_iter().chain([NO_PROXY]).map(shown).collect()
}

/// Users and passwords of proxies. In an invalid value, everything before its host counts as one.
pub(super) fn secrets(env: &Env) -> Vec<Secret> {
    let set = NAMING.iter().filter_map(|name| variable(env, name));
    set.flat_map(|(name, text)| match ProxyUrl::parse(&name, text) {
        Ok(proxy) => proxy.secrets(),
        Err(_) => text.rsplit_once('@').map(|(before, _)| Secret::new(before)).into_iter().collect(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(pairs: &[(&str, &str)]) -> Result<ProxyRules, SettingsError> {
        resolve(&Env::from_pairs(pairs.iter().copied()))
    }

    #[test]
    fn both_spellings_are_read_and_lower_case_wins() {
        let shown = |pairs: &[(&str, &str)]| {
            let rules = rules(pairs).unwrap();
            rules.proxy_for(true, "h.example").map(|proxy| format!("{proxy:?}"))
        };
        let upper = ("HTTPS_PROXY", "http://upper:1");
        assert_eq!(shown(&[upper]).unwrap(), "http://upper:1 (HTTPS_PROXY)");
        assert_eq!(shown(&[upper, ("https_proxy", "lower:2")]).unwrap(), "http://lower:2 (https_proxy)");
        assert_eq!(shown(&[("all_proxy", "socks5://a")]).unwrap(), "socks5://a (all_proxy)");
        assert_eq!(shown(&[upper, ("no_proxy", "h.example")]), None);
        assert_eq!(shown(&[("HTTP_PROXY", "http://upper:1")]), None);
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_and_its_password_is_not() {
        let wrong = [("HTTPS_PROXY", "ftp://ann:canary-password@p")];
        let said = rules(&wrong).unwrap_err().to_string();
        assert!(
            said.starts_with("proxy (environment variable HTTPS_PROXY): its scheme is none of"),
            "{said}"
        );
        let secrets = secrets(&Env::from_pairs(wrong));
        assert!(secrets.iter().any(|secret| secret.expose().contains("canary-password")));
    }
}
