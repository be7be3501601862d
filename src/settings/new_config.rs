//! The text of a new configuration file, as `llmbench init` writes it. Pure. No key is part of it, only the names of the
//! variables that hold keys.

use super::file;
use super::{Env, FlagOverrides, Settings, SettingsError, resolve};
use crate::domain::sourced::{Source, Sourced};
use std::path::Path;

/// The answers that a configuration file keeps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewConfig {
    /// The URL of the store; `None` where the environment names it.
    pub store: Option<String>,
    pub providers: Vec<NewProvider>,
}

/// One provider of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewProvider {
    pub name: String,
    /// True if it is no built-in one: a server with OpenAI's API.
    pub is_own: bool,
    pub base_url: Option<String>,
    /// The variable that holds its key, if that is not the usual one.
    pub key_env: Option<String>,
    /// The variables that are read without `key_env`.
    pub usual_keys: Vec<String>,
}

const HEAD: &str = "\
# Configuration of llmbench, written by `llmbench init`. llmbench.example.toml has every key that can stand here;
# `llmbench config show` prints what is in force. Keys never stand in this file: it names the variables that hold them.
";

impl NewConfig {
    /// The file.
    pub fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        match &self.store {
            Some(store) => text.push_str(&format!("\nstore = {}\n", quoted(store))),
            None => text.push_str(
                "\n# The environment names the store.\n# store = \"sqlite:/path/to/llmbench.db\"\n",
            ),
        }
        self.providers.iter().for_each(|provider| text.push_str(&provider.text()));
        text
    }

    /// The settings that this file would give at this place.
    ///
    /// # Errors
    /// [`SettingsError`] if a value cannot be used.
    pub fn settings(&self, path: &Path, env: Env) -> Result<Settings, SettingsError> {
        let file = file::parse(&self.text(), path)?;
        let config = Sourced::new(path.to_owned(), Source::File(path.to_owned()));
        resolve::combine(&FlagOverrides::default(), env, Some(config), file)
    }
}

impl NewProvider {
    fn text(&self) -> String {
        let mut text = format!("\n[providers.{}]\n", key(&self.name));
        if self.is_own {
            text.push_str("dialect = \"chat\"\n");
        }
        if let Some(url) = &self.base_url {
            text.push_str(&format!("base_url = {}\n", quoted(url)));
            // Without a key there is no secret on the way, and whoever names http:// means it.
            if self.is_own && self.key_env.is_none() && url.starts_with("http://") {
                text.push_str("allow_plain_http = true\n");
            }
        }
        match (&self.key_env, self.usual_keys.as_slice()) {
            (Some(variable), _) => text.push_str(&format!("key_env = {}\n", quoted(variable))),
            (None, []) => {}
            (None, usual) => text.push_str(&format!("# its key is in {}\n", usual.join(" or "))),
        }
        text
    }
}

/// A text as TOML's basic string. JSON's escapes are TOML's, too, except that JSON leaves DEL as it is.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// A key of a table: bare where it may be.
fn key(name: &str) -> String {
    let bare = |ch: char| ch.is_ascii_alphanumeric() || ch == '-' || ch == '_';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn provider(name: &str) -> NewProvider {
        NewProvider { name: name.to_owned(), ..NewProvider::default() }
    }

    #[test]
    fn the_file_says_what_was_answered() {
        let config = NewConfig {
            store: Some("sqlite:/srv/llm bench.db".to_owned()),
            providers: vec![
                NewProvider { usual_keys: vec!["GROQ_API_KEY".to_owned()], ..provider("groq") },
                NewProvider { key_env: Some("WORK_KEY".to_owned()), ..provider("openai") },
                NewProvider {
                    is_own: true,
                    base_url: Some("http://gpu.lan:8000/v1".to_owned()),
                    ..provider("cellar")
                },
            ],
        };
        let body = config.text().replace(HEAD, "");
        assert_eq!(
            body,
            "\nstore = \"sqlite:/srv/llm bench.db\"\n\n[providers.groq]\n# its key is in GROQ_API_KEY\n\
             \n[providers.openai]\nkey_env = \"WORK_KEY\"\n\
             \n[providers.cellar]\ndialect = \"chat\"\nbase_url = \"http://gpu.lan:8000/v1\"\nallow_plain_http = true\n"
        );
        let settings = config.settings(Path::new("c.toml"), Env::default()).unwrap();
        assert_eq!(settings.store().unwrap().value.expose(), "sqlite:/srv/llm bench.db");
        assert_eq!(settings.hosts.find("openai").unwrap().key_names(), ["WORK_KEY"]);
        assert!(settings.hosts.find("cellar").unwrap().allow_plain_http);
    }

    #[test]
    fn a_key_goes_over_plain_http_only_where_the_file_says_so() {
        let own = NewProvider {
            is_own: true,
            base_url: Some("http://gpu.lan:8000/v1".to_owned()),
            key_env: Some("CELLAR_KEY".to_owned()),
            ..provider("cellar")
        };
        let config = NewConfig { store: None, providers: vec![own] };
        let said = config.settings(Path::new("c.toml"), Env::default()).unwrap_err().to_string();
        assert!(said.contains("plain http to another machine"), "{said}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(store in "\\PC{0,20}|[\u{0}-\u{7f}]{0,20}", variable in "[\u{0}-\u{ff}]{0,12}") {
            let own = NewProvider { key_env: Some(variable.clone()), ..provider("groq") };
            let config = NewConfig { store: Some(store.clone()), providers: vec![own] };
            let read = file::parse(&config.text(), Path::new("c.toml")).unwrap();
            prop_assert_eq!(read.store, Some(crate::domain::secret::Secret::new(store)));
            prop_assert_eq!(read.providers["groq"].key_env.as_deref(), Some(variable.as_str()));
        }
    }
}
