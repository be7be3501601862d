//! One measured call of one model of each provider, at the end of `llmbench init`. A model that answers is in the catalog then,
//! as after `models add`. Nothing that fails here undoes the file: it is told with its remedy.

use crate::cli::models::ConfirmArgs;
use crate::commands::catalog::sync;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::models::add::{AddOptions, add};
use crate::commands::models::candidates::{ModelCandidate, candidate, sound};
use crate::commands::models::change::ChangeSession;
use crate::commands::models::who;
use crate::commands::prompts::{ask_about, ask_line, choose_one};
use crate::commands::run::access::SIMULATOR;
use crate::commands::run::estimate::one_call_each;
use crate::commands::tell;
use crate::daemon::price::ListedPrices;
use crate::domain::ModelRef;
use crate::domain::listing::CatalogRow;
use crate::output::catalog::stated;
use crate::output::init::{InitProbe, ProbeState};
use crate::output::picker::PickerItem;
use crate::output::{print, prompt};
use crate::providers::suitability;
use crate::settings::{NewConfig, NewProvider};
use crate::storage::{Store, StoreLocation, create_private_dir};
use std::sync::Arc;

/// The model that stands for the simulator.
const SIMULATED: &str = "steady";

/// What the calls need.
pub struct ProbeSession<'a> {
    pub context: &'a Context,
    pub interrupt: &'a Interrupt,
    /// True if the calls need no consent.
    pub yes: bool,
}

impl ProbeSession<'_> {
    /// Asks one model of each provider, and those that were named. The status is that of the first thing that did not work.
    ///
    /// # Errors
    /// Status 130 after Ctrl-C at a question.
    pub async fn run(
        &self,
        config: &NewConfig,
        named: Vec<ModelCandidate>,
    ) -> Result<(Vec<InitProbe>, Exit), CommandError> {
        let store = match self.open_store().await {
            Ok(store) => store,
            Err(error) => {
                tell(&error);
                print::note("no model was asked: its row could not be kept");
                return Ok((Vec::new(), error.exit));
            }
        };
        let (mut probes, mut wanted) = (Vec::new(), Vec::new());
        for provider in &config.providers {
            match self.wanted(provider, &named, store.as_ref()).await? {
                Ok(models) => wanted.extend(models),
                Err(probe) => probes.push(probe),
            }
        }
        if !wanted.is_empty() && self.agreed(&wanted, store.as_ref()).await? {
            let session = self.session(store.as_ref());
            for candidate in wanted {
                if self.interrupt.stop.is_cancelled() {
                    break;
                }
                probes.push(self.probe(candidate, &session).await);
            }
        }
        let fine = |probe: &InitProbe| matches!(probe.state, ProbeState::Answered | ProbeState::Measured);
        let exit = match self.interrupt.stop.is_cancelled() {
            true => Exit::Interrupted,
            false if probes.iter().all(fine) => Exit::Yes,
            false => Exit::No,
        };
        Ok((probes, exit))
    }

    /// The store, with the directory of its file.
    async fn open_store(&self) -> Result<Arc<dyn Store>, CommandError> {
        if let StoreLocation::Sqlite(path) = self.context.store_location()?.value
            && let Some(directory) = path.parent()
        {
            // If it cannot be made, opening the store says so.
            let _ = create_private_dir(directory);
        }
        self.context.open_store().await
    }

    fn session<'a>(&self, store: &'a dyn Store) -> ChangeSession<'a> {
        ChangeSession {
            store,
            who: who(self.context),
            interrupt: self.interrupt.clone(),
            consent: ConfirmArgs { yes: true, dry_run: false },
            // Standard output belongs to the report: ids of batches stand in sentences.
            stdout_tty: true,
        }
    }

    /// The models of a provider that are asked: none if the user wants none. The inner error says why it cannot be asked.
    async fn wanted(
        &self,
        provider: &NewProvider,
        named: &[ModelCandidate],
        store: &dyn Store,
    ) -> Result<Result<Vec<ModelCandidate>, InitProbe>, CommandError> {
        let name = &provider.name;
        let of_provider = named.iter().filter(|one| one.model.provider == *name);
        let mut models: Vec<ModelCandidate> = of_provider.cloned().collect();
        let host = self.context.settings.hosts.find(name).map_err(CommandError::usage)?;
        if !self.context.settings.is_configured(host) {
            let variables = host.key_names();
            let reason = match variables.first() {
                Some(variable) => format!("no key: {variable} is not set"),
                None => "no sign of a login".to_owned(),
            };
            print::note(&format!("{name} was not asked: {reason}"));
            let model = models.first().map(|one| one.model.to_string());
            let model = model.unwrap_or_else(|| name.clone());
            return Ok(Err(InitProbe { model, state: ProbeState::NotAsked, reason: Some(reason) }));
        }
        if models.is_empty() && name == SIMULATOR {
            models.push(ModelCandidate::new(ModelRef::new(SIMULATOR, SIMULATED)));
        } else if models.is_empty() && prompt::possible() {
            models.extend(self.choose(name, store).await?);
        }
        Ok(Ok(models))
    }

    /// A model of the provider's list that the user chooses, or types where there is no list.
    async fn choose(
        &self,
        provider: &str,
        store: &dyn Store,
    ) -> Result<Option<ModelCandidate>, CommandError> {
        let stop = &self.interrupt.stop;
        let host = self.context.settings.hosts.find(provider).map_err(CommandError::usage)?;
        print::note(&format!("reading the list of {provider}"));
        let synced = tokio::select! {
            synced = sync::one(host, self.context, store) => synced,
            () = stop.cancelled() => return Err(CommandError::usage("interrupted").exit(Exit::Interrupted)),
        };
        match &synced {
            Ok(synced) => {
                if let Some(why) = synced.trouble() {
                    print::note(&format!("error: {provider}: {why}"));
                }
            }
            Err(error) => {
                tell(error);
            }
        }
        // Without a list the user may know a model all the same.
        let rows = by_price(store.listed(Some(provider)).await.unwrap_or_default());
        if rows.is_empty() {
            return self.typed(provider).await;
        }
        let item = |row: &CatalogRow| PickerItem { name: row.model_id.clone(), note: stated(&row.facts) };
        let title = format!("Which model of {provider} is asked once?");
        let chosen = choose_one(title, rows.iter().map(item).collect(), stop).await?;
        Ok(chosen.map(|place| ModelCandidate::new(ModelRef::new(provider, &rows[place].model_id))))
    }

    async fn typed(&self, provider: &str) -> Result<Option<ModelCandidate>, CommandError> {
        loop {
            let question = format!("Model of {provider} that is asked once (Enter: none):");
            let id = ask_line(question, &self.interrupt.stop).await?;
            if id.is_empty() {
                return Ok(None);
            }
            let whole = if id.starts_with(&format!("{provider}:")) { id } else { format!("{provider}:{id}") };
            match candidate(&whole) {
                Ok(found) => return Ok(Some(found)),
                Err(error) => print::note(&error.message),
            }
        }
    }

    /// Says what the calls use at most, and asks where somebody can answer.
    async fn agreed(&self, wanted: &[ModelCandidate], store: &dyn Store) -> Result<bool, CommandError> {
        let settings = &self.context.settings;
        // Without prices the rest is told all the same.
        let prices = ListedPrices::of(store.listed(None).await.unwrap_or_default());
        let models: Vec<ModelRef> = wanted.iter().map(|one| one.model.clone()).collect();
        let profile = settings.profile().map_err(CommandError::usage)?;
        let price = |model: &ModelRef| settings.daemon_config.price(model, prices.get(model));
        let names: Vec<String> = models.iter().map(ToString::to_string).collect();
        let said = format!("{}: {}", names.join(", "), one_call_each(&models, profile, price));
        let free = models.iter().all(|model| model.provider == SIMULATOR);
        if free || self.yes || !prompt::possible() {
            print::note(&said);
            return Ok(true);
        }
        let agreed = ask_about(format!("{said}. Ask?"), &self.interrupt.stop).await?;
        if !agreed {
            print::note("no model was asked");
        }
        Ok(agreed)
    }

    /// Asks one model, unless it is measured already.
    async fn probe(&self, candidate: ModelCandidate, session: &ChangeSession<'_>) -> InitProbe {
        let model = candidate.model.clone();
        let probe = |state, reason| InitProbe { model: model.to_string(), state, reason };
        if enabled(&model, session.store).await.is_some_and(|(enabled, _)| enabled) {
            print::note(&format!("{model} is measured already, and was not asked"));
            return probe(ProbeState::Measured, None);
        }
        let options =
            AddOptions { no_probe: false, reason: Some("llmbench init".to_owned()), must_ask: false };
        if let Err(error) = add(vec![candidate], &options, self.context, session).await {
            tell(&error);
            return probe(ProbeState::NotAsked, Some(error.message));
        }
        match enabled(&model, session.store).await {
            Some((true, _)) => probe(ProbeState::Answered, None),
            Some((false, reason)) => probe(ProbeState::Failed, reason),
            None => probe(ProbeState::NotAsked, None),
        }
    }
}

