//! The source of models and destination of rows of a run: a store, or the bridge in front of one.

use crate::cli::run::RunArgs;
use crate::commands::bridge;
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::daemon::store_handle::StoreHandle;
use crate::domain::{ModelRef, glob};
use crate::storage::{OutcomeSink, Store, StoreError, WorkItem, create_private_dir};
use std::sync::Arc;

/// A store or a bridge, reached.
pub enum StoreOrBridge {
    Store(Arc<dyn Store>),
    /// A bridge, with the state that this machine remembers.
    Bridge(Arc<StoreHandle>),
}

impl StoreOrBridge {
    /// Opens the store or bridge of the settings. Requests from a bridge only the work lists of the selected providers.
    ///
    /// # Errors
    /// Status 2 if it is unusable as configured, 75 if it cannot be reached now.
    pub async fn open(args: &RunArgs, context: &Context) -> Result<Self, CommandError> {
        match bridge::open(context, providers(args, context))? {
            Some(bridge) => {
                let directory = context.settings.state_dir().map_err(CommandError::usage)?.value;
                // Without the directory nothing is remembered, which costs an attempt each time.
                let _ = create_private_dir(&directory);
                Ok(Self::Bridge(Arc::new(bridge::store_handle(context, &directory, bridge))))
            }
            None => Ok(Self::Store(context.open_store().await?)),
        }
    }

    /// The destination of rows.
    pub fn sink(&self) -> Arc<dyn OutcomeSink> {
        match self {
            StoreOrBridge::Store(store) => Arc::clone(store) as Arc<dyn OutcomeSink>,
            StoreOrBridge::Bridge(store_handle) => Arc::clone(store_handle) as Arc<dyn OutcomeSink>,
        }
    }

    /// The enabled models. Passes remarks (a list from the disk) to `note`.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn work_list(&self, note: impl Fn(&str)) -> Result<Vec<WorkItem>, StoreError> {
        match self {
            StoreOrBridge::Store(store) => store.work_list(None).await,
            StoreOrBridge::Bridge(store_handle) => {
                let work = store_handle.work().await?;
                work.notes.iter().for_each(|text| note(text));
                work.refused.map_or(Ok(work.items), Err)
            }
        }
    }

    /// Models by bare id: of the whole catalog, or of the work lists, `known`.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn find_by_id(&self, model_id: &str, known: &[WorkItem]) -> Result<Vec<ModelRef>, StoreError> {
        match self {
            StoreOrBridge::Store(store) => store.find_by_id(model_id).await,
            StoreOrBridge::Bridge(_) => {
                let named = known.iter().filter(|item| item.model.model_id == model_id);
                Ok(named.map(|item| item.model.clone()).collect())
            }
        }
    }
}

/// The selected providers: those of the flags; with `--all`, or for a bare id, those that a runner measures.
fn providers(args: &RunArgs, context: &Context) -> Vec<String> {
    // A pattern in place of a provider selects those that a runner measures, as a bare id does.
    let named: Vec<ModelRef> = args.models.iter().filter_map(|text| text.parse().ok()).collect();
    let named: Vec<ModelRef> =
        named.into_iter().filter(|model: &ModelRef| !glob::is_glob(&model.provider)).collect();
    let bare =
        args.all || named.len() < args.models.len() || args.models.is_empty() && args.providers.is_empty();
    let wanted = context.settings.daemon_config.wanted();
    let usual = if wanted.is_empty() { vec![bridge::PROVIDER.to_owned()] } else { wanted };
    let mut all: Vec<String> = named.into_iter().map(|model| model.provider).collect();
    all.extend(args.providers.iter().cloned());
    all.extend(usual.into_iter().filter(|_| bare));
    let mut seen = std::collections::HashSet::new();
    all.retain(|name| seen.insert(name.clone()));
    all
}
