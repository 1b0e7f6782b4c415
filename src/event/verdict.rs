//! The run in one number, for scripts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{RunState, Tally};

impl RunState {
    /// The exit code of `run` and `resume`: `7` some outcome is unknown, `6` hosts failed, `5` hosts unreachable and none
    /// failed, `4` hosts not started and none broken, `0` every selected host is ok. A host that is still in flight when
    /// the controller leaves is unknown. (`1` to `3` are never about hosts.)
    /// A run in which all hosts are ok is no success all the same where a package was named that none of them knows: `6`.
    pub fn exit_code(&self) -> u8 {
        match self.tally.exit_code() {
            0 if !self.unknown_packages().is_empty() => 6,
            code => code,
        }
    }

    /// Packages that an `upgrade` named, that some host's package manager has never heard of, and that none knows.
    pub fn unknown_packages(&self) -> Vec<String> {
        let (mut known, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        let results = self.hosts.iter().flat_map(|host| &host.steps);
        for upgrade in results.filter_map(|(_, result)| result.vars.get("upgrade")) {
            let names = |key: &str| upgrade[key].as_array().into_iter().flatten().filter_map(Value::as_str);
            known.extend(names("known"));
            unknown.extend(names("unknown"));
        }
        unknown.difference(&known).map(|name| (*name).to_owned()).collect()
    }
}

impl Tally {
    /// As [`RunState::exit_code`], over these hosts.
    pub fn exit_code(&self) -> u8 {
        if self.unknown + self.in_flight > 0 {
            7
        } else if self.failed > 0 {
            6
        } else if self.unreachable > 0 {
            5
        } else if self.waiting() > 0 {
            4
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Verdict, sample::*};

    /// What each of three hosts knows of the named packages, and what the run ends with.
    #[test]
    fn a_package_that_no_host_knows_is_no_success_and_one_that_some_know_is() {
        for (known, unknown, code, told) in [
            ([&["openssl"][..], &["openssl"], &["openssl"]], [&["libsl3"][..], &["libsl3"], &["libsl3"]], 6, "libsl3"),
            ([&["openssl"], &["openssl"], &["openssl", "libsl3"]], [&["libsl3"], &["libsl3"], &[]], 0, ""),
            ([&[], &[], &[]], [&[], &[], &[]], 0, ""),
        ] {
            let mut sample = Sample::of(plan(&[("all", &["a b c"])]));
            for (i, name) in ["a", "b", "c"].into_iter().enumerate() {
                let facts = serde_json::json!({ "known": known[i], "unknown": unknown[i] });
                let upgrade = result(Verdict::Ok, "done").var("upgrade", facts);
                sample.walk(name, vec![result(Verdict::Ok, "ready"), upgrade]);
            }
            assert_eq!((sample.state.exit_code(), sample.state.unknown_packages().join(" ").as_str()), (code, told));
        }
    }

    #[test]
    fn every_combination_has_the_code_of_its_gravest_part() {
        for bits in 0..64usize {
            let bit = |i: usize| (bits >> i) & 1;
            let mut tally = Tally {
                total: 0,
                in_flight: bit(0),
                unknown: bit(1),
                failed: bit(2),
                unreachable: bit(3),
                ok: 1,
                skipped: bit(5),
            };
            tally.total = tally.in_flight + tally.done() + bit(4);
            let gravest = [(0, 7), (1, 7), (2, 6), (3, 5), (4, 4)].iter().find(|(i, _)| bit(*i) == 1);
            assert_eq!(tally.exit_code(), gravest.map_or(0, |(_, code)| *code), "{tally:?}");
        }
    }
}
