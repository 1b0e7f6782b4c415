//! Logins as OpenSSH's sshd with PAM grants and refuses them: passwords, dialogues, second factors (HOTP), accounts
//! that are locked, expired, or must change their password. What a person types, and what must not be seen anywhere.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use serde_json::Value;

use crate::{fleet::Lab, terminal::Terminal};

/// The codes of the token in [`SETUP`], in order; each works once (RFC 4226).
const CODES: [&str; 4] = ["602993", "140990", "588440", "879449"];

/// The logins and their methods. `keycode` needs a key and then a code, `oath` a password and then a code.
const SETUP: &str = "
set -e
for user in plain talk oath expired changes locked over keycode; do
    useradd -m -s /bin/bash $user; echo $user:SECRET
done | chpasswd
echo 'plain ALL=(ALL) ALL' >/etc/sudoers.d/plain
chage -d 0 expired; chage -d 0 changes; usermod -L locked; chage -E 0 over
token=00112233445566778899aabbccddeeff00112233
printf 'HOTP oath - %s\\nHOTP keycode - %s\\n' $token $token >/etc/users.oath; chmod 600 /etc/users.oath
code='pam_oath.so usersfile=/etc/users.oath window=9 digits=6'
{
    echo 'auth [success=ignore default=2] pam_succeed_if.so quiet user = keycode'
    echo \"auth [success=done default=die] $code\"
    echo 'auth requisite pam_deny.so'
    sed '/^@include common-auth/a auth [success=ignore default=1] pam_succeed_if.so quiet user = oath' /etc/pam.d/sshd |
        sed \"/quiet user = oath/a auth required $code\"
} >/etc/pam.d/new
mv /etc/pam.d/new /etc/pam.d/sshd
cat >/etc/ssh/sshd_config.d/login.conf <<C
UsePAM yes
PermitRootLogin no
LogLevel VERBOSE
PasswordAuthentication no
KbdInteractiveAuthentication no
Match User plain,expired,locked,over
    PasswordAuthentication yes
Match User talk,oath,changes
    KbdInteractiveAuthentication yes
Match User keycode
    KbdInteractiveAuthentication yes
    AuthenticationMethods publickey,keyboard-interactive
C
sshd -t; systemctl reload ssh
";

/// A jump box without its own keys, and hosts that are set up for these logins.
struct Site {
    lab: Lab,
    /// The password of every account that has one. No other test uses it, because a test beside this one may look at
    /// all processes.
    secret: String,
}

impl Site {
    fn up(hosts: usize) -> Option<Self> {
        let lab = Lab::up(hosts, "")?;
        let folder = lab.folder().file_name().expect("it has a name").to_string_lossy().into_owned();
        let secret = folder.replace("patchwave-lab", "Tiefes-Wasser");
        for n in 1..=hosts {
            lab.on(&format!("h{n}"), &SETUP.replace("SECRET", &secret));
        }
        Some(Self { lab, secret })
    }

    fn address(&self, host: &str) -> String {
        let hosts = fs::read_to_string(self.lab.state().join("hosts")).expect("the lab's hosts");
        let line = hosts.lines().find_map(|line| line.strip_prefix(&format!("{host} ")));
        line.expect("an address").trim().to_owned()
    }

    /// An inventory of names for logins to hosts: `plain` is the user plain of h1.
    fn inventory(&self, hosts: &[(&str, &str, &str)]) -> PathBuf {
        let mut text =
            "all:\n  vars: { patchwave: { environment: test, risk: low, batch: 100% } }\n  hosts:\n".to_owned();
        for (name, host, more) in hosts {
            text += &format!("    {name}: {{ ansible_host: {}, {more} }}\n", self.address(host));
        }
        self.lab.write("jump/inventory.yml", &text)
    }

    /// The words that start the program, for a command in the lab's network.
    fn words(&self, line: &str) -> Vec<String> {
        let folder = self.lab.folder().join("jump");
        let known = self.lab.state().join("known_hosts");
        let mut words = vec![
            env!("CARGO_BIN_EXE_patchwave").to_owned(),
            "-vv".to_owned(),
            format!("--state-dir={}", folder.join("state").display()),
        ];
        words.extend(line.split(' ').map(str::to_owned));
        words.extend([format!("-i={}", folder.join("inventory.yml").display())]);
        words.extend(["-F".to_owned(), "none".to_owned(), format!("--known-hosts={}", known.display())]);
        words
    }

    fn jump_box(&self) -> Command {
        let mut command = self.lab.inside();
        command.env("HOME", self.lab.folder()).env_remove("SSH_AUTH_SOCK");
        command
    }

