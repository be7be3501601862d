//! What was told to whom, on every store: pending until it is taken, held by one sender at a time, told once.

use super::backend::Backend;
use crate::support::samples::now;
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::domain::ModelRef;
use llmbench::domain::notice::{ChangeMoment, ChangeNotice, ListingFinding, NoticeItem, NoticeKind};
use llmbench::storage::Store;
use llmbench::storage::notices::{ClaimedNotices, NoticeHold, SendOutcome};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

#[tokio::test]
async fn sqlite_keeps_notices() {
    tell(&Backend::sqlite()).await;
}

#[tokio::test]
async fn mongodb_keeps_notices() {
    tell(&Backend::mongo().await).await;
}

fn finding(id: &str) -> NoticeItem {
    NoticeItem::Listing(listed(id))
}

fn listed(id: &str) -> ListingFinding {
    ListingFinding {
        kind: NoticeKind::New,
        model: ModelRef::new("groq", id),
        at: DateTime::from_timestamp_millis(1_795_000_000_123),
        fact: None,
        from: Value::Null,
        to: json!({"context_length": 131_072, "input_price": 3.0, "ends_on": null}),
    }
}

fn changed() -> NoticeItem {
    NoticeItem::Listing(ListingFinding {
        kind: NoticeKind::Changed,
        fact: Some("input_price".to_owned()),
        from: json!(0.5),
        to: json!(3.0),
        ..listed("odd.$id\nwith a line")
    })
}

fn change(moment: ChangeMoment) -> NoticeItem {
    NoticeItem::Change(ChangeNotice {
        moment,
        change_id: "3fa9c1".to_owned(),
        model: ModelRef::new("groq", "m"),
        at: DateTime::from_timestamp_millis(1_795_000_000_123).unwrap(),
        returns: 0,
    })
}

fn holder(id: &str, at: DateTime<Utc>) -> NoticeHold {
    NoticeHold { id: id.to_owned(), at, until: at + TimeDelta::minutes(3) }
}

fn ids(findings: &[NoticeItem]) -> BTreeSet<String> {
    findings.iter().map(|finding| finding.model().model_id.clone()).collect()
}

const ANN: &str = "mail:ann@example.com";

async fn tell(backend: &Backend) {
    let store = backend.open(&[]).await;
    store.init().await.unwrap();
    let at = now();
    let found = [finding("a"), changed()];
    for _ in 0..2 {
        store.note_items(ANN, &found, at).await.unwrap();
    }
    store.note_items("webhook", &found[..1], at).await.unwrap();
    store.note_items("webhook", &[], at).await.unwrap();

    let claim = store.claim_notices(ANN, &holder("first", at)).await.unwrap();
    assert_eq!((ids(&claim.items), claim.elsewhere), (ids(&found), 0));
    assert!(claim.items.contains(&found[0]) && claim.items.contains(&found[1]), "{claim:?}");
    let held = ClaimedNotices { items: Vec::new(), elsewhere: 2 };
    assert_eq!(store.claim_notices(ANN, &holder("second", at)).await.unwrap(), held);
    // A stranger settles nothing.
    store.settle_notices(ANN, "second", at, &SendOutcome::Taken).await.unwrap();
    assert!(store.notices(ANN).await.unwrap().iter().all(|notice| notice.sent_at.is_none()));

    // Given back, it is there for the next.
    store.settle_notices(ANN, "first", at, &SendOutcome::Kept("down".to_owned())).await.unwrap();
    let kept = store.notices(ANN).await.unwrap();
    assert!(kept.iter().all(|notice| notice.failures == 1 && notice.error.as_deref() == Some("down")));
    assert!(kept.iter().all(|notice| notice.noted_at == at));
    assert_eq!(store.claim_notices(ANN, &holder("third", at)).await.unwrap().items.len(), 2);

    // Whoever holds it and ends without a word does not keep it for ever.
    let later = at + TimeDelta::minutes(4);
    assert_eq!(store.claim_notices(ANN, &holder("fourth", later)).await.unwrap().items.len(), 2);
    store.settle_notices(ANN, "fourth", later, &SendOutcome::Taken).await.unwrap();
    store.note_items(ANN, &found, later).await.unwrap();
    assert_eq!(store.claim_notices(ANN, &holder("fifth", later)).await.unwrap(), ClaimedNotices::default());
    let sent = store.notices(ANN).await.unwrap();
    assert!(sent.iter().all(|notice| notice.sent_at == Some(later) && notice.error.is_none()), "{sent:?}");

    // Another destination is another matter.
    assert_eq!(store.claim_notices("webhook", &holder("sixth", at)).await.unwrap().items, found[..1]);
    assert_eq!(store.notices("nobody").await.unwrap(), []);

    // What was told is forgotten, and what is pending never.
    store.forget_notices(later).await.unwrap();
    assert_eq!(store.notices(ANN).await.unwrap().len(), 2);
    store.forget_notices(later + TimeDelta::days(1)).await.unwrap();
    assert_eq!(store.notices(ANN).await.unwrap(), []);
    assert_eq!(store.notices("webhook").await.unwrap().len(), 1);
    both_ends_of_a_change(&*store, at).await;
    side_by_side(backend).await;
}

/// Changes of series lie beside findings of lists, and not in their way.
async fn both_ends_of_a_change(store: &dyn Store, at: DateTime<Utc>) {
    let place = "changes:webhook";
    let (began, ended) = (change(ChangeMoment::Began), change(ChangeMoment::Ended));
    store.note_items(place, std::slice::from_ref(&began), at).await.unwrap();
    let held = store.claim_notices(place, &holder("seventh", at)).await.unwrap();
    assert_eq!(held.items, std::slice::from_ref(&began));
    store.settle_notices(place, "seventh", at, &SendOutcome::Taken).await.unwrap();
    store.note_items(place, &[began, ended.clone()], at).await.unwrap();
    let held = store.claim_notices(place, &holder("eighth", at)).await.unwrap();
    assert_eq!(held.items, [ended]);
}

/// Senders at the same time: each finding is held by one of them.
async fn side_by_side(backend: &Backend) {
    let many: Vec<NoticeItem> = (0..300).map(|number| finding(&format!("m{number}"))).collect();
    let mut senders = tokio::task::JoinSet::new();
    for number in 0..4 {
        let (store, many): (Arc<dyn Store>, Vec<NoticeItem>) = (backend.open(&[]).await, many.clone());
        senders.spawn(async move {
            store.note_items("crowd", &many, now()).await.unwrap();
            store.claim_notices("crowd", &holder(&format!("h{number}"), now())).await.unwrap().items
        });
    }
    let held: Vec<NoticeItem> = senders.join_all().await.into_iter().flatten().collect();
    assert_eq!((held.len(), ids(&held).len()), (300, 300));
}
