//! The daemon writes the site that `[report]` asks for, and goes on where it cannot.

use crate::daemon::world::{QUICK, World, until};
use std::fs;

fn configuration(site: &str) -> String {
    format!("[report]\nsite = '{site}'\n[daemon]\ncadence = 3600\ntick = 0.2\ncalibrate = 'never'")
}

#[test]
fn a_daemon_writes_the_site_and_says_where_it_cannot() {
    let model = format!("alpha:{QUICK}");
    let home = crate::support::Home::new();
    let store = format!("sqlite:{}", home.path().join("runs.db").display());
    let site = home.path().join("www");
    fs::create_dir(&site).unwrap();
    fs::write(site.join("cat.jpg"), "cat").unwrap();
    let world = World::at(home, store, &[&model], &configuration(&site.display().to_string()));
    let daemon = world.logged(&[]);
    until("the folder of somebody else is told", || daemon.said().contains("the site"));
    let said = daemon.said();
    assert!(said.contains("cat.jpg"), "{said}");
    until("it is a note in the status", || world.said(&["status"]).contains("the site is not written"));
    until("it measures all the same", || !world.runs().is_empty());
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
    fs::remove_file(site.join("cat.jpg")).unwrap();
    let daemon = world.logged(&[]);
    until("the site is written", || site.join("index.html").exists());
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("the site"), "{said}");
    let page = fs::read_to_string(site.join("index.html")).unwrap();
    assert!(page.ends_with("</html>"), "{page}");
}
