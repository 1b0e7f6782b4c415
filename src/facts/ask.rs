//! Asks a host for its facts, in one round trip that works on every Linux host, whatever its package manager. Start at
//! [`host_facts`].

use super::HostFacts;
use crate::command::{Command, Output, Query, Unreadable, printable};

/// Prints one fact per line, then `end`. Its arguments are the programs to look for; none is started.
const SCRIPT: &str = r#"r=${PATCHWAVE_ROOT-}
for f in "$r/etc/os-release" "$r/usr/lib/os-release"; do
  if [ -r "$f" ]; then sed 's/^/os /' "$f"; break; fi
done
for t; do
  if command -v "$t" >/dev/null 2>&1; then echo "tool $t"; fi
done
echo "kernel $(uname -r)"
echo "uid $(id -u)"
b="$r/proc/sys/kernel/random/boot_id"
if [ -r "$b" ] && read -r id <"$b"; then echo "boot $id"; fi
if [ -d "$r/run/systemd/system" ]; then echo systemd; fi
if [ -r "$r/run/systemd/container" ]; then echo "container $(cat "$r/run/systemd/container")"
elif [ -e "$r/.dockerenv" ] || [ -e "$r/run/.containerenv" ]; then echo 'container container'; fi
if [ -e "$r/run/ostree-booted" ]; then echo 'readonly ostree'; fi
options=
if [ -r "$r/proc/mounts" ]; then
  while read -r _ dir _ o _; do if [ "$dir" = / ]; then options=$o; fi; done <"$r/proc/mounts"
fi
case ",$options," in *,ro,*) echo 'readonly read-only';; esac
echo end
"#;

/// Asks a host what it is, and which of these programs it has.
pub fn host_facts(programs: &[&str]) -> Query<HostFacts> {
    Query::new(Command::sh("host-facts", SCRIPT, programs.iter().copied()), read)
}

fn read(output: &Output) -> Result<HostFacts, Unreadable> {
    let text = output.text();
    let mut facts = HostFacts::default();
    let mut ended = false;
    for line in text.lines() {
        let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_end();
        match tag {
            "os" => facts.os.take(rest),
            "tool" => drop(facts.tools.insert(rest.to_owned())),
            "kernel" => facts.kernel = printable(rest),
            "uid" => facts.uid = rest.parse().ok(),
            "boot" if is_boot_id(rest) => facts.boot_id = Some(rest.to_owned()),
            "systemd" => facts.systemd = true,
            "container" => facts.container = Some(printable(rest)),
            "readonly" if facts.read_only.is_none() => facts.read_only = Some(printable(rest)),
            "end" => ended = true,
            _ => {}
        }
    }
    if !ended {
        return Err(Unreadable::new(format!("the facts are incomplete ({}): {}", output.exit, output.last_lines(1))));
    }
    if facts.os.pretty_name.is_empty() {
        facts.os.pretty_name =
            if facts.os.id.is_empty() { "an unknown system".to_owned() } else { facts.os.id.clone() };
    }
    Ok(facts)
}

/// A UUID as the kernel prints it: anything else (an error text, half a line) is not a boot id.
fn is_boot_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    fn answer(stdout: &str) -> Output {
        Output { exit: Exit::Code(0), stdout: stdout.into(), stderr: vec![], dropped: 0 }
    }

    #[test]
    fn quoted_and_bare_values_of_os_release_are_read() {
        let facts = read(&answer(
            "os PRETTY_NAME=\"Rocky Linux 9.4 (Blue Onyx)\"\nos ID='rocky'\nos ID_LIKE=\"rhel centos fedora\"\n\
             os VERSION_ID=9.4\ntool dnf\nkernel 5.14.0\nuid 0\nboot 0b2a3c4d-0000-4000-8000-0123456789ab\n\
             systemd\nreadonly ostree\nreadonly read-only\nend\n",
        ))
        .unwrap();
        assert_eq!(facts.os.id, "rocky");
        assert!(facts.os.is_like("rhel") && !facts.os.is_like("debian"));
        assert_eq!(facts.os.pretty_name, "Rocky Linux 9.4 (Blue Onyx)");
        assert!(facts.tools.contains("dnf") && facts.systemd && facts.container.is_none());
        assert_eq!((facts.uid, facts.read_only.as_deref()), (Some(0), Some("ostree")));
        assert!(facts.boot_id.is_some());
    }

    #[test]
    fn a_cut_answer_and_a_garbled_boot_id_are_not_believed() {
        assert!(read(&answer("os ID=debian\nkernel 6.1\n")).is_err());
        let facts = read(&answer("boot cat: /proc: No such file or dir\nuid x\nend\n")).unwrap();
        assert_eq!((facts.boot_id, facts.uid), (None, None));
        assert_eq!(facts.os.pretty_name, "an unknown system");
    }

    #[test]
    fn the_script_runs_in_a_shell_with_a_folder_as_host() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for (path, text) in [
            ("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            ("proc/sys/kernel/random/boot_id", "0b2a3c4d-0000-4000-8000-0123456789ab\n"),
            ("proc/mounts", "/dev/sda1 / ext4 ro,relatime 0 0\n/dev/sda1 / ext4 rw 0 0\n"),
            ("run/systemd/container", "lxc"),
        ] {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::create_dir_all(root.join("run/systemd/system")).unwrap();
        let query = host_facts(&["sh", "no-such-program"]);
        let out = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(query.command.shell_line().unwrap())
            .env("PATCHWAVE_ROOT", root)
            .output()
            .unwrap();
        let facts = query.read(&answer(&String::from_utf8(out.stdout).unwrap())).unwrap();
        assert_eq!(facts.os.pretty_name, "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(facts.container.as_deref(), Some("lxc"));
        assert!(facts.tools.iter().eq(["sh"]), "{:?}", facts.tools);
        assert!(facts.systemd && facts.boot_id.is_some() && !facts.kernel.is_empty() && facts.uid.is_some());
        assert_eq!(facts.read_only, None, "the last mount over / counts");
    }
}