/// Whether a model of the catalog is measured, and why not; `None` if the catalog does not have it.
async fn enabled(model: &ModelRef, store: &dyn Store) -> Option<(bool, Option<String>)> {
    let entries = store.entries(Some(&model.provider)).await.ok()?;
    let entry = entries.into_iter().find(|entry| entry.sound && entry.model == *model)?;
    Some((entry.is_enabled(), entry.text("disabled_reason")))
}

/// The models that can be added: those that answer in text first, then the cheapest of those whose price is stated.
fn by_price(rows: Vec<CatalogRow>) -> Vec<CatalogRow> {
    let is_sound = |row: &CatalogRow| sound(&ModelRef::new(&row.provider, &row.model_id)).is_ok();
    let mut rows: Vec<CatalogRow> = rows.into_iter().filter(is_sound).collect();
    let price = |row: &CatalogRow| match (row.facts.input_price, row.facts.output_price) {
        (Some(input), Some(output)) => input + output,
        _ => f64::INFINITY,
    };
    let odd = |row: &CatalogRow| suitability::hint(&row.model_id).is_some();
    rows.sort_by(|a, b| odd(a).cmp(&odd(b)).then(price(a).total_cmp(&price(b))));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::listing::ModelFacts;

    #[test]
    fn the_cheapest_model_that_writes_text_stands_first() {
        let row = |id: &str, price: Option<f64>| CatalogRow {
            provider: "groq".to_owned(),
            model_id: id.to_owned(),
            name: id.to_owned(),
            first_seen_at: None,
            last_seen_at: None,
            changes: Vec::new(),
            facts: ModelFacts { input_price: price, output_price: price, ..ModelFacts::default() },
        };
        let rows = vec![
            row("whisper-large", Some(0.01)),
            row("unpriced", None),
            row("large", Some(2.0)),
            row("small", Some(0.1)),
            row("evil\nname", Some(0.0)),
        ];
        let ids: Vec<String> = by_price(rows).into_iter().map(|row| row.model_id).collect();
        assert_eq!(ids, ["small", "large", "unpriced", "whisper-large"]);
    }
}
