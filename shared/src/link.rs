//! One connection, both directions: the engine under every proxy and every object.
//!
//! A [`Link`] is a cheap handle; its [`Driver`] is the one task that reads the socket, finds objects, wakes callers and
//! keeps time. Whoever makes a link owns the driver's task. Callers append their frames to one shared buffer; a caller
//! that is alone writes the socket itself, otherwise the driver writes once for the whole batch.

mod alarm;
mod attached;
mod batch;
mod bound;
mod buffers;
mod callee;
mod caller;
mod clock;
mod consumer;
mod cut;
mod driver;
mod exports;
mod forward;
mod held;
mod large;
mod limits;
mod on_pool;
mod oneway;
mod open;
mod out;
mod pieces;
mod producer;
mod sequence;
mod shared;
mod window;

use std::sync::Arc;

pub use bound::{Attempt, Bind, Bound, Posted, Which, target};
pub use caller::{Body, Outcome, Reply};
pub use consumer::Incoming;
pub use driver::Driver;
pub use held::Held;
pub use limits::Limits;
pub use open::{Identity, OpenError, accept, connect};
pub use sequence::{Departed, InFlight, Mode, Prepared, Written};

use tokio::runtime;
use tokio_util::task::TaskTracker;

use crate::hook::Hooks;
use crate::net::Peer;
use crate::object::Object;
use crate::wire::status::Refusal;
use shared::Shared;

/// A connection. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Link(Arc<Shared>);

/// Work for the compute pool.
pub type Job = Box<dyn FnOnce() + Send>;

/// What a link asks of the process that hosts objects.
pub trait Host: Send + Sync + 'static {
    /// The object with this id.
    ///
    /// # Errors
    /// Unknown, stale, draining or unauthorised, with a text for the caller.
    fn object(&self, id: &str, incarnation: u64) -> Result<Arc<dyn Hosted>, Refusal>;

    /// Runs a job where no I/O is held up.
    ///
    /// # Errors
    /// Overloaded, when too many jobs wait already; with the job.
    fn compute(&self, job: Job) -> Result<(), (Refusal, Job)>;

    /// The same for a one-way call, however many jobs wait: the windows of their callers bound how many that are.
    fn compute_oneway(&self, job: Job);

    /// Owns the tasks of calls that wait.
    fn tasks(&self) -> &TaskTracker;

    /// Where those tasks run: they may begin on threads that belong to no runtime.
    fn runtime(&self) -> &runtime::Handle;

    /// What is around the calls of all objects; none by default.
    fn hooks(&self) -> Hooks {
        Hooks::default()
    }
}

/// An object in a host's table.
pub trait Hosted: Send + Sync + 'static {
    /// The object, as long as it is hosted: nothing once it was taken away.
    fn object(&self) -> Option<&dyn Object>;
}

impl Link {
    /// Who is at the other end.
    pub fn peer(&self) -> &Peer {
        &self.0.peer
    }

    /// The run of the daemon at the other end; 0 when it hosts nothing.
    pub fn incarnation(&self) -> u64 {
        self.0.remote.incarnation
    }

    /// True while new calls can be made.
    pub fn is_open(&self) -> bool {
        self.0.is_open()
    }

    /// Why no new calls can be made, once that is so.
    pub fn closed(&self) -> Option<Arc<str>> {
        self.0.state.lock().refuses_calls()
    }

    /// Waits until the connection is over; gives why.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn ended(&self) -> Arc<str> {
        let mut told = std::pin::pin!(self.0.over.notified());
        loop {
            told.as_mut().enable();
            if let Some(why) = &self.0.state.lock().closed {
                return Arc::clone(why);
            }
            told.as_mut().await;
            told.set(self.0.over.notified());
        }
    }

    /// Tells the peer that no further calls are taken; those in flight are answered, then the driver ends.
    pub fn go_away(&self, why: &str) {
        self.0.go_away(why);
    }

    /// Ends the connection once nothing is in flight; proxies that share it notice at their next call.
    pub fn close(&self, why: &str) {
        self.0.close_by_us(why);
    }
}
