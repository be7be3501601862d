//! `results export --receipts` and `results verify`: a stranger, who has these files and a public key and nothing else,
//! checks figures.

use super::receipts::{edit, home, of_definitions, ran};
use crate::errors::world::worlds;
use crate::support::Home;
use crate::support::ran::{QUICK, Ran, in_little_space, ran as run_to_end};
use llmbench::export::receipts::checking::check;
use llmbench::export::receipts::digest::FileDigest;
use llmbench::export::receipts::manifest::Manifest;
use llmbench::export::receipts::{ReceiptPaths, checking::VerifyError};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const PRIVATE: &str = include_str!("../fixtures/throwaway-ed25519.pem");
const PUBLIC: &str = include_str!("../fixtures/throwaway-ed25519.pub.pem");
const OTHER: &str = include_str!("../fixtures/other-ed25519.pub.pem");

/// The forms, by the ending of the file.
const FORMS: [&str; 4] = ["csv", "json", "ndjson", "parquet"];

/// A home with four runs that have receipts, and one that has none.
fn measured() -> Home {
    let home = home();
    let models = [QUICK, "sim:chunky-ttft5-gap1", "sim:reasoning-ttft5-gap1-r4-n9", "sim:burst-ttft5-gap1"];
    let models: Vec<&str> = models.iter().flat_map(|model| ["--model", model]).collect();
    assert_eq!(ran(&home, &[&["run"][..], &models].concat()).code, 0);
    assert_eq!(home.ran(&["run", "--model", QUICK]).code, 0);
    home
}

