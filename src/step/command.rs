//! `command`: a line for a shell, or an argument list. One that only looks runs at once; one that changes runs
//! detached.

use super::{
    Ended, StepCx, hook,
    job::{self, JobSpec},
    program, remote,
};
use crate::{
    command::{Command, Output, Unquotable},
    event::StepResult,
    playbook::{CommandLine, CommandSpec, Side, Template},
    transport::Stream,
};

/// Linux takes 128 KiB in one argument, and quotes inside quotes make a line longer.
const LONGEST_LINE: usize = 32 << 10;

pub(super) async fn run(cx: &mut StepCx<'_>, spec: &CommandSpec) -> Ended {
    let mut argv = match &spec.run {
        CommandLine::Shell(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), cx.scope.render(line)?],
        CommandLine::Argv(words) => words.iter().map(|word| cx.scope.render(word)).collect::<Result<Vec<_>, _>>()?,
    };
    if cx.spec.on == Side::Controller && matches!(spec.run, CommandLine::Argv(_)) {
        hook::find_program(cx, &mut argv)?;
    }
    let command = program::with_environment(cx, Command::changes("command", argv), &spec.environment)?;
    if cx.check && spec.changes {
        return Ok(StepResult::would("would run the command"));
    }
    let command = command.privileged(cx.rights());
    let output = match (cx.spec.on, spec.changes) {
        (Side::Controller, _) => hook::on_controller(cx, &hook::with_names(cx, command)).await?,
        (Side::Host, true) => {
            let end = job::run(cx, &JobSpec::new("command", command)).await?;
            Output { exit: end.exit, stdout: end.tail, stderr: Vec::new(), dropped: 0 }
        }
        (Side::Host, false) => look(cx, &command).await?,
    };
    Ok(program::judge(cx, &output, &spec.ok_codes, spec.changes))
}

/// Runs the shell line of a check on the step's side: exit code 0 means yes.
pub(super) async fn check(cx: &mut StepCx<'_>, line: &Template) -> Result<Output, Box<StepResult>> {
    let command = Command::reads("check", ["/bin/sh", "-c", &cx.scope.render(line)?]);
    match cx.spec.on {
        Side::Controller => hook::on_controller(cx, &hook::with_names(cx, command)).await,
        Side::Host => {
            let command = command.privileged(cx.rights());
            look(cx, &command).await
        }
    }
}

/// Runs a command that only looks until the step's deadline, without input.
pub(super) async fn look(cx: &mut StepCx<'_>, command: &Command) -> Result<Output, Box<StepResult>> {
    let sent = carried(command)?.timeout(cx.remaining());
    let output = remote::read(cx, &sent).await?;
    cx.log.write(Stream::Stdout, &output.stdout);
    cx.log.write(Stream::Stderr, &output.stderr);
    Ok(output)
}

/// The command as it travels: on the line for the login shell, which everybody on the host may read as they may read
/// the program's own arguments; or on standard input, as a job does, where that would give away an environment or write
/// the arguments into sudo's log. Input costs a round trip more: sshd takes none before the program runs.
fn carried(command: &Command) -> Result<Command, Unquotable> {
    if command.env.is_empty() && !command.privileged {
        let line = Command::sh("command", r#"exec "$@" </dev/null"#, command.argv.clone());
        if line.shell_line()?.len() <= LONGEST_LINE {
            return Ok(line);
        }
    }
    // The shell reads the whole of the braces before it starts.
    let text = format!("{{\n{}}} </dev/null\n", job::program_text(command)?);
    Ok(Command::reads("command", ["/bin/sh", "-s"]).stdin(text).privileged(command.privileged))
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, process::Stdio};

    use super::*;

    fn on_the_line(command: Command) -> bool {
        let (word, sent) = (command.argv.last().cloned().unwrap_or_default(), carried(&command).unwrap());
        let line = sent.shell_line().unwrap();
        let text = String::from_utf8(sent.stdin.to_vec()).unwrap();
        assert_eq!(line.contains(&word), !text.contains(&word), "in one of them: {line:?} {text:?}");
        assert_eq!(sent.privileged, command.privileged);
        line.contains(&word)
    }

    #[test]
    fn a_look_needs_no_input_unless_its_line_would_tell_too_much() {
        let look = |line: &str| Command::reads("check", ["/bin/sh", "-c", line]);
        assert!(on_the_line(look("test -e /run/ready")));
        assert!(!on_the_line(look("deploy --status").env("TOKEN", "s3cret")));
        assert!(!on_the_line(look("cat /etc/shadow").privileged(true)), "sudo logs its line");
        assert!(!on_the_line(look(&"x".repeat(LONGEST_LINE))), "one argument has at most 128 KiB on Linux");
        assert!(carried(&look("a\0b")).is_err());
    }

    #[test]
    fn a_look_reads_nothing_wherever_it_travels() {
        let look = Command::reads("check", ["/bin/sh", "-c", "cat; echo \"it's $0\""]);
        for command in [look.clone(), look.env("A", "b")] {
            let sent = carried(&command).unwrap();
            let mut shell = std::process::Command::new("/bin/sh");
            shell.args(["-c", &sent.shell_line().unwrap()]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut shell = shell.spawn().unwrap();
            // A shell that is over by now reads none of it.
            let _ = shell.stdin.take().unwrap().write_all(&[&sent.stdin, &b"not for the program"[..]].concat());
            let said = shell.wait_with_output().unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), "it's /bin/sh\n");
        }
    }
}
