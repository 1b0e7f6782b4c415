//! Encrypted variables that steps use: an error with its place in the file. A variable that no step uses is accepted:
//! other programs that can decrypt may use the same inventory.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value as Json};

use crate::{
    host::HostName,
    inventory::Inventory,
    names,
    playbook::{Playbook, template::used},
    yaml::{CANNOT_DECRYPT, Problems, Span, holds_vault},
};

/// Collects the encrypted variables that are used, host by host.
pub(super) struct Encrypted<'p> {
    playbook: &'p Playbook,
    /// The variables that the steps name directly.
    used: BTreeSet<String>,
    /// The variables that a variable's text names. It is cached because many hosts share the text.
    in_texts: HashMap<String, BTreeSet<String>>,
    found: Vec<(String, Span, Vec<HostName>)>,
}

impl<'p> Encrypted<'p> {
    pub fn new(playbook: &'p Playbook) -> Self {
        let rollout = &playbook.rollout;
        let gates = rollout.gate.iter().chain(rollout.stages.iter().flat_map(|stage| stage.gate.iter().flatten()));
        let used = used::of(playbook.steps.iter().chain(&playbook.on_failure).chain(gates));
        Self { playbook, used, in_texts: HashMap::new(), found: Vec::new() }
    }

    /// Looks through a host's variables.
    pub fn host(&mut self, name: &HostName, vars: &Map<String, Json>, inventory: &Inventory) {
        let mut open: Vec<String> = self.used.iter().cloned().collect();
        let mut seen: BTreeSet<String> = self.used.clone();
        while let Some(variable) = open.pop() {
            // As in rendering: variables of the playbook win.
            let of_playbook = self.playbook.vars.get(&variable);
            let Some(value) = of_playbook.or_else(|| vars.get(&variable)) else { continue };
            if of_playbook.is_none()
                && holds_vault(value)
                && let Some(span) = inventory.encrypted_value(name, &variable)
            {
                match self.found.iter_mut().find(|(known, at, _)| *known == variable && at == span) {
                    Some((.., hosts)) => hosts.push(name.clone()),
                    None => self.found.push((variable, span.clone(), vec![name.clone()])),
                }
                continue;
            }
            for text in texts(value) {
                if !self.in_texts.contains_key(text) {
                    let named = used::in_texts(&Json::String(text.to_owned()));
                    self.in_texts.insert(text.to_owned(), named);
                }
                open.extend(self.in_texts[text].iter().filter(|other| seen.insert((*other).clone())).cloned());
            }
        }
    }

    pub fn report(self, problems: &mut Problems) {
        for (variable, span, hosts) in self.found {
            problems
                .at(&span, format!("`{variable}` {CANNOT_DECRYPT}; steps on {} use it", names::fold(&hosts)))
                .help("use another variable, or pass its value with -e");
        }
    }
}

/// All texts in a value that may be templates.
fn texts(value: &Json) -> Vec<&str> {
    match value {
        Json::String(text) if text.contains('{') => vec![text],
        Json::Array(items) => items.iter().flat_map(texts).collect(),
        Json::Object(map) => map.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{
        inventory::{Inventory, NoRuns},
        plan::build,
        playbook::load_text,
    };

    const FLEET: &str = "
all:
  vars:
    patchwave: { environment: production, risk: low }
    sealed: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      6133
    db: { host: h, pin: !vault S3AL3D }
    by_json: { __ansible_vault: S3AL3D }
    through: 'x {{ also }}'
    also: ['{{ sealed }}']
    loop: '{{ loop }}'
  hosts: { 'web[1:2]': , web3: { sealed: open, db: {} } }
";

    /// What is wrong with a plan of these steps.
    fn wrong(steps: &str, vars: &str) -> String {
        let inventory = Inventory::from_text("inv.yml", FLEET).unwrap_or_else(|problems| panic!("{problems}"));
        let text = format!("name: p\nvars: {{ {vars} }}\nsteps: [ {steps} ]\n");
        let playbook =
            load_text(Path::new("/nonexistent/p.yml"), &text).unwrap_or_else(|problems| panic!("{problems}"));
        let selected = inventory.select("all", &NoRuns).unwrap();
        build(&inventory, &playbook, &selected).map_or_else(|problems| problems.to_string(), |_| String::new())
    }

    #[test]
    fn what_is_encrypted_and_used_is_refused_with_its_place() {
        assert_eq!(wrong("pause: 1s", ""), "", "what no step uses may stay encrypted");
        assert_eq!(wrong("{ command: 'x {{ sealed }}' }", "sealed: mine"), "");
        assert_eq!(wrong("{ command: 'x {{ loop }}' }", ""), "", "that is another mistake");
        assert_eq!(
            wrong("{ command: 'x {{ sealed }}' }", ""),
            "\
inv.yml:5:5: `sealed` is encrypted (!vault), and patchwave cannot decrypt it; steps on web[1-2] use it
  |
5 |     sealed: !vault |
  |     ^^^^^^
  help: use another variable, or pass its value with -e"
        );
        for (steps, vars) in [
            ("{ pause: 1s, when: sealed == 'x' }", ""),
            ("{ command: 'x {{ through | upper }}' }", ""),
            ("{ command: 'x {{ mine }}' }", "mine: '{{ sealed }}'"),
            ("{ command: { run: x, environment: { X: '{{ db.pin }}' } } }", ""),
            ("{ command: { run: x, environment: { X: '{{ by_json }}' } } }", ""),
        ] {
            let wrong = wrong(steps, vars);
            assert!(
                wrong.contains("is encrypted (!vault), and patchwave cannot decrypt it; steps on web[1"),
                "{steps}: {wrong}"
            );
            assert!(!wrong.contains("S3AL3D"), "{wrong}");
        }
    }

    #[test]
    fn a_playbook_that_holds_an_encrypted_value_does_not_load() {
        let text = "name: p\nvars: { a: !vault S3AL3D }\nsteps: [pause: 1s]\n";
        let wrong = load_text(Path::new("/nonexistent/p.yml"), text).unwrap_err().to_string();
        assert!(wrong.contains("p.yml:2:") && wrong.contains("this is encrypted (!vault)"), "{wrong}");
        assert!(!wrong.contains("S3AL3D"), "{wrong}");
    }
}
