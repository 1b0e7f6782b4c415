use secrecy::ExposeSecret as _;

use super::super::Inventory;
use crate::{
    sensitive,
    target::{Method, Target},
};

/// What becomes of a variable that Ansible reads.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// Honoured, in Ansible's order.
    Honoured,
    /// The host is refused, and the message names the variable.
    Refused,
    /// Changes nothing here: how Ansible copies its own programs, or what its output looks like.
    Harmless,
}
use Fate::{Harmless, Honoured, Refused};

/// One option: its plugin, its name, its variables in the order in which they are looked at (the last one that is set
/// holds), and what becomes of them here.
type Row = (&'static str, &'static str, &'static [&'static str], Fate);

/// Printed by `ansible-core` 2.19.14 (`C.config.get_configuration_definitions(type, plugin)`) and read from
/// `doas.py` of community.general 8.6.
const OPTIONS: &[Row] = &[
    ("ssh", "host", &["ansible_host", "ansible_ssh_host"], Honoured),
    ("ssh", "host_key_checking", &["ansible_host_key_checking", "ansible_ssh_host_key_checking"], Honoured),
    ("ssh", "password", &["ansible_password", "ansible_ssh_pass", "ansible_ssh_password"], Honoured),
    ("ssh", "password_mechanism", &["ansible_ssh_password_mechanism"], Honoured),
    ("ssh", "sshpass_prompt", &["ansible_sshpass_prompt"], Harmless),
    ("ssh", "ssh_args", &["ansible_ssh_args"], Honoured),
    ("ssh", "ssh_common_args", &["ansible_ssh_common_args"], Honoured),
    ("ssh", "ssh_extra_args", &["ansible_ssh_extra_args"], Honoured),
    ("ssh", "ssh_executable", &["ansible_ssh_executable"], Refused),
    ("ssh", "sftp_executable", &["ansible_sftp_executable"], Harmless),
    ("ssh", "scp_executable", &["ansible_scp_executable"], Harmless),
    ("ssh", "scp_extra_args", &["ansible_scp_extra_args"], Harmless),
    ("ssh", "sftp_extra_args", &["ansible_sftp_extra_args"], Harmless),
    ("ssh", "reconnection_retries", &["ansible_ssh_retries"], Harmless),
    ("ssh", "port", &["ansible_port", "ansible_ssh_port"], Honoured),
    ("ssh", "remote_user", &["ansible_user", "ansible_ssh_user"], Honoured),
    ("ssh", "pipelining", &["ansible_pipelining", "ansible_ssh_pipelining"], Harmless),
    ("ssh", "private_key_file", &["ansible_private_key_file", "ansible_ssh_private_key_file"], Honoured),
    ("ssh", "private_key", &["ansible_private_key", "ansible_ssh_private_key"], Refused),
    (
        "ssh",
        "private_key_passphrase",
        &["ansible_private_key_passphrase", "ansible_ssh_private_key_passphrase"],
        Refused,
    ),
    ("ssh", "control_path", &["ansible_control_path"], Harmless),
    ("ssh", "control_path_dir", &["ansible_control_path_dir"], Harmless),
    ("ssh", "sftp_batch_mode", &["ansible_sftp_batch_mode"], Harmless),
    ("ssh", "ssh_transfer_method", &["ansible_ssh_transfer_method"], Harmless),
    ("ssh", "use_tty", &["ansible_ssh_use_tty"], Harmless),
    // `ansible_timeout` is not in the plugin's own list, and is weaker than all in it.
    ("ssh", "timeout", &["ansible_timeout", "ansible_ssh_timeout"], Honoured),
    ("ssh", "pkcs11_provider", &["ansible_ssh_pkcs11_provider"], Refused),
    ("ssh", "verbosity", &["ansible_ssh_verbosity"], Harmless),
    ("sh", "remote_tmp", &["ansible_remote_tmp"], Harmless),
    ("sh", "common_remote_group", &["ansible_common_remote_group"], Harmless),
    ("sh", "system_tmpdirs", &["ansible_system_tmpdirs"], Harmless),
    ("sh", "async_dir", &["ansible_async_dir"], Harmless),
    ("sh", "admin_users", &["ansible_admin_users"], Harmless),
    ("sh", "world_readable_temp", &["ansible_shell_allow_world_readable_temp"], Harmless),
    ("sh", "executable", &["ansible_shell_executable"], Harmless),
    ("sudo", "become_user", &["ansible_become_user", "ansible_sudo_user"], Honoured),
    ("sudo", "become_exe", &["ansible_become_exe", "ansible_sudo_exe"], Refused),
    ("sudo", "become_flags", &["ansible_become_flags", "ansible_sudo_flags"], Refused),
    ("sudo", "become_pass", &["ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"], Honoured),
    ("sudo", "sudo_chdir", &["ansible_sudo_chdir"], Refused),
    ("su", "become_user", &["ansible_become_user", "ansible_su_user"], Honoured),
    ("su", "become_exe", &["ansible_become_exe", "ansible_su_exe"], Refused),
    ("su", "become_flags", &["ansible_become_flags", "ansible_su_flags"], Refused),
    ("su", "become_pass", &["ansible_become_password", "ansible_become_pass", "ansible_su_pass"], Honoured),
    ("su", "prompt_l10n", &["ansible_su_prompt_l10n"], Harmless),
    ("doas", "become_user", &["ansible_become_user", "ansible_doas_user"], Honoured),
    ("doas", "become_exe", &["ansible_become_exe", "ansible_doas_exe"], Refused),
    ("doas", "become_flags", &["ansible_become_flags", "ansible_doas_flags"], Refused),
    ("doas", "become_pass", &["ansible_become_password", "ansible_become_pass", "ansible_doas_pass"], Honoured),
    ("doas", "prompt_l10n", &["ansible_doas_prompt_l10n"], Harmless),
];

