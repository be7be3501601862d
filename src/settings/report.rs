//! Resolves `[report]`: the site that a daemon writes.

use super::SettingsError;
use super::display::{EffectiveSetting, SettingValue};
use super::profiles::beside;
use super::resolve::Settings;
use crate::cli::values::duration;
use crate::domain::sourced::Source;
use crate::domain::window::moment;
use chrono::DateTime;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The default interval.
const EVERY: Duration = Duration::from_secs(3600);

/// The shortest one: figures change every 3 hours.
const SHORTEST: Duration = Duration::from_secs(60);

/// The default window.
const SINCE: &str = "30d";

/// `[report]` as written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportTable {
    /// Folder of the site, relative to the configuration file; without it no site is written.
    pub site: Option<PathBuf>,
    /// How often, for example `1h`.
    pub every: Option<String>,
    /// From when on, in the forms of `report --since`.
    pub since: Option<String>,
    /// Address at which the site will be.
    pub url: Option<String>,
}

/// The site that a daemon writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSettings {
    pub site: PathBuf,
    pub every: Duration,
    pub since: String,
    pub url: Option<String>,
}

/// The settings of the table in the file at this path; `None` where no site is asked for.
///
/// # Errors
/// [`SettingsError::Value`] for a key that cannot be used.
pub(super) fn resolve(table: &ReportTable, path: &Path) -> Result<Option<ReportSettings>, SettingsError> {
    let wrong = |key: &str, reason: String| SettingsError::Value {
        what: format!("report.{key}"),
        source_name: Source::File(path.to_owned()).to_string(),
        reason,
    };
    let every = table.every.as_deref().map(duration).transpose().map_err(|why| wrong("every", why))?;
    if every.is_some_and(|every| every < SHORTEST) {
        return Err(wrong("every", format!("must be {} s or more", SHORTEST.as_secs())));
    }
    let since = table.since.clone().unwrap_or_else(|| SINCE.to_owned());
    moment(&since, &DateTime::UNIX_EPOCH).map_err(|why| wrong("since", why))?;
    let Some(site) = &table.site else {
        return match *table == ReportTable::default() {
            true => Ok(None),
            false => Err(wrong("site", "is missing: name the folder that is to be written".to_owned())),
        };
    };
    let (site, every) = (beside(path, site), every.unwrap_or(EVERY));
    Ok(Some(ReportSettings { site, every, since, url: table.url.clone() }))
}

impl Settings {
    /// The site as `config show` prints it; nothing where none is written.
    pub fn shown_report(&self) -> Vec<EffectiveSetting> {
        let Some(report) = &self.report else { return Vec::new() };
        let path = self.config.as_ref().map(|config| config.value.clone()).unwrap_or_default();
        let shown = |(name, value): (&str, Option<String>)| EffectiveSetting {
            name: format!("report.{name}"),
            value: value.map_or(SettingValue::Nothing, SettingValue::Value),
            source: Source::File(path.clone()),
        };
        let values = [
            ("site", Some(report.site.display().to_string())),
            ("every", Some(report.every.as_secs_f64().to_string())),
            ("since", Some(report.since.clone())),
            ("url", report.url.clone()),
        ];
        values.into_iter().map(shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<Option<ReportSettings>, String> {
        let table: ReportTable = toml::from_str(text).unwrap();
        resolve(&table, Path::new("/etc/llmbench/c.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_site_is_beside_its_file_and_written_every_hour() {
        assert_eq!(found(""), Ok(None));
        let site = found("site = 'www'").unwrap().unwrap();
        assert_eq!((site.site, site.every, site.since.as_str()), ("/etc/llmbench/www".into(), EVERY, "30d"));
        let other = found("site = '/srv/www'\nevery = '3h'\nsince = '90d'\nurl = 'https://x.example'")
            .unwrap()
            .unwrap();
        assert_eq!((other.site, other.every.as_secs()), ("/srv/www".into(), 10_800));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (text, said) in [
            ("every = '1h'", "report.site (file /etc/llmbench/c.toml): is missing"),
            ("site = 'x'\nevery = 'often'", "report.every"),
            ("site = 'x'\nevery = '5s'", "60 s or more"),
            ("site = 'x'\nsince = 'then'", "report.since"),
        ] {
            let error = found(text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
