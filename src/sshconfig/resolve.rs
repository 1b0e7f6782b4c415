//! From what was gathered to [`Resolved`]: tokens, paths, and what we refuse.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{
    AddressFamily, AgentSocket, AlgorithmList, HostKeyChecking, KeyPath, Place, Problem, Proxy, Refused, Resolved,
    SshConfig, SshConfigError,
    facts::{Facts, SSH_PORT},
    gather::Gathered,
    keyword::{KEYWORDS, Kind},
    matching::Asker,
    resolved::Shown,
    token,
};

/// Keywords that OpenSSH honours and we do not, the values that are harmless, and what they would change.
const UNSUPPORTED: &[(&str, &[&str], &str)] = &[
    ("canonicalizehostname", &["false"], "would look the name up and rewrite it"),
    ("knownhostscommand", &["none"], "would trust host keys that a program names"),
    ("revokedhostkeys", &["none"], "would refuse host keys that a file names; `@revoked` in known_hosts does that"),
    ("pkcs11provider", &["none"], "would log in with keys of a token; an agent can hold them"),
    ("gssapikeyexchange", &["no"], "would exchange keys by Kerberos"),
    ("hostbasedauthentication", &["no"], "would log in by this machine's host key"),
    ("verifyhostkeydns", &["false"], "would trust host keys that the DNS names"),
    ("nohostauthenticationforlocalhost", &["no"], "would trust any host key on this machine"),
    ("proxyusefdpass", &["no"], "would take a socket from ProxyCommand"),
    ("refuseconnection", &[], "refuses the connection"),
];

/// The same for what matters only once we connect.
const NOT_FOR_US: &[(&str, &[&str], &str)] = &[
    (
        "stricthostkeychecking",
        &["true", "ask", "accept-new"],
        "would believe changed keys; `accept-new` records new ones",
    ),
    ("remotecommand", &["none"], "would run in place of our commands"),
    ("sessiontype", &["default"], "leaves no place for our commands"),
    ("bindinterface", &[], "is not supported; BindAddress is"),
    ("checkhostip", &["no"], "would check the address in known_hosts as well"),
];

/// Puts everything together.
pub(super) fn resolve(
    config: &SshConfig,
    mut facts: Facts<'_>,
    gathered: Arc<Gathered>,
) -> Result<Resolved, SshConfigError> {
    for (keyword, harmless, what) in UNSUPPORTED {
        if let Some(problem) = said(&gathered, keyword, harmless, what) {
            return Err(SshConfigError::Unsupported(problem));
        }
    }
    if let Some(list) = gathered.list("canonicalizepermittedcnames").filter(|list| !is_none(list)) {
        let text =
            format!("canonicalizepermittedcnames {} would rewrite the name, which is not supported", list.join(" "));
        return Err(SshConfigError::Unsupported(problem(&gathered, "canonicalizepermittedcnames", text)));
    }
    facts.settled = true;
    if let Some(alias) = &mut facts.alias {
        *alias = alias.to_ascii_lowercase();
    }
    let refused = NOT_FOR_US.iter().filter_map(|(keyword, harmless, what)| said(&gathered, keyword, harmless, what));
    let maker = Maker {
        config,
        facts: &facts,
        gathered: &gathered,
        refused: refused.map(|problem| Refused { problem }).collect(),
    };
    maker.algorithms()?;
    let shown = maker.shown()?;
    let attempts = gathered.number("connectionattempts").unwrap_or(1);
    if attempts == 0 {
        let text = "connectionattempts 0 leaves no attempt";
        return Err(SshConfigError::Bad(vec![problem(&gathered, "connectionattempts", text.into())]));
    }
    maker.no_loop()?;
    Ok(maker.finish(attempts, shown))
}

/// Whether a keyword says something else than what is harmless.
fn said(gathered: &Gathered, keyword: &str, harmless: &[&str], what: &str) -> Option<Problem> {
    let text = gathered.text(keyword)?;
    if harmless.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return None;
    }
    Some(problem(gathered, keyword, format!("{keyword} {text} {what}; patchwave does not do that")))
}

fn problem(gathered: &Gathered, keyword: &str, message: String) -> Problem {
    let place = gathered.place(keyword).cloned();
    Problem { place: place.unwrap_or(Place { path: "ssh_config".into(), line: 0 }), message, help: None }
}

fn is_none(list: &[String]) -> bool {
    matches!(list, [word] if word.eq_ignore_ascii_case("none"))
}

struct Maker<'a> {
    config: &'a SshConfig,
    facts: &'a Facts<'a>,
    gathered: &'a Arc<Gathered>,
    refused: Vec<Refused>,
}

