//! X.509: certificates made and read, as far as charts need them.
//!
//! Keys are RSA (SHA-256, PKCS #1), Ed25519 and ECDSA over P-256 (RFC 6979): all sign the same bytes the same way every
//! time.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use sha2::{Digest, Sha256};

use super::random::stream;
use super::times::NOW;

/// Keys that everybody knows: two RSA of 2048 bits, one of 4096, one of DSA and one of P-256.
const KEYS: &str = include_str!("keys.pem");

/// In the message of what only tiphys cannot do.
pub const UNSUPPORTED: &str = "is not supported by tiphys";

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const SUBJECT_KEY: [u8; 3] = [0x55, 29, 14];
const KEY_USAGE: [u8; 3] = [0x55, 29, 15];
const ALTERNATIVE_NAMES: [u8; 3] = [0x55, 29, 17];
const CONSTRAINTS: [u8; 3] = [0x55, 29, 19];
const AUTHORITY_KEY: [u8; 3] = [0x55, 29, 35];
const EXTENDED_USAGE: [u8; 3] = [0x55, 29, 37];

/// One DER element.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..=0x7f => out.push(length as u8),
        0x80..=0xff => out.extend([0x81, length as u8]),
        0x100..=0xffff => out.extend([0x82, (length >> 8) as u8, length as u8]),
        _ => out.extend([0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8]),
    }
    out.extend_from_slice(content);
    out
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(SEQUENCE, &parts.concat())
}

fn oid(bytes: &[u8]) -> Vec<u8> {
    element(6, bytes)
}

fn bit_string(content: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], content].concat())
}

/// An element's tag, its content, what follows, and the whole of it.
type First<'d> = (u8, &'d [u8], &'d [u8], &'d [u8]);
/// An element's tag, its content, and the whole of it.
type Element<'d> = (u8, &'d [u8], &'d [u8]);

/// The first element of `der`.
fn first(der: &[u8]) -> Option<First<'_>> {
    let (tag, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x83 => {
            let count = usize::from(length & 0x7f);
            let digits = rest.get(..count)?;
            (digits.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)), &rest[count..])
        }
        _ => return None,
    };
    let content = rest.get(..length)?;
    let after = &rest[length..];
    Some((*tag, content, after, &der[..der.len() - after.len()]))
}

/// The elements within `der`, whole.
fn elements(mut der: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut out = Vec::new();
    while !der.is_empty() {
        let (tag, content, after, whole) = first(der)?;
        out.push((tag, content, whole));
        der = after;
    }
    Some(out)
}

fn write_pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// The first block of a PEM text: its label, its content, and what follows.
fn read_pem(text: &str) -> Option<(&str, Vec<u8>, &str)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, rest) = rest.split_once(&format!("-----END {label}-----"))?;
    let clean: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    Some((label, STANDARD.decode(clean).ok()?, rest))
}

/// A private key.
pub(super) enum Key {
    /// PKCS #1.
    Rsa(Vec<u8>),
    /// The seed.
    Ed25519(Vec<u8>),
    /// SEC 1, and the key in it.
    Ec(Vec<u8>, Box<SigningKey>),
}

/// The P-256 key of a SEC 1 structure.
fn ec_key(der: &[u8]) -> Option<Box<SigningKey>> {
    let (_, content, _, _) = first(der)?;
    let parts = elements(content)?;
    let curve = parts.iter().find(|(tag, ..)| *tag == 0xa0).map(|(_, curve, _)| *curve);
    if curve.is_some_and(|curve| curve != oid(P256)) {
        return None;
    }
    Some(Box::new(SigningKey::from_slice(parts.get(1)?.1).ok()?))
}

/// One of the keys that everybody knows.
pub(super) fn own_key(index: usize) -> Key {
    let mut rest = KEYS;
    let mut found = Vec::new();
    for _ in 0..=index {
        let Some((_, der, after)) = read_pem(rest) else { break };
        found = der;
        rest = after;
    }
    Key::Rsa(found)
}

