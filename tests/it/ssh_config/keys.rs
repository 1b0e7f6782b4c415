//! Which keys are offered for the login, and which are not: `ssh` and patchwave on one sshd.

use super::both::{Both, said};
use crate::support::sshd::{SshAgent, me, need};

/// A server that accepts an ed25519 key and an RSA key of 2048 bits.
fn two_keys(config: &str) -> Option<Both> {
    let both = Both::start(config)?;
    both.keygen(&["-t", "rsa", "-b", "2048", "-N", "", "-f", "rsa"]);
    both.let_in(&["user", "rsa"]);
    Some(both)
}

#[test]
fn kinds_of_keys_follow_the_list() {
    let Some(both) = two_keys("") else { return };
    for (list, rsa, ed25519) in [
        ("ssh-ed25519", false, true),
        ("rsa-sha2-256", true, false),
        ("-rsa*", false, true),
        ("-*ed25519*", true, false),
        ("^rsa-sha2-256", true, true),
        ("+ssh-rsa", true, true),
        ("rsa-sha2-512-cert-v01@openssh.com", false, false),
    ] {
        both.agree(&format!("IdentityFile DIR/rsa\nPubkeyAcceptedAlgorithms {list}"), rsa);
        both.agree(&format!("IdentityFile DIR/user\nPubkeyAcceptedAlgorithms {list}"), ed25519);
    }
    both.refused("IdentityFile DIR/rsa\nPubkeyAcceptedAlgorithms ssh-ed25519", "PubkeyAcceptedAlgorithms");
}

#[test]
fn sha1_signatures_are_made_where_they_are_asked_for() {
    let Some(both) = two_keys("PubkeyAcceptedAlgorithms ssh-rsa") else { return };
    both.agree("IdentityFile DIR/rsa", false);
    both.agree("IdentityFile DIR/rsa\nPubkeyAcceptedAlgorithms ssh-rsa", true);
}

#[test]
fn short_rsa_keys_are_not_offered() {
    let Some(both) = two_keys("") else { return };
    both.agree("IdentityFile DIR/rsa\nRequiredRSASize 2048", true);
    both.refused("IdentityFile DIR/rsa\nRequiredRSASize 2049", "RequiredRSASize");
    both.agree("IdentityFile DIR/rsa\nIdentityFile DIR/user\nRequiredRSASize 4096", true);
}

#[test]
fn methods_are_switched_off_and_chosen() {
    let Some(both) = two_keys("") else { return };
    for (lines, welcome) in [
        ("PreferredAuthentications publickey", true),
        ("PreferredAuthentications gssapi-with-mic,publickey,password", true),
        ("PreferredAuthentications password,keyboard-interactive", false),
        ("PreferredAuthentications hostbased", false),
        ("PubkeyAuthentication no", false),
        ("PubkeyAuthentication host-bound\nPasswordAuthentication no\nKbdInteractiveAuthentication no", true),
        ("NumberOfPasswordPrompts 0", true),
    ] {
        both.agree(&format!("IdentityFile DIR/user\n{lines}"), welcome);
    }
}

/// A server that accepts certificates of one authority, and no plain key.
fn certified() -> Option<Both> {
    let dir = tempfile::tempdir().unwrap();
    need("ssh-keygen")?;
    crate::support::sshd::keygen(&dir.path().join("ca"), "ed25519", "");
    let both = Both::start_with(dir, "TrustedUserCAKeys KEYS/ca.pub")?;
    both.let_in(&[]);
    Some(both)
}

impl Both {
    /// A certificate for `key` in a file of this name.
    fn certify(&self, key: &str, file: &str, arguments: &[&str]) {
        self.keygen(&[&["-s", "ca", "-I", "id"], arguments, &[&format!("{key}.pub")]].concat());
        std::fs::rename(self.path(&format!("{key}-cert.pub")), self.path(file)).unwrap();
    }
}

