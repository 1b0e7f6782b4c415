//! Which host keys are trusted: `ssh` and patchwave on one sshd.

use std::{fs, process::Command};

use super::both::{Both, said};
use crate::support::sshd::{keygen, need};

const KEY: &str = "IdentityFile DIR/user\nIdentityAgent none";

/// A server with a certificate for `fleet` and an RSA key of 2048 bits besides.
fn certified(authority: &str, signing: &[&str]) -> Option<Both> {
    need("ssh-keygen")?;
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let out = Command::new("ssh-keygen").arg("-q").args(arguments).current_dir(dir.path()).output().unwrap();
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    };
    keygen(&dir.path().join("ca"), authority, "");
    keygen(&dir.path().join("plain"), "ed25519", "");
    run(&["-t", "rsa", "-b", "2048", "-N", "", "-f", "short"]);
    run(&[signing, &["-s", "ca", "-h", "-I", "the-fleet", "-z", "77", "-n", "fleet", "plain.pub"]].concat());
    Both::start_with(dir, "HostKey KEYS/plain\nHostKey KEYS/short\nHostCertificate KEYS/plain-cert.pub")
}

#[test]
fn revoked_host_keys_are_refused_whatever_is_on_file() {
    let Some(both) = certified("ed25519", &[]) else { return };
    both.known(&format!("fleet {}", both.public("plain")));
    both.key("other", "ed25519");
    let file = |name: &str, text: String| both.file(name, &text);
    file("list", format!("# gone\n\n{}{}", both.public("other"), both.public("plain")));
    file("others", both.public("other"));
    file("nothing", String::new());
    file("garbage", format!("{}no key at all\n", both.public("other")));
    file("authority", both.public("ca"));
    file("by-hash", format!("sha256: {}", both.public("plain")));
    file("by-sha1", format!("sha1: {}", both.public("plain")));
    file("by-serial", "serial: 70-80\n".to_owned());
    file("other-serials", "serial: 1-5\nserial: 9\nserial: 100\n".to_owned());
    file("by-id", "id: the-fleet\n".to_owned());
    both.keygen(&["-k", "-f", "krl", "plain.pub"]);
    both.keygen(&["-k", "-f", "krl-others", "other.pub"]);
    for name in ["by-hash", "by-sha1"] {
        both.keygen(&["-k", "-f", &format!("krl-{name}"), name]);
    }
    for name in ["by-serial", "other-serials", "by-id"] {
        both.keygen(&["-k", "-s", "ca.pub", "-f", &format!("krl-{name}"), name]);
    }
    let whole = fs::read(both.path("krl-others")).unwrap();
    fs::write(both.path("krl-cut"), &whole[..whole.len() - 3]).unwrap();
    for (name, welcome) in [
        ("list", false),
        ("others", true),
        ("nothing", true),
        ("garbage", false),
        ("absent", false),
        ("authority", false),
        ("krl", false),
        ("krl-others", true),
        ("krl-by-hash", false),
        ("krl-by-sha1", false),
        ("krl-by-serial", false),
        ("krl-other-serials", true),
        ("krl-by-id", false),
        ("krl-cut", false),
    ] {
        both.agree(&format!("{KEY}\nRevokedHostKeys DIR/{name}"), welcome);
    }
    both.agree(&format!("{KEY}\nRevokedHostKeys none"), true);
    for (name, word) in [("list", "is revoked by"), ("absent", "RevokedHostKeys"), ("garbage", "line 2")] {
        both.refused(&format!("{KEY}\nRevokedHostKeys DIR/{name}"), word);
    }
    // The revoked key of a new host is not recorded either.
    both.known("");
    both.refused(&format!("{KEY}\nStrictHostKeyChecking accept-new\nRevokedHostKeys DIR/list"), "is revoked by");
    assert_eq!(fs::read_to_string(both.path("known")).unwrap(), "");
}

#[test]
fn authorities_sign_with_what_is_allowed() {
    let sha1: &[&str] = &["-t", "ssh-rsa"];
    for (authority, signing, lists) in [
        ("ed25519", &[][..], [("", true), ("rsa-sha2-512", false), ("-ssh-ed*", false)]),
        ("rsa", &[], [("", true), ("ssh-ed25519", false), ("rsa-sha2-512", true)]),
        ("rsa", sha1, [("", false), ("rsa-sha2-512", false), ("ssh-ed25519", false)]),
    ] {
        let Some(both) = certified(authority, signing) else { return };
        both.known(&format!("@cert-authority fleet {}", both.public("ca")));
        for (list, welcome) in lists {
            let line = if list.is_empty() { String::new() } else { format!("CASignatureAlgorithms {list}") };
            both.agree(&format!("{KEY}\n{line}"), welcome);
        }
    }
}

