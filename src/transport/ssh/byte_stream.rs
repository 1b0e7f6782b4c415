//! The byte stream to a host, whatever it runs over: TCP, a channel of a bastion, or the streams of a proxy command.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use russh::{ChannelStream, client::Msg};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{bastion::BastionShare, proxy_command::Pipe};

/// A stream to a host.
pub(super) enum ByteStream {
    Direct(TcpStream),
    /// The share counts the host on its bastion for as long as the stream exists.
    Forwarded(Box<ChannelStream<Msg>>, #[expect(dead_code, reason = "held, not read")] BastionShare),
    Piped(Pipe),
}

impl AsyncRead for ByteStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Forwarded(stream, _) => Pin::new(stream.as_mut()).poll_read(cx, buf),
            Self::Piped(pipe) => Pin::new(pipe).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Forwarded(stream, _) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
            Self::Piped(pipe) => Pin::new(pipe).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_flush(cx),
            Self::Forwarded(stream, _) => Pin::new(stream.as_mut()).poll_flush(cx),
            Self::Piped(pipe) => Pin::new(pipe).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Forwarded(stream, _) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            Self::Piped(pipe) => Pin::new(pipe).poll_shutdown(cx),
        }
    }
}
