//! Writes the site of `[report]` while a daemon runs. Blocks and changes are kept up to date by their own task, so this one
//! reads them. Never on the measuring path; what fails is told and tried again.

use super::facts::{ReportFactsError, ReportQuery};
use super::write_site;
use crate::measure::ranking::circumstances::WantedCircumstances;
use crate::report::contents::ReportContents;
use crate::report::site::{SiteAddress, SiteSummary};
use crate::settings::report::ReportSettings;
use crate::storage::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{debug, warn};

/// Greatest delay of the first one: blocks are brought up to date first.
const FIRST: f64 = 20.0;

/// Longest pause after a failure.
const AGAIN: Duration = Duration::from_secs(300);

/// The task.
pub struct SiteWatch {
    pub settings: ReportSettings,
    /// Takes why the site was not written, or nothing after one that was.
    pub told: Box<dyn Fn(Option<String>) + Send + Sync>,
}

impl SiteWatch {
    /// Writes until its task is ended. `store` gives the store, or why there is none.
    pub async fn run<F: Future<Output = Result<Arc<dyn Store>, StoreError>>>(self, store: impl Fn() -> F) {
        sleep(Duration::from_secs_f64(rand::random_range(0.1..FIRST)).min(self.settings.every)).await;
        let mut written = None;
        loop {
            let turned = match store().await {
                Ok(store) => self.turn(&*store, &mut written).await,
                Err(error) => Err(error.to_string()),
            };
            if let Err(why) = &turned {
                let site = self.settings.site.display();
                warn!("the site {site} is not written, and the one before is still there: {why}");
            }
            let pause = if turned.is_ok() { self.settings.every } else { self.settings.every.min(AGAIN) };
            (self.told)(turned.err());
            sleep(pause).await;
        }
    }

    /// Writes the site, unless the rows are those of the last time.
    async fn turn(&self, store: &dyn Store, written: &mut Option<u64>) -> Result<(), String> {
        let ReportSettings { site, since, url, .. } = &self.settings;
        let address = SiteAddress::parse(url.as_deref()).map_err(|why| format!("report.url: {why}"))?;
        let now = store.server_time().await.map_err(|error| error.to_string())?;
        let query = ReportQuery { since: since.clone(), wanted: WantedCircumstances::default() };
        let facts = query.read(store, now).await.map_err(|error: ReportFactsError| error.to_string())?;
        let mark = facts.mark();
        if *written == Some(mark) && site.join("index.html").exists() {
            return Ok(());
        }
        let path = site.clone();
        let making = spawn_blocking(move || {
            let contents = ReportContents::of(&facts);
            write_site(&path, false, &facts, &contents, &address)
        });
        let SiteSummary { files, bytes } =
            making.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        debug!(files, bytes, "the site was written");
        *written = Some(mark);
        Ok(())
    }
}
