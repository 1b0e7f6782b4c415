//! Several commands that only look, in one: a shell runs them one after the other and says after each, on both streams,
//! that it is over. It knows nothing of what they say. Start at [`Together`].

use std::time::Duration;

use super::{
    super::{ExecError, NoSink},
    session::SshSession,
};
use crate::command::{Command, Exit, Output, Unquotable, quote};

/// Commands that are sent as one.
pub(super) struct Together {
    pub(super) command: Command,
    /// Said after each of them. The line keeps its halves apart, so that nothing that repeats the line says it.
    mark: String,
    keeps: Vec<usize>,
}

impl Together {
    /// Joins commands that have no input and need the same rights.
    pub(super) fn new(commands: &[&Command]) -> Result<Self, Unquotable> {
        let halves = [(); 2].map(|()| format!("{:016x}", fastrand::u64(..)));
        let mut script = "m=$1$2\n".to_owned();
        for command in commands {
            script.push_str("(exec");
            for word in command.words() {
                script.push(' ');
                script.push_str(&quote(&word)?);
            }
            script.push_str(") </dev/null\nprintf '\\n%s %s\\n' \"$m\" \"$?\"\nprintf '\\n%s\\n' \"$m\" >&2\n");
        }
        let mark = halves.concat();
        let longest = commands.iter().map(|command| command.timeout).max().unwrap_or(Duration::ZERO);
        let privileged = commands.iter().any(|command| command.privileged);
        let mut command = Command::sh("together", &script, halves).timeout(longest).privileged(privileged);
        command.keep = commands.iter().map(|command| command.keep + 256).sum();
        Ok(Self { command, mark, keeps: commands.iter().map(|command| command.keep).collect() })
    }

    /// The output of each; fewer where the shell did not come to the end.
    pub(super) fn split(&self, output: &Output) -> Vec<Output> {
        let (mut out, mut err) = (output.stdout.as_slice(), output.stderr.as_slice());
        let (out_mark, err_mark) = (format!("\n{} ", self.mark), format!("\n{}\n", self.mark));
        let mut outputs = Vec::new();
        for keep in &self.keeps {
            let Some((stdout, rest)) = cut(out, &out_mark) else { break };
            let Some((stderr, err_rest)) = cut(err, &err_mark) else { break };
            let Some((code, out_rest)) = cut(rest, "\n") else { break };
            let Some(code) = std::str::from_utf8(code).ok().and_then(|code| code.parse().ok()) else { break };
            let mut dropped = 0;
            let mut kept = |bytes: &[u8]| {
                dropped += bytes.len().saturating_sub(*keep) as u64;
                bytes[..bytes.len().min(*keep)].to_vec()
            };
            let (stdout, stderr) = (kept(stdout), kept(stderr));
            outputs.push(Output { exit: Exit::Code(code), stdout, stderr, dropped });
            (out, err) = (out_rest, err_rest);
        }
        outputs
    }
}

impl SshSession {
    /// Runs commands with the same rights as one each.
    pub(super) async fn run_all(&mut self, commands: &[Command]) -> Result<Vec<Output>, ExecError> {
        let mut outputs: Vec<Option<Output>> = vec![None; commands.len()];
        for raised in [true, false] {
            let these: Vec<usize> =
                (0..commands.len()).filter(|n| self.needs_elevation(&commands[*n]) == raised).collect();
            let joined: Vec<&Command> = these.iter().map(|n| &commands[*n]).collect();
            let Ok(together) = Together::new(&joined) else { continue };
            if these.is_empty() {
                continue;
            }
            let output = self.run(&together.command, &mut NoSink).await?;
            for (n, output) in these.into_iter().zip(together.split(&output)) {
                outputs[n] = Some(output);
            }
        }
        Ok(outputs.into_iter().map_while(|output| output).collect())
    }
}

/// The bytes before and after the first `mark`.
fn cut<'a>(bytes: &'a [u8], mark: &str) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark.as_bytes())?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(together: &Together) -> Output {
        let line = together.command.shell_line().unwrap();
        let said = std::process::Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
        Output { exit: Exit::Code(0), stdout: said.stdout, stderr: said.stderr, dropped: 0 }
    }

    fn sh(script: &str, args: &[&str]) -> Command {
        Command::sh("x", script, args.iter().copied())
    }

    #[test]
    fn each_answers_as_if_it_were_alone() {
        let commands = [
            sh("echo one; echo bad >&2; exit 3", &[]),
            sh("printf 'no end\n\nit'\\''s %s' \"$1\"; cat", &["a 'b' $c"]),
            sh("exit 0", &[]),
            sh("ps -ef; set; cat /proc/$$/cmdline; kill -9 $$", &[]).env("A", "b c"),
            sh("head -c 100 /dev/zero", &[]),
            Command::reads("x", ["/nowhere/program"]),
        ];
        let mut short = commands[4].clone();
        short.keep = 10;
        let [one, two, three, four, _, six] = &commands;
        let together = Together::new(&[one, two, three, four, &short, six]).unwrap();
        let outputs = together.split(&said(&together));
        assert_eq!(outputs.len(), 6);
        let codes: Vec<&Exit> = outputs.iter().map(|output| &output.exit).collect();
        assert_eq!(codes, [3, 0, 0, 137, 0, 127].map(Exit::Code).iter().collect::<Vec<_>>());
        assert_eq!((outputs[0].text().as_str(), outputs[0].stderr.as_slice()), ("one\n", &b"bad\n"[..]));
        assert_eq!(outputs[1].text(), "no end\n\nit's a 'b' $c");
        assert_eq!((outputs[2].text().as_str(), outputs[2].stderr.as_slice()), ("", &b""[..]));
        assert!(outputs[3].text().contains("A=b c") || outputs[3].text().contains("A='b c'"));
        assert_eq!((outputs[4].stdout.len(), outputs[4].dropped), (10, 90));
        assert!(!outputs[5].stderr.is_empty());
    }

    #[test]
    fn what_was_cut_answers_for_what_had_ended() {
        let together = Together::new(&[&sh("echo one", &[]), &sh("echo two", &[])]).unwrap();
        let whole = said(&together);
        for end in 0..whole.stdout.len() {
            let cut = Output { stdout: whole.stdout[..end].to_vec(), ..whole.clone() };
            for (output, text) in together.split(&cut).iter().zip(["one\n", "two\n"]) {
                assert_eq!(output.text(), text);
            }
        }
        assert!(together.split(&Output { stdout: b"\xff\n".to_vec(), ..whole }).is_empty());
    }
}
