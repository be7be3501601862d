//! Pages in a real browser, from a file: on a desk, on a phone, in the dark, by keyboard, with a screen reader's eyes, without
//! scripts, on paper. No request may leave them.

mod pictures;

use crate::report::world::{ReportWorld, models};
use crate::stores::backend::Backend;
use crate::support::browser::problems;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with one page.
fn written(page: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    fs::write(&file, page).unwrap();
    (folder, file)
}

#[test]
fn every_chart_is_a_good_page() {
    let (_folder, page) = written(&pictures::page());
    let found = problems(&[page]);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Names as providers give them: long, foreign, from right to left, and with markup.
const NAMES: [&str; 5] = [
    "delta-labs:a-model-whose-name-is-as-long-as-names-of-models-have-become-by-now-80",
    "fuji:日本語モデル-8b",
    "levant:שלום-7b",
    "gamma:<b>bold</b>&amp;\"quoted\"",
    "éclair:modèle/7b",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_a_site_is_a_good_page() {
    let world = ReportWorld::new(Backend::sqlite()).await;
    let named = NAMES.iter().map(|name| ((*name).to_owned(), 0.5));
    world.measure(&models(12).into_iter().chain(named).collect::<Vec<_>>(), 30).await;
    let said = world.report(&["--output", "report.html", "--site", "www"]);
    assert_eq!(said.code, 0, "{said:?}");
    let site = world.home.path().join("www");
    let mut pages =
        vec![world.home.path().join("report.html"), site.join("index.html"), site.join("methodology.html")];
    pages.push(first_page(&site.join("models")));
    pages.push(first_page(&site.join("providers")));
    let found = tokio::task::spawn_blocking(move || problems(&pages)).await.unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The first page in a folder, or in its first folder.
fn first_page(folder: &Path) -> PathBuf {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let page = entries.iter().find(|entry| entry.extension().is_some_and(|end| end == "html"));
    page.cloned().unwrap_or_else(|| first_page(&entries[0]))
}

/// Each check finds what it is there for.
#[test]
fn a_bad_page_is_noticed() {
    let bad = r#"<!doctype html><html><head><title>Bad</title><style>
        a:focus{outline:0} p{color:#eee;background:#fff} pre{width:900px} svg{width:360px}
        @media (prefers-color-scheme:dark){body{color:#fff;background:#000}}
        </style></head><body><main>
        <h1>Bad</h1><p>pale</p><pre>wide</pre><a href="x.html">there</a>
        <svg viewBox="0 0 3600 100"><text x="3590" y="20" font-size="11">small</text></svg>
        <img src="missing.png">
        <script>console.log("noise"); document.body.append("only with scripts"); throw new Error("oops")</script>
        </main></body></html>"#;
    let (_folder, page) = written(bad);
    let found = problems(&[page]).join("\n");
    for sign in [
        "axe image-alt",
        "axe color-contrast",
        "axe html-has-lang",
        "the console says log: noise",
        "a script fails: oops",
        "missing.png",
        "the page is 9",
        "less than 9 px high",
        "texts leave their picture: small",
        "nothing shows that the focus is on",
        "no scripts: missing: ",
        "on paper the text is 255",
    ] {
        assert!(found.contains(sign), "no {sign:?} in\n{found}");
    }
}
