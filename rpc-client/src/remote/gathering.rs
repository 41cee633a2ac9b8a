//! Calls that are made and wait to be sent: those of a batch, and those of which no reply is wanted.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use farcall_shared::error::{CallError, NotSent, Unknown};
use farcall_shared::link::{InFlight, Prepared, Written};
use farcall_shared::object::Encoded;
use farcall_shared::wire::codec::{Codec, DecodeError};
use parking_lot::Mutex;
use serde::Serialize;

use super::binding::Origin;
use super::python::{self, Answered};
use super::{At, First, Remote, Selected};

/// Where the calls of an object's proxy go instead of to the object.
#[derive(Debug)]
pub(crate) struct Gathering {
    wanted: Wanted,
    calls: Mutex<Calls>,
}

/// Whether the calls of a gathering are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// As their methods say.
    Replies,
    /// None of them is.
    Nothing,
}

#[derive(Debug, Default)]
struct Calls {
    /// True once they are on their way, or never will be.
    sealed: bool,
    waiting: Vec<Gathered>,
    /// Why the first one that could not be gathered was not.
    failed: Option<CallError>,
}

/// A call that waits to be sent.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) method: Selected,
    codec: Codec,
    arguments: Written,
    pub(super) within: Duration,
    oneway: bool,
    place: Arc<Place>,
}

/// Where a gathered call and its future meet.
#[derive(Debug)]
struct Place(Mutex<Stage>);

/// How far a gathered call came.
#[derive(Debug)]
enum Stage {
    Waiting(Option<Waker>),
    /// It was sent, or never will be; nobody has looked yet.
    Gone(Departure),
    /// Somebody looked, or nobody will.
    Left,
}

/// What became of a call that was sent.
#[derive(Debug)]
pub(super) enum Gone {
    /// It has no reply.
    Unanswered,
    InFlight(InFlight),
    /// It came back already, from Python.
    Answered(Result<Answered, CallError>),
}

impl From<Option<InFlight>> for Gone {
    fn from(call: Option<InFlight>) -> Self {
        call.map_or(Self::Unanswered, Self::InFlight)
    }
}

/// What became of a call, or why it was not sent.
type Departure = Result<Gone, CallError>;

impl Gathering {
    fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            calls: Mutex::default(),
        }
    }

    /// True when no call has a reply.
    pub(super) fn is_unanswered(&self) -> bool {
        self.wanted == Wanted::Nothing
    }

    /// Gathers no more; gives the calls.
    pub(super) fn take(&self) -> Vec<Gathered> {
        let mut calls = self.calls.lock();
        calls.sealed = true;
        std::mem::take(&mut calls.waiting)
    }

    /// The same, or why one of them is not there.
    pub(super) fn take_all(&self) -> Result<Vec<Gathered>, CallError> {
        let calls = self.take();
        match self.calls.lock().failed.take() {
            None => Ok(calls),
            Some(error) => Err(error),
        }
    }

    /// How many calls wait.
    pub(crate) fn len(&self) -> usize {
        self.calls.lock().waiting.len()
    }

    fn is_sealed(&self) -> bool {
        self.calls.lock().sealed
    }

    /// Takes a call in; `None` when it comes too late.
    fn add(&self, call: Gathered) -> Option<Placed> {
        let placed = Placed {
            place: Arc::clone(&call.place),
            oneway: call.oneway,
        };
        let mut calls = self.calls.lock();
        if calls.sealed {
            return None;
        }
        calls.waiting.push(call);
        Some(placed)
    }

    fn fail(&self, error: &CallError) {
        self.calls
            .lock()
            .failed
            .get_or_insert_with(|| error.clone());
    }
}

