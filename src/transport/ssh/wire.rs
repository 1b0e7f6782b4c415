//! The byte stream below one SSH session, with a switch that cuts it and a note of how the peer greeted us.
//! russh waits without end in several places; cutting the stream is what ends its task whatever it waits for.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of a greeting that are kept to be shown.
const GREETING: usize = 200;

/// A stream that can be cut from outside.
pub(super) struct Wire<S> {
    stream: S,
    tap: Arc<Tap>,
    greeted: bool,
}

/// The outside of a [`Wire`].
#[derive(Debug, Default)]
pub(super) struct Tap {
    cut: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
    greeting: Mutex<Greeting>,
}

#[derive(Debug, Default)]
struct Greeting {
    bytes: Vec<u8>,
    speaks_ssh: bool,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<Tap>) {
        let tap = Arc::new(Tap::default());
        (Self { stream, tap: Arc::clone(&tap), greeted: false }, tap)
    }
}

impl Tap {
    /// Ends the stream, in both directions, at once.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.reader.wake();
        self.writer.wake();
    }

    /// True once the peer has sent a line that begins with `SSH-`.
    pub(super) fn speaks_ssh(&self) -> bool {
        self.greeting().speaks_ssh
    }

    /// What the peer sent instead of a banner, printable; empty when it sent nothing.
    pub(super) fn greeting_text(&self) -> String {
        let text = String::from_utf8_lossy(&self.greeting().bytes).into_owned();
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        crate::command::printable(line).chars().take(80).collect()
    }

    fn greeting(&self) -> std::sync::MutexGuard<'_, Greeting> {
        self.greeting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the first bytes; true once the banner has begun.
    fn note(&self, bytes: &[u8]) -> bool {
        let mut greeting = self.greeting();
        let room = GREETING.saturating_sub(greeting.bytes.len());
        greeting.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let begins = |bytes: &[u8]| bytes.starts_with(b"SSH-") || bytes.windows(5).any(|w| w == b"\nSSH-");
        if begins(&greeting.bytes) || begins(bytes) {
            greeting.speaks_ssh = true;
            greeting.bytes = Vec::new();
        }
        greeting.speaks_ssh
    }
}

/// Cuts the stream when it goes out of scope, so that an abandoned attempt leaves no task behind.
pub(super) struct Cut(pub(super) Arc<Tap>);

impl Drop for Cut {
    fn drop(&mut self) {
        self.0.cut();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.tap.reader.register(cx.waker());
        if this.tap.cut.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        if !this.greeted && polled.is_ready() {
            this.greeted = this.tap.note(&buf.filled()[before..]);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.tap.writer.register(cx.waker());
        if self.tap.cut.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tap.writer.register(cx.waker());
        if self.tap.cut.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_cut_ends_a_waiting_reader_and_a_waiting_writer() {
        let (near, _far) = tokio::io::duplex(16);
        let (wire, tap) = Wire::new(near);
        let (mut read, mut write) = tokio::io::split(wire);
        let reading = tokio::spawn(async move { read.read(&mut [0; 8]).await });
        let writing = tokio::spawn(async move { write.write_all(&[0; 64]).await });
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        tap.cut();
        assert_eq!(reading.await.unwrap().unwrap(), 0);
        assert!(writing.await.unwrap().is_err());
    }

    #[tokio::test]
    async fn the_greeting_is_kept_until_the_peer_speaks_ssh() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut wire, tap) = Wire::new(near);
        far.write_all(b"\r\nHTTP/1.1 400 \x1b[31mBad\r\n").await.unwrap();
        let mut buffer = [0; 64];
        assert_ne!(wire.read(&mut buffer).await.unwrap(), 0);
        assert_eq!(tap.greeting_text(), "HTTP/1.1 400 [31mBad");
        assert!(!tap.speaks_ssh());
        for byte in b"SSH-2.0-x" {
            far.write_all(&[*byte]).await.unwrap();
            assert_eq!(wire.read(&mut buffer).await.unwrap(), 1);
        }
        assert!(tap.speaks_ssh());
    }
}
