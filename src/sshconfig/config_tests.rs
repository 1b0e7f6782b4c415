//! Whole configurations on made-up files, without a machine.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use proptest::prelude::*;

use super::super::{AgentSocket, FileText, HostKeyChecking, Proxy};
use super::*;

/// Files by path, and a shell in which `true` alone succeeds.
#[derive(Default)]
struct Fake {
    files: HashMap<PathBuf, String>,
    runs: AtomicUsize,
}

impl LocalMachine for Fake {
    fn read(&self, path: &Path) -> io::Result<FileText> {
        let text = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(FileText { bytes: text.clone().into_bytes(), writable_by: None })
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        let inside = self.files.keys().filter(|path| path.parent() == Some(folder));
        inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(path))
    }

    fn home_of(&self, user: &str) -> Option<PathBuf> {
        (user == "root").then(|| "/root".into())
    }

    fn addresses(&self) -> Vec<(String, std::net::IpAddr)> {
        let of = |name: &str, address: &str| (name.to_owned(), address.parse().unwrap());
        vec![of("lo", "127.0.0.1"), of("lan", "fe80::1"), of("lan", "10.0.0.9"), of("lan", "2001:db8::9")]
    }

    fn succeeds(&self, command: &str) -> Result<bool, String> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Ok(command == "true")
    }
}

fn person() -> Person {
    Person {
        name: "ops".into(),
        uid: 1000,
        home: "/home/ops".into(),
        machine: "jump.example.com".into(),
        env: [("SSH_AUTH_SOCK".to_owned(), "/agent".to_owned())].into(),
    }
}

fn config(files: &[(&str, &str)]) -> Result<SshConfig, SshConfigError> {
    let files = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
    SshConfig::load(&Sources::usual(&person()), person(), Arc::new(Fake { files, ..Fake::default() }))
}

fn query(host: &str) -> Query {
    Query { host: host.into(), ..Query::default() }
}

const OWN: &str = "/home/ops/.ssh/config";
const SYSTEM: &str = "/etc/ssh/ssh_config";

#[test]
fn the_persons_file_wins_over_the_systems_and_keys_add_up() {
    let config = config(&[
        (OWN, "Host web\n User own\n IdentityFile ~/.ssh/%h\n Include more"),
        ("/home/ops/.ssh/more", "Port 2222\n"),
        (SYSTEM, "User system\nPort 1\nIdentityFile /etc/key\nInclude d/*.conf\n"),
        ("/etc/ssh/d/x.conf", "ServerAliveInterval 5\n"),
    ])
    .unwrap();
    let web = config.resolve(&query("web")).unwrap();
    assert_eq!((web.user.as_deref(), web.port), (Some("own"), Some(2222)));
    let keys: Vec<_> = web.identity_files.iter().map(|key| key.path.display().to_string()).collect();
    assert_eq!(keys, ["/home/ops/.ssh/web", "/etc/key"]);
    assert_eq!(web.alive_interval.map(|i| i.as_secs()), Some(5));
    assert_eq!(config.resolve(&query("db")).unwrap().user.as_deref(), Some("system"));
}

#[test]
fn typed_fields() {
    let text = "HostName %h.x\nProxyJump u@b1,b2:2\nIdentityAgent $SSH_AUTH_SOCK\nStrictHostKeyChecking accept-new\n\
                UserKnownHostsFile ~/a %d/b\nHostKeyAlias Alias\n";
    let all = config(&[(OWN, text)]).unwrap().resolve(&query("Web")).unwrap();
    assert_eq!(all.host_name, "web.x");
    let Proxy::Jump(hops) = &all.proxy else { panic!("{:?}", all.proxy) };
    assert_eq!((hops[0].user.as_deref(), hops[1].port), (Some("u"), Some(2)));
    assert_eq!(all.agent, AgentSocket::Path("/agent".into()));
    assert_eq!(all.host_key_checking, Some(HostKeyChecking::AcceptNew));
    assert_eq!(all.user_known_hosts, Some(vec!["/home/ops/a".into(), "/home/ops/b".into()]));
    assert_eq!(all.host_key_alias.as_deref(), Some("alias"));
    let command = config(&[(OWN, "ProxyCommand nc %h %p %r\nUser x")]).unwrap().resolve(&query("w")).unwrap();
    assert_eq!(command.proxy, Proxy::Command("nc w 22 x".into()));
    let nothing = config(&[]).unwrap().resolve(&query("w")).unwrap();
    assert!(nothing.user.is_none() && nothing.port.is_none() && nothing.identity_files.is_empty());
    assert!(nothing.connectable().is_ok());
}

