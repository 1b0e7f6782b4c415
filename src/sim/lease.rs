//! The lease of a simulated host: who has it, who lost it, and the jobs that keep every other run away.

use super::{
    host::{FULL, SimHost},
    job::JobState,
};

/// Who has or had the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) run: String,
    pub(super) owner: String,
}

impl SimHost {
    /// `run owner own from least force known`, where `known` are the jobs that a run that steals knows of.
    pub(super) fn lease_acquire(&mut self, args: &[&str]) -> String {
        let [run, owner, own, from, _, force, known] = args else { return String::new() };
        if let Some(guard) = self.guard_of_another(run) {
            let (run, owner, within) = (&guard.run, &guard.owner, guard.within.as_secs());
            return format!("patchwave-lease\nguarded\n{run}\n{owner}\n{within}\narmed - 0 600\n");
        }
        let jobs = self.jobs.iter().filter(|(id, job)| job.state == JobState::Runs && !id.starts_with(own));
        let mut jobs: Vec<String> = jobs.map(|(id, _)| id.clone()).collect();
        jobs.sort();
        let other =
            |run: &str, owner: &str| format!("patchwave-lease\nother\n{run}\n{owner}\n1\n{}\n", jobs.join("\n"));
        let steals = *force == "steal";
        match &self.lease {
            Some(holder) if holder.run == *run && jobs.is_empty() => return "patchwave-lease\nheld\n".to_owned(),
            Some(holder) if holder.run == *run => return other(&holder.run, &holder.owner),
            _ => {}
        }
        if let Some(thief) = self.lost.get(*run).filter(|_| !steals) {
            return format!("patchwave-lease\nlost\n{}\n{}\n{}\n", thief.run, thief.owner, jobs.join("\n"));
        }
        if let Some(holder) = self.lease.as_ref().filter(|holder| holder.run != *from) {
            return other(&holder.run, &holder.owner);
        }
        if let Some(first) = jobs.first().filter(|_| !(steals && jobs.join("\n") == *known)) {
            return other(first.split('.').next().unwrap_or_default(), "");
        }
        if self.disk_full {
            return format!("patchwave-lease\nrefused /var/lib/patchwave/lease {FULL}\n");
        }
        let taker = Holder { run: (*run).to_owned(), owner: (*owner).to_owned() };
        if let Some(before) = self.lease.replace(taker.clone()) {
            self.lost.insert(before.run, taker);
        }
        self.lost.remove(*run);
        "patchwave-lease\ntaken\n".to_owned()
    }

    pub(super) fn lease_release(&mut self, run: &str) -> String {
        if let Some(thief) = self.lost.get(run) {
            return format!("patchwave-lease\nlost\n{}\n{}\n", thief.run, thief.owner);
        }
        let works = self.jobs.iter().any(|(id, job)| job.state == JobState::Runs && id.split('.').next() == Some(run));
        if !works && self.is_of(run) {
            self.lease = None;
        }
        "patchwave-lease\nheld\n".to_owned()
    }

    /// Whether this run has the lease.
    pub(super) fn is_of(&self, run: &str) -> bool {
        self.lease.as_ref().is_some_and(|holder| holder.run == run)
    }

    /// `RUN OWNER`, if another run has the lease, or took it from this one.
    pub(super) fn thief_of(&self, run: &str) -> Option<String> {
        let thief = self.lost.get(run).or_else(|| self.lease.as_ref().filter(|holder| holder.run != run))?;
        Some(format!("{} {}", thief.run, thief.owner)).filter(|_| !run.is_empty())
    }
}
