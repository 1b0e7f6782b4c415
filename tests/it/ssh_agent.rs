//! Agents with a real sshd: keys of hardware tokens, broken identities, agents that go silent.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use patchwave::{
    target::Target,
    transport::{
        Class, ConnectError, Phase, Transport,
        ssh::{SshOptions, SshTransport},
    },
};
use russh::keys::{
    Algorithm, EcdsaCurve, PrivateKey, PublicKeyBase64 as _, signature::Signer as _, ssh_key::Signature,
};
use sha2::{Digest as _, Sha256};

use crate::support::sshd::{Sshd, keygen};

/// Numbers of the agent protocol (draft-miller-ssh-agent, section 5).
const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
/// The token's owner has touched it (FIDO2, flags of the authenticator data).
const TOUCHED: u8 = 1;

/// What the software replacement of the token holds.
#[derive(Clone)]
struct Token {
    key: PrivateKey,
    flags: u8,
}

/// An agent of our own. `silent_to` is the request that it never answers.
struct TestAgent {
    listed: Vec<Vec<u8>>,
    tokens: Vec<Token>,
    silent_to: Option<u8>,
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat()
}

/// Takes one string off the front.
fn take(rest: &mut &[u8]) -> Vec<u8> {
    let length = u32::from_be_bytes(rest[..4].try_into().expect("four bytes")) as usize;
    let taken = rest[4..4 + length].to_vec();
    *rest = &rest[4 + length..];
    taken
}

impl Token {
    fn new(algorithm: Algorithm) -> Self {
        let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), algorithm).expect("a key");
        Self { key, flags: TOUCHED }
    }

    fn kind(&self) -> String {
        format!("sk-{}@openssh.com", self.key.algorithm().as_str())
    }

    /// The public key: that of the software key under the token's name, followed by the application (OpenSSH's
    /// PROTOCOL.u2f).
    fn blob(&self) -> Vec<u8> {
        let plain = self.key.public_key().public_key_bytes();
        let mut rest = plain.as_slice();
        take(&mut rest);
        [string(self.kind().as_bytes()), rest.to_vec(), string(b"ssh:")].concat()
    }

    /// A token signs a hash of the data, with flags and a counter; both follow the signature.
    fn sign(&self, data: &[u8]) -> Vec<u8> {
        let behind = [&[self.flags][..], &7u32.to_be_bytes()].concat();
        let signed = [&Sha256::digest(b"ssh:")[..], &behind, &Sha256::digest(data)[..]].concat();
        let signature: Signature = self.key.try_sign(&signed).expect("signed");
        [string(self.kind().as_bytes()), string(signature.as_bytes()), behind].concat()
    }

    fn line(&self) -> String {
        use base64::Engine as _;
        format!("{} {}\n", self.kind(), base64::engine::general_purpose::STANDARD.encode(self.blob()))
    }
}

impl TestAgent {
    fn of(tokens: &[Token]) -> Self {
        Self { listed: tokens.iter().map(Token::blob).collect(), tokens: tokens.to_vec(), silent_to: None }
    }

    fn start(self, socket: PathBuf) -> PathBuf {
        let listener = UnixListener::bind(&socket).expect("a socket");
        let this = Arc::new(self);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let this = Arc::clone(&this);
                std::thread::spawn(move || this.serve(stream));
            }
        });
        socket
    }

    fn serve(&self, mut stream: UnixStream) {
        let mut length = [0; 4];
        while stream.read_exact(&mut length).is_ok() {
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            if stream.read_exact(&mut request).is_err() {
                return;
            }
            if self.silent_to != Some(request[0]) && stream.write_all(&string(&self.answer(&request))).is_err() {
                return;
            }
        }
    }

    fn answer(&self, request: &[u8]) -> Vec<u8> {
        match request[0] {
            REQUEST_IDENTITIES => {
                let count = u32::try_from(self.listed.len()).expect("few").to_be_bytes();
                let each = self.listed.iter().flat_map(|blob| [string(blob), string(b"a token")].concat());
                [&[IDENTITIES_ANSWER], &count[..], &each.collect::<Vec<u8>>()].concat()
            }
            SIGN_REQUEST => {
                let mut rest = &request[1..];
                let (blob, data) = (take(&mut rest), take(&mut rest));
                match self.tokens.iter().find(|token| token.blob() == blob) {
                    Some(token) => [vec![SIGN_RESPONSE], string(&token.sign(&data))].concat(),
                    None => vec![FAILURE],
                }
            }
            _ => vec![FAILURE],
        }
    }
}

async fn connect(options: SshOptions, target: Target) -> Result<(), ConnectError> {
    let transport = SshTransport::new(options).expect("a transport");
    transport.connect(Arc::new(target)).await?.close().await;
    Ok(())
}

