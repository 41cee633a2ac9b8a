//! Runs the calls of a sequence, each when the one before it is over.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::super::callee::{Callee, SLACK, max_result_bytes, taken_away, with_notes};
use super::super::oneway::{Unanswered, over, too_late};
use super::super::shared::Shared;
use super::super::{Host, Hosted, Job};
use super::Mode;
use crate::attach::{self, Attachment};
use crate::context::{Call, Context, Scoped};
use crate::error::Target;
use crate::object::{Answer, Encoded, Laps, Request, Scratch, Selected, Spare, Started};
use crate::wire::blob;
use crate::wire::codec::Codec;
use crate::wire::frames::Frames;
use crate::wire::status::{Refusal, Status};

/// Calls in a row that may be over at once before other tasks get their turn.
const CALLS_PER_TURN: usize = 64;

/// The first byte of an `Err` in postcard.
const ERR: u8 = 1;

/// A sequence while it runs.
pub(super) struct Turns {
    shared: Arc<Shared>,
    host: Arc<dyn Host>,
    mode: Mode,
    calls: Bytes,
    /// Told when one of its calls is given up.
    told: Arc<Notify>,
    /// What errors of a stream in an argument name.
    of_argument: Target,
    spare: Spare,
    laps: Laps,
}

/// A call that waits for its turn.
pub(super) struct Step {
    pub(super) seat: Seat,
    pub(super) arguments: Range<usize>,
    pub(super) context: Context,
    pub(super) known: Call,
    pub(super) goal: Result<Goal, Refusal>,
}

/// Who waits for a call.
pub(super) enum Seat {
    Awaited { id: u32, use_of_id: u64 },
    Oneway(Unanswered),
}

/// What a call is for.
pub(super) struct Goal {
    pub(super) hosted: Arc<dyn Hosted>,
    pub(super) method: Method,
    pub(super) codec: Codec,
    /// True when a value may be an error that ends the sequence.
    pub(super) fails_by_value: bool,
}

/// A method; see [`Selected`].
pub(super) enum Method {
    Number(u16),
    Name(Box<str>),
}

/// How a call's turn went.
enum Turn {
    /// It has this answer.
    Answered(Answer),
    /// Nobody wants it any more.
    GivenUp,
}

/// Whether somebody still wants a call.
#[derive(PartialEq, Eq)]
enum Standing {
    Wanted,
    GivenUp,
    Closed,
}

type Waiting = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Work = Box<dyn FnOnce() -> Answer + Send>;

impl Turns {
    pub(super) fn new(
        callee: &Callee,
        host: &Arc<dyn Host>,
        (mode, calls): (Mode, Bytes),
        told: Arc<Notify>,
    ) -> Self {
        Self {
            shared: Arc::clone(&callee.shared),
            host: Arc::clone(host),
            mode,
            calls,
            told,
            of_argument: callee.of_argument(),
            spare: Spare::default(),
            laps: Laps::default(),
        }
    }

    /// Gives each call its turn, with what its arguments refer to, until the connection is over.
    pub(super) async fn run(mut self, steps: Vec<(Step, Vec<Attachment>)>) {
        let mut stops = false;
        for (number, (step, attachments)) in steps.into_iter().enumerate() {
            if number % CALLS_PER_TURN == CALLS_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
            // Calls that have not begun could all have large results.
            if self.shared.unsent.load(Ordering::Relaxed) > self.shared.limits.max_unsent_bytes {
                self.shared.wait_until_taken().await;
            }
            let turn = match self.standing(&step.seat) {
                Standing::Closed => return,
                Standing::GivenUp => Turn::GivenUp,
                Standing::Wanted if stops => Turn::Answered(Err(skipped())),
                Standing::Wanted => self.take(&step, attachments).await,
            };
            stops |= self.mode == Mode::StopAtFirstError && !brought_value(&step, &turn);
            self.end(step, turn);
        }
    }

    fn standing(&self, seat: &Seat) -> Standing {
        let state = self.shared.state.lock();
        match seat {
            _ if state.closed.is_some() => Standing::Closed,
            Seat::Oneway(_) => Standing::Wanted,
            Seat::Awaited { id, use_of_id } => match state.running.get(id) {
                Some(running) if running.use_of_id == *use_of_id => Standing::Wanted,
                _ => Standing::GivenUp,
            },
        }
    }

    /// True once nobody waits for a call that somebody waited for; one-way calls go on without their connection.
    fn is_given_up(&self, seat: &Seat) -> bool {
        matches!(seat, Seat::Awaited { .. }) && self.standing(seat) != Standing::Wanted
    }

