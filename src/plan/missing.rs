//! Variables that a step needs and a host does not have: an error of the plan, with its place, where it is certain.
//! What depends on the variables of earlier steps is known only when they have run. Start at [`missing`].

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use serde_json::{Map, Value as Json};

use super::Plan;
use crate::{
    host::HostName,
    inventory::Inventory,
    names,
    playbook::{
        OF_STEPS, Playbook, StepSpec, Template, TemplateError, TemplateScope,
        template::used::{Text, root},
    },
    yaml::Problems,
};

/// How deep one variable is followed into others.
const DEPTH: u8 = 4;

/// Every step that would fail on a host of the plan because a variable is not defined there.
pub fn missing(plan: &Plan, playbook: &Playbook, inventory: &Inventory) -> Problems {
    let mut found = Found::default();
    let of_playbook = TemplateScope::new(playbook.vars.clone());
    for stage in &plan.stages {
        found.look(&steps(&stage.gate, &BTreeSet::new()), &of_playbook, None);
    }
    let walk = steps(&plan.steps, &names_of(&plan.on_failure));
    let on_failure = steps(&plan.on_failure, &names_of(&plan.steps));
    if needs_hosts(walk.iter().chain(&on_failure), &playbook.vars) {
        for (host, ..) in plan.hosts().filter(|(host, ..)| inventory.has(&host.name)) {
            let mut vars = inventory.vars(&host.name);
            vars.extend(playbook.vars.clone());
            let scope = TemplateScope::new(vars);
            found.look(&walk, &scope, Some(&host.name));
            found.look(&on_failure, &scope, Some(&host.name));
        }
    }
    found.report(playbook)
}

/// A step with its texts.
struct Step<'p> {
    when: Option<Text>,
    texts: Vec<Text>,
    /// Names that earlier steps may have set when it runs.
    later: BTreeSet<&'p str>,
}

fn names_of(steps: &[StepSpec]) -> BTreeSet<&str> {
    steps.iter().filter_map(|step| step.register.as_deref()).collect()
}

/// `others`: the names that the steps of another list register. `on_failure` comes after `steps`, and `undrain` after
/// both.
fn steps<'p>(specs: &'p [StepSpec], others: &BTreeSet<&'p str>) -> Vec<Step<'p>> {
    let on_failure = specs.iter().all(|spec| !spec.kind.is_always()) && !others.is_empty();
    let mut before: BTreeSet<&str> = OF_STEPS.into();
    let mut steps = Vec::new();
    for spec in specs {
        let mut later = before.clone();
        if on_failure || spec.kind.is_always() {
            later.extend(others);
        }
        if spec.kind.is_always() {
            later.extend(names_of(specs));
        }
        steps.push(Step { when: Text::condition(spec), texts: Text::of(spec), later });
        before.extend(spec.register.as_deref());
    }
    steps
}

impl Step<'_> {
    fn is_open(&self, text: &Text) -> bool {
        text.roots().any(|name| self.later.contains(name))
    }
}

/// Whether some text names a variable that only hosts can have.
fn needs_hosts<'s>(steps: impl Iterator<Item = &'s Step<'s>>, of_playbook: &Map<String, Json>) -> bool {
    // Every host has these.
    let mut seen: BTreeSet<String> =
        ["inventory_hostname", "inventory_hostname_short", "group_names"].map(str::to_owned).into();
    let mut open: Vec<String> = Vec::new();
    for step in steps {
        let texts = step.texts.iter().chain(&step.when).filter(|text| !step.is_open(text));
        open.extend(texts.flat_map(|text| &text.names).cloned());
    }
    while let Some(path) = open.pop() {
        let name = root(&path);
        if name == path && !seen.insert(path.clone()) {
            continue;
        }
        match of_playbook.get(name) {
            Some(value) if name == path => {
                open.extend(Text::within(value).into_iter().flat_map(|text| text.names));
            }
            // What is looked up inside a value is left to the hosts' own look.
            _ => return true,
        }
    }
    false
}

/// What is missing, by text and reason, with the hosts where it is.
#[derive(Default)]
struct Found<'h> {
    missing: Vec<(String, TemplateError, Vec<&'h HostName>)>,
    /// The names in a text of a variable: many hosts share the text.
    names: HashMap<String, Vec<String>>,
    /// What became of texts of whose names a host has none.
    of_no_host: HashMap<String, Option<TemplateError>>,
}

