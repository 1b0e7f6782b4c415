//! Login shells × ways to raised rights × start-up files, on Debian 12 and 13: each combination does the work and
//! proves it, or is refused with its own message and has done nothing.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use crate::{
    fleet::{Lab, at_once},
    patchwave::Patchwave,
};

const OWN: &str = "Eigenes-Wasser-4713";
const ROOT: &str = "Fremdes-Wasser-4714";

/// Login shells, and what their start-up files may do.
const SHELLS: [(&str, &str, &[&str]); 7] = [
    ("bash", "/bin/bash", &["quiet", "chatty", "tracing", "redirecting", "redefining", "trapping"]),
    ("zsh", "/usr/bin/zsh", &["quiet", "chatty", "tracing", "redirecting", "redefining", "trapping"]),
    ("fish", "/usr/bin/fish", &["quiet", "chatty", "tracing", "redefining", "trapping"]),
    ("tcsh", "/usr/bin/tcsh", &["quiet", "chatty", "tracing", "redefining"]),
    // These read no file for a command.
    ("dash", "/bin/dash", &["quiet"]),
    ("rbash", "/bin/rbash", &["quiet"]),
    ("nologin", "/usr/sbin/nologin", &["quiet"]),
];

/// Ways to raised rights: the group of the login, and the host's variables. `denied` may use sudo only for another
/// command.
const WAYS: [(&str, &str, &str); 6] = [
    ("none", "users", ""),
    ("free", "nopass", ""),
    ("asks", "withpass", ", ansible_become_password: Eigenes-Wasser-4713"),
    ("doas", "doers", ", ansible_become_method: doas"),
    ("su", "users", ", ansible_become_method: su, ansible_become_password: Fremdes-Wasser-4714"),
    ("denied", "denied", ""),
];

/// Accounts for the lines `NAME SHELL GROUP FILES` on standard input, written by hand because `useradd` is slow.
const ACCOUNTS: &str = r#"
set -e
for group in nopass withpass doers denied; do groupadd $group; done
printf '%s\n' '%nopass ALL=(ALL) NOPASSWD: ALL' '%withpass ALL=(ALL) ALL' '%denied ALL=(ALL) NOPASSWD: /usr/bin/id' >/etc/sudoers.d/shells
echo 'permit nopass :doers' >>/etc/doas.conf
printf 'asks:OWN\nroot:ROOT\n' | chpasswd -c SHA512 -s 1000
hash=$(sed -n 's/^asks:\([^:]*\):.*/\1/p' /etc/shadow)
uid=2000
while read -r name shell group files; do
    uid=$((uid + 1)) gid=$(sed -n "s/^$group:[^:]*:\([0-9]*\):.*/\1/p" /etc/group) home=/home/$name
    echo "$name:x:$uid:$gid::$home:$shell" >>/etc/passwd
    echo "$name:$hash:19000:0:99999:7:::" >>/etc/shadow
    mkdir -p $home/.config/fish
    case $shell in
        */bash) file=.bashrc;; */zsh) file=.zshenv;; */fish) file=.config/fish/config.fish;; *) file=.tcshrc;;
    esac
    case $files:$file in
        chatty:.tcshrc) echo 'echo WELCOME; printf "no end of line"';;
        chatty:*)       echo 'echo WELCOME; printf "no end of line"; echo oops >&2; printf "Password: " >&2';;
        tracing:*.fish) echo 'set -g fish_trace 1';;
        tracing:.tcshrc) echo 'set echo; set verbose';;
        tracing:*)      echo 'set -x';;
        redirecting:*)  echo 'exec 2>&1';;
        redefining:.tcshrc) echo 'alias echo true; alias printf true; alias read true';;
        redefining:*.fish) printf '%s\n' 'function echo; end' 'function printf; end' 'function test; end';;
        redefining:.bashrc) echo 'echo() { :; }; printf() { :; }; read() { :; }; export -f echo printf read';;
        redefining:*)   echo 'echo() { :; }; printf() { :; }; read() { :; }';;
        trapping:*.fish) echo 'function bye --on-event fish_exit; builtin echo bye; end';;
        trapping:*)     echo 'trap "echo bye; exit 0" EXIT';;
    esac >$home/$file
    chown -R $uid:$gid $home
