//! The bytes on their way out of a connection, shared by all who write.

use std::io;
use std::task::{Context, Poll};

use crate::net::Writing;

/// Past this capacity an emptied buffer is given back.
const KEPT_CAPACITY: usize = 64 << 10;

/// Who writes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flush {
    /// Nobody needs to.
    Idle,
    /// The driver was asked to.
    Asked,
    /// The driver, once the socket takes more.
    Blocked,
}

/// Unsent frames, back to back.
#[derive(Debug)]
pub(super) struct Out {
    /// Gone once the connection is over: what is shared must not keep a socket open.
    socket: Option<Writing>,
    bytes: Vec<u8>,
    /// How many of `bytes` are written already.
    sent: usize,
    /// How many bytes were written before `bytes`.
    base: u64,
    pub(super) flush: Flush,
}

impl Out {
    pub(super) fn new(socket: Writing) -> Self {
        Self {
            socket: Some(socket),
            bytes: Vec::new(),
            sent: 0,
            base: 0,
            flush: Flush::Idle,
        }
    }

    /// Where frames are appended.
    #[inline]
    pub(super) fn frames(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends frames made elsewhere, taking over their buffer when this one is empty.
    pub(super) fn append(&mut self, frames: &mut Vec<u8>) {
        if self.bytes.is_empty() {
            std::mem::swap(&mut self.bytes, frames);
        } else {
            self.bytes.extend_from_slice(frames);
            frames.clear();
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that wait.
    #[inline]
    pub(super) fn unsent(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Bytes written since the connection began.
    pub(super) fn written(&self) -> u64 {
        self.base + self.sent as u64
    }

    /// What [`written`](Self::written) will be once everything appended so far is out.
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Ready when a write may go.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.socket {
            Some(socket) => socket.poll_writable(cx),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Ends this direction and forgets what is not written; the counts stay as they are.
    pub(super) fn close(&mut self) {
        self.socket = None;
        self.base = self.written();
        self.sent = 0;
        self.bytes = Vec::new();
    }

    /// Writes what the socket takes; true when nothing is left.
    pub(super) fn write(&mut self) -> io::Result<bool> {
        let Some(socket) = &self.socket else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match socket.try_write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.base = self.end();
        self.sent = 0;
        if self.bytes.capacity() > KEPT_CAPACITY {
            self.bytes = Vec::new();
        } else {
            self.bytes.clear();
        }
        self.flush = Flush::Idle;
        Ok(true)
    }
}
