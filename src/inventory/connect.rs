//! Turns `ansible_*` connection variables into a [`Target`]. Source: the options of Ansible's `ssh` connection plugin
//! and of its become plugins.

use std::{path::PathBuf, sync::Arc, time::Duration};

use secrecy::SecretString;

use super::{
    aliases::{self, REFUSED, REFUSED_BY_PARAMIKO},
    fallbacks::{Fallback, Fallbacks},
    fold::fold,
    group::Inventory,
    template::{self, Lookup},
};
use crate::{
    host::HostName,
    mask::Secrets,
    target::{Escalation, HostKeyPolicy, Limits, Method, Proxy, Target, syntax},
    yaml::{Problem, Problems, Span},
};

/// What is wrong with one host's connection, without the host's name, so that equal problems can be folded.
#[derive(Clone, Debug, PartialEq)]
struct Wrong {
    message: String,
    help: Option<String>,
    span: Option<Span>,
}

impl From<Wrong> for Problem {
    fn from(wrong: Wrong) -> Self {
        Self { span: wrong.span, message: wrong.message, help: wrong.help }
    }
}

/// ssh's options of one variable.
#[derive(Clone, Debug)]
pub struct SshWords {
    /// The variable.
    pub name: &'static str,
    /// Where its value is written.
    pub span: Span,
    /// The options, without those that set a proxy.
    pub words: Vec<String>,
    /// The secrets among them.
    pub secrets: Secrets,
}

impl Inventory {
    /// How to reach a host.
    ///
    /// # Errors
    /// A connection variable that cannot be used, by name: not SSH, encrypted, a template that does more than name a
    /// variable, a bad value.
    pub fn target(&self, name: &HostName) -> Result<Target, Problem> {
        self.try_target(name).map_err(|wrong| {
            let problem = Problem::from(wrong);
            Problem { message: format!("host {name}: {}", problem.message), ..problem }
        })
    }

    /// How to reach each of these hosts.
    ///
    /// # Errors
    /// Everything that is wrong; hosts with the same problem share a message.
    pub fn targets(&self, names: &[HostName]) -> Result<Vec<Target>, Problems> {
        let mut targets = Vec::with_capacity(names.len());
        let mut wrongs = Vec::new();
        for name in names {
            match self.try_target(name) {
                Ok(target) => targets.push(target),
                Err(wrong) => wrongs.push((name.clone(), wrong.into())),
            }
        }
        fold(wrongs).or(targets)
    }

    /// The options for ssh of a host, by variable, as in [`Target::ssh_args`]; empty if they are wrong.
    pub fn ssh_words(&self, name: &HostName) -> Vec<SshWords> {
        let Some(host) = self.host(name) else { return Vec::new() };
        let secrets = Secrets::default();
        let look = Lookup { inventory: self, name, host, secrets: &secrets };
        Vars(&look).ssh_args().map(|(words, _)| words).unwrap_or_default()
    }

    /// Why this host is left out, if its connection is not one over SSH: `ansible_connection` is `local`, `winrm`, ….
    pub fn not_by_ssh(&self, name: &HostName) -> Option<String> {
        let host = self.host(name)?;
        let secrets = Secrets::default();
        let look = Lookup { inventory: self, name, host, secrets: &secrets };
        let (_, mut reason) = Vars(&look).other_connection().ok()??;
        secrets.hide_in(&mut reason);
        Some(reason)
    }

    /// Puts these below all variables of connections.
    #[must_use]
    pub fn with_fallbacks(mut self, fallbacks: Fallbacks) -> Self {
        self.fallbacks = fallbacks;
        self
    }

    /// The values that count for a host, because it has no variable of the same option.
    pub fn fallbacks(&self, name: &HostName) -> Vec<&Fallback> {
        let Some(host) = self.host(name).filter(|_| !self.fallbacks.0.is_empty()) else { return Vec::new() };
        let secrets = Secrets::default();
        let method = Vars(&Lookup { inventory: self, name, host, secrets: &secrets }).method().unwrap_or_default();
        let options = aliases::with_fallbacks(method);
        let unset =
            |names: &&[&str]| !names.iter().any(|name| self.var(host, name).is_some_and(|node| !node.is_null()));
        options.into_iter().filter(unset).filter_map(|names| self.fallbacks.of(names)).collect()
    }

