//! Many calls of one method that came in one message: run one after the other by one thread of the compute pool.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Hosted;
use crate::attach::{self, Attachment};
use crate::context::{self, Call, Cancellation, Connection, Notes, Place};
use crate::descriptor::{Descriptor, Runs};
use crate::object::{Answer, Laps, Object, Request, Scratch, Selected, Spare, Started};
use crate::wire::batch::{RESULT_HEADER_BYTES, next_call, put_result};
use crate::wire::codec::Codec;
use crate::wire::frames::Lent;
use crate::wire::status::{Refusal, Status};

/// Once there are so many bytes of results, no further call of a batch is started.
const ENOUGH_BYTES: usize = 1 << 20;

/// The same as a part of the longest reply: what is left has room for one more result.
const ENOUGH_PART: usize = 8;

/// Once a batch ran for so long, no further call of it is started: others wait for the thread too.
const LONG_ENOUGH: Duration = Duration::from_millis(200);

/// How many calls that are over at once are started between two looks at the clock.
const CALLS_PER_LOOK: usize = 64;

/// The calls and what they are for.
pub(super) struct Batch {
    pub(super) hosted: Arc<dyn Hosted>,
    pub(super) method: u16,
    pub(super) codec: Codec,
    pub(super) calls: Vec<u8>,
    pub(super) connection: Arc<Connection>,
    pub(super) known: Call,
    pub(super) notes: Notes,
    pub(super) max_reply_bytes: usize,
}

impl Batch {
    /// Runs them until they are stopped or the deadline is over; calls that are not started have no result.
    pub(super) fn run(self, cancellation: &Cancellation) -> Answer {
        let gone = || Refusal::new(Status::UnknownObject, "the object was taken away");
        let object = self.hosted.object().ok_or_else(gone)?;
        let mut results = Vec::new();
        let (mut spare, mut laps, mut lent) = (Spare::default(), Laps::default(), Vec::new());
        laps.begin();
        let trace = self.notes.trace;
        let _here = context::occupy(Some(Arc::new(Place {
            connection: self.connection,
            message: Some((cancellation.clone(), self.notes)),
        })));
        let mut rest = &self.calls[..];
        let end = self.known.deadline().min(Instant::now() + LONG_ENOUGH);
        let enough = ENOUGH_BYTES.min(self.max_reply_bytes / ENOUGH_PART);
        let mut unseen = 0;
        while results.len() < enough && !cancellation.is_stopped() {
            if unseen >= CALLS_PER_LOOK {
                unseen = 0;
                if Instant::now() >= end {
                    break;
                }
            }
            let Some(arguments) = next_call(&mut rest) else {
                break;
            };
            let request = Request {
                method: Selected::Number(self.method),
                codec: self.codec,
                arguments,
                began: self.known.began,
                within_ms: self.known.within_ms,
                trace: trace.as_ref(),
                max_result_bytes: self
                    .max_reply_bytes
                    .saturating_sub(results.len() + RESULT_HEADER_BYTES),
            };
            put_result(&mut results, |reply| {
                let start = reply.len();
                let mut scratch = Scratch {
                    reply,
                    lent: &mut lent,
                    spare: &mut spare,
                    laps: &mut laps,
                };
                let here = context::enter(self.known);
                let (Unseen(more), ended) = run_one(object, request, &mut scratch);
                drop(here);
                unseen += more;
                let attached = attach::take();
                if let Err(refusal) = ended.and_then(|()| none_of(&attached)) {
                    lent.clear();
                    return Err(refusal);
                }
                put_in_place(reply, start, &mut lent);
                Ok(())
            });
        }
        Ok(results.into())
    }
}

/// After how many such calls, of [`CALLS_PER_LOOK`], the clock is to be looked at.
struct Unseen(usize);

fn run_one(
    object: &dyn Object,
    request: Request<'_>,
    scratch: &mut Scratch<'_>,
) -> (Unseen, Result<(), Refusal>) {
    match object.start(request, scratch) {
        Started::Done(end) => (Unseen(1), end),
        // It has not shown that it is cheap.
        Started::Computes(work) => {
            let ended = work().and_then(|result| {
                none_of(&result.attachments)?;
                scratch.reply.extend_from_slice(&result.frames.into_bytes());
                Ok(())
            });
            (Unseen(CALLS_PER_LOOK), ended)
        }
        Started::Waits(_) => (Unseen(1), Err(waits())),
    }
}

/// Copies blobs to where they belong behind `start`: a reply of many results has them all in one piece.
fn put_in_place(reply: &mut Vec<u8>, start: usize, lent: &mut Vec<Lent>) {
    if lent.is_empty() {
        return;
    }
    let around = reply.split_off(start);
    let mut copied = 0;
    for Lent { at, data } in lent.drain(..) {
        let before = at.saturating_sub(start);
        reply.extend_from_slice(around.get(copied..before).unwrap_or_default());
        reply.extend_from_slice(&data);
        copied = before;
    }
    reply.extend_from_slice(around.get(copied..).unwrap_or_default());
}

/// The number of a method whose calls may come as a batch.
pub(super) fn method(descriptor: &Descriptor, selected: Selected<'_>) -> Result<u16, Refusal> {
    let Selected::Number(number) = selected else {
        let text = "only described methods are called in batches";
        return Err(Refusal::new(Status::BadArguments, text));
    };
    match descriptor.methods.get(usize::from(number)) {
        Some(method) if method.runs == Runs::Compute => Ok(number),
        _ => Err(waits()),
    }
}

fn none_of(attachments: &[Attachment]) -> Result<(), Refusal> {
    if attachments.is_empty() {
        return Ok(());
    }
    let text = "references and streams do not travel in the results of a batch";
    Err(Refusal::new(Status::BadResult, text))
}

#[cold]
fn waits() -> Refusal {
    let text = "a method that waits is not called in batches";
    Refusal::new(Status::BadArguments, text)
}
