//! A bare SSH client, so that the fleet is tested with something that is not part of the product.

use std::{sync::Arc, time::Duration};

use patchwave::demo::{Fleet, Host};
use russh::{
    ChannelMsg, client,
    keys::{PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate, ssh_key},
};

/// After this time, a login without an answer counts as silent.
const LOGIN: Duration = Duration::from_millis(1500);

pub struct Client {
    handle: client::Handle<Seen>,
    pub host_key: PublicKey,
}

#[derive(Debug, Default)]
pub struct Answer {
    pub code: Option<u32>,
    pub signal: Option<String>,
    pub stdout: String,
    pub stderr: String,
}

pub struct Seen(Arc<std::sync::Mutex<Option<PublicKey>>>);

impl client::Handler for Seen {
    type Error = russh::Error;
    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        if let PublicKeyOrCertificate::PublicKey { key, .. } = key {
            *self.0.lock().unwrap() = Some(key.clone());
        }
        Ok(true)
    }
}

impl Client {
    pub async fn connect(fleet: &Fleet, host: Host<'_>) -> Result<Self, String> {
        let key = russh::keys::load_secret_key(fleet.key_file(), None).map_err(|e| e.to_string())?;
        Self::connect_as(fleet.user(), key, host.port()).await
    }

    pub async fn connect_as(user: &str, key: ssh_key::PrivateKey, port: u16) -> Result<Self, String> {
        let seen = Arc::default();
        let config = client::Config { nodelay: true, ..client::Config::default() };
        let opening = client::connect(Arc::new(config), ("127.0.0.1", port), Seen(Arc::clone(&seen)));
        let mut handle = tokio::time::timeout(LOGIN, opening)
            .await
            .map_err(|_| "no answer".to_owned())?
            .map_err(|e| e.to_string())?;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
        let logged_in = handle.authenticate_publickey(user, key).await.map_err(|e| e.to_string())?;
        if !logged_in.success() {
            return Err(if handle.is_closed() { "closed".into() } else { "denied".to_owned() });
        }
        let host_key = seen.lock().unwrap().clone().ok_or("no host key")?;
        Ok(Self { handle, host_key })
    }

    /// An answer without an exit code or a signal means a lost connection.
    pub async fn exec(&self, line: &str, stdin: &[u8]) -> Result<Answer, String> {
        let channel = self.handle.channel_open_session().await.map_err(|e| e.to_string())?;
        channel.exec(true, line).await.map_err(|e| e.to_string())?;
        let (mut from, to) = channel.split();
        let stdin = stdin.to_vec();
        let feeding = tokio::spawn(async move {
            let _ = to.data_bytes(stdin).await;
            let _ = to.eof().await;
            to
        });
        let mut answer = Answer::default();
        let mut out = Vec::new();
        let mut err = Vec::new();
        let reading = async {
            while let Some(message) = from.wait().await {
                match message {
                    ChannelMsg::Data { data } => out.extend_from_slice(&data),
                    ChannelMsg::ExtendedData { data, .. } => err.extend_from_slice(&data),
                    ChannelMsg::ExitStatus { exit_status } => answer.code = Some(exit_status),
                    ChannelMsg::ExitSignal { signal_name, .. } => answer.signal = Some(format!("{signal_name:?}")),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), reading).await.map_err(|_| "no end".to_owned())?;
        feeding.abort();
        answer.stdout = String::from_utf8_lossy(&out).into_owned();
        answer.stderr = String::from_utf8_lossy(&err).into_owned();
        Ok(answer)
    }
}

/// One command over its own connection.
pub async fn once(fleet: &Fleet, host: Host<'_>, line: &str) -> Result<Answer, String> {
    Client::connect(fleet, host).await?.exec(line, b"").await
}
