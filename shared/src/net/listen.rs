//! Listening at an address.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream};

use super::dial::resolve;
use super::{Peer, Socket};
use crate::uri::Address;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Why an address cannot be listened at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Somebody listens there already.
    #[error("{0} is in use by another program; choose another port, or 0 for any free one")]
    InUse(Address),
    /// The host is not one of this machine's.
    #[error("cannot listen at {address}: {why}")]
    Failed {
        /// Where.
        address: Address,
        /// What the operating system said.
        why: io::Error,
    },
}

/// A listening TCP or Unix socket.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    address: Address,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        _file: RemovedOnDrop,
    },
}

impl Listener {
    /// Listens at `address`; port 0 takes any free one.
    ///
    /// # Errors
    /// See [`ListenError`]; each names the address.
    pub async fn bind(address: &Address) -> Result<Self, ListenError> {
        let listener = match address {
            Address::Tcp { host, port } => bind_tcp(host, *port).await,
            Address::Unix(path) => bind_unix(path).await,
        };
        listener.map_err(|e| match e.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse(address.clone()),
            _ => ListenError::Failed {
                address: address.clone(),
                why: e,
            },
        })
    }

    /// Where it listens: the host as it was given, the port as it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// What the operating system says; running out of file descriptors passes, so try again later.
    ///
    /// # Cancel safety
    /// Cancel safe: no connection is lost.
    pub async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Socket::tcp(stream)?, Peer::Tcp(peer)))
            }
            Kind::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::unix(stream), Peer::Unix))
            }
        }
    }
}

async fn bind_tcp(host: &str, port: u16) -> io::Result<Listener> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for candidate in resolve(host, port).await? {
        match listen(candidate) {
            Ok(listener) => {
                let port = listener.local_addr()?.port();
                return Ok(Listener {
                    kind: Kind::Tcp(listener),
                    address: Address::Tcp {
                        host: host.into(),
                        port,
                    },
                });
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A daemon that restarts gets its port back while old connections linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn bind_unix(path: &Path) -> io::Result<Listener> {
    let listener = match UnixListener::bind(path) {
        Err(e) if e.kind() == io::ErrorKind::AddrInUse && is_abandoned(path).await => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        listener => listener?,
    };
    Ok(Listener {
        kind: Kind::Unix {
            listener,
            _file: RemovedOnDrop(path.into()),
        },
        address: Address::Unix(path.into()),
    })
}

/// A socket file whose program is gone; any other file is left alone.
async fn is_abandoned(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    is_socket
        && UnixStream::connect(path)
            .await
            .is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
}

#[derive(Debug)]
struct RemovedOnDrop(PathBuf);

impl Drop for RemovedOnDrop {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
