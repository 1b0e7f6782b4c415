//! Reads `zypper-state`.

use crate::{
    command::{Output, Unreadable},
    pkg::{
        PackageState,
        answer::{before_end, tagged},
        patterns::globs,
        rpm::state::Seen,
    },
};

pub(super) fn read(output: &Output) -> Result<PackageState, Unreadable> {
    let mut seen = Seen::default();
    let mut held = Vec::new();
    for line in before_end(output, "end")? {
        let (tag, rest) = tagged(&line);
        if tag == "held" {
            held.push(rest.to_owned());
        } else {
            seen.take(tag, rest)?;
        }
    }
    let held = globs(&held);
    seen.state(|rpm| held.is_match(&rpm.name))
}
