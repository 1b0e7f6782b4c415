//! `command`: a line for a shell, or an argument list. One that only looks runs at once; one that changes runs detached.

use super::{
    Ended, StepCx, hook,
    job::{self, JobSpec},
    program, remote,
};
use crate::{
    command::{Command, Output},
    event::StepResult,
    playbook::{CommandLine, CommandSpec, Side, Template},
    transport::Stream,
};

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
        return Ok(StepResult::skipped("would run the command"));
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

/// Runs a command that only looks until the step's deadline. It travels on standard input, as a job does: neither its
/// environment nor its arguments stand in the host's process list before it starts.
pub(super) async fn look(cx: &mut StepCx<'_>, command: &Command) -> Result<Output, Box<StepResult>> {
    // The shell reads the whole of the braces before it starts.
    let text = format!("{{\n{}}} </dev/null\n", job::program_text(command)?);
    let mut sent = Command::reads("command", ["/bin/sh", "-s"]).stdin(text).timeout(cx.remaining());
    sent.privileged = command.privileged;
    let output = remote::read(cx, &sent).await?;
    cx.log.write(Stream::Stdout, &output.stdout);
    cx.log.write(Stream::Stderr, &output.stderr);
    Ok(output)
}
