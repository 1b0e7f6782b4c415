//! The SSH server of one connection: who may log in, and which command goes to the shell.
//! Knows no packages and no reboots. Start at [`SshServer`]; `exec` runs the commands.

use std::{collections::HashMap, sync::Arc};

use russh::{
    Channel, ChannelId,
    keys::ssh_key,
    server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey},
};
use tokio_util::sync::CancellationToken;

use super::{exec, machine::Machine};

/// One connection as the server sees it.
pub(super) struct SshServer {
    machine: Arc<Machine>,
    /// Ends this connection.
    cut: CancellationToken,
    /// Channels on which no command runs yet.
    waiting: HashMap<ChannelId, Channel<Msg>>,
}

/// How many channels of one connection may wait for their command (OpenSSH's `MaxSessions`).
const MAX_WAITING: usize = 10;

impl SshServer {
    /// The server of one connection to `machine`.
    pub(super) fn new(machine: Arc<Machine>, cut: CancellationToken) -> Self {
        Self { machine, cut, waiting: HashMap::new() }
    }

    fn authenticate(&self, user: &str, key: &ssh_key::PublicKey) -> Auth {
        let known = user == self.machine.user() && key.key_data() == self.machine.login().key_data();
        if known { Auth::Accept } else { Auth::reject() }
    }
}

impl Handler for SshServer {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        if self.machine.drops_during_auth() {
            self.cut.cancel();
        }
        Ok(self.authenticate(user, offer.public_key))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.authenticate(user, key.public_key))
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), Self::Error> {
        self.machine.count_login();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.insert(channel.id(), channel);
            reply.accept().await;
        } else {
            reply.reject(russh::ChannelOpenFailure::ResourceShortage).await;
        }
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, line: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        let Some(channel) = self.waiting.remove(&id) else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        let call = exec::Call {
            machine: Arc::clone(&self.machine),
            handle: session.handle(),
            cut: self.cut.clone(),
            line: line.to_vec(),
        };
        tokio::spawn(call.run(channel));
        Ok(())
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.refuse(id, session)
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse(id, session)
    }

    async fn subsystem_request(&mut self, id: ChannelId, _: &str, session: &mut Session) -> Result<(), Self::Error> {
        self.refuse(id, session)
    }

    async fn env_request(&mut self, id: ChannelId, _: &str, _: &str, session: &mut Session) -> Result<(), Self::Error> {
        // Like a server without `AcceptEnv`: refused, and the client goes on without it.
        session.channel_failure(id)
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.waiting.remove(&id);
        Ok(())
    }
}

impl SshServer {
    /// No terminal, login shell or subsystem: the fleet only runs commands.
    fn refuse(&mut self, id: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }
}
