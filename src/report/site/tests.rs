//! The folder of a site: what readers, other people's files and killed reports meet.

use super::folder::files;
use super::plugs::FILES;
use super::{SiteAddress, SiteError, SiteFolder, SiteSummary, write};
use crate::output::schema_check::violations;
use crate::report::contents::ReportContents;
use crate::report::contents::tests::{change, facts, history};
use crate::report::page::methodology::MethodTexts;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const TEXTS: MethodTexts = MethodTexts { ranking: "Places.", changes: "Changes.", calibration: "Clocks." };

fn put(target: &Path, force: bool, pages: &[(&str, &str)]) -> Result<SiteSummary, SiteError> {
    let mut folder = SiteFolder::begin(target, force)?;
    for (path, text) in pages {
        folder.add(path, text.as_bytes())?;
    }
    folder.publish()
}

/// Every file of a folder with its bytes.
fn read(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| (path.clone(), fs::read(folder.join(path)).unwrap());
    files(folder).unwrap().into_iter().map(read).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_site_takes_the_place_of_the_one_before_and_nothing_is_left_beside_it() {
    let home = tempfile::tempdir().unwrap();
    let site = home.path().join("www/bench");
    put(&site, false, &[("index.html", "one"), ("models/a/b.html", "gone soon")]).unwrap();
    let summary = put(&site, false, &[("index.html", "two")]).unwrap();
    assert_eq!(summary, SiteSummary { files: 1, bytes: 3 });
    assert_eq!(names(&site), [".llmbench-report", "index.html"]);
    assert_eq!(fs::read_to_string(site.join("index.html")).unwrap(), "two");
    assert_eq!(names(&home.path().join("www")), [".bench.llmbench-lock", "bench"]);
}

#[test]
fn files_of_somebody_else_are_refused_and_with_force_they_stay() {
    let home = tempfile::tempdir().unwrap();
    let site = home.path().join("site");
    fs::create_dir_all(site.join("photos")).unwrap();
    fs::write(site.join("photos/cat.jpg"), "cat").unwrap();
    std::os::unix::fs::symlink("photos/cat.jpg", site.join("cat")).unwrap();
    let refused = put(&site, false, &[("index.html", "one")]).unwrap_err();
    assert!(matches!(refused, SiteError::Foreign(..)), "{refused}");
    assert_eq!(names(home.path()), [".site.llmbench-lock", "site"]);
    for text in ["one", "two"] {
        // The second one finds a folder of its own, in which these files stay as well.
        put(&site, text == "one", &[("index.html", text), ("photos/index.html", "x")]).unwrap();
        assert_eq!(fs::read_to_string(site.join("photos/cat.jpg")).unwrap(), "cat");
        assert_eq!(fs::read_link(site.join("cat")).unwrap(), Path::new("photos/cat.jpg"));
        assert_eq!(fs::read_to_string(site.join("index.html")).unwrap(), text);
    }
    fs::write(site.join("taken.html"), "mine").unwrap();
    let refused = put(&site, true, &[("taken.html", "theirs")]).unwrap_err();
    assert!(matches!(refused, SiteError::Taken(_)), "{refused}");
    assert_eq!(fs::read_to_string(site.join("taken.html")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(site.join("index.html")).unwrap(), "two");
    assert_eq!(names(home.path()), [".site.llmbench-lock", "site"]);
}

#[test]
fn pipes_empty_folders_and_modes_stay() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let home = tempfile::tempdir().unwrap();
    let site = home.path().join("site");
    put(&site, false, &[("index.html", "one"), ("models/a.html", "x")]).unwrap();
    fs::create_dir_all(site.join(".well-known/acme-challenge")).unwrap();
    fs::set_permissions(&site, fs::Permissions::from_mode(0o750)).unwrap();
    let pipe = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, site.join("pipe"), pipe, rustix::fs::Mode::RUSR, 0).unwrap();
    put(&site, false, &[("index.html", "two")]).unwrap();
    assert!(site.join(".well-known/acme-challenge").is_dir() && !site.join("models").exists());
    assert!(site.join("pipe").metadata().unwrap().file_type().is_fifo());
    assert_eq!(site.join("index.html").metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(site.metadata().unwrap().permissions().mode() & 0o777, 0o750);
    assert_eq!(names(home.path()), [".site.llmbench-lock", "site"]);
}

#[test]
fn two_reports_at_once_are_one_too_many() {
    let home = tempfile::tempdir().unwrap();
    let site = home.path().join("site");
    let first = SiteFolder::begin(&site, false).unwrap();
    assert!(matches!(SiteFolder::begin(&site, false), Err(SiteError::Busy(_))));
    first.publish().unwrap();
    SiteFolder::begin(&site, false).unwrap();
}

#[test]
fn what_is_no_folder_is_refused_and_a_link_is_followed() {
    let home = tempfile::tempdir().unwrap();
    let (file, real, link) = (home.path().join("file"), home.path().join("real"), home.path().join("link"));
    fs::write(&file, "x").unwrap();
    assert!(matches!(put(&file, true, &[]), Err(SiteError::NoFolder(_))));
    fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    put(&link, false, &[("index.html", "x")]).unwrap();
    assert!(link.is_symlink() && real.join("index.html").exists());
    // A list of that name that is nobody's report.
    let notes = home.path().join("notes");
    fs::create_dir(&notes).unwrap();
    fs::write(notes.join(".llmbench-report"), "my notes").unwrap();
    assert!(matches!(put(&notes, true, &[]), Err(SiteError::Taken(_))));
    assert_eq!(fs::read_to_string(notes.join(".llmbench-report")).unwrap(), "my notes");
}

/// A report that is killed leaves what its drop would have removed.
#[test]
fn a_killed_report_leaves_the_old_site_and_the_next_one_clears_up() {
    let home = tempfile::tempdir().unwrap();
    let site = home.path().join("site");
    fs::create_dir(&site).unwrap();
    fs::write(site.join("cat.jpg"), "cat").unwrap();
    put(&site, true, &[("index.html", "old")]).unwrap();
    let mut half = SiteFolder::begin(&site, false).unwrap();
    half.add("index.html", b"new").unwrap();
    half.add("models/a/b.html", b"new").unwrap();
    // Half of a large file of somebody else, on a file system without links.
    fs::write(home.path().join(".site.llmbench-new/.llmbench-report-copy"), "c").unwrap();
    std::mem::forget(half);
    assert_eq!(fs::read_to_string(site.join("index.html")).unwrap(), "old");
    // The kill also freed its lock.
    let beside = home.path().join(".site.llmbench-lock");
    fs::remove_file(&beside).unwrap();
    put(&site, false, &[("index.html", "newer")]).unwrap();
    assert_eq!(names(&site), [".llmbench-report", "cat.jpg", "index.html"]);
    // One that was killed after the exchange: the old site lies beside, with a file that somebody put there meanwhile.
    let new = home.path().join(".site.llmbench-new");
    fs::create_dir(&new).unwrap();
    fs::write(new.join(".llmbench-report"), fs::read(site.join(".llmbench-report")).unwrap()).unwrap();
    for (name, text) in [("index.html", "old"), ("cat.jpg", "cat"), ("dog.jpg", "dog")] {
        fs::write(new.join(name), text).unwrap();
    }
    put(&site, false, &[("index.html", "newest")]).unwrap();
    assert_eq!(fs::read_to_string(site.join("dog.jpg")).unwrap(), "dog");
    assert_eq!(fs::read_to_string(site.join("index.html")).unwrap(), "newest");
    assert!(!new.exists());
    // One that was killed between two renames.
    fs::rename(&site, home.path().join(".site.llmbench-old")).unwrap();
    put(&site, false, &[("index.html", "last")]).unwrap();
    assert_eq!(names(&site), [".llmbench-report", "cat.jpg", "dog.jpg", "index.html"]);
}

#[test]
fn a_site_of_facts_is_described_by_its_schemas_and_always_the_same() {
    let home = tempfile::tempdir().unwrap();
    let mut facts =
        facts(vec![history("p:m", 9, 0.4), history("q:A/B@c", 9, 0.9), history("p:..", 1, 0.9)], 9);
    facts.changes = facts.series.iter().map(change).collect();
    let contents = ReportContents::of(&facts);
    let address = SiteAddress::parse(Some("https://bench.example.org")).unwrap();
    let sites = ["one", "two"].map(|name| {
        let mut folder = SiteFolder::begin(&home.path().join(name), false).unwrap();
        write(&mut folder, &facts, &contents, &TEXTS, &address).unwrap();
        folder.publish().unwrap();
        read(&home.path().join(name))
    });
    assert_eq!(sites[0], sites[1]);
    for (path, bytes) in sites[0].iter().filter(|(path, _)| path.starts_with("data")) {
        let kind = path.iter().nth(1).unwrap().to_str().unwrap();
        let name = match kind {
            "models" => "data/models/{provider}/{model}.json",
            "providers" => "data/providers/{provider}.json",
            _ => "data/index.json",
        };
        let file = FILES.iter().find(|file| file.path == name).unwrap();
        let schema: Value = serde_json::from_str(file.schema.unwrap().text).unwrap();
        let data: Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(violations(&schema, &data), [] as [String; 0], "{}", path.display());
    }
    assert!(
        sites[0].contains_key(Path::new("models/p/m.html"))
            && sites[0].contains_key(Path::new("badges/p/m/ttft.svg"))
    );
    // Every link of every page leads to a file.
    for (path, bytes) in sites[0].iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "html"))
    {
        let page = String::from_utf8(bytes.clone()).unwrap();
        for link in page.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            if link.starts_with('#') || link.starts_with("data:") {
                continue;
            }
            let mut place = PathBuf::new();
            for part in path.parent().unwrap().join(link).iter() {
                if part == ".." {
                    place.pop();
                } else {
                    place.push(part)
                }
            }
            assert!(sites[0].contains_key(&place), "{} leads to {link}", path.display());
        }
    }
}
