//! Series with known swaps, and series that only look as if. Seeds are fixed.

use super::lengths::{LengthBlock, find_length_swaps};
use super::logprobs::{CanaryAnswer, find_logprob_swaps};
use super::*;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Blocks of a month.
const MONTH: i64 = 30 * BLOCKS_A_DAY;

fn random(seed: u64) -> SmallRng {
    SmallRng::seed_from_u64(seed)
}

/// A block with these values, one a row.
fn block(slot: i64, rows: impl IntoIterator<Item = String>) -> FactBlock {
    let mut values: Vec<(String, u32)> = Vec::new();
    for row in rows {
        match values.iter_mut().find(|(value, _)| *value == row) {
            Some((_, rows)) => *rows += 1,
            None => values.push((row, 1)),
        }
    }
    values.sort_by(|(_, one), (_, other)| other.cmp(one));
    let others = values.split_off(values.len().min(8)).into_iter().map(|(_, rows)| rows).sum();
    FactBlock { slot, counts: ValueCounts { values, others } }
}

/// A series of so many blocks with `rows` each, whose value at a slot and row `value` draws.
fn series(slots: i64, rows: usize, mut value: impl FnMut(i64) -> String) -> Vec<FactBlock> {
    (0..slots).map(|slot| block(slot, (0..rows).map(|_| value(slot)).collect::<Vec<_>>())).collect()
}

/// A series in which one value follows on another.
fn stepped(slots: i64, rows: usize, at: i64) -> Vec<FactBlock> {
    series(slots, rows, |slot| if slot < at { "a".to_owned() } else { "b".to_owned() })
}

fn one_of(random: &mut SmallRng, shares: &[(&str, f64)]) -> String {
    let mut left = random.random::<f64>();
    for (value, share) in shares {
        left -= share;
        if left < 0.0 {
            return (*value).to_owned();
        }
    }
    shares[0].0.to_owned()
}

fn every_row(blocks: &[FactBlock]) -> Vec<FoundSwap> {
    find_swaps(blocks, SwapRule::EVERY_ROW)
}

/// Swaps of so many series of three months, each made with a seed of its own, by all values of the blocks and by the most
/// frequent one alone, as stores keep it: the larger number.
fn swaps_of_many(series_count: u64, make: impl Fn(&mut SmallRng) -> Vec<FactBlock>) -> usize {
    let all = |seed| make(&mut random(seed));
    let whole: usize = (0..series_count).map(|seed| every_row(&all(seed)).len()).sum();
    let leading: usize = (0..series_count).map(|seed| every_row(&leading(&all(seed))).len()).sum();
    whole.max(leading)
}

/// The same blocks as if all their rows had the most frequent value.
fn leading(blocks: &[FactBlock]) -> Vec<FactBlock> {
    let named = blocks.iter().filter_map(|block| Some((block, block.counts.values.first()?)));
    named.map(|(block, (value, _))| FactBlock::leading(block.slot, value, block.counts.rows())).collect()
}

#[test]
fn a_step_is_found_where_it_happened_at_any_cadence() {
    for rows in [6, 3, 1] {
        let swaps = every_row(&stepped(2 * MONTH, rows, 301));
        assert_eq!(every_row(&leading(&stepped(2 * MONTH, rows, 301))), swaps);
        let [swap] = &swaps[..] else { panic!("{rows} rows: {swaps:?}") };
        assert_eq!((swap.before.as_str(), swap.after.as_str(), swap.ended), ("a", "b", None));
        assert_eq!(swap.began, SwapTime { at: 301, earliest: 301, latest: 301 });
        assert_eq!(
            swap.alarm_slot,
            300 + 8_i64.div_euclid(i64::try_from(rows).unwrap()).max(2) + i64::from(rows == 3)
        );
    }
}

#[test]
fn what_is_the_same_all_the_time_and_what_is_new_here_is_no_swap() {
    assert!(every_row(&[]).is_empty());
    assert!(every_row(&stepped(MONTH, 6, MONTH)).is_empty());
    let mut unnamed = stepped(MONTH, 6, 0);
    unnamed[..100].iter_mut().for_each(|block| block.counts.values.clear());
    assert!(every_row(&unnamed).is_empty(), "an API that begins to name a fact");
    assert!(every_row(&stepped(13 * BLOCKS_A_DAY, 6, 6 * BLOCKS_A_DAY)).is_empty(), "too young");
    let young = every_row(&stepped(16 * BLOCKS_A_DAY, 6, 10 * BLOCKS_A_DAY));
    assert_eq!(young.len(), 1, "found once a week of baseline lies behind it");
    assert_eq!(young[0].began.at, 10 * BLOCKS_A_DAY);
}

