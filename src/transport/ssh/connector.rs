//! One connection, to a host or to a bastion: its place in the queue, its stream, key exchange, host key and login.
//! Knows what all connections of a run share; must not know where a stream leads through, beyond [`Over`].

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use tokio::time::sleep;

use super::{
    super::{Class, ConnectError, Phase},
    SshOptions,
    agent::Agent,
    algorithms::{Configs, HostKeyOrder},
    ask_key::Asker,
    bastion::Ticket,
    dial::{Dialer, dial},
    failure::connect as failed,
    handshake::{Connection, shake},
    host_key::{HostKeyCheck, KeyRules},
    key_file::{KeyFile, KeyFiles},
    known_hosts::{KnownHostsError, KnownName, RevokedKeys, TrustFile, TrustStore},
    line::Line,
    login::{Ways, login},
    pace::{Endpoint, PATIENCE, Pace, Place},
    proxy_command::ProxyCommand,
    wire::{Tap, Wire},
};
use crate::target::{AgentChoice, HostKeyPolicy, Limits, SshSettings};

/// What the connections of a run share.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) options: SshOptions,
    agent: Option<Arc<Agent>>,
    agents: Mutex<HashMap<PathBuf, Arc<Agent>>>,
    pub(super) files: KeyFiles,
    pub(super) asker: Arc<Asker>,
    trust: Arc<TrustStore>,
    trust_files: Mutex<HashMap<PathBuf, Arc<TrustFile>>>,
    revoked_files: Mutex<HashMap<PathBuf, Result<Arc<RevokedKeys>, String>>>,
    pace: Pace,
    dialer: Dialer,
    configs: Configs,
}

/// Whom to connect to, and as whom.
pub(super) struct Errand<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) check: HostKeyCheck,
    pub(super) ways: Ways<'a>,
    pub(super) limits: Limits,
    pub(super) ssh: &'a SshSettings,
}

/// What the stream runs over.
pub(super) enum Over {
    Network,
    Bastion(Ticket),
    Command(ProxyCommand),
}

impl Connector {
    /// Reads the known_hosts files; opens no connection.
    pub(super) fn new(options: SshOptions) -> Result<Self, KnownHostsError> {
        let mut this = Self {
            pace: Pace::new(&options),
            dialer: Dialer::new(),
            configs: Configs::default(),
            trust: Arc::default(),
            trust_files: Mutex::default(),
            revoked_files: Mutex::default(),
            agent: options.agent.clone().map(Agent::new).map(Arc::new),
            agents: Mutex::default(),
            files: KeyFiles::new(options.prompt.clone()),
            asker: Arc::new(Asker::new(options.prompt.clone())),
            options,
        };
        let trusted: Vec<PathBuf> = this.options.trusted().cloned().collect();
        this.trust = Arc::new(this.store(&trusted)?);
        Ok(this)
    }

    /// The trust store over these files, each of which is read once.
    fn store(&self, paths: &[PathBuf]) -> Result<TrustStore, KnownHostsError> {
        let mut files = self.trust_files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut store = Vec::new();
        for path in paths {
            let file = match files.get(path) {
                Some(file) => Arc::clone(file),
                None => Arc::clone(files.entry(path.clone()).or_insert(Arc::new(TrustFile::load(path)?))),
            };
            store.push(file);
        }
        Ok(TrustStore::new(store))
    }

    /// Key files: those that were named for the host, and the usual ones. `alone`: the first key leaves no room for
    /// the usual ones.
    fn identities(
        &self,
        first: Option<&Path>,
        alone: bool,
        ssh: &SshSettings,
    ) -> (Vec<Arc<KeyFile>>, Vec<Arc<KeyFile>>) {
        let further = ssh.identity_files.iter().map(PathBuf::as_path).filter(|path| Some(*path) != first);
        let named: Vec<_> = first.into_iter().chain(further).map(|path| self.files.get(path)).collect();
        let usual = match ssh.identity_files.is_empty() && !(alone && first.is_some()) {
            true => self.options.identities.iter().map(|path| self.files.get(path)).collect(),
            false => Vec::new(),
        };
        (named, usual)
    }

    /// The agent that signs for a host.
    pub(super) fn agent(&self, ssh: &SshSettings) -> Option<Arc<Agent>> {
        match &ssh.agent {
            AgentChoice::Usual => self.agent.clone(),
            AgentChoice::None => None,
            AgentChoice::Socket(socket) => {
                let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
                let agent = agents.entry(socket.clone()).or_insert_with(|| Arc::new(Agent::new(socket.clone())));
                Some(Arc::clone(agent))
            }
        }
    }

    /// The question about a host's key. `own` files stand in for the user's, and ssh_config may name others for both.
    pub(super) fn host_key_check(
        &self,
        (address, port): (&str, u16),
        own: Option<&[PathBuf]>,
        policy: Option<HostKeyPolicy>,
        ssh: &SshSettings,
    ) -> Result<HostKeyCheck, ConnectError> {
        let own = own.or(ssh.user_known_hosts.as_deref());
        let store = match (own, &ssh.global_known_hosts) {
            (None, None) => Arc::clone(&self.trust),
            (own, global) => {
                let own = own.unwrap_or(&self.options.known_hosts);
                let system = global.as_ref().unwrap_or(&self.options.global_known_hosts);
                let paths: Vec<PathBuf> = own.iter().chain(system).cloned().collect();
                let store = self.store(&paths).map_err(|e| failed(Phase::HostKey, Class::Local, e.to_string()))?;
                let keeps = own.first().is_some_and(|file| file != Path::new("/dev/null"));
                Arc::new(if keeps { store } else { store.read_only() })
            }
        };
        let revoked = ssh.revoked.as_deref().map(|path| self.revoked(path)).transpose()?;
        let policy = match policy.unwrap_or(self.options.host_keys) {
            HostKeyPolicy::Ask if ssh.login.batch => HostKeyPolicy::Strict,
            policy => policy,
        };
        Ok(HostKeyCheck {
            store,
            revoked,
            rules: KeyRules::new(ssh),
            // An alias stands for name and port.
            name: match &ssh.host_key_alias {
                Some(alias) => KnownName::new(alias, 22),
                None => KnownName::new(address, port),
            },
            policy,
            hash_names: ssh.hash_names,
            address: address.to_owned(),
            port,
            clock: Arc::clone(&self.options.clock),
            asker: Arc::clone(&self.asker),
            thinking: Arc::default(),
        })
    }

