//! Named pipes and devices where files are expected: refused at once, by name, without waiting for them.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use rustix::fs::{CWD, FileType, mknodat};
use tempfile::TempDir;

const INVENTORY: &str = "all: { vars: { patchwave: { environment: a, risk: low } }, hosts: { web: { ansible_host: 127.0.0.1, ansible_port: 9 } } }\n";
const PLAYBOOK: &str =
    "name: p\nhosts: all\nrollout: { stages: [ { name: all, hosts: all } ] }\nsteps:\n  - pause: 1s\n";

/// A folder with everything in order.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("inv.yml", INVENTORY), ("p.yml", PLAYBOOK), ("config", ""), ("kh", "")] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// Runs a line of arguments; a run that hangs ends with 124.
fn run(dir: &Path, line: &str, input: Stdio) -> Output {
    Command::new("timeout")
        .args(["-k", "1", "60", env!("CARGO_BIN_EXE_patchwave")])
        .args(line.split(' '))
        .current_dir(dir)
        .env("PATCHWAVE_STATE_DIR", dir.join("state"))
        .env_remove("SSH_AUTH_SOCK")
        .stdin(input)
        .output()
        .unwrap()
}

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

#[test]
fn a_pipe_where_a_file_is_expected_is_refused() {
    let exec = "exec -i inv.yml -F config --known-hosts kh --connect-timeout 1s all -- true";
    for (pipe, line, config) in [
        ("inv.yml", "inventory hosts -i inv.yml", ""),
        ("group_vars/all.yml", "inventory hosts -i inv.yml", ""),
        ("group_vars/all", "inventory hosts -i inv.yml", ""),
        ("host_vars/web.yml", "inventory hosts -i inv.yml", ""),
        ("limit", "inventory hosts -i inv.yml @limit", ""),
        ("vars", "inventory hosts -i inv.yml -e @vars", ""),
        ("p.yml", "plan p.yml -i inv.yml", ""),
        ("config", exec, ""),
        ("included", exec, "Include DIR/included\n"),
        ("kh", exec, ""),
        ("known", &exec.replace("--known-hosts kh ", ""), "UserKnownHostsFile DIR/known\n"),
        ("known", &exec.replace("--known-hosts kh ", ""), "GlobalKnownHostsFile DIR/known\n"),
        ("server", "known-hosts check --host web --server-keys server --known-hosts kh", ""),
        ("kh", "known-hosts find web -f kh", ""),
    ] {
        let dir = folder();
        let at = dir.path().join(pipe);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(dir.path().join("config"), config.replace("DIR", &dir.path().display().to_string())).unwrap();
        let _ = fs::remove_file(&at);
        mknodat(CWD, &at, FileType::Fifo, 0o600.into(), 0).unwrap();
        let out = run(dir.path(), line, Stdio::null());
        let said = said(&out);
        let name = pipe.rsplit('/').next().unwrap();
        assert!(!matches!(out.status.code(), None | Some(0 | 124)), "{pipe} with {line}: {:?} {said}", out.status);
        assert!(said.contains("is a named pipe, not a file") && said.contains(name), "{pipe} with {line}: {said}");
    }
}

#[test]
fn null_is_empty_and_a_stream_is_read() {
    let dir = folder();
    let exec = "exec -i inv.yml -F /dev/null --known-hosts /dev/null --connect-timeout 1s all -- true";
    let out = run(dir.path(), exec, Stdio::null());
    assert!(said(&out).contains("127.0.0.1:9 refused the connection"), "{}", said(&out));
    let input = fs::File::open(dir.path().join("inv.yml")).unwrap();
    let out = run(dir.path(), "inventory hosts -i /dev/stdin", input.into());
    assert_eq!((out.status.code(), said(&out).as_str()), (Some(0), "web\n"));
    let (reader, writer) = std::io::pipe().unwrap();
    let writing = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        std::io::Write::write_all(&mut { writer }, INVENTORY.as_bytes()).unwrap();
    });
    let out = run(dir.path(), "inventory hosts -i /dev/stdin", reader.into());
    assert_eq!((out.status.code(), said(&out).as_str()), (Some(0), "web\n"));
    writing.join().unwrap();
    let out = run(dir.path(), "inventory hosts -i /dev/zero", Stdio::null());
    assert!(
        out.status.code() == Some(2) && said(&out).contains("/dev/zero: is a device, not a file"),
        "{}",
        said(&out)
    );
}
