//! `patchwave known-hosts` against `ssh` and `ssh-keygen`: the same files, the same server, the same verdicts.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::support::sshd::{Sshd, keygen, need};

fn patchwave(args: &[&str]) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patchwave"));
    let output = command.arg("known-hosts").args(args).stdin(Stdio::null()).output().expect("patchwave");
    (String::from_utf8(output.stdout).expect("text").trim().to_owned(), output.status.code().expect("an exit code"))
}

/// How OpenSSH's client decides with these files.
fn theirs(ssh: &Path, sshd: &Sshd, files: &[PathBuf], strict: &str, alias: Option<&str>) -> &'static str {
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let mut command = Command::new(ssh);
    command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentityAgent=none", "-o", "UpdateHostKeys=no"]);
    command.args(["-o", "GlobalKnownHostsFile=/dev/null", "-o", &format!("StrictHostKeyChecking={strict}")]);
    command.args(["-o", &format!("UserKnownHostsFile={}", files.join(" "))]);
    if let Some(alias) = alias {
        command.args(["-o", &format!("HostKeyAlias={alias}")]);
    }
    command.arg("-i").arg(sshd.path("user")).args(["-p", &sshd.port.to_string(), "127.0.0.1", "true"]);
    let output = command.output().expect("ssh");
    let said = String::from_utf8_lossy(&output.stderr);
    match () {
        () if output.status.success() => "accept",
        () if said.contains("REVOKED HOST KEY") || said.contains("revoked") => "revoked",
        () if said.contains("IDENTIFICATION HAS CHANGED") => "changed",
        () if said.contains("host key is known") => "unknown",
        () => panic!("ssh said: {said}"),
    }
}

fn ours(sshd: &Sshd, files: &[PathBuf], strict: &str, alias: Option<&str>) -> (String, i32) {
    let (port, keys) = (sshd.port.to_string(), sshd.path("server-keys").display().to_string());
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let mut args = vec!["check", "--host", "127.0.0.1", "--port", &port, "--server-keys", &keys, "--strict", strict];
    files.iter().for_each(|file| args.extend(["--known-hosts", file]));
    if let Some(alias) = alias {
        args.extend(["--host-key-alias", alias]);
    }
    patchwave(&args)
}

fn public(path: &Path) -> String {
    fs::read_to_string(path.with_extension("pub")).expect("a public key").trim().to_owned()
}

/// A server with an ed25519, an ecdsa and an rsa key, the first with a certificate for its address.
fn server(dir: &Path) -> Option<Sshd> {
    for kind in ["ed25519", "ecdsa", "rsa", "ca", "other"] {
        keygen(&dir.join(kind), if matches!(kind, "ca" | "other") { "ed25519" } else { kind }, "");
    }
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-h", "-I", "id", "-n", "127.0.0.1,farm", "-s"]).arg(dir.join("ca")).arg(dir.join("ed25519.pub"));
    assert!(sign.status().unwrap().success());
    let at = dir.display();
    let keys = ["ed25519", "ecdsa", "rsa"].map(|kind| format!("HostKey {at}/{kind}\n")).concat();
    let sshd = Sshd::start(&format!("{keys}HostCertificate {at}/ed25519-cert.pub"))?;
    let shown = ["ed25519.pub", "ed25519-cert.pub", "ecdsa.pub", "rsa.pub"];
    let shown = shown.map(|name| fs::read_to_string(dir.join(name)).unwrap()).concat();
    fs::write(sshd.path("server-keys"), shown).unwrap();
    Some(sshd)
}

