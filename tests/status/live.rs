//! `status --watch` at a terminal: the full-screen view, its keys, sizes and ends, on both stores.

use super::world::{World, worlds};
use crate::stores::backend::Backend;
use crate::support::catalog::put_model;
use crate::support::pty::Session;
use crate::support::screen::screen;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};

fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.home.llmbench(&["status", "--watch=0.05", "--store", &world.backend.url()]);
    command.args(arguments).env("LC_ALL", "C").env("NO_COLOR", "1");
    command
}

async fn measured(world: World) -> World {
    for model in ["groq:a", "groq:bb"] {
        world.enable(model).await;
    }
    world.succeed("groq:a", 1).await;
    world.succeed("groq:a", 31).await;
    world.succeed("groq:bb", 2).await;
    world.fail("groq:bb", 3).await;
    world
}

fn send(id: i32, signal: Signal) {
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

#[tokio::test]
async fn keys_sizes_and_news_change_the_view() {
    for world in worlds().await {
        let world = measured(world).await;
        let mut session = Session::start(command(&world, &[]));
        session.shows(|screen| screen.contains("all is well") && screen.contains("2 of 2 fresh"));
        session.shows(|screen| {
            screen.contains("\n>  a ") && screen.contains("1 of 2") && screen.contains("error   ")
        });
        session.types("j");
        session.shows(|screen| screen.contains("\n>  bb "));
        session.types("s");
        session.shows(|screen| screen.contains("sort: TTFT") && screen.contains("\n>  bb "));
        session.types("/zzz");
        session.shows(|screen| screen.contains("no model has these letters"));
        session.types("\u{1b}");
        session.shows(|screen| screen.contains("\n>  bb "));
        session.types("\r");
        session.shows(|screen| screen.contains("groq:bb") && screen.contains("7 d: 2 runs, 1 failed;"));
        session.types("\u{1b}");
        session.resize(50);
        session.shows(|screen| screen.contains("The view needs 60 columns and 12 lines; here"));
        session.resize(120);
        session.shows(|screen| screen.contains("\n>  bb ") && screen.contains("LAST OK"));
        world.succeed("groq:new", 0).await;
        session.shows(|screen| screen.contains("   new "));
        put_model(&*world.store, &"openai:never".parse().unwrap(), "", true).await.unwrap();
        session.shows(|screen| screen.contains("unhealthy: openai: none of 1 enabled models"));
        session.types("q");
        let (status, seen) = session.ended();
        assert_eq!(status, Some(0), "{seen}");
        assert!(session.is_sane());
        assert!(!seen.contains("\u{1b}[38;5;"), "NO_COLOR: {seen:?}");
        assert!(screen(&seen).starts_with("One thing is wrong:"), "the last report stays: {}", screen(&seen));
    }
}

#[tokio::test]
async fn every_end_gives_the_terminal_back() {
    let [world, _] = worlds().await;
    let world = measured(world).await;
    for end in [None, Some(Signal::TERM), Some(Signal::INT)] {
        let mut session = Session::start(command(&world, &[]));
        session.shows(|screen| screen.contains("all is well"));
        assert!(!session.is_sane(), "keys come at once");
        match end {
            None => session.types("\u{3}"),
            Some(signal) => send(session.id(), signal),
        }
        let (status, seen) = session.ended();
        assert_eq!(status, Some(0), "{seen}");
        assert!(session.is_sane() && seen.contains("\u{1b}[?25h"), "{seen:?}");
        assert!(screen(&seen).starts_with("All is well."), "{}", screen(&seen));
    }
}

#[tokio::test]
async fn a_terminal_that_closes_ends_it() {
    let [world, _] = worlds().await;
    let world = measured(world).await;
    let session = Session::start(command(&world, &[]));
    session.shows(|screen| screen.contains("all is well"));
    let status = session.hangs_up();
    assert!(status.signal() == Some(libc::SIGHUP) || status.code() == Some(1), "{status:?}");
}

#[tokio::test]
async fn a_terminal_that_nobody_reads_does_not_keep_it() {
    let [world, _] = worlds().await;
    let world = measured(world).await;
    let session = Session::start(command(&world, &[]));
    session.shows(|screen| screen.contains("all is well"));
    let status = session.ends_unread();
    assert!(matches!(status.code(), Some(0 | 1)), "{status:?}");
}

/// The only child of a process.
fn child_of(id: i32) -> Option<i32> {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

#[tokio::test]
async fn job_control_works_as_everywhere() {
    let [world, _] = worlds().await;
    let world = measured(world).await;
    let view = command(&world, &[]);
    let mut shell = Command::new("bash");
    shell.args(["--norc", "--noprofile", "--noediting", "-i"]).env_clear().current_dir(world.home.path());
    shell.envs(view.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("PATH", "/usr/bin:/bin").env("PS1", "ready> ");
    let words = std::iter::once(view.get_program()).chain(view.get_args());
    let line = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect::<Vec<_>>().join(" ");
    let mut session = Session::start(shell);
    session.until("ready> ", 1);
    session.types(&format!("{line}\n"));
    session.shows(|screen| screen.contains("all is well"));
    for (place, by_signal) in [false, true].into_iter().enumerate() {
        match by_signal {
            false => session.types("\u{1a}"),
            true => send(child_of(session.id()).unwrap(), Signal::TSTP),
        }
        session
            .shows(|screen| screen.matches("Stopped").count() == place + 1 && screen.ends_with("ready>\n"));
        session.types("fg\n");
        session.shows(|screen| screen.contains("all is well") && screen.contains("? help"));
    }
    session.types("q");
    session.shows(|screen| screen.contains("All is well.") && screen.ends_with("ready>\n"));
    session.types("exit\n");
    assert_eq!(session.ended().0, Some(0));
}

#[tokio::test]
async fn an_unknown_provider_is_refused_on_the_normal_screen() {
    let [world, _] = worlds().await;
    let world = measured(world).await;
    let mut session = Session::start(command(&world, &["--provider", "grok"]));
    let (status, seen) = session.ended();
    assert_eq!(status, Some(2), "{seen}");
    assert!(session.is_sane() && screen(&seen).contains("error: "), "{}", screen(&seen));
}

#[tokio::test]
async fn a_store_that_goes_away_leaves_the_picture() {
    let [world, _] = worlds().await;
    let world = measured(world).await;
    let mut session = Session::start(command(&world, &[]));
    session.shows(|screen| screen.contains("all is well") && screen.contains("\n>  a "));
    world.sqlite().execute_batch("DROP TABLE heartbeats").unwrap();
    session.shows(|screen| screen.contains("is away; this picture is ") && screen.contains("\n>  a "));
    session.types("q");
    assert_eq!(session.ended().0, Some(0));
}

/// A way to a server that takes so long in each direction.
fn far_away(server: &str, each_way: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, server) = (listener.local_addr().unwrap(), server.to_owned());
    let carry = move |mut from: TcpStream, mut to: TcpStream| {
        let mut buffer = vec![0; 1 << 20];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            std::thread::sleep(each_way);
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
    };
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let upstream = TcpStream::connect(&server).unwrap();
            let (back, forth) = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || carry(client, upstream));
            std::thread::spawn(move || carry(back, forth));
        }
    });
    address.to_string()
}

