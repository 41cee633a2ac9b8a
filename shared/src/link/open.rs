//! The handshake over a socket, and the link that comes of it.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::shared::{Remote, Shared};
use super::{Driver, Host, Limits, Link};
use crate::net::Socket;
use crate::wire::frame::{self, LENGTH_BYTES};
use crate::wire::handshake::{self, HandshakeError, Hello, PREFACE_BYTES, Side, VERSIONS, feature};

/// Who this side is, for the hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The run of the daemon; 0 for a process that hosts nothing.
    pub incarnation: u64,
    /// The process.
    pub session: u64,
}

/// Why a socket did not become a link.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The peer's first bytes are not a handshake.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The peer said nothing for too long.
    #[error("the peer said nothing for {0:?}")]
    Silent(std::time::Duration),
    /// The peer closed.
    #[error("the peer closed the connection during the handshake")]
    Closed,
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Opens a link from the side that dialled; `host` runs what the peer calls of what is handed out over it.
///
/// # Errors
/// See [`OpenError`].
///
/// # Cancel safety
/// Cancel safe: the socket is dropped.
pub async fn connect(
    socket: Socket,
    me: Identity,
    limits: &Limits,
    host: Option<Arc<dyn Host>>,
) -> Result<(Link, Driver), OpenError> {
    open(socket, BytesMut::new(), Side::Dialled, me, limits, host).await
}

/// Opens a link from the side that listened; `received` is what was read to find out the protocol.
///
/// # Errors
/// See [`OpenError`]; the peer was told.
///
/// # Cancel safety
/// Cancel safe: the socket is dropped.
pub async fn accept(
    socket: Socket,
    received: BytesMut,
    me: Identity,
    limits: &Limits,
    host: Arc<dyn Host>,
) -> Result<(Link, Driver), OpenError> {
    open(socket, received, Side::Accepted, me, limits, Some(host)).await
}

async fn open(
    mut socket: Socket,
    mut received: BytesMut,
    side: Side,
    me: Identity,
    limits: &Limits,
    host: Option<Arc<dyn Host>>,
) -> Result<(Link, Driver), OpenError> {
    let shaken = tokio::time::timeout(
        limits.handshake,
        shake(&mut socket, &mut received, side, me, limits),
    )
    .await;
    let remote = match shaken {
        Ok(Ok(remote)) => remote,
        Ok(Err(e)) => return Err(e),
        Err(_) => return Err(OpenError::Silent(limits.handshake)),
    };
    let peer = socket.peer();
    let (reading, writing) = socket.split();
    let at = (writing, peer, side);
    let shared = Shared::new(at, remote, limits.clone(), host.clone());
    let driver = Driver::new(Arc::clone(&shared), reading, received, host);
    Ok((Link(shared), driver))
}

async fn shake(
    socket: &mut Socket,
    received: &mut BytesMut,
    side: Side,
    me: Identity,
    limits: &Limits,
) -> Result<Remote, OpenError> {
    let mut greeting = handshake::preface(VERSIONS).to_vec();
    if side == Side::Dialled {
        hello(me, limits).put(&mut greeting, side);
        socket.write_all(&greeting).await?;
        greeting.clear();
    }
    let result = meet(socket, received, side).await;
    if side == Side::Accepted {
        match &result {
            Ok(_) => hello(me, limits).put(&mut greeting, side),
            Err(OpenError::Handshake(e)) => frame::put_fault(&mut greeting, &e.to_string()),
            Err(_) => return Err(OpenError::Closed),
        }
        socket.write_all(&greeting).await?;
    }
    let theirs = result?;
    Ok(Remote {
        incarnation: theirs.incarnation,
        max_message_bytes: theirs.max_message_bytes.min(limits.max_message_bytes),
        max_calls_in_flight: theirs.max_calls_in_flight.min(limits.max_calls_in_flight),
        takes_batches: theirs.features & feature::BATCHES != 0,
        two_way: theirs.features & feature::TWO_WAY != 0,
    })
}

fn hello(me: Identity, limits: &Limits) -> Hello {
    Hello {
        incarnation: me.incarnation,
        session: me.session,
        max_message_bytes: limits.max_message_bytes,
        max_calls_in_flight: limits.max_calls_in_flight,
        features: feature::BATCHES | feature::TWO_WAY,
        software: concat!("farcall ", env!("CARGO_PKG_VERSION")).into(),
        credentials: Vec::new(),
    }
}

/// Reads the peer's preface and hello.
async fn meet(
    socket: &mut Socket,
    received: &mut BytesMut,
    side: Side,
) -> Result<Hello, OpenError> {
    while received.len() < PREFACE_BYTES {
        read_more(socket, received).await?;
    }
    let mut preface = [0; PREFACE_BYTES];
    received.copy_to_slice(&mut preface);
    let mut agreed = handshake::agree(preface, VERSIONS).map(drop);
    if side == Side::Accepted || matches!(agreed, Err(HandshakeError::Magic(_))) {
        std::mem::replace(&mut agreed, Ok(()))?;
    }
    loop {
        if let Some(total) = handshake::hello_bytes(received)?
            && received.len() >= total
        {
            let bytes = received.split_to(total);
            // A callee that shares no version says so in its hello's place; its own words are the better error.
            let hello = Hello::parse(&bytes[LENGTH_BYTES..], side)?;
            agreed?;
            return Ok(hello);
        }
        read_more(socket, received).await?;
    }
}

async fn read_more(socket: &mut Socket, received: &mut BytesMut) -> Result<(), OpenError> {
    match socket.read_buf(received).await? {
        0 => Err(OpenError::Closed),
        _ => Ok(()),
    }
}
