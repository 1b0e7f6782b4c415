//! What ssh_config says is what happens: `patchwave exec` over a real sshd, by an alias that only ssh_config explains.

use std::{
    fs,
    process::{Command, Output},
};

use crate::support::sshd::{Sshd, me};

/// Runs `true` on the hosts of an inventory, with `config`; `DIR`, `PORT` and `ME` mean the server's.
fn exec(sshd: &Sshd, config: &str, inventory: &str) -> Output {
    let fill = |text: &str| {
        let dir = sshd.dir.path().display().to_string();
        text.replace("DIR", &dir).replace("PORT", &sshd.port.to_string()).replace("ME", &me())
    };
    let key = fs::read_to_string(sshd.path("host.pub")).unwrap();
    fs::write(sshd.path("aliased"), format!("fleet {key}")).unwrap();
    fs::write(sshd.path("config"), fill(config)).unwrap();
    fs::write(sshd.path("inv.yml"), fill(inventory)).unwrap();
    Command::new(env!("CARGO_BIN_EXE_patchwave"))
        .args(["exec", "-F"])
        .arg(sshd.path("config"))
        .arg("-i")
        .arg(sshd.path("inv.yml"))
        .args(["all", "--", "true"])
        .env("PATCHWAVE_STATE_DIR", sshd.path("state"))
        .env("HOME", sshd.dir.path())
        .env_remove("SSH_AUTH_SOCK")
        .output()
        .unwrap()
}

fn text(out: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

const GOOD: &str = "Host web\n HostName 127.0.0.1\n Port PORT\n User ME\n IdentityFile DIR/user\n IdentitiesOnly yes\n \
                    IdentityAgent none\n UserKnownHostsFile DIR/aliased\n GlobalKnownHostsFile none\n HostKeyAlias fleet\n \
                    ConnectTimeout 9\n ServerAliveInterval 5\n AddressFamily inet\n BindAddress 127.0.0.1\n \
                    KexAlgorithms curve25519-sha256\n Ciphers aes256-ctr\n MACs hmac-sha2-256\n \
                    HostKeyAlgorithms ssh-ed25519\n";
const INVENTORY: &str = "all: { hosts: { web: {} } }\n";

#[test]
fn an_alias_is_reached() {
    let Some(sshd) = Sshd::start("KexAlgorithms curve25519-sha256\nCiphers aes256-ctr\nLogLevel DEBUG1") else {
        return;
    };
    let out = exec(&sshd, GOOD, INVENTORY);
    assert!(out.status.success(), "{}", text(&out));
}

#[test]
fn the_inventory_wins_and_its_words_are_read_as_ssh_does() {
    let Some(sshd) = Sshd::start("") else { return };
    let config = "User nobody\nPort 1\nIdentityFile DIR/none\nHost web\n HostName 127.0.0.1\n";
    let inventory = "all: { hosts: { web: { ansible_port: PORT, ansible_user: ME, ansible_ssh_private_key_file: DIR/user, \
                     ansible_ssh_common_args: '-C -o HostKeyAlias=fleet -oUserKnownHostsFile=DIR/aliased -4' } } }\n";
    let out = exec(&sshd, config, inventory);
    assert!(out.status.success(), "{}", text(&out));
}

#[test]
fn a_bastion_is_reached_by_its_own_section() {
    let Some(sshd) = Sshd::start("") else { return };
    let config = format!(
        "{GOOD} ProxyJump gate\nHost gate\n HostName 127.0.0.1\n HostKeyAlias fleet\nHost *\n Port PORT\n \
                          User ME\n IdentityFile DIR/user\n UserKnownHostsFile DIR/aliased\n"
    );
    let out = exec(&sshd, &config, INVENTORY);
    assert!(out.status.success(), "{}", text(&out));
}

#[test]
fn what_cannot_be_honoured_stops_it_before_anything_is_sent() {
    let Some(sshd) = Sshd::start("") else { return };
    for (more, named) in [
        (" StrictHostKeyChecking no\n", "stricthostkeychecking"),
        (" RemoteCommand x\n", "remotecommand"),
        (" CanonicalizeHostname yes\n", "canonicalizehostname"),
        (" ProxyJump gate\nHost gate\n ProxyJump gate2\nHost gate2\n ProxyJump gate\n", "loop"),
    ] {
        let out = exec(&sshd, &format!("{GOOD}{more}"), INVENTORY);
        assert!(out.status.code() == Some(2) && text(&out).contains(named), "{more}: {}", text(&out));
    }
    // A different key on file under the alias; and no common algorithm.
    for (from, to, named) in [
        ("HostKeyAlias fleet", "HostKeyAlias other", "not on file"),
        ("KexAlgorithms curve25519-sha256", "KexAlgorithms sntrup761x25519-sha512@openssh.com", "leaves no algorithm"),
        ("AddressFamily inet", "AddressFamily inet6", "family"),
        ("IdentityFile DIR/user", "IdentityFile DIR/user\n PubkeyAuthentication no", "log in"),
    ] {
        let out = exec(&sshd, &GOOD.replace(from, to), INVENTORY);
        assert!(!out.status.success() && text(&out).contains(named), "{to}: {}", text(&out));
    }
}