    /// `exec --json` on all of them; returns each host's answer.
    fn ask_all(&self, options: &str, command: &[&str]) -> BTreeMap<String, Value> {
        let mut asking = self.jump_box();
        let mut words = self.words(&format!("exec --json{options}"));
        words.extend(["all", "--"].map(str::to_owned));
        let output = asking.args(words).args(command).output().expect("it starts");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        self.lab.write("jump/said", &format!("{out}{err}"));
        let answers =
            out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {out}")));
        let named: BTreeMap<_, _> =
            answers.map(|answer| (answer["host"].as_str().unwrap_or_default().to_owned(), answer)).collect();
        assert!(!named.is_empty(), "{err}");
        named
    }

    /// A line of `patchwave` at a terminal.
    fn terminal(&self, line: &str, command: &str) -> Terminal {
        let words = self.words(line).join(" ");
        Terminal::start(self.jump_box(), 80, &format!("{words} {command}"))
    }

    /// Fails if a file of the jump box other than the inventory contains the password or `more`.
    fn nothing_shows(&self, more: &str) {
        let folder = self.lab.folder().join("jump");
        let grep = Command::new("grep").args(["-r", "-a", "-h", "", "--exclude=inventory.yml"]).arg(folder).output();
        let kept = String::from_utf8_lossy(&grep.expect("grep").stdout).into_owned() + more;
        assert!(kept.len() > 1000, "nothing was kept, so nothing could be found: {kept}");
        assert!(!kept.contains(&self.secret), "the password is in {kept}");
    }
}

/// The command lines and environments of all processes.
fn processes() -> String {
    let mut all = String::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        for file in ["cmdline", "environ"] {
            all += &String::from_utf8_lossy(&fs::read(entry.path().join(file)).unwrap_or_default());
        }
    }
    all
}

#[test]
fn passwords_and_dialogues_as_pam_judges_them() {
    let Some(site) = Site::up(1) else { return };
    let names = ["plain", "talk", "oath", "expired", "changes", "locked", "over"];
    let right = |name: &&str| format!("ansible_user: {name}, ansible_password: {}", site.secret);
    let (rights, wrong) =
        (names.iter().map(right).collect::<Vec<_>>(), format!("ansible_password: not-{}", site.secret));
    let mut hosts: Vec<_> = names.iter().zip(&rights).map(|(name, more)| (*name, "h1", more.as_str())).collect();
    let wrongs = ["plain", "talk"].map(|user| format!("ansible_user: {user}, {wrong}"));
    hosts.extend([("plain-wrong", "h1", wrongs[0].as_str()), ("talk-wrong", "h1", wrongs[1].as_str())]);
    let key = format!("ansible_ssh_private_key_file: {}", site.lab.state().join("key").display());
    let keyed = ["root", "over", "keycode"].map(|user| format!("ansible_user: {user}, {key}"));
    hosts.extend([("root", "h1", keyed[0].as_str()), ("over-key", "h1", keyed[1].as_str())]);
    hosts.push(("keycode", "h1", keyed[2].as_str()));
    site.inventory(&hosts);
    let answers = site.ask_all("", &["id", "-un"]);
    for name in ["plain", "talk"] {
        assert_eq!(answers[name]["stdout"], format!("{name}\n"), "{}", answers[name]);
    }
    for (name, class, why) in [
        ("plain-wrong", "auth", "the login as plain was refused; tried password; the host allows"),
        ("talk-wrong", "auth", "the login as talk was refused; tried keyboard-interactive"),
        ("locked", "auth", "the login as locked was refused; tried password"),
        ("root", "auth", "the login as root was refused; tried key"),
        ("oath", "auth", "the host asks \"One-time password (OATH) for `oath':\", which is not a password prompt"),
        ("changes", "auth", "Current password:\", which is not a password prompt"),
        ("keycode", "auth", "the login as keycode needs more than key"),
        ("over", "closed", "it says \"Your account has expired; please contact your system administrator.\""),
        ("over-key", "closed", "it says \"Your account has expired; please contact your system administrator.\""),
        ("expired", "login-shell", "Password change required but no TTY available."),
    ] {
        let answer = &answers[name];
        let told = answer["why"].as_str().unwrap_or_default();
        let outcome = if class == "login-shell" { "failed" } else { "unreachable" };
        assert_eq!((&answer["outcome"], &answer["class"]), (&outcome.into(), &class.into()), "{name}: {answer}");
        assert!(told.contains(why), "{name}: {told}");
    }
    site.nothing_shows("");
    // A host that does not accept logins yet says so, too.
    site.lab.on("h1", "echo 'The system is coming up.' >/etc/nologin");
    let told = site.ask_all("", &["true"])["plain"]["why"].to_string();
    assert!(told.contains("it says \\\"The system is coming up.\\\""), "{told}");
    site.lab.on("h1", "rm /etc/nologin");
}

