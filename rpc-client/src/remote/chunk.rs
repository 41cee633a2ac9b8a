//! A chunk of a fleet's items: their calls travel in one message where that can be, and copies of an item are kept from
//! doing twice what may be done only once.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use farcall_shared::descriptor::{Descriptor, Runs};
use farcall_shared::error::{CallError, Rejection, Unknown};
use farcall_shared::wire::batch;
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::status::outcome;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use serde::Serialize;

/// Arguments longer than this travel alone.
const MAX_ARGUMENT_BYTES: usize = 16 << 10;

/// Calls are gathered up to so many bytes, and no more than a part of the longest message that the member takes.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// That part: one more call is gathered than there is room for.
const PART_OF_A_MESSAGE: usize = 4;

/// What the calls of a chunk of items have in common.
#[derive(Debug)]
pub(crate) struct Chunk {
    calls: Mutex<Calls>,
    /// The replies, or why there are none: read without a lock.
    ended: OnceLock<Result<Replies, CallError>>,
    /// Only calls of this deadline are gathered.
    deadline: Duration,
    /// Shared with the copies of the same items.
    license: Arc<License>,
    /// Which of them this is; from 1.
    copy: u32,
    /// The method of the first call, plus one.
    first_method: AtomicU32,
    /// How many calls were made, gathered or not; not exact while several threads make some.
    made: AtomicU32,
    /// The last call that the runner itself gathered, plus one.
    last_own: AtomicU32,
    /// How many calls were sent together.
    gathered: AtomicU32,
    cancelled: AtomicBool,
    /// Whoever runs the items.
    runner: AtomicWaker,
}

/// Who of several copies of the same items may make calls that must not be repeated: the first one that does.
#[derive(Debug, Default)]
pub(crate) struct License(AtomicU32);

/// Where the gathered calls are.
#[derive(Debug)]
enum Calls {
    Gathering(Gathered),
    /// They were sent; who waits for them.
    Sent(Vec<Waker>),
}

#[derive(Debug, Default)]
struct Gathered {
    method: Option<u16>,
    max_bytes: usize,
    count: u32,
    calls: Vec<u8>,
    waiting: Vec<Waker>,
}

/// The results of a batch, as they came.
#[derive(Debug)]
struct Replies {
    body: Vec<u8>,
    /// The status of each, and where it stands.
    places: Vec<(u16, Range<u32>)>,
}

/// How many calls were made, and which the runner gathered last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoFar {
    made: u32,
    last_own: u32,
}

impl SoFar {
    /// The number of the gathered call that is the only one made meanwhile.
    #[inline]
    pub(crate) fn only_one_until(self, now: Self) -> Option<u32> {
        let one = now.made == self.made.wrapping_add(1) && now.last_own != self.last_own;
        one.then(|| now.last_own - 1)
    }
}

/// A call that was gathered, by its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joined(u32);

impl Chunk {
    /// Of items whose calls are gathered until [`seal`](Self::seal), if `gathers`.
    pub(crate) fn new(
        gathers: Gathers,
        deadline: Duration,
        license: Arc<License>,
        copy: u32,
    ) -> Self {
        let calls = match gathers {
            Gathers::UpTo(max_bytes) => Calls::Gathering(Gathered {
                max_bytes,
                ..Gathered::default()
            }),
            Gathers::Nothing => Calls::Sent(Vec::new()),
        };
        Self {
            calls: Mutex::new(calls),
            ended: OnceLock::new(),
            deadline,
            license,
            copy,
            first_method: AtomicU32::new(0),
            made: AtomicU32::new(0),
            last_own: AtomicU32::new(0),
            gathered: AtomicU32::new(0),
            cancelled: AtomicBool::new(false),
            runner: AtomicWaker::new(),
        }
    }

    /// The method of the first call that was made.
    pub(crate) fn first_method(&self) -> Option<u16> {
        let seen = self.first_method.load(Ordering::Relaxed);
        u16::try_from(seen.checked_sub(1)?).ok()
    }

