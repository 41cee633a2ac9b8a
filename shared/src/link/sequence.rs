//! Sequences: calls of any methods that travel in one message and are run one after the other.

mod outgoing;
mod turns;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::Notify;
use tokio::time::Instant;

pub use outgoing::{Departed, InFlight, Prepared, Written};
use turns::{Goal, Method, Seat, Step, Turns};

use super::callee::put_refusal;
use super::callee::{Attached, Callee, Fault, context_of, in_flight, no_host, no_room, notes};
use super::oneway::{Unanswered, cost};
use super::shared::{Running, Runs, Shared};
use crate::attach::Attachment;
use crate::context::Context;
use crate::object::Selected;
use crate::wire::blob;
use crate::wire::codec::Codec;
use crate::wire::frame::flow::{Sequence, mode};
use crate::wire::frame::{CallFrame, Frame, LENGTH_BYTES, flag, frame_bytes};
use crate::wire::frames::Frames;
use crate::wire::status::{Refusal, Status};

/// How the calls of a sequence follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// Each is started whatever became of those before it.
    #[default]
    GoOn = mode::GO_ON,
    /// The first one without a value is the last one that is started.
    StopAtFirstError = mode::STOP_AT_FIRST_ERROR,
}

impl Mode {
    fn read(mode: u8) -> Result<Self, Fault> {
        match mode {
            mode::GO_ON => Ok(Self::GoOn),
            mode::STOP_AT_FIRST_ERROR => Ok(Self::StopAtFirstError),
            _ => Err(format!(
                "a sequence of mode {mode}, which this version does not know"
            )),
        }
    }
}

/// A call of a sequence.
struct Member<'a> {
    call: CallFrame<'a>,
    /// What it costs, if it is one-way.
    cost: usize,
    /// Where its arguments stand in the sequence.
    arguments: Range<usize>,
}

/// A call of a sequence, with all that came behind its arguments.
struct Arrived<'a> {
    member: Member<'a>,
    attached: Result<Attached, Refusal>,
}

impl Member<'_> {
    fn is_oneway(&self) -> bool {
        self.call.flags & flag::ONEWAY != 0
    }
}

impl Callee {
    /// Has a sequence run in a task of its own. Everything that is looked up is looked up now: what comes behind the
    /// sequence may change it.
    pub(super) fn sequence(
        &mut self,
        sequence: &Sequence<'_>,
        replies: &mut Frames,
        now: Instant,
    ) -> Result<(), Fault> {
        if !self.shared.remote.two_way {
            return Err("a sequence, which was not agreed on".into());
        }
        let mode = Mode::read(sequence.mode)?;
        let members = members(
            sequence.calls,
            self.shared.remote.max_calls_in_flight as usize,
        )?;
        self.pay(&members)?;
        let answered = members.iter().filter(|member| !member.is_oneway()).count();
        let room = self.has_room_for(answered);
        let told = Arc::new(Notify::new());
        let members = members.into_iter().map(|member| self.arrived(member));
        let members: Vec<Arrived<'_>> = members.collect::<Result<_, Fault>>()?;
        let host = room.and_then(|()| self.host.clone().ok_or_else(no_host));
        let mut steps = Vec::with_capacity(members.len());
        for arrived in members {
            let (step, attachments) = self.step(arrived, mode, &told, now)?;
            match &host {
                Ok(_) => steps.push((step, attachments)),
                Err(refusal) => self.turn_away(step.seat, refusal, replies),
            }
        }
        let Ok(host) = host else {
            return Ok(());
        };
        if !steps.is_empty() {
            let calls = blob::whole(sequence.calls);
            let turns = Turns::new(self, &host, (mode, calls), told);
            host.tasks().spawn(turns.run(steps));
        }
        Ok(())
    }

