//! The real jump box: programs in their own process group, HTTP, TCP, files beside the playbook. Knows no host and no
//! step. Start at [`JumpBox`].

mod piped;
mod process_tree;
mod record;
mod recorded;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::{net::TcpStream, time::timeout};

use super::{Ask, Claim, Controller, HookOutput, NoEnd, Ran, sources::Held};
use crate::{command::Command, transport::Sink};

/// Most bytes of an HTTP answer that are kept.
const BODY: usize = 1 << 20;

/// The machine that this program runs on.
#[derive(Debug)]
pub struct JumpBox {
    folder: PathBuf,
    root: PathBuf,
    /// Where the programs of a run are recorded.
    records: Option<PathBuf>,
    client: OnceLock<Result<reqwest::Client, String>>,
    held: Arc<Held>,
}

impl JumpBox {
    /// `folder` is the playbook's, absolute; files are looked up there and above, up to `root`.
    pub fn new(folder: PathBuf, root: PathBuf) -> Self {
        Self { folder, root, records: None, client: OnceLock::new(), held: Arc::default() }
    }

    /// Checks files against these sums, by their names in the playbook.
    #[must_use]
    pub fn agreed_with(mut self, files: &BTreeMap<String, String>) -> Self {
        self.held = Arc::new(Held::new(files, |name| self.find(name)));
        self
    }

    /// With a folder (absolute) in which the programs of a run are recorded: they outlive this process, and the
    /// controller that resumes the run finds them there. Without a folder they end with this process.
    #[must_use]
    pub fn recorded_in(mut self, records: PathBuf) -> Self {
        self.records = Some(records);
        self
    }

    /// Runs a program that belongs to no run and ends with this process; nothing about it is written to disk.
    ///
    /// # Errors
    /// Why it did not end by itself.
    pub async fn run_piped(&self, command: &Command, log: &mut dyn Sink) -> Result<HookOutput, NoEnd> {
        piped::run(&self.folder, command, log).await
    }

    fn client(&self) -> Result<&reqwest::Client, String> {
        let client = self.client.get_or_init(|| {
            // Fails only if a provider is installed already, which is just as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            reqwest::Client::builder()
                // A check is about the address itself, so redirects are not followed.
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("patchwave/", env!("CARGO_PKG_VERSION")))
                .pool_max_idle_per_host(1)
                .build()
                .map_err(|error| causes(&error))
        });
        client.as_ref().map_err(Clone::clone)
    }

    async fn request(&self, url: &str, ask: Ask<'_>) -> Result<(u16, Vec<u8>), String> {
        // An address may hold a secret, so it never appears in an error.
        let say = |error: reqwest::Error| causes(&error.without_url());
        let client = self.client()?;
        let request = match ask {
            Ask::Post(json) => client.post(url).header("content-type", "application/json").body(json.to_string()),
            Ask::Status(_) | Ask::Text(..) => client.get(url),
        };
        let mut response = request.send().await.map_err(say)?;
        let status = response.status().as_u16();
        let mut kept = Vec::new();
        if !matches!(ask, Ask::Text(..)) {
            // The status says whether the message was taken; the rest of the answer may never come.
            return Ok((status, kept));
        }
        while let Some(part) = response.chunk().await.map_err(say)? {
            let room = BODY - kept.len();
            kept.extend_from_slice(&part[..part.len().min(room)]);
            if kept.len() == BODY {
                break;
            }
        }
        Ok((status, kept))
    }
}

impl Controller for JumpBox {
    fn run<'a>(&'a self, command: &'a Command, claim: &'a Claim, log: &'a mut dyn Sink) -> Ran<'a> {
        match &self.records {
            Some(records) => Box::pin(recorded::run(&self.folder, records, command, claim, log)),
            None => Box::pin(piped::run(&self.folder, command, log)),
        }
    }