done
# A login otherwise starts a systemd of its own, which takes longer than all the rest.
sed -i '/pam_systemd/d' /etc/pam.d/common-session
printf 'MaxStartups 500\nMaxSessions 1\n' >/etc/ssh/sshd_config.d/shells.conf
sshd -t; systemctl reload ssh
"#;

/// One login.
struct Cell {
    name: String,
    host: &'static str,
    shell: &'static str,
    way: &'static str,
    files: &'static str,
    path: &'static str,
    group: &'static str,
    variables: &'static str,
}

impl Cell {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for host in ["h1", "h2"] {
            for (shell, path, kinds) in SHELLS {
                for (way, group, variables) in WAYS {
                    // Debian 13 has other programs, but its start-up files work as on Debian 12.
                    for files in kinds.iter().filter(|files| host == "h1" || ["quiet", "tracing"].contains(*files)) {
                        let name = format!("{host}-{shell}-{way}-{files}");
                        all.push(Self { name, host, shell, way, files, path, group, variables });
                    }
                }
            }
        }
        all
    }

    /// The class of the refusal, and a part of its reason.
    fn refused(&self) -> Option<(&'static str, &'static str)> {
        match (self.shell, self.files, self.way) {
            ("rbash", ..) => Some(("login-shell", "restricted")),
            ("nologin", ..) => Some(("login-shell", "not available")),
            (_, "redirecting", _) => Some(("login-shell", "redirects standard output or standard error")),
            (.., "denied") => Some(("escalation", "sudo")),
            _ => None,
        }
    }

    fn owner(&self) -> &str {
        if self.way == "none" { &self.name } else { "root" }
    }
}

/// Creates the accounts, and an inventory of them in two groups.
fn set_up(lab: &Lab, cells: &[Cell]) -> String {
    at_once(&["h1", "h2"], |host| {
        let lines: String = cells
            .iter()
            .filter(|cell| cell.host == *host)
            .map(|cell| format!("{} {} {} {}\n", cell.name, cell.path, cell.group, cell.files))
            .collect();
        lab.put(host, "/root/accounts", lines.as_bytes());
        let script = ACCOUNTS.replace("OWN", OWN).replace("ROOT", ROOT);
        lab.put(host, "/root/set-up", script.as_bytes());
        lab.on(host, "sh /root/set-up </root/accounts");
    });
    let addresses = fs::read_to_string(lab.state().join("hosts")).expect("the lab's hosts");
    let address =
        |host: &str| addresses.lines().find_map(|line| line.strip_prefix(&format!("{host} "))).unwrap().trim();
    let group = |raised: bool| -> String {
        let cells = cells.iter().filter(|cell| (cell.way != "none") == raised);
        cells
            .map(|cell| {
                let Cell { name, host, variables, .. } = cell;
                format!("        {name}: {{ ansible_host: {}, ansible_user: {name}{variables} }}\n", address(host))
            })
            .collect()
    };
    let key = lab.state().join("key");
    format!(
        "all:
  vars:
    ansible_ssh_private_key_file: {}
    patchwave:
      {{ environment: test, risk: low, batch: 100%, max_failures: 100%, connect_timeout: 60s, auth_timeout: 60s,
        escalate_timeout: 60s }}
  children:
    plain:
      hosts:
{}    raised:
      vars: {{ ansible_become: true }}
      hosts:
{}",
        key.display(),
        group(false),
        group(true)
    )
}

