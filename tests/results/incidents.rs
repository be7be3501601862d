//! `llmbench results changes --incidents` through the binary, on both stores: hours of slowness that ended are listed with
//! time, size and who else saw them; what lasts is not, and no change is made of them.

use super::bulk::fill;
use super::changes::{Behaviour, ask, document, history, worlds};
use crate::errors::world::{errors, text};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

/// Twice as slow for 9 hours, five days ago: two models of a provider, while a third one is as usual. One of another
/// provider has been slow since 9 hours ago.
const SERIES: [Behaviour; 4] = [
    Behaviour { model: "groq:slow", factor: 2.0, from: 5.0, to: 4.625 },
    Behaviour { model: "groq:slow-too", factor: 2.0, from: 5.0, to: 4.625 },
    Behaviour { model: "groq:usual", factor: 1.0, from: 0.0, to: 0.0 },
    Behaviour { model: "openai:lasting", factor: 2.0, from: 0.375, to: -1.0 },
];

#[tokio::test]
async fn hours_that_were_slow_are_listed_and_make_no_change() {
    for world in worlds().await {
        let now = Utc::now();
        let none = ask(&world, &["--incidents"]);
        assert!(none.status.success() && errors(&none).contains("no series fits"), "{}", errors(&none));
        for series in &SERIES {
            fill(&world.backend, &history(now, series, (40.0, 0.0)), true).await;
        }
        let found = document(&world, &["--incidents"]);
        assert_eq!(found["schema"], json!("llmbench.results.incidents/1"));
        let all = found["incidents"].as_array().unwrap();
        let mut named: Vec<&Value> = all.iter().map(|one| &one["model"]).collect();
        named.sort_by_key(|name| name.to_string());
        assert_eq!(named, ["slow", "slow-too"], "{found}");
        for one in all {
            let moment =
                |name: &str, end: &str| one[name][end].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
            let (began, ended) = (now - TimeDelta::days(5), now - TimeDelta::minutes(4 * 1440 + 900));
            let slack = TimeDelta::hours(3);
            assert!(
                moment("began", "earliest") <= began + slack && began - slack <= moment("began", "latest"),
                "{one}"
            );
            assert!(
                moment("ended", "earliest") <= ended + slack && ended - slack <= moment("ended", "latest"),
                "{one}"
            );
            assert!((6..=12).contains(&one["hours"].as_i64().unwrap()), "{one}");
            let ratio = |name: &str| one["ratio"][name].as_f64().unwrap();
            assert!(ratio("low") > 1.5 && ratio("high") < 2.6, "{one}");
            assert_eq!((&one["metric"], &one["scope"]), (&json!("ttft"), &json!("provider")));
            assert_eq!(one["scope_line"], "2 of 3 models of the provider were so");
        }
        assert_listed(&world);
        assert_eq!(document(&world, &["--all"])["changes"], json!([]), "an incident is no change");
    }
}

fn assert_listed(world: &crate::errors::world::World) {
    let shown = text(&ask(world, &["--incidents"]));
    assert!(shown.starts_with("MODEL ") && shown.contains("groq:slow-too"), "{shown}");
    assert!(shown.contains("2 of 3 models of the provider were so"), "{shown}");
    assert_eq!(
        document(world, &["--incidents", "--model", "groq:slow"])["incidents"].as_array().unwrap().len(),
        1
    );
    let none = ask(world, &["--incidents", "--provider", "openai"]);
    assert!(text(&none).is_empty() && errors(&none).contains("no incident was found"), "{}", errors(&none));
    assert_eq!(document(world, &["--incidents", "--since", "3d"])["incidents"], json!([]), "it began before");
    for with in [["--open"].as_slice(), &["--explain", "0123456789"]] {
        let refused = ask(world, &[&["--incidents"], with].concat());
        assert_eq!(refused.status.code(), Some(2), "{}", errors(&refused));
    }
}