impl Gathered {
    /// The call, with so much of its time gone.
    pub(super) fn prepared(&self, gone: Duration) -> Prepared<'_> {
        Prepared {
            method: self.method.which(),
            arguments: &self.arguments,
            within: self.within.saturating_sub(gone),
            oneway: self.oneway,
        }
    }

    /// Its arguments, as far as they are written so.
    pub(super) fn encoded(&self, codec: Codec) -> Result<Encoded, NotSent> {
        if self.codec != codec {
            let text = "it was made before it was known that the object is one of Python's: connect the proxy first";
            return Err(NotSent::Unsupported(text.into()));
        }
        self.arguments.encoded()
    }

    /// True when nobody waits for it any more.
    pub(super) fn is_withdrawn(&self) -> bool {
        matches!(*self.place.0.lock(), Stage::Left)
    }

    /// Tells whoever waits for it what became of it.
    pub(super) fn go(self, departure: Departure) {
        let mut stage = self.place.0.lock();
        if matches!(*stage, Stage::Left) {
            // Whoever waited is gone: a call in flight is cancelled by being dropped.
            return;
        }
        let before = std::mem::replace(&mut *stage, Stage::Gone(departure));
        drop(stage);
        if let Stage::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

/// Waits until a gathered call is sent.
///
/// # Cancel safety
/// Dropping it withdraws the call, or cancels it, unless the call is one-way.
struct Placed {
    place: Arc<Place>,
    oneway: bool,
}

impl Future for Placed {
    type Output = Departure;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Departure> {
        let mut stage = self.place.0.lock();
        match std::mem::replace(&mut *stage, Stage::Left) {
            Stage::Gone(departure) => Poll::Ready(departure),
            Stage::Waiting(_) => {
                *stage = Stage::Waiting(Some(cx.waker().clone()));
                Poll::Pending
            }
            Stage::Left => Poll::Pending,
        }
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        if !self.oneway {
            let before = std::mem::replace(&mut *self.place.0.lock(), Stage::Left);
            drop(before);
        }
    }
}

impl Remote {
    /// The same object, its calls gathered.
    pub(crate) fn gather(mut self, wanted: Wanted) -> (Self, Arc<Gathering>) {
        let gathering = Arc::new(Gathering::new(wanted));
        let mut errand = self.errand();
        errand.gathering = Some(Arc::clone(&gathering));
        self.at = At::Errand(Arc::new(errand));
        (self, gathering)
    }

    /// A call of which a reply is wanted, gathered if it is not too late. In a box: the futures of other calls need not
    /// have room for it.
    pub(super) fn perform_gathered<A, T, D>(
        self,
        gathering: Arc<Gathering>,
        method: Selected,
        arguments: A,
        read: D,
    ) -> Pin<Box<dyn Future<Output = Result<T, CallError>> + Send>>
    where
        A: Serialize + Send + Sync + 'static,
        D: Fn(Codec, &[u8]) -> Result<T, DecodeError> + Send + Sync + 'static,
        T: Send + 'static,
    {
        Box::pin(async move {
            let sent = self.sent_with(&gathering, &method, &arguments, Reply::Awaited);
            let Some(departure) = sent.await else {
                // Gathered calls come at once. This one comes after others are over, and travels by itself.
                return self.go_on(method, arguments, read, First::NotBound).await;
            };
            drop(arguments);
            let mut call = match departure? {
                Gone::InFlight(call) => call,
                Gone::Answered(answered) => return self.read_answer(&method, answered?, read),
                Gone::Unanswered => return Err(self.unanswered(&method)),
            };
            let mut ended = (&mut call).await;
            self.note_reply(&mut ended);
            call.bound().conclude_with(method.which(), ended, &read)
        })
    }

    /// Gathers a call and waits until it is sent; `None` when it comes too late.
    pub(super) async fn sent_with<A: Serialize>(
        &self,
        gathering: &Gathering,
        method: &Selected,
        arguments: &A,
        reply: Reply,
    ) -> Option<Departure> {
        let placed = match self.place(gathering, method, arguments, reply) {
            Ok(placed) => placed?,
            Err(error) => {
                gathering.fail(&error);
                return Some(Err(error));
            }
        };
        Some(placed.await.map_err(|error| self.retarget(error, method)))
    }

    fn place<A: Serialize>(
        &self,
        gathering: &Gathering,
        method: &Selected,
        arguments: &A,
        reply: Reply,
    ) -> Result<Option<Placed>, CallError> {
        if let Some(chunk) = self.chunk() {
            self.permitted(chunk, method)?;
        }
        if gathering.is_sealed() {
            return Ok(None);
        }
        let not_sent = |reason| CallError::NotSent {
            target: self.target(method),
            reason,
        };
        let codec = match self.shared().is_python() {
            true => python::CODEC,
            false => self.shared().codec,
        };
        let arguments = Written::new(codec, arguments, self.notes()).map_err(not_sent)?;
        Ok(gathering.add(Gathered {
            method: method.clone(),
            codec,
            arguments,
            within: self.deadline,
            oneway: reply == Reply::None || gathering.is_unanswered(),
            place: Arc::new(Place(Mutex::new(Stage::Waiting(None)))),
        }))
    }

    /// Sees that calls of the object travel.
    pub(super) fn travels(&self, method: &Selected) -> Result<(), CallError> {
        let Origin::Local(_) = &self.shared().origin else {
            return Ok(());
        };
        let text = "the object is in this process: its calls do not travel, alone or in batches";
        Err(CallError::NotSent {
            target: self.target(method),
            reason: NotSent::Unsupported(text.into()),
        })
    }

    /// What kept a batch from being sent, as the end of one of its calls.
    fn retarget(&self, error: CallError, method: &Selected) -> CallError {
        let target = self.target(method);
        match error {
            CallError::NotSent { reason, .. } => CallError::NotSent { target, reason },
            other => other,
        }
    }

    /// The end of a call that was sent as a one-way one, for whoever kept its future against all advice.
    #[cold]
    fn unanswered(&self, method: &Selected) -> CallError {
        CallError::Unknown {
            target: self.target(method),
            reason: Unknown::Cancelled("it was made without a reply".into()),
            idempotent: self.is_idempotent(method),
        }
    }

    /// An error of what a closure was to call and did not.
    pub(crate) fn not_made(&self, text: &str) -> CallError {
        CallError::NotSent {
            target: Arc::clone(&self.shared().label),
            reason: NotSent::NotMade(text.into()),
        }
    }
}

/// Whether a gathered call has a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Awaited,
    None,
}
