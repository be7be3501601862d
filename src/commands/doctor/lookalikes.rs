//! Finds variables that are set but not read, and that look like one that is read. Pure; only names are compared.

use crate::domain::env_vars;

/// Names that other programs use, and slips that are far from the right name, with the variable that is read here.
const ALIASES: &[(&str, &str)] = &[
    ("OPENAI_API_BASE", env_vars::OPENAI_BASE_URL),
    ("OPENAI_ORGANIZATION", env_vars::OPENAI_ORG_ID),
    ("CLAUDE_API_KEY", env_vars::ANTHROPIC_API_KEY),
    ("GCLOUD_PROJECT", env_vars::GOOGLE_CLOUD_PROJECT),
    ("GCP_PROJECT", env_vars::GOOGLE_CLOUD_PROJECT),
    ("GOOGLE_CREDENTIALS", env_vars::GOOGLE_APPLICATION_CREDENTIALS),
    ("MONGO_URI", env_vars::MONGODB_URI),
    ("MONGO_URL", env_vars::MONGODB_URI),
    ("MONGODB_URL", env_vars::MONGODB_URI),
    ("MONGO_DB", env_vars::MONGODB_DB),
    ("MONGODB_DATABASE", env_vars::MONGODB_DB),
    ("LLMBENCH_DB", env_vars::LLMBENCH_STORE),
];

/// Correct variables of other programs that are close to one of this program.
const FOREIGN: &[&str] = &["AWS_ACCESS_KEY_ID", "AWS_CONFIG_FILE", "SSL_CERT_DIR", "OPENAI_ADMIN_KEY"];

/// Variables that are also read in lower case.
const EITHER_CASE: [&str; 4] =
    [env_vars::HTTPS_PROXY, env_vars::HTTP_PROXY, env_vars::ALL_PROXY, env_vars::NO_PROXY];

/// Words that people write instead of `API_KEY`.
const KEY_WORDS: [&str; 7] = ["KEY", "APIKEY", "TOKEN", "APITOKEN", "SECRET", "SECRETKEY", "KEYAPI"];

/// Prefixes that only this program uses.
const OWN: [&str; 2] = ["LLMBENCH_", "MONGODB_COLLECTION_"];

/// Variables for terminals and logins: short, common words that many other names are close to.
const COMMON: [&str; 5] =
    [env_vars::USER, env_vars::LOGNAME, env_vars::NO_COLOR, env_vars::COLUMNS, env_vars::SSL_CERT_FILE];

/// The shortest name, without separators, that is compared letter by letter.
const LONG_ENOUGH: usize = 9;

/// A variable that is set and not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookAlike {
    /// As it is set.
    pub name: String,
    /// The variable that is probably meant.
    pub meant: Option<String>,
}

/// Finds the look-alikes among names of variables. `own` are names that the configuration makes this program read.
pub fn look_alikes<'a>(set: impl IntoIterator<Item = &'a str>, own: &[&str]) -> Vec<LookAlike> {
    let known: Vec<&str> = env_vars::ALL.iter().chain(own).copied().collect();
    let lower = |name: &str| EITHER_CASE.iter().any(|read| read.to_ascii_lowercase() == name);
    let unread =
        set.into_iter().filter(|name| !known.contains(name) && !FOREIGN.contains(name) && !lower(name));
    unread.filter_map(|name| look_alike(name, &known)).collect()
}

fn look_alike(name: &str, known: &[&str]) -> Option<LookAlike> {
    let found =
        |meant: Option<&str>| Some(LookAlike { name: name.to_owned(), meant: meant.map(str::to_owned) });
    if let Some((_, meant)) = ALIASES.iter().find(|(alias, _)| *alias == name.to_ascii_uppercase()) {
        return found(Some(meant));
    }
    let letters = bare(name);
    let candidates = || known.iter().copied().filter(|name| !COMMON.contains(name));
    if let Some(same) = candidates().find(|known| bare(known) == letters) {
        return found(Some(same));
    }
    let key = |known: &&str| {
        let stem = known.strip_suffix("_API_KEY").map(bare)?;
        letters.strip_prefix(&stem).filter(|rest| KEY_WORDS.contains(rest)).map(|_| ())
    };
    if let Some(meant) = candidates().find(|known| key(known).is_some()) {
        return found(Some(meant));
    }
    let near = |known: &str| {
        let known = bare(known);
        letters.len() >= LONG_ENOUGH && strsim::damerau_levenshtein(&letters, &known) == 1
    };
    let near = candidates().find(|known| near(known));
    if near.is_some() || OWN.iter().any(|start| name.starts_with(start)) {
        return found(near);
    }
    None
}

/// A name in capitals and without separators.
fn bare(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|ch| ch.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meant(name: &str) -> Option<String> {
        look_alikes([name], &["MY_GATEWAY_KEY"]).pop()?.meant
    }

    #[test]
    fn slips_are_named_with_what_was_meant() {
        for (slip, right) in [
            ("OPENAI_APIKEY", "OPENAI_API_KEY"),
            ("openai_api_key", "OPENAI_API_KEY"),
            ("OPENAI_KEY", "OPENAI_API_KEY"),
            ("OPEN_AI_API_KEY", "OPENAI_API_KEY"),
            ("GROQ_TOKEN", "GROQ_API_KEY"),
            ("ANTHROPIC_API_KEYS", "ANTHROPIC_API_KEY"),
            ("ANTRHOPIC_API_KEY", "ANTHROPIC_API_KEY"),
            ("AWS_PROFLE", "AWS_PROFILE"),
            ("MONGO_URI", "MONGODB_URI"),
            ("MYGATEWAYKEY", "MY_GATEWAY_KEY"),
        ] {
            assert_eq!(meant(slip).as_deref(), Some(right), "{slip}");
        }
        let own = look_alikes(["LLMBENCH_COLOUR"], &[]);
        assert_eq!((own.len(), &own[0].meant), (1, &None));
    }

    #[test]
    fn what_is_read_and_what_is_others_is_left_alone() {
        let others =
            ["PATH", "HOME", "AWS_ACCESS_KEY_ID", "COLUMN", "USERS", "LANG", "AWS_CONFIG_FILE", "TERM"];
        let own = ["MY_GATEWAY_KEY", "OPENAI_API_KEY", "TOGETHERAI_API_KEY", "GITHUB_TOKEN", "HF_TOKEN"];
        assert_eq!(look_alikes(others.into_iter().chain(own), &["MY_GATEWAY_KEY"]), []);
    }

    proptest! {
        #[test]
        fn no_name_panics_and_none_that_is_read_is_suspected(name in any::<String>(), at in any::<prop::sample::Index>()) {
            let _ = look_alikes([name.as_str()], &[]);
            prop_assert_eq!(look_alikes([env_vars::ALL[at.index(env_vars::ALL.len())]], &[]), []);
        }
    }
}
