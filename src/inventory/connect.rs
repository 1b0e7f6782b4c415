//! `ansible_*` connection variables to a [`Target`].
//! Source: the options of Ansible's `ssh` connection plugin and of its become plugins.

use std::{path::PathBuf, sync::Arc};

use secrecy::SecretString;

use super::{
    group::{Host, Inventory},
    template,
};
use crate::{
    host::HostName,
    names,
    target::{Escalation, HostKeyPolicy, Method, Proxy, Target},
    yaml::{Problem, Problems, Span},
};

/// What is wrong with one host's connection, without the host's name, so that equal problems can be folded.
#[derive(Clone, Debug, PartialEq)]
struct Wrong {
    message: String,
    help: Option<String>,
    span: Option<Span>,
}

impl Wrong {
    fn problem(self, who: &str) -> Problem {
        Problem { span: self.span, message: format!("{who}: {}", self.message), help: self.help }
    }
}

impl Inventory {
    /// How to reach a host.
    ///
    /// # Errors
    /// A connection variable that cannot be used, by name: not SSH, encrypted, a template that computes, a bad value.
    pub fn target(&self, name: &HostName) -> Result<Target, Problem> {
        self.try_target(name).map_err(|wrong| wrong.problem(&format!("host {name}")))
    }

    /// How to reach each of these hosts.
    ///
    /// # Errors
    /// All that is wrong; hosts with the same problem share a message.
    pub fn targets(&self, names: &[HostName]) -> Result<Vec<Target>, Problems> {
        let mut targets = Vec::with_capacity(names.len());
        let mut wrongs: Vec<(Wrong, Vec<HostName>)> = Vec::new();
        for name in names {
            match self.try_target(name) {
                Ok(target) => targets.push(target),
                Err(wrong) => match wrongs.iter_mut().find(|(known, _)| *known == wrong) {
                    Some((_, hosts)) => hosts.push(name.clone()),
                    None => wrongs.push((wrong, vec![name.clone()])),
                },
            }
        }
        let problem = |(wrong, hosts): (Wrong, Vec<HostName>)| match hosts.as_slice() {
            [host] => wrong.problem(&format!("host {host}")),
            _ => wrong.problem(&format!("{} hosts ({})", hosts.len(), names::fold(&hosts))),
        };
        Problems(wrongs.into_iter().map(problem).collect()).or(targets)
    }

    fn try_target(&self, name: &HostName) -> Result<Target, Wrong> {
        let Some(host) = self.host(name) else {
            return Err(Wrong { message: "is not in the inventory".into(), help: None, span: None });
        };
        let vars = Vars { inventory: self, name, host };
        vars.check_connection()?;
        vars.check_unsupported()?;
        let settings = self.settings(host);
        let (ssh_args, proxy) = vars.ssh_args()?;
        Ok(Target {
            name: name.clone(),
            address: vars.text(&["ansible_host", "ansible_ssh_host"])?.unwrap_or_else(|| name.as_str().to_owned()),
            port: vars.port()?,
            user: vars.text(&["ansible_user", "ansible_ssh_user"])?,
            key_file: vars.text(&["ansible_ssh_private_key_file", "ansible_private_key_file"])?.map(home),
            password: vars.secret(&["ansible_password", "ansible_ssh_pass", "ansible_ssh_password"])?,
            ssh_args,
            proxy,
            bastion: settings.bastion,
            ssh: Arc::default(),
            host_keys: settings.host_keys.or(vars.host_keys()?),
            escalation: vars.escalation()?,
            limits: settings.limits(),
            steal_lease: false,
            settled: None,
        })
    }
}

