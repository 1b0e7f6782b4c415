//! A TCP connection that ends when its host does: cut at once, or turned half-open.
//! Knows nothing about SSH.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The server's end of one connection.
pub(super) struct HostSocket {
    stream: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    frozen: Arc<AtomicBool>,
}

impl HostSocket {
    /// `cut` ends the connection; while `frozen` is set nothing passes in either direction.
    pub(super) fn new(stream: TcpStream, cut: CancellationToken, frozen: Arc<AtomicBool>) -> Self {
        Self { stream, cut: Box::pin(cut.cancelled_owned()), frozen }
    }

    /// `Some` when the connection is cut or must not be touched.
    fn blocked<T>(&mut self, cx: &mut Context<'_>) -> Option<Poll<io::Result<T>>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return Some(Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())));
        }
        // No waker is kept except that of `cut`: what froze stays frozen, like a half-open connection.
        self.frozen.load(Ordering::Relaxed).then_some(Poll::Pending)
    }
}

impl AsyncRead for HostSocket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(answer) = self.blocked(cx) {
            return answer;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for HostSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.blocked(cx) {
            // Dropped silently, so that the session still believes that its peer is there.
            Some(Poll::Pending) => Poll::Ready(Ok(buf.len())),
            Some(answer) => answer,
            None => Pin::new(&mut self.stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