#[test]
fn rotating_values_are_one_state() {
    let by_row = swaps_of_many(300, |random| {
        series(3 * MONTH, 6, |_| one_of(random, &[("a", 0.5), ("b", 0.3), ("c", 0.15), ("d", 0.05)]))
    });
    assert_eq!(by_row, 0, "each row from another backend");
    // A backend serves for half a day on average, then another one.
    let by_stay = swaps_of_many(300, |random| {
        let mut now = "a".to_owned();
        series(3 * MONTH, 6, move |_| {
            if random.random::<f64>() < 1.0 / 24.0 {
                now = one_of(random, &[("a", 0.4), ("b", 0.3), ("c", 0.2), ("d", 0.1)]);
            }
            now.clone()
        })
    });
    assert!(by_stay <= 3, "{by_stay} of 300 series of three months");
    let nearly_one =
        swaps_of_many(300, |random| series(3 * MONTH, 6, |_| one_of(random, &[("a", 0.93), ("b", 0.07)])));
    assert_eq!(nearly_one, 0);
}

#[test]
fn odd_rows_are_no_swap() {
    for (rows, bound) in [(6, 0), (1, 1)] {
        let found = swaps_of_many(300, |random| {
            let mut odd = 0;
            series(3 * MONTH, rows, |_| {
                if random.random::<f64>() < 0.01 {
                    odd += 1;
                    format!("odd-{odd}")
                } else {
                    "a".to_owned()
                }
            })
        });
        assert!(found <= bound, "{rows} rows a block: {found}");
    }
}

#[test]
fn a_fact_that_is_new_all_the_time_says_nothing() {
    let mut request = 0;
    let each_row = series(3 * MONTH, 6, |_| {
        request += 1;
        format!("{request}")
    });
    assert!(every_row(&each_row).is_empty(), "an id of the request");
    for days in [1, 2] {
        let each = series(3 * MONTH, 6, |slot| format!("{}", slot / (days * BLOCKS_A_DAY)));
        let found = every_row(&each);
        assert!(found.len() <= MOST_A_MONTH, "anew after {days} days: {found:?}");
    }
}

#[test]
fn a_rollout_is_one_swap_whose_beginning_lies_in_its_interval() {
    for seed in 0..100 {
        let mut random = random(seed);
        let (from, over) = (400, random.random_range(4..40_i64));
        let blocks = series(3 * MONTH, 6, |slot| {
            let share = (slot - from) as f64 / over as f64;
            if random.random::<f64>() < share { "b".to_owned() } else { "a".to_owned() }
        });
        let swaps = every_row(&blocks);
        let [swap] = &swaps[..] else { panic!("{over} blocks: {swaps:?}") };
        assert!(swap.ended.is_none());
        assert!(swap.began.earliest <= from + over && from <= swap.began.latest, "{over}: {:?}", swap.began);
        assert!(swap.began.earliest <= swap.began.at && swap.began.at <= swap.began.latest);
    }
    // Two blocks of this and two of that for three days.
    let alternates = series(2 * MONTH, 6, |slot| {
        let new = slot >= 324 || slot >= 300 && (slot / 2) % 2 == 0;
        if new { "b".to_owned() } else { "a".to_owned() }
    });
    let swaps = every_row(&alternates);
    assert!(swaps.len() == 1 && swaps[0].ended.is_none(), "{swaps:?}");
}

#[test]
fn what_comes_back_is_ended_and_what_follows_soon_is_found_too() {
    let back = series(2 * MONTH, 6, |slot| if (300..330).contains(&slot) { "b".into() } else { "a".into() });
    let swaps = every_row(&back);
    let [swap] = &swaps[..] else { panic!("{swaps:?}") };
    assert_eq!(swap.ended, Some(SwapTime { at: 330, earliest: 330, latest: 330 }));
    let third = series(2 * MONTH, 6, |slot| match slot {
        ..300 => "a".to_owned(),
        300..320 => "b".to_owned(),
        _ => "c".to_owned(),
    });
    let swaps = every_row(&third);
    let told: Vec<_> = swaps.iter().map(|swap| (swap.after.as_str(), swap.began.at)).collect();
    assert_eq!(told, [("b", 300), ("c", 320)]);
}