#[test]
fn a_login_password_and_another_for_sudo_typed_or_fetched() {
    let Some(site) = Site::up(1) else { return };
    let own = "Stilles-Wasser-4715";
    site.lab.on("h1", &format!("echo root:{own} | chpasswd"));
    site.inventory(&[
        ("as-root", "h1", "ansible_user: plain"),
        ("as-su", "h1", "ansible_user: talk, ansible_become_method: su"),
    ]);
    let lines = [("login", site.secret.as_str()), ("sudo", &site.secret), ("su", own)].map(|(name, word)| {
        let path = site.lab.folder().join(name);
        fs::write(&path, format!("{word}\n")).expect("a password file");
        path.display().to_string()
    });
    let (login, sudo, su) = (&lines[0], &lines[1], &lines[2]);
    // Typed: the login's password first, then sudo's; neither is shown. While it runs, no process shows them.
    let mut terminal = site.terminal("exec -b -k -K", "as-root -- 'id -un; sleep 2; echo it-is-over'");
    let at = terminal.answer(0, "SSH password: ", &site.secret);
    let at = terminal.answer(at, "sudo password: ", &site.secret);
    let seen = std::thread::spawn(|| {
        let mut seen = String::new();
        for _ in 0..20 {
            seen += &processes();
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        seen
    });
    terminal.until(at, "it-is-over");
    let (code, screen) = terminal.end();
    assert!(code == 0 && screen.contains("root\r\n"), "{screen}");
    site.nothing_shows(&(screen + &seen.join().expect("a thread")));
    // Fetched from a password store, one for sudo and one for su. A wrong one for sudo counts as sudo's failure.
    let store = |login: &str, other: &str, host: &str| {
        let mut asking = site.jump_box();
        let mut words = site.words("exec -b");
        words.extend([
            format!("--password-command=cat {login}"),
            format!("--become-password-command=cat {other}"),
            host.to_owned(),
            "--".to_owned(),
            "id -un".to_owned(),
        ]);
        let output = asking.args(words).output().expect("it starts");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), format!("{out}{err}"))
    };
    for (host, other) in [("as-root", sudo), ("as-su", su)] {
        let (code, said) = store(login, other, host);
        assert!(code == Some(0) && said.contains("root\n"), "{host}: {said}");
    }
    let (code, said) = store(login, su, "as-root");
    assert!(code == Some(6) && said.contains("sudo did not accept the password for root"), "{said}");
    assert!(!said.contains(own), "{said}");
}

#[test]
fn a_second_factor_is_asked_for_once_a_login() {
    let Some(site) = Site::up(2) else { return };
    let key =
        format!("ansible_user: keycode, ansible_ssh_private_key_file: {}", site.lab.state().join("key").display());
    site.inventory(&[("first", "h1", &key), ("second", "h2", &key), ("both", "h1", "ansible_user: oath")]);
    // A password, then a code, in one dialogue.
    let mut terminal = site.terminal("exec -k", "both -- id -un");
    let at = terminal.answer(0, "SSH password: ", &site.secret);
    terminal.answer(at, "both asks: One-time password (OATH) for `oath':", CODES[0]);
    let (code, screen) = terminal.end();
    assert!(code == 0 && screen.contains("oath\r\n"), "{screen}");
    // A key, then a code: a run over two hosts asks twice, one after the other, and the bars wait meanwhile.
    site.lab.write("jump/play.yml", "steps: [{command: id -un}, {command: id -un}]\n");
    let play = site.lab.folder().join("jump/play.yml");
    let mut terminal = site.terminal(&format!("run {} --yes --limit first,second", play.display()), "");
    let mut at = 0;
    for code in [CODES[0], CODES[0]] {
        at = terminal.until(at, " asks: One-time password (OATH) for `keycode':");
        terminal.press(&format!("{code}\n"));
    }
    let (code, screen) = terminal.end();
    assert!(code == 0 && screen.contains("2 hosts: 2 ok") && !screen.contains(CODES[0]), "{screen}");
    // A wrong code is a refused login, and the message contains neither code nor password.
    let mut terminal = site.terminal("exec", "first -- id -un");
    terminal.answer(0, " asks: One-time password (OATH) for `keycode':", "000000");
    let (code, refused) = terminal.end();
    assert!(code == 5 && refused.contains("needs more than key"), "{refused}");
    site.nothing_shows(&(screen + &refused));
}
