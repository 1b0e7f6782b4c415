//! Processes that hold the lock files of a package manager: the check of a host, which needs no `fuser`, and its
//! reader. Knows no manager's files. Start at [`script`].

use super::{
    LockHolder,
    answer::{before_end, tagged},
};
use crate::command::{Output, Unreadable, printable};

const SCRIPT: &str = r#"r=${PATCHWAVE_ROOT-}
for f in FILES; do
  if [ ! -e "$r$f" ] || [ ! -r "$r/proc/locks" ]; then continue; fi
  inode=$(stat -c %i "$r$f")
  while read -r _ kind _ _ pid where _; do
    if [ "$kind" != KIND ] || [ "${where##*:}" != "$inode" ]; then continue; fi
    seen= hit=
    for fd in "$r/proc/$pid/fd"/*; do
      if [ -e "$fd" ]; then seen=1; fi
      if [ "$fd" -ef "$r$f" ]; then hit=1; fi
    done
    # The same inode number on another file system is another file; without a look at its files, believe the number.
    if [ -n "$seen" ] && [ -z "$hit" ]; then continue; fi
    echo "lock $f $pid $(tr '\0\n' '  ' 2>/dev/null <"$r/proc/$pid/cmdline")"
    sed -n -e 's/^[0-9]*:name=systemd:/in /p' -e 's/^0::/in /p' "$r/proc/$pid/cgroup"
  done <"$r/proc/locks"
done 2>/dev/null
"#;

/// Shell text that prints who holds a lock on one of these files. A whole script ends with the line `end`.
pub(super) fn script(files: &[&str]) -> String {
    script_for("POSIX", files)
}

/// The same for locks of another kind, in the word of `/proc/locks`: `FLOCK`.
pub(super) fn script_for(kind: &str, files: &[&str]) -> String {
    SCRIPT.replace("KIND", kind).replace("FILES", &files.join(" "))
}

/// Reads the answer of a script that ends with the line `end`.
///
/// # Errors
/// It is incomplete, or names a process that is not a number.
pub(super) fn read(output: &Output) -> Result<Vec<LockHolder>, Unreadable> {
    let mut holders: Vec<LockHolder> = Vec::new();
    for line in before_end(output, "end")? {
        match tagged(&line) {
            ("lock", rest) => {
                let (file, rest) = tagged(rest);
                let (pid, words) = tagged(rest);
                let pid = pid.parse().map_err(|_| Unreadable::new(format!("not a process: {}", printable(rest))))?;
                holders.push(LockHolder { file: file.to_owned(), pid, program: program(words), group: String::new() });
            }
            // A host with both versions of control groups prints two lines, one of them with `/`.
            ("in", group) if group != "/" => {
                if let Some(last) = holders.last_mut() {
                    last.group = printable(group);
                }
            }
            _ => {}
        }
    }
    Ok(holders)
}

/// Whether a unit is more than a service. Stopping such a unit stops much else: a mount takes the disk away, a slice or
/// a target the session of the person who installs something.
pub(super) fn carries_a_session(unit: &str) -> bool {
    [".mount", ".slice", ".scope", ".target"].iter().any(|end| unit.ends_with(end)) || unit.starts_with("user@")
}

/// The name by which people know a process: `unattended-upgrade`, not `python3`.
fn program(words: &str) -> String {
    const INTERPRETERS: [&str; 6] = ["python", "perl", "sh", "bash", "dash", "env"];
    let base = |word: &str| printable(word.rsplit('/').next().unwrap_or(word));
    let mut named = words.split(' ').filter(|word| !word.is_empty());
    let Some(first) = named.next().map(base) else { return String::new() };
    let bare = first.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !INTERPRETERS.contains(&bare) {
        return first;
    }
    named.find(|word| !word.starts_with('-')).map_or(first, base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_is_not_the_program() {
        for (words, expected) in [
            ("/usr/bin/python3 /usr/bin/unattended-upgrade --download-only ", "unattended-upgrade"),
            ("/usr/bin/python3.11 -u /usr/bin/x.py", "x.py"),
            ("apt-get update", "apt-get"),
            ("/bin/sh /usr/lib/apt/apt.systemd.daily install", "apt.systemd.daily"),
            ("python3", "python3"),
            ("", ""),
        ] {
            assert_eq!(program(words), expected);
        }
    }
}
