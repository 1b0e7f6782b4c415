//! Logging in to a real sshd: keys, passphrases, agents, and how refusals are reported.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use patchwave::{
    target::Target,
    transport::{
        Class, ConnectError, Phase, Transport,
        ssh::{SshOptions, SshTransport},
    },
};

use crate::support::{
    prompt::Scripted,
    sshd::{SshAgent, Sshd, keygen, need},
};

async fn connect(options: SshOptions, target: Target) -> Result<(), ConnectError> {
    let transport = SshTransport::new(options).expect("a transport");
    let session = transport.connect(Arc::new(target)).await?;
    session.close().await;
    Ok(())
}

fn let_in(sshd: &Sshd, key: &Path) {
    let public = std::fs::read(key.with_extension("pub")).expect("a public key");
    let file = std::fs::OpenOptions::new().append(true).open(sshd.path("authorized_keys"));
    file.and_then(|mut file| file.write_all(&public)).expect("authorized_keys");
}

#[tokio::test]
async fn every_kind_of_key_logs_in() {
    let Some(sshd) = Sshd::start("") else { return };
    for (name, kind, bits) in [("rsa", "rsa", "3072"), ("ecdsa256", "ecdsa", "256"), ("ecdsa521", "ecdsa", "521")] {
        let path = sshd.path(name);
        let mut make = Command::new("ssh-keygen");
        make.args(["-q", "-t", kind, "-b", bits, "-N", "", "-f"]).arg(&path);
        assert!(make.status().unwrap().success());
        let_in(&sshd, &path);
        let mut target = sshd.target();
        target.key_file = Some(path);
        let options = SshOptions { identities: vec![], ..sshd.options() };
        assert_eq!(connect(options, target).await, Ok(()), "{kind} {bits}");
    }
}

#[tokio::test]
async fn rsa_works_where_only_one_hash_is_taken() {
    for hash in ["rsa-sha2-256", "rsa-sha2-512"] {
        let Some(sshd) = Sshd::start(&format!("PubkeyAcceptedAlgorithms {hash}")) else { return };
        keygen(&sshd.path("rsa"), "rsa", "");
        let_in(&sshd, &sshd.path("rsa"));
        let mut target = sshd.target();
        target.key_file = Some(sshd.path("rsa"));
        assert_eq!(connect(sshd.options(), target).await, Ok(()), "{hash}");
    }
}

