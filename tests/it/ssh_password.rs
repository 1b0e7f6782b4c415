//! Passwords, dialogues and second factors, on a server whose answers are written here.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
    time::Duration,
};

use patchwave::{
    host::HostName,
    target::{HostKeyPolicy, LoginMethod, LoginSettings, SshSettings, Target},
    transport::{
        Class, ConnectError, Phase, Transport,
        ssh::{SshOptions, SshTransport},
    },
};
use russh::{
    MethodKind, MethodSet,
    keys::{Algorithm, PrivateKey},
    server::{Auth, Config, Handler, PublicKeyOffer, Response, VerifiedPublicKey, run_stream},
};
use secrecy::SecretString;

use crate::support::prompt::Scripted;

/// How the server accepts a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Password,
    Dialogue,
    /// The password in a dialogue, then a code.
    Code,
    /// A key, then the password.
    KeyThenPassword,
    /// A key, then a code in a dialogue.
    KeyThenCode,
    /// It refuses, and offers no other method.
    NothingLeft,
    /// It hangs up when it gets a password.
    HangsUp,
    /// It never answers.
    Silent,
}

struct Server {
    rule: Rule,
    seen: Arc<Mutex<Vec<String>>>,
}

fn only(kind: MethodKind) -> Option<MethodSet> {
    Some(MethodSet::from([kind].as_slice()))
}

impl Server {
    fn note(&self, what: impl Into<String>) {
        self.seen.lock().unwrap().push(what.into());
    }
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, _: &str, _: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        Ok(if matches!(self.rule, Rule::KeyThenPassword | Rule::KeyThenCode) { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        self.note("key");
        let next = if self.rule == Rule::KeyThenCode { MethodKind::KeyboardInteractive } else { MethodKind::Password };
        Ok(Auth::Reject { proceed_with_methods: only(next), partial_success: true })
    }

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        self.note(format!("password {password}"));
        match self.rule {
            Rule::Password | Rule::KeyThenPassword if password == "pass" => Ok(Auth::Accept),
            Rule::NothingLeft => {
                Ok(Auth::Reject { proceed_with_methods: Some(MethodSet::empty()), partial_success: false })
            }
            Rule::HangsUp => Err(russh::Error::Disconnect),
            Rule::Silent => std::future::pending().await,
            _ => Ok(Auth::reject()),
        }
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        devices: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let ask = |prompt: &'static str| Auth::Partial {
            name: Cow::Borrowed(""),
            instructions: Cow::Borrowed(""),
            prompts: Cow::Owned(vec![(Cow::Borrowed(prompt), false)]),
        };
        let Some(mut response) = response else {
            self.note(format!("dialogue {devices}").trim());
            return Ok(ask(if self.rule == Rule::KeyThenCode { "Verification code: " } else { "Password: " }));
        };
        let answer = response.next().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        self.note(format!("answer {answer}"));
        Ok(match self.rule {
            Rule::Dialogue if answer == "pass" => Auth::Accept,
            Rule::Code if answer == "123456" => Auth::Accept,
            Rule::Code => ask("Verification code: "),
            Rule::KeyThenCode if answer == "123456" => Auth::Accept,
            _ => Auth::reject(),
        })
    }
}

/// Logs in with this password; returns the result, and what the server saw.
async fn log_in(rule: Rule, methods: &[MethodKind], password: &str) -> (Result<(), ConnectError>, Vec<String>) {
    log_in_with(rule, methods, Some(password), None).await
}

/// As [`log_in`], with a person who slowly gives this code to every question.
async fn log_in_with(
    rule: Rule,
    methods: &[MethodKind],
    password: Option<&str>,
    code: Option<&'static str>,
) -> (Result<(), ConnectError>, Vec<String>) {
    log_in_by(rule, methods, password, code, LoginSettings::default()).await
}

