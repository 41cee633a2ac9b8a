//! What a driver does with the frames of streams and references.

use bytes::Bytes;
use tokio::time::Instant;

use super::super::consumer;
use super::{Driver, End, OWN_BYTES, Shared};
use crate::wire::attached;
use crate::wire::blob;
use crate::wire::frame::ReplyFrame;
use crate::wire::frame::flow::{self, Flow, ONEWAY_CALLS};
use crate::wire::status::Status;

impl Driver {
    /// Handles what is neither call nor reply.
    pub(super) fn flow(&mut self, flow: &Flow<'_>, now: Instant) -> Result<(), End> {
        match flow {
            Flow::Item(item) => return self.item(item),
            Flow::End(end) => {
                let mut state = self.shared.state.lock();
                let woken = state.consumers.end(end.stream, end.status, end.text);
                self.woken.extend(woken.map_err(End::Fault)?);
            }
            Flow::Credit(credit) if credit.of == ONEWAY_CALLS => {
                self.shared.earn(*credit).map_err(End::Fault)?;
            }
            Flow::Credit(credit) => {
                let woken = self.shared.state.lock().producers.grant(*credit);
                self.woken.extend(woken.map_err(End::Fault)?);
            }
            Flow::Stop(stream) => {
                let woken = self.shared.state.lock().producers.stop(*stream);
                self.woken.extend(woken);
            }
            Flow::Release(release) => {
                let mut state = self.shared.state.lock();
                let count = release.count.into();
                let gone = state.exports.take_back(release.export, count);
                drop(state);
                drop(gone.map_err(End::Fault)?);
            }
            Flow::Piece(piece) => {
                self.begin_piece(&piece.head(), piece.body, now)?;
            }
            Flow::Taken(bytes) => self.taken(*bytes, now)?,
            Flow::Sequence(sequence) => {
                let begun = self.callee.sequence(sequence, &mut self.replies, now);
                begun.map_err(End::Fault)?;
            }
        }
        Ok(())
    }

    /// Keeps an item of a stream for its consumer.
    fn item(&mut self, item: &flow::Item<'_>) -> Result<(), End> {
        let len = item.body.len();
        let kept = if item.flags & flow::flag::PACKED != 0 {
            let several = flow::count_packed(item.body);
            if several.is_none() || item.flags & flow::flag::ATTACHED != 0 {
                let text = format!("items of stream {} that are malformed", item.stream);
                return Err(End::Fault(text));
            }
            consumer::Item::Packed(item.body)
        } else if item.flags & flow::flag::ATTACHED != 0 {
            let (value, list) = attached::split(item.body).map_err(malformed)?;
            let mut arrived = self.shared.read_list(list).map_err(End::Fault)?;
            if let Some(refusal) = arrived.refused {
                tracing::debug!(peer = %self.shared.peer, "an item of a stream comes without what it refers to: {}", refusal.text);
                // Those that are there stand at other places than the item says.
                drop(std::mem::take(&mut arrived.attachments));
            }
            consumer::Item::Own(blob::whole(value), arrived.attachments, len)
        } else if len >= OWN_BYTES {
            consumer::Item::Own(blob::whole(item.body), Vec::new(), len)
        } else {
            consumer::Item::Small(item.body)
        };
        let mut state = self.shared.state.lock();
        let received = state.consumers.receive(item.stream, kept);
        drop(state);
        self.woken.extend(received.waker);
        drop(received.dropped);
        received
            .fault
            .map_or(Ok(()), |fault| Err(End::Fault(fault)))
    }

    /// Stores a reply with attachments.
    #[cold]
    pub(super) fn attached_reply(&mut self, reply: &ReplyFrame<'_>) -> Result<(), End> {
        let (value, list) = attached::split(reply.body).map_err(malformed)?;
        let arrived = self.shared.read_list(list).map_err(End::Fault)?;
        let (status, body) = match arrived.refused {
            // It ran; what it gave cannot be had.
            Some(refusal) => (Status::BadResult as u16, Bytes::from(refusal.text)),
            None => (reply.status, blob::whole(value)),
        };
        let (call, attachments) = ((reply.id, status), arrived.attachments);
        let mut state = self.shared.state.lock();
        let settled = Shared::settle_attached(&mut state, call, body, attachments, &mut self.woken);
        drop(state);
        drop(settled.unused);
        settled.fault.map_or(Ok(()), |fault| Err(End::Fault(fault)))
    }
}

fn malformed(error: attached::AttachedError) -> End {
    End::Fault(error.to_string())
}
