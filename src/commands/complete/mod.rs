//! `llmbench __complete`: words for the cursor, for the completions of shells. Offers nothing on any failure and prints
//! no error, calls no provider, reads no key, creates nothing, and does not wait for a slow store.
//!
//! The first line tells the kind of the others: `words`, `unfinished` (no space after the accepted one), or `files`
//! (the shell knows). Then one word per line, for all shells but bash followed by a tab and its description.

mod bash;
mod names;

use crate::cli::GlobalArgs;
use crate::cli::complete::{CompleteArgs, CompletionContext, CompletionKind, CompletionWord, place};
use crate::commands::context::Context;
use crate::commands::exit::Exit;
use crate::output::print;
use crate::settings::{Env, FlagOverrides};
use std::time::Duration;

/// Time for names, so that the whole answer is there within 300 ms.
const PATIENCE: Duration = Duration::from_millis(250);

/// Answers, always with status 0.
pub async fn run(args: CompleteArgs, env: Env) -> Exit {
    let line = args.bash.as_ref().map(|breaks| bash::read(args.words.last().map_or("", |line| line), breaks));
    let words = match &line {
        // The first word is the program.
        Some(line) => line.words.get(1..).unwrap_or_default(),
        None => &args.words,
    };
    let place = place(words);
    let offered = offered(&place, env).await;
    let text = match (&place.wanted, line) {
        (CompletionKind::Files, _) => "files\n".to_owned(),
        (_, Some(line)) => {
            let answers = offered.iter().filter_map(|word| line.answer(&(place.before.clone() + &word.text)));
            lines(answers.collect())
        }
        (_, None) => {
            let before = &place.before;
            let full = |word: &CompletionWord| format!("{before}{}\t{}", word.text, clean(&word.about));
            lines(offered.iter().map(full).collect())
        }
    };
    // A shell that has gone is no error.
    let _ = print::data(&text);
    Exit::Yes
}

/// The words that match the typed text.
async fn offered(place: &CompletionContext, env: Env) -> Vec<CompletionWord> {
    let mut words = match &place.wanted {
        CompletionKind::Words(words) => words.clone(),
        CompletionKind::Names(names) => {
            let global =
                GlobalArgs { config: place.config.as_ref().map(Into::into), store: place.store.clone() };
            let Ok(context) = Context::new(global, FlagOverrides::default(), env) else { return Vec::new() };
            let asked = names::found(*names, &place.typed, &context);
            tokio::time::timeout(PATIENCE, asked).await.unwrap_or_default()
        }
        CompletionKind::Files | CompletionKind::Nothing => Vec::new(),
    };
    // Other words could not be typed, and would forge lines.
    words.retain(|word| word.text.starts_with(&place.typed) && !word.text.contains(char::is_control));
    words
}

fn lines(words: Vec<String>) -> String {
    let ends = |word: &String| word.split('\t').next().is_some_and(|text| text.ends_with([':', '=']));
    let head = if !words.is_empty() && words.iter().all(ends) { "unfinished" } else { "words" };
    std::iter::once(head.to_owned()).chain(words).map(|line| line + "\n").collect()
}

/// Shortens a description to one line.
fn clean(about: &str) -> String {
    let first = about.split(['\n', '\t', '\r']).next().unwrap_or_default();
    first.chars().filter(|letter| !letter.is_control()).take(80).collect()
}