/// Writes a key file that its owner alone can read.
fn key_file(home: &Home) -> String {
    let path = home.path().join("signing.pem");
    fs::write(&path, PRIVATE).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Exports with receipts, signed if there is a key.
fn export(home: &Home, name: &str, key: Option<&str>, more: &[&str]) -> Ran {
    let mut command = home.llmbench(&[&["results", "export", "--receipts", "-o", name], more].concat());
    run_to_end(command.envs(key.map(|key| ("LLMBENCH_SIGNING_KEY_FILE", key))))
}

/// Whoever has got the files of an export, and public keys.
struct Stranger {
    home: Home,
    paths: ReceiptPaths,
}

impl Stranger {
    fn with(home: &Home, name: &str) -> Self {
        let stranger = Home::new();
        let paths = ReceiptPaths::beside(&stranger.path().join(name));
        let theirs = ReceiptPaths::beside(&home.path().join(name));
        for (from, to) in all(&theirs).iter().zip(all(&paths)).filter(|(from, _)| from.exists()) {
            fs::copy(from, to).unwrap();
        }
        fs::write(stranger.path().join("lab.pub"), PUBLIC).unwrap();
        fs::write(stranger.path().join("other.pub"), OTHER).unwrap();
        Self { home: stranger, paths }
    }

    /// Verifies where every setting is broken, so that none can have been read.
    fn verify(&self, more: &[&str]) -> Ran {
        let file = self.paths.rows.to_str().unwrap();
        let mut command = self.home.llmbench(&[&["results", "verify", file], more].concat());
        run_to_end(command.env("LLMBENCH_CONFIG", "/nonexistent").env("LLMBENCH_STORE", "nonsense://"))
    }

    fn document(&self, more: &[&str]) -> (i32, Value) {
        let said = self.verify(&[&["--json"], more].concat());
        (said.code, serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}")))
    }

    /// Changes a file, and has the manifest say that it has always been so, as a publisher can who signs nothing.
    fn forge(&self, path: &Path, change: impl Fn(String) -> String) {
        let text = change(fs::read_to_string(path).unwrap());
        fs::write(path, &text).unwrap();
        let digest = FileDigest {
            bytes: text.len() as u64,
            sha256: Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        let mut manifest = Manifest::read(&fs::read(&self.paths.manifest).unwrap()).unwrap();
        *(if path == self.paths.rows { &mut manifest.export } else { &mut manifest.receipts }) = digest;
        fs::write(&self.paths.manifest, manifest.text()).unwrap();
    }
}

fn all(paths: &ReceiptPaths) -> [PathBuf; 4] {
    let ReceiptPaths { rows, receipts, manifest, signature } = paths.clone();
    [rows, receipts, manifest, signature]
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.contains("runs"));
    names.sort();
    names
}

#[test]
fn a_stranger_checks_every_form() {
    let home = measured();
    let key = key_file(&home);
    for form in FORMS {
        let name = format!("runs.{form}");
        let said = export(&home, &name, Some(&key), &[]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.err.contains("4 receipts in") && said.err.contains("is signed"), "{said:?}");
        let stranger = Stranger::with(&home, &name);
        let (code, found) = stranger.document(&["--public-key", "lab.pub"]);
        assert_eq!(
            (code, &found["verified"], &found["signature"]),
            (0, &json!(true), &json!("genuine")),
            "{found}"
        );
        assert_eq!(
            (&found["rows"], &found["receipts"], &found["checked"]),
            (&json!(5), &json!(4), &json!(4)),
            "{found}"
        );
        assert_eq!(found["head"]["file"], name.as_str());
        assert_eq!((&found["head"]["definitions"], &found["head"]["series"]), (&json!(2), &json!("all")));
        let shown = stranger.verify(&[]);
        assert_eq!(shown.code, 0, "{shown:?}");
        for words in
            ["signature  ?", "export     ok", "receipts   ok", "figures    ok", "4 of 5 rows have a receipt"]
        {
            assert!(shown.out.contains(words), "{words}: {shown:?}");
        }
        let by_manifest =
            stranger.home.ran(&["results", "verify", stranger.paths.manifest.to_str().unwrap()]);
        assert_eq!(by_manifest.code, 0, "{by_manifest:?}");
    }
    let manifest: Value =
        serde_json::from_slice(&fs::read(home.path().join("runs.csv.manifest.json")).unwrap()).unwrap();
    assert_eq!((&manifest["rows"], &manifest["with_receipt"]), (&json!(5), &json!(4)));
    assert_eq!(manifest["definitions"], json!([2]));
    assert!(manifest["configurations"].as_array().unwrap().len() == 1, "{manifest}");
}

#[test]
fn an_export_without_rows_proves_nothing() {
    let home = measured();
    for form in FORMS {
        let name = format!("runs.{form}");
        export(&home, &name, None, &["--to", "2020-01-01"]);
        let stranger = Stranger::with(&home, &name);
        let shown = stranger.verify(&[]);
        assert_eq!(shown.code, 2, "{form}: {shown:?}");
        assert!(shown.out.contains("figures    ?") && shown.out.contains("0 of 0 rows"), "{shown:?}");
        assert!(shown.err.contains("the export has no rows: no figure was checked"), "{shown:?}");
        let (code, found) = stranger.document(&[]);
        assert_eq!((code, &found["verified"], &found["checked"]), (2, &json!(false), &json!(0)), "{found}");
    }
}

#[test]
fn a_plain_export_takes_no_proof_over() {
    let home = measured();
    let key = key_file(&home);
    export(&home, "runs.csv", Some(&key), &[]);
    let before = names(home.path());
    let plain = |more: &[&str]| ran(&home, &[&["results", "export", "-o", "runs.csv"], more].concat());
    for more in [&["--force"][..], &[]] {
        let said = plain(more);
        assert!(said.code == 2 && said.err.contains("runs.csv.manifest.json is there"), "{said:?}");
        assert!(said.err.contains("add --receipts"), "{said:?}");
    }
    assert_eq!(names(home.path()), before);
    assert_eq!(Stranger::with(&home, "runs.csv").document(&["--public-key", "lab.pub"]).0, 0);
    // The export was moved away, and its proof was not.
    fs::rename(home.path().join("runs.csv"), home.path().join("moved")).unwrap();
    assert_eq!(plain(&[]).code, 2);
    fs::rename(home.path().join("moved"), home.path().join("runs.csv")).unwrap();
    assert_eq!(plain(&["--force", "--receipts"]).code, 0);
    fs::remove_file(home.path().join("runs.csv.manifest.json")).unwrap();
    assert!(plain(&["--force"]).err.contains("runs.csv.receipts.ndjson is there"));
    fs::remove_file(home.path().join("runs.csv.receipts.ndjson")).unwrap();
    assert_eq!(plain(&["--force"]).code, 0);
}

#[tokio::test]
async fn both_stores_give_receipts_away() {
    for world in worlds().await {
        std::fs::write(world.home.path().join("llmbench.toml"), "[profiles.default]\nreceipts = true\n")
            .unwrap();
        let store = world.backend.url();
        let measured = ran(&world.home, &["run", "--model", QUICK, "--store", &store]);
        assert_eq!(measured.code, 0, "{measured:?}");
        for form in FORMS {
            let name = format!("runs.{form}");
            let said = export(&world.home, &name, None, &["--store", &store]);
            assert_eq!(said.code, 0, "{said:?}");
            let (code, found) = Stranger::with(&world.home, &name).document(&[]);
            assert_eq!((code, &found["rows"], &found["checked"]), (0, &json!(7), &json!(1)), "{found}");
        }
    }
}

#[test]
fn origin_is_what_the_signature_says() {
    let home = measured();
    let key = key_file(&home);
    export(&home, "runs.csv", Some(&key), &[]);
    export(&home, "plain-runs.csv", None, &[]);
    let signed = Stranger::with(&home, "runs.csv");
    let state = |stranger: &Stranger, more: &[&str]| {
        let (code, found) = stranger.document(more);
        (code, found["signature"].as_str().unwrap().to_owned())
    };
    let is = |code, state: &str| (code, state.to_owned());
    assert_eq!(state(&signed, &["--public-key", "lab.pub"]), is(0, "genuine"));
    assert_eq!(state(&signed, &["--public-key", "other.pub"]), is(1, "other_key"));
    assert_eq!(state(&signed, &[]), is(0, "unattributed"));
    let plain = Stranger::with(&home, "plain-runs.csv");
    assert_eq!(state(&plain, &[]), is(0, "unsigned"));
    assert!(plain.verify(&[]).out.contains("nobody vouches for the origin"), "{:?}", plain.verify(&[]));
    assert_eq!(state(&plain, &["--public-key", "lab.pub"]), is(1, "missing"));
    // The signature of one export beside another.
    fs::copy(&signed.paths.signature, &plain.paths.signature).unwrap();
    assert_eq!(state(&plain, &["--public-key", "lab.pub"]), is(1, "false"));
    fs::remove_file(&signed.paths.signature).unwrap();
    assert_eq!(state(&signed, &[]), is(1, "missing"));
    for (file, words) in [("absent.pub", "absent.pub"), ("plain-runs.csv", "holds no public key in PEM")] {
        let said = plain.verify(&["--public-key", file]);
        assert!(said.code == 2 && said.err.contains(words), "{said:?}");
    }
}

#[test]
fn an_old_export_under_a_new_name_is_told() {
    let home = measured();
    export(&home, "runs.csv", Some(&key_file(&home)), &["--since", "2026-01-01"]);
    let stranger = Stranger::with(&home, "runs.csv");
    let shown = stranger.verify(&["--public-key", "lab.pub"]);
    assert!(shown.out.contains("contents   ok   series all from 20"), "{shown:?}");
    let new = ReceiptPaths::beside(&stranger.home.path().join("newest.csv"));
    all(&stranger.paths).iter().zip(all(&new)).for_each(|(from, to)| fs::rename(from, to).unwrap());
    let shown = stranger.home.ran(&["results", "verify", "newest.csv", "--public-key", "lab.pub"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.out.contains("contents   ?") && shown.out.contains("under the name runs.csv"), "{shown:?}");
}

#[test]
fn a_key_that_others_can_read_signs_nothing() {
    let home = measured();
    let key = key_file(&home);
    let secret = PRIVATE.lines().nth(1).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let refused = |words: &str| {
        let said = export(&home, "runs.csv", Some(&key), &[]);
        assert!(said.code == 2 && said.err.contains(words), "{said:?}");
        assert!(!said.err.contains(secret) && !said.out.contains(secret), "{said:?}");
        assert_eq!(names(home.path()), Vec::<String>::new());
    };
    refused("can be read by others (mode 644): run `chmod 600");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, include_str!("../fixtures/throwaway-rsa.pem")).unwrap();
    refused("its private key is not of Ed25519: `openssl genpkey -algorithm ed25519` makes one");
    fs::write(&key, PRIVATE.replace("PRIVATE", "ENCRYPTED PRIVATE")).unwrap();
    refused("it holds no private key without a passphrase in PEM");
    fs::remove_file(&key).unwrap();
    refused("signing_key_file (environment variable LLMBENCH_SIGNING_KEY_FILE)");
    // In the configuration file the path is relative to it.
    key_file(&home);
    fs::write(home.path().join("llmbench.toml"), "signing_key_file = \"signing.pem\"").unwrap();
    let said = ran(&home, &["results", "export", "--receipts", "-o", "runs.csv"]);
    assert!(said.code == 0 && said.err.contains("is signed"), "{said:?}");
    let shown = ran(&home, &["config", "show"]);
    assert!(shown.out.contains("signing_key_file") && !shown.out.contains(secret), "{shown:?}");
}

#[test]
fn openssl_makes_the_keys_and_checks_the_signature() {
    let openssl = |arguments: &[&str], home: &Home| {
        Command::new("openssl").args(arguments).current_dir(home.path()).output()
    };
    let home = measured();
    let made = openssl(&["genpkey", "-algorithm", "ed25519", "-out", "own.pem"], &home);
    if !made.is_ok_and(|made| made.status.success()) {
        println!("left out: there is no openssl that knows Ed25519");
        return;
    }
    let key = home.path().join("own.pem");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(export(&home, "runs.csv", key.to_str(), &[]).code, 0);
    let public = openssl(&["pkey", "-in", "own.pem", "-pubout", "-out", "own.pub"], &home).unwrap();
    assert!(public.status.success(), "{public:?}");
    let command = "pkeyutl -verify -pubin -inkey lab.pub.pem -rawin -in runs.csv.manifest.json -sigfile runs.csv.manifest.json.sig";
    assert!(include_str!("../../docs/measuring.md").contains(&format!("openssl {command}")));
    fs::copy(home.path().join("own.pub"), home.path().join("lab.pub.pem")).unwrap();
    let words: Vec<&str> = command.split(' ').collect();
    let checked = openssl(&words, &home).unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let stranger = Stranger::with(&home, "runs.csv");
    fs::copy(home.path().join("own.pub"), stranger.home.path().join("own.pub")).unwrap();
    assert_eq!(stranger.document(&["--public-key", "own.pub"]).0, 0);
    let manifest = home.path().join("runs.csv.manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("\"rows\": 5", "\"rows\": 6", 1)).unwrap();
    assert!(!openssl(&words, &home).unwrap().status.success());
}