#[test]
fn what_a_newer_openssh_knows() {
    let config = config(&[(OWN, "Host a\n Tag t1\nMatch tagged t*\n User tagged\n")]).unwrap();
    assert_eq!(config.resolve(&query("a")).unwrap().user.as_deref(), Some("tagged"));
    assert_eq!(config.resolve(&query("b")).unwrap().user, None);
}

#[test]
fn where_we_are_and_what_we_do_can_be_asked() {
    let resolve = |text: &str| config(&[(OWN, text)]).unwrap().resolve(&query("a"));
    for (criteria, holds) in [
        ("localnetwork 10.0.0.0/24", true),
        ("localnetwork 10.1.0.0/24,2001:db8::/32", true),
        ("!localnetwork 127.0.0.0/8", false),
        ("localnetwork 10.1.0.0/24", false),
        ("sessiontype exec", true),
        ("sessiontype shell,none", false),
        ("host b version OpenSSH_10*", false),
    ] {
        let found = resolve(&format!("Match {criteria}\n User here\n")).unwrap();
        assert_eq!(found.user.is_some(), holds, "{criteria}");
    }
    for criterion in ["version OpenSSH_10*", "command reboot"] {
        let error = resolve(&format!("User x\nMatch {criterion}\n User y\n")).unwrap_err();
        assert!(matches!(error, SshConfigError::Unsupported(_)), "{error}");
        assert!(error.to_string().contains("config:2: Match"), "{error}");
    }
}