/// `exec` on all of them; returns each one's answer.
fn ask(lab: &Lab, jump: &Patchwave<'_>, line: &str) -> BTreeMap<String, Value> {
    let inventory = lab.folder().join("jump/inventories/test.yml").display().to_string();
    let known = lab.state().join("known_hosts").display().to_string();
    let words = |group| {
        ["exec", "--json", "-i", &inventory, "--known-hosts", &known, "-F", "none", "-f", "24", group, "--", line]
    };
    let running = ["plain", "raised"].map(|group| jump.start(&words(group)));
    let said = running.map(|running| running.wait()).map(|ended| ended.out).concat();
    let answers =
        said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    answers.map(|answer| (answer["host"].as_str().unwrap_or_default().to_owned(), answer)).collect()
}

#[test]
fn every_login_shell_does_the_work_or_is_refused_in_its_own_words() {
    let Some(lab) = Lab::up_of(2, "", "trixie=h2") else { return };
    let cells = Cell::all();
    let inventory = set_up(&lab, &cells);
    let playbook = "
name: Looks
steps:
  - precheck: { command: 'true' }
  - command: { argv: [/bin/sh, -c, 'id -un; exit 7'], changes: false }
";
    let jump = Patchwave::new(&lab, &inventory, playbook);
    let mut wrong = Vec::new();
    for code in [0, 7] {
        let line = format!("id -un >ran.{code} && echo out && echo err >&2; exit {code}");
        let answers = ask(&lab, &jump, &line);
        let proofs = ["h1", "h2"].map(|host| {
            lab.on(host, &format!("cd /home; for f in */ran.{code}; do echo $f $(stat -c %U $f) $(cat $f); done"))
        });
        for cell in &cells {
            let answer = &answers[&cell.name];
            let proof = format!("{0}/ran.{code} {1} {1}", cell.name, cell.owner());
            let ran = proofs.iter().any(|all| all.lines().any(|line| line.starts_with(&format!("{}/", cell.name))));
            let well = match cell.refused() {
                Some((class, words)) => {
                    let why = answer["why"].as_str().unwrap_or_default();
                    !ran && answer["class"] == class && answer["outcome"] == "failed" && why.contains(words)
                }
                None => {
                    let right = proofs.iter().any(|all| all.lines().any(|line| line == proof));
                    right && answer["code"] == code && answer["stdout"] == "out\n" && answer["stderr"] == "err\n"
                }
            };
            if !well {
                wrong.push(format!("{answer} ran: {ran}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cells:\n{}", wrong.len(), 2 * cells.len(), wrong.join("\n"));
    // The same in a run: a host on which nothing was done is not ok, and an exit code is the command's.
    let known = lab.state().join("known_hosts").display().to_string();
    let limit = "*-quiet:*-redirecting";
    let words = ["run", &lab.folder().join("jump/playbooks/test.yml").display().to_string(), "--yes", "--json"]
        .map(str::to_owned);
    let inventory = lab.folder().join("jump/inventories/test.yml").display().to_string();
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.extend(["-i", &inventory, "--known-hosts", &known, "-F", "none", "-f", "24", "--limit", limit]);
    let events = jump.call(&words).must(6).events();
    for cell in cells.iter().filter(|cell| ["quiet", "redirecting"].contains(&cell.files)) {
        let step = usize::from(cell.refused().is_none());
        let result = events.result(&cell.name, step);
        assert_eq!(
            (&result["verdict"], &result["changed"]),
            (&"failed".into(), &false.into()),
            "{}: {result}",
            cell.name
        );
        match cell.refused() {
            Some((class, words)) => {
                assert_eq!(result["class"], class, "{}: {result}", cell.name);
                assert!(result["summary"].as_str().is_some_and(|why| why.contains(words)), "{}: {result}", cell.name);
            }
            None => assert!(result.to_string().contains("exit code 7"), "{}: {result}", cell.name),
        }
    }
    let kept = jump.everything_kept();
    assert!(kept.contains("redirects") && !kept.contains(OWN) && !kept.contains(ROOT), "a password was kept");
}
