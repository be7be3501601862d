//! Tests keys from each source, and every failure of a source.

use super::*;
use crate::domain::sourced::{Source, Sourced};
use crate::providers::builtin_hosts;
use crate::providers::hosts::Hosts;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn host(name: &str) -> Host {
    Hosts::new(builtin_hosts::built_in()).find(name).unwrap().clone()
}

fn with_file(path: PathBuf) -> Host {
    let mut host = host("groq");
    host.keys.file = Some(path);
    host
}

fn with_command(command: &str) -> Host {
    let mut host = host("groq");
    host.keys.command = Some(command.into());
    host
}

fn no_env() -> Env {
    Env::default()
}

fn bearer(text: &str) -> ProviderLogin {
    ProviderLogin::Ready(Credential::Bearer(Secret::new(text)))
}

fn header(name: &str, text: &str) -> ProviderLogin {
    ProviderLogin::Ready(Credential::Header(name.into(), Secret::new(text)))
}

#[test]
fn variables_in_order() {
    let both = Env::from_pairs([("ANTHROPIC_AUTH_TOKEN", "token"), ("ANTHROPIC_API_KEY", "key")]);
    assert_eq!(login(&host("anthropic"), &both), Ok(header("x-api-key", "key")));
    let token = Env::from_pairs([("ANTHROPIC_AUTH_TOKEN", "token"), ("ANTHROPIC_API_KEY", "")]);
    assert_eq!(login(&host("anthropic"), &token), Ok(bearer("token")));
}

#[test]
fn a_host_never_gets_another_hosts_key() {
    let env = Env::from_pairs([("OPENAI_API_KEY", "canary")]);
    for host in builtin_hosts::built_in().iter().filter(|host| host.name != "openai") {
        let found = login(host, &env);
        assert!(
            !matches!(found, Ok(ProviderLogin::Ready(Credential::Bearer(_) | Credential::Header(..)))),
            "{}",
            host.name
        );
    }
}

#[test]
fn a_missing_key_names_where_it_could_stand() {
    let said = login(&host("deepinfra"), &no_env()).unwrap_err().to_string();
    let expected = "no key for provider `deepinfra`: set DEEPINFRA_API_KEY or DEEPINFRA_TOKEN, or key_file or key_command \
                    under [providers.deepinfra]";
    assert_eq!(said, expected);
}

#[test]
fn hosts_without_keys() {
    assert_eq!(login(&host("sim"), &no_env()), Ok(ProviderLogin::Ready(Credential::None)));
    assert_eq!(login(&host("bedrock"), &no_env()), Ok(ProviderLogin::AwsChain));
    let env = Env::from_pairs([(GOOGLE_APPLICATION_CREDENTIALS, "/k.json")]);
    assert_eq!(login(&host("vertex"), &env), Ok(ProviderLogin::GoogleAdc(Some("/k.json".into()))));
}

#[test]
fn vertex_takes_an_api_key_where_no_project_is_named() {
    let env = Env::from_pairs([("GOOGLE_API_KEY", "k")]);
    assert_eq!(login(&host("vertex"), &env), Ok(header("x-goog-api-key", "k")));
    let named = Host { project: Some(Sourced::new("p".into(), Source::Default)), ..host("vertex") };
    assert_eq!(login(&named, &env), Ok(ProviderLogin::GoogleAdc(None)));
}

#[test]
fn azure_takes_a_key_then_a_token_then_the_login_that_its_own_library_would_find() {
    let key = Env::from_pairs([("AZURE_OPENAI_AD_TOKEN", "t"), ("AZURE_OPENAI_API_KEY", "k")]);
    assert_eq!(login(&host("azure"), &key), Ok(header("api-key", "k")));
    let token = Env::from_pairs([("AZURE_OPENAI_AD_TOKEN", "t"), ("AZURE_CLIENT_SECRET", "s")]);
    assert_eq!(login(&host("azure"), &token), Ok(bearer("t")));
    let found = |pairs: &[(&str, &str)]| match login(&host("azure"), &Env::from_pairs(pairs.iter().copied()))
    {
        Ok(ProviderLogin::Entra(identity)) => identity,
        other => panic!("{other:?}"),
    };
    let machine = found(&[]);
    assert_eq!((machine.proof, machine.tenant), (EntraProof::ManagedIdentity, None));
    assert_eq!((machine.authority.as_str(), machine.metadata.as_str()), (PUBLIC_AUTHORITY, METADATA));
    let file =
        found(&[("AZURE_FEDERATED_TOKEN_FILE", "/t"), ("AZURE_AUTHORITY_HOST", "login.microsoftonline.us/")]);
    assert_eq!(file.proof, EntraProof::Federated("/t".into()));
    assert_eq!(file.authority, "https://login.microsoftonline.us");
    let both = found(&[
        ("AZURE_FEDERATED_TOKEN_FILE", "/t"),
        ("AZURE_CLIENT_SECRET", "s"),
        ("AZURE_TENANT_ID", "d"),
    ]);
    assert_eq!((both.proof, both.tenant.as_deref()), (EntraProof::Secret(Secret::new("s")), Some("d")));
}

