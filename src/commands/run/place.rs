//! Where a run finds models and keeps rows: a store, or the bridge before one.

use crate::cli::run::RunArgs;
use crate::commands::bridge;
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::domain::ModelRef;
use crate::storage::{Sink, Store, StoreError, WorkItem};
use std::sync::Arc;

/// A store or a bridge, reached.
#[derive(Clone)]
pub struct Place {
    sink: Arc<dyn Sink>,
    /// What only a database answers.
    store: Option<Arc<dyn Store>>,
}

impl Place {
    /// Opens what the settings name. A bridge is asked for the work lists of the providers that are meant alone.
    ///
    /// # Errors
    /// Status 2 where it is unusable as configured, 75 where it cannot be reached now.
    pub async fn open(args: &RunArgs, context: &Context) -> Result<Self, CommandError> {
        match bridge::open(context, providers(args, context))? {
            Some(bridge) => Ok(Self { sink: bridge, store: None }),
            None => {
                let store = context.open_store().await?;
                Ok(Self { sink: Arc::clone(&store) as Arc<dyn Sink>, store: Some(store) })
            }
        }
    }

    /// Where rows go.
    pub fn sink(&self) -> &Arc<dyn Sink> {
        &self.sink
    }

    /// The enabled models.
    ///
    /// # Errors
    /// The store's.
    pub async fn work_list(&self) -> Result<Vec<WorkItem>, StoreError> {
        self.sink.work_list(None).await
    }

    /// Models by bare id: of the whole catalogue, or of the work lists, `known`.
    ///
    /// # Errors
    /// The store's.
    pub async fn find_by_id(&self, model_id: &str, known: &[WorkItem]) -> Result<Vec<ModelRef>, StoreError> {
        match &self.store {
            Some(store) => store.find_by_id(model_id).await,
            None => {
                let named = known.iter().filter(|item| item.model.model_id == model_id);
                Ok(named.map(|item| item.model.clone()).collect())
            }
        }
    }
}

/// The providers that are meant: those of the flags; with `--all`, or for a bare id, those that a runner measures.
fn providers(args: &RunArgs, context: &Context) -> Vec<String> {
    let named: Vec<ModelRef> = args.models.iter().filter_map(|text| text.parse().ok()).collect();
    let bare = args.all || named.len() < args.models.len() || args.models.is_empty() && args.providers.is_empty();
    let wanted = context.settings.regime.wanted();
    let usual = if wanted.is_empty() { vec![bridge::PROVIDER.to_owned()] } else { wanted };
    let mut all: Vec<String> = named.into_iter().map(|model| model.provider).collect();
    all.extend(args.providers.iter().cloned());
    all.extend(usual.into_iter().filter(|_| bare));
    let mut seen = std::collections::HashSet::new();
    all.retain(|name| seen.insert(name.clone()));
    all
}
