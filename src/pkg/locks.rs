//! Who holds the locks of a host's packages, whichever manager they belong to: one question for all of them, and the
//! same look for scripts that must not go on while somebody does. Knows no file of any manager; each says how it looks.

use super::{ALL, LockHolder};
use crate::command::{Command, Output, Query, Unreadable};

/// The looks of all managers, each in a shell of its own that ends its answer with the line `end`.
fn look() -> String {
    let looks = ALL.iter().filter_map(|manager| manager.lock_holders().command.argv.get(2).cloned());
    looks.map(|script| format!("(\n{script}\n)\n")).collect()
}

/// Who holds a lock of any manager just now.
pub fn lock_holders() -> Query<Vec<LockHolder>> {
    Query::new(Command::sh("package-locks", &look(), [""; 0]), read)
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

/// Shell text that ends its script where somebody holds the packages, with the answer that [`locked`] reads. Put in
/// front of what takes the host away, nothing can begin unseen between the look and the act.
pub fn stop_if_locked() -> String {
    let look = are_locked();
    format!("{look}if packages_are_locked; then\n  printf 'locked\\n%s\\n' \"$held\"\n  exit 0\nfi")
}

/// Shell text that defines `packages_are_locked`: whether somebody holds the packages; `held` is then what was seen.
pub fn are_locked() -> String {
    let lists = ALL.iter().flat_map(|manager| manager.list_locks());
    let lists: String = lists.map(|file| format!(" -e '^lock {file} '")).collect();
    format!(
        "packages_are_locked() {{\nheld=$(\n{})\nprintf '%s\\n' \"$held\" | grep '^lock ' | grep -qv -e '^$'{lists}\n}}\n",
        look()
    )
}

/// Who held the packages, if a script with [`stop_if_locked`] ended for it.
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
    fn the_look_of_all_managers_is_read_part_by_part() {
        let parts = |n: usize| read(&said(&"end\n".repeat(n)));
        assert_eq!(parts(ALL.len()), Ok(Vec::new()));
        assert!(parts(ALL.len() - 1).is_err() && read(&said("")).is_err());
    }
}
