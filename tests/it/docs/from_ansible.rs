//! docs/coming-from-ansible.md: what people type and write for Ansible is answered here as the page says.

use super::page;
use crate::support::cli::Desk;

const PAGE: &str = "docs/coming-from-ansible.md";

/// Each line of `ansible-playbook`, typed with `patchwave run` in its place, works or is answered with what the page
/// has beside it.
#[test]
fn command_lines() {
    let desk = Desk::empty();
    let mut answered = 0;
    for row in page::table(PAGE, "what you type for Ansible") {
        let theirs = page::quoted(&row[0])[0];
        let Some(arguments) = theirs.strip_prefix("ansible-playbook ") else { continue };
        let mut said = desk.run(&format!("run {arguments}"));
        said.err = said.err.replace(&format!("{}/", desk.folder().display()), "");
        if !said.err.contains("unexpected argument") {
            // Understood: the files are not there, or nobody who could be asked.
            let why = ["there is no such file", "there is no terminal"];
            assert!(why.iter().any(|why| said.err.contains(why)), "{theirs}: {said:?}");
            continue;
        }
        answered += 1;
        let (_, tip) = said.err.split_once("tip: ").unwrap_or_else(|| panic!("{theirs}: {}", said.err));
        assert!(!tip.contains("as a value"), "{theirs}: {tip}");
        let ours: Vec<&str> = page::quoted(&row[1]);
        let same = ours.iter().any(|code| tip.contains(code.split(" -e ").next().unwrap()));
        assert!(same || tip.contains("there are no tags") || tip.contains("--check says"), "{theirs}: {tip}\n{ours:?}");
    }
    assert!(answered >= 6, "{answered} options are answered: where are the rest?");
}

/// Each key of the tables is an error with a hint, unless the page says that it is the same here.
#[test]
fn keys_of_plays_and_tasks() {
    let desk = Desk::empty();
    desk.write("inv.yml", "all: { hosts: { h1: } }");
    let mut answered = 0;
    for (table, text) in
        [("key of a play", "@: x\nsteps: [ pause: 1s ]\n"), ("key of a task", "steps:\n  - pause: 1s\n    @: x\n")]
    {
        for row in page::table(PAGE, table) {
            for key in page::quoted(&row[0]) {
                if row[1].starts_with("the same") {
                    continue;
                }
                desk.write("play.yml", &text.replace('@', key));
                let said = desk.run("plan play.yml -i inv.yml").ended(2);
                // Some words mean something else here.
                let other = ["service", "reboot"].contains(&key) || said.err.contains("does one thing");
                assert!(other || said.err.contains("that is Ansible's; here it is "), "{key}: {}", said.err);
                answered += usize::from(!other);
            }
        }
    }
    assert!(answered >= 50, "{answered} keys are answered: where are the rest?");
}

#[test]
fn a_handler_and_a_package_module() {
    let desk = Desk::empty();
    desk.write("inv.yml", "all: { hosts: { h1: } }");
    desk.write("play.yml", "steps:\n  - copy: { content: a, dest: /a }\n    notify: restart nginx\n");
    desk.run("plan play.yml -i inv.yml")
        .ended(2)
        .says(&["for a handler of Ansible, write a step with `when: NAME.changed`"]);
    for module in ["apt", "ansible.builtin.apt", "yum", "dnf", "community.general.zypper"] {
        desk.write("play.yml", &format!("steps:\n  - {module}: {{ upgrade: dist }}\n"));
        desk.run("plan play.yml -i inv.yml").ended(2).says(&["here it is `upgrade: { scope: security }`"]);
    }
    desk.write("play.yml", "- hosts: all\n  tasks: []\n");
    desk.run("plan play.yml -i inv.yml").ended(2).says(&["an Ansible playbook is a list of plays"]);
}
