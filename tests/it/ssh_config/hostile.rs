//! Names that a shell would run as programs: refused where `ssh` refuses them, and never run by any keyword whose value
//! reaches a shell.

use std::{path::Path, process::Command};

use super::{Pair, ssh_is_there};

/// Whether each client accepts a name; both must accept the same ones.
#[test]
fn names_are_judged_as_ssh_judges_them() {
    if !ssh_is_there() {
        return;
    }
    let pair = Pair::new("");
    let texts = [
        "web01",
        "fe80::1%eth0",
        "a[b",
        "a*b",
        "a~b",
        "a#b",
        "a=b",
        "a!b",
        "a?b",
        "a^b",
        "a%b",
        "a,b",
        "a b",
        "a -b",
        "a\\b",
        "a\\",
        "a$b",
        "$HOME",
        "${X}",
        "$(touch x)",
        "`id`",
        "a;b",
        "a&b",
        "a|b",
        "a<b",
        "a>b",
        "a'b",
        "a\"b",
        "a(b",
        "a)b",
        "a{b",
        "a\nb",
        "a\tb",
        "a\u{1}b",
        "-ab",
    ];
    let mut refused = [0, 0];
    for text in texts {
        for (n, args) in
            [vec!["--", text], vec!["-l", text, "--", "web"], vec!["-o", &format!("User=\"{text}\""), "web"]]
                .into_iter()
                .enumerate()
        {
            // How quotes and blanks split an option is tested elsewhere.
            if n == 2 && text.contains(['"', '\\', '\n', '\t', '-']) {
                continue;
            }
            // One of them reads `-l -ab` as two options.
            let args: Vec<&str> = if n == 1 && text.starts_with('-') { vec!["-l-ab", "--", "web"] } else { args };
            let (theirs, ours) = (pair.ssh(&args), pair.ours(&args));
            let said = String::from_utf8_lossy(&ours.stderr).into_owned();
            assert_eq!(theirs.status.success(), ours.status.success(), "{args:?}: {said}");
            refused[n.min(1)] += usize::from(!theirs.status.success());
        }
    }
    assert!(refused[0] > 15 && refused[1] > 15, "{refused:?}");
    for (jumps, fine) in [("b1,u@b2:22", true), ("$(touch x)", false), ("a;b@c", false), ("`x`", false)] {
        assert_eq!(pair.ssh(&["-J", jumps, "web"]).status.success(), fine, "{jumps}");
        assert_eq!(pair.ours(&["-J", jumps, "web"]).status.success(), fine, "{jumps}");
    }
}

/// What a value may hold; each leaves a file `ran` if a shell takes it for more than a word.
const PAYLOADS: [&str; 8] = [
    "$(touch${IFS}ran)",
    "`touch${IFS}ran`",
    "x;touch${IFS}ran;",
    "x|touch${IFS}ran",
    "x&touch${IFS}ran",
    "x\ntouch ran\n",
    "x>ran",
    "x'$(touch${IFS}ran)'",
];

/// Configurations in which every token for a name ends up in a shell. Each is also tried with harmless names, and must
/// then leave `shell`: a keyword that runs nothing proves nothing.
const SHELLS: [(&str, &str, bool); 7] = [
    ("ProxyCommand", "Host *\n  ProxyCommand touch shell; echo %h %r %n; false\n", true),
    ("ProxyCommand, quoted", "Host *\n  ProxyCommand touch shell; echo \"%h %r %n\"; false\n", true),
    ("Match exec", "Match exec \"touch shell; : %h %r %n %k\"\n  Compression no\n", true),
    ("Match final exec", "Match final exec \"touch shell; : %h %r %n %k\"\n  Compression no\n", true),
    ("KnownHostsCommand", "KnownHostsCommand /bin/sh -c \"touch ran; : %H %h %n %r\"\n", false),
    ("LocalCommand", "PermitLocalCommand yes\nLocalCommand : %h %r %n\n", false),
    ("ProxyJump", "ProxyJump %r@%h-gate\n", false),
];