/// As [`log_in_with`], with these ssh_config settings.
async fn log_in_by(
    rule: Rule,
    methods: &[MethodKind],
    password: Option<&str>,
    code: Option<&'static str>,
    login: LoginSettings,
) -> (Result<(), ConnectError>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let config = Arc::new(Config {
        keys: vec![PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()],
        methods: MethodSet::from(methods),
        auth_rejection_time: Duration::from_millis(10),
        ..Config::default()
    });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server { rule, seen: Arc::clone(&seen) };
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        if let Ok(running) = run_stream(config, stream, server).await {
            let _ = running.await;
        }
    });
    let mut options = SshOptions::for_user("ops", Some(dir.path()), None);
    options.host_keys = HostKeyPolicy::AcceptNew;
    options.known_hosts.truncate(1);
    if let Some(code) = code {
        options.prompt = Some(Scripted::new(move |prompt: &str, echo| {
            assert!(prompt.contains("web01 asks: Verification code:") && !echo, "{prompt}");
            std::thread::sleep(Duration::from_millis(2500));
            Some(code.to_owned())
        }));
    }
    if matches!(rule, Rule::KeyThenPassword | Rule::KeyThenCode) {
        crate::support::sshd::keygen(&dir.path().join("key"), "ed25519", "");
        options.identities = vec![dir.path().join("key")];
    }
    let mut target = Target::plain(HostName::new("web01").unwrap(), "127.0.0.1");
    target.port = Some(port);
    target.password = password.map(|password| SecretString::from(password.to_owned()));
    target.limits.auth = Duration::from_secs(2);
    target.ssh = Arc::new(SshSettings { login, ..SshSettings::default() });
    let result = SshTransport::new(options).unwrap().connect(Arc::new(target)).await;
    let seen = seen.lock().unwrap().clone();
    (result.map(drop), seen)
}

const BOTH: &[MethodKind] = &[MethodKind::Password, MethodKind::KeyboardInteractive];
const DIALOGUE: &[MethodKind] = &[MethodKind::PublicKey, MethodKind::KeyboardInteractive];

#[tokio::test]
async fn passwords_log_in_in_either_way() {
    let (result, seen) = log_in(Rule::Password, BOTH, "pass").await;
    assert_eq!((result, seen), (Ok(()), vec!["password pass".to_owned()]));
    let (result, seen) = log_in(Rule::Dialogue, DIALOGUE, "pass").await;
    assert_eq!(result, Ok(()), "{seen:?}");
    assert_eq!(seen.last().map(String::as_str), Some("answer pass"));
}

#[tokio::test]
async fn a_wrong_password_is_shown_once_and_never_told() {
    let (result, seen) = log_in(Rule::Password, BOTH, "s3cret").await;
    let error = result.unwrap_err();
    assert_eq!((error.phase, error.class), (Phase::Auth, Class::Auth), "{error}");
    assert_eq!(seen, ["password s3cret"]);
    let told = format!("{error:?}");
    assert!(told.contains("tried password") && !told.contains("s3cret"), "{told}");
}

#[tokio::test]
async fn a_question_that_is_not_for_the_password_is_shown_to_the_operator() {
    let (result, seen) = log_in(Rule::Code, DIALOGUE, "pass").await;
    let error = result.unwrap_err();
    assert_eq!(error.class, Class::Auth);
    assert!(error.message.contains("the host asks \"Verification code:\""), "{error}");
    assert_eq!(seen.iter().filter(|what| what.starts_with("answer")).count(), 1, "{seen:?}");
}

#[tokio::test]
async fn a_key_and_then_a_password() {
    if crate::support::sshd::need("ssh-keygen").is_none() {
        return;
    }
    let methods = [MethodKind::PublicKey, MethodKind::Password];
    let (result, seen) = log_in(Rule::KeyThenPassword, &methods, "pass").await;
    assert_eq!((result, seen), (Ok(()), vec!["key".to_owned(), "password pass".to_owned()]));
}

