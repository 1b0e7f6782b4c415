//! What must hold for any bytes, for each thing that comes from outside. The fuzz targets and `tests/it/fuzz_corpus.rs`
//! call the same functions. They must not wait, connect or write. A panic is a finding.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use patchwave::{
    calendar::{Calendar, Dates, Form, Schedule, Window, Windows, ics},
    command::{Exit, Output},
    facts::host_facts,
    inventory::{Inventory, NoRuns},
    pkg::{self, Exact, Package, Transaction},
    playbook,
    sshconfig::{Destination, FileText, LocalMachine, Person, Query, Sources, SshConfig},
    step,
    transport::ssh::known_hosts::{KnownName, OfferedKey, RevokedKeys, TrustFile, TrustStore, Verdict},
    vault::{self, Password, Passwords},
};

/// No seed contains this key, so no file may make it acceptable.
const STRANGER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHeLC1lWiCYrXsf/85O/pkbUFZ6OGIt49PX3nw8iRoXE";

/// A known_hosts file; the first line of the bytes is the name to look up.
pub fn known_hosts(bytes: &[u8]) {
    let (name, content) = split(bytes);
    let file = TrustFile::parse(Path::new("/fuzz"), content);
    let lines = file.find(&name);
    assert!(lines.is_sorted() && lines.iter().all(|line| *line > 0));
    let store = TrustStore::new(vec![file.into()]);
    let stranger = OfferedKey::from_openssh(STRANGER).expect("a whole key");
    // A file with another key's blob cannot make this one acceptable.
    let on_file = String::from_utf8_lossy(content).contains("IHeLC1lWiCYrXsf");
    for port in [22, 2222] {
        let known = KnownName::new(&name, port);
        let _ = store.expected(&known);
        let verdict = store.check(&known, &stranger);
        assert!(verdict != Verdict::Accept || on_file, "{known:?}");
    }
    let _ = OfferedKey::from_openssh(&name);
    // The same bytes as a list of revoked keys, or as a KRL.
    if let Ok(revoked) = RevokedKeys::parse(Path::new("/fuzz"), content) {
        let _ = revoked.revokes(&stranger);
    }
}

/// An ssh_config file; the first line of the bytes is the host to look up.
pub fn ssh_config(bytes: &[u8]) {
    let (host, content) = split(bytes);
    let person = Person {
        name: "ops".to_owned(),
        uid: 1000,
        home: "/home/ops".into(),
        machine: "jump".to_owned(),
        env: [("PORT".to_owned(), "2222".to_owned())].into(),
    };
    let outside = Arc::new(OneFile(content.to_vec()));
    let config = match SshConfig::load(&Sources::Only("/home/ops/.ssh/config".into()), person, outside) {
        Ok(config) => config,
        Err(error) => return drop(error.to_string()),
    };
    for (user, jumps) in [(None, None), (Some("root".to_owned()), Some("a,b@c:22".to_owned()))] {
        let query =
            Query { host: host.clone(), user, jumps, options: vec!["Port=2022".to_owned()], ..Query::default() };
        match config.resolve(&query) {
            Ok(resolved) => drop(resolved.as_ssh_prints()),
            Err(error) => drop(error.to_string()),
        }
    }
    let _ = Destination::parse(&host);
}

/// The files of one configuration: itself, and a small one for every `Include`.
struct OneFile(Vec<u8>);

impl LocalMachine for OneFile {
    fn read(&self, path: &Path) -> io::Result<FileText> {
        let included: &[u8] = b"Host *\n User included\nMatch final\n Port 22\n";
        let bytes = if path.ends_with(".ssh/config") { &self.0 } else { included };
        Ok(FileText { bytes: bytes.to_vec(), writable_by: None })
    }

    fn list(&self, _: &Path) -> Vec<String> {
        vec!["10-a.conf".to_owned(), "20-b.conf".to_owned()]
    }

    fn exists(&self, path: &Path) -> bool {
        path.as_os_str().len().is_multiple_of(2)
    }

    fn home_of(&self, user: &str) -> Option<PathBuf> {
        (user == "other").then(|| PathBuf::from("/home/other"))
    }

    fn addresses(&self) -> Vec<(String, std::net::IpAddr)> {
        Vec::new()
    }

    fn succeeds(&self, command: &str) -> Result<bool, String> {
        Ok(command.len().is_multiple_of(2))
    }
}

/// The output of a host. The first byte is the exit code; the rest is split between the streams at the first NUL.
/// NUL.
pub fn host_output(bytes: &[u8]) {
    let (code, text) = bytes.split_first().map_or((0, bytes), |(code, text)| (*code, text));
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let output = Output {
        exit: Exit::Code(code.into()),
        stdout: text[..end].to_vec(),
        stderr: text.get(end + 1..).unwrap_or_default().to_vec(),
        dropped: 0,
    };
    let _ = host_facts(&pkg::programs()).read(&output).map(|facts| pkg::detect(&facts).is_ok());
    let set = [Exact { name: "openssl".to_owned(), version: "3.0.11-1".to_owned() }];
    for manager in pkg::ALL {
        let _ = manager.refresh().read(&output);
        let _ = manager.state().read(&output).map(|state| state.health());
        let _ = manager.lock_holders().read(&output);
        let _ = manager.pending(patchwave::pkg::Accepts { removals: true, ..Default::default() }).read(&output);
        let _ = manager.simulate(&Transaction::upgrade(&set)).map(|query| query.read(&output));
        let _ = manager
            .simulate(&Transaction::removal(&[Package::named("linux-image-1")]))
            .map(|query| query.read(&output));
        let back = Transaction { downgrade: set.to_vec(), ..Transaction::removal(&[Package::named("kernel")]) };
        let _ = manager.simulate(&back).map(|query| query.read(&output));
        let _ = manager.reboot_reasons().read(&output);
        let _ = manager.staged("/f").map(|query| query.read(&output));
        let _ = manager.kernels().read(&output);
        let text = output.text();
        let _ = manager.explain(&text);
        let _ = manager.failed_scripts(&text);
        let _ = manager.known(&["openssl".to_owned()]).read(&output);
        let (a, b) = text.split_once('\n').unwrap_or((&text, ""));
        assert_eq!(manager.compare(a, b), manager.compare(b, a).reverse(), "{a:?} {b:?}");
    }
    let _ = step::answers_understood(&output);
    assert!(!output.last_lines(5).contains(|c: char| c.is_control() && c != '\t' && c != '\n'));
}

