//! Calls objects: proxies, the resolver behind them, and fleets.

pub mod batch;
pub mod blocking;
mod dynamic;
mod error;
mod fleet;
mod peers;
pub mod python;
mod remote;
mod resolve;
mod retry;
mod stub;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use batch::Batch;
pub use dynamic::DynamicProxy;
pub use farcall_shared::names::NameServerProxy;
pub use fleet::{
    Fleet, FleetError, MemberId, Outlook, Progress, Roster, Settled, Share, Submitted, balance,
};
pub use peers::Connections;
pub use remote::{ConnectError, Remote};
pub use resolve::{ResolveError, names_at};
pub use retry::Retries;
pub use stub::TarpcStub;

use farcall_shared::context::{Metadata, Trace};
use farcall_shared::descriptor::Descriptor;
use farcall_shared::error::CallError;
use farcall_shared::hook::Hook;
use farcall_shared::object::Servant;
use farcall_shared::reference::Reference;
use farcall_shared::uri::Uri;
use farcall_shared::wire::codec::Codec;

/// The longest a call takes unless it is told otherwise: 30 s.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// What all typed proxies have in common; `#[remote]` implements it.
pub trait Proxy: Clone + Send + Sync + 'static {
    /// What this side knows of the object's methods.
    fn descriptor() -> &'static Descriptor;

    /// A proxy over a remote object.
    fn from_remote(remote: Remote) -> Self;

    /// The remote object behind it.
    fn remote(&self) -> &Remote;

    /// The same object, each call with this deadline, retries included. Zero means no time at all; past 30 days is cut
    /// to 30 days.
    fn with_deadline(&self, deadline: Duration) -> Self {
        Self::from_remote(self.remote().clone().with_deadline(deadline))
    }

    /// The same object, with other retries.
    fn with_retries(&self, retries: Retries) -> Self {
        Self::from_remote(self.remote().clone().with_retries(retries))
    }

    /// The same object, with one more hook around each call made through this proxy, inside of those it has.
    ///
    /// All attempts of a call are one call to its hooks, and a call that is given up has an end, too.
    fn with_hook(&self, hook: impl Hook) -> Self {
        Self::from_remote(self.remote().clone().with_hook(hook))
    }

    /// The same object, with metadata beside the arguments of each call, in place of what the key has.
    ///
    /// Methods see it in their [`Context`](farcall_shared::context::Context). More than
    /// [`MAX_METADATA_BYTES`](farcall_shared::context::MAX_METADATA_BYTES) makes each call end as NotSent. An object in this
    /// process gets none.
    fn with_metadata(&self, key: &str, value: impl AsRef<[u8]>) -> Self {
        Self::from_remote(self.remote().clone().with_metadata(key, value.as_ref()))
    }

    /// The same object, each call with this correlation id, in place of the one of the call that it is made in.
    fn with_correlation(&self, id: u128) -> Self {
        Self::from_remote(self.remote().clone().with_correlation(id))
    }

    /// The same object, each call with this trace, in place of the one of the call that it is made in.
    fn with_trace(&self, trace: Trace) -> Self {
        Self::from_remote(self.remote().clone().with_trace(trace))
    }

    /// A batch of calls of this object: none yet.
    fn batch(&self) -> Batch<Self> {
        Batch::new(self.remote(), Self::from_remote)
    }

    /// Makes the calls of `call` without replies, whatever their methods are: ends when they are on their way.
    ///
    /// The calls are those that the closure's future makes when it is first polled, which is now; what it would do then
    /// it does not come to. All of them are sent, in their order and each by itself, when what comes back is awaited.
    ///
    /// They are one-way calls like those of a method that is marked so: when the object is slow, this waits.
    ///
    /// # Errors
    /// NotSent when a call could not be sent, those behind it included; when the closure made none, or one whose arguments
    /// cannot be encoded, nothing is sent.
    ///
    /// # Cancel safety
    /// Dropping it sends no further call.
    fn oneway<F, Fut>(&self, call: F) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send>>
    where
        F: FnOnce(Self) -> Fut,
        Fut: Future,
    {
        let remote = self.remote().clone();
        remote.oneway(|remote| call(Self::from_remote(remote)))
    }

    /// What it was connected by; nothing for an object that arrived as a reference, or is in this process.
    fn uri(&self) -> Option<&Uri> {
        self.remote().uri()
    }

    /// A proxy of an object in this process: called here, it runs here; as an argument or a result it is handed out.
    fn to(servant: Servant) -> Self {
        Self::from_reference(Reference::local(servant))
    }

    /// A proxy of what a reference leads to.
    fn from_reference(reference: Reference) -> Self {
        let descriptor = Some(Self::descriptor().into());
        Self::from_remote(Remote::from_reference(
            reference,
            descriptor,
            Codec::Postcard,
        ))
    }

    /// The object as a value that travels.
    fn reference(&self) -> Reference {
        self.remote().reference()
    }
}

/// Makes a call, and gives the metadata of its reply beside what it brings.
///
/// `call` gets a proxy of the same object. When it makes several calls through that, the metadata is that of the last reply.
///
/// # Examples
/// See `guide::context` in the crate `farcall`.
pub async fn metadata_of<P, F>(proxy: &P, call: impl FnOnce(P) -> F) -> (F::Output, Metadata)
where
    P: Proxy,
    F: Future,
{
    let replies = remote::Replies::default();
    let remote = proxy.remote().clone();
    let ended = call(P::from_remote(remote.with_replies(Arc::clone(&replies)))).await;
    let metadata = std::mem::take(&mut *replies.lock());
    (ended, metadata)
}

/// What the code that `#[remote]` writes refers to; not for users.
#[doc(hidden)]
pub mod __private {
    pub mod blocking {
        pub use crate::blocking::call::call;
        pub use crate::blocking::{Iter, connect, iter};
    }
}
