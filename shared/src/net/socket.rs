//! One connected socket: read and written in turn at first, then split in its two directions.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio_util::io::poll_read_buf;

/// The send queue of a connection within a machine. By itself it grows to several MiB, which fall out of the processor's
/// cache before they are read; of six sizes tried this moved large messages fastest.
const LOOPBACK_SEND_BYTES: usize = 512 << 10;

/// A connected TCP or Unix socket.
#[derive(Debug)]
pub struct Socket(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// An address and port.
    Tcp(SocketAddr),
    /// Somebody on this machine.
    Unix,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("a unix socket peer"),
        }
    }
}

impl Socket {
    pub(super) fn tcp(stream: TcpStream) -> io::Result<Self> {
        // Small frames must not wait for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        if stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()) {
            SockRef::from(&stream).set_send_buffer_size(LOOPBACK_SEND_BYTES)?;
        }
        Ok(Self(Kind::Tcp(stream)))
    }

    pub(super) fn unix(stream: UnixStream) -> Self {
        Self(Kind::Unix(stream))
    }

    /// The other end, if it is still known.
    pub fn peer(&self) -> Peer {
        match &self.0 {
            Kind::Tcp(stream) => stream.peer_addr().map_or(Peer::Unix, Peer::Tcp),
            Kind::Unix(_) => Peer::Unix,
        }
    }

    /// Tells the other end at once that its bytes are here, which an answer would do otherwise. One that asked for no answer
    /// and has the system gather its small messages, as Python's clients do, sends the next only then.
    pub fn acknowledge(&self) {
        #[cfg(target_os = "linux")]
        if let Kind::Tcp(stream) = &self.0 {
            let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
        }
    }

    /// The address of this machine that the other end reached, if it has one.
    pub fn reached(&self) -> Option<IpAddr> {
        match &self.0 {
            Kind::Tcp(stream) => Some(stream.local_addr().ok()?.ip().to_canonical()),
            Kind::Unix(_) => None,
        }
    }

    /// Its two directions, for two owners.
    pub fn split(self) -> (Reading, Writing) {
        match self.0 {
            Kind::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (Reading(ReadKind::Tcp(read)), Writing(WriteKind::Tcp(write)))
            }
            Kind::Unix(stream) => {
                let (read, write) = stream.into_split();
                (
                    Reading(ReadKind::Unix(read)),
                    Writing(WriteKind::Unix(write)),
                )
            }
        }
    }
}

/// The direction that brings bytes.
#[derive(Debug)]
pub struct Reading(ReadKind);

#[derive(Debug)]
enum ReadKind {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
}

impl Reading {
    /// Appends what is there to `buffer`, at most `most` bytes; 0 means the peer has closed.
    ///
    /// # Errors
    /// What the operating system says.
    #[inline]
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = buffer.limit(most);
        match &mut self.0 {
            ReadKind::Tcp(half) => poll_read_buf(Pin::new(half), cx, &mut buffer),
            ReadKind::Unix(half) => poll_read_buf(Pin::new(half), cx, &mut buffer),
        }
    }
}

/// The direction that takes bytes; shared by all who write.
#[derive(Debug)]
pub struct Writing(WriteKind);

#[derive(Debug)]
enum WriteKind {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
}

impl Writing {
    /// Writes as much of `bytes` as the socket takes now.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing now, or what the operating system says.
    #[inline]
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            WriteKind::Tcp(half) => half.try_write(bytes),
            WriteKind::Unix(half) => half.try_write(bytes),
        }
    }

    /// As [`try_write`](Self::try_write), from several places.
    ///
    /// # Errors
    /// As [`try_write`](Self::try_write).
    pub fn try_write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match &self.0 {
            WriteKind::Tcp(half) => half.try_write_vectored(parts),
            WriteKind::Unix(half) => half.try_write_vectored(parts),
        }
    }

    /// Ready when a write may go.
    #[inline]
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0 {
            WriteKind::Tcp(half) => half.as_ref().poll_write_ready(cx),
            WriteKind::Unix(half) => half.as_ref().poll_write_ready(cx),
        }
    }
}

/// For protocols of others, which bring their own framing.
impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Kind::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Kind::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