#[test]
fn a_new_set_of_values_is_a_step_whether_some_stay_or_all_go() {
    for (seed, new) in
        [(1, [("d", 0.4), ("e", 0.6)]), (2, [("a", 0.6), ("d", 0.4)]), (3, [("b", 0.5), ("d", 0.5)])]
    {
        let mut random = random(seed);
        let old = [("a", 0.6), ("b", 0.4)];
        let blocks = series(3 * MONTH, 6, |slot| one_of(&mut random, if slot < 400 { &old } else { &new }));
        let swaps = every_row(&blocks);
        let [swap] = &swaps[..] else { panic!("{seed}: {swaps:?}") };
        assert_eq!(swap.before, "a, b");
        assert!((398..=408).contains(&swap.began.at) && swap.alarm_slot <= 420, "{seed}: {swap:?}");
    }
}

#[test]
fn a_value_that_is_gone_is_missed() {
    let mut random = random(5);
    let blocks = series(3 * MONTH, 6, |slot| {
        one_of(&mut random, if slot < 400 { &[("a", 0.9), ("b", 0.1)] } else { &[("b", 1.0)] })
    });
    let swaps = every_row(&blocks);
    let [swap] = &swaps[..] else { panic!("{swaps:?}") };
    assert_eq!((swap.before.as_str(), swap.after.as_str(), swap.began.at), ("a", "b", 400));
    assert!(swap.alarm_slot <= 400 + LASTING);
}

#[test]
fn counts_of_tokens_with_a_nonce_are_one_state_until_the_tokenizer_changes() {
    let count = |random: &mut SmallRng, base: i64| format!("{}", base + random.random_range(0..4_i64));
    let quiet = swaps_of_many(200, |random| series(3 * MONTH, 6, |_| count(random, 38)));
    assert_eq!(quiet, 0);
    let mut random = random(8);
    let blocks = series(2 * MONTH, 6, |slot| count(&mut random, if slot < 300 { 38 } else { 45 }));
    assert_eq!(every_row(&blocks).len(), 1);
}

/// A question a day, whose answer is another one with this probability.
fn canary(random: &mut SmallRng, days: i64, odd: f64, swap_on: Option<i64>) -> Vec<FactBlock> {
    let mut answers = 0;
    let mut answer = |day: i64| {
        answers += 1;
        match random.random::<f64>() < odd {
            true => format!("odd-{answers}"),
            false if swap_on.is_some_and(|on| day >= on) => "after".to_owned(),
            false => "before".to_owned(),
        }
    };
    (0..days).map(|day| block(day * BLOCKS_A_DAY + 3, [answer(day)])).collect()
}

#[test]
fn an_answer_a_day_swaps_with_the_second_or_third_new_one() {
    for (day, certain) in [(40, 41), (13, 15)] {
        let found = find_swaps(&canary(&mut random(1), 60, 0.0, Some(day)), SwapRule::ONCE_A_DAY);
        let [swap] = &found[..] else { panic!("{found:?}") };
        assert_eq!((swap.before.as_str(), swap.after.as_str()), ("before", "after"));
        assert_eq!((day_of(swap.began.at), day_of(swap.alarm_slot)), (day, certain.max(14)));
    }
    let mut delays = Vec::new();
    for seed in 0..200 {
        let found = find_swaps(&canary(&mut random(seed), 90, 0.05, Some(45)), SwapRule::ONCE_A_DAY);
        delays.extend(
            found.iter().find(|swap| swap.after.contains("after")).map(|swap| day_of(swap.alarm_slot) - 45),
        );
    }
    delays.sort_unstable();
    assert!(delays.len() >= 190 && delays[delays.len() / 2] <= 2, "{} found, {delays:?}", delays.len());
}

fn day_of(slot: i64) -> i64 {
    slot.div_euclid(BLOCKS_A_DAY)
}

