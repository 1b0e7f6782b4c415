//! What a check found to do: hosts with the same list share it. Each step says so itself
//! ([`crate::event::StepResult::found_work`]). Start at [`RunView::findings`].

use indexmap::IndexMap;

use super::{RunView, first_line, step_name};
use crate::{event::HostState, host::HostName};

impl<'a> RunView<'a> {
    /// What each step of a host would do, one line per step: `Updates: 11 packages would be upgraded`.
    pub fn findings_on(&self, host: &HostState) -> Vec<String> {
        let found = host.steps.iter().filter(|(_, result)| result.found_work);
        found
            .map(|(step, result)| {
                format!("{}: {}", step_name(self.state.plan(), *step), first_line(&result.summary, 400))
            })
            .collect()
    }

    /// The different lists, each with its hosts in the plan's order.
    pub fn findings(&self) -> IndexMap<Vec<String>, Vec<&'a HostName>> {
        let mut lists: IndexMap<Vec<String>, Vec<&HostName>> = IndexMap::new();
        for host in &self.state.hosts {
            lists.entry(self.findings_on(host)).or_default().push(&host.name);
        }
        lists.shift_remove(&Vec::new());
        lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{StepResult, Verdict, sample::*};

    #[test]
    fn the_field_says_it_and_not_the_words_of_a_host() {
        let mut sample = Sample::of(plan(&[("edge", &["a b c"])]));
        let work = || StepResult { found_work: true, ..result(Verdict::Skipped, "would reboot: a new kernel") };
        sample.walk("a", vec![work()]).walk("b", vec![result(Verdict::Ok, "printed: I would rather not")]);
        sample.walk("c", vec![work()]);
        let seen: Vec<(Vec<String>, Vec<String>)> = RunView::of(&sample.state)
            .findings()
            .into_iter()
            .map(|(list, hosts)| (list, hosts.iter().map(|host| host.to_string()).collect()))
            .collect();
        let expected = vec!["Ready to be patched: would reboot: a new kernel".to_owned()];
        assert_eq!(seen, [(expected, vec!["a".to_owned(), "c".to_owned()])]);
    }
}