/// True if the files are found to be true.
fn is_true(paths: &ReceiptPaths) -> bool {
    check(paths, None).is_ok_and(|report| report.is_true())
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is() {
    let home = measured();
    let key = key_file(&home);
    let forms = [
        ("csv", Some(key.as_str()), 1000),
        ("json", None, 150),
        ("ndjson", None, 150),
        ("parquet", None, 150),
    ];
    for (form, key, bytes) in forms {
        let name = format!("runs.{form}");
        export(&home, &name, key, &[]);
        let paths = Stranger::with(&home, &name);
        let paths = &paths.paths;
        assert!(is_true(paths));
        for file in all(paths).iter().filter(|file| file.exists()) {
            let whole = fs::read(file).unwrap();
            // Every byte of the small files of one form, and of the others as many as there is time for.
            for at in (0..whole.len()).step_by(1 + whole.len() / bytes) {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << (at % 7);
                fs::write(file, &bytes).unwrap();
                assert!(!is_true(paths), "byte {at} of {}", file.display());
            }
            for cut in [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
                fs::write(file, &whole[..cut]).unwrap();
                assert!(!is_true(paths), "{} cut at {cut}", file.display());
            }
            fs::write(file, &whole).unwrap();
            assert!(is_true(paths));
        }
    }
}

#[test]
fn what_was_changed_is_told_in_one_sentence() {
    let home = measured();
    export(&home, "runs.csv", None, &[]);
    let stranger = Stranger::with(&home, "runs.csv");
    let [rows, receipts, manifest, _] = all(&stranger.paths);
    let told = |file: &Path, change: &dyn Fn(&mut Vec<u8>), words: &str| {
        let whole = fs::read(file).unwrap();
        let mut bytes = whole.clone();
        change(&mut bytes);
        fs::write(file, bytes).unwrap();
        let said = stranger.verify(&[]);
        assert!(said.code == 1 && said.out.contains(words), "{words}: {said:?}");
        fs::write(file, whole).unwrap();
    };
    told(&rows, &|bytes| bytes.truncate(bytes.len() / 2), "runs.csv is cut off or changed");
    told(&rows, &|bytes| bytes.extend_from_slice(b"\n"), "runs.csv has grown");
    told(
        &receipts,
        &|bytes| bytes.truncate(bytes.len() - 5),
        "runs.csv.receipts.ndjson is cut off or changed",
    );
    told(&receipts, &|bytes| bytes[5] = b'X', "line 1 is no head of receipts");
    told(&manifest, &|bytes| bytes.truncate(bytes.len() - 5), "it is no manifest, or was changed");
    told(&manifest, &|bytes| bytes.insert(0, b' '), "it is not written as llmbench writes it");
    let absent = stranger.home.ran(&["results", "verify", "absent.csv"]);
    assert!(absent.code == 2 && absent.err.contains("absent.csv is missing"), "{absent:?}");
    assert!(!absent.err.contains("manifest.json is missing"), "{absent:?}");
    fs::write(stranger.home.path().join("plain.csv"), "").unwrap();
    let plain = stranger.home.ran(&["results", "verify", "plain.csv"]);
    assert!(plain.code == 2 && plain.err.contains("plain.csv.manifest.json is missing"), "{plain:?}");
    assert!(plain.err.contains("--receipts` writes it beside"), "{plain:?}");
    fs::remove_file(&receipts).unwrap();
    let said = stranger.verify(&[]);
    assert!(said.code == 2 && said.err.contains("runs.csv.receipts.ndjson is missing"), "{said:?}");
    fs::create_dir(&receipts).unwrap();
    assert!(matches!(check(&stranger.paths, None), Err(VerifyError::Io(..))));
}

#[test]
fn a_figure_that_does_not_follow_is_named() {
    let home = measured();
    // A publisher who improves a figure in his store.
    edit(&home, |row| {
        if row["model_name"] == "burst-ttft5-gap1" {
            let ttft = row["time_to_first_token"].as_f64().unwrap();
            row["time_to_first_token"] = json!(f64::from_bits(ttft.to_bits() - 1));
        }
    });
    for form in FORMS {
        let name = format!("runs.{form}");
        export(&home, &name, None, &[]);
        let stranger = Stranger::with(&home, &name);
        let (code, found) = stranger.document(&[]);
        assert_eq!((code, &found["differing"]["total"]), (1, &json!(1)), "{found}");
        let run = &found["differing"]["first"][0];
        let figure = &run["figures"][0];
        assert_eq!(
            (&figure["name"], &run["figures"][1]),
            (&json!("time_to_first_token"), &Value::Null),
            "{found}"
        );
        assert!(figure["listed"] != figure["recomputed"], "{found}");
        let shown = stranger.verify(&[]);
        assert!(
            shown.out.contains("time_to_first_token") && shown.out.contains(run["id"].as_str().unwrap()),
            "{shown:?}"
        );
    }
}

#[test]
fn a_figure_of_the_export_alone_is_named_too() {
    let home = measured();
    for form in ["csv", "json", "ndjson"] {
        let name = format!("runs.{form}");
        export(&home, &name, None, &[]);
        let stranger = Stranger::with(&home, &name);
        let row = home.rows("runs").into_iter().find(|row| row.contains_key("receipt")).unwrap();
        let (ttft, better) = (row["time_to_first_token"].to_string(), "0.0001");
        stranger.forge(&stranger.paths.rows, |text| text.replace(&ttft, better));
        let (code, found) = stranger.document(&[]);
        assert_eq!((code, &found["differing"]["total"]), (1, &json!(1)), "{form}: {found}");
        assert!(found["files"][0]["same"] == true && found["files"][1]["same"] == true, "{found}");
        let run = &found["differing"]["first"][0];
        assert_eq!((&run["id"], &run["figures"][0]["exported"]), (&row["_id"], &json!(0.0001)), "{found}");
    }
}

#[test]
fn rows_that_one_file_has_and_the_other_not_are_named() {
    let home = measured();
    export(&home, "runs.ndjson", None, &[]);
    let line = |text: &str, at: usize| text.lines().nth(at).unwrap().to_owned();
    let id = |line: &str, name: &str| serde_json::from_str::<Value>(line).unwrap()[name].clone();
    let without = |text: &str, at: usize| {
        let kept = text.lines().enumerate().filter(|(place, _)| *place != at);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    let stranger = Stranger::with(&home, "runs.ndjson");
    let rows = &stranger.paths.rows;
    let gone = id(&line(&fs::read_to_string(rows).unwrap(), 1), "_id");
    stranger.forge(rows, |text| without(&text, 1));
    let (code, found) = stranger.document(&[]);
    assert_eq!((code, &found["missing"]), (1, &json!({"total": 1, "first": [gone]})), "{found}");
    assert_eq!((&found["added"]["total"], &found["differing"]["total"]), (&json!(0), &json!(0)), "{found}");

    let stranger = Stranger::with(&home, "runs.ndjson");
    let receipts = &stranger.paths.receipts;
    let gone = id(&line(&fs::read_to_string(receipts).unwrap(), 2), "id");
    stranger.forge(receipts, |text| without(&text, 2));
    let (code, found) = stranger.document(&[]);
    assert_eq!((code, &found["added"]), (1, &json!({"total": 1, "first": [gone]})), "{found}");

    // Twice the same row, and the lines in another order.
    let stranger = Stranger::with(&home, "runs.ndjson");
    stranger.forge(&stranger.paths.rows, |text| format!("{}\n{text}", line(&text, 0)));
    let (code, found) = stranger.document(&[]);
    assert_eq!((code, &found["added"]["total"]), (1, &json!(1)), "{found}");
    let stranger = Stranger::with(&home, "runs.ndjson");
    stranger.forge(&stranger.paths.rows, |text| text.lines().rev().map(|line| format!("{line}\n")).collect());
    let (code, found) = stranger.document(&[]);
    assert_eq!((code, &found["checked"]), (0, &json!(4)), "{found}");
}

#[test]
fn receipts_of_other_definitions_are_told_and_not_believed() {
    let home = measured();
    edit(&home, |row| {
        if row["model_name"] == "burst-ttft5-gap1" {
            row["receipt"] = of_definitions(row["receipt"].as_str().unwrap(), 1).into();
            row["inter_token_latency"] = json!(0.125);
        }
    });
    export(&home, "runs.csv", None, &[]);
    let stranger = Stranger::with(&home, "runs.csv");
    let (code, found) = stranger.document(&[]);
    assert_eq!((code, &found["checked"], &found["other_definitions"]), (0, &json!(3), &json!(1)), "{found}");
    let shown = stranger.verify(&[]);
    assert!(
        shown.out.contains("not checked, being of definitions that this version does not compute: 1"),
        "{shown:?}"
    );
}

#[test]
fn exports_without_receipts_or_without_rows() {
    let home = Home::new();
    assert_eq!(home.ran(&["run", "--model", QUICK]).code, 0);
    let said = export(&home, "runs.csv", None, &[]);
    assert!(said.code == 0 && said.err.contains("set receipts = true under [profiles.NAME]"), "{said:?}");
    let said = Stranger::with(&home, "runs.csv").verify(&[]);
    assert!(said.code == 2 && said.err.contains("no figure was checked"), "{said:?}");
    for form in FORMS {
        let name = format!("no-runs.{form}");
        assert_eq!(export(&home, &name, None, &["--to", "2020-01-01"]).code, 0);
        let (code, found) = Stranger::with(&home, &name).document(&[]);
        assert_eq!((code, &found["rows"], &found["receipts"]), (2, &json!(0), &json!(0)), "{found}");
        assert!(found["head"]["to"].as_str().unwrap().starts_with("20"), "{found}");
    }
    for (more, words) in [
        (&["--series", "errors"][..], "failures have no receipts"),
        (&["-o", "-"], "standard output is none"),
        (&["-o", "runs.csv.manifest.json"], "ends like that of its receipts or its manifest"),
    ] {
        let question = [&["results", "export", "--receipts"], more].concat();
        let question =
            if more[0] == "-o" { question } else { [&question[..], &["-o", "runs.json"]].concat() };
        let said = home.ran(&question);
        assert!(said.code == 2 && said.err.contains(words), "{said:?}");
    }
}

#[test]
fn all_files_are_there_or_none() {
    let home = measured();
    let key = key_file(&home);
    export(&home, "runs.csv", Some(&key), &[]);
    let written = names(home.path());
    assert_eq!(
        written,
        ["runs.csv", "runs.csv.manifest.json", "runs.csv.manifest.json.sig", "runs.csv.receipts.ndjson"]
    );
    // Any of them is in the way, and --force replaces all; a signature of before does not stay.
    fs::remove_file(home.path().join("runs.csv")).unwrap();
    let said = export(&home, "runs.csv", None, &[]);
    assert!(
        said.code == 2 && said.err.contains("exists already") && said.err.contains("--force"),
        "{said:?}"
    );
    assert_eq!(names(home.path()), written[1..]);
    let said = export(&home, "runs.csv", None, &["--force"]);
    assert!(said.code == 0 && said.err.contains("is not signed"), "{said:?}");
    assert_eq!(names(home.path()).len(), 3);
    assert!(is_true(&ReceiptPaths::beside(&home.path().join("runs.csv"))));
}

#[tokio::test]
async fn a_full_disk_leaves_nothing() {
    let [_, world] = worlds().await;
    for form in FORMS {
        let name = format!("runs.{form}");
        let question = ["results", "export", "--receipts", "-o", &name, "--store", &world.backend.url()];
        let said = run_to_end(&mut in_little_space(&world.home.llmbench(&question), 2));
        assert!(said.code == 1 && said.err.contains("no room for the export"), "{said:?}");
        assert_eq!(names(world.home.path()), Vec::<String>::new());
    }
}
