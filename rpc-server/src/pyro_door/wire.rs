//! One socket of a Pyro client: whole messages in, whole messages out.

use std::io;

use bytes::{Bytes, BytesMut};
use farcall_shared::net::Socket;
use farcall_shared::pyro::MessageError;
use farcall_shared::pyro::message::{Head, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::STALL;

/// The most bytes that are read ahead while a call runs.
const MAX_READ_AHEAD: usize = 64 << 10;

/// Room for the beginning of a message: most calls are shorter, and come with one read.
const FIRST_BYTES: usize = 1 << 10;

/// Room is made for so much of an announced message at a time.
const STEP_BYTES: usize = 1 << 20;

/// A buffer that grew larger is not kept for the next message.
const MAX_KEPT_BYTES: usize = 64 << 10;

pub(super) struct Wire {
    socket: Socket,
    received: BytesMut,
    pub(super) limits: Limits,
}

/// A message that was read, not yet cut into its parts.
pub(super) struct Raw {
    pub(super) head: Head,
    pub(super) bytes: Bytes,
}

/// Why no message comes any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("the client closed")]
    Closed,
    #[error("the client stopped in the middle of a message for {STALL:?}")]
    Stalled,
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Wire {
    pub(super) fn new(socket: Socket, received: BytesMut) -> Self {
        Self {
            socket,
            received,
            limits: Limits::default(),
        }
    }

    pub(super) fn into_socket(self) -> Socket {
        self.socket
    }

    /// Has the client send on that got no answer, if it has not already.
    pub(super) fn acknowledge(&self) {
        if self.is_idle() {
            self.socket.acknowledge();
        }
    }

    /// True when nothing of a next message is there.
    pub(super) fn is_idle(&self) -> bool {
        self.received.is_empty()
    }

    /// The next message; waits for its beginning for as long as it takes.
    ///
    /// Cancel safe: what was read stays.
    pub(super) async fn next(&mut self) -> Result<Raw, Ended> {
        loop {
            let head = Head::parse(&self.received, &self.limits)?;
            if let Some(head) = head {
                let whole = head.message_bytes();
                if self.received.len() >= whole {
                    return Ok(self.cut(head, whole));
                }
                let missing = whole - self.received.len();
                self.received.reserve(missing.min(STEP_BYTES));
            }
            self.read_more().await?;
        }
    }

    fn cut(&mut self, head: Head, whole: usize) -> Raw {
        let bytes = self.received.split_to(whole).freeze();
        if self.received.is_empty() && whole > MAX_KEPT_BYTES {
            self.received = BytesMut::new();
        }
        Raw { head, bytes }
    }

    async fn read_more(&mut self) -> Result<(), Ended> {
        let begun = !self.received.is_empty();
        if !begun {
            self.received.reserve(FIRST_BYTES);
        }
        let read = self.socket.read_buf(&mut self.received);
        let count = match begun {
            true => tokio::time::timeout(STALL, read)
                .await
                .map_err(|_| Ended::Stalled)??,
            false => read.await?,
        };
        match count {
            0 => Err(Ended::Closed),
            _ => Ok(()),
        }
    }

    /// Ends when the client is gone; what it sends meanwhile is kept, up to a bound.
    ///
    /// Cancel safe: what was read stays.
    pub(super) async fn gone(&mut self) {
        while self.received.len() < MAX_READ_AHEAD {
            if !matches!(self.socket.read_buf(&mut self.received).await, Ok(1..)) {
                return;
            }
        }
        std::future::pending().await
    }

    /// Writes all of it, as long as the client takes some now and then.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Ended> {
        while !bytes.is_empty() {
            let written = tokio::time::timeout(STALL, self.socket.write(bytes)).await;
            match written.map_err(|_| Ended::Stalled)?? {
                0 => return Err(Ended::Closed),
                count => bytes = bytes.get(count..).unwrap_or_default(),
            }
        }
        Ok(())
    }
}
