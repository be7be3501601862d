//! Stores with blocks of series, which reports are made of.

use crate::stores::backend::Backend;
use crate::stores::series::derived;
use crate::support::Home;
use chrono::Utc;
use llmbench::domain::ModelRef;
use llmbench::domain::series_block::{
    BlockFigure, BlockOfSeries, SLOTS_OF_DAY, SeriesBlock, day_of_slot, slot_of,
};
use llmbench::domain::series_change::MeasuredSeries;
use llmbench::storage::Store;
use llmbench::storage::series_blocks::DerivedCount;
use std::sync::Arc;

/// A store with a home from which reports of it are made.
pub struct ReportWorld {
    pub backend: Backend,
    pub store: Arc<dyn Store>,
    pub home: Home,
}

impl ReportWorld {
    pub async fn new(backend: Backend) -> Self {
        let store = backend.open(&["cloud-default-v1"]).await;
        store.init().await.unwrap();
        Self { backend, store, home: Home::new() }
    }

    /// On both stores.
    pub async fn both() -> [Self; 2] {
        [Self::new(Backend::sqlite()).await, Self::new(Backend::mongo().await).await]
    }

    /// Puts blocks of so many days before today there, for each of these models with its TTFT.
    pub async fn measure(&self, models: &[(String, f64)], days: i64) {
        let today = day_of_slot(slot_of(Utc::now().timestamp_millis()));
        for day in today - days..today {
            self.measure_day(models, day).await;
        }
    }

    /// Puts the blocks of a day there.
    pub async fn measure_day(&self, models: &[(String, f64)], day: i64) {
        let slots: Vec<i64> = (day * SLOTS_OF_DAY..(day + 1) * SLOTS_OF_DAY).collect();
        let mut blocks = Vec::new();
        for (model, ttft) in models {
            blocks.extend(slots.iter().map(|slot| of(model, block(*slot, *ttft))));
        }
        let counted: Vec<DerivedCount> = slots.iter().map(|slot| derived(*slot, 6)).collect();
        self.store.keep_blocks(&counted, &blocks).await.unwrap();
    }

    /// Runs `llmbench report` with these arguments.
    pub fn report(&self, arguments: &[&str]) -> crate::support::ran::Ran {
        let url = self.backend.url();
        self.home.ran(&[&["report", "--store", &url], arguments].concat())
    }
}

/// Names of models with figures that are 3 % apart.
pub fn models(count: u32) -> Vec<(String, f64)> {
    (0..count)
        .map(|number| (format!("p{}:m-{number}", number % 20), 0.3 * 1.03_f64.powf(f64::from(number))))
        .collect()
}

fn block(slot: i64, ttft: f64) -> SeriesBlock {
    // The golden ratio spreads evenly.
    let noise = 0.95 + 0.1 * (slot as f64 * 0.618_033_988_749_895).fract();
    let figure = |median| Some(BlockFigure { median, samples: 6 });
    SeriesBlock {
        slot,
        ttft: figure(ttft * noise),
        tokens_per_second: figure(20.0 / ttft / noise),
        attempts: 6,
        ..SeriesBlock::default()
    }
}

fn of(model: &str, block: SeriesBlock) -> BlockOfSeries {
    let (provider, id) = model.split_once(':').unwrap();
    let series = MeasuredSeries {
        model: ModelRef::new(provider, id),
        runner: Some("tokyo".to_owned()),
        profile: Some("cloud-default-v1".to_owned()),
        connection: Some("cold".to_owned()),
    };
    BlockOfSeries { series, block }
}
