//! What is left for a person on hosts that are ok: said at the end of the run, by `show` and by `report`, and in the
//! events.

use patchwave::event::{Kind, LeftBehind};
use serde_json::{Value, json};

use crate::support::case::{Case, Site};

/// On the first two of three hosts `sudo` is held and a configuration file of `curl` is edited; no host has a snapshot.
const PLAY: &str = "name: Patch
steps:
  - command: apt-mark hold sudo && echo mine >$PATCHWAVE_ROOT/etc/curl.conf
    when: inventory_hostname != 'web003.test'
  - snapshot: hooks/snapshot {{ inventory_hostname }}
  - upgrade: { scope: security }
";

fn site(snapshot: &str) -> Site {
    let site = Case::hosts(3).play(PLAY).columns(100).site();
    site.program("hooks/snapshot", snapshot);
    site
}

const NO_SNAPSHOT: &str = "#!/bin/sh\necho \"no snapshots of $1\" >&2\necho none\n";
const LEFT: &str = "\
left behind on 2 hosts: web[001-002].test
  security updates not installed: sudo 1.9.13p3-1+deb12u2 → 1.9.13p3-1+deb12u3 (held)
  configuration files to merge: /etc/curl.conf.dpkg-dist
  a reboot is due: kernel 6.1.0-41-amd64 is installed, 6.1.0-40-amd64 is running
  no snapshot was taken: the hook printed `none`
left behind on 1 host: web003.test
  a reboot is due: kernel 6.1.0-41-amd64 is installed, 6.1.0-40-amd64 is running
  no snapshot was taken: the hook printed `none`
";

