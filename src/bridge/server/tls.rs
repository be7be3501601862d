//! The server's certificate and key, read from files, and reread when they change, so a renewal needs no restart. An
//! unusable pair leaves the old one in place.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::TlsAcceptor;

/// Paths of certificate and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM, the server's own certificate first, then the intermediate ones.
    pub certificate: PathBuf,
    /// The private key as PEM.
    pub key: PathBuf,
}

/// The reason why a certificate and its key cannot be used. Contains nothing of the files' content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct CertificateError {
    pub path: PathBuf,
    pub reason: String,
}

/// The result of rereading the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateReload {
    /// The files are unchanged.
    Same,
    /// The files changed, and new connections use them.
    New,
}

/// The pair in use.
pub struct TlsIdentity {
    files: TlsFiles,
    current: Mutex<(TlsAcceptor, [u8; 32])>,
}

impl TlsIdentity {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// [`CertificateError`] with the path of the invalid file.
    pub fn load(files: TlsFiles) -> Result<Self, CertificateError> {
        let (config, mark) = read(&files)?;
        Ok(Self { files, current: Mutex::new((TlsAcceptor::from(config), mark)) })
    }

    /// The acceptor for new connections.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Reads both files again.
    ///
    /// # Errors
    /// [`CertificateError`] if they became unusable; the old pair stays. This is normal between the renewals
    /// of the two files.
    pub fn reload(&self) -> Result<CertificateReload, CertificateError> {
        let (config, mark) = read(&self.files)?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.1 == mark {
            return Ok(CertificateReload::Same);
        }
        *current = (TlsAcceptor::from(config), mark);
        Ok(CertificateReload::New)
    }
}

/// Refuses a key that every user can read. A group may, because certificates are shared that way.
#[cfg(unix)]
fn check_private(key: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(key).map_err(|error| error.to_string())?.permissions().mode() & 0o777;
    if mode & 0o007 == 0 {
        return Ok(());
    }
    Err(format!("everybody on this machine can read or change the key (mode {mode:o}): chmod 600 it"))
}

#[cfg(not(unix))]
fn check_private(_: &Path) -> Result<(), String> {
    Ok(())
}

/// Returns a configuration, and a digest of its files.
fn read(files: &TlsFiles) -> Result<(Arc<ServerConfig>, [u8; 32]), CertificateError> {
    let fail = |path: &Path, reason: String| CertificateError { path: path.to_owned(), reason };
    let bytes = |path: &Path| std::fs::read(path).map_err(|error| fail(path, error.to_string()));
    let chain_pem = bytes(&files.certificate)?;
    check_private(&files.key).map_err(|reason| fail(&files.key, reason))?;
    let key_pem = bytes(&files.key)?;
    let mark = Sha256::new().chain_update(&chain_pem).chain_update([0]).chain_update(&key_pem).finalize();
    let chain = CertificateDer::pem_slice_iter(&chain_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| fail(&files.certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(fail(&files.certificate, "it holds no certificate in PEM".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&key_pem)
        .map_err(|_| fail(&files.key, "it holds no private key in PEM".to_owned()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(&files.certificate, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| fail(&files.key, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), mark.into()))
}
