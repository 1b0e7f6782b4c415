//! What `ansible.cfg` and the environment say about how hosts are reached: raised rights, the port, options of ssh.

use std::fs;

use crate::support::{
    case::{Case, Site},
    cli::{Desk, Said},
};

const STEPS: &str = "name: Wait
steps:
  - command: echo begun >>$PATCHWAVE_ROOT/begun; while ! [ -e $PATCHWAVE_ROOT/go ]; do sleep 0.05; done
";

/// A host whose port and trusted keys are in `ansible.cfg` alone.
fn site() -> Site {
    let site = Case::hosts(1).play(STEPS).site();
    let (user, key) = (site.fleet.user(), site.fleet.key_file().display().to_string());
    site.write(
        "bare.yml",
        &format!(
            "all:\n  vars: {{ ansible_host: 127.0.0.1, ansible_user: {user}, ansible_ssh_private_key_file: '{key}' }}\n  \
             hosts: {{ web001.test: {{ patchwave: {{ environment: production, risk: low }} }} }}\n"
        ),
    );
    site.write("ansible.cfg", &cfg(&site, ""));
    site
}

fn cfg(site: &Site, more: &str) -> String {
    let port = site.fleet.hosts().next().unwrap().port();
    let known = site.fleet.known_hosts().display().to_string();
    format!(
        "[defaults]\nremote_port = {port}\n[ssh_connection]\nssh_args = -C -o ControlMaster=auto\n\
         ssh_common_args = \"-o UserKnownHostsFile={known}\"\n{more}"
    )
}

/// The real program, with more variables.
fn with(desk: &Desk, env: &[(&str, &str)], line: &str) -> Said {
    let mut command = desk.command(line);
    command.current_dir(desk.folder()).envs(env.iter().copied());
    desk.started(command).end()
}

#[test]
fn hosts_are_reached_as_ansible_cfg_says_unless_the_inventory_says_otherwise() {
    let site = site();
    let port = site.fleet.hosts().next().unwrap().port();
    let said = site.run("exec -i bare.yml all -- true").ended(0);
    assert!(said.err.contains(&format!("from ansible.cfg: port {port}, ssh args, ssh common args")), "{}", said.err);
    let shown = site.run("inventory show -i bare.yml web001.test").ended(0);
    assert!(shown.out.contains(&format!("ansible_port: \"{port}\"\n    ansible.cfg:2:1\n")), "{}", shown.out);
    assert!(
        shown.out.contains("ansible_ssh_args: \"-C -o ControlMaster=auto\"\n    ansible.cfg:4:1\n"),
        "{}",
        shown.out
    );
    site.run("inventory check -i bare.yml").ended(0);
    // The environment over the file, and an empty variable over it, too.
    with(&site, &[("ANSIBLE_REMOTE_PORT", "1")], "exec -i bare.yml all -- true").ended(5);
    let env = [("ANSIBLE_SSH_COMMON_ARGS", ""), ("ANSIBLE_BECOME_PASS", "s3cret"), ("ANSIBLE_BECOME", "no")];
    let shown = with(&site, &env, "inventory show -i bare.yml web001.test").ended(0);
    for line in [
        "ansible_ssh_common_args: \"\"\n    ANSIBLE_SSH_COMMON_ARGS\n",
        "ansible_become_password: \"***\"\n    ANSIBLE_BECOME_PASS\n",
        "ansible_become: \"no\"\n    ANSIBLE_BECOME\n",
    ] {
        assert!(shown.out.contains(line), "{line}: {}", shown.out);
    }
    assert!(!format!("{shown:?}").contains("s3cret"), "{shown:?}");
    assert!(shown.err.contains("from ANSIBLE_BECOME_PASS: become password\n"), "{}", shown.err);
    // Every name of a variable wins over both, and `-e` does.
    let shown = site.run("inventory show -i bare.yml web001.test -e ansible_ssh_port=7").ended(0);
    assert!(!shown.out.contains("ansible.cfg:2:1") && shown.out.contains("ansible_ssh_port"), "{}", shown.out);
    site.run("exec -i bare.yml all -e ansible_ssh_port=1 -- true").ended(5);
    // Ansible's variables have no such values, nor do its templates.
    let list = site.run("inventory list --ansible -i bare.yml").ended(0);
    assert!(!list.out.contains("ansible_port") && !list.out.contains("ssh_args"), "{}", list.out);
    // A connection that is not SSH leaves hosts out.
    with(&site, &[("ANSIBLE_TRANSPORT", "local")], "exec -i bare.yml all -- true")
        .says(&["web001.test", "`ANSIBLE_TRANSPORT` is `local`"]);
}

