//! The existing profiles and the published ones: the built-in ones and those of the configuration file.

use super::SettingsError;
use super::display::flat;
use super::file::{ConfigFile, ProfileEntry, PublishWord};
use crate::domain::canary::CANARY_PROFILE;
use crate::domain::nearest::did_you_mean;
use crate::domain::profile::{PUBLISHED_PROMPT, built_in};
use crate::domain::sourced::{Source, Sourced};
use crate::domain::{Profile, PublishedProfiles};
use std::collections::BTreeMap;
use std::path::Path;

/// Output budget of a profile without one: that of the published profile.
const DEFAULT_BUDGET: u32 = 64;

#[derive(Debug, Clone, PartialEq)]
pub struct Profiles {
    rows: Vec<Profile>,
    /// Ids of the profiles whose rows go to the public collection.
    pub published: Sourced<Vec<String>>,
    /// Those of them whose rows get null as their rate.
    pub without_rate: Vec<String>,
    /// What the file says, by name: `short.max_output_tokens`. A key of the default's value is not there.
    pub(super) written: BTreeMap<String, String>,
}

impl Profiles {
    /// Finds the profile of that name or id.
    ///
    /// # Errors
    /// [`SettingsError::Value`] with the nearest name and all known ones.
    pub fn find(&self, name: &Sourced<String>) -> Result<&Profile, SettingsError> {
        let asked = name.value.as_str();
        let found = self.rows.iter().find(|profile| profile.name == asked || profile.id == asked);
        found.ok_or_else(|| {
            let names: Vec<&str> = self.rows.iter().map(|profile| profile.name.as_str()).collect();
            SettingsError::Value {
                what: "profile".into(),
                source_name: name.source.to_string(),
                reason: format!(
                    "no profile `{asked}`{}; known are {}",
                    did_you_mean(asked, names.iter().copied()),
                    names.join(", ")
                ),
            }
        })
    }

    /// The published profiles as stores and bridges need them.
    pub fn published_profiles(&self) -> PublishedProfiles {
        PublishedProfiles::new(self.published.value.clone(), self.without_rate.clone())
    }

    /// All profiles: built-in ones first.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.rows.iter()
    }
}

/// Built-in profiles and those of the file. A series must not change under its id, so names and ids of built-in
/// profiles cannot be reused.
///
/// # Errors
/// [`SettingsError`] if a profile lacks its id, uses another's, or contains a number out of range.
pub(super) fn resolve(file: &ConfigFile, path: &Path) -> Result<Profiles, SettingsError> {
    let mut rows: Vec<Profile> = built_in().into();
    let mut without_rate = Vec::new();
    for (name, entry) in &file.profiles {
        if let Some(id) = without_rate_of(name, entry, path)? {
            without_rate.push(id);
        }
        let built_in = rows.iter_mut().find(|row| row.name == *name);
        if let Some(row) = built_in.filter(|_| only_says_how(entry)) {
            (row.receipts, row.paired) = (entry.receipts, entry.paired);
            continue;
        }
        let profile = profile(name, entry, path)?;
        if profile.id == CANARY_PROFILE {
            return Err(mistake(path, name, "its id is that of the question of `models add --canary`"));
        }
        if let Some(other) = rows.iter().find(|row| row.name == profile.name || row.id == profile.id) {
            return Err(mistake(
                path,
                name,
                &format!("name and id must differ from those of profile `{}`", other.name),
            ));
        }
        rows.push(profile);
    }
    let published = published(file, path, &rows, &without_rate)?;
    for row in &mut rows {
        row.published = published.value.contains(&row.id);
        // Published rows compare with other programs' only if the prompt is sent as it is.
        if built_in().iter().any(|built| built.id == row.id) && without_rate.contains(&row.id) {
            row.cache_bust = false;
        }
    }
    Ok(Profiles { rows, published, without_rate, written: written(file) })
}

