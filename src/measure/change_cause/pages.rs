//! Changes in pages, so that the evidence of a page is in memory and not that of all. Those of one provider that one runner
//! saw at about one time testify for each other, and share a page.

use crate::domain::series_change::{SAME_TIME, SeriesChange};
use chrono::{DateTime, Utc};

/// Changes from which a page ends where what follows is another event.
const FULL: usize = 50;

/// The most changes of a page.
const MOST: usize = 500;

/// The numbers of these changes in pages: by runner and provider, within them by time.
pub fn pages(changes: &[SeriesChange]) -> Vec<Vec<usize>> {
    let mut numbers: Vec<usize> = (0..changes.len()).collect();
    numbers.sort_by(|one, other| {
        let (one, other) = (&changes[*one], &changes[*other]);
        event(one).cmp(&event(other)).then_with(|| one.began.earliest.cmp(&other.began.earliest))
    });
    let mut pages: Vec<Vec<usize>> = Vec::new();
    let mut last: Option<(&SeriesChange, DateTime<Utc>)> = None;
    for number in numbers {
        let change = &changes[number];
        let goes_on = last.is_some_and(|(before, latest)| {
            event(before) == event(change) && change.began.earliest <= latest + SAME_TIME
        });
        match pages.last_mut() {
            Some(page) if page.len() < MOST && (goes_on || page.len() < FULL) => page.push(number),
            _ => pages.push(vec![number]),
        }
        let latest = last
            .filter(|_| goes_on)
            .map_or(change.began.latest, |(_, latest)| latest.max(change.began.latest));
        last = Some((change, latest));
    }
    pages
}

/// Who measured whom.
fn event(change: &SeriesChange) -> (&str, Option<&str>) {
    (&change.series.model.provider, change.series.runner.as_deref())
}

#[cfg(test)]
mod tests {
    use super::super::tests::slower;
    use super::*;

    #[test]
    fn every_change_is_on_one_page_and_an_event_on_one() {
        let mut changes: Vec<SeriesChange> = Vec::new();
        for event in 0..6 {
            for number in 0..30 {
                // Alarms of an event are hours apart, and events are weeks apart.
                let model = format!("groq:{number}");
                changes.push(slower(&format!("{event}-{number}"), "a", &model, event * 400 + number % 5));
            }
        }
        changes
            .extend((0..20).map(|number| slower(&format!("b{number}"), "b", &format!("groq:{number}"), 0)));
        changes.reverse();
        let pages = pages(&changes);
        let mut all: Vec<usize> = pages.concat();
        all.sort_unstable();
        assert_eq!(all, (0..changes.len()).collect::<Vec<_>>());
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [60, 60, 60, 20]);
        let flood: Vec<SeriesChange> =
            (0..1_100).map(|number| slower(&number.to_string(), "a", &format!("groq:{number}"), 0)).collect();
        let sizes: Vec<usize> = super::pages(&flood).iter().map(Vec::len).collect();
        assert_eq!(sizes, [MOST, MOST, 100]);
        assert_eq!(super::pages(&[]), Vec::<Vec<usize>>::new());
    }
}
