//! Finds a host's key: the environment, a file, a command. `providers::auth` sends it to the host.

use super::error::KeyError;
use super::{Env, key_command};
use crate::domain::env_vars::{
    AWS_BEARER_TOKEN_BEDROCK, AWS_PROFILE, AWS_SECRET_ACCESS_KEY, AZURE_AUTHORITY_HOST, AZURE_CLIENT_ID,
    AZURE_CLIENT_SECRET, AZURE_FEDERATED_TOKEN_FILE, AZURE_POD_IDENTITY_AUTHORITY_HOST, AZURE_TENANT_ID,
    GOOGLE_APPLICATION_CREDENTIALS, SECRETS,
};
use crate::domain::redact::Redactor;
use crate::domain::secret::{InvalidKey, Secret};
use crate::providers::auth::{Credential, ProviderLogin};
use crate::providers::entra::{EntraIdentity, EntraProof, METADATA, PUBLIC_AUTHORITY};
use crate::providers::hosts::{Auth, Host};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The largest key file that is read, bytes.
const LARGEST_FILE: u64 = 64 * 1024;

/// The login of a host: environment, then file, then command, then the host's alternative to a key.
///
/// # Errors
/// [`KeyError`], which names the variables if no key is found, and never repeats a key.
pub fn login(host: &Host, env: &Env) -> Result<ProviderLogin, KeyError> {
    let ready = |auth: &Auth, key| {
        Credential::from_key(auth, key).map_or(ProviderLogin::AwsChain, ProviderLogin::Ready)
    };
    if let Some(found) = from_env(host, env)? {
        return Ok(ProviderLogin::Ready(found));
    }
    if let Some(path) = &host.keys.file {
        let place = format!("the file {}", path.display());
        return Ok(ready(&host.keys.auth, key(host, &place, read_file(path)?)?));
    }
    if let Some(command) = &host.keys.command {
        let said = key_command::run(command, key_command::DEADLINE)
            .map_err(|reason| KeyError::Command { provider: host.name.clone(), reason })?;
        return Ok(ready(&host.keys.auth, key(host, "its command", said)?));
    }
    match host.keys.auth {
        Auth::None => Ok(ProviderLogin::Ready(Credential::None)),
        Auth::AwsChain => Ok(ProviderLogin::AwsChain),
        Auth::GoogleAdc => {
            Ok(ProviderLogin::GoogleAdc(env.get(GOOGLE_APPLICATION_CREDENTIALS).map(Into::into)))
        }
        Auth::Entra => Ok(ProviderLogin::Entra(entra(env))),
        Auth::Bearer | Auth::Header(_) => Err(KeyError::Missing {
            provider: host.name.clone(),
            vars: host.key_names().into_iter().map(str::to_owned).collect(),
        }),
    }
}

/// The identity that Azure's own library would take: an application with its secret, a token of workload identity, else
/// the machine itself.
fn entra(env: &Env) -> EntraIdentity {
    let text = |name: &str| env.get(name).map(str::to_owned);
    let proof = match (text(AZURE_CLIENT_SECRET), text(AZURE_FEDERATED_TOKEN_FILE)) {
        (Some(secret), _) => EntraProof::Secret(Secret::new(secret)),
        (None, Some(file)) => EntraProof::Federated(file.into()),
        (None, None) => EntraProof::ManagedIdentity,
    };
    let address = |name: &str, usual: &str| {
        let given = text(name).unwrap_or_else(|| usual.to_owned());
        let whole = if given.contains("://") { given } else { format!("https://{given}") };
        whole.trim_end_matches('/').to_owned()
    };
    EntraIdentity {
        tenant: text(AZURE_TENANT_ID),
        client: text(AZURE_CLIENT_ID),
        proof,
        authority: address(AZURE_AUTHORITY_HOST, PUBLIC_AUTHORITY),
        metadata: address(AZURE_POD_IDENTITY_AUTHORITY_HOST, METADATA),
    }
}

/// True if a host is configured for use: it has an address, and it has a key if it needs one, else there is a sign of a login that the
/// vendor's own library would find.
pub fn is_configured(host: &Host, env: &Env) -> bool {
    let set = |names: &[&str]| env.first(names).is_some();
    if !host.has_address() {
        return false;
    }
    if set(&host.key_names()) || host.keys.file.is_some() || host.keys.command.is_some() {
        return true;
    }
    match host.keys.auth {
        // Nobody else sets the address of a resource of Azure; the login is searched.
        Auth::None | Auth::Entra => true,
        Auth::Bearer | Auth::Header(_) => false,
        Auth::GoogleAdc => host.project.is_some() || set(&[GOOGLE_APPLICATION_CREDENTIALS]),
        Auth::AwsChain => {
            host.region.is_some() || set(&[AWS_PROFILE, AWS_SECRET_ACCESS_KEY, AWS_BEARER_TOKEN_BEDROCK])
        }
    }
}

/// The first variable that is set. Vertex's API key is used only if no project is configured: with one, a login is
/// meant.
fn from_env(host: &Host, env: &Env) -> Result<Option<Credential>, KeyError> {
    if host.keys.auth == Auth::GoogleAdc && host.project.is_some() {
        return Ok(None);
    }
    for var in &host.keys.vars {
        if let Some(value) = env.get(&var.name) {
            return Ok(Credential::from_key(&var.auth, key(host, &var.name, value.to_owned())?));
        }
    }
    Ok(None)
}

fn key(host: &Host, place: &str, text: String) -> Result<Secret, KeyError> {
    let unusable = |reason: InvalidKey| KeyError::Unusable {
        provider: host.name.clone(),
        place: place.to_owned(),
        reason,
    };
    Secret::key(text).map_err(unusable)
}

/// The content of a key file without one line break at its end. Files that other users can read are refused.
pub(super) fn read_file(path: &Path) -> Result<String, KeyError> {
    let unreadable = |reason: String| KeyError::Unreadable { path: path.to_owned(), reason };
    // A pipe may never have a writer: it is opened without blocking, and refused.
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| unreadable(error.to_string()))?;
    let metadata = file.metadata().map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable("it is no regular file".into()));
    }
    refuse_exposed(path, &metadata)?;
    let mut text = String::new();
    file.take(LARGEST_FILE).read_to_string(&mut text).map_err(|error| unreadable(error.to_string()))?;
    Ok(without_newline(text))
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, metadata: &std::fs::Metadata) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyError::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_exposed(_: &Path, _: &std::fs::Metadata) -> Result<(), KeyError> {
    Ok(())
}

/// Removes one line break at the end, which editors add.
pub(super) fn without_newline(mut text: String) -> String {
    let kept = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).map_or(text.len(), str::len);
    text.truncate(kept);
    text
}

/// A redactor with every secret of the environment: variables with known names, and those of hosts' keys.
pub fn redactor<'a>(hosts: impl IntoIterator<Item = &'a Host>, env: &Env) -> Redactor {
    let mut redactor = Redactor::new();
    let own = hosts.into_iter().flat_map(Host::key_names).collect::<Vec<_>>();
    for name in SECRETS.iter().copied().chain(own) {
        if let Some(value) = env.get(name) {
            redactor.add(&Secret::new(value));
        }
    }
    redactor
}

#[cfg(test)]
mod tests;
