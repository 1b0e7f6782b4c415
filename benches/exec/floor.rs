//! The least that a connection can cost: the bare cryptography of one key exchange and one login, with the primitives
//! that russh uses (curve25519, an Ed25519 host key, an Ed25519 user key, SHA-256).

use std::hint::black_box;

use curve25519_dalek::MontgomeryPoint;
use ed25519_dalek::{Signer as _, SigningKey, Verifier as _, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::meter::{apart, tell, timed};

const ROUNDS: usize = 2_000;
/// Both lists of algorithms, the host key, the ephemeral keys: what the exchange hash is made of, about.
const EXCHANGE: usize = 2_500;
/// Initial values, keys and authentication keys, each in two directions.
const KEYS: u8 = 6;

/// Milliseconds of CPU.
pub fn measure() -> f64 {
    apart(&["floor"])["floor"]
}

/// Does it many times and says what one time takes.
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
            // The key comes as bytes.
            let key = VerifyingKey::from_bytes(black_box(&shown)).expect("it is a key");
            key.verify(black_box(&[3; 32]), &signature).expect("it is the signature of that");
            black_box(user.sign(black_box(&exchange[..200])));
        }
    });
    tell("floor", took / ROUNDS as f64);
}
