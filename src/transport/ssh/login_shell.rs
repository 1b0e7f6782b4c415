//! The command line for any login shell: `exec /bin/sh -c '…'`, quoted so that POSIX shells, fish, csh and tcsh all
//! read it alike. That /bin/sh checks its arguments, prints two markers, and becomes the command.
//! Knows nothing of the host's output: that is `output_marker`. Start at [`line`].

use crate::command::{REMOTE_PATH, Unquotable, quote_for_any_shell};

/// Printed after the markers by a /bin/sh whose arguments are not those that were sent.
pub(super) const MANGLED: &str = "-mangled";
/// Printed after the markers by a /bin/sh whose output is redirected, or whose two streams are merged.
pub(super) const REDIRECTED: &str = "-redirected";

/// The line that runs `words`. It keeps the halves apart, so that a shell that repeats the line (an error, a trace)
/// does not print the markers. These are the first and then the second half on standard output, and the reverse on
/// standard error.
pub(super) fn line(halves: &[String; 2], words: &[String]) -> Result<String, Unquotable> {
    let newline = newline_substitute(words);
    let sent: Vec<String> =
        halves.iter().cloned().chain(words.iter().map(|word| word.replace('\n', &newline))).collect();
    let mut line = format!("exec /bin/sh -c {} sh", quote_for_any_shell(&script(&sent, &newline))?);
    for word in &sent {
        line.push(' ');
        line.push_str(&quote_for_any_shell(word)?);
    }
    Ok(line)
}

/// What /bin/sh does first. Builtins only: a fork for each command on each host would be too slow. It contains no `'`,
/// `!` or backslash, so that it needs no more quoting.
fn script(sent: &[String], newline: &str) -> String {
    // A shell that reads the quotes in its own way loses or adds characters. Some shells count bytes, some characters.
    let all = sent.join(" ");
    let (bytes, characters) = (all.len(), all.chars().count());
    let lengths = if bytes == characters { bytes.to_string() } else { format!("{bytes}|{characters}") };
    // bash, where it is /bin/sh, takes functions from the environment and passes them on to the command. IFS is never
    // taken from there: its third character is a newline, and each word is on a line of its own, even after an
    // unfinished one.
    let mut script = format!(
        "unset -f echo printf read test;n=${{IFS#??}} s=\"$*\" v=;LC_ALL=C PATH=\"{REMOTE_PATH}\";export LC_ALL PATH;\
         case ${{#s}} in {lengths});;*)v={MANGLED};esac;\
         [ -f /dev/fd/1 -o -c /dev/fd/1 -o -f /dev/fd/2 -o -c /dev/fd/2 -o /dev/fd/1 -ef /dev/fd/2 ]&&v={REDIRECTED};\
         echo \"$n$1$2$v\"&&echo \"$n$2$1$v\">&2&&[ -z \"$v\" ]||exit 125;shift 2;"
    );
    if sent.iter().any(|word| word.contains(newline)) {
        script += &format!(
            "for a do shift;b=;while :;do case $a in *{newline}*)b=$b${{a%%{newline}*}}$n a=${{a#*{newline}}};;\
             *)break;esac;done;set -- \"$@\" \"$b$a\";done;"
        );
    }
    script + "exec \"$@\""
}

