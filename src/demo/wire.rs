//! A TCP connection that ends when its host does: cut at once, or turned half-open.
//! Knows nothing of SSH.

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
pub(super) struct Wire {
    stream: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    frozen: Arc<AtomicBool>,
}

impl Wire {
    /// `cut` ends the connection; while `frozen` is set nothing passes in either direction.
    pub(super) fn new(stream: TcpStream, cut: CancellationToken, frozen: Arc<AtomicBool>) -> Self {
        Self { stream, cut: Box::pin(cut.cancelled_owned()), frozen }
    }

    /// `Some` when the connection is cut or must not be touched.
    fn barred<T>(&mut self, cx: &mut Context<'_>) -> Option<Poll<io::Result<T>>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return Some(Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())));
        }
        // No waker is kept besides that of `cut`: what froze stays frozen, as a half-open connection does.
        self.frozen.load(Ordering::Relaxed).then_some(Poll::Pending)
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(answer) = self.barred(cx) {
            return answer;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.barred(cx) {
            // Swallowed, so that the session goes on believing in its peer.
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
