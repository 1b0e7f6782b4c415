//! Hooks: programs of the operator around the change, on the jump box or, detached, on the host. Knows how to find, run
//! and judge one; what its output means is up to its step. Start at [`run`].

use super::{
    Claim, Ended, NoEnd, StepCx,
    job::{self, JobSpec},
    kinds, sources,
};
use crate::{
    command::{Command, Output},
    event::StepResult,
    playbook::{Hook, Side, StepKind, Template},
};

/// Runs a hook, which must exit with 0; `class` is the class of its failure. In check mode it only makes sure that the
/// hook exists.
///
/// # Errors
/// The step's result: a hook that is missing, fails, or does not end in time. On the jump box a hook is killed at the
/// deadline, with every process it started (class `timeout`); on the host it is left alone and the outcome is unknown.
pub(super) async fn run(cx: &mut StepCx<'_>, hook: &Hook, class: &str) -> Result<Output, Box<StepResult>> {
    let command = prepare(cx, &hook.run)?;
    let shown = command.argv.first().cloned().unwrap_or_default();
    if cx.check {
        return Err(Box::new(StepResult::would(format!("would run {shown}"))));
    }
    let output = match cx.spec.on {
        Side::Controller => on_controller(cx, &command).await?,
        Side::Host => on_host(cx, command).await?,
    };
    if output.success() {
        return Ok(output);
    }
    Err(Box::new(StepResult::failed(class, format!("{shown} failed: {}", output.exit)).said(&output)))
}

/// A hook that changes things outside: its verdict is its exit code.
pub(super) async fn around(cx: &mut StepCx<'_>, hook: &Hook, done: &str) -> Ended {
    run(cx, hook, "hook").await?;
    Ok(StepResult::ok(done).changed(true))
}

/// Renders a command line. On the jump box its program is looked up beside the playbook.
pub(super) fn prepare(cx: &StepCx<'_>, line: &Template) -> Result<Command, Box<StepResult>> {
    let mut argv = cx.scope.render_words(line)?;
    if cx.spec.on == Side::Controller {
        find_program(cx, &mut argv)?;
    }
    Ok(with_names(cx, Command::changes("hook", argv)))
}

/// The environment of every program of the operator.
pub(super) fn with_names(cx: &StepCx<'_>, command: Command) -> Command {
    command
        .env("PATCHWAVE_RUN", cx.run.0.clone())
        .env("PATCHWAVE_HOST", cx.host.as_str())
        .env("PATCHWAVE_ADDRESS", cx.link.target().address.clone())
}

/// A name without a slash that is not beside the playbook is looked up in `PATH`.
pub(super) fn find_program(cx: &StepCx<'_>, argv: &mut [String]) -> Result<(), Box<StepResult>> {
    let Some(program) = argv.first_mut() else { return Ok(()) };
    match cx.controller.find(program) {
        Some(path) => *program = path.display().to_string(),
        None if program.contains('/') => {
            let summary = format!("{program} was not found on the jump box");
            let help = "a relative program is looked up beside the playbook, then in the folders above it";
            return Err(Box::new(StepResult::failed("missing-file", summary).help(help)));
        }
        None => {}
    }
    Ok(())
}

/// Runs a program on the jump box until the step's deadline, or continues with the one that an earlier controller
/// started.
pub(super) async fn on_controller(cx: &mut StepCx<'_>, command: &Command) -> Result<Output, Box<StepResult>> {
    if let Some(why) = cx.controller.changed(Some(&command.argv)).await {
        return Err(Box::new(StepResult::failed("file-changed", why).help(sources::PUT_BACK)));
    }
    let command = command.clone().timeout(cx.remaining());
    let kind = &cx.spec.kind;
    let claim = Claim {
        id: cx.named_attempt(command.label),
        begun: cx.resumed,
        // The start of a gate is not noted, but the programs it started are recorded.
        keeps_end: (cx.resumed || cx.gate.is_some()) && kinds::keeps_end(kind),
        once: (cx.resumed || cx.gate.is_some()) && kinds::runs_once(kind),
    };
    let changes = kinds::is_change(kind);
    let program = command.argv.first().map_or("", String::as_str);
    match cx.controller.run(&command, &claim, &mut *cx.log).await {
        Ok(hook) => Ok(hook.output),
        Err(NoEnd::Killed { left }) => Err(Box::new(killed(kind, program, &left))),
        Err(NoEnd::Unknown(why)) if changes => {
            let help = "check what it should have done, then run again with --limit @unknown";
            Err(Box::new(StepResult::unknown("interrupted", why).changed(true).help(help)))
        }
        Err(NoEnd::Failed(why) | NoEnd::Unknown(why)) => Err(Box::new(StepResult::failed("hook", why))),
    }
}

/// The result for a program that was killed at its time limit. What it had done stays done. If a process survives, it
/// goes on, and a second attempt would run beside it.
fn killed(kind: &StepKind, program: &str, left: &[String]) -> StepResult {
    let killed = format!("{program} did not end in time and was killed");
    let touches = kinds::is_change(kind) && kind.environment().is_some();
    if left.is_empty() {
        return StepResult::failed("timeout", killed).changed(touches).help("give the step a longer `timeout:`");
    }
    let summary = format!("{killed}; processes it started are still running: {}", left.join(", "));
    match kinds::is_change(kind) {
        true => StepResult::unknown("timeout", summary)
            .changed(touches)
            .help("end these processes on the jump box, check what they did, then run again with --limit @unknown"),
        false => StepResult::failed("timeout", summary).help("end these processes on the jump box before you continue"),
    }
}

async fn on_host(cx: &mut StepCx<'_>, command: Command) -> Result<Output, Box<StepResult>> {
    let spec = JobSpec::new("hook", command.privileged(cx.rights()));
    let end = job::run(cx, &spec).await?;
    Ok(Output { exit: end.exit, stdout: end.tail, stderr: Vec::new(), dropped: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Verdict,
        playbook::{CommandLine, CommandSpec},
    };

    #[test]
    fn a_killed_program_may_have_changed_something_and_a_survivor_is_not_run_beside() {
        let command = |changes| {
            let run = CommandLine::Shell(Template("x".to_owned()));
            StepKind::Command(CommandSpec { run, changes, environment: [].into(), ok_codes: vec![0] })
        };
        let drain = StepKind::Drain(Hook { run: Template("x".to_owned()) });
        let left = ["7 (x)".to_owned()];
        for (kind, left, verdict, changed) in [
            (command(true), &[][..], Verdict::Failed, true),
            (command(true), &left[..], Verdict::Unknown, true),
            (command(false), &[][..], Verdict::Failed, false),
            (command(false), &left[..], Verdict::Failed, false),
            // Its effect is not on the host.
            (drain, &[][..], Verdict::Failed, false),
        ] {
            let result = killed(&kind, "x", left);
            assert_eq!((result.verdict, result.changed), (verdict, changed), "{result:?}");
            assert!(result.class == "timeout" && result.help.is_some());
        }
    }
}
