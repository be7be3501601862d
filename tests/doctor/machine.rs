//! Configuration and files: sources of values, variables that nobody reads, files that others can read, results that wait.

use super::{KEY, asked, doctor};
use crate::support::Home;
use crate::support::pty::Pty;
use crate::support::ran::ran;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_new_home_is_fine_and_stays_as_it_was() {
    let home = Home::new();
    let said = asked(&mut doctor(&home, &["--offline"], &[]));
    assert_eq!((said.ran.code, said.open()), (0, vec![]), "{:#}", said.document);
    assert_eq!(
        (&said.document["schema"], &said.document["fine"]),
        (&json!("llmbench.doctor/1"), &json!(true))
    );
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "looking leaves nothing behind");
}

#[test]
fn what_is_fine_takes_one_line_and_a_bare_machine_is_told_what_to_do() {
    let home = Home::new();
    let brief = ran(&mut doctor(&home, &["--offline"], &[]));
    assert!(
        brief.out.contains("first steps") && brief.out.contains("`llmbench run sim:steady`"),
        "{brief:?}"
    );
    assert!(brief.out.contains("Fine: ") && !brief.out.contains("  ok  "), "{brief:?}");
    let whole = ran(&mut doctor(&home, &["--offline", "-v"], &[]));
    assert!(whole.out.matches("  ok  ").count() > 5 && !whole.out.contains("Fine: "), "{whole:?}");
    let with_key = ran(&mut doctor(&home, &["--offline"], &[("GROQ_API_KEY", KEY)]));
    assert!(!with_key.out.contains("first steps"), "{with_key:?}");
}

#[test]
fn who_is_told_is_said_and_what_keeps_it_from_telling() {
    let home = Home::new();
    let told = |variables: &[(&str, &str)]| {
        let said = asked(&mut doctor(&home, &["--offline"], variables));
        let (severity, sentence) = said.told("configuration", "notify");
        (said.ran.code, severity.to_owned(), sentence.to_owned())
    };
    let (code, severity, sentence) = told(&[]);
    assert!(code == 0 && severity == "ok" && sentence.starts_with("nobody"), "{sentence}");
    let hook = format!("https://hooks.example.com/{KEY}");
    let (code, _, sentence) = told(&[("LLMBENCH_WEBHOOK_URL", &hook)]);
    assert_eq!((code, sentence.as_str()), (0, "the webhook at hooks.example.com"));
    let (code, severity, sentence) = told(&[("LLMBENCH_NOTIFY_TO", "ann@example.com")]);
    assert!(code == 1 && severity == "finding" && sentence.contains("smtp_url"), "{sentence}");
}

#[test]
fn values_say_where_they_come_from_and_keys_only_whether_they_are_there() {
    let home = Home::new();
    let file = home.path().join("c.toml");
    fs::write(&file, "[defaults]\ngap = 7\n[providers.groq]\nkey_file = 'groq.key'\n").unwrap();
    fs::write(home.path().join("groq.key"), KEY).unwrap();
    fs::set_permissions(home.path().join("groq.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let variables = [
        ("OPENAI_API_KEY", KEY),
        ("ANTHROPIC_API_KEY", KEY),
        ("ANTHROPIC_AUTH_TOKEN", KEY),
        ("TOGETHER_APIKEY", KEY),
        ("LLMBENCH_SPEED", "1"),
        ("LLMBENCH_STORE", "sqlite:here.db"),
    ];
    let said = asked(&mut doctor(&home, &["--offline", "--config", "c.toml"], &variables));
    assert_eq!(said.ran.code, 1);
    let fine = |subject: &str, sentence: &str| {
        assert_eq!(said.told("configuration", subject), ("ok", sentence));
    };
    fine("configuration file", "c.toml (flag --config)");
    fine("store", "sqlite:here.db (environment variable LLMBENCH_STORE)");
    fine("deadline gap", "7 s (file c.toml)");
    fine("deadline total", "120 s (default)");
    fine("key of openai", "set (environment variable OPENAI_API_KEY)");
    fine("key of cerebras", "unset (CEREBRAS_API_KEY)");
    let (severity, sentence) = said.told("configuration", "TOGETHER_APIKEY");
    assert_eq!(severity, "finding");
    assert!(sentence.contains("TOGETHER_API_KEY is probably meant"), "{sentence}");
    assert_eq!(said.told("configuration", "LLMBENCH_SPEED").0, "finding");
    let (severity, sentence) = said.told("configuration", "groq.key");
    assert!(severity == "finding" && sentence.contains("mode 644"), "{sentence}");
    assert_eq!(said.about("configuration", "groq.key")["fix"], "`chmod 600 groq.key`");
    assert_eq!(said.about("providers", "groq")["heading"], "The key file can be read by others");
    let notes = said.of("configuration").iter().filter(|check| check["severity"] == "note").count();
    assert_eq!(notes, 1, "one token stands behind another: {:#}", said.document);
}

#[test]
fn a_configuration_file_with_a_password_is_its_owners_alone() {
    let home = Home::new();
    let file = home.path().join("c.toml");
    fs::write(&file, format!("store = 'mongodb://u:{KEY}@127.0.0.1:1/db?serverSelectionTimeoutMS=200'"))
        .unwrap();
    for (mode, severity) in [(0o644, "finding"), (0o600, "ok")] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let said = asked(&mut doctor(&home, &["--offline", "--config", "c.toml"], &[]));
        let (told, sentence) = said.told("configuration", "c.toml");
        assert!(told == severity && sentence.contains("the password of the store"), "{sentence}");
        assert_eq!(said.about("store", "reached")["heading"], "The store cannot be reached");
        assert_eq!(said.told("catalogue", "models").0, "unknown");
    }
}

