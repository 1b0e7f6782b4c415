//! The minimum cost of a connection: only the cryptography of one key exchange and one login (curve25519, an Ed25519
//! host key, an Ed25519 user key). First with OpenSSL, which the targets refer to: two X25519, one verification, one
//! signature, by `openssl speed`. Then with the primitives that russh uses, with warm caches, and with the hashes: on
//! processors for which those have vector code, this takes a little more than half as long.

use std::{hint::black_box, process::Command};

use curve25519_dalek::MontgomeryPoint;
use ed25519_dalek::{Signer as _, SigningKey, Verifier as _, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::meter::{apart, tell, timed};

const ROUNDS: usize = 2_000;
/// Roughly the input of the exchange hash: both lists of algorithms, the host key, the ephemeral keys.
const EXCHANGE: usize = 2_500;
/// Initial values, keys and authentication keys, each in two directions.
const KEYS: u8 = 6;

/// Milliseconds of CPU with russh's primitives.
pub fn of_russh() -> f64 {
    apart(&["floor"])["floor"]
}

/// Milliseconds of CPU with OpenSSL's; `None` if it is not installed or prints something else.
pub fn of_openssl() -> Option<f64> {
    let output =
        Command::new("openssl").args(["speed", "-mr", "-seconds", "1", "ecdhx25519", "ed25519"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    // `+F5:index:bits:agreements per second:…` and `+F6:index:bits:name:signatures per second:verifications per
    // second`.
    let rates = |kind: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
        Some(line.split(':').filter_map(|word| word.parse::<f64>().ok()).collect::<Vec<_>>())
    };
    let (agreements, signatures) = (rates("+F5:")?, rates("+F6:")?);
    let (&[_, _, agree, _], &[_, _, sign, verify]) = (&agreements[..], &signatures[..]) else { return None };
    Some(1_000.0 * (2.0 / agree + 1.0 / sign + 1.0 / verify))
}

/// Does it many times and returns the time of one.
pub fn part() {
    let [host, user] = [[1; 32], [2; 32]].map(|seed| SigningKey::from_bytes(&seed));
    let (signature, shown) = (host.sign(&[3; 32]), host.verifying_key().to_bytes());
    let theirs = MontgomeryPoint::mul_base_clamped([4; 32]);
    let exchange = vec![5; EXCHANGE];
    let mut secret = [6; 32];
    let ((), took) = timed(|| {
        for round in 0..ROUNDS {
            secret[..8].copy_from_slice(&round.to_le_bytes());
            black_box(MontgomeryPoint::mul_base_clamped(black_box(secret)));
            let shared = theirs.mul_clamped(black_box(secret));
            let hash = Sha256::digest(black_box(&exchange));
            for letter in 0..KEYS {
                let key = Sha256::new().chain_update(shared.0).chain_update(hash).chain_update([letter]);
                black_box(key.chain_update(hash).finalize());
            }
            // The key arrives as bytes.
            let key = VerifyingKey::from_bytes(black_box(&shown)).expect("it is a key");
            key.verify(black_box(&[3; 32]), &signature).expect("it is the signature of that");
            black_box(user.sign(black_box(&exchange[..200])));
        }
    });
    tell("floor", took / ROUNDS as f64);
}
