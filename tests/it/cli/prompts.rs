//! Questions at a real terminal (a pseudo-terminal of `script`): one after the other, with nothing drawn over them, and
//! the terminal echoes again afterwards, however they end.

use std::{fs, process::Command, time::Duration};

use rustix::process::Signal;

use crate::support::{
    cli::Desk,
    sshd::{Sshd, keygen, me, need, signal},
    terminal::Terminal,
};

/// A server that acts as three hosts, a jump box whose key is encrypted, and an empty known_hosts.
struct Site {
    sshd: Sshd,
    desk: Desk,
}

impl Site {
    fn start() -> Option<Self> {
        need("script")?;
        let sshd = Sshd::start("")?;
        keygen(&sshd.path("locked"), "ed25519", "secret words");
        fs::copy(sshd.path("locked.pub"), sshd.path("authorized_keys")).expect("authorized_keys");
        let desk = Desk::empty();
        let hosts = format!(
            "all:\n  vars: {{ ansible_host: 127.0.0.1, ansible_port: {}, ansible_user: {}, patchwave: {{ environment: \
             test, risk: low, batch: [1, 2], approve: true }} }}\n  hosts: {{ 'web[1:3]': }}\n",
            sshd.port,
            me()
        );
        desk.write("inv.yml", &hosts);
        // Nothing that changes the host: the host is this machine, and its lease would block every other test.
        desk.write("play.yml", "steps: [{precheck: {disk_free: {/: 1KiB}}}, {pause: 1s}]\n");
        Some(Self { sshd, desk })
    }

    /// The program at a terminal, and then whether the terminal echoes: `echo` or `-echo`.
    fn at_terminal(&self, columns: u16, line: &str) -> Terminal {
        let mut place = Command::new("env");
        let home = self.desk.folder();
        place.env_clear().env("HOME", &home).env("USER", me()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        place.env("TZ", "UTC").env("PATCHWAVE_STATE_DIR", home.join("state")).current_dir(&home);
        let program = env!("CARGO_BIN_EXE_patchwave");
        let known = self.desk.folder().join("known");
        let key = self.sshd.path("locked");
        // Options stand before `--`.
        let words = line.split_once(" all").map_or((line, ""), |(front, _)| (front, &line[front.len()..]));
        let line = format!(
            "trap : INT; {program} {} -i inv.yml -F none --host-keys ask --known-hosts {} --private-key {} {}; code=$?; stty -a | \
             grep -o -e '-*echo ' -e '-*icanon ' -e '-*isig '; exit $code",
            words.0,
            known.display(),
            key.display(),
            words.1
        );
        Terminal::start(place, columns, &line)
    }
}

/// Nothing is written while a question is open, however long it takes. Bars are drawn several times a second.
#[track_caller]
fn waits(terminal: &Terminal) {
    for _ in 0..20 {
        let before = terminal.text();
        std::thread::sleep(Duration::from_millis(700));
        if terminal.text() == before {
            return;
        }
    }
    panic!("something is written while a person is asked:\n{}", terminal.text());
}

#[test]
fn questions_of_a_run_stand_alone() {
    let Some(site) = Site::start() else { return };
    for columns in [80, 200] {
        let _ = fs::remove_file(site.desk.folder().join("known"));
        let mut terminal = site.at_terminal(columns, "run play.yml --yes");
        let at = terminal.until(0, "(yes/no/fingerprint) ");
        waits(&terminal);
        terminal.press("yes\n");
        let at = terminal.until(at, &format!("Passphrase of {}: ", site.sshd.path("locked").display()));
        waits(&terminal);
        terminal.press("wrong\n");
        let at = terminal.answer(at, "That was not it. Passphrase of ", "secret words");
        let at = terminal.until(at, "waits for approval after its first wave:");
        waits(&terminal);
        terminal.press("no\n");
        let at = terminal.until(at, "not approved: the run keeps waiting; `yes` continues it, Ctrl-C stops it");
        waits(&terminal);
        terminal.press("yes\n");
        terminal.until(at, "3 hosts: 3 ok");
        let (code, screen) = terminal.end();
        assert_eq!(code, 0, "{screen}");
        assert!(!screen.contains("secret words") && !screen.contains("wrong"), "{screen}");
        for once in ["is not known", "not approved"] {
            assert_eq!(screen.matches(once).count(), 1, "{screen}");
        }
    }
}

/// Whether the terminal echoes after the program's end.
const SANE: &str = "isig \r\nicanon \r\necho \r\n";

#[test]
fn a_key_or_a_signal_at_a_question_leaves_a_terminal_that_echoes() {
    let Some(site) = Site::start() else { return };
    let known = site.desk.folder().join("known");
    // (the line, its last question, the exit code after a Ctrl-C)
    for (line, question, code) in [
        ("exec -k all -- true", "SSH password: ", 130),
        ("exec -K all -- true", "sudo password: ", 130),
        ("exec all -- true", "(yes/no/fingerprint) ", 4),
        ("run play.yml", "Passphrase of ", 5),
    ] {
        let _ = fs::remove_file(&known);
        if line.starts_with("run") {
            fs::write(&known, site.sshd.known_line()).expect("known_hosts");
        }
        let mut terminal = site.at_terminal(80, line);
        terminal.until(0, question);
        terminal.press("\x03");
        let (ended, screen) = terminal.end();
        assert!(screen.ends_with(SANE), "{line}:\n{screen}");
        assert_eq!(ended, code, "{line}:\n{screen}");
    }
    // A signal from another process while a secret is typed: the run is left, and the terminal echoes again.
    let mut terminal = site.at_terminal(80, "run play.yml");
    terminal.until(0, "Passphrase of ");
    let started = fs::read_dir("/proc").expect("/proc").flatten().filter_map(|entry| {
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let ours = String::from_utf8_lossy(&words).contains(&site.desk.folder().display().to_string());
        (ours && words.starts_with(env!("CARGO_BIN_EXE_patchwave").as_bytes())).then(|| entry.file_name())
    });
    for pid in started {
        signal(pid.to_string_lossy().parse().expect("a process id"), Signal::TERM);
    }
    let (_, screen) = terminal.end();
    assert!(screen.ends_with(SANE), "{screen}");
}

#[test]
fn a_gate_that_was_opened_elsewhere_takes_no_key_from_the_next_question() {
    let Some(site) = Site::start() else { return };
    fs::write(site.desk.folder().join("known"), site.sshd.known_line()).expect("known_hosts");
    // The first host's key is not encrypted; the keys of the others have a passphrase.
    let inventory = fs::read_to_string(site.desk.folder().join("inv.yml")).expect("inv.yml");
    let lines = ["user.pub", "locked.pub"].map(|name| fs::read_to_string(site.sshd.path(name)).expect("a key"));
    fs::write(site.sshd.path("authorized_keys"), lines.concat()).expect("authorized_keys");
    let clear = format!("web1: {{ ansible_ssh_private_key_file: {} }}, ", site.sshd.path("user").display());
    site.desk.write("inv.yml", &inventory.replace("'web[1:3]'", &format!("{clear}'web[2:3]'")));
    let mut terminal = site.at_terminal(80, "run play.yml");
    let at = terminal.until(0, "waits for approval after its first wave:");
    site.desk.run(&format!("approve {}", site.desk.last_run())).ended(0);
    let at = terminal.answer(at, "Passphrase of ", "secret words");
    terminal.until(at, "3 hosts: 3 ok");
    assert_eq!(terminal.end().0, 0);
}