    /// What copies of the same items share, if they may be made: every call so far can be repeated.
    pub(crate) fn license(&self) -> Option<Arc<License>> {
        let free = self.license.0.load(Ordering::Relaxed) == 0;
        (free && self.first_method().is_some()).then(|| Arc::clone(&self.license))
    }

    /// Has whoever runs the items stop.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.runner.wake();
    }

    /// True once it was cancelled; the runner is woken when that happens later.
    pub(crate) fn is_cancelled(&self, cx: &Context<'_>) -> bool {
        self.runner.register(cx.waker());
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Notes a call that is about to be made; false when another copy of its item went further.
    #[inline]
    pub(super) fn permits(&self, method: u16, idempotent: bool) -> bool {
        if self.first_method.load(Ordering::Relaxed) == 0 {
            let method = u32::from(method) + 1;
            self.first_method.store(method, Ordering::Relaxed);
        }
        let made = self.made.load(Ordering::Relaxed);
        self.made.store(made.wrapping_add(1), Ordering::Relaxed);
        idempotent || self.license.is_for(self.copy)
    }

    /// Whoever polls with this context runs the items.
    pub(crate) fn begin(&self, cx: &Context<'_>) {
        if let Calls::Gathering(gathered) = &mut *self.calls.lock() {
            gathered.waiting.push(cx.waker().clone());
        }
    }

    /// The calls so far; told apart from those after an item's future was polled.
    #[inline]
    pub(crate) fn calls(&self) -> SoFar {
        SoFar {
            made: self.made.load(Ordering::Relaxed),
            last_own: self.last_own.load(Ordering::Relaxed),
        }
    }

    /// How many of the gathered calls were started, once that is known: the others may be made anew.
    pub(crate) fn started(&self) -> Option<u32> {
        let replies = self.ended.get()?.as_ref().ok()?;
        u32::try_from(replies.places.len()).ok()
    }

    /// Gathers a call, whose end wakes the waker; `None` when it has to travel by itself.
    #[inline]
    pub(super) fn join<A: Serialize>(
        &self,
        method: u16,
        descriptor: &Descriptor,
        (codec, deadline): (Codec, Duration),
        arguments: &A,
        cx: &Context<'_>,
    ) -> Option<Joined> {
        let mut calls = self.calls.lock();
        let Calls::Gathering(gathered) = &mut *calls else {
            return None;
        };
        match gathered.method {
            None => {
                let method = descriptor.methods.get(usize::from(method))?;
                if method.runs != Runs::Compute || method.attaches() {
                    return None;
                }
            }
            Some(known) if known != method => return None,
            Some(_) => {}
        }
        if deadline != self.deadline || gathered.calls.len() > gathered.max_bytes {
            return None;
        }
        batch::put_call(&mut gathered.calls, |out| {
            codec.encode(arguments, out, MAX_ARGUMENT_BYTES.min(gathered.max_bytes))
        })
        .ok()?;
        gathered.method = Some(method);
        gathered.count += 1;
        let runner = gathered.waiting.first();
        if runner.is_some_and(|runner| runner.will_wake(cx.waker())) {
            self.last_own.store(gathered.count, Ordering::Relaxed);
        } else {
            note(&mut gathered.waiting, cx);
        }
        Some(Joined(gathered.count - 1))
    }

    /// The end of a gathered call: its status and what `read` makes of its result, or why there is none.
    #[inline]
    pub(super) fn poll<T>(
        &self,
        joined: Joined,
        cx: &Context<'_>,
        read: impl FnOnce(Reply<'_>) -> T,
    ) -> Poll<T> {
        if let Some(ended) = self.ended.get() {
            return Poll::Ready(read(ended.as_ref().map(|replies| replies.at(joined))));
        }
        let mut calls = self.calls.lock();
        // It may have ended meanwhile.
        if let Some(ended) = self.ended.get() {
            return Poll::Ready(read(ended.as_ref().map(|replies| replies.at(joined))));
        }
        let waiting = match &mut *calls {
            Calls::Gathering(gathered) => &mut gathered.waiting,
            Calls::Sent(waiting) => waiting,
        };
        note(waiting, cx);
        Poll::Pending
    }

    /// Gathers no further calls; gives the method and the calls, if there are any.
    pub(super) fn seal(&self) -> Option<(u16, Vec<u8>)> {
        let mut calls = self.calls.lock();
        let Calls::Gathering(gathered) = &mut *calls else {
            return None;
        };
        let Gathered {
            method,
            calls: bytes,
            waiting,
            count,
            ..
        } = std::mem::take(gathered);
        *calls = Calls::Sent(waiting);
        self.gathered.store(count, Ordering::Relaxed);
        Some((method?, bytes))
    }

    /// How many calls were gathered.
    pub(crate) fn gathered(&self) -> usize {
        self.gathered.load(Ordering::Relaxed) as usize
    }

    /// Stores how the batch ended.
    pub(super) fn end(&self, ended: Result<Vec<u8>, CallError>) {
        self.conclude(ended.map(Replies::new));
    }

    /// Nobody runs the items any more: calls that others wait for end too.
    pub(crate) fn abandon(&self, target: impl FnOnce() -> Arc<str>) {
        if self.ended.get().is_none() {
            self.conclude(Err(CallError::Unknown {
                target: target(),
                reason: Unknown::Cancelled("its fleet's job is over".into()),
                idempotent: false,
            }));
        }
    }

    fn conclude(&self, ended: Result<Replies, CallError>) {
        // A chunk ends once.
        if self.ended.set(ended).is_err() {
            return;
        }
        let before = std::mem::replace(&mut *self.calls.lock(), Calls::Sent(Vec::new()));
        let waiting = match before {
            Calls::Gathering(gathered) => gathered.waiting,
            Calls::Sent(waiting) => waiting,
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Notes who waits; as a rule one task waits for all calls.
#[inline]
fn note(waiting: &mut Vec<Waker>, cx: &Context<'_>) {
    if !waiting
        .last()
        .is_some_and(|last| last.will_wake(cx.waker()))
    {
        waiting.push(cx.waker().clone());
    }
}

/// The end of a gathered call: its status and its result or text, `None` where it was not started; or why the batch has
/// none.
pub(super) type Reply<'a> = Result<Option<(u16, &'a [u8])>, &'a CallError>;

/// Whether the calls of a chunk are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gathers {
    /// Until there are so many bytes of them.
    UpTo(usize),
    Nothing,
}

impl Gathers {
    /// For a member that takes messages of so many bytes.
    pub(super) fn within(max_message_bytes: usize) -> Self {
        Self::UpTo(MAX_BATCH_BYTES.min(max_message_bytes / PART_OF_A_MESSAGE))
    }
}

impl License {
    /// True when this copy is or becomes the one that goes on.
    fn is_for(&self, copy: u32) -> bool {
        match self
            .0
            .compare_exchange(0, copy, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => true,
            Err(holder) => holder == copy,
        }
    }
}

impl Replies {
    fn new(body: Vec<u8>) -> Self {
        let mut places = Vec::new();
        let mut rest = &body[..];
        while let Some((status, result)) = batch::next_result(&mut rest) {
            let end = (body.len() - rest.len()) as u32;
            places.push((status, end - result.len() as u32..end));
        }
        Self { body, places }
    }

    /// A status and a result, or a text. What has no result was not started.
    #[inline]
    fn at(&self, Joined(number): Joined) -> Option<(u16, &[u8])> {
        let (status, place) = self.places.get(number as usize)?;
        let place = place.start as usize..place.end as usize;
        Some((*status, self.body.get(place).unwrap_or_default()))
    }
}

/// Why a gathered call has no value.
#[cold]
pub(super) fn error(ended: Reply<'_>, target: Arc<str>, idempotent: bool) -> CallError {
    match ended {
        Err(error) => error.clone(),
        Ok(None) => CallError::Rejected {
            target,
            reason: Rejection::Deferred("its batch ended before its turn".into()),
        },
        Ok(Some((status, text))) => {
            let text = String::from_utf8_lossy(text).into_owned();
            outcome(status, text, target, idempotent)
        }
    }
}
