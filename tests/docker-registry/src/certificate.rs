use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair};

/// A certificate that signs itself, and its key, in files.
#[derive(Debug)]
pub struct Certificate {
    path: PathBuf,
    key_path: PathBuf,
    der: Vec<u8>,
    pkcs8: Vec<u8>,
}

impl Certificate {
    /// Makes one for these names in this folder.
    #[must_use]
    pub fn new(folder: &Path, names: &[&str]) -> Self {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let (path, key_path) = (folder.join("certificate.pem"), folder.join("key.pem"));
        std::fs::write(&path, certificate.pem()).unwrap();
        std::fs::write(&key_path, key.serialize_pem()).unwrap();
        Self { path, key_path, der: certificate.der().to_vec(), pkcs8: key.serialize_der() }
    }

    /// The certificate, in PEM: who trusts it names it in `SSL_CERT_FILE`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its key, in PEM.
    #[must_use]
    pub fn key_path(&self) -> &Path {
        &self.key_path
    }

    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}
