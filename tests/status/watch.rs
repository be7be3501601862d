//! `status --watch` without its view: in place on a terminal, block after block in a pipe, and a Ctrl-C that is no failure.

use super::world::{World, worlds};
use crate::support::catalog::put_model;
use crate::support::pty::{Pty, heed_interrupts};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

async fn watched() -> World {
    let [world, _] = worlds().await;
    world.enable("groq:a").await;
    world.succeed("groq:a", 1).await;
    world
}

fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.home.llmbench(&["status", "--watch=0.05", "--store", &world.backend.url()]);
    command.args(arguments).env("LC_ALL", "C.UTF-8");
    heed_interrupts(&mut command);
    command
}

fn interrupt(child: &mut Child) -> Option<i32> {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
    child.wait().unwrap().code()
}

#[tokio::test]
async fn a_terminal_is_drawn_over_and_given_back() {
    let world = watched().await;
    let pty = Pty::new(80);
    let mut command = command(&world, &["--plain"]);
    command.env("TERM", "xterm-256color").stdin(pty.end()).stdout(pty.end()).stderr(pty.end());
    let mut child = command.spawn().unwrap();
    drop(command);
    pty.wait_until(|drawn| drawn.matches("All is well.").count() > 2);
    put_model(&*world.store, &"openai:never".parse().unwrap(), "", true).await.unwrap();
    pty.wait_until(|drawn| drawn.contains("One thing is wrong:"));
    assert_eq!(interrupt(&mut child), Some(0));
    let drawn = pty.drawn();
    assert!(drawn.starts_with("\u{1b}[?1049h\u{1b}[?25l\u{1b}[H"), "{drawn:?}");
    let (_, after) = drawn.rsplit_once("\u{1b}[?25h\u{1b}[?1049l").unwrap();
    assert!(after.contains("openai: none of 1 enabled models"), "the last picture stays: {after:?}");
}

#[tokio::test]
async fn a_dumb_terminal_gets_blocks() {
    let world = watched().await;
    let pty = Pty::new(80);
    let mut command = command(&world, &[]);
    command.env("TERM", "dumb").stdin(pty.end()).stdout(pty.end()).stderr(pty.end());
    let mut child = command.spawn().unwrap();
    drop(command);
    pty.wait_until(|drawn| drawn.matches("All is well.").count() > 2);
    assert_eq!(interrupt(&mut child), Some(0));
    assert!(!pty.drawn().contains('\u{1b}'));
}

#[tokio::test]
async fn a_pipe_gets_blocks_or_lines() {
    let world = watched().await;
    for json in [false, true] {
        let mut child =
            command(&world, if json { &["--json"] } else { &[] }).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        if json {
            for line in lines.by_ref().take(3) {
                let document: Value = serde_json::from_str(&line).unwrap();
                assert_eq!(document["schema"], "llmbench.status/1");
            }
        } else {
            let heads = lines.by_ref().filter(|line| line == "All is well.").take(3).count();
            assert_eq!(heads, 3);
        }
        assert_eq!(interrupt(&mut child), Some(0));
        assert!(lines.all(|line| !line.contains('\u{1b}')));
    }
}

#[tokio::test]
async fn a_reader_that_leaves_is_no_failure() {
    let world = watched().await;
    let mut child = command(&world, &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    drop(out);
    assert_eq!((first.as_str(), child.wait().unwrap().code()), ("All is well.\n", Some(0)));
}