#[test]
fn short_rsa_host_keys_are_not_believed() {
    let Some(both) = certified("ed25519", &[]) else { return };
    both.known(&format!("fleet {}", both.public("short")));
    both.agree(&format!("{KEY}\nRequiredRSASize 2048"), true);
    both.refused(&format!("{KEY}\nRequiredRSASize 2049"), "2048 bits");
}

#[test]
fn sha1_host_keys_are_believed_where_they_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    if need("ssh-keygen").is_none() {
        return;
    }
    keygen(&dir.path().join("rsa"), "rsa", "");
    let Some(both) = Both::start_with(dir, "HostKey KEYS/rsa\nHostKeyAlgorithms ssh-rsa") else { return };
    both.known(&format!("fleet {}", both.public("rsa")));
    both.agree(KEY, false);
    both.agree(&format!("{KEY}\nHostKeyAlgorithms +ssh-rsa"), true);
}

#[test]
fn new_names_are_hashed_where_that_is_said() {
    let Some(both) = Both::start("") else { return };
    for (hash, shown) in [("yes", false), ("no", true)] {
        let lines = format!("{KEY}\nStrictHostKeyChecking accept-new\nHashKnownHosts {hash}");
        for theirs in [true, false] {
            both.known("");
            let out = if theirs { both.theirs(&lines, "true") } else { both.ours(&lines, "true") };
            assert!(out.status.success(), "{}", said(&out));
            let recorded = fs::read_to_string(both.path("known")).unwrap();
            assert_eq!(recorded.lines().count(), 1, "{recorded}");
            assert_eq!((recorded.starts_with("fleet "), recorded.starts_with("|1|")), (shown, !shown), "{recorded}");
            // The other client finds it.
            both.agree(&format!("{KEY}\nStrictHostKeyChecking yes"), true);
        }
    }
}

#[test]
fn a_new_key_that_nobody_would_keep_is_not_believed() {
    let Some(both) = Both::start("") else { return };
    for file in ["none", "/dev/null"] {
        let out = both.ours(&format!("{KEY}\nStrictHostKeyChecking accept-new\nUserKnownHostsFile {file}"), "true");
        assert!(out.status.code() == Some(2) && said(&out).contains("would accept any key"), "{}", said(&out));
        // If it is set on the command line, the login fails where the key would be recorded.
        let out = both.ours_with(&["--host-keys", "accept-new"], &format!("{KEY}\nUserKnownHostsFile {file}"), "true");
        assert!(!out.status.success() && said(&out).contains("cannot be recorded"), "{}", said(&out));
    }
    both.known("");
    let out = both.ours_with(&["--host-keys", "accept-new"], KEY, "true");
    assert!(out.status.success(), "{}", said(&out));
    assert!(fs::read_to_string(both.path("known")).unwrap().contains("ssh-ed25519"));
}

#[test]
fn strictness_is_followed_but_for_none_at_all() {
    let Some(both) = Both::start("") else { return };
    let unknown = |strict: &str| {
        both.known("");
        format!("{KEY}\nStrictHostKeyChecking {strict}")
    };
    both.agree(&unknown("yes"), false);
    both.agree(&unknown("ask"), false);
    both.agree(&unknown("accept-new"), true);
    // ssh continues there; patchwave says what to write instead.
    for word in ["no", "off"] {
        let lines = unknown(word);
        let out = both.ours(&lines, "true");
        let text = said(&out);
        assert_eq!(out.status.code(), Some(2), "{text}");
        assert!(text.contains("config:3") && text.contains("write `StrictHostKeyChecking accept-new`"), "{text}");
        assert_eq!(fs::read_to_string(both.path("known")).unwrap(), "");
    }
    // The inventory wins, as the message says.
    both.file("inv.yml", "all: { hosts: { web: { patchwave: { host_key_checking: accept-new } } } }\n");
    let out = both.ours(&unknown("no"), "true");
    assert!(out.status.success(), "{}", said(&out));
}