#[test]
fn named_certificates_find_their_keys() {
    let Some(both) = certified() else { return };
    let me = me();
    both.key("other", "ed25519");
    both.certify("user", "good", &["-n", &me]);
    both.certify("user", "web-good", &["-n", &me]);
    both.certify("user", "bad", &["-n", "somebody-else"]);
    both.certify("other", "others", &["-n", &me]);
    both.certify("user", "hosts", &["-h", "-n", &me]);
    for (lines, welcome) in [
        ("IdentityFile DIR/user\nCertificateFile DIR/good", true),
        ("CertificateFile DIR/%n-good\nIdentityFile DIR/user", true),
        ("CertificateFile DIR/bad\nCertificateFile DIR/good\nIdentityFile DIR/user", true),
        ("CertificateFile DIR/absent\nCertificateFile DIR/good\nIdentityFile DIR/user", true),
        ("CertificateFile DIR/bad\nIdentityFile DIR/user", false),
        ("CertificateFile DIR/hosts\nIdentityFile DIR/user", false),
        // Its private key is missing; there is one of another certificate.
        ("CertificateFile DIR/others\nIdentityFile DIR/user", false),
        ("CertificateFile DIR/others\nCertificateFile DIR/good\nIdentityFile DIR/user", true),
        ("CertificateFile DIR/others\nIdentityFile DIR/user\nIdentityFile DIR/other", true),
        ("CertificateFile DIR/good\nIdentityFile DIR/user\nPubkeyAcceptedAlgorithms ssh-ed25519", false),
        ("CertificateFile DIR/good\nIdentityFile DIR/user\nPubkeyAcceptedAlgorithms ssh-ed25519*", true),
        ("CertificateFile none\nIdentityFile DIR/user", false),
    ] {
        both.agree(lines, welcome);
    }
    // If some are named, the one beside the key is not used.
    std::fs::copy(both.path("good"), both.path("user-cert.pub")).unwrap();
    both.agree("IdentityFile DIR/user", true);
    both.agree("IdentityFile DIR/user\nCertificateFile DIR/bad", false);
}

#[test]
fn an_agent_signs_for_named_certificates() {
    let Some(mut both) = certified() else { return };
    if need("ssh-agent").is_none() || need("ssh-add").is_none() {
        return;
    }
    both.key("held", "ed25519");
    both.certify("held", "good", &["-n", &me()]);
    let agent = SshAgent::start(both.path("agent"));
    agent.add(&both.path("held"));
    both.agent = Some(agent.socket.clone());
    std::fs::rename(both.path("held"), both.path("away")).unwrap();
    for (lines, welcome) in [
        ("CertificateFile DIR/good\nIdentityFile DIR/none", true),
        ("CertificateFile DIR/good\nIdentityFile DIR/none\nIdentitiesOnly yes", false),
        ("CertificateFile DIR/good\nIdentityFile DIR/held\nIdentitiesOnly yes", true),
        ("CertificateFile DIR/good\nIdentityFile DIR/held.pub\nIdentitiesOnly yes", true),
        ("CertificateFile DIR/good\nIdentityFile DIR/none\nIdentityAgent none", false),
        ("IdentityFile DIR/none", false),
    ] {
        both.agree(lines, welcome);
    }
}

#[test]
fn the_agent_is_the_one_that_is_said() {
    let Some(mut both) = two_keys("") else { return };
    if need("ssh-agent").is_none() || need("ssh-add").is_none() {
        return;
    }
    let full = SshAgent::start(both.path("full"));
    full.add(&both.path("user"));
    let empty = SshAgent::start(both.path("empty"));
    for name in ["user", "rsa"] {
        std::fs::rename(both.path(name), both.path(&format!("{name}-away"))).unwrap();
    }
    both.agent = Some(full.socket.clone());
    for (lines, welcome) in [
        ("", true),
        ("IdentityAgent SSH_AUTH_SOCK", true),
        ("IdentityAgent $SSH_AUTH_SOCK", true),
        ("IdentityAgent ${SSH_AUTH_SOCK}", true),
        ("IdentityAgent none", false),
        ("IdentityAgent DIR/empty", false),
        ("IdentityAgent $NOT_SET_HERE", false),
        ("IdentityAgent DIR/absent", false),
        ("IdentitiesOnly yes", false),
        // The public half selects one of the agent's keys.
        ("IdentitiesOnly yes\nIdentityFile DIR/user.pub", true),
        ("IdentitiesOnly yes\nIdentityFile DIR/user", true),
        ("IdentitiesOnly yes\nIdentityFile DIR/rsa", false),
    ] {
        both.agree(&format!("{lines}\nIdentityFile DIR/none"), welcome);
    }
    both.agent = Some(empty.socket.clone());
    both.agree("IdentityFile DIR/none", false);
    both.agree("IdentityAgent DIR/full\nIdentityFile DIR/none", true);
    let out = both.ours("IdentitiesOnly yes\nIdentityFile DIR/rsa", "true");
    assert!(said(&out).contains("only its public half"), "{}", said(&out));
}
