//! The connection options as words: hints and a resume need the ones that a run was started with. A password is asked
//! for again. A command that prints one is never recorded, only that there was one.

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::{
    cli::{
        Failure, World,
        args::{ConnectArgs, HostKeys},
    },
    reach::options::{self, Given, recorded, typed},
};

/// Only the connection options.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Alone {
    #[command(flatten)]
    connect: ConnectArgs,
}

fn read(words: &[String]) -> Result<ConnectArgs, Failure> {
    Alone::try_parse_from(words).map(|alone| alone.connect).map_err(|error| {
        Failure::internal(format!("the recorded connection options of the run cannot be read: {error}"))
    })
}

/// The options that differ from their defaults; paths are absolute.
pub(in crate::cli) fn words(args: &ConnectArgs, world: &World) -> Vec<String> {
    // Every field is named, so that a new option cannot be forgotten here.
    let ConnectArgs {
        user,
        private_key,
        ssh_config,
        host_keys,
        known_hosts,
        ask_pass,
        ask_become_pass,
        password_command,
        become_password_command,
        forks,
        connect_rate,
        connect_timeout,
        auth_timeout,
    } = args;
    let usual = read(&[]).ok();
    let unusual = |value: u32, of: fn(&ConnectArgs) -> u32| {
        (usual.as_ref().map(of) != Some(value)).then(|| Given::Text(value.to_string()))
    };
    let hidden = |command: &Option<String>| command.as_ref().map(|_| Given::Hidden);
    let file = |path: &Option<PathBuf>| path.clone().map(Given::File);
    let policy = match host_keys {
        HostKeys::Strict => None,
        HostKeys::AcceptNew => Some("accept-new"),
        HostKeys::Ask => Some("ask"),
    };
    let config = |given: &String| match given.as_str() {
        "none" => Given::Text(given.clone()),
        path => Given::File(path.into()),
    };
    let time = |limit: &Duration| {
        let whole = limit.subsec_millis() == 0;
        Given::Text(if whole { format!("{}s", limit.as_secs()) } else { format!("{}ms", limit.as_millis()) })
    };
    let flag = |given: bool| given.then_some(Given::Flag);
    let options = [
        ("--user", user.clone().map(Given::Text)),
        ("--private-key", file(private_key)),
        ("--ssh-config", ssh_config.as_ref().map(config)),
        ("--host-keys", policy.map(|policy| Given::Text(policy.to_owned()))),
        ("--known-hosts", file(known_hosts)),
        ("--password-command", hidden(password_command)),
        ("--become-password-command", hidden(become_password_command)),
        ("--forks", unusual(*forks, |usual| usual.forks)),
        ("--connect-rate", unusual(*connect_rate, |usual| usual.connect_rate)),
        ("--connect-timeout", connect_timeout.as_ref().map(time)),
        ("--auth-timeout", auth_timeout.as_ref().map(time)),
        ("--ask-pass", flag(*ask_pass)),
        ("--ask-become-pass", flag(*ask_become_pass)),
    ];
    recorded(&options, &world.folder)
}

/// Recorded words as they can be typed: quoted, with paths relative to the current folder.
pub(in crate::cli) fn shown(words: &[String], world: &World) -> Vec<String> {
    typed(words, |path| world.shown(path))
}

/// The options of a resume ([`crate::reach::options::of_resume`]), and what it records.
pub(in crate::cli) fn of_resume(
    given: &ConnectArgs,
    run: &[String],
    world: &mut World,
) -> Result<(ConnectArgs, Option<Vec<String>>), Failure> {
    let resumed = options::of_resume(&words(given, world), run).map_err(|missing| {
        let line = shown(&missing.words, world).join(" ");
        Failure::refused(format!("hosts of this run were reached with {line}, and that command is not recorded")).help(
            "give that option to `resume` again, with the other connection options, so that open hosts can be reached",
        )
    })?;
    if !resumed.as_before {
        return Ok((given.clone(), resumed.record));
    }
    world.talk(format_args!("connection options as before: {}", shown(&resumed.words, world).join(" ")));
    Ok((read(&resumed.words)?, resumed.record))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&str]) -> ConnectArgs {
        read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn world() -> World {
        World { folder: "/home/ann".into(), ..World::real() }
    }

    #[test]
    fn what_is_recorded_reads_as_what_was_given() {
        let world = world();
        assert_eq!(words(&given(&[]), &world), [""; 0]);
        let all = "-u deploy --private-key k -F conf --host-keys ask --known-hosts /k/h -k -K -f 3 --connect-rate 0 \
                   --connect-timeout 1m --auth-timeout 1500ms";
        let once = words(&given(&all.split_whitespace().collect::<Vec<_>>()), &world);
        let again = words(&read(&once).unwrap(), &world);
        assert_eq!(once, again);
        assert_eq!(
            once.join(" "),
            "--user deploy --private-key /home/ann/k --ssh-config /home/ann/conf --host-keys ask --known-hosts /k/h \
             --forks 3 --connect-rate 0 --connect-timeout 60s --auth-timeout 1500ms --ask-pass --ask-become-pass"
        );
        assert_eq!(words(&given(&["-F", "none"]), &world), ["--ssh-config", "none"]);
        assert_eq!(
            shown(&["--user".into(), "a b".into(), "--known-hosts".into(), "/home/ann/k h".into()], &world),
            ["--user", "'a b'", "--known-hosts", "'k h'"]
        );
    }

    #[test]
    fn a_resume_takes_its_own_options_or_those_of_before_and_never_half_of_them() {
        let mut world = world();
        let recorded = words(&given(&["-u", "deploy", "--known-hosts", "k", "-f", "9"]), &world);
        let taken = |words: &[&str], world: &mut World| {
            let (taken, record) = of_resume(&given(words), &recorded, world).unwrap();
            (taken.user, record.map(|words| words.join(" ")))
        };
        assert_eq!(taken(&[], &mut world), (Some("deploy".to_owned()), None));
        assert_eq!(taken(&["-k"], &mut world), (None, Some("--ask-pass".to_owned())));
        let slower = "--user deploy --known-hosts /home/ann/k --forks 3 --connect-rate 1";
        let taken_slower = taken(&["-f", "3", "--connect-rate", "1"], &mut world);
        assert_eq!(taken_slower, (Some("deploy".to_owned()), Some(slower.to_owned())));
        assert_eq!(of_resume(&given(&[]), &[], &mut world).unwrap().0.user, None);
    }

    #[test]
    fn a_command_that_prints_a_password_is_not_recorded() {
        let mut world = world();
        let recorded = words(&given(&["--become-password-command", "pass show s3cret"]), &world);
        assert_eq!(recorded, ["--become-password-command", "…"]);
        assert_eq!(shown(&recorded, &world).join(" "), "--become-password-command …");
        let refused = of_resume(&given(&[]), &recorded, &mut world).unwrap_err().to_string();
        assert!(refused.contains("reached with --become-password-command …"), "{refused}");
        assert!(of_resume(&given(&["--become-password-command", "x"]), &recorded, &mut world).is_ok());
    }
}
