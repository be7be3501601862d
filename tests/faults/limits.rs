//! What the system gives a process: no more descriptors, a reader of its output who stands still, a disk that is full.

use crate::daemon::world::{Daemon, QUICK, World, until};
use crate::support::small_disk;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use std::fs;
use std::io::Write;
use std::process::Stdio;

const OFTEN: &str = "[daemon]\ncadence = 1\ntick = 1.0";

fn open_files(daemon: &Daemon) -> u64 {
    fs::read_dir(format!("/proc/{}/fd", daemon.child.id())).unwrap().count() as u64
}

fn allow(daemon: &Daemon, files: Option<u64>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit { current: files.or(maximum), maximum };
    prlimit(Some(Pid::from_child(&daemon.child)), Resource::Nofile, limit).unwrap();
}

#[test]
fn a_process_without_descriptors_says_so_and_recovers() {
    let world = World::new(&[&format!("alpha:{QUICK}")], OFTEN);
    let daemon = world.start(&[]);
    until("rows arrive", || world.slots("alpha").len() >= 2);
    // Descriptors in use stay; no number above is given any more.
    allow(&daemon, Some(open_files(&daemon).min(8)));
    // The system's words, or the program's own.
    let says = |text: String| text.contains("open files") || text.contains("descriptors");
    let starved = || {
        world.errors().iter().any(|row| says(serde_json::to_string(row).unwrap()))
            || daemon.lane("alpha").is_some_and(|lane| says(lane["reason"].to_string()))
    };
    until("it fails, and says why", starved);
    // It says how it is all the same: whoever asks must not think that it was stopped, or is gone.
    let written_at = || daemon.pulse().map(|pulse| pulse["written_at"].clone());
    let before = written_at();
    until("it goes on to say how it is", || written_at() != before);
    let checked =
        String::from_utf8(world.home.llmbench(&["status", "--check"]).output().unwrap().stdout).unwrap();
    assert!(
        !checked.contains("stopped") && !checked.contains("gone") && !checked.contains("nothing for"),
        "{checked}"
    );
    let stored = world.runs().len();
    allow(&daemon, None);
    until("it recovers", || world.runs().len() > stored + 1);
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
}

#[test]
fn nobody_who_reads_its_output_can_hold_up_the_work() {
    let world = World::new(&[&format!("alpha:{QUICK}")], OFTEN);
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok_and(|written| written > 0) {}
    while writer.write(b"x").is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let mut command = world.command(&[]);
    command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
    let child = command.spawn().unwrap();
    drop(command);
    let mut daemon = Daemon::of(child, world.home.path().join("state/llmbench"));
    until("rows arrive", || world.slots("alpha").len() >= 3);
    daemon.signal(Signal::TERM);
    until("it ends all the same", || daemon.child.try_wait().unwrap().is_some());
    assert_eq!(daemon.child.wait().unwrap().code(), Some(0));
    drop(reader);
}

/// mount -t tmpfs -o size=200m none /mnt/small
/// LLMBENCH_TEST_SMALL_DISK=/mnt/small cargo test --test it faults::limits -- --ignored
#[test]
#[ignore = "wants a small, empty disk of its own: see its comment"]
fn a_full_disk_under_the_outbox_stops_paid_calls_and_heals() {
    let disk = small_disk::asked();
    let state = disk.join("state");
    let world = World::new(&[&format!("alpha:{QUICK}")], OFTEN);
    let daemon = Daemon::start(world.command(&["--state-dir", state.to_str().unwrap()]), state);
    until("rows arrive", || world.slots("alpha").len() >= 2);
    small_disk::fill(&disk);
    // The pulse cannot be written either: that nothing is stored any more is how it shows from outside.
    until("nothing new is measured", || {
        let before = world.runs().len() + world.errors().len();
        std::thread::sleep(std::time::Duration::from_secs(4));
        world.runs().len() + world.errors().len() == before
    });
    let before = world.runs().len();
    small_disk::free(&disk);
    until("it goes on by itself", || world.runs().len() > before + 1);
    let (code, said) = daemon.stop();
    assert!(code == 0 && said.contains("0 wait in the outbox"), "{said}");
}
