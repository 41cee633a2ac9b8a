//! `Context`: what a method can know of the call that it answers, beside its arguments.

mod cancellation;
mod connection;
mod here;
mod metadata;
mod scoped;
mod session;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub use cancellation::Cancellation;
pub use connection::{Answering, Connection};
pub(crate) use here::{Occupied, Place, enter, is_known, occupy, resume};
pub use metadata::{ENTRY_BYTES, MAX_METADATA_BYTES, Metadata, MetadataTooLarge, Notes};
pub use scoped::Scoped;
pub use session::{Kept, MAX_KEPT, NotKept, Session};

use crate::net::Peer;
pub use crate::wire::frame::Trace;

/// The call that runs here: who makes it, over which connection, and whether it is still wanted.
///
/// Every method can ask for it, whatever its kind and however its call came; nothing has to be passed along. Cheap to
/// clone, and may be moved into what the method spawns; [`scope`](Self::scope) and [`run`](Self::run) make it current
/// there. A method that calls an object of its own process as it calls any value stays in its own context.
///
/// # Examples
/// ```
/// use farcall_shared::context::Context;
///
/// fn greeting() -> String {
///     match Context::current() {
///         Some(call) => format!("hello, {}", call.peer()),
///         None => "nobody called".into(),
///     }
/// }
/// assert_eq!(greeting(), "nobody called");
/// ```
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    connection: Arc<Connection>,
    call: Call,
    cancellation: Cancellation,
    /// What the caller said beside the arguments.
    notes: Notes,
    /// What is to go with the result.
    reply: Mutex<Metadata>,
}

/// What is known of a call before anybody asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// When it was read.
    pub(crate) began: Instant,
    /// How long its caller waits from then on, in milliseconds.
    pub(crate) within_ms: u32,
}

impl Call {
    /// When its caller stops waiting.
    pub(crate) fn deadline(&self) -> Instant {
        self.began + Duration::from_millis(self.within_ms.into())
    }
}

impl Context {
    pub(crate) fn new(
        connection: Arc<Connection>,
        call: Call,
        cancellation: Cancellation,
        notes: Notes,
    ) -> Self {
        Self(Arc::new(Inner {
            connection,
            call,
            cancellation,
            notes,
            reply: Mutex::default(),
        }))
    }

    /// The context of the call that runs here; `None` outside of calls, and in tasks and threads that a method started.
    ///
    /// It is the same one, however often a method asks.
    pub fn current() -> Option<Self> {
        here::current()
    }

    /// Who calls.
    pub fn peer(&self) -> &Peer {
        self.0.connection.peer()
    }

    /// The connection's number: unique in this process, the same for all calls of a connection.
    pub fn connection(&self) -> u64 {
        self.0.connection.number()
    }

    /// When the caller stops waiting.
    pub fn deadline(&self) -> Instant {
        self.0.call.deadline()
    }

    /// How long the caller still waits; zero once it does not.
    pub fn time_left(&self) -> Duration {
        self.deadline().saturating_duration_since(Instant::now())
    }

    /// The caller's trace, if it has one.
    pub fn trace(&self) -> Option<Trace> {
        self.0.notes.trace
    }

    /// The caller's metadata under this key.
    pub fn metadata(&self, key: &str) -> Option<&[u8]> {
        self.0.notes.metadata.get(key)
    }

    /// What the calls that belong together have in common: the caller's id, or else one that is made up now. Calls that are
    /// made inside of this one from now on have it, too.
    pub fn correlation_id(&self) -> u128 {
        let known = &self.0.notes.correlation;
        *known.get_or_init(|| fastrand::u128(1..))
    }

    /// Sends metadata with the result, in place of what the key had. Nobody gets that of a call that fails, of a one-way
    /// call, or of a fleet's item that travels with others.
    ///
    /// # Errors
    /// When it is more than travels; the call goes on without.
    pub fn set_reply_metadata(&self, key: &str, value: &[u8]) -> Result<(), MetadataTooLarge> {
        self.0.reply.lock().set(key, value)
    }

    /// What goes with the result.
    pub(crate) fn take_reply(&self) -> Option<Notes> {
        let metadata = std::mem::take(&mut *self.0.reply.lock());
        (!metadata.is_empty()).then(|| Notes {
            metadata,
            ..Notes::default()
        })
    }

    /// What the caller said, but what calls inside of this one have anyway.
    pub(crate) fn to_pass_on(&self) -> Option<Notes> {
        let metadata = &self.0.notes.metadata;
        (!metadata.is_empty()).then(|| Notes {
            metadata: metadata.clone(),
            ..Notes::default()
        })
    }

    /// The context of a stream that this call gives: it lasts until the stream or the connection ends.
    pub(crate) fn of_stream(&self) -> Self {
        let Inner {
            connection,
            call,
            notes,
            ..
        } = &*self.0;
        let cancellation = Cancellation::of_stream(Arc::clone(connection));
        Self::new(Arc::clone(connection), *call, cancellation, notes.clone())
    }

    /// What is kept for this connection until it ends.
    pub fn session(&self) -> Session {
        Session::new(Arc::clone(&self.0.connection))
    }

    /// True once nobody waits for the result: the caller gave the call up, its connection ended, or its deadline is over.
    ///
    /// An `async fn` is stopped then, at the next `.await`, and so sees it as its future's end; a plain `fn` that takes
    /// long asks now and then, and returns anything. Of one-way calls, which nobody waits for, only the deadline counts.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancellation.is_cancelled()
    }

    /// What answers [`is_cancelled`](Self::is_cancelled), for other threads and for loops.
    pub fn cancellation(&self) -> Cancellation {
        self.0.cancellation.clone()
    }

    /// Runs a closure as a part of this call.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _here = here::resume(self.clone());
        work()
    }

    /// Makes a future a part of this call, wherever it is polled and dropped.
    pub fn scope<F: Future>(&self, future: F) -> Scoped<std::pin::Pin<Box<F>>> {
        Scoped::new(self.clone(), Box::pin(future))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("peer", self.peer())
            .field("connection", &self.connection())
            .finish_non_exhaustive()
    }
}

/// The correlation id of the call that runs here, as far as there is one.
pub(crate) fn known_correlation() -> Option<u128> {
    Context::current()?.0.notes.correlation.get().copied()
}

/// The trace of the call that runs here.
pub(crate) fn known_trace() -> Option<Trace> {
    Context::current()?.trace()
}

/// Runs a closure as a part of a call, if there is one. Lends the context instead of counting it; a panic takes it along.
pub(crate) fn run_in<T>(context: &mut Option<Context>, work: impl FnOnce() -> T) -> T {
    let Some(here) = context.take().map(here::resume) else {
        return work();
    };
    let ended = work();
    *context = here.leave();
    ended
}
