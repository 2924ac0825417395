//! Keys, certificates, ciphers and password hashes: real ones, made from a fixed seed.
//!
//! A chart that makes certificates renders, and renders the same every time. The keys are those of `keys.pem`, which the
//! world can read: what is made of them is valid and no secret. Rules know these functions by
//! [`NONDETERMINISTIC`](super::NONDETERMINISTIC).

use std::any::Any;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use aes::Aes256;
use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blowfish::Blowfish;

use super::certificate::{self, Authority, Key, Request};
use super::random::stream;
use super::{Outcome, derive, int_of, text_of};
use crate::render::template::{FunctionError, Functions, Object, Param, Value, bytes, print};

/// What `genCA` and its kin make.
struct Certificate {
    cert: String,
    key: String,
}

const CERTIFICATE: &str = "sprig.certificate";

impl Object for Certificate {
    fn type_name(&self) -> &'static str {
        CERTIFICATE
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(self.cert.as_str().into()),
            "Key" => Some(self.key.as_str().into()),
            _ => None,
        }
    }

    fn print(&self) -> String {
        format!("{{{} {}}}", self.cert, self.key)
    }

    fn json(&self) -> Option<Value> {
        Some(Value::map([("Cert", self.cert.as_str().into()), ("Key", self.key.as_str().into())]))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The alternative names of a certificate: `ips` and `dns` as templates give them.
fn names(ips: &Value, dns: &Value) -> Result<(Vec<IpAddr>, Vec<String>), String> {
    let items = |value: &Value| value.as_items().map(<[Value]>::to_vec).unwrap_or_default();
    let mut addresses = Vec::new();
    for ip in items(ips) {
        let Some(text) = ip.as_str() else {
            return Err(format!("error parsing ip: {} is not a string", print::sprint(&ip)));
        };
        addresses.push(text.parse().map_err(|_| format!("error parsing ip: {text}"))?);
    }
    let mut hosts = Vec::new();
    for name in items(dns) {
        let Some(text) = name.as_str() else {
            let found = print::sprint(&name);
            return Err(format!("error processing alternate dns name: {found} is not a string"));
        };
        hosts.push(text.to_owned());
    }
    Ok((addresses, hosts))
}

/// The key that somebody gave, or the `index`-th of ours.
fn key(given: Option<&Value>, index: usize) -> Result<Key, String> {
    match given {
        None => Ok(certificate::own_key(index)),
        Some(pem) => Key::parse(text_of(pem)).map_err(|reason| format!("parsing private key: {reason}")),
    }
}

fn issue(request: &Request<'_>, key: &Key, authority: Option<&Authority>) -> Outcome {
    let cert = certificate::issue(request, key, authority)?;
    Ok(Value::Object(Rc::new(Certificate { cert, key: key.pem() })))
}

fn authority(args: &[Value], given: Option<&Value>) -> Outcome {
    let request = Request::authority(text_of(&args[0]), int_of(&args[1]));
    issue(&request, &key(given, 0)?, None)
}

fn self_signed(args: &[Value], given: Option<&Value>) -> Outcome {
    let key = key(given, 1)?;
    let (ips, hosts) = names(&args[1], &args[2])?;
    issue(&Request::new(text_of(&args[0]), ips, hosts, int_of(&args[3])), &key, None)
}

fn signed(args: &[Value], given: Option<&Value>) -> Outcome {
    let key = key(given, 1)?;
    let signer = match &args[4] {
        Value::Object(object) => object.as_any().downcast_ref::<Certificate>(),
        _ => None,
    };
    let signer = signer.ok_or("unable to decode certificate")?;
    let authority = Authority::parse(&signer.cert, &signer.key)?;
    let (ips, hosts) = names(&args[1], &args[2])?;
    issue(&Request::new(text_of(&args[0]), ips, hosts, int_of(&args[3])), &key, Some(&authority))
}

fn custom(args: &[Value]) -> Outcome {
    let decoded = |value: &Value, what: &str| match STANDARD.decode(text_of(value)) {
        Ok(raw) => Ok(bytes::text(&raw).to_string()),
        Err(_) => Err(format!("unable to decode base64 {what}")),
    };
    let (cert, key) = (decoded(&args[0], "certificate")?, decoded(&args[1], "private key")?);
    certificate::check(&cert)?;
    Key::parse(&key).map_err(|reason| format!("error parsing private key: {reason}"))?;
    Ok(Value::Object(Rc::new(Certificate { cert, key })))
}

pub(super) fn register(functions: &mut Functions) {
    use Param::{Int, List, String as Text};
    let issuer = Param::Object(CERTIFICATE);
    functions.add("genCA", &[Text, Int], |_, args| authority(args, None));
    functions.add("genCAWithKey", &[Text, Int, Text], |_, args| authority(args, Some(&args[2])));
    functions.add("genSelfSignedCert", &[Text, List, List, Int], |_, args| self_signed(args, None));
    functions
        .add("genSelfSignedCertWithKey", &[Text, List, List, Int, Text], |_, args| self_signed(args, Some(&args[4])));
    functions.add("genSignedCert", &[Text, List, List, Int, issuer], |_, args| signed(args, None));
    functions
        .add("genSignedCertWithKey", &[Text, List, List, Int, issuer, Text], |_, args| signed(args, Some(&args[5])));
    functions.add("buildCustomCert", &[Text, Text], |_, args| custom(args));
    functions.add("genPrivateKey", &[Text], |_, args| {
        let kind = text_of(&args[0]);
        Ok(certificate::private_key(kind).unwrap_or_else(|| format!("Unknown type {kind}")).into())
    });
    functions.add("bcrypt", &[Text], |_, args| Ok(bcrypt(text_of(&args[0])).into()));
    functions.add("htpasswd", &[Text, Text], |_, args| {
        let user = text_of(&args[0]);
        if user.contains(':') {
            return Ok(format!("invalid username: {user}").into());
        }
        Ok(format!("{user}:{}", bcrypt(text_of(&args[1]))).into())
    });
    functions.add("derivePassword", &[Param::Uint32, Text, Text, Text, Text], |_, args| {
        let counter = match &args[0] {
            Value::Uint(counter) => *counter as u32,
            _ => 0,
        };
        let [kind, password, user, site] = [1, 2, 3, 4].map(|index| text_of(&args[index]));
        Ok(derive::derive(counter, kind, password, user, site).into())
    });
    functions.add("encryptAES", &[Text, Text], |_, args| encrypt(text_of(&args[0]), text_of(&args[1])));
    functions.add("decryptAES", &[Text, Text], |_, args| decrypt(text_of(&args[0]), text_of(&args[1])));
}

/// A password as a key: cut or filled up with zeros.
fn cipher_key(password: &str) -> [u8; 32] {
    let mut key = [0; 32];
    key.iter_mut().zip(bytes::of(password).iter()).for_each(|(slot, byte)| *slot = *byte);
    key
}

const BLOCK: usize = 16;

fn encrypt(password: &str, text: &str) -> Outcome {
    if text.is_empty() {
        return Ok("".into());
    }
    let mut start = [0; BLOCK];
    start.copy_from_slice(&stream(&format!("aes {password} {text}"), BLOCK));
    let cipher = cbc::Encryptor::<Aes256>::new(&cipher_key(password).into(), &start.into());
    let content = bytes::of(text);
    let mut buffer = content.to_vec();
    buffer.resize((content.len() / BLOCK + 1) * BLOCK, 0);
    let sealed = cipher.encrypt_padded::<Pkcs7>(&mut buffer, content.len());
    let sealed = sealed.map_err(|error| FunctionError::Message(error.to_string()))?;
    Ok(STANDARD.encode([&start, sealed].concat()).into())
}

fn decrypt(password: &str, text: &str) -> Outcome {
    if text.is_empty() {
        return Ok("".into());
    }
    let raw = super::encode::decode_base64(text)?;
    let Some((start, content)) = raw.split_first_chunk::<BLOCK>() else {
        return Err(format!("runtime error: slice bounds out of range [:16] with capacity {}", raw.capacity()).into());
    };
    let cipher = cbc::Decryptor::<Aes256>::new(&cipher_key(password).into(), &(*start).into());
    let mut buffer = content.to_vec();
    let plain = cipher.decrypt_padded::<NoPadding>(&mut buffer);
    let plain = plain.map_err(|_| FunctionError::from("crypto/cipher: input not full blocks"))?;
    let padding = usize::from(*plain.last().ok_or("runtime error: index out of range [-1]")?);
    // Go looks at the last byte only.
    let Some(length) = plain.len().checked_sub(padding) else {
        let at = plain.len() as i64 - padding as i64;
        return Err(format!("runtime error: slice bounds out of range [:{at}]").into());
    };
    Ok(Value::String(bytes::text(&plain[..length])))
}

/// The cost that sprig takes.
const COST: u32 = 10;

/// bcrypt of `password`, with a salt made from it. Hashes are kept, as they are made to be slow.
fn bcrypt(password: &str) -> String {
    static KNOWN: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    if let Some(known) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(password) {
        return known.clone();
    }
    let raw = bytes::of(password);
    if raw.len() > 72 {
        return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned();
    }
    let mut key = raw.to_vec();
    key.push(0);
    let salt = stream(&format!("bcrypt {password}"), BLOCK);
    let mut state: Blowfish = Blowfish::bc_init_state();
    state.salted_expand_key(&salt, &key);
    for _ in 0..1_u32 << COST {
        state.bc_expand_key(&key);
        state.bc_expand_key(&salt);
    }
    // "OrpheanBeholderScryDoubt"
    let mut words = [0x4f72_7068, 0x6561_6e42, 0x6568_6f6c, 0x6465_7253, 0x6372_7944, 0x6f75_6274_u32];
    for pair in words.chunks_exact_mut(2) {
        for _ in 0..64 {
            let next = state.bc_encrypt([pair[0], pair[1]]);
            pair.copy_from_slice(&next);
        }
    }
    let hash: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).take(23).collect();
    let text = format!("$2a${COST}${}{}", bcrypt_base64(&salt), bcrypt_base64(&hash));
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() < 1_000 {
        known.insert(password.to_owned(), text.clone());
    }
    text
}

/// Base64 with bcrypt's own alphabet, without padding.
fn bcrypt_base64(raw: &[u8]) -> String {
    const STANDARD_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const ALPHABET: &[u8] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(raw);
    let other = |byte: u8| STANDARD_ALPHABET.iter().position(|known| *known == byte).map(|at| ALPHABET[at] as char);
    text.bytes().filter_map(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_from_its_cipher() {
        let sealed = encrypt("secretkey", "plain text").unwrap();
        assert_eq!(decrypt("secretkey", sealed.as_str().unwrap()).unwrap().as_str(), Some("plain text"));
        // Made by sprig.
        let sealed = "30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ=";
        assert_eq!(decrypt("secretkey", sealed).unwrap().as_str(), Some("plaintext"));
    }

    #[test]
    fn a_password_hash_is_one_that_bcrypt_accepts() {
        // CompareHashAndPassword of golang.org/x/crypto/bcrypt finds it to be of "pass".
        assert_eq!(bcrypt("pass"), "$2a$10$XE8ngaz79xIjuvjr/1oi2.ezoeCfIRQ0ob3tY3M6swlIddJKpBtPK");
    }
}