    async fn take(&mut self, step: &Step, attachments: Vec<Attachment>) -> Turn {
        let deadline = Instant::from_std(step.known.deadline());
        if Instant::now() >= deadline {
            let text = "its deadline was over before its turn";
            return Turn::Answered(Err(Refusal::new(Status::Expired, text)));
        }
        let mut frames = Frames::default();
        match self.start(step, attachments, &mut frames) {
            Ok(Started::Done(ended)) => {
                let attachments = attach::take();
                let answer = ended.map(|()| Encoded {
                    frames,
                    attachments,
                });
                Turn::Answered(with_notes(answer, &step.context, &self.shared))
            }
            Err(refusal) => Turn::Answered(Err(refusal)),
            Ok(Started::Waits(call)) => self.wait(step, call, deadline).await,
            Ok(Started::Computes(work)) => self.compute(step, work).await,
        }
    }

    fn start(
        &mut self,
        step: &Step,
        attachments: Vec<Attachment>,
        result: &mut Frames,
    ) -> Result<Started, Refusal> {
        let goal = step.goal.as_ref().map_err(Refusal::clone)?;
        let object = goal.hosted.object().ok_or_else(taken_away)?;
        let trace = step.context.trace();
        let request = Request {
            method: match &goal.method {
                Method::Number(number) => Selected::Number(*number),
                Method::Name(name) => Selected::Name(name),
            },
            codec: goal.codec,
            arguments: self.calls.get(step.arguments.clone()).unwrap_or_default(),
            began: step.known.began,
            within_ms: step.known.within_ms,
            trace: trace.as_ref(),
            max_result_bytes: max_result_bytes(&self.shared),
        };
        self.laps.begin();
        let (reply, lent) = result.parts();
        let mut scratch = Scratch {
            reply,
            lent,
            spare: &mut self.spare,
            laps: &mut self.laps,
        };
        let target = Arc::clone(&self.of_argument);
        let started = step.context.run(|| {
            attach::reading(goal.codec, target, attachments, || {
                blob::reading(&self.calls, || object.start(request, &mut scratch))
            })
        });
        if !matches!(started, Started::Done(Ok(()))) {
            drop(attach::take());
        }
        Ok(started)
    }

    async fn wait(&mut self, step: &Step, call: Waiting, deadline: Instant) -> Turn {
        let call = Scoped::new(step.context.clone(), call);
        let mut call = std::pin::pin!(tokio::time::timeout_at(deadline + SLACK, call));
        loop {
            tokio::select! {
                biased;
                ended = &mut call => {
                    let answer = ended.unwrap_or_else(|_| Err(over()));
                    return Turn::Answered(with_notes(answer, &step.context, &self.shared));
                }
                () = self.told.notified() => if self.is_given_up(&step.seat) {
                    return Turn::GivenUp;
                }
            }
        }
    }

    /// Has work done in the compute pool. What has begun there cannot be stopped: the next call waits for its end.
    async fn compute(&mut self, step: &Step, work: Work) -> Turn {
        let (end, ended) = oneshot::channel();
        let (context, shared) = (step.context.clone(), Arc::clone(&self.shared));
        let deadline = Instant::from_std(step.known.deadline());
        let job: Job = Box::new(move || {
            if context.cancellation().is_stopped() {
                return;
            }
            let answer = match Instant::now() < deadline {
                true => with_notes(context.run(work), &context, &shared),
                false => Err(too_late()),
            };
            // Nobody listens once the connection is over.
            let _ = end.send(answer);
        });
        match &step.seat {
            Seat::Oneway(_) => self.host.compute_oneway(job),
            Seat::Awaited { .. } => {
                if let Err((refusal, _)) = self.host.compute(job) {
                    return Turn::Answered(Err(refusal));
                }
            }
        }
        match ended.await {
            Ok(answer) => Turn::Answered(answer),
            Err(_) => Turn::GivenUp,
        }
    }

    fn end(&mut self, step: Step, turn: Turn) {
        match (step.seat, turn) {
            // The cancel was the end, or the connection's.
            (_, Turn::GivenUp) => {}
            (Seat::Oneway(unanswered), Turn::Answered(answer)) => unanswered.end(answer),
            (Seat::Awaited { id, use_of_id }, Turn::Answered(answer)) => {
                let codec = step.goal.map_or(Codec::Postcard, |goal| goal.codec);
                self.shared.answer(id, use_of_id, codec, answer);
            }
        }
    }
}

/// False for what ends a sequence that stops at the first error.
fn brought_value(step: &Step, turn: &Turn) -> bool {
    let Turn::Answered(Ok(result)) = turn else {
        return false;
    };
    let may_fail = step.goal.as_ref().is_ok_and(|goal| goal.fails_by_value);
    !may_fail || result.frames.bytes.first() != Some(&ERR)
}

#[cold]
fn skipped() -> Refusal {
    let text = "a call before it in its batch brought no value";
    Refusal::new(Status::Skipped, text)
}
