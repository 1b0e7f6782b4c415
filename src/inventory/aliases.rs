//! The names that Ansible has for each of its options, weakest first: the last one that is set wins, wherever it was
//! set. Knows no host and no value. Start at [`ADDRESS`] and the lists beside it.
//!
//! Source: the option lists of ansible-core 2.19, `plugins/connection/ssh.py`, `plugins/become/{sudo,su}.py` and
//! `plugins/shell/sh.py`, and of `doas.py` in community.general. `aliases_tests.rs` checks them, name by name.

use crate::target::Method;

pub const ADDRESS: &[&str] = &["ansible_host", "ansible_ssh_host"];
pub const PORT: &[&str] = &["ansible_port", "ansible_ssh_port"];
pub const USER: &[&str] = &["ansible_user", "ansible_ssh_user"];
pub const PASSWORD: &[&str] = &["ansible_password", "ansible_ssh_pass", "ansible_ssh_password"];
pub const KEY_FILE: &[&str] = &["ansible_private_key_file", "ansible_ssh_private_key_file"];
pub const HOST_KEY_CHECKING: &[&str] = &["ansible_host_key_checking", "ansible_ssh_host_key_checking"];
pub const CONNECT_TIMEOUT: &[&str] = &["ansible_timeout", "ansible_ssh_timeout"];
/// Not names of one option: Ansible passes all of them to ssh, in this order.
pub const SSH_ARGS: [&str; 3] = ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"];

/// The connection plugin, and whether rights are raised, and how: options with one name.
pub const CONNECTION: &[&str] = &["ansible_connection"];
pub const BECOME: &[&str] = &["ansible_become"];
pub const BECOME_METHOD: &[&str] = &["ansible_become_method"];
pub const PASSWORD_MECHANISM: &[&str] = &["ansible_ssh_password_mechanism"];

const NO_FLAGS: &str = "remove it; sudo, doas and su are called by their names";
const NO_FOLDER: &str = "remove it; commands run in the home folder";
const KEY: &str = "set the file with `ansible_ssh_private_key_file`, or put the key into an agent";
const PHRASE: &str = "put the key into an agent, or type its passphrase at the terminal, once per run";

/// Variables that change how Ansible reaches a host, and that have no meaning here, with what to do about each.
pub const REFUSED: [(&str, &str); 8] = [
    ("ansible_ssh_executable", "remove it; no `ssh` is started, and ssh's own files are read"),
    ("ansible_ssh_pkcs11_provider", "put the token's keys into an agent: `ssh-add -s PROVIDER`"),
    ("ansible_ssh_private_key", KEY),
    ("ansible_private_key", KEY),
    ("ansible_ssh_private_key_passphrase", PHRASE),
    ("ansible_private_key_passphrase", PHRASE),
    ("ansible_become_exe", NO_FLAGS),
    ("ansible_become_flags", NO_FLAGS),
];

/// Variables of Ansible's other SSH client that would change where it connects or as whom.
pub const REFUSED_BY_PARAMIKO: [&str; 8] = [
    "ansible_paramiko_host",
    "ansible_paramiko_port",
    "ansible_paramiko_user",
    "ansible_paramiko_pass",
    "ansible_paramiko_password",
    "ansible_paramiko_proxy_command",
    "ansible_paramiko_host_key_checking",
    "ansible_paramiko_private_key_file",
];

/// The names that one method of raising rights has for its options.
pub struct Become {
    pub user: &'static [&'static str],
    pub password: &'static [&'static str],
    /// As [`REFUSED`].
    pub refused: &'static [(&'static str, &'static str)],
}

/// The names for `method`. Ansible does not read those of other methods.
pub fn of_method(method: Method) -> Become {
    match method {
        Method::Sudo => Become {
            user: &["ansible_become_user", "ansible_sudo_user"],
            password: &["ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"],
            refused: &[
                ("ansible_sudo_exe", NO_FLAGS),
                ("ansible_sudo_flags", NO_FLAGS),
                ("ansible_sudo_chdir", NO_FOLDER),
            ],
        },
        Method::Su => Become {
            user: &["ansible_become_user", "ansible_su_user"],
            password: &["ansible_become_password", "ansible_become_pass", "ansible_su_pass"],
            refused: &[("ansible_su_exe", NO_FLAGS), ("ansible_su_flags", NO_FLAGS)],
        },
        Method::Doas => Become {
            user: &["ansible_become_user", "ansible_doas_user"],
            password: &["ansible_become_password", "ansible_become_pass", "ansible_doas_pass"],
            refused: &[("ansible_doas_exe", NO_FLAGS), ("ansible_doas_flags", NO_FLAGS)],
        },
    }
}

/// The options that may be set outside inventories ([`super::fallbacks`]), each with its names.
pub fn with_fallbacks(method: Method) -> Vec<&'static [&'static str]> {
    let of_method = of_method(method);
    let mut options = vec![CONNECTION, PORT, PASSWORD_MECHANISM, BECOME, BECOME_METHOD, of_method.user];
    options.push(of_method.password);
    options.extend(SSH_ARGS.iter().map(std::slice::from_ref));
    options
}

#[cfg(test)]
#[path = "aliases_tests.rs"]
mod tests;
