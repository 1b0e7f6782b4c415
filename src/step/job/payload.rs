//! The bytes that a job's start sends to the host: the program to run as a shell script, then the job's own file.
//! Environment and arguments travel here, on standard input: a process list is open to everybody on the host.

use crate::command::{Command, Exit, REMOTE_PATH, Unquotable, quote};

use super::JobSpec;

const PROLOGUE: &str = include_str!("prologue.sh");
/// How a job ends whose program did not begin because its guard was over.
pub(super) const OVER: Exit = Exit::Code(113);
/// This shell is seen to live by now, so that either it finds the verdict or the watchdog finds it.
const UNLESS_OVER: &str = r#"if [ -e "${PATCHWAVE_JOB%/jobs/*}/guards/$PATCHWAVE_GUARD/verdict" ]; then
    echo "the guard of this change is over: nothing was started"
    exit 113
fi
unset PATCHWAVE_GUARD
"#;
const START: &str = concat!(
    include_str!("../base.sh"),
    include_str!("../lease/held.sh"),
    include_str!("works.sh"),
    include_str!("start.sh")
);
const WRAPPER: &str = include_str!("wrapper.sh");
const POLL: &str = concat!(
    include_str!("../base.sh"),
    include_str!("../lease/held.sh"),
    include_str!("alive.sh"),
    include_str!("poll.sh")
);
const CANCEL: &str = concat!(include_str!("../base.sh"), include_str!("works.sh"), include_str!("cancel.sh"));
const ACK: &str = concat!(include_str!("../base.sh"), include_str!("ack.sh"));

/// Most bytes of output that one poll brings.
pub(super) const CHUNK: usize = 256 << 10;

/// The command that claims and starts job `id`; may be sent again, for the claim is taken once.
/// With `guard`, the id of one, its program does not begin once that guard has its verdict. It does not begin either
/// unless the host's lease is `run`'s; an empty one asks for no lease.
pub(super) fn start(id: &str, run: &str, spec: &JobSpec, guard: Option<&str>) -> Result<Command, Unquotable> {
    let mut bytes = run_file(&spec.command, guard)?.into_bytes();
    let script_at = if spec.script.is_some() { bytes.len() + 1 } else { 0 };
    bytes.extend_from_slice(spec.script.as_deref().unwrap_or_default());
    let (size, script_at) = (bytes.len().to_string(), script_at.to_string());
    Ok(Command::sh("job-start", START, [id, &size, &script_at, WRAPPER, run])
        .changing()
        .stdin(bytes)
        .privileged(spec.command.privileged))
}

/// The command that looks at job `id` and waits up to `wait` seconds for news.
pub(super) fn poll(id: &str, run: &str, privileged: bool, offset: u64, wait: u64) -> Command {
    let (offset, wait) = (offset.to_string(), wait.to_string());
    let mut command =
        Command::sh("job-poll", POLL, [id, &offset, &CHUNK.to_string(), &wait, run]).privileged(privileged);
    command.keep = CHUNK + 4096;
    command
}

/// The command that makes sure that job `id` never begins if it has not yet.
pub(super) fn cancel(id: &str, privileged: bool) -> Command {
    Command::sh("job-cancel", CANCEL, [id]).changing().privileged(privileged)
}

/// The command that marks the end of job `id` as recorded.
pub(super) fn ack(id: &str, privileged: bool) -> Command {
    Command::sh("job-ack", ACK, [id]).changing().privileged(privileged)
}

/// The shell script that becomes the program, and leaves its process id first: with a guard's folder as its argument it
/// is a rollback.
pub(in crate::step) fn run_file(command: &Command, guard: Option<&str>) -> Result<String, Unquotable> {
    let unless = guard.map(|id| format!("PATCHWAVE_GUARD={id}\n{UNLESS_OVER}")).unwrap_or_default();
    Ok(format!("{PROLOGUE}{unless}{}", program_text(command)?))
}

/// Shell text that sets a command's environment and becomes its program: for a shell's standard input, not for an
/// argument, because anybody on the host can read those.
pub(in crate::step) fn program_text(command: &Command) -> Result<String, Unquotable> {
    let mut text = format!("LC_ALL=C PATH=\"{REMOTE_PATH}\"\nexport LC_ALL PATH\n");
    for (name, value) in &command.env {
        text.push_str(&format!("{name}={}\nexport {name}\n", quote(value)?));
    }
    text.push_str("exec");
    for arg in &command.argv {
        text.push(' ');
        text.push_str(&quote(arg)?);
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_travel_on_standard_input_only() {
        let command = Command::changes("x", ["deploy", "--now"]).env("TOKEN", "s3cret");
        let mut spec = JobSpec::new("x", command);
        spec.script = Some(b"body-of-script".to_vec());
        let start = start("R.s1.1", "R", &spec, None).unwrap();
        let line = start.shell_line().unwrap();
        for hidden in ["s3cret", "body-of-script", "--now"] {
            assert!(!line.contains(hidden), "{hidden} in {line}");
        }
        let sent = String::from_utf8(start.stdin.to_vec()).unwrap();
        assert!(sent.ends_with("TOKEN=s3cret\nexport TOKEN\nexec deploy --now\nbody-of-script"), "{sent}");
    }

    #[test]
    fn what_no_program_can_receive_is_refused() {
        assert!(start("i", "", &JobSpec::new("x", Command::changes("x", ["a\0b"])), None).is_err());
    }
}
