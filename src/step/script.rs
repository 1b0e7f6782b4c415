//! `script`: a file beside the playbook, run on the host (or on the jump box) by the interpreter that its first line
//! names. It is never made executable where it lies, so that a noexec file system does not matter.

use super::{
    Ended, StepCx, hook,
    job::{self, JobSpec},
    program, remote,
};
use crate::{
    command::{Command, Output},
    event::StepResult,
    playbook::{Script, Side},
    transport::Stream,
};

/// Largest script.
const MOST: u64 = 4 << 20;
/// `$PATCHWAVE_JOB` is known on the host only. `$1`, `$2`: interpreter and its argument (or nothing).
const LAUNCH: &str = r#"i=$1; a=$2; shift 2; exec "$i" ${a:+"$a"} "$PATCHWAVE_JOB/script" "$@""#;
/// Runs a script that only looks, from a folder of its own. `$1`: first byte of the script in standard input.
const LOOK: &str = r#"umask 077
d=$(mktemp -d) || exit 1
trap 'rm -rf "$d"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$d/all" && tail -c "+$1" "$d/all" >"$d/script" || exit 1
PATCHWAVE_JOB=$d /bin/sh "$d/all" </dev/null"#;

pub(super) async fn run(cx: &mut StepCx<'_>, spec: &Script) -> Ended {
    let name = cx.scope.render(&spec.file)?;
    let path = cx.controller.find(&name).ok_or_else(|| {
        let help = "it is looked up beside the playbook, then in the folders above it";
        StepResult::failed("missing-file", format!("the script {name} was not found on the jump box")).help(help)
    })?;
    let bytes = super::files::read_agreed(cx, &name, &path, MOST).await?;
    let (interpreter, argument) = interpreter(&bytes)?;
    let args = spec.args.iter().map(|arg| cx.scope.render(arg)).collect::<Result<Vec<_>, _>>()?;
    if cx.check && spec.changes {
        return Ok(StepResult::would(format!("would run {name}")));
    }
    let output = if cx.spec.on == Side::Controller {
        let argv = [interpreter].into_iter().chain(argument).chain([path.display().to_string()]).chain(args);
        let command = program::with_environment(cx, Command::changes("script", argv), &spec.environment)?;
        hook::on_controller(cx, &hook::with_names(cx, command)).await?
    } else {
        let words = [interpreter, argument.unwrap_or_default()].into_iter().chain(args);
        let command = program::with_environment(cx, Command::sh("script", LAUNCH, words), &spec.environment)?;
        let command = command.privileged(cx.rights());
        if spec.changes {
            let job = JobSpec { name: "script".into(), command, script: Some(bytes) };
            let end = job::run(cx, &job).await?;
            Output { exit: end.exit, stdout: end.tail, stderr: Vec::new(), dropped: 0 }
        } else {
            look(cx, &command, &bytes).await?
        }
    };
    Ok(program::judge(cx, &output, &[0], spec.changes))
}

async fn look(cx: &mut StepCx<'_>, command: &Command, script: &[u8]) -> Result<Output, Box<StepResult>> {
    let mut bytes = job::program_text(command)?.into_bytes();
    let script_at = (bytes.len() + 1).to_string();
    bytes.extend_from_slice(script);
    let sent = Command::sh("script", LOOK, [script_at]).stdin(bytes).timeout(cx.remaining());
    let output = remote::read(cx, &sent.privileged(command.privileged)).await?;
    cx.log.write(Stream::Stdout, &output.stdout);
    cx.log.write(Stream::Stderr, &output.stderr);
    Ok(output)
}

/// The program of the `#!` line and its one argument, as the kernel reads it; `/bin/sh` without such a line.
fn interpreter(script: &[u8]) -> Result<(String, Option<String>), Box<StepResult>> {
    let Some(rest) = script.strip_prefix(b"#!") else { return Ok(("/bin/sh".to_owned(), None)) };
    let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
    let bad = |why: &str| Box::new(StepResult::failed("bad-command", format!("the first line of the script {why}")));
    if line.ends_with(b"\r") {
        return Err(bad("ends with a carriage return: save the file with Unix line endings"));
    }
    let line = std::str::from_utf8(line).map_err(|_| bad("is not text"))?.trim();
    let (program, argument) = match line.split_once([' ', '\t']) {
        Some((program, argument)) => (program, Some(argument.trim().to_owned())),
        None => (line, None),
    };
    if program.is_empty() {
        return Err(bad("names no interpreter"));
    }
    Ok((program.to_owned(), argument.filter(|argument| !argument.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_read_as_the_kernel_does() {
        for (script, expected) in [
            ("echo x", Some(("/bin/sh", None))),
            ("#!/bin/bash\nx", Some(("/bin/bash", None))),
            ("#! /usr/bin/env  -S python3 -u \n", Some(("/usr/bin/env", Some("-S python3 -u")))),
            ("#!\n", None),
            ("#!/bin/sh\r\n", None),
        ] {
            let read = interpreter(script.as_bytes()).ok();
            let read = read.as_ref().map(|(program, argument)| (program.as_str(), argument.as_deref()));
            assert_eq!(read, expected, "{script:?}");
        }
    }
}
