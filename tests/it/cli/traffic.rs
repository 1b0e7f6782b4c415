//! Drained hosts on which a step does not succeed: when they get their traffic back, and what is reported if they do
//! not.

use crate::support::{
    case::{Case, Site},
    cli::Said,
};

/// A host's walk with drain, a change and undrain. Each hook writes down its name; a hook whose name is in `failing`
/// fails.
struct Walk(Site);

impl Walk {
    fn new() -> Self {
        let site = Case::hosts(1).site();
        for hook in ["drain", "undrain", "snapshot", "restore", "page"] {
            let text = format!(
                "#!/bin/sh\necho {hook} >>{0}/order\n[ ! -e {0}/fails-{hook} ] || exit 7\necho id\n",
                site.folder().display()
            );
            site.program(&format!("hooks/{hook}"), &text);
        }
        Self(site)
    }

    /// Runs the walk with these steps; returns what the hooks wrote, and what was printed.
    fn run(&self, undrain: &str, on_failure: &str, failing: &str) -> (String, Said) {
        let folder = self.0.folder();
        for old in std::fs::read_dir(&folder).unwrap().flatten() {
            let name = old.file_name().to_string_lossy().into_owned();
            if name == "order" || name.starts_with("fails-") {
                std::fs::remove_file(old.path()).unwrap();
            }
        }
        for name in failing.split_whitespace() {
            self.0.write(&format!("fails-{name}"), "");
        }
        let change = match failing {
            _ if failing.contains("change") => "'false'",
            _ if failing.contains("look") => "{run: 'false', changes: no}",
            _ => "'true'",
        };
        self.0.write(
            "play.yml",
            &format!(
                "name: Traffic\nsteps:\n  - drain: hooks/drain\n  - snapshot: hooks/snapshot\n  - command: {change}\n  \
                 - undrain: {undrain}\non_failure: {on_failure}\n"
            ),
        );
        let said = self.0.run("run play.yml -i inv.yml");
        let order = std::fs::read_to_string(folder.join("order")).unwrap_or_default();
        (order.split_whitespace().collect::<Vec<_>>().join(" "), said)
    }
}

#[test]
fn traffic_comes_back_after_everything_else_and_only_to_a_host_that_may_serve() {
    let walk = Walk::new();
    let restore = "[{snapshot_restore: hooks/restore}]";
    let both = "[{snapshot_restore: hooks/restore}, {command: hooks/page, on: controller}]";
    let always = "{run: hooks/undrain, when_failed: yes}";
    for (undrain, on_failure, failing, expected) in [
        ("hooks/undrain", restore, "", "drain snapshot undrain"),
        // Restored: it serves again, after the restore.
        ("hooks/undrain", restore, "change", "drain snapshot restore undrain"),
        ("hooks/undrain", both, "change", "drain snapshot restore page undrain"),
        // Broken: it was not restored, the restore failed, or something after it did.
        ("hooks/undrain", "[]", "change", "drain snapshot"),
        ("hooks/undrain", restore, "change restore", "drain snapshot restore"),
        ("hooks/undrain", both, "change page", "drain snapshot restore page"),
        // The playbook says so.
        (always, "[]", "change", "drain snapshot undrain"),
        (always, restore, "change restore", "drain snapshot restore undrain"),
        // Only something around the host is wrong.
        ("hooks/undrain", "[]", "snapshot", "drain snapshot undrain"),
        // A failed check is a verdict on the host, although nothing was changed.
        ("hooks/undrain", "[]", "look", "drain snapshot"),
        ("hooks/undrain", "[]", "drain", "drain undrain"),
        ("hooks/undrain", "[]", "undrain", "drain snapshot undrain undrain"),
    ] {
        let (order, said) = walk.run(undrain, on_failure, failing);
        assert_eq!(order, expected, "{undrain} {on_failure} {failing}\n{}", said.page());
        let stays = !failing.is_empty() && !order.contains("undrain");
        assert_eq!(said.out.contains("stays drained"), stays, "{}", said.page());
    }
}

#[test]
fn the_last_page_names_the_hosts_that_stay_drained_and_what_to_type() {
    let walk = Walk::new();
    let (_, said) = walk.run("hooks/undrain {{ inventory_hostname }}", "[]", "change");
    insta::assert_snapshot!({ let said = said.ended(6); said.plain(&said.out) }, @r#"
    Traffic, run 20260101-000000-abcd, 1s

    failed at "Command: false": web001.test
      exit code 1; it stays drained
      changed: other changes on 1 host

    drained: web001.test stays drained: it is broken and was not restored
      web001.test: once it is repaired: hooks/undrain web001.test (on this machine),
      or run the playbook again with --limit web001.test: it ends with `undrain`

    1 host: 1 failed
    changed: other changes on 1 host

    next:
      patchwave log 20260101-000000-abcd web001.test     # everything it printed
      patchwave run play.yml -i inv.yml --limit @failed  # when fixed: retry 1 host
    "#);
    let run = walk.0.last_run();
    for line in [format!("show {run}"), format!("report {run}")] {
        walk.0.run(&line).says(&["stays drained"]);
    }
}