impl<'h> Found<'h> {
    /// Looks at steps with the variables of a host, or of a gate.
    fn look(&mut self, steps: &[Step<'_>], scope: &TemplateScope, host: Option<&'h HostName>) {
        for step in steps {
            let lacking: Vec<&Text> =
                step.texts.iter().filter(|text| !step.is_open(text) && self.lacks(scope, &text.names, 0)).collect();
            if let Some(when) = &step.when {
                let unknown = step.is_open(when);
                if unknown || (lacking.is_empty() && !self.lacks(scope, &when.names, 0)) {
                    continue;
                }
                match scope.truth(&when.source) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) => {
                        self.add(&when.source, error, host);
                        continue;
                    }
                }
            }
            for text in lacking {
                if let Some(error) = self.wrong(text, scope) {
                    self.add(&text.source, error, host);
                }
            }
        }
    }

    /// Why a text cannot be rendered with these variables.
    fn wrong(&mut self, text: &Text, scope: &TemplateScope) -> Option<TemplateError> {
        // `{{ services | default([]) }}` is rendered once, not for each of ten thousand hosts that say nothing.
        let of_no_host = text.names.iter().all(|name| !scope.holds(name));
        if let Some(known) = self.of_no_host.get(&text.source).filter(|_| of_no_host) {
            return known.clone();
        }
        let error = scope.render(&Template(text.source.clone())).err();
        if of_no_host {
            self.of_no_host.insert(text.source.clone(), error.clone());
        }
        error
    }

    /// Whether one of these names leads to nothing, itself or through the variables that it is made of. A template may
    /// provide for that (`default`), so it is rendered before anything is said.
    fn lacks(&mut self, scope: &TemplateScope, names: &[String], depth: u8) -> bool {
        names.iter().any(|path| {
            !scope.holds(path) || (depth < DEPTH && scope.get(root(path)).is_some_and(|v| self.value(scope, v, depth)))
        })
    }

    fn value(&mut self, scope: &TemplateScope, value: &Json, depth: u8) -> bool {
        match value {
            Json::String(text) if text.contains('{') => {
                if !self.names.contains_key(text) {
                    let names = Text::within(value).into_iter().flat_map(|text| text.names).collect();
                    self.names.insert(text.clone(), names);
                }
                let names = self.names[text].clone();
                self.lacks(scope, &names, depth + 1)
            }
            Json::Array(items) => items.iter().any(|item| self.value(scope, item, depth)),
            Json::Object(map) => map.values().any(|item| self.value(scope, item, depth)),
            _ => false,
        }
    }

    /// Keeps an error that says that a variable is missing. Others depend on values: they are the host's.
    fn add(&mut self, source: &str, error: TemplateError, host: Option<&'h HostName>) {
        if error.undefined().is_none() {
            return;
        }
        match self.missing.iter_mut().find(|(known, reason, _)| known == source && *reason == error) {
            Some((.., hosts)) => hosts.extend(host),
            None => self.missing.push((source.to_owned(), error, host.into_iter().collect())),
        }
    }

    fn report(self, playbook: &Playbook) -> Problems {
        let mut problems = Problems::default();
        for (source, error, hosts) in self.missing {
            let name = error.undefined().unwrap_or_default();
            // The engine points at what it was about to do with the value.
            let at = word(&source, name).or_else(|| error.at.clone());
            let on: Vec<HostName> = hosts.into_iter().cloned().collect();
            let of_gate = on.is_empty();
            let message = match of_gate {
                true => format!("in a gate: {error}"),
                false => format!("on {}: {error}", names::fold(&on)),
            };
            let problem = match playbook.written.place(&source, at.unwrap_or(0..source.len())) {
                Some(span) => problems.at(&span, message),
                None => problems.nowhere(format!("{}: {message}", playbook.path.display())),
            };
            problem.help(match of_gate {
                true => "a gate runs for no host; it knows `vars:`, -e, and what its own steps register".to_owned(),
                false => format!(
                    "give it a value in the inventory, in `vars:` or with -e, or write `{} | default(…)`",
                    if name.is_empty() { "name" } else { name }
                ),
            });
        }
        problems
    }
}

