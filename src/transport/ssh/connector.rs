//! One connection, to a host or to a bastion: its place in the queue, its stream, key exchange, host key and login.
//! Knows what all connections of a run share; must not know what a stream runs over, beyond [`Via`].

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use tokio::time::sleep;

use super::{
    super::{Class, ConnectError, Phase},
    SshOptions,
    abortable::{Abortable, StreamControl},
    agent::Agent,
    algorithms::{Configs, HostKeyOrder},
    bastion::BastionShare,
    byte_stream::ByteStream,
    dial::{Dialer, dial},
    failure::connect as failed,
    handshake::{Connection, shake},
    host_key::{HostKeyCheck, KeyRules},
    key_file::{KeyFile, KeyFiles},
    known_hosts::{KnownHostsError, KnownName, RevokedKeys, TrustFile, TrustStore},
    login::{Credentials, login},
    prompter::Prompter,
    proxy_command::ProxyCommand,
    throttle::{Endpoint, PATIENCE, Place, Throttle},
};
use crate::target::{AgentChoice, HostKeyPolicy, Limits, SshSettings};

/// What the connections of a run share.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) options: SshOptions,
    agent: Option<Arc<Agent>>,
    agents: Mutex<HashMap<PathBuf, Arc<Agent>>>,
    pub(super) files: KeyFiles,
    pub(super) prompter: Arc<Prompter>,
    trust: Arc<TrustStore>,
    trust_files: Mutex<HashMap<PathBuf, Arc<TrustFile>>>,
    revoked_files: Mutex<HashMap<PathBuf, Result<Arc<RevokedKeys>, String>>>,
    throttle: Throttle,
    dialer: Dialer,
    configs: Configs,
}

/// Which host to connect to, and how to log in.
pub(super) struct Destination<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) check: HostKeyCheck,
    pub(super) credentials: Credentials<'a>,
    pub(super) limits: Limits,
    pub(super) ssh: &'a SshSettings,
}

/// What the stream runs over.
pub(super) enum Via {
    Network,
    Bastion(BastionShare),
    Command(ProxyCommand),
}

