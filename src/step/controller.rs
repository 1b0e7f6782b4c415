//! The jump box for real: programs in their own process group, HTTP, TCP, files beside the playbook.
//! Knows no host and no step. Start at [`JumpBox`].

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::{Controller, HookOutput, sources::Held};
use crate::{
    command::{Command, Exit, Output},
    transport::{Sink, Stream},
};

/// Most bytes of an HTTP answer that are kept.
const BODY: usize = 1 << 20;
/// How long the output of a program that has ended is waited for: a child of it may hold the pipe open for ever.
const DRAIN: Duration = Duration::from_millis(500);

/// The machine that this program runs on.
#[derive(Debug)]
pub struct JumpBox {
    folder: PathBuf,
    root: PathBuf,
    client: OnceLock<Result<reqwest::Client, String>>,
    held: Arc<Held>,
}

impl JumpBox {
    /// `folder` is the playbook's, absolute; files are looked up there and above, up to `root`.
    pub fn new(folder: PathBuf, root: PathBuf) -> Self {
        Self { folder, root, client: OnceLock::new(), held: Arc::default() }
    }

    /// Holds files to these sums, by the names that the playbook says.
    #[must_use]
    pub fn agreed_with(mut self, files: &BTreeMap<String, String>) -> Self {
        self.held = Arc::new(Held::new(files, |name| self.find(name)));
        self
    }

