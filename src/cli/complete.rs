//! Finds the completions for TAB from the command definition. Pure: names of models, runs and the like come from
//! `commands::complete`.

use super::Cli;
use clap::{Arg, Args, Command, CommandFactory};

/// Words that may stand at the cursor; the completions of shells ask
#[derive(Debug, Args)]
pub struct CompleteArgs {
    /// The line is bash's, the only word below, up to the cursor; these characters cut its words (COMP_WORDBREAKS)
    #[arg(long, value_name = "CHARACTERS", allow_hyphen_values = true)]
    pub bash: Option<String>,
    /// The words behind `llmbench`, the last as far as it is typed
    #[arg(last = true, value_name = "WORD")]
    pub words: Vec<String>,
}

/// The kinds of names that the command definition does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletionSource {
    Providers,
    /// Names of models in the catalog, enabled or not.
    Models,
    /// Names of models in the catalog and of the simulator.
    Measurable,
    /// Names of models that providers list and that are not enabled.
    Listed,
    /// Names of models, and fingerprints of errors.
    Troubles,
    Runs,
    Batches,
    /// Ids of changes of series.
    Changes,
    Profiles,
}

/// The kind of names that each argument takes: the argument's id, and its command if another command's argument of that
/// id differs. The first match counts.
const NAMES: &[(Option<&str>, &str, CompletionSource)] = &[
    (Some("add"), "models", CompletionSource::Listed),
    (Some("run"), "models", CompletionSource::Measurable),
    (Some("init"), "models", CompletionSource::Measurable),
    (Some("run"), "named", CompletionSource::Measurable),
    (None, "models", CompletionSource::Models),
    (None, "model", CompletionSource::Models),
    (None, "selectors", CompletionSource::Models),
    (None, "providers", CompletionSource::Providers),
    (None, "provider", CompletionSource::Providers),
    (None, "what", CompletionSource::Troubles),
    (None, "id", CompletionSource::Runs),
    (None, "batch", CompletionSource::Batches),
    (Some("changes"), "explain", CompletionSource::Changes),
    (Some("ack"), "change", CompletionSource::Changes),
    (None, "profile", CompletionSource::Profiles),
];

/// A word of the command definition with its description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletionWord {
    pub text: String,
    /// A short description; may be empty.
    pub about: String,
}

/// The possible completions at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompletionKind {
    /// One of these words, from the definition.
    Words(Vec<CompletionWord>),
    /// A name from this source.
    Names(CompletionSource),
    Files,
    /// Any text: nothing can be offered.
    Nothing,
}

/// The command line up to the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletionContext {
    pub wanted: CompletionKind,
    /// The part of the cursor's word before the completed text: `--model=`, or empty.
    pub before: String,
    /// The typed start of the completed text.
    pub typed: String,
    /// The value of an earlier `--config`.
    pub config: Option<String>,
    /// The value of an earlier `--store`.
    pub store: Option<String>,
}

/// Reads the words behind the program's name. The last is the one at the cursor, as far as it is typed.
pub fn place(words: &[String]) -> CompletionContext {
    let mut definition = Cli::command();
    definition.build();
    let (typed, earlier) = words.split_last().map_or(("", &[][..]), |(last, rest)| (last.as_str(), rest));
    let mut walk = ParsedPrefix::new(&definition);
    earlier.iter().for_each(|word| walk.pass(word));
    let (wanted, before) = walk.at(typed);
    let typed = typed[before.len()..].to_owned();
    CompletionContext { wanted, before, typed, config: walk.config, store: walk.store }
}

/// The position in the command definition after the words read so far.
struct ParsedPrefix<'a> {
    command: &'a Command,
    /// The flag whose value comes next.
    waiting: Option<&'a Arg>,
    /// The number of words that were no flag and no command.
    positionals: usize,
    /// True after `--`: later words are no flags.
    plain: bool,
    config: Option<String>,
    store: Option<String>,
}

impl<'a> ParsedPrefix<'a> {
    fn new(command: &'a Command) -> Self {
        Self { command, waiting: None, positionals: 0, plain: false, config: None, store: None }
    }