fn written(file: &ConfigFile) -> BTreeMap<String, String> {
    let left_out = flat(&ProfileEntry::default());
    let of_entry = |(name, entry): (&String, &ProfileEntry)| {
        let values = flat(entry).into_iter().filter(|(key, value)| left_out.get(key) != Some(value));
        values.map(|(key, value)| (format!("{name}.{key}"), value)).collect::<Vec<_>>()
    };
    file.profiles.iter().flat_map(of_entry).collect()
}

/// True if an entry says nothing but how the profile is measured, and how rows are kept and published.
fn only_says_how(entry: &ProfileEntry) -> bool {
    let ProfileEntry { publish, receipts, paired, .. } = *entry;
    let how = ProfileEntry { publish, receipts, paired, ..ProfileEntry::default() };
    how != ProfileEntry::default() && *entry == how
}

/// The id of a profile whose rows are published without a rate.
fn without_rate_of(name: &str, entry: &ProfileEntry, path: &Path) -> Result<Option<String>, SettingsError> {
    let Some(PublishWord::WithoutRate) = entry.publish else { return Ok(None) };
    if entry.published {
        let why =
            "`published = true` and `publish = \"without_rate\"` exclude each other: leave one of them out";
        return Err(mistake(path, name, why));
    }
    match built_in().into_iter().find(|profile| profile.name == name) {
        Some(profile) if profile.published => {
            Err(mistake(path, name, "its rows are what charts draw: they are published with their rate"))
        }
        Some(profile) => Ok(Some(profile.id)),
        None => Ok(entry.id.clone()),
    }
}

fn profile(name: &str, entry: &ProfileEntry, path: &Path) -> Result<Profile, SettingsError> {
    let wrong = |reason: &str| mistake(path, name, reason);
    let id = entry.id.clone().filter(|id| !id.trim().is_empty());
    let max_output_tokens = entry.max_output_tokens.unwrap_or(DEFAULT_BUDGET);
    if max_output_tokens == 0 {
        return Err(wrong("max_output_tokens must be 1 or more"));
    }
    if entry.temperature.is_some_and(|value| !(0.0..=2.0).contains(&value)) {
        return Err(wrong("temperature must be from 0 to 2"));
    }
    Ok(Profile {
        name: name.to_owned(),
        id: id.ok_or_else(|| wrong(&without_id(name)))?,
        prompt: prompt(name, entry, path)?,
        max_output_tokens,
        temperature: entry.temperature,
        reasoning_effort: entry.reasoning_effort.clone(),
        published: entry.published,
        cache_bust: entry.cache_bust.unwrap_or(!entry.published && entry.publish.is_none()),
        receipts: entry.receipts,
        paired: entry.paired,
        deterministic: false,
    })
}

/// Rows carry a profile's id, so that it is taken for the name.
fn without_id(name: &str) -> String {
    let meant = built_in().into_iter().find(|profile| profile.id == name);
    let meant = meant
        .map(|profile| format!("; the built-in profile with the id `{name}` is [profiles.{}]", profile.name));
    format!("it needs an id, which its rows carry{}", meant.unwrap_or_default())
}

fn prompt(name: &str, entry: &ProfileEntry, path: &Path) -> Result<String, SettingsError> {
    let text = match (&entry.prompt, &entry.prompt_file) {
        (Some(_), Some(_)) => return Err(mistake(path, name, "prompt and prompt_file exclude each other")),
        (Some(text), None) => text.clone(),
        (None, Some(file)) => {
            let file = beside(path, file);
            let unreadable =
                |error| mistake(path, name, &format!("{} cannot be read: {error}", file.display()));
            std::fs::read_to_string(&file).map_err(unreadable)?
        }
        (None, None) => PUBLISHED_PROMPT.to_owned(),
    };
    if text.trim().is_empty() { Err(mistake(path, name, "its prompt is empty")) } else { Ok(text) }
}

/// A path in the configuration file: `~/` is the home directory, a relative path starts in the file's directory.
pub(super) fn beside(config: &Path, path: &Path) -> std::path::PathBuf {
    let home = path.strip_prefix("~").ok().zip(directories::BaseDirs::new());
    match home {
        Some((rest, home)) => home.home_dir().join(rest),
        None => config.parent().unwrap_or(Path::new("")).join(path),
    }
}

