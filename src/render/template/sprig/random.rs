//! What sprig makes of chance: here made from a fixed seed and the arguments, so that the same input renders the same
//! output. Passwords made so are not secret; nothing that tiphys renders is meant to be applied with them.

use sha2::{Digest, Sha256};

use super::encode::hex;
use super::{int_of, text_of};
use crate::render::template::{Functions, Param, Value};

/// The functions whose results differ from run to run in Helm.
pub const NONDETERMINISTIC: &[&str] = &[
    "bcrypt",
    "encryptAES",
    "genCA",
    "genCAWithKey",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
    "htpasswd",
    "now",
    "randAlpha",
    "randAlphaNum",
    "randAscii",
    "randBytes",
    "randInt",
    "randNumeric",
    "shuffle",
    "uuidv4",
];

/// Bytes that look random and depend on `seed` only.
pub(super) fn stream(seed: &str, count: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(count + 32);
    let mut block = 0_u64;
    while out.len() < count {
        let mut hash = Sha256::new();
        hash.update(b"tiphys");
        hash.update(seed.as_bytes());
        hash.update(block.to_be_bytes());
        out.extend_from_slice(&hash.finalize());
        block += 1;
    }
    out.truncate(count);
    out
}

fn from_alphabet(seed: &str, count: i64, alphabet: &[u8]) -> Value {
    let count = usize::try_from(count).unwrap_or(0).min(100_000);
    let text: String =
        stream(seed, count).iter().map(|byte| alphabet[usize::from(*byte) % alphabet.len()] as char).collect();
    text.into()
}

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LETTERS_AND_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

pub(super) fn register(functions: &mut Functions) {
    use Param::{Int, String as Text};
    functions.add("randAlpha", &[Int], |_, args| Ok(from_alphabet("alpha", int_of(&args[0]), LETTERS)));
    functions.add("randAlphaNum", &[Int], |_, args| Ok(from_alphabet("alnum", int_of(&args[0]), LETTERS_AND_DIGITS)));
    functions.add("randNumeric", &[Int], |_, args| Ok(from_alphabet("numeric", int_of(&args[0]), b"0123456789")));
    functions.add("randAscii", &[Int], |_, args| {
        let printable: Vec<u8> = (32..127).collect();
        Ok(from_alphabet("ascii", int_of(&args[0]), &printable))
    });
    functions.add("randInt", &[Int, Int], |_, args| {
        let (low, high) = (int_of(&args[0]), int_of(&args[1]));
        if high <= low {
            return Err("invalid argument to Intn".into());
        }
        let byte = i64::from(stream("int", 1)[0]);
        Ok(Value::Int(low + byte % (high - low)))
    });
    functions.add("randBytes", &[Int], |_, args| {
        use base64::Engine;
        let count = usize::try_from(int_of(&args[0])).unwrap_or(0).min(1_000_000);
        Ok(base64::engine::general_purpose::STANDARD.encode(stream("bytes", count)).into())
    });
    functions.add("uuidv4", &[], |_, _| {
        let mut bytes = stream("uuid", 16);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let text = hex(&bytes);
        Ok(format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]).into())
    });
    functions.add("shuffle", &[Text], |_, args| {
        let mut chars: Vec<char> = text_of(&args[0]).chars().collect();
        let order = stream(text_of(&args[0]), chars.len());
        for index in (1..chars.len()).rev() {
            chars.swap(index, usize::from(order[index]) % (index + 1));
        }
        Ok(chars.into_iter().collect::<String>().into())
    });
}
