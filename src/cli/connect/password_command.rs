//! Passwords from a command that the operator names. It runs once, on this machine, with a deadline. Its output reaches
//! no log and no error.

use std::time::Duration;

use secrecy::SecretString;
use zeroize::Zeroize as _;

use crate::{
    cli::{Failure, World, connect::runtime::runtime},
    command::Command,
    step::JumpBox,
    transport::NoSink,
};

/// A password manager may wait for a touch, or ask in its own window.
const LIMIT: Duration = Duration::from_secs(60);
/// The longest password.
const LONGEST: usize = 4 << 10;

/// The password that `line` prints; `option` names it in errors.
pub(in crate::cli) fn by_command(line: &str, option: &str, world: &World) -> Result<SecretString, Failure> {
    let mut command = Command::sh("password", line, [""; 0]).timeout(LIMIT);
    command.keep = LONGEST;
    let jump_box = JumpBox::new(world.folder.clone(), world.folder.clone());
    let ran = runtime()?.block_on(async { jump_box.run_piped(&command, &mut NoSink).await });
    let refused = |why: String| Failure::refused(format!("{option} gave no password: {why}"));
    let mut output = ran.map_err(|no_end| refused(no_end.to_string()))?.output;
    let ended = (!output.success()).then(|| output.exit.to_string());
    let whole = output.dropped == 0;
    let text = String::from_utf8(std::mem::take(&mut output.stdout));
    // Standard error is dropped: the password may be in it too.
    output.stderr.zeroize();
    match (ended, text) {
        (Some(exit), _) => Err(refused(format!("the command ended with {exit}"))),
        (None, Err(_)) => Err(refused("the command printed no text".to_owned())),
        (None, Ok(_)) if !whole => Err(refused(format!("the command printed more than {LONGEST} bytes"))),
        (None, Ok(mut text)) => {
            let password = SecretString::from(text.trim_end_matches(['\n', '\r']).to_owned());
            let empty = text.trim().is_empty();
            text.zeroize();
            if empty { Err(refused("the command printed nothing".to_owned())) } else { Ok(password) }
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_password_is_what_is_printed_and_is_never_shown() {
        let world = World::real();
        let check = |line: &str, expected: Result<&str, &str>| match (by_command(line, "--x", &world), expected) {
            (Ok(password), Ok(expected)) => assert_eq!(password.expose_secret(), expected, "{line}"),
            (Err(failure), Err(part)) => {
                let told = failure.to_string();
                assert!(told.contains(part) && told.contains("--x") && !told.contains("s3cret"), "{told}");
            }
            (got, _) => panic!("{line}: {:?}", got.map(|_| ())),
        };
        check("echo s3cret", Ok("s3cret"));
        check("printf ' with blanks \\r\\n'", Ok(" with blanks "));
        check("echo s3cret; echo s3cret >&2; exit 4", Err("exit code 4"));
        check("true", Err("printed nothing"));
        check("printf 's3cret\\377'", Err("no text"));
        check("yes s3cret | head -c 5000", Err("more than 4096 bytes"));
    }
}
