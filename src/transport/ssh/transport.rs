//! [`SshTransport`]: what all connections of a run share, and the way from a target to a session.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use super::{
    super::{Class, ConnectError, Phase, Session, Transport},
    SshOptions,
    agent::Agent,
    algorithms::{Configs, HostKeyOrder},
    args::{self, SshArgs},
    ask_key::Asker,
    dial::Dialer,
    failure::connect as failed,
    handshake::shake,
    host_key::HostKeyCheck,
    key_file::KeyFiles,
    known_hosts::{KnownHostsError, KnownName, TrustFile, TrustStore},
    login::{Ways, login},
    session::SshSession,
};
use crate::target::{Proxy, Target};

const SSH_PORT: u16 = 22;

/// Connects over the network, as OpenSSH's client would.
#[derive(Debug)]
pub struct SshTransport {
    options: SshOptions,
    handshakes: Semaphore,
    dialer: Dialer,
    configs: Configs,
    trust: Arc<TrustStore>,
    trust_files: Mutex<HashMap<PathBuf, Arc<TrustFile>>>,
    agent: Option<Agent>,
    files: KeyFiles,
    asker: Arc<Asker>,
}

/// The transport cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file of trusted keys cannot be read.
    #[error(transparent)]
    KnownHosts(#[from] KnownHostsError),
}

impl SshTransport {
    /// Reads the known_hosts files; opens no connection.
    ///
    /// # Errors
    /// [`StartError`] when a known_hosts file exists and cannot be read: going on without it could miss a revoked key.
    pub fn new(options: SshOptions) -> Result<Self, StartError> {
        let mut this = Self {
            handshakes: Semaphore::new(options.handshakes.max(1)),
            dialer: Dialer::new(),
            configs: Configs::default(),
            trust: Arc::default(),
            trust_files: Mutex::default(),
            agent: options.agent.clone().map(Agent::new),
            files: KeyFiles::new(options.passphrase.clone()),
            asker: Arc::new(Asker::new(options.question.clone())),
            options,
        };
        this.trust = Arc::new(this.store(&this.options.known_hosts)?);
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

    async fn open(&self, target: Arc<Target>) -> Result<SshSession, ConnectError> {
        let args = args::read(&target.ssh_args).map_err(|word| unsupported(&word))?;
        if !matches!(target.proxy, None | Some(Proxy::None)) {
            return Err(unsupported("ProxyJump"));
        }
        let limits = target.limits;
        let port = target.port.unwrap_or(SSH_PORT);
        let silence = args.silence.unwrap_or(limits.silence);
        let check = self.host_key_check(&target, &args, port)?;
        let (known, certificates) = check.store.expected(&check.name);
        let config = self.configs.get(HostKeyOrder::new(&known, certificates), silence);

        let _place = self.handshakes.acquire().await.expect("the semaphore is never closed");
        let connect = args.connect.unwrap_or(limits.connect);
        let (stream, address) = self.dialer.dial(&target.address, port, connect, silence).await?;
        let mut connection = shake(stream, &address.to_string(), config, check, limits.handshake).await?;
        let user = target.user.clone().unwrap_or_else(|| self.options.user.clone());
        login(&mut connection, self.ways(&target, &user), limits.auth).await?;
        Ok(SshSession { connection, target, user, silence })
    }

    fn host_key_check(&self, target: &Target, args: &SshArgs, port: u16) -> Result<HostKeyCheck, ConnectError> {
        let store = match &args.known_hosts {
            None => Arc::clone(&self.trust),
            Some(own) => {
                // The option replaces the user's files; the system's stay.
                let system = self.options.known_hosts.iter().skip(1);
                let paths: Vec<PathBuf> = own.iter().chain(system).cloned().collect();
                Arc::new(self.store(&paths).map_err(|e| failed(Phase::HostKey, Class::Local, e.to_string()))?)
            }
        };
        Ok(HostKeyCheck {
            store,
            name: KnownName::new(&target.address, port),
            // Ansible's arguments win over nothing that was said for the host itself.
            policy: target.host_keys.or(args.host_keys).unwrap_or(self.options.host_keys),
            address: target.address.clone(),
            port,
            clock: Arc::clone(&self.options.clock),
            asker: Arc::clone(&self.asker),
            thinking: Arc::default(),
        })
    }

    fn ways<'a>(&'a self, target: &'a Target, user: &'a str) -> Ways<'a> {
        let chosen = target.key_file.as_deref().map(|path| self.files.get(path));
        let usual = match chosen {
            Some(_) => Vec::new(),
            None => self.options.identities.iter().map(|path| self.files.get(path)).collect(),
        };
        Ways { user, chosen, usual, agent: self.agent.as_ref(), files: &self.files, password: target.password.as_ref() }
    }
}

fn unsupported(word: &str) -> ConnectError {
    let mut error =
        failed(Phase::Connect, Class::Local, format!("`{word}` in ansible_ssh_common_args is not understood"));
    error.help = Some(
        "patchwave does not guess how to reach a host; take the option out, or say it in the inventory".to_owned(),
    );
    error
}

impl Transport for SshTransport {
    fn connect(&self, target: Arc<Target>) -> BoxFuture<'_, Result<Box<dyn Session>, ConnectError>> {
        Box::pin(async move {
            let name = target.name.clone();
            match self.open(target).await {
                Ok(session) => Ok(Box::new(session) as Box<dyn Session>),
                Err(error) => Err(ConnectError { message: format!("{name}: {}", error.message), ..error }),
            }
        })
    }
}
