//! Medians of the last day have intervals: by blocks of time, else by order statistics, else none; on both stores.

use crate::errors::world::{World, worlds};
use crate::results::bulk::{Row, fill, row};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

/// Runs of a model that began so many minutes before now, with these times to the first token.
fn runs(model: &str, now: DateTime<Utc>, of: impl Iterator<Item = (i64, f64)>) -> Vec<Row> {
    let run = |(minutes, seconds): (i64, f64)| {
        let mut row = row(&format!("{model}-{minutes}"), model, 0);
        let at = now - TimeDelta::minutes(minutes);
        for (name, value) in [
            ("run_ts", json!(at.to_rfc3339_opts(SecondsFormat::Millis, true))),
            ("gen_ts", json!((at + TimeDelta::seconds(1)).to_rfc3339_opts(SecondsFormat::Millis, true))),
            ("time_to_first_token", json!(seconds)),
            ("tokens_per_second", json!(20.0 / seconds)),
            ("visible_tokens_per_second", json!(10.0 / seconds)),
        ] {
            row.insert(name.to_owned(), value);
        }
        row
    };
    of.map(run).collect()
}

fn listed(world: &World) -> Vec<Value> {
    let found = world.document(&["models", "list", "--json"]);
    found["models"].as_array().unwrap().clone()
}

#[tokio::test]
async fn medians_of_the_last_day_have_intervals_where_there_is_enough() {
    let now = Utc::now();
    let often = (0..46).map(|number| (10 + 30 * number, 0.4 * (1.0 + 0.01 * (number % 7) as f64)));
    let few = (0..6).map(|number| (5 + 6 * number, 1.0 + 0.1 * number as f64));
    let rows = [
        runs("groq:llama", now, often),
        runs("openai:gpt", now, few.clone()),
        runs("vertex:dead", now, few.take(5)),
    ]
    .concat();
    let mut of_each = Vec::new();
    for world in worlds().await {
        fill(&world.backend, &rows, true).await;
        let listed = listed(&world);
        let of = |model: &str, name: &str| {
            let row = listed.iter().find(|row| row["model"] == model).unwrap();
            row[name].as_f64()
        };
        let figures = |model: &str| {
            ["ttft_median_24h_low", "ttft_median_24h", "ttft_median_24h_high"].map(|name| of(model, name))
        };
        let [low, median, high] = figures("llama").map(Option::unwrap);
        assert!(0.4 < low && low < median && median < high && high < 0.424, "{low} {median} {high}");
        let rate = |name: &str| of("llama", &format!("tokens_per_second_median_24h{name}")).unwrap();
        assert!(rate("_low") < rate("") && rate("") < rate("_high"));
        assert!(
            (rate("_high") * low / 10.0 - 1.0).abs() < 0.01,
            "visible tokens have the interval of their own"
        );
        // Six runs within an hour have no blocks: from the first to the last of them. Five have nothing.
        let [low, median, high] = figures("gpt").map(Option::unwrap);
        assert!((low - 1.0).abs() < 1e-9 && (median - 1.25).abs() < 1e-9 && (high - 1.5).abs() < 1e-9);
        assert_eq!(figures("dead"), [None, Some(1.2), None]);
        assert_eq!(of("gpt", "tokens_per_second_median_24h_low").map(|low| (low * 1.5).round()), Some(10.0));
        let wide = world.told(&["models", "list", "--wide"]);
        assert!(wide.contains("TTFT 95 %") && wide.contains("1.00 s to 1.50 s"), "{wide}");
        assert!(!world.told(&["models", "list"]).contains("95 %"));
        let shown = world.told(&["models", "show", "openai:gpt"]);
        assert!(shown.contains("median TTFT: 1.25 s (95 %: 1.00 s to 1.50 s)"), "{shown}");
        let sheet = world.told(&["models", "list", "--csv"]);
        assert!(sheet.lines().next().unwrap().ends_with("tokens_per_second_median_24h_high"), "{sheet}");
        of_each.push(figures("llama"));
    }
    assert_eq!(of_each[0], of_each[1]);
}