/// `~/…` from the home folder of whoever runs this.
fn home(path: String) -> PathBuf {
    match (path.strip_prefix("~/"), etcetera::home_dir()) {
        (Some(rest), Ok(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

struct Vars<'a> {
    inventory: &'a Inventory,
    name: &'a HostName,
    host: &'a Host,
}

impl Vars<'_> {
    /// The first of these names that is set, with where it was set and its resolved text. Empty text counts as unset.
    fn get(&self, names: &[&'static str]) -> Result<Option<(&'static str, Span, String)>, Wrong> {
        for &name in names {
            let Some(node) = self.inventory.var(self.host, name).filter(|node| !node.is_null()) else { continue };
            let text = template::text(self.inventory, self.name, self.host, node).map_err(|no| Wrong {
                message: format!("`{name}` {}", no.why),
                help: no.help,
                span: Some(no.span),
            })?;
            if !text.is_empty() {
                return Ok(Some((name, node.span.clone(), text)));
            }
        }
        Ok(None)
    }

    fn text(&self, names: &[&'static str]) -> Result<Option<String>, Wrong> {
        let Some((name, span, text)) = self.get(names)? else { return Ok(None) };
        if text.starts_with('-') || text.chars().any(|c| c.is_control()) {
            let message = format!("`{name}` must not begin with `-` or hold control characters");
            return Err(Wrong { message, help: None, span: Some(span) });
        }
        Ok(Some(text))
    }

    fn secret(&self, names: &[&'static str]) -> Result<Option<SecretString>, Wrong> {
        Ok(self.get(names)?.map(|(_, _, text)| SecretString::from(text)))
    }

    fn port(&self) -> Result<Option<u16>, Wrong> {
        let Some((name, span, text)) = self.get(&["ansible_port", "ansible_ssh_port"])? else { return Ok(None) };
        match text.trim().parse::<u16>() {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => {
                Err(Wrong { message: format!("`{name}` is not a port from 1 to 65535"), help: None, span: Some(span) })
            }
        }
    }

    fn check_connection(&self) -> Result<(), Wrong> {
        let Some((name, span, text)) = self.get(&["ansible_connection"])? else { return Ok(()) };
        if matches!(text.as_str(), "ssh" | "smart" | "ansible.builtin.ssh" | "paramiko" | "paramiko_ssh") {
            return Ok(());
        }
        let message = format!("`{name}` is `{}`, and patchwave reaches hosts by SSH only", shown(&text));
        let help = "leave such hosts out: `--limit 'all:!NAME'`".to_owned();
        Err(Wrong { message, help: Some(help), span: Some(span) })
    }

    /// Variables that change how Ansible reaches a host, which mean nothing here.
    fn check_unsupported(&self) -> Result<(), Wrong> {
        const KEY: &str = "give the file with `ansible_ssh_private_key_file`, or put the key into an agent";
        const PHRASE: &str = "put the key into an agent, or type its passphrase at the terminal, once a run";
        const NO_SSH: &str = "remove it; no `ssh` is started, and ssh's own files are read";
        const NO_FLAGS: &str = "remove it; sudo, doas and su are called by their names";
        for (name, help) in [
            ("ansible_ssh_executable", NO_SSH),
            ("ansible_ssh_pkcs11_provider", "put the token's keys into an agent: `ssh-add -s PROVIDER`"),
            ("ansible_ssh_private_key", KEY),
            ("ansible_private_key", KEY),
            ("ansible_ssh_private_key_passphrase", PHRASE),
            ("ansible_private_key_passphrase", PHRASE),
            ("ansible_become_exe", NO_FLAGS),
            ("ansible_become_flags", NO_FLAGS),
        ] {
            let Some((name, span, text)) = self.get(&[name])? else { continue };
            if name == "ansible_ssh_executable" && text.rsplit('/').next() == Some("ssh") {
                continue;
            }
            let message = format!("`{name}` is not supported");
            return Err(Wrong { message, help: Some(help.to_owned()), span: Some(span) });
        }
        Ok(())
    }

    /// Ansible's `no` is ssh's, which believes keys that have changed; here such a host gets no further than with
    /// `accept-new`. `yes` leaves the choice to the command line, as saying nothing does.
    fn host_keys(&self) -> Result<Option<HostKeyPolicy>, Wrong> {
        let checked = self.flag(&["ansible_host_key_checking", "ansible_ssh_host_key_checking"])?;
        Ok((checked == Some(false)).then_some(HostKeyPolicy::AcceptNew))
    }

    /// In the order in which Ansible hands them to ssh; what stands in between apart from them.
    fn ssh_args(&self) -> Result<(Vec<String>, Option<Proxy>), Wrong> {
        let mut words = Vec::new();
        let mut proxy = None;
        for name in ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"] {
            let Some((name, span, text)) = self.get(&[name])? else { continue };
            let Some(mut more) = shlex::split(&text) else {
                let message = format!("`{name}` has a quote that is never closed");
                return Err(Wrong { message, help: None, span: Some(span) });
            };
            let found = Proxy::take(&mut more).map_err(|bad| Wrong {
                message: format!("`{name}`: `{}` cannot be read", shown(&bad)),
                help: Some("a jump is `-J [user@]host[:port]`; several have commas in between".into()),
                span: Some(span),
            })?;
            // ssh takes the first.
            proxy = proxy.or(found);
            words.extend(more);
        }
        Ok((words, proxy))
    }

    fn escalation(&self) -> Result<Escalation, Wrong> {
        let method = match self.get(&["ansible_become_method"])? {
            None => Method::Sudo,
            Some((name, span, text)) => match text.strip_prefix("ansible.builtin.").unwrap_or(&text) {
                "sudo" => Method::Sudo,
                "su" => Method::Su,
                "doas" | "community.general.doas" => Method::Doas,
                other => {
                    let message = format!("`{name}` is `{}`, which patchwave does not know", shown(other));
                    return Err(Wrong { message, help: Some("it may be: sudo, doas, su".into()), span: Some(span) });
                }
            },
        };
        Ok(Escalation {
            on: self.flag(&["ansible_become"])?.unwrap_or_default(),
            method,
            user: self.text(&["ansible_become_user"])?.filter(|user| user != "root"),
            password: self.secret(&["ansible_become_password", "ansible_become_pass"])?,
        })
    }

    fn flag(&self, names: &[&'static str]) -> Result<Option<bool>, Wrong> {
        let Some((name, span, text)) = self.get(names)? else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(Some(true)),
            "false" | "no" | "off" | "0" => Ok(Some(false)),
            _ => Err(Wrong { message: format!("`{name}` is neither yes nor no"), help: None, span: Some(span) }),
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
