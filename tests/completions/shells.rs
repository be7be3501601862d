//! The completions at a real terminal: somebody types, presses TAB, and sees what the shell puts in. bash is required; zsh
//! and fish are tested where they are.

use super::{Desk, ODD};
use crate::stores::backend::Backend;
use crate::support::pty::Session;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A shell in which `said` is completed as `llmbench` is, and shows what it is given.
struct Shell<'a> {
    desk: &'a Desk,
    program: PathBuf,
    arguments: Vec<String>,
    begin: String,
}

const PROMPT: &str = "READY>";

/// What the words of a line are given to: it prints them, and asks the program where the completion asks.
const SAID: &str =
    "said() { if [ \"$1\" = __complete ]; then llmbench \"$@\"; else printf '%s\\n' \"$@\"; fi; }";

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

impl Shell<'_> {
    /// Types a line in which `\t` is TAB, and returns the words that the shell made of it.
    fn typed(&self, line: &str) -> Vec<String> {
        let mut command = Command::new(&self.program);
        self.desk.home.scrub(command.args(&self.arguments).env_clear());
        let binary = Path::new(env!("CARGO_BIN_EXE_llmbench")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("LLMBENCH_STORE", self.desk.backend.url());
        let mut session = Session::start(command);
        session.types(&self.begin);
        session.until(PROMPT, 1);
        session.types(line);
        session.types(" end >out; exit\n");
        let (_, seen) = session.ended();
        let out = std::fs::read_to_string(self.desk.home.path().join("out"));
        let out = out.unwrap_or_else(|error| panic!("{line:?}: {error}: {seen}"));
        assert!(!self.desk.home.path().join("pwned").exists(), "{line:?} ran a command: {seen}");
        assert!(!seen.contains("error"), "{line:?}: {seen}");
        out.lines().map(str::to_owned).collect()
    }
}

fn bash(desk: &Desk) -> Shell<'_> {
    let begin = format!(
        "{SAID}; . {}; complete -F _llmbench said; bind 'set bell-style none'; PS1=READY; PS1+='> '\n",
        scripts().join("llmbench.bash").display()
    );
    let arguments = ["--norc", "--noprofile", "-i"].map(str::to_owned).to_vec();
    Shell { desk, program: on_path("bash").expect("the tests need bash"), arguments, begin }
}

#[tokio::test]
async fn bash_completes_names_with_colons_at_signs_and_blanks() {
    for desk in Desk::both().await {
        let bash = bash(&desk);
        for (line, words) in [
            ("said mod\tlis\t", &["models", "list"][..]),
            ("said run --model gr\twh\t", &["run", "--model", "groq:whisper"]),
            ("said run --model=gr\twh\t", &["run", "--model=groq:whisper"]),
            ("said run -m groq:llama-3\t", &["run", "-m", "groq:llama-3.3-70b-versatile"]),
            ("said run -m \"groq:wh\t", &["run", "-m", "groq:whisper"]),
            ("said run -m 'groq:wh\t", &["run", "-m", "groq:whisper"]),
            ("said models disable bed\tus\t", &["models", "disable", "bedrock:us.amazon.nova-pro-v1:0"]),
            (
                "said models show bedrock:us.amazon.nova-pro-v1:\t",
                &["models", "show", "bedrock:us.amazon.nova-pro-v1:0"],
            ),
            (
                "said models show ver\tclaude-sonnet-4-5@\t",
                &["models", "show", "vertex:claude-sonnet-4-5@20250929"],
            ),
            ("said results show 01\t", &["results", "show", "01RUN-OLD"]),
            // Nothing fits: nothing is put in and nothing is said.
            ("said models show groq:zzz\t", &["models", "show", "groq:zzz"]),
        ] {
            let mut wanted: Vec<&str> = words.to_vec();
            wanted.push("end");
            assert_eq!(bash.typed(line), wanted, "{line:?}");
        }
        let odd = format!("together:{ODD}");
        for line in ["said models show together:\t", "said models show \"together:an\t"] {
            assert_eq!(bash.typed(line), ["models", "show", odd.as_str(), "end"], "{line:?}");
        }
    }
}

#[tokio::test]
async fn bash_without_a_store_says_nothing() {
    let mut desk = Desk::new(Backend::sqlite()).await;
    desk.backend = Backend::sqlite();
    assert_eq!(bash(&desk).typed("said models show groq:\tx"), ["models", "show", "groq:x", "end"]);
    assert_eq!(bash(&desk).typed("said run --csv o\t"), ["run", "--csv", "out", "end"]);
}

#[tokio::test]
async fn zsh_completes_names_where_it_is() {
    let Some(program) = on_path("zsh") else { return println!("not run: there is no zsh on the PATH") };
    let desk = Desk::new(Backend::sqlite()).await;
    let begin = format!(
        "{SAID}; autoload -Uz compinit; compinit -u -D; . {}; compdef _llmbench said; unsetopt beep; \
         PS1=READY; PS1+='> '\n",
        scripts().join("_llmbench").display()
    );
    let shell = Shell { desk: &desk, program, arguments: vec!["-f".into(), "-i".into()], begin };
    assert_eq!(shell.typed("said mod\tlis\t"), ["models", "list", "end"]);
    assert_eq!(shell.typed("said run --model gr\twh\t"), ["run", "--model", "groq:whisper", "end"]);
    assert_eq!(shell.typed("said run --model=gr\twh\t"), ["run", "--model=groq:whisper", "end"]);
    let odd = format!("together:{ODD}");
    assert_eq!(shell.typed("said models show together:\t"), ["models", "show", odd.as_str(), "end"]);
}

#[tokio::test]
async fn fish_completes_names_where_it_is() {
    let Some(program) = on_path("fish") else { return println!("not run: there is no fish on the PATH") };
    let desk = Desk::new(Backend::sqlite()).await;
    let begin = format!(
        "function said; if test \"$argv[1]\" = __complete; llmbench $argv; else; printf '%s\\n' $argv; end; end; \
         source {}; complete -c said -f -a '(__llmbench_complete)'; \
         function fish_prompt; echo -n READY; echo -n '> '; end\n",
        scripts().join("llmbench.fish").display()
    );
    let shell = Shell { desk: &desk, program, arguments: vec!["--no-config".into(), "-i".into()], begin };
    assert_eq!(shell.typed("said mod\tlis\t"), ["models", "list", "end"]);
    assert_eq!(shell.typed("said run --model gr\twh\t"), ["run", "--model", "groq:whisper", "end"]);
    let odd = format!("together:{ODD}");
    assert_eq!(shell.typed("said models show together:\t"), ["models", "show", odd.as_str(), "end"]);
}
