//! Changes of series: what they are attributed to, and that each is told once.

mod operators_story;
pub mod path_simulation;
mod told_once;
mod told_simulation;

use llmbench::domain::series_change::ChangeScope;
use path_simulation::{Fault, SimulatedFaults, Tally};

/// Noise of single runs (standard deviation of the logarithm), effect of the fault.
const CASES: [(f64, f64); 3] = [(0.15, 0.25), (0.30, 0.40), (0.30, 0.80)];

fn tally(fault: Fault, noise: f64, effect: f64) -> Tally {
    SimulatedFaults { fault, noise, effect, trials: 300 }.run(20_261_201)
}

#[test]
fn a_path_fault_at_one_of_three_runners_is_attributed_to_the_path() {
    for (noise, effect) in CASES {
        let tally = tally(Fault::Path, noise, effect);
        println!("path, noise {noise}, effect {effect}: {tally:?}");
        assert!(tally.share(&[ChangeScope::Path]) >= 0.95, "noise {noise}, effect {effect}: {tally:?}");
        assert_eq!(tally.wrong_letters, 0, "noise {noise}, effect {effect}: {tally:?}");
    }
}

#[test]
fn a_slower_host_is_not_held_against_providers() {
    for (noise, effect) in CASES {
        let tally = tally(Fault::Host, noise, effect);
        println!("host, noise {noise}, effect {effect}: {tally:?}");
        assert!(tally.share(&[ChangeScope::Path, ChangeScope::Runner]) >= 0.95, "{tally:?}");
        assert_eq!(tally.wrong_letters, 0, "noise {noise}, effect {effect}: {tally:?}");
    }
}

/// A rule that says "path" of everything would pass the test above.
#[test]
fn what_every_runner_sees_is_the_provider_s() {
    for (noise, effect) in CASES {
        let tally = tally(Fault::Provider, noise, effect);
        println!("provider, noise {noise}, effect {effect}: {tally:?}");
        assert!(tally.share(&[ChangeScope::Provider, ChangeScope::Model]) >= 0.95, "{tally:?}");
        assert!(tally.share(&[ChangeScope::Provider]) >= 0.8, "{tally:?}");
    }
}
