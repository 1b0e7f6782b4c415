//! Host keys against a real sshd, and the trust store against `ssh-keygen -F`.

use std::{fs, path::Path, process::Command, sync::Arc};

use patchwave::{
    target::HostKeyPolicy,
    transport::{
        Class, ConnectError, Phase, Transport,
        ssh::{SshTransport, known_hosts::TrustFile},
    },
};

use crate::support::{
    prompt::Scripted,
    sshd::{Sshd, keygen, need},
};

async fn refusal(sshd: &Sshd, known_hosts: &str, policy: HostKeyPolicy) -> Option<ConnectError> {
    fs::write(sshd.path("known_hosts"), known_hosts).expect("known_hosts");
    let mut options = sshd.options();
    options.host_keys = policy;
    let transport = SshTransport::new(options).expect("a transport");
    match transport.connect(sshd.shared_target()).await {
        Ok(session) => {
            session.close().await;
            None
        }
        Err(error) => Some(error),
    }
}

/// Whether OpenSSH's own client connects with these lines; `None` when it is not installed.
fn openssh_connects(sshd: &Sshd, known_hosts: &str, policy: &str) -> Option<bool> {
    let ssh = need("ssh")?;
    let path = sshd.path("known_hosts-theirs");
    fs::write(&path, known_hosts).expect("known_hosts");
    let mut ssh = Command::new(ssh);
    ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentityAgent=none", "-o", "GlobalKnownHostsFile=/dev/null"]);
    ssh.arg("-o").arg(format!("StrictHostKeyChecking={policy}"));
    ssh.arg("-o").arg(format!("UserKnownHostsFile={}", path.display()));
    ssh.arg("-i").arg(sshd.path("user")).args(["-p", &sshd.port.to_string(), "127.0.0.1", "true"]);
    Some(ssh.output().expect("ssh").status.success())
}

fn public(path: &Path) -> String {
    fs::read_to_string(path.with_extension("pub")).expect("a public key").trim().to_owned()
}

#[tokio::test]
async fn unknown_changed_and_revoked_keys_are_refused() {
    let Some(sshd) = Sshd::start("") else { return };
    keygen(&sshd.path("other"), "ed25519", "");
    keygen(&sshd.path("ecdsa"), "ecdsa", "");
    let name = format!("[127.0.0.1]:{}", sshd.port);
    let (host, other) = (public(&sshd.path("host")), public(&sshd.path("other")));
    let ecdsa = public(&sshd.path("ecdsa"));
    let unknown = Some(Class::HostKeyUnknown);
    let changed = Some(Class::HostKeyChanged);
    let revoked = Some(Class::HostKeyRevoked);
    for (lines, strict, accept_new) in [
        (String::new(), unknown, None),
        (format!("{name} {host}\n"), None, None),
        (format!("127.0.0.1 {host}\n"), None, None),
        (format!("*,!db {host}\n"), None, None),
        (format!("other.example.com {other}\n"), unknown, None),
        (format!("{name} {other}\n"), changed, changed),
        (format!("{name} {other}\n{name} {host}\n"), None, None),
        // Known by another kind of key: this may be a different host that hides behind the name.
        (format!("{name} {ecdsa}\n"), changed, changed),
        (format!("{name} {ecdsa}\n{name} {host}\n"), None, None),
        (format!("{name} {host}\n@revoked * {host}\n"), revoked, revoked),
        (format!("@revoked * {host}\n"), revoked, revoked),
    ] {
        let policies = [(HostKeyPolicy::Strict, "yes", strict), (HostKeyPolicy::AcceptNew, "accept-new", accept_new)];
        for (policy, theirs, expected) in policies {
            if let Some(connects) = openssh_connects(&sshd, &lines, theirs) {
                assert_eq!(connects, expected.is_none(), "what ssh does, {theirs}: {lines}");
            }
            let error = refusal(&sshd, &lines, policy).await;
            assert_eq!(error.as_ref().map(|e| e.class), expected, "{policy:?} {lines} {error:?}");
            if let Some(error) = error {
                assert_eq!(error.phase, Phase::HostKey);
                assert!(error.message.contains("SHA256:") && error.help.is_some(), "{error:?}");
                assert_eq!(fs::read_to_string(sshd.path("known_hosts")).unwrap(), lines, "nothing is recorded");
            }
        }
    }
}