#[test]
fn what_cannot_be_honoured_is_refused_at_its_place_and_what_is_not_read_is_named() {
    let site = site();
    for (more, expected) in [
        (
            "ssh_extra_args = -o Port=x\n",
            "ansible.cfg:6:1: host web001.test: `[ssh_connection] ssh_extra_args`: port: ",
        ),
        ("ssh_extra_args = 'a\n", "`[ssh_connection] ssh_extra_args` has a quote that is never closed"),
        (
            "[privilege_escalation]\nbecome = perhaps\n",
            "ansible.cfg:7:1: [privilege_escalation] become: expected True or False",
        ),
        (
            "[privilege_escalation]\nbecome_method =\n",
            "ansible.cfg:7:1: [privilege_escalation] become_method: expected sudo, su",
        ),
        ("[privilege_escalation]\nbecome_method = runas\n", "`[privilege_escalation] become_method` is `runas`"),
    ] {
        site.write("ansible.cfg", &cfg(&site, more));
        site.run("exec -i bare.yml all -- true").ended(2).says(&[expected]);
        site.run("inventory check -i bare.yml").ended(2).says(&[expected]);
    }
    site.write("ansible.cfg", "[defaults]\nremote_port =\n");
    site.run("exec -i bare.yml all -- true")
        .ended(2)
        .says(&["[defaults] remote_port: expected a port from 1 to 65535"]);
    site.write(
        "ansible.cfg",
        &cfg(&site, "timeout = 5\npipelining = True\n[privilege_escalation]\nbecome_flags = -H -S\n[sudo_become_plugin]\npassword = s3cret\n"),
    );
    let said = with(&site, &[("ANSIBLE_BECOME_EXE", "/x/sudo")], "inventory check -i bare.yml").ended(0);
    for line in [
        "note: ANSIBLE_BECOME_EXE is not read: sudo, doas and su are called by their names",
        "note: ansible.cfg: [privilege_escalation] become_flags is not read: sudo, doas and su",
        "note: ansible.cfg: [ssh_connection] timeout is not read: nor does Ansible",
        "note: ansible.cfg: [ssh_connection] pipelining has no meaning here",
        "sudo pass",
    ] {
        assert!(said.err.contains(line), "{line}: {}", said.err);
    }
    assert!(!format!("{said:?}").contains("s3cret"), "{said:?}");
    // A password that the file asks for needs somebody who types it.
    site.write("ansible.cfg", &cfg(&site, "[privilege_escalation]\nbecome_ask_pass = yes\n"));
    site.run("exec -i bare.yml all -- true").ended(3).says(&["the sudo password cannot be asked for"]);
}

#[test]
fn a_resume_reaches_hosts_by_the_places_of_the_run_and_notices_that_they_say_something_else() {
    let site = site();
    let port = site.fleet.hosts().next().unwrap().port();
    let run = site.killed("run play.yml -i bare.yml --yes", "a step that works", |_| site.lines("begun") > 0);
    site.fleet.hosts().for_each(|host| fs::write(host.folder().join("go"), "").unwrap());
    let cfg = cfg(&site, "");
    site.write("ansible.cfg", &cfg.replace(&port.to_string(), "1"));
    let refused = site.run(&format!("resume {run}"));
    refused.ended(3).says(&["the variable ansible_port has changed on web001.test"]);
    site.write("ansible.cfg", &cfg);
    // From another folder, with another file there and other variables: neither counts.
    site.write("other/ansible.cfg", "[defaults]\nremote_port = 1\n");
    let mut command = site.command(&format!("resume {run}"));
    command.current_dir(site.folder().join("other")).env("ANSIBLE_REMOTE_PORT", "1");
    site.started(command).end().ended(0);
}
