//! Which files of the jump box a step sends to hosts or runs there. Names only: `files` knows where they are.

use super::{CommandLine, CopyFrom, Hook, Notify, Side, StepKind, StepSpec, Template};

/// Where a step names a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'s> {
    /// The whole text is its name.
    File(&'s Template),
    /// A command line whose program, or the script that its interpreter reads, is such a file.
    Line(&'s Template),
    /// The same as a list of words.
    Words(&'s [Template]),
}

impl StepSpec {
    /// The file of this step, if it has one. Files that a shell line names, or that programs read by themselves, are
    /// not found.
    pub fn source(&self) -> Option<Source<'_>> {
        let here = self.on == Side::Controller;
        match &self.kind {
            StepKind::Script(script) => Some(Source::File(&script.file)),
            StepKind::Copy(copy) => match &copy.from {
                CopyFrom::File(name) => Some(Source::File(name)),
                CopyFrom::Content(_) => None,
            },
            StepKind::Snapshot(Hook { run })
            | StepKind::SnapshotRestore(Hook { run })
            | StepKind::Drain(Hook { run }) => here.then_some(Source::Line(run)),
            StepKind::Undrain(undrain) => here.then_some(Source::Line(&undrain.hook.run)),
            StepKind::Command(command) => match &command.run {
                CommandLine::Argv(words) if here => Some(Source::Words(words)),
                _ => None,
            },
            StepKind::Notify(Notify::Command { run, .. }) => Some(Source::Line(run)),
            StepKind::Notify(Notify::Webhook { .. })
            | StepKind::Precheck(_)
            | StepKind::Upgrade(_)
            | StepKind::Reboot(_)
            | StepKind::Verify(_)
            | StepKind::Service(_)
            | StepKind::WaitFor(_)
            | StepKind::Pause(_)
            | StepKind::Cleanup(_)
            | StepKind::Rollback(_)
            | StepKind::Confirm(_) => None,
        }
    }

    /// Whether that file is a program that runs, here or on the host, and not one that is put somewhere.
    pub fn runs_its_source(&self) -> bool {
        !matches!(self.kind, StepKind::Copy(_))
    }
}

impl Source<'_> {
    /// Whether it is the same on every host.
    pub fn is_literal(&self) -> bool {
        let plain = |text: &Template| !text.0.contains("{{") && !text.0.contains("{%");
        match self {
            Self::File(text) | Self::Line(text) => plain(text),
            Self::Words(words) => words.iter().all(plain),
        }
    }
}
