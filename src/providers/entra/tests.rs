//! Tests of the requests for tokens, against the documents of Entra ID and of the metadata service.

use super::*;

fn identity(proof: EntraProof) -> EntraIdentity {
    EntraIdentity {
        tenant: Some("t-1".into()),
        client: Some("c-1".into()),
        proof,
        authority: PUBLIC_AUTHORITY.into(),
        metadata: METADATA.into(),
    }
}

fn form(request: &TokenRequest) -> Vec<(&str, &str)> {
    match &request.body {
        Some(RequestBody::Form(fields)) => {
            fields.iter().map(|(name, value)| (*name, value.expose())).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn an_application_shows_its_secret() {
    let request = identity(EntraProof::Secret(Secret::new("canary"))).request().unwrap();
    assert_eq!(request.url, "https://login.microsoftonline.com/t-1/oauth2/v2.0/token");
    let wanted = [
        ("grant_type", "client_credentials"),
        ("client_id", "c-1"),
        ("scope", "https://cognitiveservices.azure.com/.default"),
        ("client_secret", "canary"),
    ];
    assert_eq!(form(&request), wanted);
}

#[test]
fn workload_identity_shows_the_token_of_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    std::fs::write(&path, "ey.j.w\n").unwrap();
    let request = identity(EntraProof::Federated(path.clone())).request().unwrap();
    assert_eq!(form(&request).last(), Some(&("client_assertion", "ey.j.w")));
    std::fs::write(&path, "can ary").unwrap();
    let said = identity(EntraProof::Federated(path)).request().err().unwrap().to_string();
    assert!(said.contains("AZURE_FEDERATED_TOKEN_FILE") && !said.contains("can ary"), "{said}");
}

#[test]
fn a_machine_is_asked_without_a_proxy() {
    let request = identity(EntraProof::ManagedIdentity).request().unwrap();
    assert_eq!(
        request.url,
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01\
         &resource=https%3A%2F%2Fcognitiveservices.azure.com&client_id=c-1"
    );
    assert!(request.direct && request.body.is_none());
}

#[test]
fn what_is_missing_is_named() {
    let whole = identity(EntraProof::Secret(Secret::new("canary")));
    let said = |identity: EntraIdentity| identity.check().map_err(|error| error.to_string());
    assert_eq!(said(whole.clone()), Ok(()));
    for (identity, variable) in [
        (EntraIdentity { tenant: None, ..whole.clone() }, "AZURE_TENANT_ID is not set"),
        (EntraIdentity { tenant: Some("a/b".into()), ..whole.clone() }, "AZURE_TENANT_ID holds"),
        (EntraIdentity { client: None, ..whole.clone() }, "AZURE_CLIENT_ID is not set"),
        (EntraIdentity { authority: "http://h.example".into(), ..whole.clone() }, "AZURE_AUTHORITY_HOST"),
    ] {
        let error = said(identity).unwrap_err();
        assert!(error.contains(variable) && !error.contains("canary"), "{error}");
    }
    let machine = EntraIdentity { tenant: None, client: None, ..identity(EntraProof::ManagedIdentity) };
    assert_eq!(said(machine), Ok(()));
}
