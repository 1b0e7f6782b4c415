//! [`SshTransport`]: from a target to a session, by whatever way the target asks for.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{
    super::{Class, ConnectError, Phase, Session, Transport},
    SshOptions,
    agent::Agent,
    ahead::Ahead,
    args::{self, SshArgs},
    bastion::{Bastions, Chain},
    connector::{Connector, Destination, Via},
    failure::connect as failed,
    handshake::Connection,
    known_hosts::KnownHostsError,
    login::Credentials,
    proxy_command::ProxyCommand,
    session::SshSession,
};
use crate::target::{Limits, Proxy, SSH_PORT, Target};

/// How often a host is retried because its bastion's connection was lost.
const BASTION_TRIES: u32 = 5;

/// Connects over the network, as OpenSSH's client would.
#[derive(Debug)]
pub struct SshTransport {
    connector: Connector,
    bastions: Bastions,
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
        Ok(Self { connector: Connector::new(options)?, bastions: Bastions::default() })
    }

    async fn open(&self, target: Arc<Target>) -> Result<SshSession, ConnectError> {
        let args = args::read(&target.ssh_args).map_err(|word| unsupported(&word))?;
        let limits = target.limits.connecting_within(args.connect);
        let limits = Limits { silence: args.silence.unwrap_or(limits.silence), ..limits };
        let user = target.user.clone().unwrap_or_else(|| self.connector.options.user.clone());
        let agent = self.connector.agent(&target.ssh);
        let host = Host { target: &target, user: &user, args: &args, limits, agent: agent.as_deref() };
        let connection = match &target.proxy {
            None | Some(Proxy::None) => self.connector.connect(self.destination(&host)?, Via::Network).await?,
            Some(Proxy::Command(template)) => {
                let command = ProxyCommand::expand(template, &target.address, host.port(), &user)?;
                self.connector.connect(self.destination(&host)?, Via::Command(command)).await?
            }
            Some(Proxy::Jump(hops)) => {
                let chain = Chain::new(hops.clone(), target.key_file.clone());
                let none = || failed(Phase::Connect, Class::Local, "a jump chain without a host");
                self.through(&chain.ok_or_else(none)?, &host).await?
            }
        };
        Ok(SshSession { connection, target, user, silence: limits.silence, ahead: Ahead::default() })
    }

    /// Through bastions. When the bastion's connection is lost during the attempt, the host has seen no command, and
    /// the next attempt reconnects to the bastion.
    async fn through(&self, chain: &Chain, host: &Host<'_>) -> Result<Connection, ConnectError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let share = self.bastions.share(&self.connector, chain, host.limits).await?;
            let bastion = share.watch();
            let error = match self.connector.connect(self.destination(host)?, Via::Bastion(share)).await {
                Err(error) if error.class == Class::Closed => error,
                result => return result,
            };
            match bastion.lost().await {
                None => return Err(error),
                Some(lost) if tries == BASTION_TRIES => return Err(lost),
                Some(_) => {}
            }
        }
    }

    fn destination<'a>(&'a self, host: &Host<'a>) -> Result<Destination<'a>, ConnectError> {
        let Host { target, user, args, limits, .. } = *host;
        let ssh = &target.ssh;
        let key = target.key_file.as_deref();
        // Ansible's arguments never override settings of the host itself.
        let policy = target.host_keys.or(args.host_keys);
        let place = (target.address.as_str(), host.port());
        Ok(Destination {
            host: &target.address,
            port: host.port(),
            check: self.connector.host_key_check(place, args.known_hosts.as_deref(), policy, ssh)?,
            credentials: Credentials {
                password: target.password.as_ref(),
                secrets: Some(&target.secrets),
                ..self.connector.credentials((user, target.name.as_str()), (key, true), ssh, host.agent)
            },
            limits,
            ssh,
        })
    }
}

/// A target with all its settings.
#[derive(Clone, Copy)]
struct Host<'a> {
    target: &'a Target,
    user: &'a str,
    args: &'a SshArgs,
    limits: Limits,
    agent: Option<&'a Agent>,
}

impl Host<'_> {
    fn port(&self) -> u16 {
        self.target.port.unwrap_or(SSH_PORT)
    }
}

fn unsupported(word: &str) -> ConnectError {
    let mut error =
        failed(Phase::Connect, Class::Local, format!("`{word}` in ansible_ssh_common_args is not supported"));
    error.help =
        Some("patchwave does not guess how to reach a host; remove the option, or set it in the inventory".to_owned());
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