#[test]
fn verdicts_are_those_of_ssh() {
    let (Some(ssh), Some(_)) = (need("ssh"), need("ssh-keygen")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let Some(sshd) = server(dir.path()) else { return };
    let key = |kind: &str| public(&dir.path().join(kind));
    let full = format!("[127.0.0.1]:{}", sshd.port);
    let names = [full.as_str(), "127.0.0.1", "[127.0.0.*]:*", "*", "farm", "[other]:2222", "*,!farm", "FARM,x"];
    let mut random = fastrand::Rng::with_seed(11);
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for round in 0..60 {
        let mut files = Vec::new();
        for n in 0..2 {
            let mut text = String::new();
            for _ in 0..random.usize(0..3) {
                let kind = ["ed25519", "ecdsa", "rsa", "other", "other"][random.usize(..5)];
                text.push_str(&format!("{} {}\n", names[random.usize(..names.len())], key(kind)));
            }
            match random.u8(..8) {
                0 => text.push_str(&format!("@revoked * {}\n", key(["ed25519", "rsa", "ca"][random.usize(..3)]))),
                1 => text.push_str(&format!("@cert-authority * {}\n", key("ca"))),
                2 => text.push_str(&format!("@cert-authority {full},farm {}\n", key("other"))),
                _ => {}
            }
            files.push(sshd.path(&format!("known-{n}")));
            fs::write(&files[n], text).unwrap();
        }
        let alias = [None, None, Some("farm"), Some("Farm")][random.usize(..4)];
        let strict = ["yes", "accept-new"][random.usize(..2)];
        let told: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        let ours = ours(&sshd, &files, strict, alias);
        let unchanged: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        assert_eq!(told, unchanged, "check records nothing");
        let expected = theirs(&ssh, &sshd, &files, strict, alias);
        assert_eq!(ours.0, expected, "round {round}, {strict}, alias {alias:?}:\n{}", told.join("--\n"));
        assert_eq!(ours.1, if expected == "accept" { 0 } else { 3 });
        *seen.entry(ours.0).or_default() += 1;
    }
    assert!(seen.len() == 4, "every verdict came up: {seen:?}");
}

/// Hashes the names of a line as `HashKnownHosts` would; lines with markers keep their names.
fn hashed(keygen_program: &Path, file: &Path) {
    let status = Command::new(keygen_program)
        .args(["-q", "-H", "-f"])
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let _ = fs::remove_file(file.with_extension("old"));
}

/// One name as the first field of a hashed line.
fn hash_of(keygen_program: &Path, dir: &Path, name: &str, key: &str) -> String {
    let file = dir.join("one");
    fs::write(&file, format!("{name} {key}\n")).unwrap();
    hashed(keygen_program, &file);
    fs::read_to_string(&file).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn hashed_lines_and_marked_lines_together_are_those_of_ssh() {
    let (Some(ssh), Some(keygen_program)) = (need("ssh"), need("ssh-keygen")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let Some(sshd) = server(dir.path()) else { return };
    let key = |kind: &str| public(&dir.path().join(kind));
    let full = format!("[127.0.0.1]:{}", sshd.port);
    let names = [full.as_str(), "127.0.0.1", "farm", "[farm]:2222"];
    let hashes = names.map(|name| hash_of(&keygen_program, dir.path(), name, &key("other")));
    assert!(hashes.iter().all(|hash| hash.starts_with("|1|")), "{hashes:?}");
    // A marker before a hashed name, which only a program writes; a hash among other names does not count as one.
    let fields =
        |n: usize| [names[n].to_owned(), hashes[n].clone(), format!("x,{}", names[n]), format!("x,{}", hashes[n])];
    let mut random = fastrand::Rng::with_seed(23);
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for round in 0..60 {
        let mut files = Vec::new();
        for n in 0..2 {
            let mut text = String::new();
            for _ in 0..random.usize(0..4) {
                let marker = ["", "", "", "@cert-authority ", "@cert-authority ", "@revoked "][random.usize(..6)];
                let field = fields(random.usize(..names.len()))[[0, 1, 1, 1, 2, 3][random.usize(..6)]].clone();
                let kind = match marker {
                    "" => ["ed25519", "ecdsa", "rsa", "other"][random.usize(..4)],
                    "@revoked " => ["ed25519", "ecdsa", "ca", "other"][random.usize(..4)],
                    _ => ["ca", "ca", "other"][random.usize(..3)],
                };
                text.push_str(&format!("{marker}{field} {}\n", key(kind)));
            }
            files.push(sshd.path(&format!("mixed-{n}")));
            fs::write(&files[n], text).unwrap();
        }
        // Sometimes ssh-keygen hashes what it finds, including marked lines and lists.
        if random.u8(..4) == 0 && fs::metadata(&files[0]).unwrap().len() > 0 {
            hashed(&keygen_program, &files[0]);
        }
        let alias = [None, None, None, Some("farm")][random.usize(..4)];
        let strict = ["yes", "accept-new"][random.usize(..2)];
        let told: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        let ours = ours(&sshd, &files, strict, alias);
        let mut expected = theirs(&ssh, &sshd, &files, strict, alias);
        if ours.0 == "revoked" && expected != "revoked" {
            // On purpose: a key that is revoked for a host is revoked on every port. `ssh` decides the same if the
            // lines name the port.
            for (file, text) in files.iter().zip(&told) {
                let with_port = |line: &str| match line.starts_with("@revoked") {
                    true => line.replace(&hashes[1], &full).replace(" 127.0.0.1 ", &format!(" {full} ")),
                    false => line.to_owned(),
                };
                let text: String = text.lines().map(|line| with_port(line) + "\n").collect();
                fs::write(file, text.replace("x,127.0.0.1 ", &format!("x,{full} "))).unwrap();
            }
            expected = theirs(&ssh, &sshd, &files, strict, alias);
        }
        assert_eq!(ours.0, expected, "round {round}, {strict}, alias {alias:?}:\n{}", told.join("--\n"));
        *seen.entry(ours.0).or_default() += 1;
    }
    assert!(seen.len() == 4, "every verdict came up: {seen:?}");
}

#[test]
fn no_strictness_believes_a_changed_key() {
    if need("ssh-keygen").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(sshd) = server(dir.path()) else { return };
    let file = sshd.path("known");
    let other = public(&dir.path().join("other"));
    for (line, strict, expected) in [
        (String::new(), "no", ("accept", 0)),
        (String::new(), "yes", ("unknown", 3)),
        (format!("127.0.0.1,[127.0.0.1]:{} {other}\n", sshd.port), "no", ("changed", 3)),
        (format!("@revoked * {}\n", public(&dir.path().join("ed25519"))), "no", ("revoked", 3)),
    ] {
        fs::write(&file, line).unwrap();
        let (word, code) = ours(&sshd, std::slice::from_ref(&file), strict, None);
        assert_eq!((word.as_str(), code), expected);
    }
    fs::write(sshd.path("server-keys"), "no key at all\n").unwrap();
    assert_eq!(ours(&sshd, &[file], "yes", None).1, 2);
}

#[test]
fn found_lines_are_printed_one_a_line() {
    let Some(keygen_program) = need("ssh-keygen") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    let blob = key.split(' ').nth(1).unwrap();
    let mut text = format!("# c\nweb01 {key}\n\n*.x,web* {key}\n[web01]:2222 {key}\n@revoked web01 {key}\nweb01\n");
    // Damaged, commented and marked lines: a type that is unknown, cut keys, markers with a tab or twice.
    for marker in ["", "#", "# ", "@revoked ", "@revoked\t", "@cert-authority\t", "@cert-authority ", "@unknown "] {
        for rest in
            ["", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 \r", "ssh-ed25519 # c", "ssh-ed25519 AAAA", "1024 35 12"]
        {
            text.push_str(&format!("{marker}web01 {rest}\n"));
        }
        for kind in ["ssh-none", "ab", "rsa", "ED25519-sk", "ssh-rsa-cert-v01@openssh.com", "ED25519-CERT", "SSH-RSA"] {
            text.push_str(&format!("{marker}web01\t{kind} {blob}\n"));
        }
    }
    fs::write(&path, text).unwrap();
    let at = path.display().to_string();
    // Lists with empty and negated names, markers, ports, blanks, other bytes, and names that are hashed.
    let lists = format!(
        "web01,, {key}\n ,web01 {key}\n!web01,web* {key}\nweb0?,db {key}\n[web01]:22 {key}\nweb01:22 {key}\n\"web01\" {key}\n\
         \tweb01\t{key}\r\nweb01{key}\n@revoked @revoked web01 {key}\n|1|damaged|hash {key}\n|1|| {key}\n"
    );
    let mut bytes = lists.into_bytes();
    bytes.extend([b"\xff\xfeweb01 ", key.as_bytes(), b"\nweb01 ", key.as_bytes(), b" \xff\0\n"].concat());
    let other = dir.path().join("other");
    fs::write(&other, &bytes).unwrap();
    let hashed = dir.path().join("hashed");
    fs::write(&hashed, format!("web01,db {key}\n[web01]:2222 {key}\nWEB02 {key}\n")).unwrap();
    let made = Command::new(&keygen_program).args(["-q", "-H", "-f"]).arg(&hashed).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    for at in [at, other.display().to_string(), hashed.display().to_string()] {
        for name in
            ["web01", "WEB01", "[web01]:2222", "[web01]:22", "web01:22", "db", "DB", "a.x", "web02", "WEB02", "*"]
        {
            let output = Command::new(&keygen_program).args(["-F", name, "-f", &at]).output().unwrap();
            let theirs: Vec<String> = String::from_utf8_lossy(&output.stdout)
                .lines()
                .filter_map(|line| Some(line.split_once("found: line ")?.1.split(' ').next()?.to_owned()))
                .collect();
            assert_eq!(patchwave(&["find", name, "-f", &at]), (theirs.join("\n"), 0), "{name} in {at}");
        }
    }
    assert_eq!(patchwave(&["find", "", "-f", "/dev/null"]).1, 2);
    assert_eq!(patchwave(&["find", "web01", "-f", "/absent/known_hosts"]).1, 2);
}
