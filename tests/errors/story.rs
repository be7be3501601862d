//! What people see: pictures at 80 and 140 columns, the same on both stores.

use super::world::{DAY, text, worlds};

/// Both stores draw the same picture, and it is the stored one.
async fn pictures(questions: &[(&str, &[&str])]) {
    let worlds = worlds().await;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (name, question) in questions {
        for columns in [80, 140] {
            let [sqlite, mongo] = [0, 1].map(|at: usize| worlds[at].at_columns(columns, question));
            assert_eq!(text(&sqlite), text(&mongo), "{name}");
            assert!(!text(&sqlite).is_empty(), "{name}: {}", super::world::errors(&sqlite));
            settings.bind(|| insta::assert_snapshot!(format!("{name}_{columns}"), text(&sqlite)));
        }
    }
}

fn of_the_day<'a>(question: &[&'a str]) -> Vec<&'a str> {
    question.iter().copied().chain(DAY).collect()
}

#[tokio::test]
async fn summaries() {
    pictures(&[
        ("errors_summary", &of_the_day(&["errors", "summary"])),
        ("errors_summary_model", &of_the_day(&["errors", "summary", "--by", "model"])),
        ("errors_summary_kind", &of_the_day(&["errors", "summary", "--by", "kind"])),
        ("errors_summary_cause", &of_the_day(&["errors", "summary", "--by", "cause"])),
        ("errors_summary_stage", &of_the_day(&["errors", "summary", "--by", "stage"])),
        ("errors_summary_fingerprint", &of_the_day(&["errors", "summary", "--by", "fingerprint"])),
        ("errors_summary_failing", &of_the_day(&["errors", "summary", "--only-failing"])),
    ])
    .await;
}

#[tokio::test]
async fn stories_and_lists() {
    pictures(&[
        ("errors_show_model", &of_the_day(&["errors", "show", "groq:gone"])),
        ("errors_show_ever", &["errors", "show", "vertex:dead"]),
        ("errors_show_fingerprint", &of_the_day(&["errors", "show", &fingerprint()])),
        ("results_list", &["results", "list"]),
        ("results_counts", &["results", "list", "--counts"]),
        ("results_list_probe", &["results", "list", "--probe"]),
        ("results_show", &["results", "show", "run-0"]),
        ("results_show_error", &["results", "show", "e3"]),
    ])
    .await;
}

/// The beginning of the fingerprint of the rate limit.
fn fingerprint() -> String {
    let limit =
        "Error code: 429 - Rate limit reached for model `llama` in organization `org` on tokens per minute";
    let kind = llmbench::domain::FailureKind::RateLimit;
    let failure =
        super::world::broken("x", "groq:llama", 0, kind, llmbench::domain::FailureStage::Response, limit);
    failure.fingerprint.chars().take(12).collect()
}
