//! The bytes on their way out of a connection, shared by all who write.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};
use std::time::Duration;

use super::attached::Listed;
use super::cut::{Cut, Heed, LARGE, Large, PIECE_BYTES, Put, Whose};
use super::shared::Remote;
use crate::net::Writing;
use crate::wire::frame::ReplyFrame;
use crate::wire::frames::{Frames, Lent, Mark, Parts};

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

/// So many bytes of other frames let a piece follow, however much waits: large frames get a part of any connection.
const BETWEEN_PIECES: u64 = 512 << 10;

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
    /// Large frames, which join `frames` piece by piece.
    pub(super) cut: Cut,
    /// A frame of more bytes is cut.
    longest: usize,
    /// What [`end`](Self::end) was behind the last piece.
    piece_end: u64,
    /// Blobs that are written; their owner's drop is not for whoever holds the lock.
    spent: Vec<Lent>,
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
    pub(super) fn new(socket: Writing, remote: &Remote) -> Self {
        Self {
            socket: Some(socket),
            frames: Frames::default(),
            sent: Sent::default(),
            base: 0,
            flush: Flush::Idle,
            cut: Cut::new(remote.max_message_bytes as usize),
            longest: if remote.two_way { LARGE } else { usize::MAX },
            piece_end: 0,
            spent: Vec::new(),
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

    /// True when a frame of so many bytes goes in pieces.
    #[inline]
    fn is_large(&self, bytes: usize) -> bool {
        bytes > self.longest
    }

    /// True when the frame that was appended since then is to go in pieces.
    #[inline]
    pub(super) fn was_large(&self, since: Mark) -> bool {
        self.is_large(self.frames.len()) && self.is_large(self.frames.len_since(since))
    }

    /// Takes off the frame that was appended since then, which is large.
    pub(super) fn take_large(&mut self, since: Mark) -> Parts {
        let taken = self.frames.take_large(since, self.longest);
        taken.into_iter().next().unwrap_or_default()
    }

    /// Has the frame that was appended since then go in pieces if it is large; gives back what it refers to if it is not.
    #[inline]
    pub(super) fn cut_off(&mut self, since: Mark, whose: Whose, listed: Listed) -> Option<Listed> {
        if !self.was_large(since) {
            return Some(listed);
        }
        let large = self.take_large(since);
        self.cut.push(large, whose, listed);
        None
    }

    /// Appends frames, as a rule replies; those that are large go in pieces.
    #[inline]
    pub(super) fn append(&mut self, frames: &mut Frames) {
        if self.is_large(frames.len()) {
            self.take_replies(frames);
        }
        self.frames.append(frames);
    }

    #[cold]
    fn take_replies(&mut self, frames: &mut Frames) {
        for large in frames.take_large(Mark::default(), self.longest) {
            let whose = match ReplyFrame::read(large.head()) {
                Some(reply) => Whose::Reply(reply.id),
                None => Whose::Other,
            };
            self.cut.push(large, whose, Listed::default());
        }
    }

    /// Appends replies, the last of which begins there, is to this call and refers to that; gives back what it refers to if
    /// it is not large.
    pub(super) fn append_reply(
        &mut self,
        replies: &mut Frames,
        (last, id): (Mark, u32),
        listed: Listed,
    ) -> Option<Listed> {
        let mut large = Vec::new();
        if self.is_large(replies.len_since(last)) {
            large = replies.take_large(last, self.longest);
        }
        self.append(replies);
        self.push_or_give_back(large.pop(), Whose::Reply(id), listed)
    }

    /// Appends frames of which only the last one, which is this and refers to that, may be large; gives back what it refers
    /// to if it is not.
    pub(super) fn append_with(
        &mut self,
        frames: &mut Frames,
        (whose, listed): (Whose, Listed),
    ) -> Option<Listed> {
        let mut large = Vec::new();
        if self.is_large(frames.len()) {
            large = frames.take_large(Mark::default(), self.longest);
        }
        self.frames.append(frames);
        self.push_or_give_back(large.pop(), whose, listed)
    }

    fn push_or_give_back(
        &mut self,
        large: Option<Parts>,
        whose: Whose,
        listed: Listed,
    ) -> Option<Listed> {
        match large {
            Some(large) => {
                self.cut.push(large, whose, listed);
                None
            }
            None => Some(listed),
        }
    }

    /// Appends a piece when little else waits: a small frame that is appended next then waits for about a piece.
    pub(super) fn put_piece(&mut self, heed: Heed, now: Duration) -> Put {
        if self.unsent() >= PIECE_BYTES && self.end() < self.piece_end + BETWEEN_PIECES {
            return Put::Nothing;
        }
        let put = self.cut.put_piece(&mut self.frames, heed, now);
        if !matches!(put, Put::Nothing) {
            self.piece_end = self.end();
        }
        put
    }

    /// Gives up the large frame that is this, as long as its last piece is not appended.
    pub(super) fn give_up(&mut self, is: impl Fn(&Whose) -> bool) -> Option<Large> {
        self.cut.give_up(is, &mut self.frames)
    }

    /// Blobs that are written, to be dropped where no lock is held.
    #[inline]
    pub(super) fn spent(&mut self) -> Vec<Lent> {
        std::mem::take(&mut self.spent)
    }

    /// True when there are some.
    #[inline]
    pub(super) fn has_spent(&self) -> bool {
        !self.spent.is_empty()
    }

    /// Bytes that hold up others: those that wait, without the largest of the large frames.
    #[inline]
    pub(super) fn backlog(&self) -> usize {
        self.unsent() + self.cut.backlog()
    }

    /// Bytes that wait to be written next.
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

    /// Ends this direction and gives what is not written; the counts stay as they are.
    pub(super) fn close(&mut self) -> (Frames, Cut, Vec<Lent>) {
        self.socket = None;
        self.base = self.written();
        self.sent = Sent::default();
        let cut = std::mem::replace(&mut self.cut, Cut::new(0));
        (std::mem::take(&mut self.frames), cut, self.spent())
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
        self.frames.clear(&mut self.spent);
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
        self.frames
            .forget(self.sent.bytes, self.sent.blobs, &mut self.spent);
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
