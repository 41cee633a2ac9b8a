//! Datagrams: single messages without a connection.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;

/// A socket that takes and sends datagrams.
#[derive(Debug)]
pub struct Datagrams(UdpSocket);

impl Datagrams {
    /// Opens one at an address of this machine.
    ///
    /// # Errors
    /// What the operating system says.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        UdpSocket::bind(address).await.map(Self)
    }

    /// Where it is, with the port it got.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// The next datagram: how long it is, as far as there is room, and whose.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer).await
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// What the operating system says.
    pub async fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        self.0.send_to(bytes, to).await.map(|_| ())
    }

    /// This machine's address on the way to another one.
    pub fn local_towards(&self, to: IpAddr) -> Option<IpAddr> {
        /// No datagram is sent there.
        const ANY_PORT: u16 = 9;
        let any: SocketAddr = match to {
            IpAddr::V4(_) => ([0; 4], 0).into(),
            IpAddr::V6(_) => ([0; 16], 0).into(),
        };
        let socket = std::net::UdpSocket::bind(any).ok()?;
        socket.connect((to, ANY_PORT)).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    }
}