    fn pass(&mut self, word: &str) {
        if let Some(flag) = self.waiting.take() {
            self.keep(flag, word);
        } else if word == "--" && !self.plain {
            self.plain = true;
        } else if let Some((flag, value)) = self.flag(word) {
            match value {
                Some(value) => self.keep(flag, value),
                None if takes_value(flag) => self.waiting = Some(flag),
                None => {}
            }
        } else if word.starts_with('-') && !self.plain {
            // A value behind an unknown flag cannot be told from an argument.
        } else if let Some(below) = self.below(word) {
            self.command = below;
        } else {
            self.positionals += 1;
        }
    }

    /// The flag that a word names, and the value attached to it.
    fn flag<'w>(&self, word: &'w str) -> Option<(&'a Arg, Option<&'w str>)> {
        if self.plain {
            return None;
        }
        let find = |fits: &dyn Fn(&Arg) -> bool| self.command.get_arguments().find(|arg| fits(arg));
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let named = |arg: &Arg| {
                arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name))
            };
            return Some((find(&named)?, value));
        }
        let mut shorts = word.strip_prefix('-')?.char_indices();
        loop {
            let (at, short) = shorts.next()?;
            let named = |arg: &Arg| {
                arg.get_short() == Some(short)
                    || arg.get_all_short_aliases().is_some_and(|all| all.contains(&short))
            };
            let flag = find(&named)?;
            let rest = &word[1 + at + short.len_utf8()..];
            if rest.is_empty() || takes_value(flag) {
                return Some((flag, Some(rest).filter(|rest| !rest.is_empty())));
            }
        }
    }

    fn keep(&mut self, flag: &Arg, value: &str) {
        match flag.get_id().as_str() {
            "config" => self.config = Some(value.to_owned()),
            "store" => self.store = Some(value.to_owned()),
            _ => {}
        }
    }

    /// The subcommand that a word names; `None` after a positional argument.
    fn below(&self, word: &str) -> Option<&'a Command> {
        let below = self.command.find_subcommand(word).filter(|below| !below.is_hide_set());
        below.filter(|_| self.positionals == 0 && !self.plain)
    }

    /// The completions here, and the part of the cursor's word before them.
    fn at(&self, typed: &str) -> (CompletionKind, String) {
        if let Some(flag) = self.waiting {
            return (self.value(flag), String::new());
        }
        if let (Some((flag, Some(value))), true) = (self.flag(typed), typed.starts_with("--")) {
            return (self.value(flag), typed[..typed.len() - value.len()].to_owned());
        }
        if typed.starts_with('-') && !self.plain {
            return (self.flags(), String::new());
        }
        if self.command.has_subcommands() && self.positionals == 0 && !self.plain {
            return (self.commands(), String::new());
        }
        let positionals: Vec<&Arg> = self.command.get_positionals().collect();
        let many =
            |arg: &&&Arg| repeats(arg) || arg.get_num_args().is_some_and(|range| range.max_values() > 1);
        let next = positionals.get(self.positionals).or_else(|| positionals.iter().find(many));
        match next {
            Some(next) => (self.value(next), String::new()),
            None => (self.flags(), String::new()),
        }
    }

    fn value(&self, argument: &Arg) -> CompletionKind {
        let known = argument.get_possible_values();
        if !known.is_empty() {
            let word = |value: &clap::builder::PossibleValue| CompletionWord {
                text: value.get_name().to_owned(),
                about: value.get_help().map(ToString::to_string).unwrap_or_default(),
            };
            return CompletionKind::Words(known.iter().map(word).collect());
        }
        let (command, id) = (self.command.get_name(), argument.get_id().as_str());
        let fits = |(of, name, _): &&(Option<&str>, &str, CompletionSource)| {
            *name == id && of.is_none_or(|of| of == command)
        };
        if let Some((_, _, names)) = NAMES.iter().find(fits) {
            return CompletionKind::Names(*names);
        }
        let value = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        let is_path = matches!(value.as_deref(), Some("FILE" | "DIR"));
        if is_path { CompletionKind::Files } else { CompletionKind::Nothing }
    }

    fn flags(&self) -> CompletionKind {
        let shown = self.command.get_arguments().filter(|arg| !arg.is_hide_set());
        let word = |arg: &Arg| {
            let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
            Some(CompletionWord { text: format!("--{}", arg.get_long()?), about })
        };
        CompletionKind::Words(shown.filter_map(word).collect())
    }

    fn commands(&self) -> CompletionKind {
        let shown = self.command.get_subcommands().filter(|below| !below.is_hide_set());
        let about = |below: &Command| below.get_about().map(ToString::to_string).unwrap_or_default();
        let word =
            |below: &Command| CompletionWord { text: below.get_name().to_owned(), about: about(below) };
        CompletionKind::Words(shown.map(word).collect())
    }
}