/// A server that accepts these tokens, and options that use only an agent.
fn server(agent: TestAgent) -> Option<(Sshd, SshOptions)> {
    let sshd = Sshd::start("")?;
    let lines: String = agent.tokens.iter().map(Token::line).collect();
    std::fs::write(sshd.path("authorized_keys"), lines).expect("authorized_keys");
    let socket = agent.start(sshd.path("agent"));
    let options = SshOptions { identities: vec![], agent: Some(socket), ..sshd.options() };
    Some((sshd, options))
}

#[tokio::test]
async fn keys_of_tokens_log_in_through_the_agent() {
    for algorithm in [Algorithm::Ed25519, Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }] {
        let token = Token::new(algorithm.clone());
        let Some((sshd, options)) = server(TestAgent::of(std::slice::from_ref(&token))) else { return };
        assert_eq!(connect(options, sshd.target()).await, Ok(()), "{algorithm}");
        // Several hosts share the agent.
        let Some((sshd, options)) = server(TestAgent::of(&[token])) else { return };
        let transport = SshTransport::new(options).expect("a transport");
        let connects = (0..8).map(|_| transport.connect(sshd.shared_target()));
        for session in futures::future::join_all(connects).await {
            session.expect("a session").close().await;
        }
    }
}

#[tokio::test]
async fn a_token_that_nobody_touched_is_refused() {
    let token = Token { flags: 0, ..Token::new(Algorithm::Ed25519) };
    let Some((sshd, options)) = server(TestAgent::of(&[token])) else { return };
    let error = connect(options, sshd.target()).await.unwrap_err();
    assert_eq!((error.phase, error.class), (Phase::Auth, Class::Auth), "{error}");
    assert!(error.message.contains("agent key a token (SHA256:"), "{error}");
}

#[tokio::test]
async fn broken_identities_and_those_that_cannot_sign_hide_no_other() {
    let tokens = [Token::new(Algorithm::Ed25519), Token::new(Algorithm::Ed25519)];
    let mut agent = TestAgent::of(&tokens);
    let (nonsense, cut) =
        ([string(b"sk-ssh-unknown@example.com"), vec![1, 2, 3]].concat(), tokens[0].blob()[..20].to_vec());
    agent.listed.splice(0..0, [nonsense, cut, Vec::new()]);
    // The host would accept the first token, but the agent fails to sign with it.
    agent.tokens.remove(0);
    let Some((sshd, options)) = server(agent) else { return };
    let lines: String = tokens.iter().map(Token::line).collect();
    std::fs::write(sshd.path("authorized_keys"), lines).expect("authorized_keys");
    assert_eq!(connect(options, sshd.target()).await, Ok(()));
}

#[tokio::test]
async fn an_agent_that_gives_no_signature_is_named_within_the_deadline() {
    let token = Token::new(Algorithm::Ed25519);
    let agent = TestAgent { silent_to: Some(SIGN_REQUEST), ..TestAgent::of(&[token]) };
    let Some((sshd, options)) = server(agent) else { return };
    // On a busy machine the signature may come too late; a longer time must help.
    let mut told = Vec::new();
    for limit in [2, 8, 32] {
        let transport = SshTransport::new(options.clone()).expect("a transport");
        // More hosts than the agent is asked for at the same time.
        let connects = (0..6).map(|_| {
            let mut target = sshd.target();
            target.limits.auth = Duration::from_secs(limit);
            transport.connect(Arc::new(target))
        });
        let results = futures::future::join_all(connects).await;
        told = results.into_iter().map(|result| result.err().expect("no session")).collect::<Vec<ConnectError>>();
        for error in &told {
            assert_eq!((error.phase, error.class), (Phase::Auth, Class::TimedOut), "{error}");
        }
        let words = format!("the SSH agent gave no signature within {limit} s");
        if told.iter().all(|error| error.message.contains(&words)) {
            return;
        }
    }
    panic!("the agent was never named: {told:?}");
}

#[tokio::test]
async fn an_agent_that_is_silent_from_the_start_leaves_the_key_files() {
    let agent = TestAgent { silent_to: Some(REQUEST_IDENTITIES), ..TestAgent::of(&[]) };
    let Some((sshd, mut options)) = server(agent) else { return };
    keygen(&sshd.path("other"), "ed25519", "");
    std::fs::copy(sshd.path("other.pub"), sshd.path("authorized_keys")).expect("authorized_keys");
    options.identities = vec![sshd.path("other")];
    let mut target = sshd.target();
    target.limits.auth = Duration::from_secs(60);
    assert_eq!(connect(options, target).await, Ok(()));
}
