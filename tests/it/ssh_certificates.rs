//! User certificates, several keys in a row and the number of tries, on a real sshd; codes on a server written here.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use patchwave::{
    target::Target,
    transport::{
        Class, ConnectError, Transport,
        ssh::{SshOptions, SshTransport},
    },
};

use crate::support::{
    prompt::Scripted,
    sshd::{SshAgent, Sshd, keygen, me, need},
};

async fn connect(options: SshOptions, target: Target) -> Result<(), ConnectError> {
    let transport = SshTransport::new(options).expect("a transport");
    transport.connect(Arc::new(target)).await?.close().await;
    Ok(())
}

/// A server that accepts only certificates of its authority.
fn server(more: &str) -> Option<(tempfile::TempDir, Sshd)> {
    need("sshd")?;
    need("ssh-keygen")?;
    let dir = tempfile::tempdir().unwrap();
    keygen(&dir.path().join("ca"), "ed25519", "");
    let sshd = Sshd::start(&format!("TrustedUserCAKeys {}/ca.pub\n{more}", dir.path().display()))?;
    std::fs::write(sshd.path("authorized_keys"), "").unwrap();
    Some((dir, sshd))
}

fn certify(ca: &Path, key: &Path, arguments: &[&str]) {
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-I", "id"]).args(arguments).arg("-s").arg(ca).arg(key.with_extension("pub"));
    assert!(sign.status().unwrap().success());
}

fn with_key(sshd: &Sshd, key: PathBuf) -> (SshOptions, Target) {
    let mut target = sshd.target();
    target.key_file = Some(key);
    (SshOptions { identities: vec![], ..sshd.options() }, target)
}

#[tokio::test]
async fn certificates_beside_their_keys_let_in() {
    let Some((dir, sshd)) = server("MaxAuthTries 2") else { return };
    let (me, ca) = (me(), dir.path().join("ca"));
    for (n, (kind, arguments, welcome)) in [
        ("ed25519", vec!["-n", &me], true),
        ("ecdsa", vec!["-n", &me], true),
        ("rsa", vec!["-n", &me], true),
        ("ed25519", vec!["-n", "somebody-else"], false),
        ("ed25519", vec!["-n", &me, "-V", "20200101:20200102"], false),
        // A host certificate is not offered at all.
        ("ed25519", vec!["-h", "-n", &me], false),
    ]
    .into_iter()
    .enumerate()
    {
        let key = sshd.path(&format!("key{n}"));
        keygen(&key, kind, "");
        certify(&ca, &key, &arguments);
        let (options, target) = with_key(&sshd, key);
        let result = connect(options, target).await;
        assert_eq!(result.is_ok(), welcome, "{kind} {arguments:?}: {result:?}");
        if let Err(error) = result {
            assert_eq!(error.class, Class::Auth, "{error}");
        }
    }
}

#[tokio::test]
async fn an_encrypted_key_is_unlocked_where_its_certificate_is_wanted() {
    let Some((dir, sshd)) = server("") else { return };
    let key = sshd.path("locked");
    keygen(&key, "ed25519", "secret words");
    certify(&dir.path().join("ca"), &key, &["-n", &me()]);
    let (mut options, target) = with_key(&sshd, key.clone());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    options.prompt = Some(Scripted::new(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        Some("secret words".to_owned())
    }));
    let transport = SshTransport::new(options.clone()).unwrap();
    for _ in 0..3 {
        transport.connect(Arc::new(target.clone())).await.expect("a session").close().await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // A certificate that the host does not want is not a reason to ask.
    certify(&dir.path().join("ca"), &key, &["-n", "somebody-else"]);
    assert!(connect(options, target).await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_agent_signs_for_certificates() {
    let Some((dir, sshd)) = server("") else { return };
    if need("ssh-agent").is_none() || need("ssh-add").is_none() {
        return;
    }
    for kind in ["ed25519", "rsa"] {
        // One agent holds the certificate, another only the key of a certificate that is in a file.
        let key = sshd.path(&format!("{kind}-held"));
        keygen(&key, kind, "");
        let bare = SshAgent::start(sshd.path(&format!("{kind}-bare")));
        bare.add(&key);
        certify(&dir.path().join("ca"), &key, &["-n", &me()]);
        let full = SshAgent::start(sshd.path(&format!("{kind}-full")));
        full.add(&key);
        let options = SshOptions { identities: vec![], agent: Some(full.socket.clone()), ..sshd.options() };
        assert_eq!(connect(options.clone(), sshd.target()).await, Ok(()), "{kind} in the agent");
        let mut lock = Command::new("ssh-keygen");
        lock.args(["-q", "-p", "-P", "", "-N", "secret", "-f"]).arg(&key).stdout(Stdio::null());
        assert!(lock.status().unwrap().success());
        let mut target = sshd.target();
        target.key_file = Some(key);
        let options = SshOptions { agent: Some(bare.socket.clone()), ..options };
        assert_eq!(connect(options, target).await, Ok(()), "{kind} beside the agent");
    }
}

#[tokio::test]
async fn two_keys_in_a_row() {
    let Some(sshd) = Sshd::start("AuthenticationMethods publickey,publickey") else { return };
    keygen(&sshd.path("second"), "ed25519", "");
    let second = std::fs::read_to_string(sshd.path("second.pub")).unwrap();
    let first = std::fs::read_to_string(sshd.path("user.pub")).unwrap();
    std::fs::write(sshd.path("authorized_keys"), format!("{first}{second}")).unwrap();
    let mut options = sshd.options();
    let error = connect(options.clone(), sshd.target()).await.unwrap_err();
    assert_eq!(error.class, Class::Auth, "{error}");
    assert!(error.message.contains("needs more than key"), "{error}");
    options.identities.push(sshd.path("second"));
    assert_eq!(connect(options, sshd.target()).await, Ok(()));
}

#[tokio::test]
async fn the_configured_key_comes_before_the_many_of_an_agent() {
    let Some(sshd) = Sshd::start("MaxAuthTries 2") else { return };
    if need("ssh-agent").is_none() || need("ssh-add").is_none() {
        return;
    }
    let agent = SshAgent::start(sshd.path("agent"));
    for n in 0..5 {
        let key = sshd.path(&format!("other{n}"));
        keygen(&key, "ed25519", "");
        agent.add(&key);
    }
    let (options, target) = with_key(&sshd, sshd.path("user"));
    let options = SshOptions { agent: Some(agent.socket.clone()), ..options };
    assert_eq!(connect(options.clone(), target).await, Ok(()));
    // Without it the host hangs up after its number of tries. That is a refusal and not a lost connection.
    let error = connect(options, sshd.target()).await.unwrap_err();
    assert_eq!(error.class, Class::Auth, "{error}");
}