    fn client(&self) -> Result<&reqwest::Client, String> {
        let client = self.client.get_or_init(|| {
            // An error means that somebody installed a provider before, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            reqwest::Client::builder()
                // What a check asks for is what the address itself answers.
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("patchwave/", env!("CARGO_PKG_VERSION")))
                .pool_max_idle_per_host(1)
                .build()
                .map_err(|error| causes(&error))
        });
        client.as_ref().map_err(Clone::clone)
    }

    async fn request(&self, url: &str, body: Option<&Value>) -> Result<(u16, Vec<u8>), String> {
        // An address may hold a secret, so that it never stands in an error.
        let say = |error: reqwest::Error| causes(&error.without_url());
        let client = self.client()?;
        let request = match body {
            Some(json) => client.post(url).header("content-type", "application/json").body(json.to_string()),
            None => client.get(url),
        };
        let mut response = request.send().await.map_err(say)?;
        let status = response.status().as_u16();
        let mut kept = Vec::new();
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
    fn run<'a>(&'a self, command: &'a Command, log: &'a mut dyn Sink) -> BoxFuture<'a, Result<HookOutput, String>> {
        Box::pin(run(&self.folder, command, log))
    }

    fn http<'a>(
        &'a self,
        url: &'a str,
        body: Option<&'a Value>,
        limit: Duration,
    ) -> BoxFuture<'a, Result<(u16, Vec<u8>), String>> {
        Box::pin(async move {
            match timeout(limit, self.request(url, body)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("no answer within {limit:?}")),
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
        let (held, folder) = (Arc::clone(&self.held), self.folder.clone());
        let argv = argv.map(<[String]>::to_vec);
        let look = move || match argv {
            Some(argv) => held.changed_in(&folder, &argv),
            None => held.any_changed(),
        };
        Box::pin(async move {
            let looked = tokio::task::spawn_blocking(look).await;
            looked.unwrap_or_else(|error| Some(format!("the jump box's files cannot be looked at: {error}")))
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

/// Kills the group when the run leaves before the program's end: a second one would be started beside it otherwise.
struct Group(Option<Pid>);

impl Group {
    fn kill(&mut self) {
        if let Some(pid) = self.0.take() {
            // It may have ended just now.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn run(folder: &Path, command: &Command, log: &mut dyn Sink) -> Result<HookOutput, String> {
    let deadline = Instant::now() + command.timeout;
    let (program, args) = command.argv.split_first().ok_or("the command line is empty")?;
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let mut group = Group(pid);
    let (sender, mut pieces) = mpsc::channel(16);
    if let Some(pipe) = child.stdout.take() {
        tokio::spawn(pump(pipe, Stream::Stdout, sender.clone()));
    }
    if let Some(pipe) = child.stderr.take() {
        tokio::spawn(pump(pipe, Stream::Stderr, sender.clone()));
    }
    drop(sender);
    if let Some(mut pipe) = child.stdin.take() {
        let input = command.stdin.clone();
        // It may end without reading.
        tokio::spawn(async move { drop(pipe.write_all(&input).await) });
    }
    let mut output = Output { exit: Exit::Code(0), stdout: Vec::new(), stderr: Vec::new(), dropped: 0 };
    let mut status: Option<ExitStatus> = None;
    let mut until = deadline;
    loop {
        tokio::select! {
            piece = pieces.recv() => match piece {
                Some((stream, bytes)) => keep(&mut output, command.keep, stream, &bytes, log),
                None if status.is_some() => break,
                None => status = Some(wait(&mut child, deadline, program, &mut group).await?),
            },
            ended = child.wait(), if status.is_none() => {
                status = Some(ended.map_err(|error| format!("{program}: {error}"))?);
                until = deadline.min(Instant::now() + DRAIN);
            }
            () = sleep_until(until) => {
                if status.is_some() {
                    break;
                }
                group.kill();
                let _ = child.wait().await;
                return Err(format!("{program} did not end within {:?} and was killed", command.timeout));
            }
        }
    }
    // What it left running in the background is its own affair.
    group.0 = None;
    output.exit = exit(status);
    Ok(HookOutput { output })
}

/// Waits for a program that has closed its output.
async fn wait(
    child: &mut tokio::process::Child,
    deadline: Instant,
    program: &str,
    group: &mut Group,
) -> Result<ExitStatus, String> {
    match tokio::time::timeout_at(deadline, child.wait()).await {
        Ok(status) => status.map_err(|error| format!("{program}: {error}")),
        Err(_) => {
            group.kill();
            let _ = child.wait().await;
            Err(format!("{program} did not end in time and was killed"))
        }
    }
}

fn exit(status: Option<ExitStatus>) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    let signal = || status.and_then(|status| status.signal()).unwrap_or(0).to_string();
    match status.and_then(|status| status.code()).and_then(|code| u32::try_from(code).ok()) {
        Some(code) => Exit::Code(code),
        None => Exit::Signal(signal()),
    }
}

fn keep(output: &mut Output, most: usize, stream: Stream, bytes: &[u8], log: &mut dyn Sink) {
    log.write(stream, bytes);
    let kept = if stream == Stream::Stdout { &mut output.stdout } else { &mut output.stderr };
    let fits = bytes.len().min(most.saturating_sub(kept.len()));
    kept.extend_from_slice(&bytes[..fits]);
    output.dropped += (bytes.len() - fits) as u64;
}

async fn pump(mut pipe: impl AsyncRead + Unpin, stream: Stream, sender: mpsc::Sender<(Stream, Vec<u8>)>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        if sender.send((stream, buffer[..count].to_vec())).await.is_err() {
            return;
        }
    }
}

/// An error with its causes, in one line.
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
mod tests {
    use super::*;
    use crate::step::testing::Log;

    fn jump_box() -> (tempfile::TempDir, JumpBox) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("playbooks");
        std::fs::create_dir(&folder).unwrap();
        let jump_box = JumpBox::new(folder, root.path().to_owned());
        (root, jump_box)
    }

    #[tokio::test]
    async fn a_program_gets_input_and_environment_and_is_heard() {
        let (_root, jump_box) = jump_box();
        let command = Command::sh("t", "cat; echo $X; echo err >&2; exit 7", [""; 0]).env("X", "1").stdin("in\n");
        let mut log = Log::default();
        let output = jump_box.run(&command, &mut log).await.unwrap().output;
        assert_eq!(
            (output.exit, output.stdout, output.stderr),
            (Exit::Code(7), b"in\n1\n".to_vec(), b"err\n".to_vec())
        );
        assert_eq!(log.0.len(), 9);
    }

    #[tokio::test]
    async fn a_hanging_program_is_killed_with_its_children() {
        let (root, jump_box) = jump_box();
        let mark = root.path().join("mark");
        let script = format!("(sleep 2; echo x >{}) & sleep 60", mark.display());
        let command = Command::sh("t", &script, [""; 0]).timeout(Duration::from_millis(300));
        let began = std::time::Instant::now();
        let error = jump_box.run(&command, &mut Log::default()).await.unwrap_err();
        assert!(error.contains("killed"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(2200)).await;
        assert!(!mark.exists(), "a child survived");
    }

    #[tokio::test]
    async fn a_child_that_keeps_the_pipe_does_not_hold_us() {
        let (_root, jump_box) = jump_box();
        let command = Command::sh("t", "sleep 5 & echo done", [""; 0]);
        let began = std::time::Instant::now();
        let output = jump_box.run(&command, &mut Log::default()).await.unwrap().output;
        assert_eq!(output.stdout, b"done\n");
        assert!(began.elapsed() < Duration::from_secs(4));
    }

    #[tokio::test]
    async fn output_is_bounded() {
        let (_root, jump_box) = jump_box();
        let mut command = Command::sh("t", "head -c 3000000 /dev/zero", [""; 0]);
        command.keep = 1000;
        let output = jump_box.run(&command, &mut Log::default()).await.unwrap().output;
        assert_eq!((output.stdout.len(), output.dropped), (1000, 2_999_000));
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let (_root, jump_box) = jump_box();
        let error = jump_box.run(&Command::reads("t", ["./nowhere"]), &mut Log::default()).await.unwrap_err();
        assert!(error.starts_with("./nowhere cannot be started"), "{error}");
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
        assert_eq!(jump_box.http(&url, None, limit).await, Ok((503, b"sad".to_vec())));
        let error = jump_box.http(&url, None, limit).await.unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
        assert!(jump_box.connects("127.0.0.1", port, limit).await.is_err());
    }
}
