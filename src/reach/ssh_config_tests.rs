//! What a small ssh_config makes of targets.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::*;
use crate::sshconfig::{FileText, LocalMachine, Person, Sources};

/// One file and nothing else.
struct One(&'static str);

impl LocalMachine for One {
    fn read(&self, _: &Path) -> io::Result<FileText> {
        Ok(FileText { bytes: self.0.into(), writable_by: None })
    }

    fn list(&self, _: &Path) -> Vec<String> {
        Vec::new()
    }

    fn exists(&self, _: &Path) -> bool {
        false
    }

    fn home_of(&self, _: &str) -> Option<PathBuf> {
        None
    }

    fn addresses(&self) -> Vec<(String, IpAddr)> {
        Vec::new()
    }

    fn succeeds(&self, _: &str) -> Result<bool, String> {
        Err("there is no shell".to_owned())
    }
}

fn config(text: &'static str) -> SshConfig {
    let person = Person { name: "ann".into(), home: "/home/ann".into(), ..Person::default() };
    SshConfig::load(&Sources::Only("/c".into()), person, Arc::new(One(text))).expect(text)
}

fn target(name: &str) -> Target {
    Target::plain(HostName::new(name).expect(name), name)
}

/// `USER@ADDRESS:PORT by FIRST BASTION`, as far as each is set.
fn way(target: &Target) -> String {
    let user = target.user.as_ref().map_or(String::new(), |user| format!("{user}@"));
    let port = target.port.map_or(String::new(), |port| format!(":{port}"));
    let by = match &target.proxy {
        None => String::new(),
        Some(Proxy::None) => " direct".to_owned(),
        Some(Proxy::Command(line)) => format!(" by `{line}`"),
        Some(Proxy::Jump(hops)) => {
            let hops: Vec<&str> = hops.iter().map(|hop| hop.host.as_str()).collect();
            format!(" by {}", hops.join(","))
        }
    };
    format!("{user}{}{port}{by}", target.address)
}

const CONFIG: &str = "
Host web1
  HostName 10.0.0.1
  User deploy
  Port 2222
Host db1
  ProxyJump gate
Host gate
  HostName gate.example.com
  ProxyJump outer
Host odd
  ProxyCommand nc 50%% %h
Host quick
  ConnectTimeout 3
  ServerAliveInterval 5
  ServerAliveCountMax 2
";

#[test]
fn what_the_inventory_says_wins_and_the_rest_is_added() {
    let check = |change: fn(&mut Target), name: &str, expected: &str| {
        let mut target = target(name);
        change(&mut target);
        let done = under(&config(CONFIG), vec![target], false).expect(name);
        assert_eq!(way(&done[0]), expected, "{name}");
    };
    check(|_| {}, "web1", "deploy@10.0.0.1:2222");
    check(|target| target.user = Some("ops".into()), "web1", "ops@10.0.0.1:2222");
    check(|target| target.port = Some(22), "web1", "deploy@10.0.0.1:22");
    check(|_| {}, "elsewhere", "elsewhere");
    // The bastion of a bastion comes first, and each by its own section.
    check(|_| {}, "db1", "db1 by outer,gate.example.com");
    check(|target| target.proxy = Some(Proxy::None), "db1", "db1 direct");
    // The transport replaces tokens again.
    check(|_| {}, "odd", "odd by `nc 50%% odd`");
    // ansible_ssh_common_args are ssh's own options.
    check(|target| target.ssh_args = vec!["-p".into(), "77".into(), "-lbob".into()], "web1", "bob@10.0.0.1:77");
}

#[test]
fn limits_of_the_file_are_those_of_the_target() {
    let done = under(&config(CONFIG), vec![target("quick")], false).expect("quick");
    assert_eq!(done[0].limits.connect, Duration::from_secs(3));
    assert_eq!(done[0].limits.silence, Duration::from_secs(15));
}

#[test]
fn what_would_be_guessed_is_refused_and_hosts_with_one_reason_share_it() {
    let check = |text: &'static str, words: &[&str], given: bool, expected: Option<&str>| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let hosts = ["web1", "web2"].map(|name| Target { ssh_args: words.clone(), ..target(name) });
        let refused = under(&config(text), hosts.into(), given).err().map(|refused| refused.to_string());
        match (&refused, expected) {
            (None, None) => {}
            (Some(said), Some(part)) => {
                assert!(said.starts_with("web[1-2]: ") && said.contains(part), "{text} {words:?}: {said}");
            }
            _ => panic!("{text} {words:?}: {refused:?}"),
        }
    };
    check("", &["-W"], false, Some("`-W` in ansible_ssh_common_args is not understood"));
    check("", &["-p"], false, Some("`-p` in ansible_ssh_common_args is not understood"));
    check("", &["-C", "-4", "-q"], false, None);
    let believes = "UserKnownHostsFile /dev/null\nStrictHostKeyChecking accept-new\n";
    check(believes, &[], false, Some("would accept any key"));
    // The command line names the trusted keys itself.
    check(believes, &[], true, None);
    check("Host web*\n ProxyJump a\nHost a\n ProxyJump a\n", &[], false, Some("bastion a"));
}
