//! Which hosts of an `exec` share a block: those with the same result and the same output. Failures count as the same
//! if their texts differ only in the host's own name, address or fingerprint.

use std::cmp::Reverse;

use indexmap::IndexMap;

use super::exec::{ExecEnd, ExecResult};
use crate::view::shape;

/// The longest line that is made from the hints of several hosts.
const LONGEST: usize = 390;

/// Hosts with the same result and the same output.
pub(super) struct Group<'a> {
    /// Their result; parts that differ are `…`.
    pub(super) end: ExecEnd,
    pub(super) members: Vec<&'a ExecResult>,
}

/// The groups: the ok ones first, the failed ones last. `ends_only` ignores the output.
pub(super) fn groups(results: &[ExecResult], ends_only: bool) -> Vec<Group<'_>> {
    type Key = (ExecEnd, Option<[[u8; 32]; 2]>);
    let mut groups: IndexMap<Key, Vec<&ExecResult>> = IndexMap::new();
    for result in results {
        let output = (!ends_only).then(|| [result.stdout.digest(), result.stderr.digest()]);
        groups.entry((shaped(result), output)).or_default().push(result);
    }
    let mut groups: Vec<Group<'_>> =
        groups.into_iter().map(|((shape, _), members)| Group { end: shared(shape, &members), members }).collect();
    groups.sort_by_key(|group| (group.end.rank(), Reverse(group.members.len()), group.members[0].host.clone()));
    groups
}

/// A host's result without the parts that are its own.
fn shaped(result: &ExecResult) -> ExecEnd {
    let mut end = result.end.clone();
    if let ExecEnd::NoAnswer { why, help, .. } = &mut end {
        let host = result.host.as_str();
        *why = shape(why, host);
        *help = help.as_deref().map(|help| shape(help, host));
    }
    end
}

/// The result that is shown for all of them: the result itself if all have the same, or else its shape, with a hint
/// that can be typed.
fn shared(mut shape: ExecEnd, members: &[&ExecResult]) -> ExecEnd {
    let first = members[0];
    if members.iter().all(|member| member.end == first.end) {
        return first.end.clone();
    }
    if let ExecEnd::NoAnswer { why, help, .. } = &mut shape {
        let of = |member: &&ExecResult| match &member.end {
            ExecEnd::NoAnswer { why, help, .. } => (why.clone(), help.clone().unwrap_or_default()),
            _ => Default::default(),
        };
        let (reasons, hints): (Vec<String>, Vec<String>) = members.iter().map(of).unzip();
        *why = one_reason(&reasons, why);
        *help = help.is_some().then(|| one_hint(&hints, first.host.as_str()));
    }
    shape
}

/// The reason with the words that all share; other words are taken from the shape.
fn one_reason(reasons: &[String], shape: &str) -> String {
    let words: Vec<Vec<&str>> = reasons.iter().map(|reason| reason.split(' ').collect()).collect();
    let of_shape: Vec<&str> = shape.split(' ').collect();
    if words.iter().any(|words| words.len() != of_shape.len()) {
        return shape.to_owned();
    }
    let word = |at: usize| match words.iter().all(|other| other[at] == words[0][at]) {
        true => words[0][at],
        false => of_shape[at],
    };
    (0..of_shape.len()).map(word).collect::<Vec<_>>().join(" ")
}

/// One hint for all hosts: their common hint, or one command that takes all hosts, or the parts that all hints share,
/// or the first host's hint.
fn one_hint(hints: &[String], first: &str) -> String {
    if hints.iter().all(|hint| *hint == hints[0]) {
        return hints[0].clone();
    }
    if let Some(hint) = scanning_all(hints) {
        return hint;
    }
    let ways = |hint: &str| hint.split("; or ").map(str::to_owned).collect::<Vec<_>>();
    let mut common = ways(&hints[0]);
    common.retain(|way| hints.iter().all(|hint| ways(hint).contains(way)));
    if common.is_empty() { format!("{} (that is for {first})", hints[0]) } else { common.join("; or ") }
}

