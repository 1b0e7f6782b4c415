//! The commands that start a job and look at it, and what a start sends: the program to run as a shell script, then the
//! job's own file. An environment travels on standard input: a process list is open to everybody on the host.

use std::{sync::LazyLock, time::Duration};

use crate::{
    command::{Command, Exit, REMOTE_PATH, Unquotable, quote},
    mask::Secrets,
};

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
const CANCEL: &str = concat!(include_str!("../base.sh"), include_str!("works.sh"), include_str!("cancel.sh"));
static START: LazyLock<String> = LazyLock::new(|| {
    lean(concat!(
        include_str!("../base.sh"),
        include_str!("../lease/held.sh"),
        include_str!("alive.sh"),
        include_str!("works.sh"),
        include_str!("../lease/at_work.sh"),
        include_str!("look.sh"),
        include_str!("start.sh")
    ))
});
static WRAPPER: LazyLock<String> = LazyLock::new(|| lean(include_str!("wrapper.sh")));
static POLL: LazyLock<String> = LazyLock::new(|| {
    lean(concat!(
        include_str!("../base.sh"),
        include_str!("../lease/held.sh"),
        include_str!("alive.sh"),
        include_str!("look.sh"),
        include_str!("poll.sh")
    ))
});
/// The longest program that a start carries on its line, where the scripts are, too.
const LONGEST_PROGRAM: usize = 8 << 10;

/// Most bytes of output that one poll brings.
pub(super) const CHUNK: usize = 256 << 10;

/// Which job of which run is looked at, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub id: &'a str,
    /// The run whose lease the host must be; an empty one has no lease.
    pub run: &'a str,
    /// Bytes of output that are known.
    pub offset: u64,
    /// How long the host waits for the job's end.
    pub wait: Duration,
    /// How long the host gathers output before it answers with it.
    pub gather: Duration,
}

impl Look<'_> {
    fn words(&self) -> [String; 6] {
        let hundredths = |time: Duration| (time.as_millis() / 10).to_string();
        let (wait, gather) = (hundredths(self.wait), hundredths(self.gather));
        [self.id.to_owned(), self.offset.to_string(), CHUNK.to_string(), wait, gather, self.run.to_owned()]
    }

    fn command(&self, label: &'static str, script: &str, words: impl IntoIterator<Item = String>) -> Command {
        let mut command = Command::sh(label, script, self.words().into_iter().chain(words));
        // The answer comes a while after the wait.
        command.timeout = self.wait + Duration::from_secs(30);
        command.keep = CHUNK + 4096;
        command
    }
}

/// The command that claims and starts a job and looks at it; may be sent again, for the claim is taken once. With
/// `guard`, the id of one, its program does not begin once that guard has its verdict. It does not begin either unless
/// the host's lease is the run's. With `own`, how the names of the step's own jobs begin, it does not begin either
/// while another job works on the host: then, and without the lease, the lease must be asked for first. With `before`,
/// the boot of an earlier start that may have arrived (`-`: not known), it does not begin if the host may have lost
/// the job's folder since then.
pub(super) fn start(
    look: Look<'_>,
    own: &str,
    before: Option<&str>,
    spec: &JobSpec,
    guard: Option<&str>,
    secrets: &Secrets,
) -> Result<Command, Unquotable> {
    let mut program = run_file(&spec.command, guard)?;
    let script = spec.script.as_deref().unwrap_or_default();
    // Every user of the host can read the command line while the job starts, and sudo logs it. Without an environment
    // it shows no more than the program's own arguments do, but for longer: so no secret goes there. Standard input
    // costs a round trip.
    let plain = spec.command.env.is_empty() && !spec.command.argv.iter().any(|word| secrets.is_in(word));
    let on_the_line = plain && !spec.command.privileged && program.len() <= LONGEST_PROGRAM;
    let lines = if on_the_line { 0 } else { program.lines().count() };
    let mut sent = Vec::new();
    if !on_the_line {
        sent = std::mem::take(&mut program).into_bytes();
    }
    sent.extend_from_slice(script);
    let before = before.unwrap_or_default().to_owned();
    let words = [own.to_owned(), WRAPPER.clone(), program, lines.to_string(), script.len().to_string(), before];
    let command = look.command("job-start", &START, words);
    // A script of several MiB may have a slow line before it.
    let time = look.wait + Duration::from_secs(60);
    Ok(command.changing().stdin(sent).timeout(time).privileged(spec.command.privileged))
}

/// The command that looks at a job.
pub(super) fn poll(look: Look<'_>, privileged: bool) -> Command {
    look.command("job-poll", &POLL, []).privileged(privileged)
}

/// A script without what only people read. It travels with every change, and a packet more may be a round trip more.
fn lean(script: &str) -> String {
    let lines = script.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The command that makes sure that job `id` never begins if it has not yet.
pub(super) fn cancel(id: &str, privileged: bool) -> Command {
    Command::sh("job-cancel", CANCEL, [id]).changing().privileged(privileged)
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

    const LOOK: Look<'static> =
        Look { id: "R.s1.1", run: "R", offset: 0, wait: Duration::from_secs(5), gather: Duration::from_millis(200) };

    #[test]
    fn secrets_travel_on_standard_input_only() {
        let command = Command::changes("x", ["deploy", "--now"]).env("TOKEN", "s3cret");
        let mut spec = JobSpec::new("x", command);
        spec.script = Some(b"body-of-script".to_vec());
        let start = start(LOOK, "", None, &spec, None, &Secrets::default()).unwrap();
        let line = start.shell_line().unwrap();
        for hidden in ["s3cret", "body-of-script", "--now"] {
            assert!(!line.contains(hidden), "{hidden} in {line}");
        }
        let sent = String::from_utf8(start.stdin.to_vec()).unwrap();
        assert!(sent.ends_with("TOKEN=s3cret\nexport TOKEN\nexec deploy --now\nbody-of-script"), "{sent}");
    }

    #[test]
    fn a_program_stands_on_the_line_where_that_tells_no_more_than_its_arguments() {
        let secrets = Secrets::default();
        secrets.add("it's s3cret");
        let on_the_line = |command: Command| {
            let start = start(LOOK, "", None, &JobSpec::new("x", command), None, &secrets).unwrap();
            assert_eq!(start.stdin.is_empty(), start.argv.iter().any(|word| word.contains("exec deploy")));
            start.stdin.is_empty()
        };
        let deploy = |word: &str| Command::changes("x", ["deploy", word]);
        assert!(on_the_line(deploy("a")));
        assert!(!on_the_line(deploy("a").env("TOKEN", "s3cret")));
        assert!(!on_the_line(deploy("a").privileged(true)), "sudo logs its line");
        assert!(!on_the_line(deploy("--token=it's s3cret")), "a secret");
        assert!(!on_the_line(deploy(&"a".repeat(LONGEST_PROGRAM))));
    }

    #[test]
    fn what_no_program_can_receive_is_refused() {
        let spec = JobSpec::new("x", Command::changes("x", ["a\0b"]));
        assert!(start(LOOK, "", None, &spec, None, &Secrets::default()).is_err());
    }
}