/// An inventory file; the first line of the bytes is a host pattern.
pub fn inventory(bytes: &[u8]) {
    inventory_of("fuzz.yml", bytes);
}

/// The same, as INI.
pub fn inventory_ini(bytes: &[u8]) {
    inventory_of("fuzz.ini", bytes);
}

/// The same, as TOML.
pub fn inventory_toml(bytes: &[u8]) {
    inventory_of("fuzz.toml", bytes);
}

/// The same, as the output of an inventory program.
pub fn inventory_output(bytes: &[u8]) {
    inventory_of("fuzz.out", bytes);
}

/// The same, as a list of hosts.
pub fn inventory_list(bytes: &[u8]) {
    inventory_of("-i", bytes);
}

/// The same, as JSON.
pub fn inventory_json(bytes: &[u8]) {
    inventory_of("fuzz.json", bytes);
}

/// `ansible.cfg`: each entry is on a line of the file, no entry is there twice without a problem, and no setting has an
/// empty value.
pub fn ansible_cfg(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (entries, problems) = patchwave::cli::ansible_cfg(&text);
    let mut seen = std::collections::BTreeSet::new();
    for (section, key, line) in entries {
        assert!(line >= 1 && line <= text.split('\n').count(), "line {line}");
        assert_eq!(key, key.to_lowercase());
        assert!(seen.insert((section, key)) || problems > 0);
    }
}

/// An iCalendar file: what is taken has openings in their order, and is the same when it was recorded; what is not has
/// lines of the file.
pub fn calendar(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match ics::read(&text, Some("Europe/Berlin")) {
        Err(faults) => {
            assert!(!faults.is_empty() && faults.iter().all(|fault| fault.line >= 1 && fault.line <= text.len() + 1));
        }
        Ok(calendar) => {
            let json = serde_json::to_string(&calendar).expect("a calendar is JSON");
            assert_eq!(serde_json::from_str::<Calendar>(&json).expect("what was written"), calendar);
            let dates = Dates { calendars: [("c".to_owned(), calendar)].into(), ..Dates::default() };
            let windows = Windows::from(Window {
                form: Form::Calendar { calendar: "c".to_owned(), summary: None },
                last_start: None,
            });
            let now = jiff::Timestamp::from_second(1_795_312_800).expect("2026");
            let schedule = Schedule { windows: Some(&windows), freezes: &["c".to_owned()], dates: &dates, walk: None };
            // Its own events are frozen, so it never opens.
            assert!(schedule.open(now).is_err());
            let openings = Schedule { freezes: &[], ..schedule }.openings(now, 3);
            assert!(openings.iter().all(|(start, end)| start < end) && openings.is_sorted());
        }
    }
}

/// A text of Ansible Vault. What opens was made by the seeds: no change of them may give another text.
pub fn vault(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let password = |label: &str, secret: &str| Password { label: label.to_owned(), secret: secret.to_owned().into() };
    let passwords = Passwords::new(vec![password("", "wrong"), password("prod", "open sesame")]);
    match passwords.open(&text) {
        Ok(plain) => assert!(
            *plain == "v4ult-value" || plain.starts_with("api_key: s3cret-from-file\n"),
            "{:?} of {text:?}",
            *plain
        ),
        Err(closed) => drop(closed.to_string()),
    }
    if vault::is_encrypted(&text) {
        assert!(Passwords::default().open(&text).is_err());
    }
}

fn inventory_of(name: &str, bytes: &[u8]) {
    let (pattern, content) = split(bytes);
    match Inventory::from_text(name, &String::from_utf8_lossy(content)) {
        Err(problems) => drop(problems.to_string()),
        Ok(inventory) => {
            for pattern in [pattern.as_str(), "all"] {
                let Ok(hosts) = inventory.select(pattern, &NoRuns) else { continue };
                let few = &hosts[..hosts.len().min(50)];
                let _ = inventory.targets(few).map_err(|problems| problems.to_string());
                assert_eq!(
                    patchwave::names::expand(&patchwave::names::fold(few)).map(|names| names.len()),
                    Ok(few.len())
                );
            }
        }
    }
}

/// A playbook file.
pub fn playbook(bytes: &[u8]) {
    if let Err(problems) = playbook::load_text(Path::new("/fuzz/playbook.yml"), &String::from_utf8_lossy(bytes)) {
        let _ = problems.to_string();
    }
}

/// The first line, and everything after it.
fn split(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), bytes.get(end + 1..).unwrap_or_default())
}
