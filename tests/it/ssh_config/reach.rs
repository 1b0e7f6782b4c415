//! Where and how both clients connect: `ssh` and patchwave on one sshd.

use std::fs;

use super::both::{Both, said};

const KEY: &str = "IdentityFile DIR/user\nIdentityAgent none";

/// The fingerprints that the server refused after the first `from` bytes of its log, in order.
fn refused_since(both: &Both, from: usize) -> Vec<String> {
    let log = fs::read_to_string(both.path("log")).unwrap();
    let of = |line: &str| {
        let words = line.split_once("Failed publickey for ")?.1.split_once(" ssh2: ")?.1;
        Some(words.split(' ').take(2).collect::<Vec<_>>().join(" "))
    };
    log[from..].lines().filter_map(of).collect()
}

#[test]
fn keys_are_offered_in_the_same_order() {
    let Some(both) = Both::start("MaxAuthTries 20") else { return };
    for name in ["a", "b", "c"] {
        both.key(name, "ed25519");
    }
    both.key("ca", "ed25519");
    for (key, file) in [("a", "cert-a"), ("b", "cert-b")] {
        both.keygen(&["-s", "ca", "-I", "id", &format!("{key}.pub")]);
        fs::rename(both.path(&format!("{key}-cert.pub")), both.path(file)).unwrap();
    }
    for lines in [
        "IdentityFile DIR/a\nIdentityFile DIR/b",
        "IdentityFile DIR/b\nIdentityFile DIR/a\nCertificateFile DIR/cert-a",
        "IdentityFile DIR/a\nIdentityFile DIR/b\nCertificateFile DIR/cert-b\nCertificateFile DIR/cert-a",
        "IdentityFile DIR/c\nIdentityFile DIR/a\nPubkeyAcceptedAlgorithms ssh-ed25519",
    ] {
        let mut seen = Vec::new();
        for theirs in [true, false] {
            let from = fs::read(both.path("log")).unwrap().len();
            let lines = format!("{lines}\nIdentityAgent none\nIdentitiesOnly yes");
            let out = if theirs { both.theirs(&lines, "true") } else { both.ours(&lines, "true") };
            assert!(!out.status.success(), "{lines}");
            seen.push(refused_since(&both, from));
        }
        assert!(seen[0].len() >= 2, "{lines}: {:?}", seen[0]);
        assert_eq!(seen[0], seen[1], "{lines}");
    }
}

#[test]
fn our_end_is_the_interface_that_is_said() {
    let Some(both) = Both::start("") else { return };
    both.agree(&format!("{KEY}\nBindInterface lo"), true);
    both.agree(&format!("{KEY}\nBindInterface no-such-one"), false);
    both.agree(&format!("{KEY}\nBindAddress 127.0.0.9\nTCPKeepAlive no\nConnectionAttempts 3"), true);
    let log = fs::read_to_string(both.path("log")).unwrap();
    let from = |address: &str| log.matches(&format!("Connection from {address} ")).count();
    assert_eq!(from("127.0.0.9"), 2, "{log}");
    let out = both.ours(&format!("{KEY}\nBindInterface no-such-one"), "true");
    assert!(said(&out).contains("config:3: bindinterface no-such-one"), "{}", said(&out));
}

#[test]
fn the_environment_is_said_before_the_command() {
    let Some(both) = Both::start("AcceptEnv *") else { return };
    let say = "printf '<%s|%s|%s|%s>' \"$A\" \"$B\" \"$PATCHWAVE_STATE_DIR\" \"$LANGUAGE\"";
    let state = both.path("state").display().to_string();
    for (lines, want) in [
        ("", "<|||>".to_owned()),
        ("SetEnv A=1 \"B=two words\" A=3", "<1|two words||>".to_owned()),
        ("SendEnv PATCHWAVE_S*\nSetEnv A=1", format!("<1||{state}|>")),
        ("SendEnv PATCHWAVE_STATE_DIR -PATCHWAVE_*", "<|||>".to_owned()),
    ] {
        for theirs in [true, false] {
            let lines = format!("{KEY}\n{lines}");
            let out = if theirs { both.theirs(&lines, say) } else { both.ours(&lines, say) };
            assert!(out.status.success() && said(&out).contains(&want), "{lines}: {}", said(&out));
        }
    }
    // The locale of the person who runs this is not sent to the hosts.
    let out = both.ours(&format!("{KEY}\nSetEnv LANGUAGE=de A=1"), say);
    assert!(said(&out).contains("<1|||>"), "{}", said(&out));
}

/// Both through a bastion, which is the same server under another name.
fn through(both: &Both, bastion: &str, welcome: bool) {
    let own = "HostName 127.0.0.1\nPort PORT\nUser ME\nUserKnownHostsFile DIR/gate\nGlobalKnownHostsFile none";
    let lines = format!("Host gate\n{bastion}\n{own}\nHost web gate\n{KEY}\nHost web\nProxyJump gate\n");
    both.agree(&lines, welcome);
}

#[test]
fn a_bastion_has_a_policy_of_its_own() {
    let Some(both) = Both::start("") else { return };
    let known = || fs::read_to_string(both.path("gate")).unwrap();
    let name = format!("[127.0.0.1]:{}", both.sshd.port);
    for (strict, welcome) in [("yes", false), ("accept-new", true)] {
        both.file("gate", "");
        through(&both, &format!("StrictHostKeyChecking {strict}\nHashKnownHosts no\nBatchMode yes"), welcome);
        assert_eq!(known().contains(&name), welcome, "{}", known());
    }
    both.file("revoked", &both.public("host"));
    through(&both, "RevokedHostKeys DIR/revoked\nBatchMode yes", false);
}

#[test]
fn a_bastion_may_be_reached_by_a_command_of_its_own() {
    let Some(both) = Both::start("") else { return };
    both.file("gate", &both.sshd.known_line());
    let way = "ssh -F none -i DIR/user -o IdentityAgent=none -o UserKnownHostsFile=DIR/gate -p PORT -W %h:%p 127.0.0.1";
    through(&both, &format!("ProxyCommand sh -c 'echo %h:%p >> DIR/ran; exec {way}'\nBatchMode yes"), true);
    let ran = fs::read_to_string(both.path("ran")).unwrap();
    assert_eq!(ran, format!("127.0.0.1:{}\n", both.sshd.port).repeat(2), "once for each of the two");
    through(&both, "ProxyCommand sh -c 'exit 7'\nBatchMode yes", false);
}

/// `ConnectTimeout` is also the deadline of the handshake: for a host that accepts the connection and is silent.
#[test]
fn a_silent_host_is_left_after_the_time_to_connect() {
    let Some(both) = Both::start("") else { return };
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let lines = format!("{KEY}\nPort {}\nConnectTimeout 2", silent.local_addr().unwrap().port());
    for client in [Both::theirs, Both::ours] {
        let begun = std::time::Instant::now();
        let out = client(&both, &lines, "true");
        let took = begun.elapsed().as_secs_f64();
        assert!(!out.status.success() && (1.9..6.0).contains(&took), "{took} s: {}", said(&out));
    }
    assert!(said(&both.ours(&lines, "true")).contains("no SSH banner"));
}