impl Maker<'_> {
    /// `~`, tokens and variables.
    fn path(&self, text: &str) -> Result<String, String> {
        let person = &self.config.person;
        let asker = Asker { person, outside: &*self.config.outside, last_pass: true };
        self.facts.expand(&asker.tilde(text)?, person, Some(&person.env))
    }

    fn path_of(&self, keyword: &str, text: &str) -> Result<String, SshConfigError> {
        self.path(text)
            .map_err(|why| SshConfigError::Bad(vec![problem(self.gathered, keyword, format!("{keyword}: {why}"))]))
    }

    /// Refuses lists that leave nothing.
    fn algorithms(&self) -> Result<(), SshConfigError> {
        for keyword in KEYWORDS {
            let (Kind::Algorithms(family), Some(spec)) = (&keyword.kind, self.gathered.text(keyword.name)) else {
                continue;
            };
            if family.names(spec).is_none() {
                let message = format!("{} {spec} names no algorithm", keyword.name);
                return Err(SshConfigError::Bad(vec![problem(self.gathered, keyword.name, message)]));
            }
        }
        Ok(())
    }

    fn shown(&self) -> Result<Shown, SshConfigError> {
        let one = |keyword: &str, text: Option<&str>| text.map(|text| self.path_of(keyword, text)).transpose();
        let unless_none = |keyword: &str| self.gathered.text(keyword).filter(|text| !text.eq_ignore_ascii_case("none"));
        let person = &self.config.person;
        let remote = unless_none("remotecommand").map(|text| {
            let expanded = self.facts.expand(text, person, None);
            expanded.map_err(|why| SshConfigError::Bad(vec![problem(self.gathered, "remotecommand", why)]))
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

    /// A host that is its own bastion.
    fn no_loop(&self) -> Result<(), SshConfigError> {
        let Some(last) = self.gathered.bastions().last() else { return Ok(()) };
        let user = self.facts.user(&self.config.person);
        let name = self.facts.renamed.as_deref().unwrap_or_default();
        let port = self.facts.port.unwrap_or(SSH_PORT);
        if last.host == name && last.port.unwrap_or(SSH_PORT) == port && last.user.as_deref().unwrap_or(user) == user {
            let message = format!("proxyjump: {name} is its own bastion");
            return Err(SshConfigError::Bad(vec![problem(self.gathered, "proxyjump", message)]));
        }
        Ok(())
    }

    /// Key files whose names can be made out; the others stop us from connecting.
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
            self.refused.push(Refused { problem: problem(&gathered, keyword, format!("{keyword}: {why}")) });
        };
        let mut hops = gathered.bastions().to_vec();
        if !hops.is_empty() {
            for hop in &mut hops {
                for text in [Some(&mut hop.host), hop.user.as_mut()].into_iter().flatten() {
                    match token::expand(text, &known, None) {
                        Ok(expanded) => *text = expanded,
                        Err(why) => refuse("proxyjump", why),
                    }
                }
                let odd = |c: char| c.is_whitespace() || c.is_control() || "'`\"$\\;&<>|(){}".contains(c);
                if hop.host.starts_with('-') || hop.host.contains(odd) {
                    refuse("proxyjump", format!("{:?} is no host name", hop.host));
                }
            }
            return Proxy::Jump(hops);
        }
        match gathered.text("proxycommand").filter(|text| !text.eq_ignore_ascii_case("none")) {
            None => Proxy::Direct,
            Some(command) => match token::expand(command, &known, None) {
                Ok(command) => Proxy::Command(command),
                Err(why) => {
                    refuse("proxycommand", why);
                    Proxy::Direct
                }
            },
        }
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

    fn finish(mut self, attempts: u32, shown: Shown) -> Resolved {
        let identity_files = self.keys("identityfile");
        let certificate_files = self.keys("certificatefile");
        let proxy = self.proxy();
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
            identities_only: gathered.flag("identitiesonly", false),
            agent: self.agent(&shown),
            user_known_hosts: shown.user_known_hosts.as_ref().map(|list| list.iter().map(PathBuf::from).collect()),
            global_known_hosts: global,
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
            bind_address: gathered.text("bindaddress").map(str::to_owned),
            bind_interface: gathered.text("bindinterface").map(str::to_owned),
            connect_timeout: seconds("connecttimeout"),
            connection_attempts: attempts,
            // As Debian's OpenSSH has it.
            alive_interval: seconds("serveraliveinterval").or(batch.then_some(Duration::from_secs(300))),
            alive_count: gathered.number("serveralivecountmax").unwrap_or(3),
            tcp_keep_alive: gathered.flag("tcpkeepalive", true),
            kex: list("kexalgorithms"),
            ciphers: list("ciphers"),
            macs: list("macs"),
            host_keys: list("hostkeyalgorithms"),
            pubkeys: list("pubkeyacceptedalgorithms"),
            authorities: list("casignaturealgorithms"),
            required_rsa_size: gathered.number("requiredrsasize").unwrap_or(1024),
            preferred_authentications: gathered
                .text("preferredauthentications")
                .map(|text| text.split(',').map(str::to_owned).collect()),
            pubkey_authentication: gathered.text("pubkeyauthentication") != Some("false"),
            password_authentication: gathered.flag("passwordauthentication", true),
            interactive_authentication: gathered.flag("kbdinteractiveauthentication", true),
            password_prompts: gathered.number("numberofpasswordprompts").unwrap_or(3),
            tag: facts.tag.clone(),
            refused: self.refused,
            gathered: Arc::clone(gathered),
            shown,
        }
    }
}