    fn http<'a>(
        &'a self,
        url: &'a str,
        ask: Ask<'a>,
        limit: Duration,
    ) -> BoxFuture<'a, Result<(u16, Vec<u8>), String>> {
        Box::pin(async move {
            match timeout(limit, self.request(url, ask)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("no answer within {} s", limit.as_secs_f64().ceil())),
            }
        })
    }

    fn connects<'a>(&'a self, address: &'a str, port: u16, limit: Duration) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            match timeout(limit, TcpStream::connect((address, port))).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("no connection within {limit:?}")),
            }
        })
    }

    fn agreed(&self, path: &Path) -> Option<&str> {
        self.held.sum(path)
    }

    fn changed<'a>(&'a self, argv: Option<&'a [String]>) -> BoxFuture<'a, Option<String>> {
        // Every walk of a host asks; without files there is nothing to look at, and a thread for it costs more than the
        // answer.
        if self.held.is_empty() {
            return Box::pin(async { None });
        }
        let (held, folder) = (Arc::clone(&self.held), self.folder.clone());
        let argv = argv.map(<[String]>::to_vec);
        let look = move || match argv {
            Some(argv) => held.changed_in(&folder, &argv),
            None => held.any_changed(),
        };
        Box::pin(async move {
            let looked = tokio::task::spawn_blocking(look).await;
            looked.unwrap_or_else(|error| Some(format!("cannot check the jump box's files: {error}")))
        })
    }

    fn find(&self, relative: &str) -> Option<PathBuf> {
        let path = Path::new(relative);
        if relative.is_empty() {
            return None;
        }
        if path.is_absolute() {
            return path.exists().then(|| path.to_owned());
        }
        let inside = |folder: &&Path| *folder == self.folder || folder.starts_with(&self.root);
        self.folder.ancestors().take_while(inside).map(|folder| folder.join(path)).find(|path| path.is_file())
    }
}

/// An error with its causes, on one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(&format!(": {next}"));
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
#[path = "controller/program_tests.rs"]
mod program_tests;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn jump_box() -> (tempfile::TempDir, JumpBox) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("playbooks");
        std::fs::create_dir(&folder).unwrap();
        let jump_box = JumpBox::new(folder, root.path().to_owned());
        (root, jump_box)
    }

    #[tokio::test]
    async fn without_files_of_the_run_nothing_is_waited_for() {
        let (_root, jump_box) = jump_box();
        let answered = futures::FutureExt::now_or_never(jump_box.changed(None));
        assert_eq!(answered, Some(None), "each host of a run asks: no thread is used for it");
    }

    #[test]
    fn files_are_found_beside_and_above_but_not_outside() {
        let (root, jump_box) = jump_box();
        std::fs::create_dir(root.path().join("hooks")).unwrap();
        std::fs::write(root.path().join("hooks/a"), "").unwrap();
        std::fs::write(root.path().join("playbooks/b"), "").unwrap();
        assert_eq!(jump_box.find("hooks/a"), Some(root.path().join("hooks/a")));
        assert_eq!(jump_box.find("b"), Some(root.path().join("playbooks/b")));
        assert_eq!(jump_box.find("hooks"), None);
        let outside = root.path().file_name().unwrap().to_str().unwrap();
        assert_eq!(jump_box.find(&format!("{outside}/hooks/a")), None);
    }

    #[tokio::test]
    async fn a_message_needs_no_more_than_a_status() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut streams = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nslow").await.unwrap();
                streams.push(stream);
            }
        });
        let (_root, jump_box) = jump_box();
        let (url, limit) = (format!("http://127.0.0.1:{port}/s3cret"), Duration::from_secs(5));
        let body = serde_json::json!({ "text": "done" });
        assert_eq!(jump_box.http(&url, Ask::Post(&body), limit).await, Ok((200, Vec::new())));
        assert_eq!(jump_box.http(&url, Ask::Status(200), limit).await, Ok((200, Vec::new())));
        let patience = Duration::from_millis(300);
        assert!(jump_box.http(&url, Ask::Text(200, ""), patience).await.is_err(), "the text is not there");
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/s3cret", silent.local_addr().unwrap());
        let answer = jump_box.http(&url, Ask::Post(&body), Duration::from_millis(1500)).await;
        assert_eq!(answer, Err("no answer within 2 s".to_owned()));
    }

    #[tokio::test]
    async fn http_answers_are_read_and_errors_hide_the_address() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            stream.write_all(b"HTTP/1.1 503 no\r\ncontent-length: 3\r\nconnection: close\r\n\r\nsad").await.unwrap();
        });
        let (_root, jump_box) = jump_box();
        let url = format!("http://127.0.0.1:{port}/s3cret");
        let limit = Duration::from_secs(5);
        assert_eq!(jump_box.http(&url, Ask::Text(200, ""), limit).await, Ok((503, b"sad".to_vec())));
        let error = jump_box.http(&url, Ask::Text(200, ""), limit).await.unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
        assert!(jump_box.connects("127.0.0.1", port, limit).await.is_err());
    }
}
