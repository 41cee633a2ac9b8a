//! Which protocol a new connection speaks: its first bytes tell.

use std::time::Duration;

use bytes::BytesMut;
use farcall_shared::net::Socket;
use farcall_shared::wire::handshake::MAGIC;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::pyro_door;

/// How long a refused peer may take to read why.
const LINGER: Duration = Duration::from_millis(500);

/// The most bytes of a refused peer that are read away so that the refusal reaches it.
const MOST_DISCARDED: usize = 64 << 10;

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// farcall's own.
    Native,
    /// HTTP of any version.
    Http,
    /// A TLS hello.
    Tls,
    /// Pyro's.
    Pyro,
    /// None that is known.
    Unknown,
}

const HTTP_VERBS: [&[u8; 4]; 9] = [
    b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"OPTI", b"PATC", b"CONN", b"PRI ",
];

/// Tells the protocol by the first bytes; `None` while more are needed.
pub(crate) fn detect(received: &[u8]) -> Option<Protocol> {
    let first = *received.first()?;
    // A TLS record of type handshake, version 3.x.
    if first == 0x16 && received.get(1).is_none_or(|&v| v == 3) {
        return received.get(1).map(|_| Protocol::Tls);
    }
    let Some(start) = received.first_chunk::<4>() else {
        let could_be = |word: &[u8; 4]| word.starts_with(received);
        let known = could_be(&MAGIC) || could_be(b"PYRO") || HTTP_VERBS.iter().any(|v| could_be(v));
        return (!known).then_some(Protocol::Unknown);
    };
    Some(match start {
        _ if *start == MAGIC => Protocol::Native,
        b"PYRO" => Protocol::Pyro,
        _ if HTTP_VERBS.contains(&start) => Protocol::Http,
        _ => Protocol::Unknown,
    })
}

/// Reads until the protocol is clear; `None` when the peer closed first.
pub(crate) async fn meet(
    socket: &mut Socket,
    received: &mut BytesMut,
) -> std::io::Result<Option<Protocol>> {
    loop {
        if let Some(protocol) = detect(received) {
            return Ok(Some(protocol));
        }
        if socket.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
}

/// What peers are told that speak no protocol that is served here.
const WORDS: &str = "this is a farcall daemon: it speaks farcall's own protocol and Pyro5's\n";

/// Says in the peer's own terms that it is not served here, and sees that it can read that.
pub(crate) async fn refuse(socket: Socket, protocol: Protocol) -> std::io::Result<()> {
    match protocol {
        Protocol::Http => {
            let head = format!(
                "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                WORDS.len()
            );
            part(socket, &[head.as_bytes(), WORDS.as_bytes()].concat()).await
        }
        // A fatal alert, protocol_version.
        Protocol::Tls => part(socket, &[0x15, 3, 1, 0, 2, 2, 70]).await,
        _ => {
            pyro_door::refuse_unknown(socket, WORDS).await;
            Ok(())
        }
    }
}

/// Writes last words and closes, in such a way that the peer can read them.
pub(crate) async fn part(mut socket: Socket, words: &[u8]) -> std::io::Result<()> {
    let said = async {
        socket.write_all(words).await?;
        socket.shutdown().await
    };
    match tokio::time::timeout(LINGER, said).await {
        Ok(said) => said?,
        Err(_) => return Ok(()),
    }
    // Closing with unread bytes would reset the connection and take the refusal with it.
    let discard = async {
        let mut bytes = BytesMut::with_capacity(4096);
        let mut count = 0;
        while count < MOST_DISCARDED {
            bytes.clear();
            match socket.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => break,
                Ok(more) => count += more,
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, discard).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_protocol() {
        for (bytes, protocol) in [
            (&b"FARC\x01\x01"[..], Some(Protocol::Native)),
            (b"FAR", None),
            (b"", None),
            (b"PYRO\x01\xf6", Some(Protocol::Pyro)),
            (b"GET / HTTP/1.1", Some(Protocol::Http)),
            (b"POST /", Some(Protocol::Http)),
            (b"PRI * HTTP/2.0", Some(Protocol::Http)),
            (b"\x16\x03\x01", Some(Protocol::Tls)),
            (b"\x16", None),
            (b"\x16\x07", Some(Protocol::Unknown)),
            (b"SSH-2.0", Some(Protocol::Unknown)),
            (b"\x00", Some(Protocol::Unknown)),
        ] {
            assert_eq!(detect(bytes), protocol, "{bytes:?}");
        }
    }
}
