use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::*;
use crate::target::{BastionCaps, HostKeyPolicy, JumpHop};

fn inventory(vars: &str) -> Inventory {
    Inventory::from_text("inv.yml", &format!("web:\n  hosts: {{web1.example.com: }}\n  vars:\n{vars}"))
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn target(vars: &str) -> Result<Target, String> {
    let inventory = inventory(vars);
    inventory.target(&inventory.hosts()[0]).map_err(|problem| problem.to_string())
}

#[test]
fn nothing_said_is_a_plain_target() {
    let target = target("    a: 1\n").unwrap();
    assert_eq!((target.address.as_str(), target.port, target.user), ("web1.example.com", None, None));
    assert!(!target.escalation.on && target.password.is_none() && target.ssh_args.is_empty());
}

#[test]
fn each_variable_reaches_its_field() {
    let target = target(
        "
    domain: {net: internal}
    ansible_host: '{{ inventory_hostname_short }}.{{ domain.net }}'
    ansible_port: '{{ port }}'
    port: 22
    ansible_user: deploy
    ansible_connection: ssh
    ansible_ssh_private_key_file: ~/.ssh/fleet
    ansible_ssh_pass: p w
    ansible_become: yes
    ansible_become_method: su
    ansible_become_user: admin
    ansible_become_password: !unsafe '{{ x }}'
    ansible_ssh_common_args: -o \"ProxyJump=ops@b1:2222\" -C
    ansible_ssh_extra_args: -4
    patchwave: {connect_timeout: 3s, silence_timeout: 2m, host_key_checking: accept-new, bastion_connections: 2}
",
    )
    .unwrap();
    assert_eq!(
        (target.address.as_str(), target.port, target.user.as_deref()),
        ("web1.internal", Some(22), Some("deploy"))
    );
    assert!(target.key_file.unwrap().ends_with(".ssh/fleet"));
    assert_eq!(target.password.unwrap().expose_secret(), "p w");
    assert_eq!(target.ssh_args, ["-C", "-4"]);
    let hop = JumpHop { user: Some("ops".into()), host: "b1".into(), port: Some(2222), ..JumpHop::default() };
    assert_eq!(target.proxy, Some(Proxy::Jump(vec![hop])));
    assert_eq!(target.escalation.method, Method::Su);
    assert_eq!(target.escalation.user.as_deref(), Some("admin"));
    assert_eq!(target.escalation.password.unwrap().expose_secret(), "{{ x }}");
    assert_eq!(target.host_keys, Some(HostKeyPolicy::AcceptNew));
    assert_eq!(target.bastion, BastionCaps { connections: Some(2), handshakes: None });
    assert_eq!((target.limits.connect, target.limits.silence), (Duration::from_secs(3), Duration::from_secs(120)));
}

#[test]
fn the_time_to_connect_is_that_of_the_handshake_unless_it_has_its_own() {
    for (said, expected) in [
        ("", (10, 15)),
        ("connect_timeout: 5s", (5, 5)),
        ("connect_timeout: 40s", (40, 40)),
        ("connect_timeout: 5s, handshake_timeout: 30s", (5, 30)),
        ("handshake_timeout: 30s", (10, 30)),
    ] {
        let limits = target(&format!("    patchwave: {{ {said} }}\n")).unwrap().limits;
        assert_eq!((limits.connect.as_secs(), limits.handshake.as_secs()), expected, "{said}");
        let typed = limits.connecting_within(Some(Duration::from_secs(2)));
        assert_eq!(typed.handshake.as_secs(), if said.contains("handshake") { expected.1 } else { 2 }, "{said}");
        assert_eq!((typed.connect.as_secs(), limits.connecting_within(None)), (2, limits), "{said}");
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    for (vars, expected) in [
        ("ansible_connection: local", "`ansible_connection` is `local`, and patchwave reaches hosts by SSH only"),
        ("ansible_port: 0", "`ansible_port` is not a port from 1 to 65535"),
        ("ansible_host: '{{ nobody }}'", "`ansible_host` needs the variable `nobody`, which is not set for this host"),
        ("ansible_host: '{{ a | upper }}'", "`ansible_host` is a template with more than the name of a variable"),
        (
            "ansible_host: '{% if a %}b{% endif %}'",
            "`ansible_host` is a template with more than the name of a variable",
        ),
        ("ansible_host: '{{ ansible_host }}'", "`ansible_host` refers to itself"),
        ("ansible_host: '{{ a'", "`ansible_host` has a template that is never closed"),
        ("ansible_host: -oProxyCommand=x", "`ansible_host` must not begin with `-`"),
        ("ansible_host: \"$(touch x)\"", "`ansible_host` must not contain blanks, control characters, or any of"),
        ("ansible_ssh_host: '`id`'", "`ansible_ssh_host` must not contain blanks"),
        ("ansible_host: '{{ evil }}'\n    evil: a;b", "`ansible_host` must not contain blanks"),
        ("ansible_host: u;v@h", "`ansible_host` must not contain control characters"),
        ("ansible_host: u@", "`ansible_host` must be `address` or `login@address`"),
        ("ansible_host: ssh://u@h:22", "`ansible_host` must be a name or an address, not a URI"),
        ("ansible_user: $(touch x)", "`ansible_user` must not contain control characters, or any of"),
        ("ansible_ssh_user: a -oX", "`ansible_ssh_user` must not begin with `-`, or have one after a blank"),
        ("ansible_user: [a]", "`ansible_user` must be a text or a number, found a list"),
        ("ansible_become: maybe", "`ansible_become` is neither yes nor no"),
        ("ansible_become_method: pbrun", "`ansible_become_method` is `pbrun`, which patchwave does not know"),
        ("ansible_become_flags: -i", "`ansible_become_flags` is not supported"),
        (
            "ansible_host: a\n    ansible_ssh_host: ''",
            "`ansible_ssh_host` is empty, and in Ansible it overrides `ansible_host`",
        ),
        ("ansible_timeout: soon", "`ansible_timeout` is not a number of seconds from 0 to 3600"),
        ("ansible_shell_type: powershell", "`ansible_shell_type` is `powershell`: the host runs Windows"),
        ("ansible_ssh_executable: /opt/bin/kssh", "`ansible_ssh_executable` is not supported"),
        ("ansible_private_key_passphrase: x", "`ansible_private_key_passphrase` is not supported"),
        ("ansible_host_key_checking: maybe", "`ansible_host_key_checking` is neither yes nor no"),
        ("ansible_ssh_common_args: \"-o 'x\"", "`ansible_ssh_common_args` has a quote that is never closed"),
        ("ansible_ssh_common_args: -J b1;id", "`ansible_ssh_common_args`: `-J b1;id` cannot be read"),
        ("ansible_password: !vault x", "`ansible_password` is encrypted (!vault), and patchwave cannot decrypt it"),
    ] {
        let error = target(&format!("    {vars}\n")).unwrap_err();
        assert!(error.contains(&format!("host web1.example.com: {expected}")), "{vars} gave {error}");
    }
}

#[test]
fn no_checking_of_host_keys_is_as_far_as_accept_new() {
    for (vars, expected) in [
        ("ansible_host_key_checking: false", Some(HostKeyPolicy::AcceptNew)),
        ("ansible_ssh_host_key_checking: 'off'", Some(HostKeyPolicy::AcceptNew)),
        ("ansible_host_key_checking: true", None),
        ("ansible_host_key_checking: no, patchwave: { host_key_checking: strict }", Some(HostKeyPolicy::Strict)),
        ("ansible_ssh_executable: /usr/bin/ssh", None),
    ] {
        assert_eq!(target(&format!("    {{ {vars} }}\n")).unwrap().host_keys, expected, "{vars}");
    }
}

#[test]
fn an_error_shows_no_secret() {
    let error = target("    {ansible_become_password: hunter2, ansible_port: x}\n").unwrap_err();
    assert!(!error.contains("hunter2"), "{error}");
    for name in ["ansible_private_key", "'ansible_ssh_private_key'", "ansible_private_key_passphrase"] {
        let error = target(&format!("    {{ ansible_ssh_private_key_file: f, {name}: hunter2 }}\n")).unwrap_err();
        assert!(error.contains("private_key_file: f,") && !error.contains("hunter2"), "{error}");
        let error = target(&format!("    {name}: |\n      hunter2\n")).unwrap_err();
        assert!(error.contains("is not supported") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn equal_problems_are_told_once() {
    let text = "web: {hosts: 'web[01:20]', vars: {ansible_connection: docker}}\n";
    let inventory = Inventory::from_text("inv.yml", text).unwrap();
    let problems = inventory.targets(inventory.hosts()).unwrap_err().to_string();
    assert!(
        problems.starts_with("inv.yml:1:55: 20 hosts (web[01-20]): `ansible_connection` is `docker`"),
        "{problems}"
    );
}

#[test]
fn what_is_said_outside_inventories_is_weaker_than_every_name_of_an_option() {
    let said = |variable, name, text: &str| Fallback {
        variable,
        name,
        text: text.to_owned(),
        span: Span::of_whole("ansible.cfg"),
    };
    let environment =
        vec![said("ansible_become_user", "ANSIBLE_BECOME_USER", "ann"), said("ansible_ssh_args", "A", "")];
    let file = vec![
        said("ansible_become", "[privilege_escalation] become", "True"),
        said("ansible_become_method", "[privilege_escalation] become_method", "su"),
        said("ansible_su_user", "[su_become_plugin] user", "bob"),
        said("ansible_become_user", "[privilege_escalation] become_user", "eve"),
        said("ansible_port", "[defaults] remote_port", "2222"),
        said("ansible_ssh_args", "[ssh_connection] ssh_args", "-C"),
        said("ansible_ssh_extra_args", "[ssh_connection] ssh_extra_args", "-o User={{x}}"),
    ];
    let check = |vars: &str, places: &[&Vec<Fallback>], expected: (bool, Method, Option<&str>, Option<u16>)| {
        let fallbacks = Fallbacks(places.iter().map(|place| (*place).clone()).collect());
        let inventory = inventory(&format!("    a: 1\n{vars}")).with_fallbacks(fallbacks);
        let target = inventory.target(&inventory.hosts()[0]).unwrap();
        let raised = &target.escalation;
        assert_eq!((raised.on, raised.method, raised.user.as_deref(), target.port), expected, "{vars}");
        target.ssh_args
    };
    let args = check("", &[&file], (true, Method::Su, Some("bob"), Some(2222)));
    assert_eq!(args, ["-C", "-o", "User={{x}}"], "no template");
    // The environment decides for an option, whatever name the file has.
    let args = check("", &[&environment, &file], (true, Method::Su, Some("ann"), Some(2222)));
    assert_eq!(args, ["-o", "User={{x}}"], "an empty one is one");
    check("    ansible_become: n\n", &[&file], (false, Method::Su, Some("bob"), Some(2222)));
    check("    ansible_become_user: zoe\n", &[&file], (true, Method::Su, Some("zoe"), Some(2222)));
    // The name of another method is not one of this option.
    check("    ansible_sudo_user: zoe\n", &[&file], (true, Method::Su, Some("bob"), Some(2222)));
    check("    ansible_become_method: sudo\n", &[&file], (true, Method::Sudo, Some("eve"), Some(2222)));
    check("    ansible_ssh_port: 7\n", &[&file], (true, Method::Su, Some("bob"), Some(7)));
    // As in Ansible, an empty variable is set.
    check("    ansible_port: ''\n", &[&file], (true, Method::Su, Some("bob"), None));
    check("    ansible_port:\n", &[&file], (true, Method::Su, Some("bob"), Some(2222)));
}
