//! A relay that makes a client deaf: it goes on carrying what the client says, and reads nothing of the answers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

/// Between one client and a server.
pub(super) struct Relay {
    address: String,
    deaf: Arc<AtomicBool>,
}

impl Relay {
    /// Carries one connection to the server at this address, once a client comes.
    pub(super) fn start(server: &str) -> anyhow::Result<Self> {
        let server: SocketAddr = server.parse().context("the server's address")?;
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?.to_string();
        let deaf = Arc::new(AtomicBool::new(false));
        let carries = Arc::clone(&deaf);
        std::thread::spawn(move || carry(&listener, server, &carries));
        Ok(Self { address, deaf })
    }

    /// Where a client connects.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// From now on nothing of what the server says is read.
    pub(super) fn stop_reading(&self) {
        self.deaf.store(true, Ordering::Release);
    }
}

fn carry(
    listener: &TcpListener,
    server: SocketAddr,
    deaf: &Arc<AtomicBool>,
) -> std::io::Result<()> {
    let (mut client, _) = listener.accept()?;
    let mut server = TcpStream::connect(server)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (mut answers, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let deaf = Arc::clone(deaf);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = answers.read(&mut buffer)?;
            if deaf.load(Ordering::Acquire) {
                // What was read is lost. Both sockets stay open, and the server's fills up.
                std::mem::forget((answers, to_client));
                return std::io::Result::Ok(());
            }
            if count == 0 {
                return Ok(());
            }
            to_client.write_all(&buffer[..count])?;
        }
    });
    std::io::copy(&mut client, &mut server)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_carries_both_ways_until_it_is_deaf() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let relay = Relay::start(&listener.local_addr().unwrap().to_string()).unwrap();
        let mut client = TcpStream::connect(relay.address()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut got = [0; 4];
        client.write_all(b"call").unwrap();
        server.read_exact(&mut got).unwrap();
        server.write_all(b"reply"[..4].as_ref()).unwrap();
        client.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"repl");

        relay.stop_reading();
        server.write_all(b"lost").unwrap();
        // Its last word, and its end, still reach the server.
        client.write_all(b"more").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        server.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"more");
        client.set_nonblocking(true).unwrap();
        assert!(client.read_to_end(&mut rest).is_err(), "{rest:?}");
    }
}