/// `ssh-keyscan` takes any number of hosts, so hints that differ only in its argument become one.
fn scanning_all(hints: &[String]) -> Option<String> {
    let words: Vec<Vec<&str>> = hints.iter().map(|hint| hint.split(' ').collect()).collect();
    let first = &words[0];
    if words.iter().any(|words| words.len() != first.len()) {
        return None;
    }
    let differing: Vec<usize> =
        (0..first.len()).filter(|at| words.iter().any(|words| words[*at] != first[*at])).collect();
    let [at] = differing[..] else { return None };
    let begins = |back: usize| at.checked_sub(back).is_some_and(|at| first[at].ends_with("`ssh-keyscan"));
    let is_host = begins(1) || (begins(3) && first[at - 2] == "-p");
    if !is_host {
        return None;
    }
    let all: Vec<&str> = words.iter().map(|words| words[at]).collect();
    let hint = [&first[..at], &all[..], &first[at + 1..]].concat().join(" ");
    (hint.chars().count() <= LONGEST).then_some(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::HostName,
        spool::Spool,
        ui::{ExecLook, Paint, exec_blocks},
    };

    fn broken(host: &str, class: &str, why: String, help: String) -> ExecResult {
        ExecResult {
            host: HostName::new(host).unwrap(),
            end: ExecEnd::NoAnswer { class: class.to_owned(), why, help: Some(help), unknown: false, reached: false },
            stdout: Spool::of(b""),
            stderr: Spool::of(b""),
            took: std::time::Duration::ZERO,
        }
    }

    fn told(results: &[ExecResult]) -> String {
        let mut out = Vec::new();
        let look = ExecLook { most: 400, width: None, paint: Paint::plain(), diff: false, ends_only: false };
        exec_blocks(results, look, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn three_hundred_names_that_cannot_be_resolved_are_one_block() {
        let results: Vec<ExecResult> = (1..=300)
            .map(|n| {
                let host = format!("web{n:03}.example.invalid");
                let why = format!("the name {host} cannot be resolved: Name or service not known");
                let help = format!("`getent hosts {host}` asks the same question; `ansible_host` gives an address");
                broken(&host, "resolve", why, help)
            })
            .collect();
        insta::assert_snapshot!(told(&results), @r"
        ── web[001-300].example.invalid (300 hosts): unreachable
        the name … cannot be resolved: Name or service not known
        try: `getent hosts web001.example.invalid` asks the same question; `ansible_host` gives an address (that is for web001.example.invalid)
        ");
    }

    fn unknown_key(host: &str, port: u16, address: &str) -> ExecResult {
        let at = if port == 22 { String::new() } else { format!(" -p {port}") };
        broken(
            host,
            "host-key-unknown",
            format!("the host key of {address} is not on file: ssh-ed25519 SHA256:x{host}Y"),
            format!(
                "compare the fingerprint on the host's console, then `ssh-keyscan{at} {address} >> ~/.ssh/known_hosts`; \
                 or `patchwave … --host-keys accept-new` to record keys of new hosts as they come"
            ),
        )
    }

    #[test]
    fn unknown_keys_of_new_hosts_are_one_block_with_one_command() {
        let results: Vec<ExecResult> =
            (1..=4).map(|n| unknown_key(&format!("h{n}"), 22, &format!("10.0.0.{n}"))).collect();
        insta::assert_snapshot!(told(&results), @r"
        ── h[1-4] (4 hosts): unreachable
        the host key of … is not on file: ssh-ed25519 SHA256:…
        try: compare the fingerprint on the host's console, then `ssh-keyscan 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 >> ~/.ssh/known_hosts`; or `patchwave … --host-keys accept-new` to record keys of new hosts as they come
        ");
        let ports: Vec<ExecResult> = (1..=4).map(|n| unknown_key(&format!("h{n}"), 2200 + n, "127.0.0.1")).collect();
        let text = told(&ports);
        assert!(text.ends_with("try: `patchwave … --host-keys accept-new` to record keys of new hosts as they come\n"));
        let many: Vec<ExecResult> =
            (1..=200).map(|n| unknown_key(&format!("h{n}"), 2222, &format!("10.0.0.{n}"))).collect();
        assert_eq!(told(&many).lines().count(), 3, "{}", told(&many));
    }

    #[test]
    fn what_is_not_the_same_does_not_fold() {
        let one = |host, class: &str, why: &str| broken(host, class, why.to_owned(), "look".to_owned());
        let results = [
            one("a", "refused", "10.0.0.1:22 refused the connection"),
            one("b", "refused", "10.0.0.2:22 refused the connection"),
            one("c", "closed", "10.0.0.3:22 refused the connection"),
            one("d", "refused", "no answer"),
        ];
        assert_eq!(groups(&results, false).len(), 3);
    }
}