/// The replacement for a newline, which csh does not accept even in quotes: a text that is in none of the words.
fn newline_substitute(words: &[String]) -> String {
    let taken = |text: &String| words.iter().any(|word| word.contains(text.as_str()));
    (0_u32..).map(|n| format!(",{n},")).find(|text| !taken(text)).expect("words are finite")
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output, Stdio};

    use super::*;

    /// The kinds of login shells there are. bash and dash are everywhere; missing ones are reported.
    const SHELLS: [&str; 6] = ["bash", "dash", "zsh", "fish", "tcsh", "csh"];

    fn halves() -> [String; 2] {
        ["0123abcd".to_owned(), "4567efab".to_owned()]
    }

    fn through(shell: &str, line: &str) -> Option<Output> {
        let output = Command::new(shell)
            .args(["-c", line])
            .stdin(Stdio::null())
            .env("HOME", "/nonexistent")
            .env_remove("PATCHWAVE_ROOT")
            .output();
        if output.is_err() {
            eprintln!("NOT RUN: {shell} is not installed");
        }
        output.ok()
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Every word comes through every shell unchanged, after our markers, and with the right exit code.
    fn check(arguments: &[String]) {
        let mut sent = words(&["/bin/sh", "-c", "printf '<%s>' \"$@\"; exit 3", "sh"]);
        sent.extend_from_slice(arguments);
        let line = line(&halves(), &sent).unwrap();
        let wanted: String = arguments.iter().map(|word| format!("<{word}>")).collect();
        for shell in SHELLS {
            let Some(output) = through(shell, &line) else { continue };
            let said = String::from_utf8_lossy(&output.stdout);
            assert_eq!(said, format!("\n0123abcd4567efab\n{wanted}"), "{shell}: {line}");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "\n4567efab0123abcd\n", "{shell}: {line}");
            assert_eq!(output.status.code(), Some(3), "{shell}: {line}");
        }
    }

    #[test]
    fn every_login_shell_passes_every_word_on() {
        check(&words(&[
            "", " ", "a b", "it's", "!", "!!", "a!b", "\\", "\\\\", "\\'", "\\!", "'\\''", "$HOME", "`id`",
        ]));
        check(&words(&["\n", "\n\n", "a\nb\n", "\\\n", "!\n", ",0,", ",0,\n,1,", "{a,b}", "~", "=ls", "%1", "#", "*"]));
        check(&words(&["-n", "--", "a;b", "&", "|", "<", ">", "^", "[x]", "(y)", "\t", "\"", "Grüße €", "\u{1f}"]));
        let mut random = fastrand::Rng::with_seed(8);
        let characters: Vec<char> = "'\\!\"$`{}[]()*?~^#&|;<>@:=%,- \tabn01ü€\n".chars().collect();
        for _ in 0..12 {
            let mut word = || (0..random.usize(0..14)).map(|_| characters[random.usize(..characters.len())]).collect();
            check(&(0..12).map(|_| word()).collect::<Vec<String>>());
        }
    }

    #[test]
    fn a_line_that_is_repeated_says_none_of_the_words() {
        let line = line(&halves(), &words(&["true"])).unwrap();
        assert!(!line.contains("0123abcd4567efab") && !line.contains("4567efab0123abcd"), "{line}");
        assert!(line.len() < 520, "{} bytes before the command: {line}", line.len());
    }

    #[test]
    fn what_came_through_otherwise_is_not_run() {
        let line = line(&halves(), &words(&["echo", "it's", "ran"])).unwrap();
        for (from, to) in [(r"\'", ""), (" ran", ""), (" ran", " r an"), (" echo", " echo -n")] {
            let output = through("sh", &line.replacen(from, to, usize::from(from != r"\'") + 9)).unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!((said.as_str(), output.status.code()), ("\n0123abcd4567efab-mangled\n", Some(125)), "{to}");
        }
    }

    #[test]
    fn nothing_is_run_whose_output_goes_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("ran");
        let line = line(&halves(), &words(&["touch", mark.to_str().unwrap()])).unwrap();
        for (before, stdout, stderr) in [
            ("exec 2>&1", "\n0123abcd4567efab-redirected\n\n4567efab0123abcd-redirected\n", ""),
            ("exec >&2", "", "\n0123abcd4567efab-redirected\n\n4567efab0123abcd-redirected\n"),
            ("exec >/dev/null", "", "\n4567efab0123abcd-redirected\n"),
            ("exec 2>/dev/null", "\n0123abcd4567efab-redirected\n", ""),
            ("exec 2>'DIR/log'", "\n0123abcd4567efab-redirected\n", ""),
        ] {
            let before = before.replace("DIR", folder.path().to_str().unwrap());
            let output = through("bash", &format!("{before}; {line}")).unwrap();
            let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(said, [stdout, stderr], "{before}");
            assert_eq!((output.status.code(), mark.exists()), (Some(125), false), "{before}");
        }
        let closed = through("bash", &format!("exec >&-; {line}")).unwrap();
        assert_eq!((closed.status.code(), mark.exists()), (Some(125), false));
    }

    #[test]
    fn functions_traps_and_traces_of_the_login_shell_do_not_reach_the_command() {
        let line = line(&halves(), &words(&["/bin/sh", "-c", "echo out; exit 3"])).unwrap();
        for before in [
            "set -x",
            "trap 'echo bye; exit 0' EXIT",
            "trap 'echo debug' DEBUG",
            "echo() { :; }; printf() { :; }; export -f echo printf",
            "alias exec=echo",
        ] {
            let output = through("bash", &format!("{before}\n{line}")).unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.ends_with("\n0123abcd4567efab\nout\n"), "{before}: {said}");
            assert_eq!(output.status.code(), Some(3), "{before}");
        }
        // The same where bash is /bin/sh, and so takes functions from the environment.
        let line = super::line(&halves(), &words(&["bash", "--posix", "-c", "echo out"])).unwrap();
        let bash = line.replacen("/bin/sh -c", "bash --posix -c", 1);
        let output = through("bash", &format!("echo() {{ :; }}; export -f echo; {bash}")).unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "\n0123abcd4567efab\nout\n");
    }
}
