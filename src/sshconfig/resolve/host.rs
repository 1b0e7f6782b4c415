//! Turns gathered settings into [`Resolved`]: tokens, paths, and what we refuse.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use crate::sshconfig::{
    AddressFamily, AgentSocket, AlgorithmList, HostKeyChecking, KeyPath, Problem, Proxy, Refused, Resolved, SshConfig,
    SshConfigError,
    load::RELEASES_DIFFER,
    matching::{
        condition::Matcher,
        facts::{Facts, SSH_PORT},
    },
    read::{
        algorithms::Family,
        keyword::Kind,
        table::KEYWORDS,
        token::{self, UsedIn},
    },
    resolve::{
        gathered::Gathered,
        login::{login, variables},
        resolved::Shown,
    },
};
use crate::target::syntax;

/// Puts everything together.
pub(crate) fn resolve(
    config: &SshConfig,
    mut facts: Facts<'_>,
    gathered: Arc<Gathered>,
) -> Result<Resolved, SshConfigError> {
    if let Some(problem) = gathered.refusals(false).next() {
        return Err(SshConfigError::Unsupported(problem));
    }
    facts.passes_done = true;
    if let Some(alias) = &mut facts.alias {
        *alias = alias.to_ascii_lowercase();
    }
    let refused = gathered.refusals(true).map(|problem| Refused { problem }).collect();
    let resolver = Resolver { config, facts: &facts, gathered: &gathered, refused };
    resolver.algorithms()?;
    let shown = resolver.shown()?;
    let attempts = gathered.number("connectionattempts").unwrap_or(1);
    if attempts == 0 {
        let text = "connectionattempts 0 allows no attempt";
        return Err(SshConfigError::Bad(vec![gathered.problem("connectionattempts", text.into())]));
    }
    resolver.check_loop()?;
    Ok(resolver.finish(attempts, shown))
}

fn is_none(list: &[String]) -> bool {
    matches!(list, [word] if word.eq_ignore_ascii_case("none"))
}

struct Resolver<'a> {
    config: &'a SshConfig,
    facts: &'a Facts<'a>,
    gathered: &'a Arc<Gathered>,
    refused: Vec<Refused>,
}

