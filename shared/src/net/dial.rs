//! Dialling an address, within a time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};

use super::Socket;
use crate::uri::Address;

/// Why nobody was reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The machine is there and the port is closed.
    #[error("nothing is listening at {0}")]
    Refused(Address),
    /// The host name leads nowhere.
    #[error("cannot find the host of {address}: {why}")]
    Host {
        /// Where to.
        address: Address,
        /// What the resolver said.
        why: String,
    },
    /// No answer in time.
    #[error("no answer from {address} within {within:?}")]
    TimedOut {
        /// Where to.
        address: Address,
        /// The time given.
        within: Duration,
    },
    /// Anything else.
    #[error("cannot connect to {address}: {why}")]
    Failed {
        /// Where to.
        address: Address,
        /// What the operating system said.
        why: String,
    },
}

/// Connects to `address` within a time.
///
/// # Errors
/// See [`DialError`]; each names the address.
///
/// # Cancel safety
/// Cancel safe: a connection half made is dropped.
pub async fn dial(address: &Address, within: Duration) -> Result<Socket, DialError> {
    match tokio::time::timeout(within, dial_at_leisure(address)).await {
        Ok(result) => result,
        Err(_) => Err(DialError::TimedOut {
            address: address.clone(),
            within,
        }),
    }
}

async fn dial_at_leisure(address: &Address) -> Result<Socket, DialError> {
    match address {
        Address::Tcp { host, port } => dial_tcp(address, host, *port).await,
        Address::Unix(path) => dial_unix(address, path).await,
    }
}

async fn dial_unix(address: &Address, path: &Path) -> Result<Socket, DialError> {
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(Socket::unix(stream)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(DialError::Refused(address.clone())),
        Err(e) => Err(failed(address, &e)),
    }
}

async fn dial_tcp(address: &Address, host: &str, port: u16) -> Result<Socket, DialError> {
    let candidates = resolve(host, port).await.map_err(|e| DialError::Host {
        address: address.clone(),
        why: e.to_string(),
    })?;
    let mut last = DialError::Host {
        address: address.clone(),
        why: "it has no address".into(),
    };
    for candidate in candidates {
        match TcpStream::connect(candidate).await.and_then(Socket::tcp) {
            Ok(socket) => return Ok(socket),
            Err(e) => last = failed(address, &e),
        }
    }
    Err(last)
}

fn failed(address: &Address, error: &io::Error) -> DialError {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        return DialError::Refused(address.clone());
    }
    DialError::Failed {
        address: address.clone(),
        why: error.to_string(),
    }
}

/// The addresses of a host, IPv4 first: a program that listens on `localhost` is then the one that is dialled there.
pub(super) async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let mut found: Vec<_> = tokio::net::lookup_host((host, port)).await?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    Ok(found)
}
