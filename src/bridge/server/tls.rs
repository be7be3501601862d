//! The server's certificate and key, read from files, and read again when they change: a renewal needs no restart. A pair
//! that cannot be used leaves the old one in place.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::TlsAcceptor;

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM, the server's own certificate first, then those between it and a root.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// Why a certificate and its key cannot be used. Never holds what is in the files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct CertificateError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// What a look at the files brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateReload {
    /// They are as they were.
    Same,
    /// They are others, and new connections use them.
    New,
}

/// The pair in use.
pub struct TlsIdentity {
    files: TlsFiles,
    current: Mutex<(TlsAcceptor, [u8; 32])>,
}

impl TlsIdentity {
    /// Reads both files.
    ///
    /// # Errors
    /// [`CertificateError`] with the file that is wrong.
    pub fn load(files: TlsFiles) -> Result<Self, CertificateError> {
        let (config, mark) = read(&files)?;
        Ok(Self { files, current: Mutex::new((TlsAcceptor::from(config), mark)) })
    }

    /// What new connections shake hands with.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Looks at the files again.
    ///
    /// # Errors
    /// [`CertificateError`], where they changed into something unusable; the old pair stays. Between the renewal of one file and
    /// that of the other this is the rule.
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

/// Refuses a key that everybody on this machine can read. A group may: that is how certificates are shared with services.
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

/// A configuration, and a digest of what it was made from.
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
