//! One-way calls: how many bytes of them may wait at the callee, and how they are run without anybody who waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;
use tokio::time::Instant;

use super::Job;
use super::attached::Listed;
use super::callee::{Callee, Fault, SLACK, no_host, no_room};
use super::large::Until;
use super::out::Flush;
use super::shared::{Shared, State};
use crate::attach;
use crate::context::{Cancellation, Context, Scoped};
use crate::error::NotSent;
use crate::object::{Answer, Started};
use crate::wire::frame::flow::{
    Credit, ONEWAY_CALL_BYTES, ONEWAY_CALLS, ONEWAY_WINDOW_BYTES, put_credit,
};
use crate::wire::frame::{CallFrame, flag};
use crate::wire::frames::{Frames, Mark};
use crate::wire::status::{Refusal, Status};

/// What ended is given back once it is so many bytes: a frame for each call would cost as much as the call.
const GIVEN_BACK_BYTES: usize = ONEWAY_WINDOW_BYTES as usize / 2;

/// What a call costs whose frame has so many bytes.
#[inline]
pub(super) fn cost(frame_bytes: usize) -> usize {
    frame_bytes + ONEWAY_CALL_BYTES as usize
}

/// The caller's side of a window: what it may still send.
#[derive(Debug)]
pub(super) enum Purse {
    /// The callee counts nothing.
    Unlimited,
    /// So many bytes; less than nothing after a call longer than what was left.
    Left(i64),
}

impl Purse {
    pub(super) fn new(two_way: bool) -> Self {
        match two_way {
            true => Self::Left(ONEWAY_WINDOW_BYTES.into()),
            false => Self::Unlimited,
        }
    }

    /// True when a call of any length may be sent.
    #[inline]
    pub(super) fn allows(&self) -> bool {
        match self {
            Self::Unlimited => true,
            Self::Left(left) => *left > 0,
        }
    }

    /// Calls that cost so much are sent.
    #[inline]
    pub(super) fn spend(&mut self, cost: usize) {
        if let Self::Left(left) = self {
            *left -= cost as i64;
        }
    }

    /// The callee gave credit back.
    pub(super) fn earn(&mut self, bytes: u32) -> Result<(), Fault> {
        match self {
            Self::Left(left) if *left + i64::from(bytes) <= ONEWAY_WINDOW_BYTES.into() => {
                *left += i64::from(bytes);
                Ok(())
            }
            _ => Err("credit of one-way calls that were never sent".into()),
        }
    }
}

/// The most one-way calls in a row that their caller writes himself.
const MOST_ALONE: u32 = 64;

/// Whether one-way calls come one by one or many at a time.
///
/// Nothing tells a caller who waits for his call to be written that others are about to make one, too. So now and then
/// a call is left to the driver, which writes after all callers that are ready had their turn: it sees how many they are.
#[derive(Debug, Default)]
pub(super) struct Company {
    /// How many more calls their caller may write himself.
    alone: u32,
    /// How many were left to the driver since it wrote.
    together: u32,
}

impl Company {
    /// A call is appended; true when its caller is to write it, which can be when nothing else is waiting.
    #[inline]
    pub(super) fn goes_alone(&mut self, idle: bool) -> bool {
        if idle && self.alone > 0 {
            self.alone -= 1;
            return true;
        }
        self.together += 1;
        false
    }

    /// The driver wrote.
    #[inline]
    pub(super) fn part(&mut self) {
        match std::mem::take(&mut self.together) {
            0 => {}
            1 => self.alone = MOST_ALONE,
            _ => self.alone = 0,
        }
    }
}

/// The callee's side of a window: what the peer may still send, and what it is owed.
#[derive(Debug)]
pub(super) struct Window {
    purse: Purse,
    owed: usize,
}

impl Window {
    pub(super) fn new(two_way: bool) -> Self {
        Self {
            purse: Purse::new(two_way),
            owed: 0,
        }
    }

    /// True when the peer keeps to a window.
    #[inline]
    pub(super) fn is_kept(&self) -> bool {
        matches!(self.purse, Purse::Left(_))
    }