/// `genPrivateKey`
pub(super) fn private_key(kind: &str) -> Option<String> {
    let index = match kind {
        "" | "rsa" => 2,
        "dsa" => 3,
        "ecdsa" => 4,
        "ed25519" => return Some(Key::Ed25519(stream("ed25519", 32)).pem()),
        _ => return None,
    };
    let blocks = KEYS.split_inclusive(" PRIVATE KEY-----\n").collect::<Vec<_>>();
    let (begin, body) = (blocks.get(2 * index)?, blocks.get(2 * index + 1)?);
    Some(format!("{}{body}", begin.get(begin.rfind("-----BEGIN")?..)?))
}

impl Key {
    /// Reads a PEM text.
    ///
    /// # Errors
    /// sprig's words.
    pub(super) fn parse(text: &str) -> Result<Key, String> {
        let (label, der, _) = read_pem(text).ok_or("no PEM data in input")?;
        match label {
            "PRIVATE KEY" => Key::from_pkcs8(&der).ok_or("decoding PEM as PKCS#8: it is no key".to_owned()),
            "RSA PRIVATE KEY" => match RsaKeyPair::from_der(&der) {
                Ok(_) => Ok(Key::Rsa(der)),
                Err(error) => Err(format!("parsing RSA private key from PEM: {error}")),
            },
            "EC PRIVATE KEY" => match ec_key(&der) {
                Some(key) => Ok(Key::Ec(der, key)),
                None => Err(format!("an elliptic curve other than P-256 {UNSUPPORTED}")),
            },
            "DSA PRIVATE KEY" => Err(format!("a DSA key {UNSUPPORTED}")),
            label if label.ends_with(" PRIVATE KEY") => {
                let kind = label.trim_end_matches(" PRIVATE KEY");
                Err(format!("invalid private key type {kind}"))
            }
            label => Err(format!("no private key data in PEM block of type {label}")),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Option<Key> {
        let (_, content, _, _) = first(der)?;
        let parts = elements(content)?;
        let algorithm = elements(parts.get(1)?.1)?;
        let inner = parts.get(2)?.1;
        match algorithm.first()?.1 {
            RSA => RsaKeyPair::from_der(inner).ok().map(|_| Key::Rsa(inner.to_vec())),
            ED25519 => Some(Key::Ed25519(first(inner)?.1.to_vec())),
            _ => ec_key(inner).map(|key| Key::Ec(inner.to_vec(), key)),
        }
    }

    /// The key as sprig writes it.
    pub(super) fn pem(&self) -> String {
        match self {
            Key::Rsa(der) => write_pem("RSA PRIVATE KEY", der),
            Key::Ec(der, _) => write_pem("EC PRIVATE KEY", der),
            Key::Ed25519(seed) => {
                let inner = element(OCTET_STRING, &element(OCTET_STRING, seed));
                write_pem("PRIVATE KEY", &sequence(&[element(INTEGER, &[0]), sequence(&[oid(ED25519)]), inner]))
            }
        }
    }

    /// SubjectPublicKeyInfo, and the bits of the key within.
    fn public(&self) -> Result<(Vec<u8>, Vec<u8>), String> {
        let (algorithm, bits) = match self {
            Key::Rsa(der) => {
                let pair = RsaKeyPair::from_der(der).map_err(|error| error.to_string())?;
                (sequence(&[oid(RSA), element(5, &[])]), pair.public_key().as_ref().to_vec())
            }
            Key::Ed25519(seed) => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|error| error.to_string())?;
                (sequence(&[oid(ED25519)]), pair.public_key().as_ref().to_vec())
            }
            Key::Ec(_, key) => {
                let point = key.verifying_key().to_encoded_point(false);
                (sequence(&[oid(EC), oid(P256)]), point.as_bytes().to_vec())
            }
        };
        Ok((sequence(&[algorithm, bit_string(&bits)]), bits))
    }

    fn algorithm(&self) -> Vec<u8> {
        match self {
            Key::Ed25519(_) => sequence(&[oid(ED25519)]),
            Key::Ec(..) => sequence(&[oid(ECDSA_SHA256)]),
            Key::Rsa(_) => sequence(&[oid(RSA_SHA256), element(5, &[])]),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Key::Rsa(der) => {
                let pair = RsaKeyPair::from_der(der).map_err(|error| error.to_string())?;
                let mut signature = vec![0; pair.public().modulus_len()];
                // Chance only blinds the computation; the signature does not depend on it.
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(|error| error.to_string())?;
                Ok(signature)
            }
            Key::Ed25519(seed) => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|error| error.to_string())?;
                Ok(pair.sign(message).as_ref().to_vec())
            }
            Key::Ec(_, key) => {
                let signature: Signature = key.sign(message);
                Ok(signature.to_der().as_bytes().to_vec())
            }
        }
    }
}