#[tokio::test]
async fn refused_for_good_is_not_the_same_as_hung_up() {
    let (result, _) = log_in(Rule::NothingLeft, BOTH, "pass").await;
    assert_eq!(result.unwrap_err().class, Class::Auth);
    let (result, _) = log_in(Rule::HangsUp, BOTH, "pass").await;
    assert_eq!(result.unwrap_err().class, Class::Closed);
    let (result, _) = log_in(Rule::Silent, BOTH, "pass").await;
    let error = result.unwrap_err();
    assert_eq!((error.phase, error.class), (Phase::Auth, Class::TimedOut), "{error}");
}

#[tokio::test]
async fn a_person_gives_the_code() {
    if crate::support::sshd::need("ssh-keygen").is_none() {
        return;
    }
    let seen_of = |seen: &[&str]| seen.iter().map(|what| (*what).to_owned()).collect::<Vec<_>>();
    // The password, then the code, in one dialogue.
    let (result, seen) = log_in_with(Rule::Code, DIALOGUE, Some("pass"), Some("123456")).await;
    assert_eq!((result, seen), (Ok(()), seen_of(&["dialogue", "answer pass", "answer 123456"])));
    // A key, then the code. A password is configured as well, and must not be used as the code.
    for password in [None, Some("pass")] {
        let (result, seen) = log_in_with(Rule::KeyThenCode, DIALOGUE, password, Some("123456")).await;
        assert_eq!((result, seen), (Ok(()), seen_of(&["key", "dialogue", "answer 123456"])), "{password:?}");
    }
    // With no one to ask, the error says what was asked.
    let (result, _) = log_in_with(Rule::KeyThenCode, DIALOGUE, Some("pass"), None).await;
    let error = result.unwrap_err();
    assert!(error.class == Class::Auth && error.message.contains("Verification code"), "{error}");
}

#[tokio::test]
async fn methods_are_tried_in_the_order_that_is_said() {
    if crate::support::sshd::need("ssh-keygen").is_none() {
        return;
    }
    let key = [MethodKind::PublicKey, MethodKind::Password];
    let by = |methods: &[LoginMethod]| LoginSettings { methods: Some(methods.to_vec()), ..LoginSettings::default() };
    let (keys, password, dialogue) = (LoginMethod::Keys, LoginMethod::Password, LoginMethod::Interactive);
    for (rule, offered, methods, welcome, want) in [
        (Rule::KeyThenPassword, &key[..], &[keys, password][..], true, &["key", "password pass"][..]),
        (Rule::KeyThenPassword, &key[..], &[password, keys], true, &["password pass"]),
        (Rule::KeyThenPassword, &key[..], &[keys], false, &["key"]),
        (Rule::Password, BOTH, &[dialogue, password], false, &["dialogue", "answer pass"]),
        (Rule::Dialogue, BOTH, &[dialogue, password], true, &["dialogue", "answer pass"]),
        (Rule::Dialogue, BOTH, &[password], false, &["password pass"]),
        (Rule::Password, BOTH, &[], false, &[]),
    ] {
        let (result, seen) = log_in_by(rule, offered, Some("pass"), None, by(methods)).await;
        assert_eq!((result.is_ok(), seen), (welcome, want.iter().map(|w| (*w).to_owned()).collect()), "{methods:?}");
    }
}

#[tokio::test]
async fn nobody_is_asked_in_batch_mode() {
    if crate::support::sshd::need("ssh-keygen").is_none() {
        return;
    }
    let batch = LoginSettings { batch: true, ..LoginSettings::default() };
    let (result, seen) = log_in_by(Rule::KeyThenCode, DIALOGUE, None, Some("123456"), batch).await;
    assert_eq!((result.unwrap_err().class, seen), (Class::Auth, vec!["key".to_owned()]));
    let devices = LoginSettings { devices: Some("pam".to_owned()), ..LoginSettings::default() };
    let (result, seen) = log_in_by(Rule::KeyThenCode, DIALOGUE, None, Some("123456"), devices).await;
    assert_eq!((result, seen.get(1).map(String::as_str)), (Ok(()), Some("dialogue pam")));
}
