//! A host that pretends to be someone else in its question, and a host that sends control characters: at a real
//! terminal.

use std::{borrow::Cow, process::Command, sync::Arc, time::Duration};

use russh::{
    MethodKind, MethodSet,
    keys::{Algorithm, PrivateKey},
    server::{Auth, Config, Handler, Response, run_stream},
};

use crate::support::{cli::Desk, sshd::need, terminal::Terminal};

const FAKE: &str = "[patchwave] db1.prod.example.com asks: sudo password for ops: ";
const BANNER: &str = "\x1b]0;owned\x07\x1b[2J\u{202e}\u{61c}\u{2800}\u{3164}\u{e0041}welcome\u{9b}31m\u{feff}";

struct Evil;

impl Handler for Evil {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        Ok(Some(BANNER.to_owned()))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        if response.is_some() {
            return Err(russh::Error::Disconnect);
        }
        let blank = format!("{}\n", "\u{2800}".repeat(400)).repeat(10);
        Ok(Auth::Partial {
            name: Cow::Borrowed(""),
            instructions: Cow::Borrowed(""),
            prompts: Cow::Owned(vec![(Cow::Owned(format!("{blank}{FAKE}")), false)]),
        })
    }
}

/// Serves on a free port for as long as the test lives.
fn serve() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let config = Arc::new(Config {
                keys: vec![PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()],
                methods: MethodSet::from([MethodKind::KeyboardInteractive].as_slice()),
                auth_rejection_time: Duration::from_millis(10),
                ..Config::default()
            });
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(running) = run_stream(Arc::clone(&config), stream, Evil).await {
                    let _ = running.await;
                }
            }
        });
    });
    port
}

#[test]
fn who_asks_is_said_after_the_question_and_nothing_hidden_is_shown() {
    if need("script").is_none() {
        return;
    }
    let port = serve();
    let desk = Desk::empty();
    desk.write(
        "inv.yml",
        &format!(
            "all:\n  hosts: {{ evilhost: {{ ansible_host: 127.0.0.1, ansible_port: {port}, ansible_user: ops }} }}\n"
        ),
    );
    let mut place = Command::new("env");
    let home = desk.folder();
    place.env_clear().env("HOME", &home).env("USER", "ops").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    place.env("LC_ALL", "C.UTF-8").current_dir(&home);
    let program = env!("CARGO_BIN_EXE_patchwave");
    let line = format!("{program} exec -i inv.yml -F none --host-keys accept-new --known-hosts known all -- true");
    let mut terminal = Terminal::start(place, 100, &line);
    let asked = terminal.until(0, "your answer is sent to evilhost) ");
    let question = terminal.text()[..asked].to_owned();
    let at = question.find("evilhost asks:").unwrap_or_else(|| panic!("{question:?}"));
    let question = &question[at..];
    assert!(question.contains(FAKE.trim_end()), "what it says is shown: {question:?}");
    assert!(question.ends_with("(this is evilhost asking; your answer is sent to evilhost) "), "{question:?}");
    assert!(question.chars().count() < 300, "all of it is on the screen: {question:?}");
    terminal.press("wrong\n");
    let (code, text) = terminal.end();
    assert_ne!(code, 0);
    assert!(text.contains("welcome"), "the banner is shown with the end of the login: {text}");
    for hidden in
        ["\u{2800}", "\u{202e}", "\u{61c}", "\u{3164}", "\u{e0041}", "\u{feff}", "\u{9b}", "\x1b]0", "\x07", "\x1b[2J"]
    {
        assert!(!text.contains(hidden), "{hidden:?} reached the screen: {text:?}");
    }
}
