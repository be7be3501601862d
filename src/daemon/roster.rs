//! The models to call, by provider, as the catalog was last read. An unchanged provider keeps the same list object, so
//! a lane with ten thousand models gets new work only after a change. Pure.

use crate::domain::ModelRef;
use crate::domain::daemon_config::DaemonConfig;
use crate::storage::WorkItem;
use crate::storage::catalog::endpoint_lanes::endpoint_lanes;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// The models of one provider that are called.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProviderRoster {
    /// Models whose rows count.
    pub measured: Vec<Arc<WorkItem>>,
    /// Models that are only tried.
    pub tried: Vec<Arc<WorkItem>>,
}

impl ProviderRoster {
    /// True if no model is called.
    pub fn is_empty(&self) -> bool {
        self.measured.is_empty() && self.tried.is_empty()
    }
}

/// The models of all providers that are called.
pub type RosterByProvider = BTreeMap<String, Arc<ProviderRoster>>;

/// The effect of an update of the roster.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RosterChange {
    /// True if anything changed.
    pub any: bool,
    /// Providers with new models, whose progress is not known yet.
    pub gained: BTreeSet<String>,
}

/// The models to call.
#[derive(Debug, Clone, Default)]
pub struct Roster(RosterByProvider);

/// One of the two lists of a provider.
#[derive(Clone, Copy)]
enum RosterList {
    Measured,
    Tried,
}

impl RosterList {
    fn of(self, asked: &ProviderRoster) -> &Vec<Arc<WorkItem>> {
        match self {
            RosterList::Measured => &asked.measured,
            RosterList::Tried => &asked.tried,
        }
    }

    fn with(self, asked: &ProviderRoster, items: Vec<Arc<WorkItem>>) -> ProviderRoster {
        match self {
            RosterList::Measured => ProviderRoster { measured: items, tried: asked.tried.clone() },
            RosterList::Tried => ProviderRoster { measured: asked.measured.clone(), tried: items },
        }
    }
}

impl Roster {
    /// Replaces the measured models; providers that this daemon does not cover are left out. Pinned endpoints of a
    /// model are measured like models.
    pub fn measure(&mut self, items: Vec<WorkItem>, daemon_config: &DaemonConfig) -> RosterChange {
        self.renew(endpoint_lanes(items), RosterList::Measured, daemon_config)
    }

    /// Replaces the models that are only tried.
    pub fn try_out(&mut self, items: Vec<WorkItem>, daemon_config: &DaemonConfig) -> RosterChange {
        self.renew(items, RosterList::Tried, daemon_config)
    }

    /// The models by provider. A provider that was present once stays, possibly with empty lists.
    pub fn by_provider(&self) -> &RosterByProvider {
        &self.0
    }

    /// Number of measured models by provider; a model counts once, however many endpoints it is pinned to.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let models = |asked: &ProviderRoster| {
            asked.measured.iter().map(|item| item.model.unpinned()).collect::<BTreeSet<_>>().len() as u64
        };
        self.0.iter().map(|(provider, asked)| (provider.clone(), models(asked))).collect()
    }

    /// True if no model is measured.
    pub fn measures_nothing(&self) -> bool {
        self.0.values().all(|asked| asked.measured.is_empty())
    }

    /// True if the model is measured.
    pub fn measures(&self, model: &ModelRef) -> bool {
        let measured = self.0.get(&model.provider).map(|asked| &asked.measured);
        measured.is_some_and(|items| items.binary_search_by(|item| item.model.cmp(model)).is_ok())
    }

    /// The number of lanes of a model: one, or one for each pinned endpoint; 0 if it is not measured.
    pub fn lanes(&self, model: &ModelRef) -> usize {
        let measured = self.0.get(&model.provider).map(|asked| &asked.measured);
        measured.map_or(0, |items| items.iter().filter(|item| item.model.unpinned() == *model).count())
    }

    fn renew(
        &mut self,
        items: Vec<WorkItem>,
        part: RosterList,
        daemon_config: &DaemonConfig,
    ) -> RosterChange {
        let mut fresh: BTreeMap<String, Vec<Arc<WorkItem>>> =
            self.0.keys().map(|provider| (provider.clone(), Vec::new())).collect();
        for item in items {
            if let Some(list) = fresh.get_mut(&item.model.provider) {
                list.push(Arc::new(item));
            } else if daemon_config.covers(&item.model.provider) {
                fresh.insert(item.model.provider.clone(), vec![Arc::new(item)]);
            }
        }
        let mut changed = RosterChange::default();
        for (provider, mut list) in fresh {
            list.sort_by(|one, other| one.model.cmp(&other.model));
            let before = self.0.entry(provider.clone()).or_default();
            if *part.of(before) == list {
                continue;
            }
            let known: HashSet<&ModelRef> = part.of(before).iter().map(|item| &item.model).collect();
            if list.iter().any(|item| !known.contains(&item.model)) {
                changed.gained.insert(provider);
            }
            *before = Arc::new(part.with(before, list));
            changed.any = true;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    fn items(names: &[&str]) -> Vec<WorkItem> {
        let item = |name: &&str| {
            let model: ModelRef = name.parse().unwrap();
            WorkItem { display_name: model.model_id.clone(), model, metadata: Map::new() }
        };
        names.iter().map(item).collect()
    }

    fn gained(providers: &[&str]) -> RosterChange {
        RosterChange { any: true, gained: providers.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn only_the_list_of_a_provider_where_something_changed_is_another_one() {
        let daemon_config = DaemonConfig { exclude: vec!["bedrock".to_owned()], ..DaemonConfig::default() };
        let mut roster = Roster::default();
        let first = ["groq:b", "groq:a", "openai:x", "bedrock:c"];
        assert_eq!(roster.measure(items(&first), &daemon_config), gained(&["groq", "openai"]));
        assert_eq!(roster.counts(), BTreeMap::from([("groq".to_owned(), 2), ("openai".to_owned(), 1)]));
        assert!(roster.measures(&"groq:a".parse().unwrap()) && !roster.measures(&"groq:c".parse().unwrap()));
        let before = roster.by_provider().clone();
        assert_eq!(roster.measure(items(&first), &daemon_config), RosterChange::default());
        assert_eq!(roster.measure(items(&["groq:a", "openai:x"]), &daemon_config), gained(&[]));
        assert!(Arc::ptr_eq(&before["openai"], &roster.by_provider()["openai"]));
        assert!(!Arc::ptr_eq(&before["groq"], &roster.by_provider()["groq"]));
        assert_eq!(roster.try_out(items(&["openai:y"]), &daemon_config), gained(&["openai"]));
        let openai = &roster.by_provider()["openai"];
        assert_eq!((openai.measured.len(), openai.tried.len()), (1, 1));
        assert!(Arc::ptr_eq(&openai.measured[0], &before["openai"].measured[0]));
        assert_eq!(roster.measure(Vec::new(), &daemon_config), gained(&[]));
        assert_eq!(roster.try_out(Vec::new(), &daemon_config), gained(&[]));
        assert!(roster.by_provider().values().all(|asked| asked.is_empty()));
    }
}