fn target(method: &str, vars: &[(&str, &str)]) -> Result<Target, String> {
    let mut text = format!("web:\n  hosts: {{web1: }}\n  vars:\n    ansible_become_method: {method}\n");
    for (name, value) in vars {
        text.push_str(&format!("    {name}: '{value}'\n"));
    }
    let inventory = Inventory::from_text("inv.yml", &text).unwrap_or_else(|problems| panic!("{problems}"));
    inventory.target(&inventory.hosts()[0]).map_err(|problem| problem.to_string())
}

/// Everything in a target, secrets included.
fn whole(target: &Target) -> String {
    let secret = |password: &Option<secrecy::SecretString>| password.as_ref().map(|p| p.expose_secret().to_owned());
    format!("{target:?} {:?} {:?}", secret(&target.password), secret(&target.escalation.password))
}

fn method(plugin: &str) -> &str {
    if matches!(plugin, "su" | "doas") { plugin } else { "sudo" }
}

/// Two different values of an option; one of them changes nothing if the option is off by default.
fn values(option: &str) -> [&'static str; 2] {
    match option {
        "port" | "timeout" => ["11", "12"],
        "host_key_checking" => ["no", "yes"],
        "password_mechanism" => ["disable", "ssh_askpass"],
        option if option.ends_with("_args") => ["-J one", "-J two"],
        _ => ["one", "two"],
    }
}

#[test]
fn the_last_variable_of_an_option_that_is_set_holds() {
    for (plugin, option, names, _) in OPTIONS.iter().filter(|row| row.3 == Honoured) {
        let [one, two] = values(option);
        let with = |vars: &[(&str, &str)]| {
            let mut vars = vars.to_vec();
            if *option == "password_mechanism" {
                vars.push(("ansible_password", "p"));
            }
            whole(&target(method(plugin), &vars).unwrap_or_else(|error| panic!("{plugin} {option}: {error}")))
        };
        assert_ne!(with(&[]), with(&[(names[0], one)]), "{plugin} {option} is read");
        for (at, name) in names.iter().enumerate() {
            assert_eq!(with(&[(name, one)]), with(&[(names[0], one)]), "{name} is another name of {}", names[0]);
            for weaker in &names[..at] {
                for (of_weaker, own) in [(one, two), (two, one)] {
                    let both = with(&[(name, own), (weaker, of_weaker)]);
                    assert_eq!(both, with(&[(name, own)]), "{name} wins over {weaker}");
                }
            }
        }
    }
}

