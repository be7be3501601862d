//! One real call of each candidate, through the same measurer as any measurement. Its rows are kept in a role of their
//! own and never published.

use super::candidates::ModelCandidate;
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::commands::run::access::{self, ProviderAccess};
use crate::commands::run::measurer;
use crate::domain::{Failure, ModelRef, Outcome};
use crate::measure::measurer::{AttemptResult, Measurer, RequestSpec, Target};
use crate::outbox::undelivered::UndeliveredDir;
use crate::output::task_progress::Steps;
use crate::providers::adapt::Adaptation;
use crate::storage::Store;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The role of the rows of such a call.
const ROLE: &str = "admission";

/// Calls of one provider at once: providers limit rates, but not across providers.
const AT_ONCE: usize = 4;

/// The result of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeResult {
    pub model: ModelRef,
    /// The timings, or the failure of the call.
    pub answer: Result<TrialTimings, Box<Failure>>,
}

/// The figures of a model that answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrialTimings {
    /// Seconds to the first visible text.
    pub ttft: Option<f64>,
    /// Seconds to the end.
    pub total: f64,
    /// Tokens that were generated.
    pub tokens: Option<u64>,
}

/// Calls every candidate once. Leaves out calls that were unfinished when `stop` came.
///
/// # Errors
/// A provider that cannot be called at all: no key, no address.
pub async fn probe(
    candidates: &[ModelCandidate],
    context: &Context,
    store: &dyn Store,
    stop: &CancellationToken,
) -> Result<Vec<ProbeResult>, CommandError> {
    let opened = open(candidates, context).await?;
    let secrets: Vec<_> = opened.values().filter_map(|opened| opened.secret.clone()).collect();
    let measurer = measurer(context, &secrets)?;
    let question = RequestSpec {
        profile: context.settings.profile().map_err(CommandError::usage)?.clone(),
        role: ROLE.to_owned(),
        limits: context.settings.deadlines.limits(),
        warm: false,
    };
    let mut calls = JoinSet::new();
    let places: BTreeMap<&String, Arc<Semaphore>> =
        opened.keys().map(|provider| (provider, Arc::new(Semaphore::new(AT_ONCE)))).collect();
    for candidate in candidates {
        let provider = &candidate.model.provider;
        let (Some(opened), Some(places)) = (opened.get(provider), places.get(provider)) else { continue };
        let subject = subject(candidate, opened, store).await;
        calls.spawn(call(measurer.clone(), subject, question.clone(), Arc::clone(places)));
    }
    let undelivered = context.undelivered()?;
    let mut progress = ProbeProgress::start(candidates, context);
    let mut probed = Vec::new();
    loop {
        let ended = tokio::select! {
            ended = calls.join_next() => ended,
            () = stop.cancelled() => None,
        };
        let Some(ended) = ended else { break };
        let Ok((model, attempts)) = ended else { continue };
        keep(&model, &attempts, store, &undelivered, &progress.steps).await;
        if let Some(last) = attempts.into_iter().next_back() {
            let one = judged(model, last.outcome);
            progress.ended(&one);
            probed.push(one);
        }
    }
    progress.steps.done();
    Ok(probed)
}

/// The progress of each provider's calls, one line each.
struct ProbeProgress {
    steps: Steps,
    /// Called, failed and total numbers by provider.
    counts: BTreeMap<String, (usize, usize, usize)>,
}

impl ProbeProgress {
    fn start(candidates: &[ModelCandidate], context: &Context) -> Self {
        let mut counts: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
        for candidate in candidates {
            counts.entry(candidate.model.provider.clone()).or_default().2 += 1;
        }
        let names: Vec<String> = counts.keys().cloned().collect();
        Self { steps: Steps::start(&names, &context.terminal, false), counts }
    }

    fn ended(&mut self, one: &ProbeResult) {
        let provider = &one.model.provider;
        let Some((called, failed, all)) = self.counts.get_mut(provider) else { return };
        *called += 1;
        *failed += usize::from(one.answer.is_err());
        let failures = if *failed > 0 { format!(", {failed} did not answer") } else { String::new() };
        let how = format!("{called} of {all} called{failures}");
        if called == all { self.steps.ended(provider, &how) } else { self.steps.says(provider, &how) }
    }
}

async fn call(
    measurer: Measurer,
    subject: Target,
    question: RequestSpec,
    places: Arc<Semaphore>,
) -> (ModelRef, Vec<AttemptResult>) {
    let _place = places.acquire_owned().await;
    let attempts = measurer.measure(&subject, &question, None).await;
    (subject.model, attempts)
}

async fn open(
    candidates: &[ModelCandidate],
    context: &Context,
) -> Result<BTreeMap<String, ProviderAccess>, CommandError> {
    let mut opened = BTreeMap::new();
    for candidate in candidates {
        let provider = &candidate.model.provider;
        if !opened.contains_key(provider) {
            let host = context.settings.hosts.find(provider).map_err(CommandError::usage)?;
            let route = access::open(host, context).await.map_err(|reason| {
                CommandError::usage(reason)
                    .hint("--no-probe does it without a call: what is added so is disabled at first")
            })?;
            opened.insert(provider.clone(), route);
        }
    }
    Ok(opened)
}

async fn subject(candidate: &ModelCandidate, opened: &ProviderAccess, store: &dyn Store) -> Target {
    // A learned adaptation only saves an attempt: without it the refusal teaches it again.
    let learned = store.learned(&candidate.model).await.unwrap_or_default();
    let learned: Vec<Adaptation> = learned.iter().filter_map(|word| word.parse().ok()).collect();
    Target {
        model: candidate.model.clone(),
        route: Arc::clone(&opened.route),
        metadata: candidate.metadata.clone(),
        learned,
    }
}

/// Stores the rows and the learned adaptations; rows that the store does not take wait in a file, as after a run.
async fn keep(
    model: &ModelRef,
    attempts: &[AttemptResult],
    store: &dyn Store,
    undelivered: &UndeliveredDir,
    steps: &Steps,
) {
    for attempt in attempts {
        if let Some(lesson) = attempt.learned {
            steps
                .note(&format!("{model}: the API refused a parameter; asked again with {}", lesson.as_str()));
            let _ = store.learn(model, lesson.as_str()).await;
        }
        if let Outcome::Success(run) = &attempt.outcome
            && let Some(mismatch) = &run.endpoint_mismatch
        {
            steps.note(&format!("warning: {model}: {mismatch}; its rows name no endpoint"));
        }
        let Err(error) = store.record(&attempt.outcome).await else { continue };
        match undelivered.keep(&store.describe(), &attempt.outcome) {
            Ok(path) => steps.note(&format!("{model}: {error}; the row waits in {}", path.display())),
            Err(lost) => steps.note(&format!("{model}: {error}; the row is lost: {lost}")),
        }
    }
}

fn judged(model: ModelRef, outcome: Outcome) -> ProbeResult {
    let answer = match outcome {
        Outcome::Success(run) => Ok(TrialTimings {
            ttft: run.speeds.time_to_first_token,
            total: run.speeds.generate_time,
            tokens: run.tokens.output_tokens,
        }),
        Outcome::Failure(failure) => Err(failure),
    };
    ProbeResult { model, answer }
}