#[test]
fn answers_that_differ_now_and_then_are_no_swap() {
    for (odd, most) in [(0.02, 1), (0.1, 1), (0.3, 1)] {
        let found: usize = (0..500)
            .map(|seed| find_swaps(&canary(&mut random(seed), 90, odd, None), SwapRule::ONCE_A_DAY).len())
            .sum();
        assert!(found <= most, "{found} of 500 series of three months with {odd}");
    }
    let two = |seed: u64| {
        let mut random = random(seed);
        (0..90)
            .map(|day| block(day * BLOCKS_A_DAY, [one_of(&mut random, &[("a", 0.7), ("b", 0.3)])]))
            .collect::<Vec<_>>()
    };
    let found: usize = (0..500).map(|seed| find_swaps(&two(seed), SwapRule::ONCE_A_DAY).len()).sum();
    assert!(found <= 6, "{found}");
}

fn lengths(seed: u64, spread: f64, days: i64, level: impl Fn(i64) -> f64) -> Vec<LengthBlock> {
    let mut random = random(seed);
    // The sum of twelve draws has a variance of 1.
    let mut noise = move || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    (0..days * BLOCKS_A_DAY)
        .map(|slot| LengthBlock { slot, median: (level(day_of(slot)) * (1.0 + spread * noise())).round() })
        .collect()
}

#[test]
fn a_step_of_the_length_is_found_and_its_noise_is_not() {
    let quiet: usize =
        (0..500).map(|seed| find_length_swaps(&lengths(seed, 0.15, 90, |_| 200.0)).len()).sum();
    assert!(quiet <= 1, "{quiet} of 500 series of three months");
    let capped = find_length_swaps(&lengths(1, 0.0, 90, |_| 64.0));
    assert!(capped.is_empty());
    for seed in 0..50 {
        let found = find_length_swaps(&lengths(seed, 0.1, 90, |day| if day < 45 { 200.0 } else { 150.0 }));
        let [swap] = &found[..] else { panic!("{seed}: {found:?}") };
        assert!((44..=46).contains(&day_of(swap.began.at)) && day_of(swap.alarm_slot) <= 50, "{swap:?}");
    }
    let back =
        find_length_swaps(&lengths(3, 0.1, 90, |day| if (45..55).contains(&day) { 90.0 } else { 200.0 }));
    assert!(back.len() == 1 && back[0].ended.is_some_and(|end| day_of(end.at) == 55), "{back:?}");
    let one_day = find_length_swaps(&lengths(3, 0.1, 90, |day| if day == 45 { 20.0 } else { 200.0 }));
    assert!(one_day.is_empty());
}

/// Answers of a day each; `shift` moves every token's log probability.
fn answers(seed: u64, tremble: f64, shift: impl Fn(i64) -> f64) -> Vec<CanaryAnswer> {
    let mut random = random(seed);
    (0..90)
        .map(|day| {
            let mut token = |place: i64| {
                let usual = -0.05 * (place % 5) as f64;
                // Now and then a token trembles ten times as much.
                let tail = if random.random::<f64>() < 0.02 { 10.0 } else { 1.0 };
                usual + shift(day) + tremble * tail * (random.random::<f64>() - 0.5)
            };
            let logprobs = (0..12).map(&mut token).collect();
            CanaryAnswer { slot: day * BLOCKS_A_DAY, answer: "a".to_owned(), logprobs }
        })
        .collect()
}

#[test]
fn a_step_of_probabilities_is_told_against_their_own_trembling() {
    for tremble in [0.001, 0.05, 0.5] {
        let found: usize =
            (0..300).map(|seed| find_logprob_swaps(&answers(seed, tremble, |_| 0.0)).len()).sum();
        assert!(found <= 1, "{found} of 300 series that tremble by {tremble}");
    }
    for seed in 0..50 {
        let found = find_logprob_swaps(&answers(seed, 0.05, |day| if day < 40 { 0.0 } else { -0.3 }));
        let [swap] = &found[..] else { panic!("{seed}: {found:?}") };
        assert_eq!((day_of(swap.began.at), day_of(swap.alarm_slot)), (40, 41));
        assert!(swap.before.starts_with("mean -0.0") && swap.after.starts_with("mean -0.3"), "{swap:?}");
    }
    let one = find_logprob_swaps(&answers(7, 0.05, |day| if day == 40 { -2.0 } else { 0.0 }));
    assert!(one.is_empty(), "one odd day");
}
