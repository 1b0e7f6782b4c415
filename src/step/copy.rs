//! `copy`: a file or a text is put on the host, atomically, and only if it differs. If mode, owner or group is not
//! given, an existing file keeps it.
//!
//! Command lines on the host, through `/bin/sh -c`: `sha256sum`, `stat -c '%a %U %G'`, `readlink -f`, `cat`, `wc -c`,
//! `stat -c %u:%g`, `stat -c %a`, `chown`, `chgrp`, `chmod`, `sync FILE`, `mv -f`, `rm -f`.

use super::{
    Ended, StepCx, files,
    guard::{self, Outlives},
    lease, remote,
    result::unseen,
    sources,
};
use crate::{
    command::{Command, Output, Query, Unreadable},
    event::StepResult,
    playbook::{CopyFrom, CopySpec},
};

/// Largest file.
const MOST: u64 = 16 << 20;
const LOOK: &str = r#"f=${PATCHWAVE_ROOT-}$1
[ -L "$f" ] && f=$(readlink -f "$f")
[ -e "$f" ] || { echo absent; exit 0; }
[ -f "$f" ] || { echo other; exit 0; }
s=$(sha256sum <"$f") && m=$(stat -c '%a %U %G' "$f") && echo "file ${s%% *} $m""#;
const PUT: &str = include_str!("copy.sh");

/// What is at the path now.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Present {
    Absent,
    /// Something that is not a regular file.
    Other,
    File {
        sum: String,
        mode: u32,
        owner: String,
        group: String,
    },
}

pub(super) async fn run(cx: &mut StepCx<'_>, spec: &CopySpec) -> Ended {
    let dest = cx.scope.render(&spec.dest)?;
    if !dest.starts_with('/') || dest.ends_with('/') || dest.contains(['\0', '\n']) {
        return Ok(StepResult::failed("bad-path", format!("{dest:?} is not the absolute path of a file")));
    }
    let bytes = match &spec.from {
        CopyFrom::Content(text) => cx.scope.render(text)?.into_bytes(),
        CopyFrom::File(name) => {
            let name = cx.scope.render(name)?;
            let path = cx.controller.find(&name).ok_or_else(|| {
                StepResult::failed("missing-file", format!("the file {name} was not found on the jump box"))
            })?;
            files::read_agreed(cx, &name, &path, MOST).await?
        }
    };
    let owner = spec.owner.as_ref().map(|owner| cx.scope.render(owner)).transpose()?.unwrap_or_default();
    let group = spec.group.as_ref().map(|group| cx.scope.render(group)).transpose()?.unwrap_or_default();
    let look = Query::new(Command::sh("copy-look", LOOK, [&dest]).privileged(cx.rights()), present);
    let present = remote::ask(cx, &look).await?;
    if present == Present::Other {
        return Ok(StepResult::failed("bad-path", format!("{dest} on the host is not a file")));
    }
    if is_same(&present, &bytes, spec.mode, &owner, &group) {
        return Ok(StepResult::ok(format!("{dest} is already up to date")));
    }
    if cx.check {
        return Ok(StepResult::would(format!("would write {dest} ({} bytes)", bytes.len())));
    }
    put(cx, &dest, bytes, spec.mode, &owner, &group).await
}

async fn put(cx: &mut StepCx<'_>, dest: &str, bytes: Vec<u8>, mode: Option<u32>, owner: &str, group: &str) -> Ended {
    let guard = guard::arm_or_stop(cx, Outlives::Nothing).await?;
    let mode = mode.map(|mode| format!("{mode:04o}")).unwrap_or_default();
    let args = [dest, &bytes.len().to_string(), &mode, owner, group];
    let command = Command::sh("copy-put", PUT, args).stdin(bytes).timeout(cx.remaining()).privileged(cx.rights());
    let command = lease::checked(cx, guard::unless_over(command, guard.as_deref()));
    let (output, sent_before) = remote::repeat(cx, &format!("{dest} was being written"), command).await?;
    if let Some(lost) = lease::kept_from(&output) {
        if sent_before {
            return Err(unseen(&format!("{dest} was being written"), lost));
        }
        guard::not_begun(cx);
        return Err(lost);
    }
    if !output.success() {
        return Ok(
            StepResult::failed("copy", format!("{dest} was not written: {}", output.last_lines(1))).said(&output)
        );
    }
    Ok(StepResult::ok(format!("{dest} written")).changed(true))
}

fn is_same(present: &Present, bytes: &[u8], mode: Option<u32>, owner: &str, group: &str) -> bool {
    let Present::File { sum, mode: has_mode, owner: has_owner, group: has_group } = present else { return false };
    *sum == sources::sum_of(bytes)
        && mode.is_none_or(|mode| *has_mode == mode)
        && (owner.is_empty() || owner == has_owner)
        && (group.is_empty() || group == has_group)
}

fn present(output: &Output) -> Result<Present, Unreadable> {
    let text = output.text();
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["absent"] => Ok(Present::Absent),
        ["other"] => Ok(Present::Other),
        ["file", sum, mode, owner, group] if sum.len() == 64 => {
            let mode = u32::from_str_radix(mode, 8).map_err(|_| Unreadable::new(format!("mode {mode:?}")))?;
            Ok(Present::File { sum: sum.to_owned(), mode, owner: owner.to_owned(), group: group.to_owned() })
        }
        _ => Err(Unreadable::new(format!("cannot check the file ({}) {}", output.exit, output.last_lines(1)))),
    }
}
