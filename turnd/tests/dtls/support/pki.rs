//! A root, an intermediate authority and a certificate, made anew in each run.

use std::sync::LazyLock;

use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    x509::{X509, X509Name, X509NameRef, extension::BasicConstraints},
};
use turnd::dtls::Credentials;

/// A chain of three, all with keys of one kind.
pub(crate) struct Pki {
    pub(crate) root: X509,
    /// The leaf and the intermediate certificate, in PEM.
    pub(crate) chain: Vec<u8>,
    pub(crate) leaf: X509,
    pub(crate) key: PKey<Private>,
    pub(crate) key_pem: Vec<u8>,
}

static ECDSA: LazyLock<Pki> = LazyLock::new(|| Pki::new(ecdsa_key));
static OTHER_ECDSA: LazyLock<Pki> = LazyLock::new(|| Pki::new(ecdsa_key));
static RSA: LazyLock<Pki> = LazyLock::new(|| Pki::new(rsa_key));

impl Pki {
    pub(crate) fn ecdsa() -> &'static Self {
        &ECDSA
    }

    /// A second one whose root has the same name and another key.
    pub(crate) fn other_ecdsa() -> &'static Self {
        &OTHER_ECDSA
    }

    pub(crate) fn rsa() -> &'static Self {
        &RSA
    }

    pub(crate) fn credentials(&self) -> Credentials<'_> {
        Credentials {
            chain: &self.chain,
            key: &self.key_pem,
            ..Credentials::default()
        }
    }

    pub(crate) fn root_pem(&self) -> Vec<u8> {
        self.root.to_pem().unwrap()
    }

    fn new(new_key: fn() -> PKey<Private>) -> Self {
        let (root_key, intermediate_key, key) = (new_key(), new_key(), new_key());
        let (root_name, intermediate_name) = (name("Root"), name("Intermediate"));
        let root = certificate(&root_name, &root_key, &root_name, &root_key, true);
        let intermediate = certificate(
            &intermediate_name,
            &intermediate_key,
            &root_name,
            &root_key,
            true,
        );
        let leaf = certificate(
            &name("turn.example"),
            &key,
            &intermediate_name,
            &intermediate_key,
            false,
        );
        let chain = [leaf.to_pem().unwrap(), intermediate.to_pem().unwrap()].concat();
        let key_pem = key.private_key_to_pem_pkcs8().unwrap();
        Self {
            root,
            chain,
            leaf,
            key,
            key_pem,
        }
    }
}

fn ecdsa_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn rsa_key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

fn name(common_name: &str) -> X509Name {
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, common_name)
        .unwrap();
    name.build()
}

fn certificate(
    subject: &X509NameRef,
    key: &PKey<Private>,
    issuer: &X509NameRef,
    issuer_key: &PKey<Private>,
    is_authority: bool,
) -> X509 {
    let mut serial = BigNum::new().unwrap();
    serial.rand(64, openssl::bn::MsbOption::ONE, false).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder
        .set_serial_number(&serial.to_asn1_integer().unwrap())
        .unwrap();
    builder
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::days_from_now(2).unwrap())
        .unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_pubkey(key).unwrap();
    if is_authority {
        builder
            .append_extension(BasicConstraints::new().critical().ca().build().unwrap())
            .unwrap();
    }
    builder.sign(issuer_key, MessageDigest::sha256()).unwrap();
    builder.build()
}
