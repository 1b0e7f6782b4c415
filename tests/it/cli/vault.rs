//! Values and files that are encrypted with Ansible Vault: they are used, and shown nowhere.

use std::{fs, path::Path};

use patchwave::demo::{Fleet, FleetSpec};

use crate::support::cli::{Desk, Said};

/// `ansible-vault encrypt_string` made `v4ult-value` into this, with the password `open sesame`.
const VALUE: &str = "\
$ANSIBLE_VAULT;1.1;AES256
35356631613864313733313864663434633361373536626364613030353231303861623165656561
3963346563636135643233303264666131396661303761630a636335366666393030343866356261
38626339313066373166396639396561316633343962303565613864333466393335353465353131
3961343531323432350a613439393231626337303138393761323866343461373162333635303036
3239
";

/// The same of the file `{api_key: s3cret-from-file, port: 2222, flag: true, nested: {a: [x-secret]}}`.
const FILE: &str = "\
$ANSIBLE_VAULT;1.1;AES256
31386138326661636531633534303764656338636639303331393930363663363435666532623336
3731336638303463353133386565333131376438613134640a643965386233323130643336346432
32316434656564396232346431636334383436643238346330303837333963643034353861313462
3336643834613432330a333830636136323934653435643635613030616537356461353965663231
39343636303964343438623665393165623330613162326662383661333661386632636136386230
31633761313263633532653437323830323039383030343631393138656239306665313062323630
62363433666431626465346231633666363133653334626635336137663161313763373633346461
31393264666639623939
";

/// The same of the text `pl4ybook-value`, as lines of a playbook.
const OF_PLAYBOOK: &str = "    $ANSIBLE_VAULT;1.1;AES256
    30656434643638306265653930383361303966383634323637303235613266653131323265303234
    6336383537393731663232616661343766363634393661350a656263303363616565316563326433
    65666431656361646137323831323763613464306538333130396332323363383930633230363332
    6164386665656637660a646433613164363461373732366339303539346462633130376538343566
    3830
";

const HIDDEN: [&str; 5] = ["v4ult-value", "s3cret-from-file", "x-secret", "open sesame", "pl4ybook-value"];

const PLAY: &str = r#"
name: Vault
steps:
  - command: { run: "echo look {{ note }} {{ nested.a[0] }} {{ flag }} plainly", changes: false }
    register: looked
  - command: { run: "echo own {{ own }} {{ inside.list[0] }} $OWN simply", environment: { OWN: "{{ own }}" } }
    when: own | length == 14
  - copy: { content: "{{ own }}", dest: /own }
  - command: { run: "echo again {{ looked.stdout | upper }} $X", changes: false, environment: { X: "{{ note }}" } }
  - command: { argv: ["./processes"], environment: { VALUE: "{{ note }}" } }
    on: controller
  - command: { run: "echo bad {{ api_key }} >&2; exit 4", changes: false }
"#;

#[track_caller]
fn hides(said: &Said) {
    for secret in HIDDEN {
        assert!(!said.out.contains(secret) && !said.err.contains(secret), "{secret}: {}\n{}", said.out, said.err);
    }
}

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

/// The playbook, with an encrypted value in its `vars` that steps, files on the host and a template use.
fn play() -> String {
    let vars = format!("name: Vault\nvars:\n  own: !vault |\n{OF_PLAYBOOK}  inside: {{ list: ['{{{{ own }}}}'] }}\n");
    PLAY.replace("name: Vault\n", &vars)
}

fn desk(fleet: &Fleet) -> Desk {
    let desk = Desk::of(fleet);
    let value = VALUE.lines().fold(String::new(), |text, line| format!("{text}      {line}\n"));
    let vars = format!("    ansible_host: 127.0.0.1\n    note: !vault |\n{value}");
    let inventory = fleet.inventory().replacen("    ansible_host: 127.0.0.1\n", &vars, 1);
    assert!(inventory.contains("!vault"), "{inventory}");
    desk.write("inv.yml", &inventory);
    desk.write("group_vars/all/sealed.yml", FILE);
    desk.write("password", "open sesame\n");
    desk.program("give", "#!/bin/sh\necho open sesame\n");
    desk.program(
        "processes",
        "#!/bin/sh\ncat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\000' ' ' >processes.txt\n[ -n \"$VALUE\" ]\n",
    );
    desk.write("play.yml", &play());
    desk
}

#[test]
fn what_was_encrypted_is_used_and_shown_nowhere() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let desk = desk(&fleet);
    let password = format!("--vault-password-file {}", desk.folder().join("password").display());
    for line in ["plan play.yml -i inv.yml", "inventory list -i inv.yml", "inventory check -i inv.yml"] {
        hides(&desk.run(&format!("{line} {password}")).ended(0));
    }
    let host = fleet.hosts().next().unwrap().name().to_owned();
    let shown = desk.run(&format!("inventory show -i inv.yml {host} {password}")).ended(0);
    assert!(shown.out.contains("note: \"***\"") && shown.out.contains("flag: true"), "{}", shown.out);
    hides(&shown);
    hides(&desk.run(&format!("run play.yml -i inv.yml {password} --check")).ended(6).says(&["own"]));
    let ran = desk.run(&format!("run play.yml -i inv.yml {password} --json"));
    hides(&ran);
    ran.ended(6).says(&["plainly", "look ******** ******** True plainly"]);
    for line in ["show", "show --all", "show --json", "status", "report", "report --format json", "runs"] {
        hides(&desk.run(line));
    }
    let run = desk.last_run();
    hides(
        &desk
            .run(&format!("log {run} {host}"))
            .ended(0)
            .says(&["again LOOK ********", "own ******** ******** ******** simply"]),
    );
    holds_nothing(&desk.folder().join("state"));
    let processes = fs::read_to_string(desk.folder().join("processes.txt")).unwrap();
    assert!(!HIDDEN.iter().any(|secret| processes.contains(secret)), "{processes}");
}