/// What refreshes of 500 models cost: `cargo test --test it -- --ignored --nocapture refresh_of_five_hundred`.
#[tokio::test]
#[ignore = "a measurement, not a promise of every machine"]
async fn refresh_of_five_hundred_models() {
    for world in worlds().await {
        world.backend.fill(500, 1440).await;
        if matches!(world.backend, Backend::Sqlite(_)) {
            // Rows are of the usual size.
            let sql =
                "UPDATE runs SET doc = json_object('_id', id, 'provider', provider, 'model_name', model_name,
                'time_to_first_token', 0.2, 'tokens_per_second', 80.5, 'padding', hex(zeroblob(1500)))
                WHERE run_ts_ms > (SELECT max(run_ts_ms) FROM runs) - 7 * 3600000";
            world.sqlite().execute_batch(sql).unwrap();
        }
        let url = world.backend.url();
        let host = url.split(['/', '?']).nth(2).unwrap_or_default().to_owned();
        let far = match url.starts_with("mongodb:") {
            true => Some(url.replace(&host, &far_away(&host, Duration::from_millis(50)))),
            false => None,
        };
        for url in std::iter::once(url).chain(far) {
            let mut command = world.home.llmbench(&["status", "--watch", "--store", &url]);
            command.env("LC_ALL", "C");
            let mut session = Session::start(command);
            session.resize(160);
            let begun = Instant::now();
            session.shows(|screen| screen.contains("asked "));
            println!("{url}: the first picture after {:?}", begun.elapsed());
            for _ in 0..12 {
                std::thread::sleep(Duration::from_secs(3));
                let shown = screen(&session.seen());
                println!("{}", shown.lines().find(|line| line.contains("asked ")).unwrap_or_default());
            }
            session.types("q");
            assert_eq!(session.ended().0, Some(0));
        }
    }
}