#[tokio::test]
async fn a_new_key_is_recorded_once_by_many_connections() {
    let Some(sshd) = Sshd::start("") else { return };
    fs::write(sshd.path("known_hosts"), "# mine").unwrap();
    let mut options = sshd.options();
    options.host_keys = HostKeyPolicy::AcceptNew;
    let transport = SshTransport::new(options).unwrap();
    let connects = (0..12).map(|_| transport.connect(sshd.shared_target()));
    for session in futures::future::join_all(connects).await {
        session.expect("a session").close().await;
    }
    let recorded = fs::read_to_string(sshd.path("known_hosts")).unwrap();
    let line = sshd.known_line().rsplit_once(' ').expect("a comment").0.to_owned();
    assert_eq!(recorded, format!("# mine\n{line}\n"));
    // OpenSSH can read what was written.
    let mut find = Command::new("ssh-keygen");
    find.args(["-F", &format!("[127.0.0.1]:{}", sshd.port), "-f"]).arg(sshd.path("known_hosts"));
    assert!(find.output().unwrap().status.success());
}

#[tokio::test]
async fn hashed_names_are_known() {
    let Some(sshd) = Sshd::start("") else { return };
    let path = sshd.path("known_hosts");
    fs::write(&path, format!("other {}\n{}", public(&sshd.path("user")), sshd.known_line())).unwrap();
    assert!(Command::new("ssh-keygen").arg("-H").arg("-f").arg(&path).output().unwrap().status.success());
    let hashed = fs::read_to_string(&path).unwrap();
    assert!(!hashed.contains("127.0.0.1"), "{hashed}");
    assert!(refusal(&sshd, &hashed, HostKeyPolicy::Strict).await.is_none());
}

#[tokio::test]
async fn known_kinds_of_keys_are_asked_for_first() {
    if need("sshd").is_none() || need("ssh-keygen").is_none() {
        return;
    }
    // The server shows ed25519 unless the client asks for another kind first.
    let dir = tempfile::tempdir().unwrap();
    keygen(&dir.path().join("ed25519"), "ed25519", "");
    keygen(&dir.path().join("rsa"), "rsa", "");
    keygen(&dir.path().join("ecdsa"), "ecdsa", "");
    let at = dir.path().display();
    let Some(sshd) = Sshd::start(&format!("HostKey {at}/ed25519\nHostKey {at}/rsa\nHostKey {at}/ecdsa")) else {
        return;
    };
    for kind in ["rsa", "ecdsa"] {
        let line = format!("[127.0.0.1]:{} {}\n", sshd.port, public(&dir.path().join(kind)));
        assert_eq!(refusal(&sshd, &line, HostKeyPolicy::Strict).await, None);
    }
}

#[tokio::test]
async fn host_certificates_speak_for_their_principals() {
    if need("sshd").is_none() || need("ssh-keygen").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    keygen(&dir.path().join("ca"), "ed25519", "");
    let ca = public(&dir.path().join("ca"));
    // (arguments of ssh-keygen -s, refused as)
    for (n, (arguments, expected)) in [
        (vec!["-h", "-n", "127.0.0.1"], None),
        (vec!["-h", "-n", "127.*"], Some(Class::HostKeyUnknown)),
        (vec!["-h"], None),
        (vec!["-h", "-n", "db.example.com"], Some(Class::HostKeyUnknown)),
        (vec!["-h", "-n", "127.0.0.1", "-V", "20200101:20200102"], Some(Class::HostKeyUnknown)),
        (vec!["-n", "127.0.0.1"], Some(Class::HostKeyUnknown)),
    ]
    .into_iter()
    .enumerate()
    {
        let key = dir.path().join(format!("host{n}"));
        keygen(&key, "ed25519", "");
        let mut sign = Command::new("ssh-keygen");
        sign.arg("-s").arg(dir.path().join("ca")).args(["-I", "id"]).args(&arguments).arg(key.with_extension("pub"));
        assert!(sign.output().unwrap().status.success());
        let at = key.display();
        let Some(sshd) = Sshd::start(&format!("HostKey {at}\nHostCertificate {at}-cert.pub")) else { return };
        let lines = format!("@cert-authority [127.0.0.1]:* {ca}\n");
        let error = refusal(&sshd, &lines, HostKeyPolicy::Strict).await;
        assert_eq!(error.as_ref().map(|e| e.class), expected, "{arguments:?} {error:?}");
        if let Some(theirs) = openssh_connects(&sshd, &lines, "yes") {
            assert_eq!(theirs, expected.is_none(), "{arguments:?}");
        }
        let revoked = format!("{lines}@revoked * {ca}\n");
        let error = refusal(&sshd, &revoked, HostKeyPolicy::AcceptNew).await;
        assert_eq!(error.map(|e| e.class), Some(Class::HostKeyRevoked), "{arguments:?}");
    }
}

