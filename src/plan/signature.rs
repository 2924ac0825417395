//! Who stands for a plan: signatures by SSH keys, as git makes them for commits.
//!
//! What is signed is the plan's digest, and with it every byte. Whom to believe stands in a file of public keys, one a
//! line, as in `authorized_keys`.

use ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

use super::{Digest, PlanError};

/// Signatures are made for this purpose, and hold for no other.
const NAMESPACE: &str = "tiphys-plan";

/// Signs `digest` with an unencrypted OpenSSH private key, the text of its file.
///
/// # Errors
/// When the key cannot be read or used.
pub fn sign(digest: &Digest, key: &str) -> Result<String, PlanError> {
    let fault = |error: ssh_key::Error| PlanError::Key(error.to_string());
    let key = PrivateKey::from_openssh(key).map_err(fault)?;
    if key.is_encrypted() {
        return Err(PlanError::Key("it is protected by a passphrase".to_owned()));
    }
    let signature = key.sign(NAMESPACE, HashAlg::Sha512, digest.to_string().as_bytes()).map_err(fault)?;
    signature.to_pem(LineEnding::LF).map_err(fault)
}

/// Verifies that one of the keys in `allowed` signed `digest`.
///
/// # Errors
/// When there is no signature, it is not of this plan, or not by one of the keys.
pub fn verify(digest: &Digest, signature: Option<&str>, allowed: &str) -> Result<(), PlanError> {
    let signature = parsed(signature.ok_or(PlanError::Unsigned)?)?;
    let mut keys = Vec::new();
    for line in allowed.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        keys.push(PublicKey::from_openssh(line).map_err(|error| PlanError::Key(format!("`{line}`: {error}")))?);
    }
    let Some(key) = keys.iter().find(|key| key.key_data() == signature.public_key()) else {
        return Err(PlanError::Signature("it is by a key that is not among those allowed".to_owned()));
    };
    is_of(digest, key, &signature)
}

/// Verifies that `signature` is of `digest`, whosever it is: for who does not ask who signed, but what was changed.
///
/// # Errors
/// When it is not of this plan.
pub fn verify_whole(digest: &Digest, signature: &str) -> Result<(), PlanError> {
    let signature = parsed(signature)?;
    is_of(digest, &PublicKey::from(signature.public_key().clone()), &signature)
}

fn parsed(text: &str) -> Result<SshSig, PlanError> {
    let signature = SshSig::from_pem(text).map_err(|error| PlanError::Signature(error.to_string()))?;
    // One signature has one form: not a byte of it may differ.
    if signature.version() != 1 || signature.to_pem(LineEnding::LF).ok().as_deref() != Some(text) {
        return Err(PlanError::Signature("it is not in the form in which it was made".to_owned()));
    }
    Ok(signature)
}

fn is_of(digest: &Digest, key: &PublicKey, signature: &SshSig) -> Result<(), PlanError> {
    key.verify(NAMESPACE, digest.to_string().as_bytes(), signature)
        .map_err(|_| PlanError::Signature("it is not of this plan".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> (String, String) {
        let pair = ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]);
        let key = PrivateKey::from(pair);
        let private = key.to_openssh(LineEnding::LF).expect("it can be written").to_string();
        (private, key.public_key().to_openssh().expect("it can be written"))
    }

    #[test]
    fn a_signature_holds_for_its_plan_and_its_key_only() {
        let (digest, other) = (Digest::of(b"plan"), Digest::of(b"other"));
        let ((private, public), (_, stranger)) = (key(1), key(2));
        let signature = sign(&digest, &private).expect("it is signed");
        assert!(verify(&digest, Some(&signature), &public).is_ok());
        let both = format!("# those of the platform\n{stranger}\n{public} somebody\n");
        assert!(verify(&digest, Some(&signature), &both).is_ok());
        assert!(matches!(verify(&other, Some(&signature), &public), Err(PlanError::Signature(_))));
        assert!(matches!(verify(&digest, Some(&signature), &stranger), Err(PlanError::Signature(_))));
        assert!(matches!(verify(&digest, None, &public), Err(PlanError::Unsigned)));
        assert!(matches!(verify(&digest, Some(&signature), ""), Err(PlanError::Signature(_))));
    }

    #[test]
    fn a_signature_with_any_byte_changed_is_refused() {
        let digest = Digest::of(b"plan");
        let (private, public) = key(1);
        let signature = sign(&digest, &private).expect("it is signed");
        let body = signature.find('\n').unwrap_or(0) + 1..signature.rfind("\n-----END").unwrap_or(0);
        for place in body.filter(|place| signature.as_bytes()[*place] != b'\n') {
            let mut changed = signature.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("it is text");
            assert!(verify(&digest, Some(&changed), &public).is_err(), "byte {place}");
        }
    }
}
