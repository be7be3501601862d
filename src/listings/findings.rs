//! Selects the findings of a diff. Listed models that are not measured are left out: each was reported when new.

use super::diff::ListingDiff;
use crate::domain::ModelRef;
use crate::domain::listing::CatalogRow;
use crate::domain::notice::{ListingFinding, NoticeKind};
use serde_json::Value;

/// The findings, by kind, provider and id. A measured model that is gone is one finding, not two.
pub fn findings(diff: &ListingDiff) -> Vec<ListingFinding> {
    let unlisted = diff.not_listed.iter().map(|one| ListingFinding {
        at: one.last_seen_at,
        ..finding(NoticeKind::Unlisted, one.model.model.clone())
    });
    let new = diff.new.iter().map(|row| ListingFinding {
        at: row.first_seen_at,
        to: Value::Object(row.facts.named()),
        ..finding(NoticeKind::New, model(row))
    });
    let measured = |row: &CatalogRow| diff.not_listed.iter().any(|one| one.model.model == model(row));
    let gone = diff.gone.iter().filter(|gone| !measured(&gone.row)).map(|gone| ListingFinding {
        at: gone.row.last_seen_at,
        ..finding(NoticeKind::Gone, model(&gone.row))
    });
    let changed = diff.changed.iter().flat_map(|changed| {
        changed.changes.iter().map(|change| ListingFinding {
            at: Some(change.at),
            fact: Some(change.fact.clone()),
            from: change.from.clone(),
            to: change.to.clone(),
            ..finding(NoticeKind::Changed, model(&changed.row))
        })
    });
    unlisted.chain(new).chain(gone).chain(changed).collect()
}

fn model(row: &CatalogRow) -> ModelRef {
    ModelRef::new(&row.provider, &row.model_id)
}

fn finding(kind: NoticeKind, model: ModelRef) -> ListingFinding {
    ListingFinding { kind, model, at: None, fact: None, from: Value::Null, to: Value::Null }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::listing::{FactChange, MeasuredModel, ModelFacts};
    use crate::listings::diff::{ChangedModel, GoneModel, UnlistedModel};
    use chrono::DateTime;
    use serde_json::json;

    fn row(id: &str) -> CatalogRow {
        let at = DateTime::from_timestamp_millis(7);
        CatalogRow {
            provider: "groq".to_owned(),
            model_id: id.to_owned(),
            name: id.to_owned(),
            first_seen_at: at,
            last_seen_at: at,
            facts: ModelFacts { context_length: Some(8192), ..ModelFacts::default() },
            changes: Vec::new(),
        }
    }

    #[test]
    fn each_piece_of_news_once() {
        let measured = MeasuredModel {
            model: ModelRef::new("groq", "lost"),
            display_name: String::new(),
            measured: true,
        };
        let change =
            |to| FactChange { at: DateTime::UNIX_EPOCH, fact: "input_price".to_owned(), from: json!(1), to };
        let gone = |id| GoneModel { row: row(id), gone_at: DateTime::UNIX_EPOCH };
        let diff = ListingDiff {
            new: vec![row("new")],
            gone: vec![gone("gone"), gone("lost")],
            changed: vec![ChangedModel {
                row: row("dear"),
                changes: vec![change(json!(2)), change(json!(3))],
            }],
            not_measured: vec![row("new"), row("old")],
            not_listed: vec![UnlistedModel {
                model: measured,
                last_seen_at: DateTime::from_timestamp_millis(7),
            }],
            ..ListingDiff::default()
        };
        let found = findings(&diff);
        let told: Vec<(NoticeKind, &str)> =
            found.iter().map(|one| (one.kind, one.model.model_id.as_str())).collect();
        let expected = [
            (NoticeKind::Unlisted, "lost"),
            (NoticeKind::New, "new"),
            (NoticeKind::Gone, "gone"),
            (NoticeKind::Changed, "dear"),
            (NoticeKind::Changed, "dear"),
        ];
        assert_eq!(told, expected);
        assert_eq!(found[1].to["context_length"], 8192);
        assert_eq!((&found[4].from, &found[4].to), (&json!(1), &json!(3)));
    }
}