/// Which lines name a host: our answer against OpenSSH's, on files made of odd lines.
#[test]
fn the_lines_that_name_a_host_are_those_of_ssh_keygen() {
    if need("ssh-keygen").is_none() {
        return;
    }
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    let parts = [
        "web01",
        "WEB01",
        "web02",
        "web*",
        "web??",
        "*",
        "!web01",
        "!web02",
        "!*",
        "[web01]:2222",
        "[web*]:2222",
        "[*]:*",
        "10.0.0.1",
        "10.0.0.?",
        "fe80::1",
        "db.example.com",
        "*.example.com",
        "a",
        "",
        "?",
        "**",
        "web01*",
        "*1",
    ];
    let names = [
        "web01",
        "web02",
        "web1",
        "[web01]:2222",
        "[web02]:2222",
        "10.0.0.1",
        "fe80::1",
        "db.example.com",
        "example.com",
        "a",
        "zz",
        "[::1]:2222",
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    let random = std::cell::RefCell::new(fastrand::Rng::with_seed(7));
    let any = |choices: &[&'static str]| choices[random.borrow_mut().usize(..choices.len())];
    for round in 0..12 {
        // ssh-keygen can only hash whole files.
        let hash = round % 3 == 2;
        let mut text = String::new();
        for _ in 0..30 {
            let count = random.borrow_mut().usize(1..4);
            let list: Vec<&str> = (0..count).map(|_| any(&parts)).filter(|part| !hash || !part.is_empty()).collect();
            let tail = any(&["", " a comment", "\r", " # x", "\t"]);
            if hash {
                let marker = any(&["", "", "@revoked ", "@cert-authority "]);
                text.push_str(&format!(
                    "{marker}{} {key}{tail}\n",
                    if list.is_empty() { "x".into() } else { list.join(",") }
                ));
                continue;
            }
            let marker = any(&["", "", "", "@revoked ", "@cert-authority\t", "@bogus ", "@revoked @revoked "]);
            let lead = any(&["", "", " ", "\t"]);
            text.push_str(&format!("{lead}{marker}{} {key}{tail}\n", list.join(",")));
            text.push_str(any(&["", "", "# a comment\n", "\n", "web01\n", "web01 \n", "web01 # no key\n", "   \n"]));
        }
        fs::write(&path, &text).unwrap();
        if hash {
            assert!(Command::new("ssh-keygen").arg("-H").arg("-f").arg(&path).output().unwrap().status.success());
            text = fs::read_to_string(&path).unwrap();
            assert!(text.contains("|1|"), "{text}");
        }
        let ours = Arc::new(TrustFile::load(&path).unwrap());
        for name in names {
            let output = Command::new("ssh-keygen").args(["-F", name, "-f"]).arg(&path).output().unwrap();
            let theirs: Vec<u32> = String::from_utf8_lossy(&output.stdout)
                .lines()
                .filter_map(|line| {
                    line.strip_prefix("# Host ")?.split_once(" found: line ")?.1.split(' ').next()?.parse().ok()
                })
                .collect();
            assert_eq!(ours.find(name), theirs, "{name} in round {round}:\n{text}");
        }
    }
}

/// A person answers. Their time counts against no deadline, and they are asked once for each name.
#[tokio::test]
async fn a_person_is_asked_once_for_each_name() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let Some(sshd) = Sshd::start("") else { return };
    for (answer, expected) in [(Some("yes"), None), (Some("no"), Some("not confirmed")), (None, Some("not on file"))] {
        fs::write(sshd.path("known_hosts"), "").unwrap();
        let mut options = sshd.options();
        options.host_keys = HostKeyPolicy::Ask;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        options.prompt = Some(Scripted::new(move |question: &str, _| {
            count.fetch_add(1, Ordering::SeqCst);
            assert!(question.contains("SHA256:") && question.contains("127.0.0.1"), "{question}");
            std::thread::sleep(std::time::Duration::from_millis(1500));
            answer.map(str::to_owned)
        }));
        let transport = SshTransport::new(options).unwrap();
        let mut target = sshd.target();
        target.limits.handshake = std::time::Duration::from_secs(1);
        let hosts = if expected.is_none() { 6 } else { 1 };
        let connects = (0..hosts).map(|_| transport.connect(Arc::new(target.clone())));
        for result in futures::future::join_all(connects).await {
            match (result, expected) {
                (Ok(session), None) => session.close().await,
                (Err(error), Some(part)) => {
                    assert_eq!(error.class, Class::HostKeyUnknown);
                    assert!(error.message.contains(part), "{error}");
                }
                (Ok(_), Some(_)) => panic!("connected after {answer:?}"),
                (Err(error), None) => panic!("{error}"),
            }
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let recorded = fs::read_to_string(sshd.path("known_hosts")).unwrap();
        assert_eq!(recorded.lines().count(), usize::from(expected.is_none()), "{recorded}");
    }
}
