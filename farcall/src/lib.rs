//! Remote objects for Rust in the spirit of Pyro.
//!
//! A program defines a trait, hosts objects of it in a [`Daemon`] and registers them in the name service; other programs
//! call them through typed proxies, one at a time or spread over a [`Fleet`]. Every call ends by its deadline, with one of
//! five outcomes that say whether the method ran.
//!
//! ```
//! use farcall::{Daemon, Fleet, names};
//!
//! /// The contract, in a crate that both sides use.
//! #[farcall::remote]
//! pub trait Worker {
//!     /// Squares one number.
//!     #[idempotent]
//!     fn process(&self, data: i64) -> i64;
//! }
//!
//! /// An object of it.
//! struct Squarer;
//!
//! impl Worker for Squarer {
//!     fn process(&self, data: i64) -> i64 {
//!         data * data
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     // The name service, as the program `ns` runs it.
//!     let ns = names::Server::bind("localhost:0", "memory").await?;
//!     let at = ns.address();
//!
//!     // A server program: it would go on with `daemon.run_until_ctrl_c().await`.
//!     let daemon = Daemon::builder().names(at.to_string()).bind("localhost:0").await?;
//!     let uri = daemon.publish("worker.1", Squarer.serve()).await?;
//!     println!("Ready. Object uri = {uri}");
//!
//!     // A client program.
//!     let worker = WorkerProxy::connect(&format!("farname:worker.1@{at}")).await?;
//!     assert_eq!(worker.process(10).await?, 100);
//!     let fleet = Fleet::<WorkerProxy>::find(&format!("farname:worker.*@{at}")).await?;
//!     let squares: Vec<i64> = fleet.map(0..1_000, |worker, n| worker.process(n)).await?;
//!     assert_eq!(squares[999], 998_001);
//!
//!     daemon.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! Where no name service is named, it is the one in the environment variable `FARCALL_NS`, or else `localhost:9090`.
//!
//! # The guide
//!
//! | section | about |
//! |---|---|
//! | [`guide::contract`] | traits that can be remote, plain `fn` and `async fn`, `#[idempotent]`, `#[oneway]` |
//! | [`guide::serving`] | registering and publishing, groups, metadata, ending without losing a call |
//! | [`guide::calling`] | URIs, proxies, deadlines, retries, the five outcomes |
//! | [`guide::context`] | who calls, sessions, hooks, metadata, an object for each session |
//! | [`guide::batches`] | many calls in one message, and calls without a reply |
//! | [`guide::fleets`] | many objects at one computation |
//! | [`guide::pools`] | worker processes on this machine |
//! | [`guide::blocking`] | programs without async code |
//! | [`guide::map_reduce`] | computations that are combined and reduced where the data is |
//! | [`guide::work`] | master and workers: items that are pulled under a lease |
//! | [`guide::two_way`] | streams, objects as arguments and results, callbacks |
//! | [`guide::peers`] | peer to peer: programs that host and call |
//! | [`guide::dynamic`] | calls and objects without types |
//! | [`guide::python`] | Python programs that call, are called, and look names up |
//! | [`guide::moving_from_pyro5`] | a Python program moved over piece by piece |
//! | [`guide::tarpc`] | plain tarpc services and stock tarpc clients |
//! | [`guide::names`] | the name service as a library |
//! | [`guide::limits`] | every bound, its name and its default |
//! | [`guide::errors`] | which error says what |
//!
//! The bytes on the wire are in `docs/PROTOCOL.md`.

pub mod guide;

#[doc(inline)]
pub use farcall_client::*;
#[doc(inline)]
pub use farcall_macros::remote;
#[doc(inline)]
pub use farcall_parallel::*;
#[doc(inline)]
pub use farcall_server::*;
#[doc(inline)]
pub use farcall_shared::call::Call;
#[doc(inline)]
pub use farcall_shared::context::Context;
#[doc(inline)]
pub use farcall_shared::error::{self, CallError};
#[doc(inline)]
pub use farcall_shared::hook::{CallInfo, Hook};
#[doc(inline)]
pub use farcall_shared::link::Limits;
#[doc(inline)]
pub use farcall_shared::object::{Arguments, DynamicObject, Servant};
#[doc(inline)]
pub use farcall_shared::reference::{Reference, Referent};
#[doc(inline)]
pub use farcall_shared::streaming::{Stream, Streaming};
#[doc(inline)]
pub use farcall_shared::uri::{self, Address, ObjectUri, Uri};
#[doc(inline)]
pub use farcall_shared::value::{self, Value};

pub mod context {
    //! The call that a method answers, and what is kept for its connection.

    #[doc(inline)]
    pub use farcall_shared::context::{
        Cancellation, Context, ENTRY_BYTES, Kept, MAX_KEPT, MAX_METADATA_BYTES, Metadata,
        MetadataTooLarge, NotKept, Scoped, Session, Trace,
    };
}

pub mod names {
    //! The name service: its contract, its server, and how to reach one.

    #[doc(inline)]
    pub use farcall_client::names_at;
    #[doc(inline)]
    pub use farcall_names::store::{OpenError, Refusal, UnknownPlace};
    #[doc(inline)]
    pub use farcall_names::{Server, ServerError};
    #[doc(inline)]
    pub use farcall_shared::names::*;
}

pub mod python {
    //! Python's Pyro5: objects that speak it, and objects of its daemons.

    #[doc(inline)]
    pub use farcall_client::python::{
        Metadata, PythonBatch, PythonError, PythonProxy, PythonStream, Raised,
    };
    #[doc(inline)]
    pub use farcall_server::python::*;
}

pub mod descriptor {
    //! What an object says about itself.

    #[doc(inline)]
    pub use farcall_shared::daemon::{DAEMON, DaemonInfoProxy};
    #[doc(inline)]
    pub use farcall_shared::descriptor::*;
    #[doc(inline)]
    pub use farcall_shared::shape::{Content, Field, Type, Variant};
}

pub mod parts {
    //! What the rest is made of, for other kinds of objects, carriers and protocols: one connection ([`link`]), its
    //! sockets ([`net`]), what a daemon hosts ([`object`]), the bytes ([`wire`]) and those of Python ([`pyro`]).
    //!
    //! Programs need none of it. It is here so that every type in a signature has a name.

    pub use farcall_shared::{link, net, object, pyro, wire};
}

#[doc(hidden)]
pub mod __private {
    pub use farcall_client::__private::*;
    pub use farcall_client::{ConnectError, Proxy, Remote};
    pub use farcall_shared::__private::*;
}

/// The program of the README, run with the other examples.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
