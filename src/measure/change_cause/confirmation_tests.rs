//! What other runners confirm or deny, put together, and what waits for them.

use super::tests::{around, judged, neighbour, slower, usual};
use super::{CONFIRMED_WITHIN, attribute, waits_for_others};
use crate::domain::change_evidence::{ChangeEvidence, ChangeSurroundings, NeighbourReading, SeriesNeighbour};
use crate::domain::series_change::{ChangeScope, SeriesChange};

/// A neighbour with this error of its shift.
fn noisy(runner: &str, model: &str, factor: f64, noise: f64) -> SeriesNeighbour {
    let mut one = neighbour(runner, model, factor);
    let NeighbourReading::Figure { noise: of_blocks, .. } = &mut one.reading else { unreachable!() };
    *of_blocks = noise;
    one
}

/// One model at another runner says by chance that it moved; the provider's others there say that it did not.
#[test]
fn what_another_runner_shows_of_a_provider_is_put_together() {
    let models = ["groq:m", "groq:n", "groq:o", "groq:p"];
    let changes: Vec<SeriesChange> = models.iter().map(|model| slower(model, "a", model, 0)).collect();
    let evidence = |factors: [f64; 4]| -> Vec<ChangeSurroundings> {
        let one = |(model, factor): (&&str, f64)| around(model, usual(), &[noisy("b", model, factor, 0.2)]);
        models.iter().zip(factors).map(one).collect()
    };
    let scopes = |factors: [f64; 4]| -> Vec<ChangeScope> {
        judged(&changes, evidence(factors)).into_iter().map(|(scope, ..)| scope).collect()
    };
    let alone = judged(&changes[..1], evidence([1.35; 4])[..1].to_vec()).remove(0);
    assert_eq!(alone.0, ChangeScope::Model, "alone it counts as moved: {}", alone.2);
    assert!(!alone.2.contains("too few samples"), "{}", alone.2);
    assert_eq!(scopes([1.35, 0.98, 1.0, 1.01]), [ChangeScope::Path; 4]);
    assert_eq!(scopes([1.35, 1.2, 1.24, 1.1]), [ChangeScope::Provider; 4]);
}

#[test]
fn a_provider_is_not_named_before_another_runner_confirms_it_or_time_is_up() {
    let seen = |neighbours: &[SeriesNeighbour]| {
        let mut changes = [slower("1", "a", "groq:m", 0)];
        attribute(&mut changes, &ChangeEvidence { around: vec![around("1", usual(), neighbours)] });
        let [change] = changes;
        let (soon, late) = (change.noticed_at, change.noticed_at + CONFIRMED_WITHIN);
        (change.confirmed, waits_for_others(&change, soon), waits_for_others(&change, late))
    };
    assert_eq!(seen(&[]), (None, false, false), "nobody else measures it");
    assert_eq!(seen(&[neighbour("b", "groq:m", 1.25)]), (Some(true), false, false));
    assert_eq!(seen(&[neighbour("b", "groq:m", 1.0)]), (Some(false), false, false), "it is the path");
    assert_eq!(seen(&[noisy("b", "groq:m", 1.1, 0.4)]), (Some(false), true, false));
    let other_models = [neighbour("a", "groq:n", 1.25), noisy("b", "groq:m", 1.1, 0.4)];
    assert_eq!(seen(&other_models), (Some(false), true, false), "other models are not another runner");
}
