//! The options of `ansible_ssh_common_args` that are supported. A host with any other is refused: an option that
//! changes where or how we connect must not be ignored.

use std::{path::PathBuf, time::Duration};

use crate::target::HostKeyPolicy;

/// What the options set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SshArgs {
    pub(super) host_keys: Option<HostKeyPolicy>,
    pub(super) known_hosts: Option<Vec<PathBuf>>,
    pub(super) connect: Option<Duration>,
    pub(super) silence: Option<Duration>,
}

/// Parses the options; the error names the first that is not supported.
pub(super) fn read(words: &[String]) -> Result<SshArgs, String> {
    let mut args = SshArgs::default();
    let mut interval = None;
    let mut count = 3;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let option = match word.strip_prefix("-o") {
            Some("") => words.next().ok_or("-o without an option")?.as_str(),
            Some(option) => option,
            None => return Err(word.clone()),
        };
        let (name, value) =
            option.split_once(|c: char| c == '=' || c.is_whitespace()).ok_or_else(|| format!("-o {option}"))?;
        let value = value.trim_start_matches(|c: char| c == '=' || c.is_whitespace());
        let refuse = || format!("-o {option}");
        let seconds = || value.parse().map(Duration::from_secs).map_err(|_| refuse());
        match name.trim().to_ascii_lowercase().as_str() {
            "stricthostkeychecking" => {
                args.host_keys.get_or_insert(match value.to_ascii_lowercase().as_str() {
                    "yes" | "true" => HostKeyPolicy::Strict,
                    "accept-new" => HostKeyPolicy::AcceptNew,
                    // "no" would accept changed keys as well: never.
                    _ => return Err(refuse()),
                });
            }
            "userknownhostsfile" => {
                let files: Vec<PathBuf> = value.split_whitespace().map(PathBuf::from).collect();
                if files.is_empty() || files.iter().any(|file| !file.is_absolute() || file.as_os_str() == "/dev/null") {
                    return Err(refuse());
                }
                args.known_hosts.get_or_insert(files);
            }
            "connecttimeout" => {
                args.connect.get_or_insert(seconds()?);
            }
            "serveraliveinterval" => {
                interval.get_or_insert(seconds()?);
            }
            "serveralivecountmax" => count = value.parse().map_err(|_| refuse())?,
            // Multiplexing is done already, with one connection per host; the others do not matter here.
            "controlmaster" | "controlpersist" | "controlpath" | "loglevel" | "batchmode" => {}
            "forwardagent" | "forwardx11" | "compression" if value.eq_ignore_ascii_case("no") => {}
            _ => return Err(refuse()),
        }
    }
    args.silence = interval.filter(|interval| !interval.is_zero()).map(|interval| interval * (count + 1));
    args.connect = args.connect.filter(|connect| !connect.is_zero());
    Ok(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_honoured_is_accepted() {
        let read = |text: &str| super::read(&shlex::split(text).unwrap());
        assert_eq!(read("").unwrap(), SshArgs::default());
        assert_eq!(
            read("-o StrictHostKeyChecking=accept-new -oUserKnownHostsFile=/a -o 'ConnectTimeout 5' -o ControlMaster=auto")
                .unwrap(),
            SshArgs {
                host_keys: Some(HostKeyPolicy::AcceptNew),
                known_hosts: Some(vec!["/a".into()]),
                connect: Some(Duration::from_secs(5)),
                silence: None,
            }
        );
        assert_eq!(
            read("-o ServerAliveInterval=5 -o ServerAliveCountMax=1").unwrap().silence,
            Some(Duration::from_secs(10))
        );
        for (bad, named) in [
            ("-J bastion", "-J"),
            ("-o ProxyJump=bastion", "-o ProxyJump=bastion"),
            ("-o ConnectTimeout=5 -o ProxyCommand='nc %h %p'", "-o ProxyCommand=nc %h %p"),
            ("-o StrictHostKeyChecking=no", "-o StrictHostKeyChecking=no"),
            ("-o UserKnownHostsFile=/dev/null", "-o UserKnownHostsFile=/dev/null"),
            ("-o ConnectTimeout=soon", "-o ConnectTimeout=soon"),
            ("-o", "-o without an option"),
            ("-C", "-C"),
        ] {
            assert_eq!(read(bad).unwrap_err(), named);
        }
    }
}