    fn try_target(&self, name: &HostName) -> Result<Target, Wrong> {
        let Some(host) = self.host(name) else {
            return Err(Wrong { message: "is not in the inventory".into(), help: None, span: None });
        };
        let secrets = Secrets::default();
        self.target_of(&Lookup { inventory: self, name, host, secrets: &secrets }).map_err(|mut wrong| {
            secrets.hide_in(&mut wrong.message);
            wrong
        })
    }

    fn target_of(&self, look: &Lookup<'_>) -> Result<Target, Wrong> {
        let vars = Vars(look);
        vars.check_connection()?;
        let escalation = vars.escalation()?;
        vars.check_unsupported(&escalation)?;
        let settings = self.settings(look.host);
        let (ssh_args, proxy) = vars.ssh_args()?;
        let (address, user) = vars.destination()?;
        Ok(Target {
            name: look.name.clone(),
            address,
            port: vars.port()?,
            user,
            key_file: vars.text(aliases::KEY_FILE)?.map(PathBuf::from),
            password: vars.password()?,
            ssh_args: ssh_args.into_iter().flat_map(|written| written.words).collect(),
            proxy,
            bastion: settings.bastion,
            ssh: Arc::default(),
            host_keys: settings.host_keys.or(vars.host_keys()?),
            escalation,
            limits: vars.limits(settings.limits(), settings.sets_connect_timeout())?,
            steal_lease: false,
            secrets: look.secrets.clone(),
            finished_runs: None,
        })
    }
}

struct Vars<'a>(&'a Lookup<'a>);

