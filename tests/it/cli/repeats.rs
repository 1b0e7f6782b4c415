//! A host that repeats what it was sent: its secrets are in no output, event, log or page. On a real sshd.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::support::{
    cli::Desk,
    sshd::{Sshd, me},
};

const PASSWORD: &str = "S3cr3tPassw0rd";
const VALUE: &str = "t0pS3cr3tValue";
const SECRETS: [&str; 2] = [PASSWORD, VALUE];

/// Takes the password as sudo does, and prints it.
const SUDO: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
        -p) prompt=$2; shift ;;
        -u) shift ;;
        --) shift; break ;;
    esac
    shift
done
printf '%s' "$prompt" | sed 's/%%/%/' >&2
IFS= read -r password
if [ -e "$PATCHWAVE_ROOT/refuses" ]; then
    echo "sudo: PAM said: bad token <$password>" >&2
    exit 1
fi
printf '%s' "$password" >"$PATCHWAVE_ROOT/password"
exec "$@"
"#;

/// A server with that sudo, and a desk with its inventory.
fn site() -> Option<(Sshd, Desk, std::path::PathBuf)> {
    let root = tempfile::tempdir().expect("a temporary folder").keep();
    let sshd = Sshd::start(&format!("SetEnv PATCHWAVE_ROOT={}", root.display()));
    fs::create_dir(root.join("bin")).expect("bin");
    fs::write(root.join("bin/sudo"), SUDO).expect("sudo");
    fs::set_permissions(root.join("bin/sudo"), fs::Permissions::from_mode(0o755)).expect("chmod");
    let mut sshd = sshd?;
    sshd.also(root.clone());
    let desk = Desk::empty();
    desk.write("known", &sshd.known_line());
    let hosts = format!(
        "all:\n  vars: {{ ansible_host: 127.0.0.1, ansible_port: {}, ansible_user: {}, ansible_ssh_private_key_file: {}, \
         ansible_become: true, ansible_become_user: operator, ansible_become_password: {PASSWORD}, db_password: {VALUE}, \
         patchwave: {{ environment: test, risk: low }} }}\n  hosts: {{ web01: }}\n",
        sshd.port,
        me(),
        sshd.path("user").display()
    );
    desk.write("inv.yml", &hosts);
    Some((sshd, desk, root))
}

/// No file below the folder, whatever its format, holds one of the secrets.
#[track_caller]
fn nothing_below(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            nothing_below(&path);
            continue;
        }
        let bytes = fs::read(&path).expect("a file");
        for secret in [PASSWORD, VALUE, "cr3tPassw"] {
            let there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!there, "{secret} is in {}:\n{}", path.display(), String::from_utf8_lossy(&bytes));
        }
    }
}

/// Runs the playbook, checks everything that it left, and returns the pages.
fn run(desk: &Desk, play: &str, code: u8) -> String {
    desk.write("play.yml", play);
    desk.really("run play.yml -i inv.yml -F none --known-hosts known --yes").ended(code).never_says(&SECRETS);
    let mut pages = String::new();
    for line in ["show", "show --all", "show --json", "log RUN web01"] {
        let said = desk.run(&line.replace("RUN", &desk.last_run())).ended(0).never_says(&SECRETS);
        pages.push_str(&said.out);
    }
    nothing_below(&desk.folder().join("state"));
    pages
}

#[test]
fn a_password_that_comes_back_in_a_refusal() {
    let Some((_sshd, desk, root)) = site() else { return };
    fs::write(root.join("refuses"), "").expect("a file");
    let pages = run(&desk, "steps: [{command: {argv: [\"true\"], changes: false}, register: r}]\n", 6);
    assert!(pages.contains("bad token <********>"), "{pages}");
    let said = desk.really("exec -i inv.yml -F none --known-hosts known -b all -- true").ended(6);
    said.never_says(&SECRETS).says(&["bad token <********>"]);
}

#[test]
fn secrets_that_come_back_in_output_whole_and_in_pieces() {
    let Some((_sshd, desk, root)) = site() else { return };
    let tells = "#!/bin/sh\nprintf 'begin S3cr'; sleep 0.3; printf 3tPa; sleep 0.3; printf 'ssw0rd middle '\n\
                 printf %s S3cr3tPassw0rd; echo ' end'; echo \"$DB_PASSWORD\"; echo \"err $DB_PASSWORD\" >&2\n";
    fs::write(root.join("bin/tells"), tells).expect("a program");
    fs::set_permissions(root.join("bin/tells"), fs::Permissions::from_mode(0o755)).expect("chmod");
    desk.program("hooks/tells", tells);
    desk.program("hooks/snapshot", "#!/bin/sh\necho id-S3cr3tPassw0rd\n");
    let env = "environment: { DB_PASSWORD: \"{{ db_password }}\" }";
    // A step that looks, one that is followed as a job, and one that runs here.
    let play = format!(
        "steps:\n  - command: {{ run: tells, changes: false, {env} }}\n    register: looked\n  - command: {{ run: tells, \
         {env} }}\n    register: changed\n  - command: {{ run: hooks/tells, {env} }}\n    on: controller\n    register: \
         here\n  - snapshot: hooks/snapshot\n  - {{ command: hooks/tells, on: controller, register: more }}\n"
    );
    let pages = run(&desk, &play, 0);
    assert!(root.join("password").exists(), "sudo asked for it");
    for told in ["begin ******** middle ******** end", "err ********", "id-********"] {
        assert!(pages.contains(told), "{told}: {pages}");
    }
    let log = desk.run(&format!("log {} web01", desk.last_run())).out;
    assert_eq!(log.matches("begin ******** middle ******** end").count(), 4, "each step's output is there: {log}");
    let output = desk.command("exec -i inv.yml -F none --known-hosts known -b --live all -- tells").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("begin ******** middle ******** end") && !text.contains("3tPass"), "{text}");
}
