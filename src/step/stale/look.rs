//! Which processes use program files that are not on the disk any more: a package manager puts a new file in the place
//! of the old one, and whoever has the old one open goes on with it.

use std::time::Duration;

use crate::command::{Command, Output, Query, Unreadable, printable};

/// Only what is mapped as code counts: data files (locales, caches) are replaced without harm. Files below `/usr/local`
/// and `/opt` are not the distribution's.
/// Begins both scripts: what systemd is here, a function that says whose a process is, and the login that looks.
pub(super) const BEGIN: &str = r#"r=${PATCHWAVE_ROOT-}
[ ! -d "$r/run/systemd/system" ] || echo systemd
group_of() {
  one= group=
  while IFS= read -r line; do
    case $line in
    *:name=systemd:*) one=${line#*:name=systemd:} ;;
    0::*) group=${line#0::} ;;
    esac
  done <"$1"
  # Only one of the two hierarchies may be systemd's.
  case $group in '' | /) group=$one ;; esac
}
told() {
  d=$r/proc/$1 group= name=
  [ ! -r "$d/cgroup" ] || group_of "$d/cgroup"
  [ ! -r "$d/comm" ] || read -r name <"$d/comm"
  printf 'process %s\nin %s\nname %s\nfile %s\n' "$1" "$group" "$name" "$2"
}
if [ -r "$r/proc/self/cgroup" ]; then group_of "$r/proc/self/cgroup" && echo "own $group"; fi
code='^[^ ]+ ..x. [^ ]+ [^ ]+ [^ ]+ +(/usr/(bin|sbin|lib|lib32|lib64|libx32|libexec)/|/lib|/bin/|/sbin/)'
"#;

const LOOK: &str = r#"grep -s -H -m 1 -E "$code"'.* \(deleted\)$' "$r"/proc/[0-9]*/maps | head -n 5000 |
  while IFS= read -r found; do
    d=${found%%/maps:*}
    told "${d##*/}" "/${found#* /}"
  done 2>/dev/null
echo end"#;

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::step) struct Look {
    /// systemd is process 1.
    pub systemd: bool,
    /// The control group of the login that looked.
    pub own: String,
    /// The processes.
    pub processes: Vec<Process>,
    /// Packages and the units that they bring, where that was asked for.
    pub ships: Vec<(String, String)>,
}

/// A process that uses a replaced file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::step) struct Process {
    pub pid: u32,
    /// Its control group.
    pub group: String,
    /// Its short name.
    pub name: String,
    /// One of the files.
    pub file: String,
    /// The package that the file belongs to, where that was asked for.
    pub package: Option<String>,
}

/// Asks for them. Only root sees the processes of others.
pub(in crate::step) fn look() -> Query<Look> {
    Query::new(Command::sh("stale-look", &format!("{BEGIN}{LOOK}"), [""; 0]).timeout(Duration::from_secs(60)), read)
}

pub(super) fn read(output: &Output) -> Result<Look, Unreadable> {
    let text = output.text();
    let mut look = Look::default();
    let mut ended = false;
    for line in text.lines() {
        let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = printable(rest);
        match (tag, look.processes.last_mut()) {
            ("systemd", None) => look.systemd = true,
            ("own", None) => look.own = rest,
            ("process", _) => {
                let pid = rest.parse().map_err(|_| Unreadable::new(format!("not a process: {rest:?}")))?;
                look.processes.push(Process { pid, ..Process::default() });
            }
            ("in", Some(last)) => last.group = rest,
            ("name", Some(last)) => last.name = rest,
            ("file", Some(last)) => last.file = rest.trim_end_matches(" (deleted)").to_owned(),
            ("of", Some(last)) => last.package = Some(rest),
            ("ships", _) => look.ships.extend(rest.split_once(' ').map(|(p, unit)| (p.to_owned(), unit.to_owned()))),
            ("end", _) => ended = true,
            _ => {}
        }
    }
    if !ended {
        return Err(Unreadable::new(format!("the list of processes is cut: {}", output.last_lines(1))));
    }
    Ok(look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    #[test]
    fn a_cut_answer_is_not_a_short_one() {
        let answer =
            |text: &str| read(&Output { exit: Exit::Code(0), stdout: text.into(), stderr: Vec::new(), dropped: 0 });
        assert!(answer("systemd\nprocess 7\nin /system.slice/a.service\n").is_err());
        assert!(answer("process x\nend\n").is_err());
        let one = answer("systemd\nown /\nprocess 7\nin /a\nname end\nfile /usr/lib/x.so (deleted)\nend\n").unwrap();
        assert!(one.systemd);
        let process =
            Process { pid: 7, group: "/a".into(), name: "end".into(), file: "/usr/lib/x.so".into(), package: None };
        assert_eq!(one.processes, [process]);
    }
}