/// The list of the file and the profiles marked as published; without either, the built-in default.
fn published(
    file: &ConfigFile,
    path: &Path,
    rows: &[Profile],
    without_rate: &[String],
) -> Result<Sourced<Vec<String>>, SettingsError> {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let own = || file.profiles.values().filter(|entry| entry.published).filter_map(|entry| entry.id.clone());
    let built = || built_in().into_iter().filter(|profile| profile.published).map(|profile| profile.id);
    let unset = file.published_profiles.is_none() && without_rate.is_empty();
    let source =
        if unset && own().next().is_none() { Source::Default } else { Source::File(path.to_owned()) };
    let mut all = file.published_profiles.clone().unwrap_or_else(|| built().collect());
    if let Some(unknown) = all.iter().find(|id| !ids.contains(&id.as_str())) {
        let near = did_you_mean(unknown, ids.iter().copied());
        let message = format!("published_profiles: no profile has the id `{unknown}`{near}");
        return Err(SettingsError::File { path: path.to_owned(), line: None, message });
    }
    for id in own().chain(without_rate.iter().cloned()) {
        if !all.contains(&id) {
            all.push(id);
        }
    }
    Ok(Sourced::new(all, source))
}

fn mistake(path: &Path, name: &str, reason: &str) -> SettingsError {
    SettingsError::File { path: path.to_owned(), line: None, message: format!("[profiles.{name}]: {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::file::parse;

    fn read(text: &str) -> Result<Profiles, SettingsError> {
        let path = Path::new("/c/c.toml");
        resolve(&parse(text, path).unwrap(), path)
    }

    fn find<'a>(profiles: &'a Profiles, name: &str) -> Result<&'a Profile, SettingsError> {
        profiles.find(&Sourced::new(name.into(), Source::Flag("--profile")))
    }

    fn published(profiles: &Profiles) -> Vec<&str> {
        profiles.iter().filter(|profile| profile.published).map(|profile| profile.id.as_str()).collect()
    }

    #[test]
    fn without_a_file_one_is_published() {
        let profiles = read("").unwrap();
        assert_eq!(published(&profiles), ["cloud-default-v1"]);
        assert_eq!(profiles.published.source, Source::Default);
        assert_eq!(find(&profiles, "long").unwrap().max_output_tokens, 512);
    }

    #[test]
    fn one_of_ones_own() {
        let profiles = read("[profiles.short]\nid = 's-v1'\nmax_output_tokens = 8").unwrap();
        let short = find(&profiles, "short").unwrap();
        assert_eq!(
            (short.max_output_tokens, short.prompt.as_str(), short.temperature),
            (8, PUBLISHED_PROMPT, None)
        );
        assert!(short.cache_bust && !short.published);
        assert_eq!(find(&profiles, "s-v1").unwrap(), short);
    }

    #[test]
    fn rows_may_be_published_without_a_rate() {
        let text =
            "[profiles.long]\npublish = 'without_rate'\n[profiles.a]\nid = 'a-v1'\npublish = 'without_rate'";
        let profiles = read(text).unwrap();
        assert_eq!(published(&profiles), ["cloud-default-v1", "cloud-long-v1", "a-v1"]);
        let long = find(&profiles, "long").unwrap();
        assert!(long.published && !long.cache_bust && long.max_output_tokens == 512);
        let stored = profiles.published_profiles();
        assert!(stored.without_rate(Some("cloud-long-v1")) && stored.without_rate(Some("a-v1")));
        assert!(!stored.without_rate(Some("cloud-default-v1")) && !stored.without_rate(None));
        assert!(matches!(profiles.published.source, Source::File(_)));
    }

    #[test]
    fn any_profile_may_be_measured_in_pairs_and_asks_the_same() {
        let profiles =
            read("[profiles.default]\npaired = true\n[profiles.a]\nid = 'a-v1'\npaired = true").unwrap();
        let paired: Vec<_> = profiles.iter().filter(|row| row.paired).map(|row| row.name.as_str()).collect();
        assert_eq!(paired, ["default", "a"]);
        let [default, ..] = built_in();
        let own = find(&profiles, "default").unwrap();
        assert_eq!(*own, Profile { paired: true, ..default.clone() });
        assert_eq!(serde_json::to_string(own).unwrap(), serde_json::to_string(&default).unwrap());
    }

    /// Whoever adds a key to a profile need not think of `config show`, and adds a line here.
    #[test]
    fn every_key_of_a_profile_is_shown() {
        let text = "[profiles.a]\nid = 'a-v1'\nprompt = 'p'\nmax_output_tokens = 9\ntemperature = 0.5\n\
            reasoning_effort = 'low'\npublished = true\ncache_bust = false\nreceipts = true\npaired = true\n\
            [profiles.b]\nid = 'b-v1'\nprompt_file = '/dev/null'\npublish = 'without_rate'\n";
        let file = parse(text, Path::new("/c/c.toml")).unwrap();
        let shown = written(&file);
        let serde_json::Value::Object(keys) = serde_json::to_value(ProfileEntry::default()).unwrap() else {
            panic!()
        };
        for key in keys.keys() {
            let there = |name: &str| shown.contains_key(&format!("{name}.{key}"));
            assert!(there("a") || there("b"), "{key} is not shown, or missing in this test: {shown:?}");
        }
        let of = |name: &str| shown[name].as_str();
        assert_eq!(
            (of("a.receipts"), of("a.cache_bust"), of("b.publish")),
            ("true", "false", "without_rate")
        );
        assert_eq!(written(&parse("[profiles.default]\nreceipts = false", Path::new("c")).unwrap()).len(), 0);
    }

    #[test]
    fn publishing_is_said_in_either_way() {
        let listed = read("published_profiles = ['cloud-default-v1', 'cloud-long-v1']").unwrap();
        assert_eq!(published(&listed), ["cloud-default-v1", "cloud-long-v1"]);
        let marked = read("[profiles.a]\nid = 'a-v1'\npublished = true").unwrap();
        assert_eq!(published(&marked), ["cloud-default-v1", "a-v1"]);
        assert!(!find(&marked, "a").unwrap().cache_bust);
        assert_eq!(published(&read("published_profiles = []").unwrap()), Vec::<&str>::new());
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("[profiles.a]", "it needs an id"),
            ("[profiles.cloud-default-v1]\nreceipts = true", "id `cloud-default-v1` is [profiles.default]"),
            ("[profiles.default]\nid = 'x'", "differ from those of profile `default`"),
            ("[profiles.a]\nid = 'cloud-long-v1'", "differ from those of profile `long`"),
            ("[profiles.a]\nid = 'x'\nmax_output_tokens = 0", "1 or more"),
            ("[profiles.a]\nid = 'x'\ntemperature = 3", "from 0 to 2"),
            ("[profiles.a]\nid = 'x'\nprompt = ' '", "prompt is empty"),
            ("[profiles.a]\nid = 'x'\nprompt = 'p'\nprompt_file = 'f'", "exclude each other"),
            ("[profiles.a]\nid = 'x'\nprompt_file = 'nonexistent'", "/c/nonexistent cannot be read"),
            ("[profiles.default]\npublish = 'without_rate'", "published with their rate"),
            ("[profiles.long]\npublish = 'without_rate'\nmax_output_tokens = 9", "it needs an id"),
            ("[profiles.a]\nid = 'x'\npublished = true\npublish = 'without_rate'", "exclude each other"),
            ("published_profiles = ['cloud-defualt-v1']", "did you mean cloud-default-v1?"),
        ];
        for (text, expected) in cases {
            let said = read(text).unwrap_err().to_string();
            assert!(said.starts_with("/c/c.toml: ") && said.contains(expected), "{said}");
        }
        let said = find(&read("").unwrap(), "lomg").unwrap_err().to_string();
        assert_eq!(
            said,
            "profile (flag --profile): no profile `lomg`: did you mean long?; known are default, long, reasoning"
        );
    }
}
