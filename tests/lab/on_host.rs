//! A package manager asked on a lab host as root, as steps ask it, and lists of packages compared.

use std::collections::BTreeSet;

use patchwave::command::{Command, Exit, Output, Query};

use crate::fleet::Lab;

/// Every package of the host, by a command that prints one with its version a line.
pub fn packages(lab: &Lab, host: &str, list: &str) -> BTreeSet<String> {
    lab.on(host, list).lines().map(str::to_owned).collect()
}

/// What came and what went, as `+bash 5-1` and `-bash 4-1`.
pub fn changed(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Vec<String> {
    let came = after.difference(before).map(|one| format!("+{one}"));
    came.chain(before.difference(after).map(|one| format!("-{one}"))).collect()
}

/// A shell script that makes a flat source of Debian packages on the host, with versions 1.0 and 2.0 of `package`, and
/// installs 1.0. `release` begins its `Release` file, `of_newer` is a line that its list has about 2.0.
pub fn flat_source(package: &str, release: &str, of_newer: &str) -> String {
    format!(
        r#"set -e
mkdir -p /srv/{package} /tmp/{package}/DEBIAN /etc/apt/sources.list.d
cd /srv/{package}
for version in 1.0 2.0; do
  printf 'Package: {package}\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n' "$version" >/tmp/{package}/DEBIAN/control
  dpkg-deb -b /tmp/{package} "{package}_$version.deb"
done
dpkg -i {package}_1.0.deb
f={package}_2.0.deb
{{ dpkg-deb -f $f; printf '{of_newer}'; echo "Filename: ./$f"; echo "Size: $(stat -c %s $f)"; echo "SHA256: $(sha256sum $f | cut -d' ' -f1)"; }} >Packages
{{ printf '{release}\nDate: %s\nSHA256:\n' "$(date -Ru)"; echo " $(sha256sum Packages | cut -d' ' -f1) $(stat -c %s Packages) Packages"; }} >Release
echo 'deb [trusted=yes] file:/srv/{package} ./' >/etc/apt/sources.list.d/{package}.list
"#
    )
}

/// A command of the manager, as root on the host.
pub fn go(lab: &Lab, host: &str, command: &Command) -> Output {
    lab.put(host, "/root/ask", command.shell_line().expect("no NUL").as_bytes());
    lab.put(host, "/root/sent", &command.stdin);
    let said = lab.on(host, "sh /root/ask </root/sent >/root/out 2>/root/err; echo $?");
    let file = |name: &str| lab.on(host, &format!("cat /root/{name}")).into_bytes();
    let mut stdout = file("out");
    stdout.push(b'\n');
    Output { exit: Exit::Code(said.parse().expect("a number")), stdout, stderr: file("err"), dropped: 0 }
}

/// A question to the manager, as root on the host.
pub fn ask<T>(lab: &Lab, host: &str, query: &Query<T>) -> T {
    let output = go(lab, host, &query.command);
    query.read(&output).unwrap_or_else(|error| panic!("{host}: {error}: {}", String::from_utf8_lossy(&output.stderr)))
}
