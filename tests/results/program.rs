//! A step that came with another version of the measuring program, through the binary, on both stores; and what is said of a
//! change whose series has no rows any more.

use super::bulk::fill;
use super::changes::{Behaviour, ask, document, history, worlds};
use crate::errors::world::text;
use chrono::{DateTime, Utc};
use serde_json::json;

/// Days ago: the step with the other program, and the last row.
const STEP: f64 = 16.0;
const LAST: f64 = 4.0;

#[tokio::test]
async fn a_step_with_another_program_is_the_clients_and_silent_when_nobody_measures() {
    for world in worlds().await {
        let now = Utc::now();
        let slower = Behaviour { model: "groq:slower", factor: 1.3, from: STEP, to: 0.0 };
        let mut rows = history(now, &slower, (44.0, LAST));
        for row in &mut rows {
            let at = row["run_ts"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
            let is_new = (now - at).num_minutes() as f64 / 1440.0 <= STEP;
            let program = if is_new { "llmbench/0.2.0" } else { "llmbench/0.1.0" };
            row.insert("measured_by".to_owned(), json!(program));
        }
        fill(&world.backend, &rows, true).await;
        let found = document(&world, &[]);
        let [one] = &found["changes"].as_array().unwrap()[..] else { panic!("{found}") };
        assert_eq!((&one["metric"], &one["cause"]), (&json!("ttft"), &json!("client")), "{one}");
        let line = one["cause_line"].as_str().unwrap();
        assert!(line.contains("the measuring program changed from 0.1.0 to 0.2.0"), "{line}");
        assert_eq!((&one["state"], &one["ended"]), (&json!("silent"), &json!(null)));
        let id = one["id"].as_str().unwrap();
        let shown = text(&ask(&world, &["--explain", id]));
        assert!(shown.contains("nobody knows"), "{shown}");
        assert!(shown.contains("llmbench/0.1.0") && shown.contains("llmbench/0.2.0"), "{shown}");
        assert_eq!(found["series"], json!({"judged": 0, "too_young": 0, "too_thin": 0, "days_needed": 17}));
    }
}