/// What a certificate shall say.
pub(super) struct Request<'a> {
    name: &'a str,
    ips: Vec<IpAddr>,
    hosts: Vec<String>,
    days: i64,
    authority: bool,
}

impl<'a> Request<'a> {
    /// A certificate for servers and clients.
    pub(super) fn new(name: &'a str, ips: Vec<IpAddr>, hosts: Vec<String>, days: i64) -> Request<'a> {
        Request { name, ips, hosts, days, authority: false }
    }

    /// One that signs others.
    pub(super) fn authority(name: &'a str, days: i64) -> Request<'a> {
        Request { authority: true, ..Request::new(name, Vec::new(), Vec::new(), days) }
    }
}

/// Who signs.
pub(super) struct Authority {
    subject: Vec<u8>,
    key_id: Vec<u8>,
    key: Key,
}

/// The TBSCertificate's fields of a PEM certificate, without the version.
fn fields(pem: &str) -> Result<Vec<Vec<u8>>, String> {
    let (_, der, _) = read_pem(pem).ok_or("unable to decode certificate")?;
    let read = || {
        let (_, certificate, _, _) = first(&der)?;
        let (_, tbs, _, _) = first(certificate)?;
        let mut fields: Vec<Vec<u8>> = elements(tbs)?.into_iter().map(|(_, _, whole)| whole.to_vec()).collect();
        if fields.first()?.first() == Some(&0xa0) {
            fields.remove(0);
        }
        (fields.len() >= 6).then_some(fields)
    };
    read().ok_or_else(|| "error parsing certificate: x509: malformed certificate".to_owned())
}

/// Whether `pem` is a certificate.
///
/// # Errors
/// sprig's words.
pub(super) fn check(pem: &str) -> Result<(), String> {
    fields(pem).map(|_| ())
}

impl Authority {
    /// Reads what `genCA` made.
    ///
    /// # Errors
    /// sprig's words.
    pub(super) fn parse(cert: &str, key: &str) -> Result<Authority, String> {
        let fields = fields(cert)?;
        let key = Key::parse(key).map_err(|reason| format!("error parsing private key: {reason}"))?;
        let key_id = fields.iter().find(|field| field.first() == Some(&0xa3)).and_then(|field| {
            let (_, list, _, _) = first(field)?;
            let (_, extensions, _, _) = first(list)?;
            let wanted = oid(&SUBJECT_KEY);
            let (_, extension, _) =
                elements(extensions)?.into_iter().find(|(_, content, _)| content.starts_with(&wanted))?;
            let (_, octets, _) = *elements(extension)?.last()?;
            Some(first(octets)?.1.to_vec())
        });
        Ok(Authority { subject: fields[4].clone(), key_id: key_id.unwrap_or_default(), key })
    }
}

fn extension(id: &[u8], critical: bool, content: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(id)];
    if critical {
        parts.push(element(1, &[0xff]));
    }
    parts.push(element(OCTET_STRING, content));
    sequence(&parts)
}

/// Seconds since 1970 as UTCTime until 2049, GeneralizedTime from then on.
fn time(seconds: i64) -> Vec<u8> {
    let time = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    if seconds < 2_524_608_000 {
        element(0x17, time.format("%y%m%d%H%M%SZ").to_string().as_bytes())
    } else {
        element(0x18, time.format("%Y%m%d%H%M%SZ").to_string().as_bytes())
    }
}

/// A certificate in PEM, signed by `authority`, or by its own key.
///
/// # Errors
/// What cannot be signed with.
pub(super) fn issue(request: &Request<'_>, key: &Key, authority: Option<&Authority>) -> Result<String, String> {
    let (public, bits) = key.public()?;
    let printable = |c: char| c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c);
    let tag = if request.name.chars().all(printable) { PRINTABLE } else { UTF8 };
    let attribute = sequence(&[oid(COMMON_NAME), element(tag, request.name.as_bytes())]);
    let parts = if request.name.is_empty() { Vec::new() } else { vec![element(SET, &attribute)] };
    let subject = sequence(&parts);
    let mut extensions = vec![
        extension(&KEY_USAGE, true, &if request.authority { [3, 2, 2, 0xa4] } else { [3, 2, 5, 0xa0] }),
        extension(
            &EXTENDED_USAGE,
            false,
            &sequence(&[oid(&[0x2b, 6, 1, 5, 5, 7, 3, 1]), oid(&[0x2b, 6, 1, 5, 5, 7, 3, 2])]),
        ),
        extension(
            &CONSTRAINTS,
            true,
            &sequence(&if request.authority { vec![element(1, &[0xff])] } else { Vec::new() }),
        ),
    ];
    if request.authority {
        let id = &Sha256::digest(&bits)[..20];
        extensions.push(extension(&SUBJECT_KEY, false, &element(OCTET_STRING, id)));
    }
    if let Some(signer) = authority.filter(|signer| !signer.key_id.is_empty() && signer.subject != subject) {
        extensions.push(extension(&AUTHORITY_KEY, false, &sequence(&[element(0x80, &signer.key_id)])));
    }
    let mut names: Vec<Vec<u8>> = request.hosts.iter().map(|host| element(0x82, host.as_bytes())).collect();
    names.extend(request.ips.iter().map(|ip| match ip {
        IpAddr::V4(ip) => element(0x87, &ip.octets()),
        IpAddr::V6(ip) => element(0x87, &ip.octets()),
    }));
    if !names.is_empty() {
        extensions.push(extension(&ALTERNATIVE_NAMES, request.name.is_empty(), &sequence(&names)));
    }
    let mut serial = stream(&format!("serial {}", request.name), 16);
    serial[0] = serial[0] & 0x7f | 0x40;
    let signer = authority.map_or(key, |authority| &authority.key);
    let until = NOW.saturating_add(request.days.clamp(-100_000, 1_000_000) * 86_400);
    let tbs = sequence(&[
        element(0xa0, &element(INTEGER, &[2])),
        element(INTEGER, &serial),
        signer.algorithm(),
        authority.map_or_else(|| subject.clone(), |authority| authority.subject.clone()),
        sequence(&[time(NOW), time(until)]),
        subject,
        public,
        element(0xa3, &sequence(&extensions)),
    ]);
    let signature = signer.sign(&tbs)?;
    Ok(write_pem("CERTIFICATE", &sequence(&[tbs, signer.algorithm(), bit_string(&signature)])))
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    /// What is signed, and the signature.
    fn parts(pem: &str) -> (Vec<u8>, Vec<u8>) {
        let (_, der, _) = read_pem(pem).unwrap();
        let (_, certificate, _, _) = first(&der).unwrap();
        let parts = elements(certificate).unwrap();
        (parts[0].2.to_vec(), parts[2].1[1..].to_vec())
    }

    #[test]
    fn an_authority_signs_what_its_public_key_verifies() {
        let key = own_key(0);
        let authority_pem = issue(&Request::authority("ca", 10), &key, None).unwrap();
        let authority = Authority::parse(&authority_pem, &key.pem()).unwrap();
        let (_, public) = key.public().unwrap();
        let verifier = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
        let request = Request::new("web", vec!["10.0.0.1".parse().unwrap()], vec!["web.shop".to_owned()], 10);
        let leaf = issue(&request, &own_key(1), Some(&authority)).unwrap();
        for pem in [&authority_pem, &leaf] {
            let (signed, signature) = parts(pem);
            verifier.verify(&signed, &signature).unwrap();
        }
        assert_eq!(leaf, issue(&request, &own_key(1), Some(&authority)).unwrap());
    }

    #[test]
    fn every_kind_of_key_is_read_as_it_was_written() {
        for kind in ["rsa", "ecdsa", "ed25519"] {
            let pem = private_key(kind).unwrap();
            let key = Key::parse(&pem).unwrap();
            assert_eq!(key.pem(), pem, "{kind}");
            assert!(issue(&Request::authority("ca", 1), &key, None).is_ok(), "{kind}");
        }
    }
}