    /// Takes in what the calls of one message cost.
    #[inline]
    pub(super) fn take(&mut self, cost: usize) -> Result<(), Fault> {
        if !self.purse.allows() {
            return Err(overdrawn());
        }
        self.purse.spend(cost);
        Ok(())
    }

    /// A call ended.
    #[inline]
    pub(super) fn owe(&mut self, bytes: usize) {
        self.owed += bytes;
    }

    /// What is to be given back now.
    fn due(&mut self) -> Option<u32> {
        let Purse::Left(left) = &mut self.purse else {
            self.owed = 0;
            return None;
        };
        if self.owed < GIVEN_BACK_BYTES {
            return None;
        }
        let bytes = u32::try_from(self.owed).unwrap_or(u32::MAX);
        self.owed -= bytes as usize;
        *left += i64::from(bytes);
        Some(bytes)
    }
}

/// A one-way call that goes on after its start. Whatever becomes of it, its end gives back what it cost.
#[derive(Debug)]
pub(super) struct Unanswered {
    shared: Arc<Shared>,
    cost: usize,
}

impl Unanswered {
    pub(super) fn new(shared: &Arc<Shared>, cost: usize) -> Self {
        shared.oneways.fetch_add(1, Ordering::Relaxed);
        Self {
            shared: Arc::clone(shared),
            cost,
        }
    }

    /// It ended.
    pub(super) fn end(self, answer: Answer) {
        if let Err(refusal) = answer {
            self.shared.mourn(&refusal);
        }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        let shared = &self.shared;
        let owed = shared.owed.fetch_add(self.cost, Ordering::Relaxed) + self.cost;
        // The driver has to know of the last one, and gives credit when it is worth a frame.
        if shared.oneways.fetch_sub(1, Ordering::Relaxed) == 1 || owed >= GIVEN_BACK_BYTES {
            shared.driver.wake();
        }
    }
}

impl Shared {
    /// Nobody is told of a one-way call's failure but this side's log.
    #[cold]
    pub(super) fn mourn(&self, refusal: &Refusal) {
        tracing::warn!(peer = %self.peer, "a one-way call failed: {}", refusal.text);
    }

    /// Waits until a one-way call may be sent, or none at all any more.
    pub(super) async fn wait_for_credit(&self) {
        self.wait_until(|state| (self.may_send(state) || self.refuses()).then_some(()))
            .await;
    }

    fn may_send(&self, state: &State) -> bool {
        state.purse.allows() && !self.is_stuffed(state)
    }

    /// The state, to append a one-way call; Full when that has to wait.
    #[inline]
    pub(super) fn lock_to_post(&self) -> Result<MutexGuard<'_, State>, NotSent> {
        let state = self.state.lock();
        if self.refuses() {
            return Err(state.refusal());
        }
        let is_full = state.out.unsent() > self.limits.max_unsent_bytes;
        if is_full || !state.purse.allows() {
            return Err(NotSent::Full(state.calls.len()));
        }
        Ok(state)
    }

    /// Gets the one-way call that was appended at `before` on its way; gives when all of it is written.
    #[inline]
    pub(super) fn post(
        &self,
        mut state: MutexGuard<'_, State>,
        before: Mark,
        was_idle: bool,
    ) -> Until {
        state.pay(before);
        let end = state.out.end();
        let alone = state.company.goes_alone(was_idle);
        if !alone || !state.out.write().unwrap_or(false) {
            self.ask_flush(state);
        } else if state.out.has_spent() {
            let spent = state.out.spent();
            drop(state);
            drop(spent);
        }
        Until::Written(end)
    }

    /// The same for a large one, which refers to this.
    #[cold]
    pub(super) fn post_large(
        &self,
        mut state: MutexGuard<'_, State>,
        before: Mark,
        handle: u32,
        listed: Listed,
    ) -> Until {
        state.pay(before);
        let until = state.cut_calls(before, (Vec::new(), handle), listed);
        self.ask_flush(state);
        until
    }

    /// Takes in the peer's credit.
    pub(super) fn earn(&self, credit: Credit) -> Result<(), Fault> {
        self.state.lock().purse.earn(credit.bytes)
    }
}

