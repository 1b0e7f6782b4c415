//! The byte stream below one SSH session, which can be aborted from outside and keeps the peer's greeting.
//! russh waits without a deadline in several places; aborting the stream ends its task whatever it waits for.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of a greeting that are kept to be shown.
const GREETING: usize = 200;
/// Bytes that are read at once. russh asks for the length of a packet, then for the packet: with what is read ahead
/// that is one system call rather than three.
const AHEAD: usize = 4 << 10;

/// A stream that can be aborted from outside.
pub(super) struct Abortable<S> {
    stream: S,
    control: Arc<StreamControl>,
    greeted: bool,
    /// Read, and not asked for yet. Holds no memory while it is empty: sessions idle for hours.
    ahead: Bytes,
}

/// Controls an [`Abortable`] from outside.
#[derive(Debug, Default)]
pub(super) struct StreamControl {
    aborted: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
    greeting: Mutex<Greeting>,
}

#[derive(Debug, Default)]
struct Greeting {
    bytes: Vec<u8>,
    speaks_ssh: bool,
}

impl<S> Abortable<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<StreamControl>) {
        let control = Arc::new(StreamControl::default());
        (Self { stream, control: Arc::clone(&control), greeted: false, ahead: Bytes::new() }, control)
    }
}

impl StreamControl {
    /// Ends the stream, in both directions, at once.
    pub(super) fn abort(&self) {
        self.aborted.store(true, Ordering::SeqCst);
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

/// Aborts the stream when it goes out of scope, so that an abandoned attempt leaves no task behind.
pub(super) struct AbortOnDrop(pub(super) Arc<StreamControl>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Abortable<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.control.reader.register(cx.waker());
        if this.control.aborted.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        if !this.ahead.is_empty() {
            let now = this.ahead.split_to(this.ahead.len().min(buf.remaining()));
            buf.put_slice(&now);
            return Poll::Ready(Ok(()));
        }
        if buf.remaining() >= AHEAD && this.greeted {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let mut room = [MaybeUninit::uninit(); AHEAD];
        let mut read = ReadBuf::uninit(&mut room);
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut read))?;
        if !this.greeted {
            this.greeted = this.control.note(read.filled());
        }
        let (now, later) = read.filled().split_at(read.filled().len().min(buf.remaining()));
        buf.put_slice(now);
        this.ahead = Bytes::copy_from_slice(later);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Abortable<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.control.writer.register(cx.waker());
        if self.control.aborted.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.control.writer.register(cx.waker());
        if self.control.aborted.load(Ordering::SeqCst) {
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
        let (stream, control) = Abortable::new(near);
        let (mut read, mut write) = tokio::io::split(stream);
        let reading = tokio::spawn(async move { read.read(&mut [0; 8]).await });
        let writing = tokio::spawn(async move { write.write_all(&[0; 64]).await });
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        control.abort();
        assert_eq!(reading.await.unwrap().unwrap(), 0);
        assert!(writing.await.unwrap().is_err());
    }

    /// Counts how often it is read, and gives all it has.
    struct Counted {
        bytes: &'static [u8],
        reads: usize,
    }

    impl AsyncRead for Counted {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            self.reads += 1;
            let now = self.bytes.len().min(buf.remaining());
            buf.put_slice(&self.bytes[..now]);
            self.bytes = &self.bytes[now..];
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn small_pieces_are_read_ahead_and_nothing_is_lost_or_doubled() {
        static BYTES: [u8; 10_000] = {
            let mut bytes = [0; 10_000];
            let mut at = 0;
            while at < bytes.len() {
                bytes[at] = (at % 251) as u8;
                at += 1;
            }
            bytes
        };
        let (mut stream, control) = Abortable::new(Counted { bytes: &BYTES, reads: 0 });
        let mut seen = Vec::new();
        for length in [1, 4, 200, 16, 3_000, 875, 4_500, 1_404, 1] {
            let mut piece = vec![0; length];
            let mut got = 0;
            while got < length {
                match stream.read(&mut piece[got..]).await.unwrap() {
                    0 => break,
                    n => got += n,
                }
            }
            seen.extend_from_slice(&piece[..got]);
        }
        assert!(seen == BYTES);
        // 4,096 three times, and the end.
        assert_eq!(stream.stream.reads, 4);
        assert!(!control.speaks_ssh() && stream.ahead.is_empty());
    }

    #[tokio::test]
    async fn the_greeting_is_kept_until_the_peer_speaks_ssh() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut stream, control) = Abortable::new(near);
        far.write_all(b"\r\nHTTP/1.1 400 \x1b[31mBad\r\n").await.unwrap();
        let mut buffer = [0; 64];
        assert_ne!(stream.read(&mut buffer).await.unwrap(), 0);
        assert_eq!(control.greeting_text(), "HTTP/1.1 400 [31mBad");
        assert!(!control.speaks_ssh());
        for byte in b"SSH-2.0-x" {
            far.write_all(&[*byte]).await.unwrap();
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 1);
        }
        assert!(control.speaks_ssh());
    }
}