fn takes_value(flag: &Arg) -> bool {
    flag.get_action().takes_values()
}

fn repeats(argument: &Arg) -> bool {
    matches!(argument.get_action(), clap::ArgAction::Append)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(line: &str) -> CompletionContext {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        place(&words)
    }

    fn words(line: &str) -> Vec<String> {
        match at(line).wanted {
            CompletionKind::Words(words) => words.into_iter().map(|word| word.text).collect(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn commands_flags_and_values_come_from_the_definition() {
        assert!(words("").contains(&"models".to_owned()) && !words("").contains(&"__complete".to_owned()));
        assert!(words("models ").contains(&"undo".to_owned()));
        assert!(words("errors summary --").contains(&"--only-failing".to_owned()));
        assert!(words("db init ").contains(&"--dry-run".to_owned()));
        assert_eq!(words("run --arrivals "), ["poisson", "constant"]);
        assert!(words("errors summary --by=").contains(&"fingerprint".to_owned()));
        assert_eq!(at("run --csv ").wanted, CompletionKind::Files);
        assert_eq!(at("run --prompt ").wanted, CompletionKind::Nothing);
        assert_eq!(at("models disable x --reason ").wanted, CompletionKind::Nothing);
    }

    #[test]
    fn names_are_asked_for_where_they_belong() {
        for (line, names) in [
            ("run --model ", CompletionSource::Measurable),
            ("run -m ", CompletionSource::Measurable),
            ("run sim:steady ", CompletionSource::Measurable),
            ("run -n 3 --model groq:x -m gr", CompletionSource::Measurable),
            ("run --provider ", CompletionSource::Providers),
            ("run --profile ", CompletionSource::Profiles),
            ("models list -p ", CompletionSource::Providers),
            ("models disable ", CompletionSource::Models),
            ("models disable --yes groq:a ", CompletionSource::Models),
            ("models disable -- ", CompletionSource::Models),
            ("models add ", CompletionSource::Listed),
            ("models undo ", CompletionSource::Batches),
            ("models history --batch ", CompletionSource::Batches),
            ("results changes --explain ", CompletionSource::Changes),
            ("results changes ack ", CompletionSource::Changes),
            ("errors show ", CompletionSource::Troubles),
            ("errors summary -p groq -m ", CompletionSource::Models),
            ("results list -n 3 --lines 4 -m ", CompletionSource::Models),
            ("results show ", CompletionSource::Runs),
            ("catalog sync --provider ", CompletionSource::Providers),
            ("--store x.db results show ", CompletionSource::Runs),
        ] {
            assert_eq!(at(line).wanted, CompletionKind::Names(names), "{line}");
        }
    }

    #[test]
    fn the_store_of_the_line_is_the_one_that_is_asked() {
        let found = at("--config=c.toml run --store mongodb://h/db --model=gr");
        assert_eq!(
            (found.config.as_deref(), found.store.as_deref()),
            (Some("c.toml"), Some("mongodb://h/db"))
        );
        assert_eq!((found.before.as_str(), found.typed.as_str()), ("--model=", "gr"));
    }

    #[test]
    fn every_argument_that_takes_a_name_is_in_the_table() {
        let mut missed = Vec::new();
        let mut all = vec![Cli::command()];
        while let Some(command) = all.pop() {
            for argument in command.get_arguments() {
                let value = argument.get_value_names().and_then(|names| names.first());
                let named = matches!(
                    value.map(|name| name.as_str()),
                    Some("MODEL" | "SELECTOR" | "BATCH" | "ID" | "FINGERPRINT|MODEL")
                );
                if named && !NAMES.iter().any(|(_, id, _)| *id == argument.get_id().as_str()) {
                    missed.push(format!("{} {}", command.get_name(), argument.get_id()));
                }
            }
            all.extend(command.get_subcommands().cloned());
        }
        assert!(missed.is_empty(), "no names are completed for: {missed:?}");
    }

    proptest! {
        #[test]
        fn no_words_are_too_odd(words in prop::collection::vec("[-=a-z:é ]{0,6}|models|run|--model|--", 0..6)) {
            let found = place(&words);
            prop_assert!(words.last().is_none_or(|last| *last == found.before + &found.typed));
        }
    }
}
