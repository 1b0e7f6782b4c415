//! A variable whose name says that it is a secret: every kind of step can use its value, and what a template makes of
//! it, but nothing shows them.

use std::{fs, path::Path};

use patchwave::{
    demo::{Fleet, FleetSpec},
    event::Kind,
};
use rustix::process::Signal;

use crate::support::cli::{Desk, Said};

/// What no output may contain: the values, and what the templates below make of them.
const HIDDEN: [&str; 8] =
    ["s3cr3t-T0k", "S3CR3T-T0K", "czNjcjN0LVQwaw==", "k0t-t3rc3s", "hunter22", "HUNTER22", "pg://u:", "extra-S3CR"];

const PLAY: &str = r#"
name: Secrets
vars:
  dsn: "pg://u:{{ api_token }}@h/"
  plain: not-hidden-at-all
steps:
  - command: { run: "echo look {{ api_token }} {{ plain }}", changes: false }
    register: looked
  - command: "echo seen {{ looked.stdout | quote }} {{ api_token | reverse }}"
  - command:
      run: "echo $X >&2; echo in {{ db.password | upper }} {{ dsn }}"
      changes: false
      environment: { X: "{{ api_token | b64encode }}" }
  - command: { run: "echo when {{ extra_token }}", changes: false }
    when: "api_token is search('^s3cr') and db.password | length == 8"
  - copy: { content: "a {{ api_token }}\nb {{ dsn }}\n", dest: /secret.conf }
  - command: { argv: ["./say", "{{ api_token }}", "{{ db.password }}"], environment: { Y: "{{ api_token | upper }}" } }
    on: controller
  - notify: { command: ./tell, message: "token {{ api_token }} of {{ inventory_hostname }}" }
  - notify: { command: ./break, message: "token {{ api_token }}", required: yes }
on_failure:
  - command: { run: "echo failed {{ api_token | upper }}; exit 3", changes: false }
  - command: { run: "echo {{ api_token + 1 }}", changes: false }
"#;

#[track_caller]
fn hides(said: &Said) {
    for secret in HIDDEN {
        assert!(!said.out.contains(secret) && !said.err.contains(secret), "{secret}: {}\n{}", said.out, said.err);
    }
}

/// All files of a folder, as bytes.
#[track_caller]
fn holds_nothing(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            holds_nothing(&path);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        for secret in HIDDEN {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} is in {}", path.display());
        }
    }
}

fn desk(fleet: &Fleet) -> Desk {
    let desk = Desk::of(fleet);
    let vars = "    ansible_host: 127.0.0.1\n    api_token: s3cr3t-T0k\n    db: { host: dbhost, password: hunter22 }\n";
    let inventory = fleet.inventory().replacen("    ansible_host: 127.0.0.1\n", vars, 1);
    assert!(inventory.contains("api_token"), "{inventory}");
    desk.write("inv.yml", &inventory);
    desk.program("say", "#!/bin/sh\necho \"$@\" \"$Y\"\n");
    desk.program("tell", "#!/bin/sh\ncat\n");
    desk.program("break", "#!/bin/sh\ncat\necho \"$PATCHWAVE_MESSAGE\" >&2\nexit 9\n");
    desk.write("play.yml", PLAY);
    desk
}

#[test]
fn a_secret_variable_is_used_and_shown_nowhere() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let desk = desk(&fleet);
    for line in
        ["plan play.yml -i inv.yml -e extra_token=extra-S3CR", "inventory list -i inv.yml -e extra_token=extra-S3CR"]
    {
        hides(&desk.run(line).ended(0));
    }
    let ran = desk.run("run play.yml -i inv.yml -e extra_token=extra-S3CR --json");
    hides(&ran);
    let ran = ran.ended(6).says(&["not-hidden-at-all", "break failed", "********"]);
    assert!(ran.out.contains("`api_token + 1` cannot be computed"), "{}", ran.out);
    for line in
        ["show", "show --all", "show --json", "status", "status --json", "report", "report --format json", "runs"]
    {
        hides(&desk.run(line));
    }
    let run = desk.last_run();
    let (host, folder) = fleet.hosts().next().map(|host| (host.name().to_owned(), host.folder())).unwrap();
    let written = fs::read_to_string(folder.join("secret.conf")).unwrap();
    assert_eq!(written, "a s3cr3t-T0k\nb pg://u:s3cr3t-T0k@h/\n", "the host gets it as it is");
    let log = desk.run(&format!("log {run} {host}")).ended(0).says(&["not-hidden-at-all", "look ********"]);
    hides(&log);
    holds_nothing(&desk.folder().join("state"));
    // An error near a secret shows its line.
    desk.write(
        "bad.yml",
        "vars: { api_token: s3cr3t-T0k }\nsteps: [{ command: 'x {{ api_token', zzz: { TOKEN: hunter22 } }]\n",
    );
    hides(&desk.run("plan bad.yml -i inv.yml").ended(2));
}

#[test]
fn what_a_job_says_of_a_secret_is_hidden_by_the_controller_that_takes_over() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let desk = desk(&fleet);
    let play = "name: Job\nsteps:\n  - command: \"while ! [ -e $PATCHWAVE_ROOT/go ]; do sleep 0.05; done; \
                echo late {{ api_token | upper }}; exit 4\"\n";
    desk.write("play.yml", play);
    let running = desk.start("run play.yml -i inv.yml -e extra_token=extra-S3CR --json");
    desk.until("a job that began", |events| {
        events.iter().any(|event| matches!(&event.kind, Kind::StepNoted { value, .. } if value["begun"] == true))
    });
    running.signal(Signal::KILL);
    hides(&running.end());
    fleet.hosts().for_each(|host| fs::write(host.folder().join("go"), "").unwrap());
    let resumed = desk.really("resume --yes -e extra_token=extra-S3CR --json");
    hides(&resumed);
    resumed.ended(6).says(&["late ********"]);
    holds_nothing(&desk.folder().join("state"));
}