impl Resolver<'_> {
    /// `~`, tokens and variables.
    fn path(&self, text: &str) -> Result<String, String> {
        let person = &self.config.person;
        let matcher = Matcher { person, local: &*self.config.local, last_pass: true };
        self.facts.expand(&matcher.tilde(text)?, person, Some(&person.env), UsedIn::Text)
    }

    fn path_of(&self, keyword: &str, text: &str) -> Result<String, SshConfigError> {
        self.path(text)
            .map_err(|why| SshConfigError::Bad(vec![self.gathered.problem(keyword, format!("{keyword}: {why}"))]))
    }

    /// Refuses lists that select nothing.
    fn algorithms(&self) -> Result<(), SshConfigError> {
        for keyword in KEYWORDS {
            let (Kind::Algorithms(family), Some(spec)) = (&keyword.kind, self.gathered.text(keyword.name)) else {
                continue;
            };
            if family.names(spec).is_none() {
                let message = format!("{} {spec} names no algorithm", keyword.name);
                return Err(SshConfigError::Bad(vec![self.gathered.problem(keyword.name, message)]));
            }
        }
        Ok(())
    }

    fn shown(&self) -> Result<Shown, SshConfigError> {
        let one = |keyword: &str, text: Option<&str>| text.map(|text| self.path_of(keyword, text)).transpose();
        let unless_none = |keyword: &str| self.gathered.text(keyword).filter(|text| !text.eq_ignore_ascii_case("none"));
        let person = &self.config.person;
        let remote = unless_none("remotecommand").map(|text| {
            let expanded = self.facts.expand(text, person, None, UsedIn::Text);
            expanded.map_err(|why| SshConfigError::Bad(vec![self.gathered.problem("remotecommand", why)]))
        });
        let files = match self.gathered.list("userknownhostsfile") {
            Some(list) if is_none(list) => Some(Vec::new()),
            Some(list) => Some(list.iter().map(|f| self.path_of("userknownhostsfile", f)).collect::<Result<_, _>>()?),
            None => None,
        };
        Ok(Shown {
            user: self.facts.user(person).to_owned(),
            home: person.home.clone(),
            control_path: one("controlpath", unless_none("controlpath"))?,
            identity_agent: one("identityagent", self.gathered.text("identityagent"))?,
            forward_agent: one("forwardagent", self.gathered.text("forwardagent socket"))?,
            remote_command: remote.transpose()?,
            user_known_hosts: files,
        })
    }

    /// Refuses a host that is its own bastion.
    fn check_loop(&self) -> Result<(), SshConfigError> {
        let Some(last) = self.gathered.bastions().last() else { return Ok(()) };
        let user = self.facts.user(&self.config.person);
        let name = self.facts.renamed.as_deref().unwrap_or_default();
        let port = self.facts.port.unwrap_or(SSH_PORT);
        if last.host == name && last.port.unwrap_or(SSH_PORT) == port && last.user.as_deref().unwrap_or(user) == user {
            let message = format!("proxyjump: {name} is its own bastion");
            return Err(SshConfigError::Bad(vec![self.gathered.problem("proxyjump", message)]));
        }
        Ok(())
    }

    /// Key files whose names can be resolved; the others stop us from connecting.
    fn keys(&mut self, keyword: &str) -> Vec<KeyPath> {
        let mut found = Vec::new();
        let gathered = Arc::clone(self.gathered);
        for key in gathered.keys(keyword).iter().filter(|key| !key.path.eq_ignore_ascii_case("none")) {
            match self.path(&key.path) {
                Ok(path) => found.push(KeyPath { written: key.path.clone(), path: PathBuf::from(path) }),
                Err(why) => {
                    let problem = Problem::new(&key.place, format!("{keyword} {}: {why}", key.path));
                    self.refused.push(Refused { problem });
                }
            }
        }
        found
    }

    fn proxy(&mut self) -> Proxy {
        let facts = self.facts;
        let name = facts.renamed.clone().unwrap_or_default();
        let port = facts.port.unwrap_or(SSH_PORT).to_string();
        let user = facts.user(&self.config.person).to_owned();
        let known = [('h', name.as_str()), ('n', facts.original), ('p', &port), ('r', &user)];
        let gathered = Arc::clone(self.gathered);
        let mut refuse = |keyword: &str, why: String| {
            self.refused.push(Refused { problem: gathered.problem(keyword, format!("{keyword}: {why}")) });
        };
        let mut hops = gathered.bastions().to_vec();
        if !hops.is_empty() {
            for hop in &mut hops {
                for text in [Some(&mut hop.host), hop.user.as_mut()].into_iter().flatten() {
                    match token::expand(text, &known, None, UsedIn::Text) {
                        Ok(expanded) => *text = expanded,
                        Err(why) => refuse("proxyjump", why),
                    }
                }
                if let Err(why) = hop.check() {
                    refuse("proxyjump", why);
                }
            }
            return Proxy::Jump(hops);
        }
        match gathered.text("proxycommand").filter(|text| !text.eq_ignore_ascii_case("none")) {
            None => Proxy::Direct,
            Some(command) => match token::expand(command, &known, None, UsedIn::Shell) {
                Ok(command) => Proxy::Command(command),
                Err(why) => {
                    refuse("proxycommand", why);
                    Proxy::Direct
                }
            },
        }
    }

    /// What cannot be honoured stops us from connecting; the rest is resolved all the same.
    fn or_refuse<T: Default>(&mut self, made: Result<T, Problem>) -> T {
        made.unwrap_or_else(|problem| {
            self.refused.push(Refused { problem });
            T::default()
        })
    }

    /// `BindAddress`, else the addresses of `BindInterface`: the first of each family, in OpenSSH's order of
    /// preference.
    fn bind(&self) -> Result<Vec<IpAddr>, Problem> {
        if let Some(text) = self.gathered.text("bindaddress") {
            return text.parse().map(|address| vec![address]).map_err(|_| {
                let message = format!("bindaddress {text} is a name; patchwave accepts addresses only");
                self.gathered.problem("bindaddress", message)
            });
        }
        let Some(interface) = self.gathered.text("bindinterface") else { return Ok(Vec::new()) };
        let mut addresses = self.config.local.addresses();
        addresses.retain(|(name, _)| name == interface);
        addresses.sort_by_key(|(_, address)| is_local(*address));
        let first = |v4: bool| addresses.iter().map(|(_, address)| *address).find(|address| address.is_ipv4() == v4);
        let found: Vec<IpAddr> = [first(true), first(false)].into_iter().flatten().collect();
        if found.is_empty() {
            let message = format!("bindinterface {interface} is not an interface that is up and has an address");
            return Err(self.gathered.problem("bindinterface", message));
        }
        Ok(found)
    }

    /// `RevokedHostKeys`, with tokens as in newer releases.
    fn revoked(&self) -> Result<Option<PathBuf>, Problem> {
        let keyword = "revokedhostkeys";
        let named = self.gathered.text(keyword).filter(|text| !text.eq_ignore_ascii_case("none"));
        let path = named.map(|text| self.path(text)).transpose();
        path.map(|path| path.map(PathBuf::from))
            .map_err(|why| self.gathered.problem(keyword, format!("{keyword}: {why}")))
    }

    fn agent(&self, shown: &Shown) -> AgentSocket {
        match shown.identity_agent.as_deref() {
            None | Some("SSH_AUTH_SOCK") => AgentSocket::Environment,
            Some(word) if word.eq_ignore_ascii_case("none") => AgentSocket::None,
            Some(text) => match text.strip_prefix('$') {
                // A variable that is not set leaves no agent, as in OpenSSH.
                Some(name) => {
                    self.config.person.env.get(name).map_or(AgentSocket::None, |p| AgentSocket::Path(p.into()))
                }
                None => AgentSocket::Path(text.into()),
            },
        }
    }

    /// Refuses a host or login that OpenSSH would not accept on its command line, wherever it was written.
    fn names(&mut self) {
        let host = self.facts.renamed.as_deref().unwrap_or_default();
        let user = self.facts.user.as_deref().unwrap_or_default();
        for (keyword, text, judged) in [("hostname", host, syntax::address(host)), ("user", user, syntax::login(user))]
        {
            if let Err(why) = judged {
                let problem = self.gathered.problem(keyword, format!("{keyword} {text:?} {why}"));
                self.refused.push(Refused { problem });
            }
        }
    }

    fn finish(mut self, attempts: u32, shown: Shown) -> Resolved {
        let identity_files = self.keys("identityfile");
        let certificate_files = self.keys("certificatefile");
        let proxy = self.proxy();
        if let Some(user) = self.gathered.text("user").filter(|user| user.contains("${") || user.contains('%')) {
            let problem = self.gathered.problem("user", format!("user {user}: {RELEASES_DIFFER}"));
            self.refused.push(Refused { problem });
        }
        self.names();
        let login = self.or_refuse(login(self.gathered));
        let bind = self.or_refuse(self.bind());
        let revoked_host_keys = self.or_refuse(self.revoked());
        let environment = self.or_refuse(variables(self.gathered, &self.config.person.env));
        let (facts, gathered) = (self.facts, self.gathered);
        let list = |name: &str| gathered.text(name).map(|text| AlgorithmList(text.to_owned()));
        let seconds = |name: &str| gathered.number(name).map(|n| Duration::from_secs(n.into()));
        let batch = gathered.flag("batchmode", false);
        let global = gathered
            .list("globalknownhostsfile")
            .map(|list| if is_none(list) { Vec::new() } else { list.iter().map(PathBuf::from).collect() });
        Resolved {
            host: facts.original.to_owned(),
            host_name: facts.renamed.clone().unwrap_or_default(),
            user: facts.user.clone(),
            port: facts.port,
            identity_files,
            certificate_files,
            login,
            agent: self.agent(&shown),
            user_known_hosts: shown.user_known_hosts.as_ref().map(|list| list.iter().map(PathBuf::from).collect()),
            global_known_hosts: global,
            revoked_host_keys,
            host_key_alias: facts.alias.clone(),
            host_key_checking: gathered.text("stricthostkeychecking").map(|text| match text {
                "true" => HostKeyChecking::Yes,
                "accept-new" => HostKeyChecking::AcceptNew,
                "false" => HostKeyChecking::No,
                _ => HostKeyChecking::Ask,
            }),
            hash_known_hosts: gathered.flag("hashknownhosts", false),
            proxy,
            family: match gathered.text("addressfamily") {
                Some("inet") => AddressFamily::Inet,
                Some("inet6") => AddressFamily::Inet6,
                _ => AddressFamily::Any,
            },
            bind,
            connect_timeout: seconds("connecttimeout"),
            connection_attempts: attempts,
            // As in Debian's OpenSSH.
            alive_interval: seconds("serveraliveinterval").or(batch.then_some(Duration::from_secs(300))),
            alive_count: gathered.number("serveralivecountmax").unwrap_or(3),
            tcp_keep_alive: gathered.flag("tcpkeepalive", true),
            kex: list("kexalgorithms"),
            ciphers: list("ciphers"),
            macs: list("macs"),
            host_keys: list("hostkeyalgorithms"),
            authorities: gathered.text("casignaturealgorithms").and_then(|spec| Family::Authority.names(spec)),
            required_rsa_size: gathered.number("requiredrsasize"),
            environment,
            refused: self.refused,
            gathered: Arc::clone(gathered),
            shown,
        }
    }
}

/// Addresses that OpenSSH uses only where an interface has no other.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unicast_link_local(),
    }
}