#[test]
fn results_that_wait_are_counted_and_left_alone() {
    let home = Home::new();
    let directory = home.path().join("state/llmbench/undelivered");
    fs::create_dir_all(&directory).unwrap();
    for name in ["a.jsonl", "b.jsonl", "c.jsonl.bad"] {
        fs::write(directory.join(name), "no outcome").unwrap();
    }
    let said = asked(&mut doctor(&home, &["--offline"], &[]));
    let (severity, sentence) = said.told("state", "undelivered results");
    assert!(severity == "finding" && sentence.starts_with("2 wait in "), "{sentence}");
    assert_eq!(said.told("state", "results set aside").0, "finding");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 3);
}

#[test]
fn mistakes_are_told_and_a_bad_authority_file_stops_nothing() {
    let home = Home::new();
    let wrong = ran(&mut doctor(&home, &["--provider", "grok"], &[]));
    assert!(wrong.code == 2 && wrong.err.contains("did you mean groq?"), "{wrong:?}");
    let said = asked(&mut doctor(&home, &["--offline"], &[("SSL_CERT_FILE", "/nonexistent.pem")]));
    let found = said.of("configuration").into_iter().filter(|check| check["subject"] == "SSL_CERT_FILE");
    assert_eq!(found.filter(|check| check["severity"] == "finding").count(), 1);
    let store = asked(&mut doctor(&home, &["--offline", "--store", "postgres://u:canary@h/db"], &[]));
    assert_eq!(
        (store.told("configuration", "store").0, store.told("store", "reached").0),
        ("finding", "unknown")
    );
}

#[test]
fn at_a_terminal_what_is_wrong_comes_first() {
    let home = Home::new();
    let terminal = Pty::new(80);
    let mut command = doctor(&home, &["--offline", "-v"], &[("GROQ_APIKEY", KEY), ("TERM", "xterm")]);
    let status =
        command.stdin(terminal.end()).stdout(terminal.end()).stderr(terminal.end()).status().unwrap();
    drop(command);
    let drawn = terminal.drawn();
    assert_eq!(status.code(), Some(1));
    let place = |word: &str| drawn.find(word).unwrap_or_else(|| panic!("no {word} in {drawn}"));
    assert!(place("1 finding") < place("GROQ_APIKEY") && place("GROQ_APIKEY") < place("published profiles"));
    assert!(!drawn.contains("canary"));
}

#[test]
fn a_key_that_cannot_sign_is_found_before_an_export_needs_it() {
    let home = Home::new();
    let key = home.path().join("signing.pem");
    let variable = [("LLMBENCH_SIGNING_KEY_FILE", key.to_str().unwrap())];
    let told = |variables: &[(&str, &str)]| {
        let said = asked(&mut doctor(&home, &["--offline"], variables));
        let check = said.about("configuration", "signing key").clone();
        let word = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
        (said.ran.code, word("severity"), word("sentence"), word("fix"))
    };
    let (code, severity, sentence, _) = told(&[]);
    assert!(code == 0 && severity == "ok" && sentence.starts_with("none"), "{sentence}");
    let put = |text: &str, mode: u32| {
        fs::write(&key, text).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
    };
    let private = include_str!("../fixtures/throwaway-ed25519.pem");
    let bad = |words: &str| {
        let (code, severity, sentence, fix) = told(&variable);
        assert_eq!((code, severity.as_str()), (1, "finding"), "{sentence}");
        assert!(sentence.contains(words) && sentence.contains("LLMBENCH_SIGNING_KEY_FILE"), "{sentence}");
        assert!(fix.contains("openssl genpkey -algorithm ed25519"), "{fix}");
    };
    bad("No such file");
    put(private, 0o640);
    bad("can be read by others (mode 640)");
    put(include_str!("../fixtures/throwaway-rsa.pem"), 0o600);
    bad("not of Ed25519");
    put("nothing", 0o600);
    bad("holds no private key");
    put(private, 0o600);
    let (code, severity, sentence, _) = told(&variable);
    let public = include_str!("../fixtures/throwaway-ed25519.pub.pem").lines().nth(1).unwrap();
    // The DER of a public key has 12 bytes before the key: 16 letters of base64.
    assert!(code == 0 && severity == "ok" && sentence.contains(&public[16..]), "{sentence}");
    assert!(!sentence.contains(private.lines().nth(1).unwrap()), "{sentence}");
}
