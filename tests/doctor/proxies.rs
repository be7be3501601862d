//! A proxy variable is told once, with what goes through it and what does not.

use super::{asked, doctor};
use crate::support::Home;

/// The password is a canary, which nothing that is printed may hold.
const PROXY: &str = "http://ann:canary-of-the-proxy@proxy.test:3128";

#[test]
fn a_variable_is_told_once_and_mail_goes_without_it() {
    let home = Home::new();
    let mail = [
        ("https_proxy", PROXY),
        ("ALL_PROXY", PROXY),
        ("NO_PROXY", "corp.test"),
        ("LLMBENCH_SMTP_URL", "smtp://mail.test"),
        ("LLMBENCH_NOTIFY_FROM", "a@b.test"),
        ("LLMBENCH_NOTIFY_TO", "c@d.test"),
    ];
    let said = asked(&mut doctor(&home, &["--offline"], &mail));
    let (severity, sentence) = said.told("configuration", "proxy");
    assert_eq!(severity, "note");
    assert!(sentence.starts_with("https_proxy, ALL_PROXY are set: lists, webhooks"), "{sentence}");
    assert!(sentence.contains("measured requests do not"), "{sentence}");
    assert!(said.about("configuration", "proxy")["fix"].as_str().unwrap().contains("--proxy URL"));
    let shown = "http://proxy.test:3128 (environment variable https_proxy)";
    assert_eq!(said.told("configuration", "https_proxy"), ("ok", shown));
    assert_eq!(said.told("configuration", "no_proxy").1, "corp.test (environment variable NO_PROXY)");
    assert!(said.told("configuration", "mail").1.contains("without a proxy"));
    let no_mail = asked(&mut doctor(&home, &["--offline"], &mail[..1]));
    assert_eq!(no_mail.of("configuration").iter().filter(|check| check["subject"] == "mail").count(), 0);
    let none = asked(&mut doctor(&home, &["--offline"], &mail[3..]));
    assert!(
        none.of("configuration")
            .iter()
            .all(|check| check["subject"] != "mail" && check["subject"] != "proxy")
    );
}

#[test]
fn a_proxy_that_cannot_be_used_is_a_finding() {
    let home = Home::new();
    let wrong = [("HTTPS_PROXY", "gopher://ann:canary-of-the-proxy@proxy.test")];
    let said = asked(&mut doctor(&home, &["--offline"], &wrong));
    let (severity, sentence) = said.told("configuration", "proxy");
    assert!(severity == "finding" && sentence.contains("HTTPS_PROXY"), "{sentence}");
    assert_eq!(said.about("configuration", "proxy")["heading"], "A proxy stands between");
}

#[test]
fn the_settings_show_proxies_without_their_passwords() {
    let home = Home::new();
    let text = "[providers.openai]\nproxy = 'http://ann:canary-of-the-file@own.test:8080'\n";
    std::fs::write(home.path().join("c.toml"), text).unwrap();
    let mut command = home.llmbench(&["config", "show", "--config", "c.toml"]);
    let ran =
        crate::support::ran::ran(command.env("HTTPS_PROXY", PROXY).env("http_proxy", "gopher://canary@x"));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!format!("{ran:?}").contains("canary"), "{ran:?}");
    for words in ["own.test:8080", "http://proxy.test:3128", "environment variable http_proxy"] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
}