    /// A file of `RevokedHostKeys`, read once.
    fn revoked(&self, path: &Path) -> Result<Arc<RevokedKeys>, ConnectError> {
        let mut files = self.revoked_files.lock().unwrap_or_else(PoisonError::into_inner);
        let read = files.entry(path.to_owned()).or_insert_with(|| RevokedKeys::load(path).map(Arc::new));
        read.clone().map_err(|why| {
            let message = format!("RevokedHostKeys {}: {why}", path.display());
            let mut error = failed(Phase::HostKey, Class::Local, message);
            error.help = Some("as with ssh, no host key is believed until the file can be read".to_owned());
            error
        })
    }

    /// With what a host may be logged in to; nothing of a password.
    pub(super) fn ways<'a>(
        &'a self,
        (user, host): (&'a str, &'a str),
        (first, alone): (Option<&Path>, bool),
        ssh: &'a SshSettings,
        agent: Option<&'a Agent>,
    ) -> Ways<'a> {
        let (named, usual) = self.identities(first, alone, ssh);
        let certificates = ssh.certificate_files.iter().map(|path| self.files.certificate(path));
        Ways {
            user,
            named,
            usual,
            certificates: (!ssh.certificate_files.is_empty()).then(|| certificates.collect()),
            agent,
            rules: &ssh.login,
            least_rsa: ssh.least_rsa(),
            files: &self.files,
            password: None,
            secrets: None,
            host,
            asker: &self.asker,
        }
    }

    /// Connects and logs in. Waiting for a place costs nothing of the deadlines.
    pub(super) async fn reach(&self, errand: Errand<'_>, over: Over) -> Result<Connection, ConnectError> {
        let road = self.road(&errand, over).await?;
        let (endpoint, way) = match &road {
            Road::Found(found) => (Endpoint::Address(found.addresses[0]), None),
            Road::Bastion(ticket) => {
                let host = errand.host.to_owned();
                (Endpoint::Behind(ticket.chain(), host, errand.port), Some(ticket.places()))
            }
            Road::Command(_) => {
                (Endpoint::Behind("".into(), errand.host.to_owned(), errand.port), Some(&self.pace.commands))
            }
        };
        let mut place = self.pace.enter(endpoint, way).await;
        let tap = OnceLock::new();
        let result = patient(Box::pin(self.attempt(errand, road, &tap)), &tap, &mut place).await;
        place.settle(&result);
        result
    }

    async fn road(&self, errand: &Errand<'_>, over: Over) -> Result<Road, ConnectError> {
        Ok(match over {
            Over::Network => {
                let mut found = self.dialer.find(errand.host, errand.port, errand.limits.connect).await?;
                found.keep(errand.ssh, errand.host)?;
                Road::Found(found)
            }
            Over::Bastion(ticket) => Road::Bastion(ticket),
            Over::Command(command) => Road::Command(command),
        })
    }

    async fn attempt(
        &self,
        errand: Errand<'_>,
        road: Road,
        greeted: &OnceLock<Arc<Tap>>,
    ) -> Result<Connection, ConnectError> {
        let Errand { host, port, check, ways, limits, ssh } = errand;
        let (known, certificates) = check.store.expected(&check.name);
        let config = self.configs.get(HostKeyOrder::new(&known, certificates), limits.silence, ssh)?;
        let mut handshake = limits.handshake;
        let (line, peer, talk) = match road {
            Road::Found(found) => {
                let (stream, address) = dial(&found, limits.silence).await?;
                (Line::Direct(stream), address.to_string(), None)
            }
            Road::Bastion(ticket) => {
                let peer = format!("{host}:{port} through bastion {}", ticket.name());
                (ticket.forward(host, port, limits.connect).await?, peer, None)
            }
            Road::Command(command) => {
                let (pipe, talk) = command.start()?;
                // It connects in its own time.
                handshake += limits.connect;
                (Line::Piped(pipe), talk.name().to_owned(), Some(talk))
            }
        };
        let (wire, tap) = Wire::new(line);
        let _ = greeted.set(Arc::clone(&tap));
        let mut connection = match (shake((wire, tap), &peer, config, check, handshake).await, talk) {
            (Ok(connection), _) => connection,
            (Err(error), Some(talk)) => return Err(talk.explain(error).await),
            (Err(error), None) => return Err(error),
        };
        login(&mut connection, ways, limits.auth).await?;
        Ok(connection)
    }
}

/// What the stream will run over, with what must be known of it beforehand.
enum Road {
    Found(super::dial::Found),
    Bastion(Ticket),
    Command(ProxyCommand),
}

/// Runs an attempt; a peer that shows no banner for a while lends its place to others.
async fn patient<T>(
    mut attempt: impl Future<Output = T> + Unpin,
    greeted: &OnceLock<Arc<Tap>>,
    place: &mut Place,
) -> T {
    tokio::select! {
        result = &mut attempt => return result,
        () = sleep(PATIENCE) => {}
    }
    if greeted.get().is_none_or(|tap| !tap.speaks_ssh()) {
        place.lend();
    }
    attempt.await
}
