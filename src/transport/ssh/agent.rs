//! The SSH agent: which keys it holds (asked once per run), and signatures from it, a few at a time.
//! The list is parsed here, not by russh, where one key that cannot be decoded hides all others.

use std::{path::PathBuf, time::Duration};

use russh::keys::{
    Certificate,
    agent::{AgentIdentity, client::AgentClient},
    key::parse_public_key,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::{OnceCell, Semaphore, SemaphorePermit},
    time::timeout,
};

/// Simultaneous connections to the agent, which handles one request at a time on each.
const CONNECTIONS: usize = 4;
/// The deadline for the list; a signature has the login's deadline (the token may need a touch).
const ANSWER: Duration = Duration::from_secs(5);
/// The longest list that is accepted.
const LONGEST: u32 = 256 << 10;
/// draft-miller-ssh-agent, section 5.1.
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;

/// An agent's socket and its keys.
#[derive(Debug)]
pub(super) struct Agent {
    socket: PathBuf,
    places: Semaphore,
    identities: OnceCell<Result<Vec<AgentIdentity>, String>>,
}

impl Agent {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket, places: Semaphore::new(CONNECTIONS), identities: OnceCell::new() }
    }

    /// The keys it holds, without those that cannot be decoded; or why there is no answer.
    pub(super) async fn identities(&self) -> Result<&[AgentIdentity], &str> {
        let listed = self.identities.get_or_init(|| async {
            let answer = timeout(ANSWER, self.ask()).await;
            let why = match answer {
                Ok(Ok(list)) => return Ok(identities(&list)),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            Err(format!("the agent at {}: {why}", self.socket.display()))
        });
        listed.await.as_ref().map(Vec::as_slice).map_err(String::as_str)
    }

    /// A connection that signs.
    pub(super) async fn signer(&self) -> Result<(AgentClient<UnixStream>, SemaphorePermit<'_>), String> {
        let place = self.places.acquire().await.expect("the semaphore is never closed");
        let client = AgentClient::connect_uds(&self.socket).await.map_err(|error| error.to_string())?;
        Ok((client, place))
    }

    async fn ask(&self) -> std::io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        stream.write_all(&[0, 0, 0, 1, REQUEST_IDENTITIES]).await?;
        let length = stream.read_u32().await?;
        if length > LONGEST {
            return Err(std::io::Error::other("its list of keys is too long"));
        }
        let mut list = vec![0; length as usize];
        stream.read_exact(&mut list).await?;
        Ok(list)
    }
}

/// Parses an answer: a count, then pairs of blob and comment.
fn identities(list: &[u8]) -> Vec<AgentIdentity> {
    let Some((&IDENTITIES_ANSWER, rest)) = list.split_first() else { return Vec::new() };
    let mut rest = rest.get(4..).unwrap_or_default();
    let mut found = Vec::new();
    while let (Some(blob), Some(comment)) = (string(&mut rest), string(&mut rest)) {
        let comment = crate::command::printable(&String::from_utf8_lossy(comment));
        found.extend(identity(blob, comment));
    }
    found
}

fn identity(blob: &[u8], comment: String) -> Option<AgentIdentity> {
    let mut fields = blob;
    let certified = string(&mut fields)?.ends_with(b"-cert-v01@openssh.com");
    if certified {
        let certificate = Certificate::from_bytes(blob).ok()?;
        return Some(AgentIdentity::Certificate { certificate, comment });
    }
    Some(AgentIdentity::PublicKey { key: parse_public_key(blob).ok()?, comment })
}

/// Takes one length-prefixed string (RFC 4251, section 5).
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (string, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = after;
    Some(string)
}

#[cfg(test)]
mod tests {
    use russh::keys::{PublicKeyBase64, parse_public_key_base64};

    use super::*;

    fn list(items: &[(&[u8], &str)]) -> Vec<u8> {
        let mut list = vec![IDENTITIES_ANSWER];
        list.extend(u32::try_from(items.len()).unwrap().to_be_bytes());
        for (blob, comment) in items {
            for part in [blob, comment.as_bytes()] {
                list.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
                list.extend(part);
            }
        }
        list
    }

    #[test]
    fn a_broken_identity_does_not_hide_the_others() {
        let key = parse_public_key_base64("AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ")
            .unwrap()
            .public_key_bytes();
        let whole = list(&[(b"\0\0\0\x05bogus\0", "broken"), (&key, "good"), (b"", "empty"), (&key, "good too")]);
        assert_eq!(identities(&whole).len(), 2);
        for cut in 0..whole.len() {
            assert!(identities(&whole[..cut]).len() <= 2);
        }
        assert!(identities(&[5]).is_empty());
        assert!(identities(&[]).is_empty());
    }
}