#[test]
fn what_is_not_honoured_is_refused_by_name_or_harmless() {
    let plain = |plugin: &str| whole(&target(method(plugin), &[]).unwrap());
    for (plugin, option, names, fate) in OPTIONS.iter().filter(|row| row.3 != Honoured) {
        for name in *names {
            let got = target(method(plugin), &[(name, "x")]);
            match fate {
                Refused => {
                    let error = got.map(|_| ()).unwrap_err();
                    assert!(error.contains(&format!("`{name}` is not supported")), "{plugin} {option}: {error}");
                }
                _ => assert_eq!(whole(&got.unwrap()), plain(plugin), "{plugin} {option}: {name}"),
            }
        }
    }
}

#[test]
fn the_variables_of_another_method_are_not_read_as_in_ansible() {
    for (plugin, option, names, fate) in OPTIONS.iter().filter(|row| row.1.starts_with("become_")) {
        let own = names.last().unwrap();
        for other in ["sudo", "su", "doas"].iter().filter(|other| *other != plugin) {
            let got = target(other, &[(own, "x")]).map(|target| whole(&target));
            assert_eq!(got, target(other, &[]).map(|target| whole(&target)), "{own} with {other} ({option}, {fate:?})");
        }
    }
}

#[test]
fn it_does_not_matter_where_each_name_was_set() {
    let text = "all: { vars: { ansible_become_password: fleet, ansible_ssh_host: 2.2.2.2, ansible_ssh_port: 22 }, \
                hosts: { x: { ansible_become_pass: own, ansible_host: 1.1.1.1, ansible_port: 9 } } }\n";
    let inventory = Inventory::from_text("inv.yml", text).unwrap();
    let target = inventory.target(&inventory.hosts()[0]).unwrap();
    assert_eq!(target.escalation.password.unwrap().expose_secret(), "own");
    assert_eq!((target.address.as_str(), target.port), ("2.2.2.2", Some(22)));
    // An empty password is Ansible's way to send none.
    let none = text.replace("ansible_become_pass: own", "ansible_become_pass: ''");
    let inventory = Inventory::from_text("inv.yml", &none).unwrap();
    assert!(inventory.target(&inventory.hosts()[0]).unwrap().escalation.password.is_none());
}

#[test]
fn the_names_of_paramiko_are_refused_where_it_is_the_client() {
    for name in super::REFUSED_BY_PARAMIKO {
        assert!(target("sudo", &[(name, "x")]).is_ok(), "{name}");
        let error = target("sudo", &[("ansible_connection", "paramiko"), (name, "x")]).map(|_| ()).unwrap_err();
        assert!(error.contains(&format!("`{name}` is not supported")), "{error}");
    }
}

#[test]
fn every_name_of_a_password_is_a_sensitive_one() {
    use super::{KEY_FILE, PASSWORD, REFUSED, REFUSED_BY_PARAMIKO, of_method};
    let become_ = [Method::Sudo, Method::Su, Method::Doas].map(|method| of_method(method).password);
    for name in PASSWORD.iter().chain(become_.into_iter().flatten()) {
        assert!(sensitive::name(name), "{name}");
    }
    let refused = REFUSED.iter().map(|(name, _)| name).chain(&REFUSED_BY_PARAMIKO);
    let held = |name: &str| name.contains("pass") || name.ends_with("private_key");
    for name in refused {
        assert_eq!(sensitive::name(name), held(name), "{name}");
    }
    let files = KEY_FILE.iter().filter(|name| sensitive::name(name));
    assert_eq!(files.count(), 0, "where a key is may be shown");
}