#[test]
fn an_interface_stands_for_its_addresses() {
    let bind = |text: &str| {
        let found = config(&[(OWN, text)]).unwrap().resolve(&query("a")).unwrap();
        found.bind.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(bind("BindInterface lan"), ["10.0.0.9", "2001:db8::9"]);
    assert_eq!(bind("BindInterface lo"), ["127.0.0.1"]);
    assert_eq!(bind("BindInterface lan\nBindAddress 10.0.0.1"), ["10.0.0.1"]);
    assert!(bind("").is_empty());
}

#[test]
fn variables_are_sent_but_for_the_locale() {
    let mut person = person();
    for (name, value) in [("LANG", "de_DE"), ("LC_ALL", "C"), ("LC_DEPLOY", "blue"), ("EDITOR", "vi"), ("SECRET", "x")]
    {
        person.env.insert(name.to_owned(), value.to_owned());
    }
    let resolve = |text: &str| {
        let files = [(PathBuf::from(OWN), text.to_owned())].into();
        let fake = Arc::new(Fake { files, ..Fake::default() });
        let config = SshConfig::load(&Sources::usual(&person), person.clone(), fake).unwrap();
        config.resolve(&query("a")).unwrap()
    };
    let pairs = |text: &str| resolve(text).environment.0.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>();
    assert!(pairs("").is_empty());
    assert!(pairs("SendEnv LANG LC_ALL\nSetEnv LANG=C").is_empty());
    assert_eq!(pairs("SendEnv LC_* EDIT*"), ["EDITOR=vi", "LC_DEPLOY=blue"]);
    assert_eq!(pairs("SendEnv EDITOR\nSetEnv A=1 B=2=3"), ["EDITOR=vi", "A=1", "B=2=3"]);
    assert_eq!(pairs("SendEnv EDITOR LC_*\nSendEnv -LC_*"), ["EDITOR=vi"]);
    let many = resolve(&format!("SetEnv A={}", "x".repeat(9000)));
    assert!(many.connectable().unwrap_err().to_string().contains("config:1: sendenv and setenv"));
    let shown = format!("{:?}", resolve("SetEnv TOKEN=hunter2").environment);
    assert_eq!(shown, "[\"TOKEN\"]");
}

#[test]
fn what_stops_us_from_connecting_is_named() {
    for (text, word) in [
        ("RemoteCommand tmux\n", "remotecommand"),
        ("BindInterface eth0\n", "bindinterface"),
        ("BindAddress jump\n", "bindaddress"),
        ("User ${LOGNAME}-adm\n", "releases of OpenSSH differ"),
        ("User %u-adm\n", "releases of OpenSSH differ"),
        ("PreferredAuthentications hostbased\n", "preferredauthentications"),
        ("StrictHostKeyChecking off\n", "accept-new"),
        ("CheckHostIP yes\n", "checkhostip"),
        ("SessionType none\n", "sessiontype"),
        ("IdentityFile ${NOT_SET}/x\n", "NOT_SET"),
        ("ProxyCommand nc %q\n", "%q"),
        ("ProxyJump a;b\n", "a;b"),
    ] {
        let resolved = config(&[(OWN, text)]).unwrap().resolve(&query("h")).unwrap();
        let problem = resolved.connectable().unwrap_err().to_string();
        assert!(problem.contains(word) && problem.contains(".ssh/config:1"), "{problem}");
    }
}

#[test]
fn all_bad_lines_are_told_at_once() {
    let Err(error) = config(&[(OWN, "Include conf.d/%h.conf\n")]) else { panic!("it is accepted") };
    assert!(error.to_string().contains("config:1: Include conf.d/%h.conf: releases"), "{error}");
    let Err(error) = config(&[(OWN, "Port x\nUser a\nCiphers rot13\n")]) else { panic!("it is accepted") };
    let text = error.to_string();
    assert!(text.contains("config:1: port") && text.contains("config:3: ciphers"), "{text}");
}

#[test]
fn hosts_share_what_they_have_in_common_and_commands_run_once() {
    let fake = Arc::new(Fake {
        files: [(PathBuf::from(OWN), "Match exec true\n User x\nHost web*\n Port 2\n".to_owned())].into(),
        ..Fake::default()
    });
    let config = SshConfig::load(&Sources::usual(&person()), person(), Arc::<Fake>::clone(&fake)).unwrap();
    for n in 0..1_000 {
        assert_eq!(config.resolve(&query(&format!("web{n}"))).unwrap().port, Some(2));
        assert_eq!(config.resolve(&query(&format!("db{n}"))).unwrap().port, None);
    }
    assert_eq!(fake.runs.load(Ordering::Relaxed), 1);
    assert_eq!(config.gathered.lock().unwrap().len(), 2);
}

#[test]
fn a_file_that_includes_itself_ends() {
    let Err(error) = config(&[(OWN, "Include config config\n")]) else { panic!("it is accepted") };
    assert!(error.to_string().contains("include itself"), "{error}");
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>(), host in "[ -~]{1,20}", option in any::<String>()) {
        if let Ok(config) = config(&[(OWN, &text)]) {
            let _ = config.resolve(&Query { options: vec![option], ..query(&host) }).map(|r| r.as_ssh_prints());
        }
    }

    #[test]
    fn lines_that_are_nearly_right_never_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "Host", "Match", "Include", "*", "!a", "host", "final", "all", "exec", "true", "=", "\"", "'", "\\", "#",
                "\n", "\n", "ProxyJump", "a@b:1", "ssh://", "[::1]:2", "IdentityFile", "~", "~root/", "%h", "%", "${X}",
                "${", "ConnectTimeout", "1h", "999999999999w", "Ciphers", "+", "-*", "^", "SetEnv", "A=", "RekeyLimit",
                "9E", "IPQoS", "EscapeChar", "^a", "é", "IgnoreUnknown", "Nonsense", "UserKnownHostsFile", "none", "HostName",
                "0x1.1", "1.2.3", "/*/[", "Port", "+1", "[!", "]",
            ]),
            0..40,
        ),
        host in "[a-z0-9.:]{1,8}",
    ) {
        let text = words.join(" ");
        if let Ok(config) = config(&[(OWN, &text), ("/home/ops/.ssh/[", "User x\n")]) {
            let _ = config.resolve(&query(&host)).map(|r| r.as_ssh_prints());
        }
    }
}