impl State {
    /// Pays for the one-way call that was appended at `before`.
    #[inline]
    pub(super) fn pay(&mut self, before: Mark) {
        self.purse.spend(cost(self.out.frames().len_since(before)));
    }

    /// True when nothing waits to be written and nobody was asked to.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.out.is_empty() && self.out.flush == Flush::Idle
    }
}

impl Callee {
    /// Starts a one-way call. Nothing comes of it but credit.
    pub(super) fn call_oneway(
        &mut self,
        call: &CallFrame<'_>,
        replies: &mut Frames,
        now: Instant,
    ) -> Result<(), Fault> {
        let cost = cost(call.frame_bytes());
        self.window.take(cost)?;
        if call.flags & flag::ATTACHED == 0 {
            self.begin_oneway(call, replies, now, cost);
            return Ok(());
        }
        let begun = self.with_attachments(call, |callee, plain| {
            callee.begin_oneway(plain, replies, now, cost);
            Ok(())
        });
        if let Err(refusal) = begun? {
            self.window.owe(cost);
            self.shared.mourn(&refusal);
        }
        Ok(())
    }

    fn begin_oneway(
        &mut self,
        call: &CallFrame<'_>,
        replies: &mut Frames,
        now: Instant,
        cost: usize,
    ) {
        let before = replies.mark();
        let started = self.start_oneway(call, replies, now);
        replies.undo(before);
        drop(attach::take());
        let asked = self.asked.take();
        let refusal = match started {
            Ok(Started::Done(ended)) => {
                self.window.owe(cost);
                ended.err()
            }
            Err(refusal) => {
                self.window.owe(cost);
                Some(refusal)
            }
            Ok(started) => {
                let context = asked.unwrap_or_else(|| self.context(call, now));
                let unanswered = Unanswered::new(&self.shared, cost);
                self.follow_oneway(started, context, unanswered).err()
            }
        };
        if let Some(refusal) = refusal {
            self.shared.mourn(&refusal);
        }
    }

    fn start_oneway(
        &mut self,
        call: &CallFrame<'_>,
        replies: &mut Frames,
        now: Instant,
    ) -> Result<Started, Refusal> {
        // Those that keep to a window are bounded by it.
        if !self.window.is_kept() {
            let running = self.shared.oneways.load(Ordering::Relaxed);
            if running >= self.shared.limits.max_calls_in_flight as usize {
                return Err(no_room(running));
            }
        }
        if call.flags & flag::BATCH == 0 {
            return self.start(call, replies, now, 0);
        }
        let batch = self.batch(call, now, 0)?;
        let cancellation = Cancellation::new(self.known(call, now).deadline());
        Ok(Started::Computes(Box::new(move || {
            batch.run(&cancellation)
        })))
    }

    /// Sees to a one-way call that did not end at once.
    fn follow_oneway(
        &self,
        started: Started,
        context: Context,
        unanswered: Unanswered,
    ) -> Result<(), Refusal> {
        let host = self.host.as_ref().ok_or_else(no_host)?;
        let deadline = Instant::from_std(context.deadline());
        match started {
            Started::Done(_) => Ok(()),
            Started::Waits(future) => {
                let future = Scoped::new(context, future);
                host.tasks().spawn(async move {
                    let ended = tokio::time::timeout_at(deadline + SLACK, future).await;
                    unanswered.end(ended.unwrap_or_else(|_| Err(over())));
                });
                Ok(())
            }
            Started::Computes(work) => {
                let job: Job = Box::new(move || {
                    let on_time = Instant::now() < deadline;
                    let answer = match on_time {
                        true => context.run(work),
                        false => Err(too_late()),
                    };
                    unanswered.end(answer);
                });
                match self.window.is_kept() {
                    true => host.compute_oneway(job),
                    false => host.compute(job).map_err(|(refusal, _)| refusal)?,
                }
                Ok(())
            }
        }
    }

