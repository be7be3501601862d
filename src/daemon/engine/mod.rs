//! The daemon's tasks and how they begin and end: the control loop with a task for each lane, one for the sender, one for
//! what the store is asked again and again, one for whoever asks about the outbox.

mod control;
mod crew;
mod moments;

use crate::daemon::bench::Doors;
use crate::daemon::clock::Clock;
use crate::daemon::event::{Event, Events};
use crate::daemon::keeper::Keeper;
use crate::daemon::shared::{Counted, Shared};
use crate::daemon::signs::Signs;
use crate::daemon::work::Questions;
use crate::daemon::{owner, rounds};
use crate::domain::regime::Regime;
use crate::measure::laboratory::Question;
use crate::storage::Sink;
use crate::storage::outbox::sender::{Flushed, Sender};
use crate::storage::outbox::{Outbox, OutboxError, control as socket};
use control::{Control, Start};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How long the last rows may take to the store when the daemon stops.
const FLUSH: Duration = Duration::from_secs(5);

/// Between two attempts to send rows from an outbox that refused to give them.
const SEND_AGAIN: Duration = Duration::from_secs(5);

/// What a daemon is made of.
pub struct Setup {
    /// Its rules.
    pub regime: Regime,
    /// Its time.
    pub clock: Clock,
    /// What is asked of every model.
    pub questions: Vec<Question>,
    /// The way to the store.
    pub keeper: Arc<Keeper>,
    /// The outbox, open.
    pub outbox: Outbox,
    /// The way to providers.
    pub doors: Arc<dyn Doors>,
    /// Where pulse and socket are.
    pub state_dir: PathBuf,
    /// Where events are told.
    pub events: Events,
    /// Where it shows that it lives.
    pub signs: Arc<Signs>,
    /// End after everything that is due was tried.
    pub once: bool,
}

/// How a daemon ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stopped {
    /// What it did.
    pub counted: Counted,
    /// What became of the last rows.
    pub flushed: Flushed,
    /// Measurements that did not end in time; the next start says so in their rows.
    pub given_up: u64,
    /// A single pass was not told what to measure.
    pub waited_in_vain: bool,
}

/// Runs a daemon until `stop`, or through one pass.
///
/// # Errors
/// The outbox's final ones.
pub async fn run(setup: Setup, stop: CancellationToken) -> Result<Stopped, OutboxError> {
    let spent = setup.outbox.spent(setup.clock.now().date_naive()).await?;
    let shared = Shared::new(
        (setup.regime, setup.clock),
        owner::of(&setup.state_dir),
        setup.outbox.clone(),
        Arc::clone(&setup.keeper),
        Arc::clone(&setup.doors),
        setup.events.clone(),
        stop,
    );
    let sink: Arc<dyn Sink> = Arc::clone(&setup.keeper) as Arc<dyn Sink>;
    let (sender, sent) = Sender::new(setup.outbox.clone(), sink, setup.keeper.name());
    let events = setup.events.clone();
    let sender = sender.telling(move |news| events.tell(news.into()));
    // The first pulse knows it: a backlog must not look like nothing.
    sender.look().await?;
    let stop_sending = CancellationToken::new();
    let sending = send(sender, &shared, stop_sending.clone());
    let (listed, list) = mpsc::channel(1);
    let (pulse, said) = watch::channel(None);
    let rounds = tokio::spawn(rounds::run(Arc::clone(&shared), listed, said, setup.once));
    let asked = answer(&setup.state_dir, &setup.outbox, &stop_sending);
    let questions = Questions::new(setup.questions);
    let start = Start { questions, spent, state_dir: setup.state_dir, sent, pulse, signs: setup.signs };
    let mut control = Control::new(Arc::clone(&shared), start);
    control.work(list, setup.once).await;
    let given_up = control.stop().await;
    rounds.abort();
    let flushed = flush(sending, &stop_sending).await;
    control.say(true);
    if let Some(asked) = asked {
        let _ = asked.await;
    }
    if let Some(error) = shared.failure() {
        return Err(error.clone());
    }
    let flushed = flushed?;
    // Not closed, the next start takes longer and loses nothing.
    let _ = shared.outbox.close().await;
    let counted = shared.counts.counted();
    let Counted { succeeded: measured, failed, .. } = counted;
    let Flushed { delivered: sent, left: waiting, .. } = flushed;
    shared.events.tell(Event::Stopped { measured, failed, given_up, sent, waiting });
    Ok(Stopped { counted, flushed, given_up, waited_in_vain: control.waited_in_vain() })
}

fn send(mut sender: Sender, shared: &Arc<Shared>, until: CancellationToken) -> JoinHandle<Sender> {
    let reason = Arc::clone(shared);
    tokio::spawn(async move {
        while let Err(error) = sender.run(&until).await {
            if error.is_fatal() {
                reason.fail(error);
                break;
            }
            warn!("rows cannot be sent now: {error}");
            sleep(SEND_AGAIN).await;
        }
        sender
    })
}

/// Answers commands that ask about the outbox.
fn answer(state_dir: &Path, outbox: &Outbox, until: &CancellationToken) -> Option<JoinHandle<()>> {
    let listener = socket::listen(&state_dir.join(socket::SOCKET)).inspect_err(
        |error| warn!(%error, "no control socket: `llmbench outbox` does not work beside this daemon"),
    );
    Some(tokio::spawn(socket::serve(listener.ok()?, outbox.clone(), until.clone())))
}

async fn flush(sending: JoinHandle<Sender>, stop: &CancellationToken) -> Result<Flushed, OutboxError> {
    stop.cancel();
    match sending.await {
        Ok(mut sender) => sender.flush_once(FLUSH).await,
        // Its rows are where they were.
        Err(_) => Ok(Flushed::default()),
    }
}

#[cfg(test)]
mod tests;
