//! Completions: what the program offers at the cursor, and what shells make of it at a real terminal.

mod offers;
mod shells;

use crate::stores::backend::Backend;
use crate::support::Home;
use crate::support::catalog::put_model;
use crate::support::samples::{failed, failure, run, success};
use llmbench::domain::ModelRef;

/// A name that would run a command in a shell that does not quote it.
pub const ODD: &str = "an odd $(touch pwned) `name`; it's";

/// A store with models, runs and errors, and a home for whoever types.
pub struct Desk {
    pub backend: Backend,
    pub home: Home,
}

impl Desk {
    pub async fn new(backend: Backend) -> Self {
        let store = backend.open(&["cloud-default-v1"]).await;
        store.init().await.unwrap();
        for (provider, id, enabled) in [
            ("groq", "llama-3.3-70b-versatile", true),
            ("groq", "llama-guard-4", false),
            ("groq", "whisper", true),
            ("groq", "forged\nline", true),
            ("bedrock", "us.amazon.nova-pro-v1:0", true),
            ("vertex", "claude-sonnet-4-5@20250929", true),
            ("together", ODD, true),
        ] {
            put_model(&*store, &ModelRef::new(provider, id), "", enabled).await.unwrap();
        }
        store.record(&success(&run("01RUN-OLD", "groq", "whisper"))).await.unwrap();
        store.record(&failed(&failure("01ERR", "groq", "llama-3.3-70b-versatile"))).await.unwrap();
        Self { backend, home: Home::new() }
    }

    /// Both stores, filled alike.
    pub async fn both() -> [Self; 2] {
        [Self::new(Backend::sqlite()).await, Self::new(Backend::mongo().await).await]
    }

    /// The texts that are offered behind these words.
    pub fn offers(&self, words: &[&str]) -> Vec<String> {
        let store = self.backend.url();
        let words = [&["__complete", "--", "--store", &store], words].concat();
        let output = self.home.llmbench(&words).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{words:?}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().skip(1).map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    }
}