#[test]
fn it_is_said_at_the_end_and_by_every_reader() {
    let site = site(NO_SNAPSHOT);
    let said = site.run("run play.yml -i inv.yml --yes").ended(0);
    let shown = site.run("show").ended(0);
    for page in [&said, &shown] {
        assert!(page.out.contains(LEFT), "{}", page.page());
        assert!(page.out.contains("3 hosts: 3 ok\nchanged: 31 packages on 3 hosts\n"), "{}", page.page());
    }
    let page = site.run("report").ended(0).out;
    let part = page.split("## Left behind\n").nth(1).unwrap_or_else(|| panic!("{page}")).split("\n## ").next().unwrap();
    insta::assert_snapshot!(part, @r#"
    - **web\[001-002\].test**
      - security updates not installed: sudo 1.9.13p3-1+deb12u2 → 1.9.13p3-1+deb12u3 (held)
      - configuration files to merge: /etc/curl.conf.dpkg-dist
      - a reboot is due: kernel 6.1.0-41-amd64 is installed, 6.1.0-40-amd64 is running
      - no snapshot was taken: the hook printed \`none\`
    - **web003.test**
      - a reboot is due: kernel 6.1.0-41-amd64 is installed, 6.1.0-40-amd64 is running
      - no snapshot was taken: the hook printed \`none\`
    "#);
    let report: Value = serde_json::from_str(&site.run("report --format json").ended(0).out).unwrap();
    let sudo = json!({
        "name": "sudo", "installed": "1.9.13p3-1+deb12u2", "available": "1.9.13p3-1+deb12u3", "security": true,
        "why": "held"
    });
    assert_eq!(
        report["hosts"][1]["left_behind"],
        json!({
            "packages": [sudo], "more_packages": 0, "files": ["/etc/curl.conf.dpkg-dist"], "more_files": 0,
            "sources": [], "services": [], "more_services": 0, "no_snapshot": true,
            "reboot": "kernel 6.1.0-41-amd64 is installed, 6.1.0-40-amd64 is running"
        })
    );
    assert_eq!(report["hosts"][2]["left_behind"]["packages"], json!([]));
    let recorded = site.facts(&site.last_run(), |kind| match kind {
        Kind::StepFinished { host, result, .. } if host.as_str() == "web001.test" => Some(*result.left_behind),
        _ => None,
    });
    let [command, snapshot, upgrade] = &recorded[..] else { panic!("{recorded:?}") };
    assert_eq!((command.is_empty(), snapshot.no_snapshot, upgrade.packages[0].name.as_str()), (true, true, "sudo"));
    assert_eq!(upgrade.files, ["/etc/curl.conf.dpkg-dist"]);
}

#[test]
fn nothing_is_said_where_nothing_is_left_and_a_check_says_what_would_be() {
    let first = "  - command: apt-mark hold sudo && echo mine >$PATCHWAVE_ROOT/etc/curl.conf\n";
    let play = PLAY.replace(first, "  - pause: 1s\n");
    let fine = Case::hosts(1).play(play + "  - reboot: { when: required }\n").site();
    fine.program("hooks/snapshot", "#!/bin/sh\necho snap-1\n");
    fine.run("run play.yml -i inv.yml").ended(0).never_says(&["left behind"]);
    let report: Value = serde_json::from_str(&fine.run("report --format json").out).unwrap();
    assert_eq!(report["hosts"][0]["left_behind"]["no_snapshot"], json!(false));
    fine.run("report").ended(0).never_says(&["Left behind"]);

    let site = site(NO_SNAPSHOT);
    site.run("run play.yml -i inv.yml --limit web001.test").ended(0).says(&["left behind on 1 host: web001.test"]);
    let checked = site.run("run play.yml -i inv.yml --limit web001.test --check").ended(0);
    checked.says(&["would be left behind on 1 host: web001.test", "security updates not installed: sudo 1.9"]);
}

#[test]
fn a_taken_snapshot_and_an_update_that_went_in_later_are_not_left() {
    let play = format!("{PLAY}  - command: apt-mark unhold sudo\n  - upgrade: {{ scope: security }}\n");
    let site = Case::hosts(1).play(play).site();
    site.program("hooks/snapshot", "#!/bin/sh\necho snap-1\n");
    let said = site.run("run play.yml -i inv.yml").ended(0);
    said.says(&["left behind on 1 host", "configuration files to merge"]).never_says(&["sudo 1.9", "no snapshot"]);
    let facts: Vec<LeftBehind> = site.facts(&site.last_run(), |kind| match kind {
        Kind::StepFinished { result, .. } => Some(*result.left_behind),
        _ => None,
    });
    assert_eq!((facts[2].packages.len(), facts[4].packages.len()), (1, 0), "{facts:?}");
}

/// A program of `nginx` whose library is not on the disk any more. The hosts of the embedded fleet have no systemd.
const STALE: &str = "steps:
  - command: >-
      d=$PATCHWAVE_ROOT/proc/4242; mkdir -p $d && echo 0::/system.slice/nginx.service >$d/cgroup && echo nginx >$d/comm
      && echo '7f00-7f01 r-xp 00000000 fe:01 9 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)' >$d/maps
";

#[test]
fn services_with_replaced_files_are_named_until_they_are_restarted() {
    let nginx = "nginx (no unit of systemd: restart it by hand)";
    let line = format!("services that use replaced files until they are restarted: {nginx}");
    for key in ["", ", restart_services: needed"] {
        let play = format!("{STALE}  - upgrade: {{ scope: security{key} }}\n");
        let site = Case::hosts(1).play(play).columns(140).site();
        site.run("run play.yml -i inv.yml").ended(0).says(&["left behind on 1 host", &line]);
        site.run("show").ended(0).says(&[&line]);
        let report: Value = serde_json::from_str(&site.run("report --format json").ended(0).out).unwrap();
        assert_eq!(report["hosts"][0]["left_behind"]["services"], json!([nginx]));
    }
    let play = format!("{STALE}  - upgrade: {{ scope: security }}\n  - service: {{ name: nginx, state: restarted }}\n");
    Case::hosts(1).play(play).run("run play.yml -i inv.yml").ended(0).never_says(&["services that use"]);
}
