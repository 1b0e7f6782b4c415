//! Random configurations, the same ones in every run.

use super::{Pair, ssh_is_there};

const CONFIGS: usize = 320;
const NAMES: [&str; 8] = ["web1", "web2", "db1", "DB1", "a.example.com", "b.example.com", "10.0.0.1", "x"];
const PATTERNS: [&str; 12] =
    ["*", "web*", "!web2", "db?", "*.example.com", "!a.*", "10.0.0.*", "web1", "x", "?", "D*", "*1"];
const LISTS: [&str; 7] = ["*", "web*,!web2", "db1", "*.example.com,x", "!x,*", "10.*", "nobody"];
const USERS: [&str; 5] = ["root", "u1", "u*", "!u1,*", "nobody"];
const SETTINGS: [&str; 62] = [
    "User u1",
    "User u2",
    "Port 2201",
    "Port=2202",
    "port 2216",
    "HostName %h.example.com",
    "HostName b.example.com",
    "HostName 10.0.0.1",
    "HostName=Upper.Example.COM",
    "IdentityFile ~/.ssh/k1",
    "IdentityFile /k2/%h",
    "IdentityFile \"/k 3\"",
    "CertificateFile /c1",
    "CertificateFile /c2",
    "IdentitiesOnly yes",
    "IdentityAgent none",
    "IdentityAgent ~/agent-%r",
    "ProxyJump b1",
    "ProxyJump u@b1:2222,b2",
    "ProxyJump none",
    "ProxyCommand nc %h %p",
    "ProxyCommand none",
    "HostKeyAlias Alias1",
    "HostKeyAlias alias2",
    "StrictHostKeyChecking yes",
    "StrictHostKeyChecking accept-new",
    "StrictHostKeyChecking no",
    "UserKnownHostsFile /u1 ~/u2",
    "UserKnownHostsFile /%h/%p/%r/%k/%C",
    "UserKnownHostsFile none",
    "GlobalKnownHostsFile /g1",
    "ConnectTimeout 5",
    "ConnectTimeout 1m30s",
    "ConnectTimeout none",
    "ConnectionAttempts 3",
    "ServerAliveInterval 15",
    "ServerAliveCountMax 5",
    "TCPKeepAlive no",
    "KexAlgorithms +diffie-hellman-group14-sha1",
    "KexAlgorithms -sntrup*",
    "Ciphers ^aes256-ctr",
    "Ciphers aes128-ctr",
    "MACs -umac*",
    "HostKeyAlgorithms +ssh-rsa",
    "PubkeyAcceptedAlgorithms ^rsa-sha2-*",
    "CASignatureAlgorithms -rsa*",
    "AddressFamily inet",
    "BindAddress 127.0.0.1",
    "PreferredAuthentications publickey",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PubkeyAuthentication no",
    "HashKnownHosts yes",
    "UpdateHostKeys no",
    "Compression yes",
    "RequestTTY yes",
    "LogLevel DEBUG2",
    "ForwardAgent yes",
    "SendEnv LANG -LC_* X_*",
    "SetEnv A=1 \"B=2 3\"",
    "BatchMode yes",
    "ControlPath /tmp/%C",
];
/// Lines that ssh refuses; rare, because a file with nothing else proves nothing.
const BAD: [&str; 6] = ["Prot 22", "Port x", "User", "Match host", "Ciphers rot13", "Compression perhaps"];

struct Maker {
    dice: fastrand::Rng,
}

impl Maker {
    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.dice.usize(..from.len())]
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.dice.usize(..one_in) == 0
    }

    fn text(&mut self, depth: usize) -> String {
        let mut text = String::new();
        for _ in 0..self.dice.usize(1..12) {
            let line = match self.dice.usize(..10) {
                0 | 1 => self.host(),
                2 => self.criteria(),
                3 if depth == 0 => format!("Include DIR/{}", self.pick(&["one", "two", "o*", "none", "*"])),
                4 if self.chance(4) => "# a comment".to_owned(),
                5 if self.chance(40) => self.pick(&BAD).to_owned(),
                _ => format!("{}{}", self.pick(&["", "  ", "\t"]), self.pick(&SETTINGS)),
            };
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn host(&mut self) -> String {
        let patterns: Vec<&str> = (0..self.dice.usize(1..4)).map(|_| self.pick(&PATTERNS)).collect();
        format!("Host {}", patterns.join(" "))
    }

    fn criteria(&mut self) -> String {
        if self.chance(6) {
            return format!("Match {}", self.pick(&["all", "final all", "!final all", "canonical all"]));
        }
        let mut text = "Match".to_owned();
        for _ in 0..self.dice.usize(1..4) {
            let not = self.pick(&["", "", "!"]);
            text += &match self.dice.usize(..7) {
                0 | 1 => format!(" {not}host {}", self.pick(&LISTS)),
                2 => format!(" {not}originalhost {}", self.pick(&LISTS)),
                3 => format!(" {not}user {}", self.pick(&USERS)),
                4 => format!(" {not}localuser={}", self.pick(&USERS)),
                5 => format!(" {not}exec \"test %h{} x\"", self.pick(&[" =", " !="])),
                _ => format!(" {not}final"),
            };
        }
        text
    }

    fn arguments(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        if self.chance(4) {
            words.extend(["-l".to_owned(), self.pick(&["root", "u1", "u9"]).to_owned()]);
        }
        if self.chance(5) {
            words.extend(["-p".to_owned(), "2299".to_owned()]);
        }
        if self.chance(4) {
            words.extend(["-o".to_owned(), self.pick(&SETTINGS).to_owned()]);
        }
        words.push(self.pick(&NAMES).to_owned());
        words
    }
}

#[test]
fn by_chance() {
    if !ssh_is_there() {
        return;
    }
    let mut maker = Maker { dice: fastrand::Rng::with_seed(3) };
    let mut found = Vec::new();
    let mut accepted = 0;
    for _ in 0..CONFIGS {
        let (text, one, two) = (maker.text(0), maker.text(1), maker.text(1));
        // A pattern that includes all files also includes this one, as deep as allowed.
        let text = text.replace("Include DIR/*", "Include DIR/[a-b]* DIR/t*");
        let pair = Pair::new(&text);
        pair.file("one", &one);
        pair.file("two", &two);
        for _ in 0..2 {
            let words = maker.arguments();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            accepted += usize::from(pair.ours(&words).status.success());
            let difference = pair.difference(&words);
            found.extend(difference.map(|d| format!("{text}--- one\n{one}--- two\n{two}{d}\n")));
        }
    }
    assert!(found.is_empty(), "{} differences\n{}", found.len(), found[..found.len().min(5)].join("\n=====\n"));
    assert!(accepted > CONFIGS / 2, "only {accepted} were accepted by either: they show little");
}
