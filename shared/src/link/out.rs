//! The bytes on their way out of a connection, shared by all who write.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use crate::net::Writing;
use crate::wire::frames::Frames;

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

/// The most parts that one write takes: the blobs and what is between them.
const PARTS: usize = 16;

/// Fewer written bytes than this are not worth moving the rest for.
const KEPT_WRITTEN: usize = 64 << 10;

/// Unsent frames, back to back.
#[derive(Debug)]
pub(super) struct Out {
    /// Gone once the connection is over: what is shared must not keep a socket open.
    socket: Option<Writing>,
    frames: Frames,
    /// How much of `frames` is written already: of its own bytes, of its blobs, and how many blobs are begun.
    sent: Sent,
    /// How many bytes were written before `frames`.
    base: u64,
    pub(super) flush: Flush,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    bytes: usize,
    lent_bytes: usize,
    /// Blobs that are written whole.
    blobs: usize,
    /// Bytes of the blob after those.
    of_blob: usize,
}

impl Out {
    pub(super) fn new(socket: Writing) -> Self {
        Self {
            socket: Some(socket),
            frames: Frames::default(),
            sent: Sent::default(),
            base: 0,
            flush: Flush::Idle,
        }
    }

    /// Where frames are appended.
    #[inline]
    pub(super) fn frames(&mut self) -> &mut Frames {
        &mut self.frames
    }

    /// Where frames without blobs are appended.
    #[inline]
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.frames.bytes
    }

    /// The memory it holds, in bytes.
    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.frames.bytes.capacity()
    }

    /// Gives back the memory that no frame is in.
    pub(super) fn rest(&mut self) {
        if self.frames.is_empty() {
            self.frames = Frames::default();
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes that wait.
    #[inline]
    pub(super) fn unsent(&self) -> usize {
        self.frames.len() - self.sent.bytes - self.sent.lent_bytes
    }

    /// Bytes written since the connection began.
    pub(super) fn written(&self) -> u64 {
        self.base + (self.sent.bytes + self.sent.lent_bytes) as u64
    }

    /// What [`written`](Self::written) will be once everything appended so far is out.
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.base + self.frames.len() as u64
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
        self.sent = Sent::default();
        self.frames = Frames::default();
    }

    /// Writes what the socket takes; true when nothing is left.
    pub(super) fn write(&mut self) -> io::Result<bool> {
        while self.unsent() > 0 {
            let Some(socket) = &self.socket else {
                return Err(io::ErrorKind::NotConnected.into());
            };
            let written = if self.sent.blobs == self.frames.lent.len() {
                socket.try_write(self.frames.bytes.get(self.sent.bytes..).unwrap_or_default())
            } else {
                let mut parts = [IoSlice::new(&[]); PARTS];
                let count = self.fill(&mut parts);
                socket.try_write_vectored(parts.get(..count).unwrap_or_default())
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.advance(count),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.forget_written();
                    return Ok(false);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.base = self.end();
        self.sent = Sent::default();
        self.frames.clear();
        self.flush = Flush::Idle;
        Ok(true)
    }

    /// Forgets what is written once that is most of it: a peer that always leaves something unread must not make it grow,
    /// and no byte is moved more than once on average.
    fn forget_written(&mut self) {
        let whole = self.sent.lent_bytes - self.sent.of_blob;
        if self.sent.bytes + whole < self.unsent().max(KEPT_WRITTEN) {
            return;
        }
        self.frames.forget(self.sent.bytes, self.sent.blobs);
        self.base += (self.sent.bytes + whole) as u64;
        self.sent = Sent {
            lent_bytes: self.sent.of_blob,
            of_blob: self.sent.of_blob,
            ..Sent::default()
        };
    }

    /// Fills in what comes next; gives how many parts that are.
    fn fill<'a>(&'a self, parts: &mut [IoSlice<'a>; PARTS]) -> usize {
        let (mut own, mut of_blob, mut count) = (self.sent.bytes, self.sent.of_blob, 0);
        let mut put = |part: &'a [u8]| {
            if let Some(place) = parts.get_mut(count).filter(|_| !part.is_empty()) {
                *place = IoSlice::new(part);
                count += 1;
            }
        };
        let bytes = &self.frames.bytes;
        for lent in self.frames.lent.iter().skip(self.sent.blobs).take(PARTS) {
            put(bytes.get(own..lent.at).unwrap_or_default());
            put(lent.data.get(of_blob..).unwrap_or_default());
            (own, of_blob) = (lent.at, 0);
        }
        if self.frames.lent.len() - self.sent.blobs < PARTS / 2 {
            put(bytes.get(own..).unwrap_or_default());
        }
        count
    }

    /// So many more bytes are written.
    fn advance(&mut self, mut count: usize) {
        while let Some(lent) = self.frames.lent.get(self.sent.blobs) {
            let own = count.min(lent.at - self.sent.bytes);
            self.sent.bytes += own;
            count -= own;
            let of_blob = count.min(lent.data.len() - self.sent.of_blob);
            self.sent.of_blob += of_blob;
            self.sent.lent_bytes += of_blob;
            count -= of_blob;
            if self.sent.of_blob < lent.data.len() {
                return;
            }
            self.sent.blobs += 1;
            self.sent.of_blob = 0;
        }
        self.sent.bytes += count;
    }
}