/// Where a name stands in a text, and not in the middle of another one.
fn word(text: &str, name: &str) -> Option<Range<usize>> {
    let of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let alone = |at: &usize| !text[..*at].ends_with(of_name) && !text[at + name.len()..].starts_with(of_name);
    let mut places = text.match_indices(name).map(|(at, _)| at).filter(|_| !name.is_empty());
    places.find(alone).map(|at| at..at + name.len())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{inventory::NoRuns, plan::build, playbook::load_text};

    const FLEET: &str = "
all:
  vars: { patchwave: { environment: test, risk: low }, through: '{{ deep }}', loop_a: '{{ loop_a }}', db: { a: 1 } }
  hosts: { web1: , web2: , db1: { role: db, deep: x } }
";

    /// What is missing, as `line:column: message`.
    fn wrong(rest: &str) -> Vec<String> {
        let inventory = Inventory::from_text("inv.yml", FLEET).unwrap_or_else(|problems| panic!("{problems}"));
        let text = format!("name: p\n{rest}\n");
        let playbook =
            load_text(Path::new("/nonexistent/p.yml"), &text).unwrap_or_else(|problems| panic!("{problems}"));
        let selected = inventory.select("all", &NoRuns).unwrap();
        let plan = build(&inventory, &playbook, &selected).unwrap_or_else(|problems| panic!("{problems}"));
        let place = |p: &crate::yaml::Problem| {
            p.span.as_ref().map_or_else(|| "?".to_owned(), |span| format!("{}:{}", span.line, span.column))
        };
        missing(&plan, &playbook, &inventory).0.iter().map(|p| format!("{}: {}", place(p), p.message)).collect()
    }

    #[test]
    fn what_no_host_can_have_is_found_with_its_place() {
        for (steps, expected) in [
            ("command: 'echo {{ nosuch }}'", "2:29: on web[1-2],db1: `nosuch` is undefined"),
            ("command: 'x {{ inventory_hostnam }}'", "2:26: on web[1-2],db1: `inventory_hostnam` is undefined; did"),
            ("command: 'echo {{ nosuch | quote }}'", "2:29: on web[1-2],db1: `nosuch` is undefined"),
            ("command: 'echo {{ role }}'", "2:29: on web[1-2]: `role` is undefined"),
            ("command: 'echo {{ db.b }}'", "2:29: on web[1-2],db1: `db.b` is undefined"),
            ("command: 'echo {{ through }}'", "on web[1-2]: `deep` is undefined (in the variable `through`)"),
            ("pause: 1s, when: role == 'db'", "2:28: on web[1-2]: `role` is undefined"),
            ("pause: 1s, when: ['1 < 2', role == 'db']", "2:38: on web[1-2]: `role` is undefined"),
            ("verify: { services: '{{ units }}' }", "2:35: on web[1-2],db1: `units` is undefined"),
            (
                "command: x, guard: { within: 1m, rollback: 'y {{ nosuch }}' }",
                "2:60: on web[1-2],db1: `nosuch` is undefined",
            ),
        ] {
            let wrong = wrong(&format!("steps: [{{ {steps} }}]"));
            assert_eq!(wrong.len(), 1, "{steps}: {wrong:?}");
            assert!(wrong[0].contains(expected), "{steps}: {wrong:?}");
        }
    }

    #[test]
    fn what_may_be_there_when_the_step_runs_is_left_to_the_run() {
        for rest in [
            "steps: [{ command: 'x {{ role | default(1) }}' }]",
            "steps: [{ command: 'x {{ role }}', when: role is defined }]",
            "steps: [{ command: 'x {{ role }}', when: \"'web' not in inventory_hostname\" }]",
            "steps: [{ command: 'x {% if role is defined %}{{ role }}{% endif %}' }]",
            "steps: [{ command: 'x {{ loop_a }}' }]",
            "steps: [{ command: x, register: r }, { command: 'x {{ r.stdout }}' }]",
            "steps: [{ command: x, register: r }, { command: 'x {{ role }}', when: r.stdout == 'db' }]",
            "steps: [{ pause: 1s }]\non_failure: [{ command: 'x {{ snapshot.id }}' }]",
            "steps: [{ command: x, register: r }]\non_failure: [{ command: 'x {{ r.rc }}' }]",
            "steps: [{ drain: x }, { undrain: { run: 'x {{ r.rc }}', when_failed: yes }, when: r is defined }]\n\
             on_failure: [{ command: x, register: r }]",
            "vars: { a: '{{ b }}', b: { c: 1 } }\nsteps: [{ command: 'x {{ b.c }}' }]",
            "vars: { a: '{{ b }}', b: 1 }\nsteps: [{ command: 'x {{ a }} {{ inventory_hostname }}' }]",
        ] {
            assert_eq!(wrong(rest), [""; 0], "{rest}");
        }
        let inside = wrong("vars: { b: { c: 1 } }\nsteps: [{ command: 'x {{ b.d }}' }]");
        assert!(inside[0].contains("`b.d` is undefined"), "{inside:?}");
        let early = wrong("steps: [{ command: 'x {{ r.rc }}' }, { command: x, register: r }]");
        assert!(early[0].contains("`r.rc` is undefined"), "{early:?}");
    }

    #[test]
    fn a_gate_has_no_host() {
        let gate = |step: &str| wrong(&format!("vars: {{ a: 1 }}\nrollout: {{ gate: [{step}] }}\nsteps: [pause: 1s]"));
        assert_eq!(gate("{ command: 'x {{ a }}', register: r }, { command: 'x {{ r.rc }}' }"), [""; 0]);
        assert_eq!(
            gate("{ command: 'x {{ inventory_hostname }}' }"),
            ["3:36: in a gate: `inventory_hostname` is undefined"]
        );
    }
}