impl Vars<'_> {
    /// The last of these names that is set, with its place and its resolved text. Empty text counts as unset, and
    /// leaves the option unset: no weaker name is tried.
    fn get(&self, names: &[&'static str]) -> Result<Option<(&'static str, Span, String)>, Wrong> {
        for &name in names.iter().rev() {
            let Some(node) = self.0.inventory.var(self.0.host, name).filter(|node| !node.is_null()) else { continue };
            let text = template::text(self.0, node).map_err(|no| Wrong {
                message: format!("`{name}` {}", no.why),
                help: no.help,
                span: Some(no.span),
            })?;
            return Ok((!text.is_empty()).then(|| (name, node.span.clone(), text)));
        }
        let fallback = self.0.inventory.fallbacks.of(names).filter(|said| !said.text.is_empty());
        Ok(fallback.map(|said| (said.name, said.span.clone(), said.text.clone())))
    }

    fn text(&self, names: &[&'static str]) -> Result<Option<String>, Wrong> {
        self.judged(names, |text| match text {
            _ if text.starts_with('-') || text.chars().any(char::is_control) => {
                Err("must not begin with `-` or contain control characters")
            }
            _ => Ok(()),
        })
    }

    /// A text that passes `judge`, whose error is the end of a sentence.
    fn judged(
        &self,
        names: &[&'static str],
        judge: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Result<Option<String>, Wrong> {
        let Some((name, span, text)) = self.get(names)? else { return Ok(None) };
        judge(&text).map_err(|why| Wrong { message: format!("`{name}` {why}"), help: None, span: Some(span) })?;
        Ok(Some(text))
    }

    /// Address and login. Ansible passes the address to `ssh`, so it may be `login@address`; a login that is set
    /// elsewhere wins.
    fn destination(&self) -> Result<(String, Option<String>), Wrong> {
        let written = match self.get(aliases::ADDRESS)? {
            Some((name, span, text)) if text.contains("://") => {
                let message = format!("`{name}` must be a name or an address, not a URI");
                return Err(Wrong { message, help: Some("the port is `ansible_port`".to_owned()), span: Some(span) });
            }
            Some((name, span, text)) => Some((Some((name, span)), text)),
            None => self.check_empty_address().map(|()| None)?,
        };
        let (place, text) = written.unwrap_or_else(|| (None, self.0.name.as_str().to_owned()));
        let (login, address) = match text.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, text.as_str()),
        };
        let empty = |text: &str| if text.is_empty() { Err("must be `address` or `login@address`") } else { Ok(()) };
        let judged = empty(address)
            .and_then(|()| syntax::address(address))
            .and_then(|()| login.map_or(Ok(()), |login| empty(login).and_then(|()| syntax::login(login))));
        judged.map_err(|why| {
            let (name, span) = match place {
                Some((name, span)) => (format!("`{name}`"), Some(span)),
                None => ("its name".to_owned(), None),
            };
            Wrong { message: format!("{name} {why}"), help: None, span }
        })?;
        let user = self.judged(aliases::USER, syntax::login)?.or_else(|| login.map(str::to_owned));
        Ok((address.to_owned(), user))
    }

    /// Refuses an empty `ansible_ssh_host` that overrides an `ansible_host` with an address: Ansible would reach no
    /// host.
    fn check_empty_address(&self) -> Result<(), Wrong> {
        let set = |name: &&str| self.0.inventory.var(self.0.host, name).filter(|node| !node.is_null());
        let mut set = aliases::ADDRESS.iter().rev().filter_map(|name| set(name).map(|node| (*name, node)));
        let (Some((empty, node)), Some((weaker, _))) = (set.next(), set.next()) else { return Ok(()) };
        let message = format!("`{empty}` is empty, and in Ansible it overrides `{weaker}`");
        Err(Wrong { message, help: Some(format!("remove `{empty}`")), span: Some(node.span.clone()) })
    }

    fn secret(&self, names: &[&'static str]) -> Result<Option<SecretString>, Wrong> {
        Ok(self.get(names)?.map(|(_, _, text)| SecretString::from(text)))
    }

    fn password(&self) -> Result<Option<SecretString>, Wrong> {
        let unwanted = self.get(aliases::PASSWORD_MECHANISM)?.is_some_and(|(_, _, text)| text == "disable");
        self.secret(aliases::PASSWORD).map(|password| password.filter(|_| !unwanted))
    }

    fn port(&self) -> Result<Option<u16>, Wrong> {
        let Some((name, span, text)) = self.get(aliases::PORT)? else { return Ok(None) };
        match text.trim().parse::<u16>() {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => {
                Err(Wrong { message: format!("`{name}` is not a port from 1 to 65535"), help: None, span: Some(span) })
            }
        }
    }

    /// `ansible_timeout` is the time to connect if `patchwave.connect_timeout` is not set.
    fn limits(&self, limits: Limits, already_set: bool) -> Result<Limits, Wrong> {
        let Some((name, span, text)) = self.get(aliases::CONNECT_TIMEOUT)?.filter(|_| !already_set) else {
            return Ok(limits);
        };
        match text.trim().parse::<u32>() {
            // Zero means no limit in Ansible; our own limit stays.
            Ok(0) => Ok(limits),
            Ok(seconds) if seconds <= 3600 => Ok(limits.connecting_within(Some(Duration::from_secs(seconds.into())))),
            _ => {
                let message = format!("`{name}` is not a number of seconds from 0 to 3600");
                Err(Wrong { message, help: None, span: Some(span) })
            }
        }
    }

    /// The connection plugin, if it is not one for SSH.
    fn other_connection(&self) -> Result<Option<(Span, String)>, Wrong> {
        const SSH: [&str; 5] = ["ssh", "smart", "paramiko", "paramiko_ssh", "paramiko-ssh"];
        let Some((name, span, text)) = self.get(aliases::CONNECTION)? else { return Ok(None) };
        let plain = text.strip_prefix("ansible.builtin.").unwrap_or(&text);
        let reason = format!("`{name}` is `{}`, and patchwave reaches hosts by SSH only", shown(&text));
        Ok((!SSH.contains(&plain)).then_some((span, reason)))
    }

    fn check_connection(&self) -> Result<(), Wrong> {
        let Some((span, message)) = self.other_connection()? else { return Ok(()) };
        let help = "leave such hosts out: `--limit 'all:!NAME'`".to_owned();
        Err(Wrong { message, help: Some(help), span: Some(span) })
    }

    /// Refuses variables that change how Ansible reaches a host and that mean nothing here.
    fn check_unsupported(&self, escalation: &Escalation) -> Result<(), Wrong> {
        const PARAMIKO: &str = "use the variable of the `ssh` plugin instead: `ansible_host`, `ansible_user`, …";
        let connection = self.get(aliases::CONNECTION)?;
        let by_paramiko = connection.is_some_and(|(_, _, text)| text.contains("paramiko"));
        let by_paramiko = REFUSED_BY_PARAMIKO.iter().filter(|_| by_paramiko).map(|name| (*name, PARAMIKO));
        let by_method = aliases::of_method(escalation.method).refused;
        for (name, help) in REFUSED.into_iter().chain(by_method.iter().copied()).chain(by_paramiko) {
            let Some((name, span, text)) = self.get(&[name])? else { continue };
            if name == "ansible_ssh_executable" && text.rsplit('/').next() == Some("ssh") {
                continue;
            }
            let message = format!("`{name}` is not supported");
            return Err(Wrong { message, help: Some(help.to_owned()), span: Some(span) });
        }
        match self.get(&["ansible_shell_type"])? {
            Some((name, span, text)) if matches!(text.as_str(), "powershell" | "cmd") => {
                let message = format!("`{name}` is `{text}`: the host runs Windows, and patchwave supports Linux only");
                let help = "leave such hosts out: `--limit 'all:!NAME'`".to_owned();
                Err(Wrong { message, help: Some(help), span: Some(span) })
            }
            _ => Ok(()),
        }
    }

    /// Ansible's `no` is ssh's, which accepts changed keys; here it means `accept-new`. `yes` leaves the choice to the
    /// command line, as if nothing were set.
    fn host_keys(&self) -> Result<Option<HostKeyPolicy>, Wrong> {
        let checked = self.flag(aliases::HOST_KEY_CHECKING)?;
        Ok((checked == Some(false)).then_some(HostKeyPolicy::AcceptNew))
    }

    /// ssh's arguments, in the order in which Ansible passes them, and the proxy, which is taken out of them.
    fn ssh_args(&self) -> Result<(Vec<SshWords>, Option<Proxy>), Wrong> {
        let mut written = Vec::new();
        let mut proxy = None;
        for name in aliases::SSH_ARGS {
            let Some((name, span, text)) = self.get(&[name])? else { continue };
            let Some(mut more) = shlex::split(&text) else {
                let message = format!("`{name}` has a quote that is never closed");
                return Err(Wrong { message, help: None, span: Some(span) });
            };
            let found = Proxy::take(&mut more).map_err(|bad| Wrong {
                message: format!("`{name}`: `{}` cannot be read", shown(&bad)),
                help: Some("a jump host is `-J [user@]host[:port]`; separate several with commas".into()),
                span: Some(span.clone()),
            })?;
            // ssh takes the first.
            proxy = proxy.or(found);
            accept_new_for_no(&mut more);
            written.push(SshWords { name, span, words: more, secrets: self.0.secrets.clone() });
        }
        Ok((written, proxy))
    }

    fn method(&self) -> Result<Method, Wrong> {
        let Some((name, span, text)) = self.get(aliases::BECOME_METHOD)? else { return Ok(Method::Sudo) };
        match text.strip_prefix("ansible.builtin.").unwrap_or(&text) {
            "sudo" => Ok(Method::Sudo),
            "su" => Ok(Method::Su),
            "doas" | "community.general.doas" => Ok(Method::Doas),
            other => {
                let message = format!("`{name}` is `{}`, which patchwave does not know", shown(other));
                Err(Wrong { message, help: Some("use one of: sudo, doas, su".into()), span: Some(span) })
            }
        }
    }

    fn escalation(&self) -> Result<Escalation, Wrong> {
        let method = self.method()?;
        let names = aliases::of_method(method);
        Ok(Escalation {
            on: self.flag(aliases::BECOME)?.unwrap_or_default(),
            method,
            user: self.text(names.user)?.filter(|user| user != "root"),
            password: self.secret(names.password)?,
        })
    }

    fn flag(&self, names: &[&'static str]) -> Result<Option<bool>, Wrong> {
        let Some((name, span, text)) = self.get(names)? else { return Ok(None) };
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" | "t" | "1" => Ok(Some(true)),
            "false" | "no" | "off" | "n" | "f" | "0" => Ok(Some(false)),
            _ => Err(Wrong { message: format!("`{name}` is neither yes nor no"), help: None, span: Some(span) }),
        }
    }
}

/// `StrictHostKeyChecking=no` means what `ansible_host_key_checking: no` means ([`Vars::host_keys`]).
fn accept_new_for_no(words: &mut [String]) {
    const ACCEPT_NEW: &str = "StrictHostKeyChecking=accept-new";
    let is_no = |option: &str| {
        let Some((name, value)) = option.trim_start().split_once(|c: char| c == '=' || c.is_whitespace()) else {
            return false;
        };
        let value = value.trim_matches(|c: char| c == '=' || c == '"' || c.is_whitespace());
        let no = ["no", "off", "false"].iter().any(|no| value.eq_ignore_ascii_case(no));
        no && name.trim_end().eq_ignore_ascii_case("StrictHostKeyChecking")
    };
    let mut value = false;
    for word in words {
        if value && is_no(word) {
            *word = ACCEPT_NEW.to_owned();
        } else if word.strip_prefix("-o").is_some_and(is_no) {
            *word = format!("-o{ACCEPT_NEW}");
        }
        value = !value && word == "-o";
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| crate::command::shows(*c)).take(40).collect()
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