impl Connector {
    /// Reads the known_hosts files; opens no connection.
    pub(super) fn new(options: SshOptions) -> Result<Self, KnownHostsError> {
        let mut this = Self {
            throttle: Throttle::new(&options),
            dialer: Dialer::new(),
            configs: Configs::default(),
            trust: Arc::default(),
            trust_files: Mutex::default(),
            revoked_files: Mutex::default(),
            agent: options.agent.clone().map(Agent::new).map(Arc::new),
            agents: Mutex::default(),
            files: KeyFiles::new(options.prompt.clone()),
            prompter: Arc::new(Prompter::new(options.prompt.clone())),
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

    /// Key files: those that are named for the host, and the usual ones. `alone`: with a `first` key, the usual ones
    /// are not used.
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

    /// The check of a host's key. `own` files replace the user's; ssh_config may name others for both.
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
            // An alias replaces name and port.
            name: match &ssh.host_key_alias {
                Some(alias) => KnownName::new(alias, 22),
                None => KnownName::new(address, port),
            },
            policy,
            hash_names: ssh.hash_names,
            address: address.to_owned(),
            port,
            clock: Arc::clone(&self.options.clock),
            prompter: Arc::clone(&self.prompter),
            prompt_time: Arc::default(),
        })
    }

    /// A file of `RevokedHostKeys`, read once.
    fn revoked(&self, path: &Path) -> Result<Arc<RevokedKeys>, ConnectError> {
        let mut files = self.revoked_files.lock().unwrap_or_else(PoisonError::into_inner);
        let read = files.entry(path.to_owned()).or_insert_with(|| RevokedKeys::load(path).map(Arc::new));
        read.clone().map_err(|why| {
            let message = format!("RevokedHostKeys {}: {why}", path.display());
            let mut error = failed(Phase::HostKey, Class::Local, message);
            error.help = Some("as with ssh, every host key is refused until the file can be read".to_owned());
            error
        })
    }

    /// The credentials for a host, without a password.
    pub(super) fn credentials<'a>(
        &'a self,
        (user, host): (&'a str, &'a str),
        (first, alone): (Option<&Path>, bool),
        ssh: &'a SshSettings,
        agent: Option<&'a Agent>,
    ) -> Credentials<'a> {
        let (named, usual) = self.identities(first, alone, ssh);
        let certificates = ssh.certificate_files.iter().map(|path| self.files.certificate(path));
        Credentials {
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
            prompter: &self.prompter,
        }
    }

    /// Connects and logs in. Time spent in the queue does not count against the deadlines.
    pub(super) async fn connect(&self, destination: Destination<'_>, via: Via) -> Result<Connection, ConnectError> {
        let route = self.route(&destination, via).await?;
        let (endpoint, way) = match &route {
            Route::Found(found) => (Endpoint::Address(found.addresses[0]), None),
            Route::Bastion(share) => {
                let host = destination.host.to_owned();
                (Endpoint::Behind(share.chain(), host, destination.port), Some(share.places()))
            }
            Route::Command(_) => (
                Endpoint::Behind("".into(), destination.host.to_owned(), destination.port),
                Some(&self.throttle.commands),
            ),
        };
        let mut place = self.throttle.enter(endpoint, way).await;
        let control = OnceLock::new();
        let result = lend_when_silent(Box::pin(self.attempt(destination, route, &control)), &control, &mut place).await;
        place.settle(&result);
        result
    }

    async fn route(&self, destination: &Destination<'_>, via: Via) -> Result<Route, ConnectError> {
        Ok(match via {
            Via::Network => {
                let mut found =
                    self.dialer.find(destination.host, destination.port, destination.limits.connect).await?;
                found.keep(destination.ssh, destination.host)?;
                Route::Found(found)
            }
            Via::Bastion(share) => Route::Bastion(share),
            Via::Command(command) => Route::Command(command),
        })
    }

    async fn attempt(
        &self,
        destination: Destination<'_>,
        route: Route,
        greeted: &OnceLock<Arc<StreamControl>>,
    ) -> Result<Connection, ConnectError> {
        let Destination { host, port, check, credentials, limits, ssh } = destination;
        let (known, certificates) = check.store.expected(&check.name);
        let config = self.configs.get(HostKeyOrder::new(&known, certificates), limits.silence, ssh)?;
        let mut handshake = limits.handshake;
        let (stream, peer, report) = match route {
            Route::Found(found) => {
                let (stream, address) = dial(&found, limits.silence).await?;
                (ByteStream::Direct(stream), address.to_string(), None)
            }
            Route::Bastion(share) => {
                let peer = format!("{host}:{port} through bastion {}", share.name());
                (share.forward(host, port, limits.connect).await?, peer, None)
            }
            Route::Command(command) => {
                let (pipe, report) = command.start()?;
                // The time that the command takes to connect cannot be told from the handshake.
                handshake += limits.connect;
                (ByteStream::Piped(pipe), report.name().to_owned(), Some(report))
            }
        };
        let (stream, control) = Abortable::new(stream);
        let _ = greeted.set(Arc::clone(&control));
        let mut connection = match (shake((stream, control), &peer, config, check, handshake).await, report) {
            (Ok(connection), _) => connection,
            (Err(error), Some(report)) => return Err(report.explain(error).await),
            (Err(error), None) => return Err(error),
        };
        login(&mut connection, credentials, limits.auth).await?;
        Ok(connection)
    }
}

/// What the stream will run over, with the address already looked up.
enum Route {
    Found(super::dial::Found),
    Bastion(BastionShare),
    Command(ProxyCommand),
}

/// Runs an attempt; if the peer shows no banner for a while, others may use its permits.
async fn lend_when_silent<T>(
    mut attempt: impl Future<Output = T> + Unpin,
    greeted: &OnceLock<Arc<StreamControl>>,
    place: &mut Place,
) -> T {
    tokio::select! {
        result = &mut attempt => return result,
        () = sleep(PATIENCE) => {}
    }
    if greeted.get().is_none_or(|control| !control.speaks_ssh()) {
        place.lend();
    }
    attempt.await
}
