//! The exit code of a run, for scripts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::RunState;

impl RunState {
    /// The exit code of `run` and `resume`: that of the worst outcome ([`super::Outcome::exit_code`]). Even if all
    /// hosts are ok, the run is not a success when no host knows a package that was named (`6`), or when a gate did not
    /// pass or has not run (`4`). The codes `1` to `3` are never about hosts.
    pub fn exit_code(&self) -> u8 {
        match self.outcomes().map(|(_, outcome)| outcome.exit_code()).max().unwrap_or(0) {
            0 if !self.unknown_packages().is_empty() => 6,
            0 if self.stopped_early() => 4,
            code => code,
        }
    }

    /// Packages that an `upgrade` named and that no host's package manager knows.
    pub fn unknown_packages(&self) -> Vec<String> {
        self.on_no_host("known", "unknown")
    }

    /// CVEs and advisories that an `upgrade` named and that no pending update of any host belongs to: they are fixed
    /// there, or misspelt.
    pub fn unmatched_ids(&self) -> Vec<String> {
        self.on_no_host("matched", "unmatched")
    }

    fn on_no_host(&self, known_here: &str, unknown_here: &str) -> Vec<String> {
        let (mut known, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        let results = self.hosts.iter().flat_map(|host| &host.steps);
        for upgrade in results.filter_map(|(_, result)| result.vars.get("upgrade")) {
            let names = |key: &str| upgrade[key].as_array().into_iter().flatten().filter_map(Value::as_str);
            known.extend(names(known_here));
            unknown.extend(names(unknown_here));
        }
        unknown.difference(&known).map(|name| (*name).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{Kind, Outcome, Stop, Verdict, sample::*};

    /// Which of the named packages each of three hosts knows, and the exit code of the run.
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

    /// A CVE that is fixed everywhere is a success, and one that is misspelt looks the same: it is said.
    #[test]
    fn an_id_that_no_update_belongs_to_is_named_and_no_failure() {
        let mut sample = Sample::of(plan(&[("all", &["a b"])]));
        for (name, matched, unmatched) in [("a", "CVE-1", "CVE-2"), ("b", "CVE-3", "CVE-1")] {
            let facts = serde_json::json!({ "matched": [matched], "unmatched": [unmatched] });
            sample.walk(name, vec![result(Verdict::Ok, "ready"), result(Verdict::Ok, "done").var("upgrade", facts)]);
        }
        assert_eq!((sample.state.exit_code(), sample.state.unmatched_ids()), (0, vec!["CVE-2".to_owned()]));
        assert_eq!(sample.state.unknown_packages(), [""; 0]);
    }

    #[test]
    fn every_combination_has_the_code_of_its_gravest_part() {
        let done = [Outcome::Unknown, Outcome::Failed, Outcome::Unreachable, Outcome::Ok];
        for bits in 0..128usize {
            let bit = |i: usize| (bits >> i) & 1 == 1;
            let mut sample = Sample::of(plan(&[("all", &["ok h0 h1 h2 h3 h4 h5 h6"])]));
            sample.good("ok");
            for (i, outcome) in done.into_iter().enumerate() {
                let name = format!("h{i}");
                match bit(i) {
                    true => sample.start(&name).finish(&name, outcome),
                    false => sample.good(&name),
                };
            }
            match bit(4) {
                true => sample.start("h4").begin("h4", main_step(0)),
                false => sample.good("h4"),
            };
            match bit(5) {
                true => sample.start("h5"),
                false => sample.good("h5"),
            };
            if !bit(6) {
                sample.good("h6");
            }
            // In a step, unknown, failed, unreachable, between two steps, not started.
            let gravest = [(4, 7), (0, 7), (1, 6), (2, 5), (5, 4), (6, 4)].iter().find(|(i, _)| bit(*i));
            assert_eq!(sample.state.exit_code(), gravest.map_or(0, |(_, code)| *code), "{bits:b}");
        }
    }

    /// After the last wave: the gate passed, did not pass, was not waited for, or has not run yet.
    #[test]
    fn a_gate_after_the_last_wave_has_its_say() {
        for (gate, stopped, finished, code) in [
            (Some(true), false, true, 0),
            (Some(false), false, true, 4),
            (None, true, true, 4),
            (None, false, false, 4),
            // As older versions, which ran no gate there, recorded the end.
            (None, false, true, 0),
        ] {
            let mut plan = plan(&[("all", &["a"])]);
            plan.stages[0].gate = vec![step_spec("No errors in the shop")];
            let mut sample = Sample::of(plan);
            sample.good("a");
            if let Some(passed) = gate {
                sample.tell(Kind::GateFinished { stage: 0, wave: 0, passed, summary: "x".to_owned() });
            }
            if stopped {
                sample.tell(Kind::StopRequested { how: Stop::Drain, by: "me".to_owned() });
            }
            if finished {
                sample.tell(Kind::RunFinished);
            }
            assert_eq!(sample.state.exit_code(), code, "{gate:?} {stopped} {finished}");
        }
    }
}
