//! Rows of a longer profile, published without a rate, on both stores: charts leave them out, everything else has them.

use super::{Office, Said};
use crate::stores::backend::{Backend, Kind};
use serde_json::{Value, json};

const MODEL: &str = "sim:steady-ttft5-gap1-n8";

#[tokio::test]
async fn a_longer_profile_is_published_without_its_rate() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let office = Office::new(backend);
        let office = tokio::task::spawn_blocking(move || {
            let file = office.home.path().join("c.toml");
            std::fs::write(&file, "[profiles.long]\npublish = \"without_rate\"\n").unwrap();
            let config = file.to_str().unwrap().to_owned();
            let run = |arguments: &[&str]| {
                let said = Said::of(office.any(&[arguments, &["--config", &config]].concat()));
                assert_eq!(said.status, 0, "{said:?}");
                said.out
            };
            run(&["models", "add", MODEL]);
            run(&["run", "-m", MODEL, "--profile", "long"]);
            let listed = run(&["models", "list", "--json"]);
            let listed: Value = serde_json::from_str(&listed).unwrap();
            let model = &listed["models"][0];
            assert_eq!((&model["successes_24h"], &model["freshness"]), (&json!(1), &json!("fresh")));
            assert_eq!(model["tokens_per_second_median_24h"], Value::Null);
            run(&["run", "-m", MODEL]);
            let shown: Value = serde_json::from_str(&run(&["models", "show", MODEL, "--json"])).unwrap();
            assert!(shown["models"][0]["model"]["tokens_per_second_median_24h"].is_number());
            let ranking = &shown["models"][0]["ranking"][0];
            assert_eq!(ranking["endpoint_tag"], "sim/direct");
            assert!(ranking["place"].is_null() && ranking["samples"].as_u64() >= Some(1), "{ranking}");
            assert!(ranking["missing"].to_string().contains(" of 8 samples"), "{ranking}");
            assert!(
                run(&["models", "show", MODEL])
                    .contains("ranking: sim/direct: no place yet; for preliminary: ")
            );
            assert!(run(&["config", "show"]).contains("cloud-long-v1 (without rate)"));
            run(&["results", "list", "--published", "--json"]);
            office
        });
        let office = office.await.unwrap();
        let rows = office.backend.rows(Kind::Published).await;
        let of = |id: &str| rows.iter().find(|row| row["benchmark_profile_id"] == id).unwrap();
        let (long, default) = (of("cloud-long-v1"), of("cloud-default-v1"));
        assert!(long.contains_key("tokens_per_second") && long["tokens_per_second"].is_null(), "{long:?}");
        assert!(long["generated_tokens_per_second"].is_number() && default["tokens_per_second"].is_number());
        assert_eq!(long["sample_role"], "published");
    }
}
