//! What lanes and the calibration of their host know of each other. A calibration measures this machine, so it must not
//! run beside measurements, and must not spoil them: while the gate is closed, no lane begins one.

use crate::domain::calibration::CalibrationReport;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// What lanes do, as the control loop sees it each second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneTraffic {
    /// True if the gate was closed before the lanes were looked at: none has begun anything since.
    pub gate_closed: bool,
    /// Measurements that run.
    pub running: u64,
    /// True if nothing runs and nothing will soon be due.
    pub quiet: bool,
}

/// A gate in front of all lanes.
#[derive(Debug, Default)]
pub struct CalibrationGate {
    closed: AtomicBool,
    traffic: watch::Sender<LaneTraffic>,
    report: Mutex<Option<CalibrationReport>>,
}

/// The closed gate; it opens with the end of this value.
#[derive(Debug)]
pub struct ClosedGate(Arc<CalibrationGate>);

impl Drop for ClosedGate {
    fn drop(&mut self) {
        self.0.closed.store(false, Ordering::SeqCst);
    }
}

impl CalibrationGate {
    /// True if no measurement may begin. A lane asks while it holds the lock of its state: whoever counts what runs takes
    /// the same lock, so nothing begins unseen.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Takes over what lanes do.
    pub fn saw(&self, traffic: LaneTraffic) {
        self.traffic.send_replace(traffic);
    }

    /// Takes over what is known of the host's calibrations, for the status report.
    pub fn publish(&self, report: CalibrationReport) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
    }

    /// What is known of the host's calibrations; `None` before anybody has looked.
    pub fn report(&self) -> Option<CalibrationReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes the gate in a quiet moment, and without one after `patience`, of which `impatient` is told. Then waits until
    /// nothing runs any more.
    ///
    /// # Errors
    /// A sentence if something still runs after `drain`; the gate is open again then.
    pub async fn close(
        self: &Arc<Self>,
        patience: Duration,
        drain: Duration,
        impatient: impl FnOnce(),
    ) -> Result<ClosedGate, String> {
        let mut traffic = self.traffic.subscribe();
        if timeout(patience, traffic.wait_for(|traffic| traffic.quiet)).await.is_err() {
            impatient();
        }
        self.closed.store(true, Ordering::SeqCst);
        let closed = ClosedGate(Arc::clone(self));
        let empty = |traffic: &LaneTraffic| traffic.gate_closed && traffic.running == 0;
        match timeout(drain, traffic.wait_for(empty)).await {
            Ok(_) => Ok(closed),
            Err(_) => Err(format!("measurements still ran after {} s", drain.as_secs())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn traffic(gate: &CalibrationGate, running: u64, quiet: bool) {
        gate.saw(LaneTraffic { gate_closed: gate.is_closed(), running, quiet });
    }

    #[tokio::test(start_paused = true)]
    async fn it_closes_in_a_quiet_moment_and_waits_for_what_began_just_before() {
        let gate = Arc::new(CalibrationGate::default());
        traffic(&gate, 1, false);
        let closing = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.close(LONG, LONG, || panic!("there was a quiet moment")).await }
        });
        tokio::task::yield_now().await;
        assert!(!gate.is_closed(), "a measurement runs");
        // Seen before the gate closed: a lane may have begun something since.
        traffic(&gate, 0, true);
        while !gate.is_closed() {
            tokio::task::yield_now().await;
        }
        traffic(&gate, 1, false);
        tokio::task::yield_now().await;
        assert!(!closing.is_finished(), "what began in between is waited for");
        traffic(&gate, 0, false);
        let closed = closing.await.unwrap().unwrap();
        assert!(gate.is_closed());
        drop(closed);
        assert!(!gate.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_quiet_moment_it_closes_after_its_patience_and_gives_up_where_nothing_ends() {
        let gate = Arc::new(CalibrationGate::default());
        traffic(&gate, 3, false);
        let mut told = false;
        let refused = gate.close(LONG, Duration::from_secs(120), || told = true).await;
        assert_eq!(refused.unwrap_err(), "measurements still ran after 120 s");
        assert!(told && !gate.is_closed(), "lanes go on");
    }
}