/// Where an outside value can come from: the inventory, the ssh options in it, or the configuration.
fn feeds(value: &str) -> Vec<(String, String)> {
    let text = serde_json::to_string(value).unwrap();
    let quoted = serde_json::to_string(&shlex::try_quote(value).unwrap()).unwrap();
    let host = |vars: String| format!("all: {{ hosts: {{ web: {{ ansible_port: 9, {vars} }} }} }}\n");
    let plain = host("ansible_host: 127.0.0.1".into());
    let word = |option: &str| {
        let words = format!("-o {}", shlex::try_quote(&format!("{option}={value}")).unwrap());
        host(format!("ansible_host: 127.0.0.1, ansible_ssh_common_args: {}", serde_json::to_string(&words).unwrap()))
    };
    vec![
        (host(format!("ansible_host: {text}")), String::new()),
        (host(format!("ansible_ssh_host: {text}")), String::new()),
        (host(format!("ansible_host: '{{{{ evil }}}}', evil: {text}")), String::new()),
        (host(format!("ansible_host: 127.0.0.1, ansible_user: {text}")), String::new()),
        (host(format!("ansible_host: 127.0.0.1, ansible_ssh_user: {text}")), String::new()),
        (
            host(format!("ansible_host: {}", serde_json::to_string(&format!("{value}@127.0.0.1")).unwrap())),
            String::new(),
        ),
        (format!("all: {{ hosts: {{ {text}: {{ ansible_port: 9 }} }} }}\n"), String::new()),
        (
            format!("all: {{ hosts: {{ {}: }} }}\n", serde_json::to_string(&format!("{value}:9")).unwrap()),
            String::new(),
        ),
        (
            host(format!("ansible_host: 127.0.0.1, ansible_ssh_common_args: {}", quoted.replacen('"', "\"-l ", 1))),
            String::new(),
        ),
        (word("User"), String::new()),
        (word("HostName"), String::new()),
        (word("HostKeyAlias"), String::new()),
        (word("ProxyJump"), String::new()),
        (plain.clone(), format!("HostName {text}\n")),
        (plain.clone(), format!("User {text}\n")),
        (plain.clone(), format!("HostKeyAlias {text}\n")),
        (plain.clone(), format!("ProxyJump {value}\n")),
        (plain, format!("ProxyJump {value}@gate\n")),
    ]
}

/// Runs a command in the folder of the pair, and returns its output.
fn tried(pair: &Pair, args: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_patchwave"))
        .args(args)
        .current_dir(pair.dir.path())
        .env("PATCHWAVE_STATE_DIR", pair.dir.path().join("state"))
        .env("SHELL", "/bin/sh")
        .env_remove("SSH_AUTH_SOCK")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

const PLAYBOOK: &str =
    "name: p\nhosts: all\nrollout: { stages: [ { name: all, hosts: all } ] }\nsteps:\n  - pause: 1s\n";
const WORDS: [&str; 8] = ["-i", "inv.yml", "-F", "config", "--known-hosts", "kh", "--connect-timeout", "1s"];

/// Connects to the host in every way that reads the configuration.
fn reach(inventory: &str, config: &str) -> (Pair, String) {
    let pair = Pair::new(config);
    pair.file("inv.yml", inventory);
    pair.file("p.yml", PLAYBOOK);
    pair.file("kh", "");
    let mut said = tried(&pair, &[&["exec"][..], &WORDS, &["all", "--", "true"]].concat());
    said += &tried(&pair, &[&["run", "p.yml", "--check"][..], &WORDS].concat());
    (pair, said)
}

#[test]
fn no_value_becomes_a_program_of_the_jump_box() {
    let there = |pair: &Pair, name: &str| Path::exists(&pair.dir.path().join(name));
    for (keyword, shell, runs) in SHELLS {
        for (inventory, more) in
            feeds("fine").into_iter().filter(|(inventory, _)| inventory.contains("127.0.0.1")).take(2)
        {
            let (pair, said) = reach(&inventory, &format!("{more}{shell}"));
            assert_eq!(there(&pair, "shell"), runs, "{keyword} with {inventory}: {said}");
        }
    }
    let mut tries = 0;
    // Each source with each keyword, the payloads in turn: all combinations would take minutes.
    for (at, (keyword, shell, _)) in SHELLS.iter().enumerate() {
        for feed in 0..feeds("").len() {
            let payload = PAYLOADS[(at + feed) % PAYLOADS.len()];
            let (inventory, more) = feeds(payload).swap_remove(feed);
            let (pair, said) = reach(&inventory, &format!("{more}{shell}"));
            assert!(!there(&pair, "ran"), "{keyword}, {payload:?} in\n{inventory}{more}\n{said}");
            tries += 1;
        }
    }
    assert!(tries > 100, "{tries}");
}

#[test]
fn the_refusal_names_the_variable_and_no_command_is_run_for_it() {
    for (vars, named) in [
        ("ansible_host: \"$(touch ran)\"", "`ansible_host` must not contain"),
        ("ansible_user: \"`touch ran`\"", "`ansible_user` must not contain"),
        ("ansible_host: h, ansible_ssh_common_args: \"-l 'a;b'\"", "the login \"a;b\" must not contain"),
    ] {
        let (pair, said) = reach(&format!("all: {{ hosts: {{ web: {{ {vars} }} }} }}\n"), "Match exec \"touch ran\"\n");
        assert!(said.contains(named), "{said}");
        assert!(!Path::exists(&pair.dir.path().join("ran")), "{said}");
    }
    let pair = Pair::new("");
    pair.file("inv.yml", "all: { hosts: { web: } }\n");
    let said = tried(&pair, &["exec", "-i", "inv.yml", "-F", "config", "--user", "$(id)", "all", "--", "true"]);
    assert!(said.contains("--user") && said.contains("must not contain"), "{said}");
}