#[tokio::test]
async fn an_encrypted_key_is_asked_for_once_a_run() {
    let Some(sshd) = Sshd::start("") else { return };
    let path = sshd.path("locked");
    keygen(&path, "ed25519", "secret words");
    let_in(&sshd, &path);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let mut options = sshd.options();
    options.identities = vec![path.clone()];
    options.prompt = Some(Scripted::new(move |_, _| {
        // The first answer has a typing mistake.
        let wrong = count.fetch_add(1, Ordering::SeqCst) == 0;
        Some(if wrong { "wrong" } else { "secret words" }.to_owned())
    }));
    let transport = SshTransport::new(options).unwrap();
    let connects = (0..5).map(|_| transport.connect(sshd.shared_target()));
    for session in futures::future::join_all(connects).await {
        session.expect("a session").close().await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    // There is no one to ask.
    let options = SshOptions { identities: vec![path], ..sshd.options() };
    let error = connect(options, sshd.target()).await.unwrap_err();
    assert_eq!((error.phase, error.class), (Phase::Auth, Class::Local));
    assert!(error.message.contains("is encrypted, and there is no terminal"), "{error}");
}

#[tokio::test]
async fn a_passphrase_is_not_asked_for_when_the_host_does_not_want_the_key() {
    let Some(sshd) = Sshd::start("") else { return };
    keygen(&sshd.path("locked"), "ed25519", "secret");
    let mut options = sshd.options();
    options.identities = vec![sshd.path("locked"), sshd.path("user")];
    options.prompt = Some(Scripted::new(|_, _| panic!("asked in vain")));
    assert_eq!(connect(options, sshd.target()).await, Ok(()));
}

#[tokio::test]
async fn a_wrong_key_is_told_with_what_was_tried() {
    let Some(sshd) = Sshd::start("") else { return };
    keygen(&sshd.path("wrong"), "ed25519", "");
    let mut target = sshd.target();
    target.key_file = Some(sshd.path("wrong"));
    let error = connect(sshd.options(), target).await.unwrap_err();
    assert_eq!((error.phase, error.class), (Phase::Auth, Class::Auth));
    assert!(
        error.message.contains("/wrong (SHA256:") && error.message.contains("the host allows publickey"),
        "{error}"
    );
    // No key at all is a failure on our side.
    let mut target = sshd.target();
    target.key_file = Some(sshd.path("absent"));
    let error = connect(sshd.options(), target).await.unwrap_err();
    assert_eq!(error.class, Class::Local);
    assert!(error.message.contains("/absent does not exist"), "{error}");
}

#[tokio::test]
async fn a_key_that_others_may_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let Some(sshd) = Sshd::start("") else { return };
    std::fs::set_permissions(sshd.path("user"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = connect(sshd.options(), sshd.target()).await.unwrap_err();
    assert_eq!(error.class, Class::Local);
    assert!(error.message.contains("chmod 600"), "{error}");
}

#[tokio::test]
async fn many_refused_keys_end_as_a_refused_login() {
    let Some(sshd) = Sshd::start("MaxAuthTries 2") else { return };
    let mut options = sshd.options();
    options.identities = (0..5).map(|n| sshd.path(&format!("wrong{n}"))).collect();
    for path in &options.identities {
        keygen(path, "ed25519", "");
    }
    let error = connect(options, sshd.target()).await.unwrap_err();
    assert_eq!((error.phase, error.class), (Phase::Auth, Class::Auth), "{error}");
    assert!(error.message.contains("Too many authentication failures"), "{error}");
}

#[tokio::test]
async fn a_connection_that_ends_during_the_login_is_closed_not_refused() {
    let Some(sshd) = Sshd::start("LoginGraceTime 1") else { return };
    keygen(&sshd.path("locked"), "ed25519", "secret");
    let_in(&sshd, &sshd.path("locked"));
    let mut options = sshd.options();
    options.identities = vec![sshd.path("locked")];
    // The answer takes longer than the server waits.
    options.prompt = Some(Scripted::new(|_, _| {
        std::thread::sleep(Duration::from_millis(2500));
        Some("secret".to_owned())
    }));
    let error = connect(options, sshd.target()).await.unwrap_err();
    assert_eq!((error.phase, error.class), (Phase::Auth, Class::Closed), "{error}");
}

#[tokio::test]
async fn an_agent_signs_and_a_broken_one_spoils_nothing() {
    let Some(sshd) = Sshd::start("") else { return };
    if need("ssh-agent").is_none() || need("ssh-add").is_none() {
        return;
    }
    let agent = SshAgent::start(sshd.path("agent"));
    for (name, kind) in [("other", "ed25519"), ("rsa", "rsa")] {
        keygen(&sshd.path(name), kind, "");
        agent.add(&sshd.path(name));
    }
    let_in(&sshd, &sshd.path("rsa"));
    let mut options = SshOptions { identities: vec![], agent: Some(agent.socket.clone()), ..sshd.options() };
    assert_eq!(connect(options.clone(), sshd.target()).await, Ok(()));
    // Many connections at once share it.
    let transport = SshTransport::new(options.clone()).unwrap();
    let connects = (0..12).map(|_| transport.connect(sshd.shared_target()));
    for session in futures::future::join_all(connects).await {
        session.expect("a session").close().await;
    }
    // An encrypted key file whose key the agent holds needs no passphrase.
    let mut target = sshd.target();
    let locked = sshd.path("rsa-locked");
    std::fs::copy(sshd.path("rsa"), &locked).unwrap();
    let mut lock = Command::new("ssh-keygen");
    lock.args(["-q", "-p", "-P", "", "-N", "secret", "-f"]).arg(&locked).stdout(Stdio::null());
    assert!(lock.status().unwrap().success());
    target.key_file = Some(locked);
    assert_eq!(connect(options.clone(), target).await, Ok(()));
    // If the agent is gone, or is not an agent, the key files are still tried.
    let nonsense = std::os::unix::net::UnixListener::bind(sshd.path("nonsense")).unwrap();
    std::thread::spawn(move || {
        for mut stream in nonsense.incoming().flatten() {
            let _ = stream.write_all(&[0xff; 64]);
        }
    });
    for socket in ["gone", "nonsense"] {
        options.agent = Some(sshd.path(socket));
        options.identities = vec![sshd.path("user")];
        assert_eq!(connect(options.clone(), sshd.target()).await, Ok(()), "{socket}");
    }
}
