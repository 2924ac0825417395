//! `derivePassword`: the passwords of Master Password, from scrypt and HMAC.

use sha2::{Digest, Sha256};

/// The templates of Master Password, by name.
const TEMPLATES: &[(&str, &str)] = &[
    ("maximum", "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno"),
    (
        "long",
        "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno CvcvnoCvccCvcv \
         CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno CvccnoCvccCvcv CvccCvccnoCvcv \
         CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno",
    ),
    ("medium", "CvcnoCvc CvcCvcno"),
    ("short", "Cvcn"),
    ("basic", "aaanaaan aannaaan aaannaaa"),
    ("pin", "nnnn"),
];

fn characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The password of `user` for `site`.
pub(super) fn derive(counter: u32, kind: &str, password: &str, user: &str, site: &str) -> String {
    const SCOPE: &[u8] = b"com.lyndir.masterpassword";
    let Some((_, templates)) = TEMPLATES.iter().find(|(name, _)| *name == kind) else {
        return format!("cannot find password template {kind}");
    };
    let salt = [SCOPE, &(user.len() as u32).to_be_bytes(), user.as_bytes()].concat();
    let key = scrypt(password.as_bytes(), &salt);
    let message = [SCOPE, &(site.len() as u32).to_be_bytes(), site.as_bytes(), &counter.to_be_bytes()].concat();
    let seed = hmac(&key, &message);
    let templates: Vec<&str> = templates.split(' ').collect();
    let template = templates[usize::from(seed[0]) % templates.len()];
    template
        .bytes()
        .zip(&seed[1..])
        .map(|(class, byte)| {
            let set = characters(class);
            set[usize::from(*byte) % set.len()] as char
        })
        .collect()
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize().into()
}

/// PBKDF2 with one iteration.
fn pbkdf2(password: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 32);
    let mut block = 1_u32;
    while out.len() < length {
        out.extend_from_slice(&hmac(password, &[salt, &block.to_be_bytes()].concat()));
        block += 1;
    }
    out.truncate(length);
    out
}

/// scrypt with N = 32768, r = 8, p = 2 and a key of 64 bytes.
fn scrypt(password: &[u8], salt: &[u8]) -> Vec<u8> {
    const N: usize = 32_768;
    const WORDS: usize = 256;
    let mut blocks = pbkdf2(password, salt, 2 * WORDS * 4);
    for half in blocks.chunks_mut(WORDS * 4) {
        let mut x: Vec<u32> = half
            .chunks(4)
            .map(|word| word.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte)))
            .collect();
        let mut memory = Vec::with_capacity(N * WORDS);
        for _ in 0..N {
            memory.extend_from_slice(&x);
            mix(&mut x);
        }
        for _ in 0..N {
            let at = x[WORDS - 16] as usize % N * WORDS;
            x.iter_mut().zip(&memory[at..at + WORDS]).for_each(|(word, other)| *word ^= other);
            mix(&mut x);
        }
        for (bytes, word) in half.chunks_mut(4).zip(&x) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    }
    pbkdf2(password, &blocks, 64)
}

/// scrypt's BlockMix with Salsa20/8.
fn mix(x: &mut [u32]) {
    let mut last: [u32; 16] = [0; 16];
    last.copy_from_slice(&x[x.len() - 16..]);
    let mut even = Vec::with_capacity(x.len());
    let mut odd = Vec::with_capacity(x.len() / 2);
    for (index, block) in x.chunks(16).enumerate() {
        last.iter_mut().zip(block).for_each(|(word, other)| *word ^= other);
        salsa(&mut last);
        if index % 2 == 0 { even.extend_from_slice(&last) } else { odd.extend_from_slice(&last) }
    }
    even.extend_from_slice(&odd);
    x.copy_from_slice(&even);
}

fn salsa(block: &mut [u32; 16]) {
    const ROUNDS: [[usize; 4]; 8] = [
        [0, 4, 8, 12],
        [5, 9, 13, 1],
        [10, 14, 2, 6],
        [15, 3, 7, 11],
        [0, 1, 2, 3],
        [5, 6, 7, 4],
        [10, 11, 8, 9],
        [15, 12, 13, 14],
    ];
    let mut x = *block;
    for _ in 0..4 {
        for [a, b, c, d] in ROUNDS {
            x[b] ^= x[a].wrapping_add(x[d]).rotate_left(7);
            x[c] ^= x[b].wrapping_add(x[a]).rotate_left(9);
            x[d] ^= x[c].wrapping_add(x[b]).rotate_left(13);
            x[a] ^= x[d].wrapping_add(x[c]).rotate_left(18);
        }
    }
    block.iter_mut().zip(x).for_each(|(word, mixed)| *word = word.wrapping_add(mixed));
}
