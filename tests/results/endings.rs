//! How an export ends: whole under its name, or not at all.

use super::bulk::{fill, row};
use crate::errors::world::{World, errors, text, worlds};
use crate::stores::backend::Backend;
use crate::support::Home;
use crate::support::pty::{Pty, heed_interrupts};
use crate::support::ran::{in_little_space, ran};
use mongodb::bson::doc;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn export(world: &World, more: &[&str]) -> (i32, String) {
    let question: Vec<&str> = ["results", "export"].iter().chain(more).copied().collect();
    let output = world.ask(&question);
    assert!(text(&output).is_empty());
    (output.status.code().unwrap(), errors(&output))
}

#[tokio::test]
async fn a_file_is_named_by_its_form_and_replaced_only_when_asked() {
    let [world, _] = worlds().await;
    for (name, begins) in [
        ("runs.csv", "_id,"),
        ("runs.json", "{\"schema\""),
        ("runs.jsonl", "{\"published\""),
        ("runs.PARQUET", "PAR1"),
    ] {
        let (code, said) = export(&world, &["-o", name]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("6 runs in") && said.contains("MB"), "{said}");
        let path = world.home.path().join(name);
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.starts_with(begins.as_bytes()), "{name}");
        let (code, said) = export(&world, &["-o", name, "--provider", "cerebras"]);
        assert!(code == 2 && said.contains("exists already") && said.contains("--force"), "{said}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
        let (code, said) = export(&world, &["-o", name, "--provider", "cerebras", "--force"]);
        assert!(
            code == 0 && said.contains("0 runs") && said.contains("no run is stored that fits"),
            "{said}"
        );
        assert_ne!(fs::read(&path).unwrap(), bytes);
    }
    assert_eq!(export(&world, &["-o", "quiet.csv", "--quiet"]), (0, String::new()));
    assert_eq!(names(world.home.path()).iter().filter(|name| name.contains("partial")).count(), 0);
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_before_anything_is_read() {
    let [world, _] = worlds().await;
    for (more, part) in [
        (&["-o", "runs.xls"][..], "`.xls` names no form"),
        (&["-o", "/dev/null", "--force"], "is no regular file"),
        (&["-o", "nowhere/runs.csv"], "cannot be created"),
        (&["--since", "fortnight"], "write 24h, 7d"),
    ] {
        let (code, said) = export(&world, more);
        assert!(code == 2 && said.contains(part), "{more:?}: {said}");
    }
    let away = Home::new().ran(&["results", "export", "--store", "mongodb://127.0.0.1:1/db", "-o", "x.csv"]);
    assert_eq!(away.code, 75, "{}", away.err);
}

#[tokio::test]
async fn parquet_is_for_files_and_pipes() {
    let [world, _] = worlds().await;
    let question = ["results", "export", "--format", "parquet", "--store", &world.backend.url()];
    let pty = Pty::new(80);
    let mut command = world.home.llmbench(&question);
    let status = command.stdout(pty.end()).stderr(pty.end()).status().unwrap();
    drop(command);
    let drawn = pty.drawn();
    assert!(status.code() == Some(2) && drawn.contains("Parquet is binary"), "{drawn}");
    assert!(world.home.llmbench(&question).output().unwrap().stdout.ends_with(b"PAR1"));
}

#[tokio::test]
async fn a_reader_that_leaves_is_no_failure() {
    for world in worlds().await {
        let many: Vec<_> =
            (0..600).map(|number| row(&format!("many-{number}"), "groq:many", number)).collect();
        fill(&world.backend, &many, true).await;
        for form in ["csv", "json", "ndjson", "parquet"] {
            let question = ["results", "export", "--format", form, "--store", &world.backend.url()];
            let mut command = world.home.llmbench(&question);
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            drop(child.stdout.take());
            let output = child.wait_with_output().unwrap();
            assert_eq!((output.status.code(), errors(&output).as_str()), (Some(0), ""), "{form}");
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_leaves_nothing() {
    let [_, world] = worlds().await;
    for form in ["csv", "parquet"] {
        let name = format!("runs.{form}");
        let command =
            world.home.llmbench(&["results", "export", "-o", &name, "--store", &world.backend.url()]);
        let ran = ran(&mut in_little_space(&command, 2));
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(
            ran.err.contains("no room for the export") && ran.err.contains("nothing is kept"),
            "{}",
            ran.err
        );
        assert!(names(world.home.path()).iter().all(|left| !left.contains(&name)));
    }
}

fn signal(child: &Child, signal: i32) {
    #[allow(unsafe_code, reason = "kill(2) on a child of this test")]
    unsafe {
        libc::kill(i32::try_from(child.id()).unwrap(), signal);
    }
}

/// A long export into a file, stopped in its middle.
async fn stopped(home: &Home, file: &Path) -> (Child, Backend) {
    let backend = Backend::sqlite();
    backend.open(&[]).await;
    let many: Vec<_> =
        (0..20_000).map(|number| row(&format!("many-{number}"), "groq:many", number)).collect();
    fill(&backend, &many, true).await;
    let path = file.to_str().unwrap();
    let mut command = home.llmbench(&["results", "export", "-o", path, "--store", &backend.url()]);
    heed_interrupts(&mut command);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    while names(file.parent().unwrap()).iter().all(|name| !name.contains("partial")) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was stopped");
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(&child, libc::SIGSTOP);
    (child, backend)
}

#[tokio::test]
async fn a_directory_that_goes_away_is_named() {
    let home = Home::new();
    let directory = home.path().join("gone");
    fs::create_dir(&directory).unwrap();
    let (child, _backend) = stopped(&home, &directory.join("runs.json")).await;
    fs::remove_dir_all(&directory).unwrap();
    signal(&child, libc::SIGCONT);
    let output = child.wait_with_output().unwrap();
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("gone/runs.json: its directory") && said.contains("taken away meanwhile"),
        "{said}"
    );
}

#[tokio::test]
async fn an_interrupted_export_leaves_no_file() {
    let home = Home::new();
    let (child, _backend) = stopped(&home, &home.path().join("runs.json")).await;
    signal(&child, libc::SIGINT);
    signal(&child, libc::SIGCONT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    assert!(errors(&output).contains("no file is kept"));
    assert!(names(home.path()).iter().all(|name| !name.contains("runs.json")), "{:?}", names(home.path()));
}

#[tokio::test]
async fn a_server_without_the_index_says_how_to_get_it() {
    let [_, world] = worlds().await;
    let Backend::Mongo(database) = &world.backend else { panic!() };
    let index = "run_ts_1__id_1_provider_1_model_name_1";
    database.run_command(doc! { "dropIndexes": "metrics_cloud_v2", "index": index }).await.unwrap();
    let (code, said) = export(&world, &[]);
    assert!(code == 2 && said.contains("lacks the index") && said.contains("llmbench db init"), "{said}");
}