#[test]
fn a_provider_without_an_address_is_not_configured() {
    let set = |name: &str, pairs: &[(&str, &str)]| {
        is_configured(&host(name), &Env::from_pairs(pairs.iter().copied()))
    };
    // The variables of Azure's login are those of other programs, too; the address of a resource is not.
    assert!(!set("azure", &[("AZURE_OPENAI_API_KEY", "k"), ("AZURE_CLIENT_SECRET", "s")]));
    assert!(!set("databricks", &[("DATABRICKS_TOKEN", "k")]));
    let addressed =
        |name: &str| Host { base_url: Some(Sourced::new("https://h".into(), Source::Default)), ..host(name) };
    assert!(is_configured(&addressed("azure"), &no_env()), "its login is searched");
    assert!(!is_configured(&addressed("databricks"), &no_env()));
    assert!(is_configured(&addressed("databricks"), &Env::from_pairs([("DATABRICKS_TOKEN", "k")])));
    // A key of Vertex switches on no second provider.
    assert!(!set("google", &[("GOOGLE_API_KEY", "k")]) && set("vertex", &[("GOOGLE_API_KEY", "k")]));
}

#[test]
fn a_broken_key_is_not_repeated() {
    let env = Env::from_pairs([("GROQ_API_KEY", "canary canary")]);
    let said = login(&host("groq"), &env).unwrap_err().to_string();
    assert!(
        said.starts_with(
            "the key of provider `groq` from GROQ_API_KEY is unusable: character 7 is white space"
        )
    );
    assert!(!said.contains("canary"));
}

#[test]
fn key_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let write = |text: &str, mode: u32| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        login(&with_file(path.clone()), &no_env())
    };
    assert_eq!(write("canary\n", 0o600), Ok(bearer("canary")));
    assert_eq!(write("canary\r\n", 0o400), Ok(bearer("canary")));
    assert!(matches!(write("canary\n\n", 0o600), Err(KeyError::Unusable { .. })));
    assert!(matches!(write("", 0o600), Err(KeyError::Unusable { reason: InvalidKey::Empty, .. })));
    for mode in [0o640, 0o604, 0o644] {
        let said = write("canary\n", mode).unwrap_err().to_string();
        assert!(
            said.ends_with(&format!("run `chmod 600 {}`", path.display())) && !said.contains("canary"),
            "{said}"
        );
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let env = Env::from_pairs([("GROQ_API_KEY", "environment")]);
    assert_eq!(login(&with_file(path.clone()), &env), Ok(bearer("environment")));
    assert!(matches!(
        login(&with_file(directory.path().into()), &no_env()),
        Err(KeyError::Unreadable { .. })
    ));
    assert!(matches!(login(&with_file("/nonexistent".into()), &no_env()), Err(KeyError::Unreadable { .. })));
}

#[test]
fn key_commands() {
    assert_eq!(login(&with_command("echo canary"), &no_env()), Ok(bearer("canary")));
    assert!(matches!(login(&with_command("true"), &no_env()), Err(KeyError::Unusable { .. })));
    let said = login(&with_command("echo gone >&2; exit 3"), &no_env()).unwrap_err().to_string();
    assert_eq!(said, "the key command of provider `groq` failed (exit status: 3): gone");
}

#[test]
fn the_redactor_knows_the_environments_secrets() {
    let mut own = host("groq");
    own.keys.vars[0].name = "MY_KEY".into();
    let env = Env::from_pairs([
        ("MY_KEY", "canary-one"),
        ("AWS_SECRET_ACCESS_KEY", "canary-two"),
        ("HOME", "/home/x"),
    ]);
    let redactor = redactor([&own], &env);
    assert_eq!(redactor.redact("canary-one canary-two /home/x"), "[redacted] [redacted] /home/x");
}

#[test]
fn a_host_is_configured_where_something_says_so() {
    let configured =
        |name: &str, env: &[(&str, &str)]| is_configured(&host(name), &Env::from_pairs(env.iter().copied()));
    assert!(!configured("groq", &[("OPENAI_API_KEY", "k")]));
    assert!(configured("groq", &[("GROQ_API_KEY", "k")]));
    assert!(is_configured(&with_file("/nonexistent".into()), &no_env()));
    assert!(is_configured(&with_command("true"), &no_env()));
    assert!(configured("sim", &[]));
    assert!(!configured("bedrock", &[]) && configured("bedrock", &[("AWS_PROFILE", "bench")]));
    assert!(!configured("vertex", &[]) && configured("vertex", &[("GOOGLE_APPLICATION_CREDENTIALS", "/f")]));
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let pipe = home.path().join("key");
    assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap().success());
    let said = read_file(&pipe).unwrap_err().to_string();
    assert!(said.contains("it is no regular file"), "{said}");
}