    /// Takes what the one-way calls among them cost.
    fn pay(&mut self, members: &[Member<'_>]) -> Result<(), Fault> {
        let oneways = members.iter().filter(|member| member.is_oneway());
        let costs: Vec<usize> = oneways.map(|member| member.cost).collect();
        match costs.is_empty() {
            true => Ok(()),
            false => self.window.take(costs.iter().sum()),
        }
    }

    fn has_room_for(&self, answered: usize) -> Result<(), Refusal> {
        let running = self.shared.running.load(Ordering::Relaxed);
        match running + answered > self.shared.limits.max_calls_in_flight as usize {
            true => Err(no_room(running)),
            false => Ok(()),
        }
    }

    /// Refuses a call of a sequence.
    #[cold]
    fn turn_away(&self, seat: Seat, refusal: &Refusal, replies: &mut Frames) {
        match seat {
            Seat::Oneway(unanswered) => unanswered.end(Err(refusal.clone())),
            Seat::Awaited { id, .. } => {
                self.shared.forget(id);
                put_refusal(replies, id, refusal);
            }
        }
    }

    /// A call without what stands behind its arguments, and that.
    fn arrived<'f>(&self, mut member: Member<'f>) -> Result<Arrived<'f>, Fault> {
        let mut attached = Ok((Vec::new(), None));
        if member.call.flags & flag::ATTACHED != 0 {
            (member.call, attached) = self.take_attachments(&member.call)?;
            member.arguments.end = member.arguments.start + member.call.body.len();
        }
        Ok(Arrived { member, attached })
    }

    /// A call with all that it needs when its turn comes; it is running from now on.
    fn step(
        &mut self,
        Arrived { member, attached }: Arrived<'_>,
        mode: Mode,
        told: &Arc<Notify>,
        now: Instant,
    ) -> Result<(Step, Vec<Attachment>), Fault> {
        let (call, known) = (&member.call, self.known(&member.call, now));
        let (attached, refused) = match attached {
            Ok(attached) => (attached, None),
            Err(refusal) => (Attached::default(), Some(refusal)),
        };
        let (attachments, said) = attached;
        let context = context_of(&self.shared, known, notes(call, said));
        let seat = match member.is_oneway() {
            true => Seat::Oneway(Unanswered::new(&self.shared, member.cost)),
            false => self.shared.seat(call.id, &context, told)?,
        };
        let step = Step {
            seat,
            goal: refused.map_or_else(|| self.goal(call, mode), Err),
            arguments: member.arguments,
            context,
            known,
        };
        Ok((step, attachments))
    }

    fn goal(&mut self, call: &CallFrame<'_>, mode: Mode) -> Result<Goal, Refusal> {
        if call.flags & flag::BATCH != 0 {
            let text = "calls of one method in one are no part of a sequence";
            return Err(Refusal::new(Status::BadArguments, text));
        }
        // How many run was looked at for all of them.
        let found = self.find_method(call, 0)?;
        let method = match found.method {
            Selected::Number(number) => found.object.descriptor().methods.get(usize::from(number)),
            Selected::Name(_) => None,
        };
        let stops = mode == Mode::StopAtFirstError;
        Ok(Goal {
            hosted: Arc::clone(found.hosted),
            codec: found.codec,
            method: match found.method {
                Selected::Number(number) => Method::Number(number),
                Selected::Name(name) => Method::Name(name.into()),
            },
            // To callers that know no types an `Err` is told as a failure anyhow.
            fails_by_value: stops
                && found.codec == Codec::Postcard
                && method.is_some_and(crate::descriptor::Method::returns_result),
        })
    }
}

impl Shared {
    /// Notes a call of a sequence.
    fn seat(&self, id: u32, context: &Context, told: &Arc<Notify>) -> Result<Seat, Fault> {
        let mut state = self.state.lock();
        if state.running.contains_key(&id) {
            return Err(in_flight(id));
        }
        state.started += 1;
        let use_of_id = state.started;
        let running = Running {
            use_of_id,
            cancellation: context.cancellation(),
            runs: Runs::InTurn(Arc::clone(told)),
        };
        state.running.insert(id, running);
        drop(state);
        self.running.fetch_add(1, Ordering::Relaxed);
        Ok(Seat::Awaited { id, use_of_id })
    }
}

/// Cuts the calls of a sequence.
fn members(calls: &[u8], most: usize) -> Result<Vec<Member<'_>>, Fault> {
    let mut members = Vec::new();
    let mut at = 0;
    while at < calls.len() {
        if members.len() >= most {
            return Err(format!("a sequence of more than {most} calls"));
        }
        let rest = calls.get(at..).unwrap_or_default();
        let whole = match frame_bytes(rest, u32::MAX) {
            Ok(Some(total)) => rest.get(LENGTH_BYTES..total),
            _ => None,
        };
        let Some(frame) = whole else {
            return Err("a sequence that is cut short or malformed".into());
        };
        let call = match Frame::parse(frame) {
            Ok(Frame::Call(call)) => call,
            Ok(_) => return Err("a sequence of other frames than calls".into()),
            Err(e) => return Err(format!("in a sequence: {e}")),
        };
        at += LENGTH_BYTES + frame.len();
        // The arguments reach to the end of their frame.
        let arguments = at - call.body.len()..at;
        members.push(Member {
            cost: cost(call.frame_bytes()),
            call,
            arguments,
        });
    }
    Ok(members)
}
