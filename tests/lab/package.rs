//! The Debian package: made from the binary that these tests use, installed on a fresh Debian, tried, and purged.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::fleet::Lab;

const H: &str = "h1";

/// Packs the binary into `folder`; returns the package.
fn packed(folder: &Path) -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/build");
    let mut build = Command::new(script);
    let output = build.args(["--binary", env!("CARGO_BIN_EXE_patchwave")]).arg(folder).output().expect("bash");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().into()
}

/// The oldest release whose C library this binary can use.
fn release() -> Option<&'static str> {
    let said = Command::new("ldd").arg("--version").output().ok()?.stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let minor: u32 = said.lines().next()?.rsplit('.').next()?.trim().parse().ok()?;
    match minor {
        ..=36 => Some("bookworm"),
        37..=41 => Some("trixie"),
        _ => None,
    }
}

/// All files, except for those that programs of the system write by themselves.
fn files(lab: &Lab) -> BTreeSet<String> {
    let list = "find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /tmp -o -path /srv \
                -o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/apt \
                -o -path /var/lib/systemd \\) -prune -o -print";
    lab.on(H, list).lines().map(str::to_owned).collect()
}

#[test]
fn the_package_is_installed_tried_and_purged() {
    let Some(release) = release() else {
        eprintln!("NOT RUN: the package: no release of the lab has a C library as new as this machine's");
        return;
    };
    let suites = if release == "bookworm" { String::new() } else { format!("{release}={H}") };
    let Some(lab) = Lab::up_of(1, "", &suites) else { return };
    let package = packed(&lab.folder().join("one"));
    let again = packed(&lab.folder().join("two"));
    let bytes = fs::read(&package).expect("the package");
    assert!(bytes == fs::read(again).expect("the package"), "the same commit gives another package");
    match Command::new("lintian").args(["--allow-root", "--fail-on", "error,warning"]).arg(&package).output() {
        Ok(said) => assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout)),
        Err(_) => eprintln!("NOT RUN: lintian is not installed"),
    }

    let before = files(&lab);
    lab.put(H, "/root/patchwave.deb", &bytes);
    lab.on(H, "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /root/patchwave.deb 2>&1");
    let user = |script: &str| {
        lab.put(H, "/root/script", format!("cd ~ || exit\n{script}\n").as_bytes());
        lab.on(H, "chmod 644 /root/script; cp /root/script /tmp/script; su - ops -c 'sh -e /tmp/script' 2>&1")
    };

    let version = format!("patchwave {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(user("patchwave --version"), version);
    let demo = user("patchwave demo --hosts 3");
    assert!(demo.contains("1 failed") && demo.contains("Every simulated host is patched"), "{demo}");

    for page in ["patchwave", "patchwave-run", "patchwave-ledger-verify"] {
        let text = user(&format!("MANPAGER=cat man {page}"));
        assert!(text.contains("NAME") && text.contains(page), "{text}");
    }

    // The example project plans, and its hosts are completed.
    user("cp -R /usr/share/doc/patchwave/examples/project patching");
    let plan = user("cd patching; patchwave plan playbooks/patch.yml");
    assert!(plan.contains("11 hosts in 3 stages"), "{plan}");
    let bash = "cd patching\ncat >/tmp/ask <<'E'\n. /usr/share/bash-completion/completions/patchwave\n\
                set -- $(complete -p patchwave); while [ \"$1\" != -F ]; do shift; done\n\
                COMP_WORDS=(patchwave exec web0) COMP_CWORD=2 COMP_TYPE=9\n\
                \"$2\" patchwave web0 exec\nprintf '%s\\n' \"${COMPREPLY[@]}\"\nE\nbash /tmp/ask";
    // fish finds its own file, as it does for a person.
    let fish = "cd patching; fish -c 'complete -C \"patchwave exec web0\"'";
    for (shell, said) in [("bash", user(bash)), ("fish", user(fish))] {
        let hosts: Vec<&str> = said.lines().filter(|line| line.starts_with("web0")).collect();
        assert_eq!(hosts.len(), 8, "{shell}: {said}");
        assert!(hosts[0].starts_with("web01.example.com"), "{shell}: {said}");
    }
    assert!(lab.on(H, "head -n1 /usr/share/zsh/vendor-completions/_patchwave").starts_with("#compdef patchwave"));

    // A run leaves its record. No host of the example exists.
    let run = user("cd patching; patchwave run playbooks/patch.yml --limit staging --yes || echo \"code $?\"");
    assert!(run.contains("code 5") && run.contains("1 unreachable"), "{run}");
    lab.on(H, "DEBIAN_FRONTEND=noninteractive apt-get purge -y patchwave 2>&1");
    lab.on(H, "! command -v patchwave && ! dpkg -s patchwave 2>/dev/null && rm /root/patchwave.deb /root/script");
    let left: Vec<String> = files(&lab).difference(&before).cloned().collect();
    let own = |path: &&String| path.starts_with("/home/ops");
    let foreign: Vec<&String> = left.iter().filter(|path| !own(path)).collect();
    assert!(foreign.is_empty(), "left behind: {foreign:?}");
    assert!(left.iter().any(|path| path.ends_with(".local/state/patchwave/ledger.db")), "{left:?}");
    assert!(left.iter().any(|path| path == "/home/ops/patching/patchwave.yml"), "{left:?}");
}
