//! Questions at a real terminal (a pseudo-terminal of `script`): one after the other, nothing drawn over them, and a
//! terminal that echoes again afterwards, however they end.

use std::{fs, process::Command, time::Duration};

use crate::support::{
    cli::Desk,
    sshd::{Sshd, keygen, me, need},
    terminal::Terminal,
};

/// A server that plays three hosts, a jump box whose key is encrypted, and nobody in known_hosts.
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
        desk.write("play.yml", "steps: [{command: 'true'}, {command: sleep 1}]\n");
        Some(Self { sshd, desk })
    }

    /// The program at a terminal, then what the terminal does with keys: `echo` or `-echo`.
    fn at_terminal(&self, columns: u16, line: &str) -> Terminal {
        let mut place = Command::new("env");
        let home = self.desk.folder();
        place.env_clear().env("HOME", &home).env("USER", me()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        place.env("TZ", "UTC").env("PATCHWAVE_STATE_DIR", home.join("state")).current_dir(&home);
        let program = env!("CARGO_BIN_EXE_patchwave");
        let known = self.desk.folder().join("known");
        let key = self.sshd.path("locked");
        let line = format!(
            "{program} {line} -i inv.yml -F none --host-keys ask --known-hosts {} --private-key {}; code=$?; stty -a | \
             grep -o -e '-*echo ' -e '-*icanon ' -e '-*isig '; exit $code",
            known.display(),
            key.display()
        );
        Terminal::start(place, columns, &line)
    }
}

/// Nothing is written while somebody is asked, however long they think. Bars come several times a second.
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
        let at = terminal.until(0, "(yes/no/the fingerprint) ");
        waits(&terminal);
        terminal.press("yes\n");
        let at = terminal.until(at, &format!("Passphrase of {}: ", site.sshd.path("locked").display()));
        waits(&terminal);
        terminal.press("wrong\n");
        let at = terminal.answer(at, "Passphrase of ", "secret words");
        let at = terminal.until(at, "waits for approval: type yes");
        waits(&terminal);
        terminal.press("yes\n");
        terminal.until(at, "3 hosts: 3 ok");
        let (code, screen) = terminal.end();
        assert_eq!(code, 0, "{screen}");
        assert!(!screen.contains("secret words") && !screen.contains("wrong"), "{screen}");
        assert_eq!(screen.matches("is not known").count(), 1, "{screen}");
    }
}