    /// Gives back what ended since.
    #[inline]
    pub(super) fn give_credit(&mut self, replies: &mut Vec<u8>) {
        if self.shared.owed.load(Ordering::Relaxed) > 0 {
            self.window.owe(self.shared.owed.swap(0, Ordering::Relaxed));
        }
        if self.window.owed >= GIVEN_BACK_BYTES
            && let Some(bytes) = self.window.due()
        {
            let of = ONEWAY_CALLS;
            put_credit(replies, Credit { of, bytes });
        }
    }
}

#[cold]
fn overdrawn() -> Fault {
    format!("more one-way calls than its window of {ONEWAY_WINDOW_BYTES} bytes allows")
}

/// Why a call that waits is given up.
#[cold]
pub(super) fn over() -> Refusal {
    Refusal::new(Status::Cancelled, "its deadline is over")
}

/// Why a call that waited for a thread does not begin.
#[cold]
pub(super) fn too_late() -> Refusal {
    let text = "its deadline was over before a thread was free";
    Refusal::new(Status::Expired, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: usize = ONEWAY_WINDOW_BYTES as usize;

    #[test]
    fn a_caller_spends_what_the_window_holds_and_once_more() {
        let (mut purse, mut window) = (Purse::new(true), Window::new(true));
        let mut sent = 0;
        while purse.allows() {
            purse.spend(1_000);
            assert_eq!(window.take(1_000), Ok(()));
            sent += 1;
        }
        assert_eq!(sent, WINDOW.div_ceil(1_000));
        assert!(window.take(0).is_err(), "that overdraws it");
        window.owe(sent * 1_000);
        let back = window.due().unwrap();
        assert_eq!(purse.earn(back), Ok(()));
        assert!(purse.allows() && window.take(0).is_ok());
    }

    #[test]
    fn a_call_longer_than_the_window_passes_and_is_paid_for_by_those_after_it() {
        let (mut purse, mut window) = (Purse::new(true), Window::new(true));
        purse.spend(3 * WINDOW);
        window.take(3 * WINDOW).unwrap();
        assert!(!purse.allows() && window.take(1).is_err());
        window.owe(3 * WINDOW);
        assert_eq!(purse.earn(window.due().unwrap()), Ok(()));
        assert!(purse.allows());
    }

    #[test]
    fn calls_that_come_together_are_written_together_and_single_ones_by_their_callers() {
        let mut company = Company::default();
        assert!(
            !company.goes_alone(true),
            "the first one shows how many they are"
        );
        company.part();
        for _ in 0..MOST_ALONE {
            assert!(company.goes_alone(true));
        }
        assert!(!company.goes_alone(true) && !company.goes_alone(false));
        company.part();
        assert!(!company.goes_alone(true), "the last two came together");
    }

    #[test]
    fn nothing_is_given_back_before_it_is_worth_a_frame() {
        let mut window = Window::new(true);
        window.owe(GIVEN_BACK_BYTES - 1);
        assert_eq!(window.due(), None);
        window.owe(1);
        assert_eq!(window.due(), Some(ONEWAY_WINDOW_BYTES / 2));
        assert_eq!(window.due(), None);
    }

    #[test]
    fn credit_for_what_was_not_sent_is_a_fault() {
        let mut purse = Purse::new(true);
        assert!(purse.earn(1).is_err());
        purse.spend(cost(72));
        assert_eq!(purse.earn(200), Ok(()));
        assert!(purse.earn(1).is_err() && purse.earn(u32::MAX).is_err());
        assert!(Purse::new(false).earn(0).is_err(), "it gives no credit");
    }

    #[test]
    fn a_peer_without_a_window_is_neither_bounded_nor_owed_anything() {
        let (mut purse, mut window) = (Purse::new(false), Window::new(false));
        for _ in 0..10 {
            purse.spend(WINDOW);
            window.take(WINDOW).unwrap();
            window.owe(WINDOW);
        }
        assert!(purse.allows());
        assert_eq!(window.due(), None);
    }
}
