//! Who holds the package locks of a host, whichever manager they belong to: one query for all of them, and the same
//! check for scripts that must not go on while a lock is held. Knows no manager's files; each manager brings its own
//! check.

use super::{ALL, LockHolder};
use crate::command::{Command, Output, Query, Unreadable};

/// The checks of all managers, each in its own shell, which ends its answer with the line `end`.
fn checks() -> String {
    let scripts = ALL.iter().filter_map(|manager| manager.lock_holders().command.argv.get(2).cloned());
    scripts.map(|script| format!("(\n{script}\n)\n")).collect()
}

/// Who holds a lock of any manager now.
pub fn lock_holders() -> Query<Vec<LockHolder>> {
    Query::new(Command::sh("package-locks", &checks(), [""; 0]), read)
}

fn read(output: &Output) -> Result<Vec<LockHolder>, Unreadable> {
    let text = output.text();
    let mut answers = text.split_inclusive('\n');
    let mut holders = Vec::new();
    for manager in ALL {
        let mut answer = String::new();
        for line in answers.by_ref() {
            answer.push_str(line);
            if line == "end\n" {
                break;
            }
        }
        let part = Output { stdout: answer.into_bytes(), ..output.clone() };
        holders.extend(manager.lock_holders().read(&part)?);
    }
    Ok(holders)
}

/// Shell text that ends its script if a package lock is held, with the answer that [`locked`] reads. Put it right
/// before a command that takes the host down: then nothing can begin unseen between the check and that command.
pub fn stop_if_locked() -> String {
    let check = are_locked();
    format!("{check}if packages_are_locked; then\n  printf 'locked\\n%s\\n' \"$held\"\n  exit 0\nfi")
}

/// Shell text that defines `packages_are_locked`: whether a package lock is held; `held` then has the locks that were
/// found.
pub fn are_locked() -> String {
    let lists = ALL.iter().flat_map(|manager| manager.list_locks());
    let lists: String = lists.map(|file| format!(" -e '^lock {file} '")).collect();
    format!(
        "packages_are_locked() {{\nheld=$(\n{})\nprintf '%s\\n' \"$held\" | grep '^lock ' | grep -qv -e '^$'{lists}\n}}\n",
        checks()
    )
}

/// Who held the locks, if a script with [`stop_if_locked`] ended because of them.
///
/// # Errors
/// It did, and its answer cannot be read.
pub fn locked(output: &Output) -> Result<Option<Vec<LockHolder>>, Unreadable> {
    let text = output.text();
    let Some((_, answer)) = text.split_once("locked\n").filter(|(said, _)| said.is_empty() || said.ends_with('\n'))
    else {
        return Ok(None);
    };
    read(&Output { stdout: answer.as_bytes().to_vec(), ..output.clone() }).map(Some)
}

/// True for a lock of the package lists, which a transaction does not need.
pub fn is_lists(holder: &LockHolder) -> bool {
    ALL.iter().any(|manager| manager.list_locks().contains(&holder.file.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    fn said(text: &str) -> Output {
        Output { exit: Exit::Code(0), stdout: text.into(), stderr: vec![], dropped: 0 }
    }

    #[test]
    fn a_script_that_stopped_says_who_holds_the_packages() {
        let lock = "hello\nlocked\nlock /var/lib/dpkg/lock-frontend 7 apt-get install asked\n";
        let text = format!("{lock}in /user.slice/session-3.scope\n{}", "end\n".repeat(ALL.len()));
        let holders = locked(&said(&text)).unwrap().unwrap();
        assert_eq!(holders[0].to_string(), "apt-get (pid 7)");
        assert!(holders[0].runs_in("session-3.scope") && !holders[0].runs_in("session-3"));
        assert_eq!(locked(&said("asked\n")), Ok(None));
        assert_eq!(locked(&said("blocked\nend\n")), Ok(None));
        assert!(locked(&said("locked\nlock /var/lib/dpkg/lock 7 dpkg\n")).is_err(), "cut");
    }

    #[test]
    fn the_checks_of_all_managers_are_read_part_by_part() {
        let parts = |n: usize| read(&said(&"end\n".repeat(n)));
        assert_eq!(parts(ALL.len()), Ok(Vec::new()));
        assert!(parts(ALL.len() - 1).is_err() && read(&said("")).is_err());
    }
}
