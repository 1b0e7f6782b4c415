//! The fuzz targets as ordinary tests: every seed, every kept finding, and a few seconds of seeded mutations of them.
//! `PATCHWAVE_FUZZ_SECONDS` sets how long the mutations go on for each target.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

#[path = "../../fuzz/checks.rs"]
mod checks;

type Check = fn(&[u8]);

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    // `corpus` holds what long runs have found on this machine; it may be missing.
    let folders = ["seeds", "corpus", "artifacts"].map(|kind| fuzz.join(kind).join(target));
    let mut paths: Vec<_> =
        folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One small change, as in hostile or broken output: bytes flipped, cut, repeated, taken from another seed.
fn mutate(random: &mut fastrand::Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let from = random.usize(..=bytes.len());
    let to = (from + random.usize(..40)).min(bytes.len());
    match random.u8(..7) {
        0 => bytes.truncate(from),
        1 => drop(bytes.drain(from..to)),
        2 => {
            let piece = bytes[from..to].repeat(random.usize(1..5));
            bytes.splice(from..from, piece);
        }
        3 if from < bytes.len() => bytes[from] = random.u8(..),
        4 => {
            let bits = b"\n\0\t \"'{}[]:,-#&*!|>%@`~\\/=()1209aZ\xff\xc2\x85";
            bytes.insert(from, bits[random.usize(..bits.len())]);
        }
        5 => {
            let start = random.usize(..=other.len());
            let end = (start + random.usize(..200)).min(other.len());
            bytes.splice(from..to, other[start..end].iter().copied());
        }
        _ => {
            let words: [&[u8]; 8] =
                [b"[01:99]", b"18446744073709551616", b"-1", b"{{ x }}", b"!vault", b"<<: *a", b"&a [*a]", b"\r\n"];
            bytes.splice(from..to, words[random.usize(..words.len())].iter().copied());
        }
    }
    bytes.truncate(64 << 10);
}

fn run(target: &str, check: Check) {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "fuzz/seeds/{target} is empty");
    seeds.iter().for_each(|seed| check(seed));
    let seconds = std::env::var("PATCHWAVE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut random = fastrand::Rng::with_seed(seconds);
    let mut rounds = 0u64;
    let mut pool = seeds.clone();
    while Instant::now() < until {
        let mut bytes = pool[random.usize(..pool.len())].clone();
        let other = seeds[random.usize(..seeds.len())].clone();
        for _ in 0..random.usize(1..6) {
            mutate(&mut random, &mut bytes, &other);
        }
        if let Err(panic) = std::panic::catch_unwind(|| check(&bytes)) {
            let kept = std::env::temp_dir().join(format!("patchwave-fuzz-{target}-{rounds}"));
            let _ = fs::write(&kept, &bytes);
            eprintln!("the input is kept as {}", kept.display());
            std::panic::resume_unwind(panic);
        }
        // Sometimes a mutation is mutated again.
        if rounds.is_multiple_of(16) {
            if pool.len() > 4 * seeds.len() + 64 {
                pool.truncate(seeds.len());
            }
            pool.push(bytes);
        }
        rounds += 1;
    }
    eprintln!("{target}: {} seeds, {rounds} mutations", seeds.len());
}

#[test]
fn known_hosts() {
    run("known_hosts", checks::known_hosts);
}

#[test]
fn host_output() {
    run("host_output", checks::host_output);
}

#[test]
fn inventory() {
    run("inventory", checks::inventory);
}

#[test]
fn inventory_ini() {
    run("inventory_ini", checks::inventory_ini);
}

#[test]
fn inventory_toml() {
    run("inventory_toml", checks::inventory_toml);
}

#[test]
fn inventory_output() {
    run("inventory_output", checks::inventory_output);
}

#[test]
fn inventory_list() {
    run("inventory_list", checks::inventory_list);
}

#[test]
fn inventory_json() {
    run("inventory_json", checks::inventory_json);
}

#[test]
fn vault() {
    run("vault", checks::vault);
}

#[test]
fn calendar() {
    run("calendar", checks::calendar);
}

#[test]
fn ansible_cfg() {
    run("ansible_cfg", checks::ansible_cfg);
}

#[test]
fn playbook() {
    run("playbook", checks::playbook);
}

#[test]
fn ssh_config() {
    run("ssh_config", checks::ssh_config);
}