#[test]
fn a_playbook_says_what_to_do_about_what_it_cannot_read() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let desk = Desk::of(&fleet);
    desk.write("password", "open sesame\n");
    desk.write("wrong", "nonsense\n");
    let with = |file: &str| format!("plan play.yml -i inv.yml --vault-password-file {file}");
    let steps = "steps: [{ command: \"true\" }]\n";
    desk.write("play.yml", &format!("name: x\nvars:\n  own: !vault |\n{OF_PLAYBOOK}{steps}"));
    desk.run(&with("password")).ended(0);
    desk.run("plan play.yml -i inv.yml").ended(2).says(&[
        "play.yml:4:5: this is encrypted (!vault), and patchwave cannot decrypt it",
        "give its password with `--vault-password-file` or `-J`",
    ]);
    desk.run(&with("wrong")).ended(2).says(&["play.yml:4:5: this value is encrypted, and none of the vault passwords"]);
    desk.write("play.yml", &format!("name: x\nsteps:\n- command: !vault |\n{OF_PLAYBOOK}"));
    desk.run(&with("password"))
        .ended(2)
        .says(&["play.yml:4:5: only the variables of a playbook may be encrypted", "put the value into `vars:`"]);
    desk.write("play.yml", FILE);
    for line in [with("password"), "plan play.yml -i inv.yml".to_owned()] {
        desk.run(&line).ended(2).says(&["play.yml: this playbook is encrypted as a whole", "`ansible-vault decrypt`"]);
    }
}

#[test]
fn passwords_come_from_files_programs_and_people() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let mut desk = desk(&fleet);
    let path = |name: &str| desk.folder().join(name).display().to_string();
    let line = "plan play.yml -i inv.yml";
    for given in [
        format!("--vault-password-file {}", path("give")),
        format!("--vault-id test@{} --vault-id prod@{}", path("play.yml"), path("password")),
        format!("--vault-id {}", path("password")),
    ] {
        hides(&desk.run(&format!("{line} {given}")).ended(0));
    }
    desk.run(line).ended(2).says(&["this is encrypted (!vault)"]);
    desk.write("note.yml", "name: Note\nsteps: [{ command: \"echo {{ note }}\" }]\n");
    desk.run("plan note.yml -i inv.yml").ended(2).says(&["`note` is encrypted"]);
    let wrong = desk.run(&format!("{line} --vault-password-file {}", path("play.yml"))).ended(2);
    hides(&wrong);
    wrong.says(&[
        "this value is encrypted, and none of the vault passwords opens it",
        "sealed.yml: this file is encrypted",
    ]);
    desk.run(&format!("{line} --vault-password-file {}", path("absent")))
        .ended(2)
        .says(&["the vault password in absent"]);
    desk.run(&format!("{line} -J")).ended(3).says(&["cannot be asked for"]);
    desk.types = Some("open sesame");
    hides(&desk.run(&format!("{line} -J")).ended(0));
}

#[test]
fn extra_variables_come_from_encrypted_files_too() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let desk = Desk::of(&fleet);
    let host = fleet.hosts().next().unwrap().name().to_owned();
    let indented: String = VALUE.lines().map(|line| format!("  {line}\n")).collect();
    desk.write("file.yml", FILE);
    desk.write("value.yml", &format!("note: !vault |\n{indented}"));
    desk.write("password", "open sesame\n");
    let echo = "echo look {{ note }} {{ api_key }} {{ nested.a[0] }} plainly";
    desk.write("play.yml", &format!("name: Extra\nsteps:\n  - command: {{ run: \"{echo}\", changes: false }}\n"));
    let line = "run play.yml -i inv.yml -e @file.yml -e @value.yml";
    let refused = desk.run(line).ended(2);
    hides(&refused);
    refused.says(&["file.yml: this file is encrypted", "--vault-password-file"]);
    let ran = desk.run(&format!("{line} --vault-password-file password --json")).ended(0);
    hides(&ran);
    ran.says(&["look ******** ******** ******** plainly"]);
    let run = desk.last_run();
    hides(&desk.run(&format!("log {run} {host}")).ended(0).says(&["plainly"]));
    holds_nothing(&desk.folder().join("state"));
    desk.write("wrong", "nonsense\n");
    hides(
        &desk
            .run(&format!("{line} --vault-password-file wrong"))
            .ended(2)
            .says(&["none of the vault passwords opens it"]),
    );
}
