//! One look at everything: the pulse in the state directory, the store, and what is wrong with either. A store that does
//! not answer is a finding, never the end.

use crate::commands::bridge;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::domain::fleet::Fleet;
use crate::domain::pulse::trouble::worst_first;
use crate::domain::pulse::{Cause, Pulse, Severity, Trouble};
use crate::domain::window::DAY;
use crate::output::status::StatusReport;
use crate::storage::{Location, Store, pulse_file};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// Looks again and again, and opens the store once.
pub struct Looker<'a> {
    context: &'a Context,
    store: Option<Arc<dyn Store>>,
}

/// What was seen.
pub struct Seen {
    /// All of it.
    pub report: StatusReport,
    /// 0, or why the store could not be asked.
    pub exit: Exit,
}

impl<'a> Looker<'a> {
    /// Has opened nothing yet.
    pub fn new(context: &'a Context) -> Self {
        Self { context, store: None }
    }

    /// One look.
    pub async fn look(&mut self) -> Seen {
        let now = Utc::now();
        let (mut troubles, pulse) = match self.pulse() {
            Ok(Some(pulse)) => (pulse.troubles_here(&pulse_file::witness(&pulse), now), Some(pulse)),
            Ok(None) => (Vec::new(), None),
            Err(trouble) => (vec![trouble], None),
        };
        let mut exit = Exit::Yes;
        let fleet = match self.fleet(now).await {
            Ok(fleet) => {
                troubles.extend(fleet.troubles(now, pulse.as_ref()));
                Some(fleet)
            }
            // Behind a bridge this machine's daemon is all that can be seen, and it tells what is wrong with the bridge.
            Err(_) if pulse.is_some() && self.is_bridge() => None,
            Err(error) => {
                exit = error.exit;
                let trouble = Trouble::new(Cause::StoreDown, Severity::Unhealthy, "store", error.message);
                troubles.push(trouble.command("llmbench doctor"));
                None
            }
        };
        worst_first(&mut troubles);
        let store = self.store.as_ref().map(|store| store.describe());
        Seen { report: StatusReport { as_of: now, troubles, store, fleet, pulse }, exit }
    }

    /// The pulse of this machine's daemon. Without a state directory there is none.
    ///
    /// # Errors
    /// A file that says nothing is a finding.
    pub fn pulse(&self) -> Result<Option<Pulse>, Trouble> {
        let Ok(directory) = self.context.settings.state_dir() else { return Ok(None) };
        pulse_file::read(&directory.value).map_err(|error| {
            Trouble::new(Cause::CouldNotLook, Severity::Unhealthy, "daemon", error.to_string())
        })
    }

    /// What the store knows.
    ///
    /// # Errors
    /// Why it could not be asked.
    pub async fn fleet(&mut self, now: DateTime<Utc>) -> Result<Fleet, CommandError> {
        let store = match &self.store {
            Some(store) => Arc::clone(store),
            None => {
                self.is_there()?;
                Arc::clone(self.store.insert(self.context.open_store().await?))
            }
        };
        let asked = store.overview(now - DAY, now).await;
        asked.map_err(|error| crate::commands::scope::read_error("reading the store", error))
    }

    fn is_bridge(&self) -> bool {
        bridge::named(self.context).is_ok_and(|named| named.is_some())
    }

    /// A question creates no database.
    fn is_there(&self) -> Result<(), CommandError> {
        let location = self.context.store_location()?;
        match &location.value {
            Location::Sqlite(path) if !path.exists() => Err(CommandError::usage(format!(
                "store ({}): there is no database at {} yet",
                location.source,
                path.display()
            ))),
            _ => Ok(()),
        }
    }
}
