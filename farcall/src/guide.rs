//! The guide: each section with examples that run.

pub mod contract {
    //! Defining a contract: a trait that both sides use.
    //!
    //! ```
    //! use serde::{Deserialize, Serialize};
    //!
    //! #[derive(Debug, PartialEq, Serialize, Deserialize)]
    //! pub struct Page {
    //!     pub title: String,
    //!     pub words: Vec<String>,
    //! }
    //!
    //! #[derive(Debug, PartialEq, Serialize, Deserialize)]
    //! pub enum FetchError {
    //!     Missing(String),
    //! }
    //!
    //! /// A shelf of pages.
    //! #[farcall::remote]
    //! pub trait Shelf {
    //!     /// Counts the words that begin with these letters.
    //!     #[idempotent]
    //!     fn count(&self, page: Page, beginning: String) -> u64;
    //!     /// Gets a page.
    //!     #[idempotent]
    //!     async fn fetch(&self, title: String) -> Result<Page, FetchError>;
    //!     /// Puts a page there.
    //!     async fn store(&self, page: Page);
    //!     /// Leaves a line in the shelf's log.
    //!     #[oneway]
    //!     fn note(&self, line: String);
    //! }
    //!
    //! struct Empty;
    //!
    //! impl Shelf for Empty {
    //!     fn count(&self, page: Page, beginning: String) -> u64 {
    //!         page.words.iter().filter(|word| word.starts_with(&beginning)).count() as u64
    //!     }
    //!     async fn fetch(&self, title: String) -> Result<Page, FetchError> {
    //!         Err(FetchError::Missing(title))
    //!     }
    //!     async fn store(&self, _: Page) {}
    //!     fn note(&self, line: String) {
    //!         println!("{line}");
    //!     }
    //! }
    //!
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! let daemon = farcall::Daemon::bind("localhost:0").await?;
    //! let uri = daemon.register("shelf", Empty.serve())?;
    //! let shelf = ShelfProxy::connect(&uri.to_string()).await?;
    //! // One `?` for the call, one for what the method returned.
    //! assert_eq!(shelf.fetch("x".into()).await?, Err(FetchError::Missing("x".into())));
    //! shelf.note("that was all".into()).await?;
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! [`#[remote]`](crate::remote) keeps the trait as it stands and writes beside it `Shelf::serve`, the object for a
    //! daemon, `ShelfProxy`, the typed proxy, and `ShelfBlocking`, the same proxy for [code that is not async](super::blocking).
    //!
    //! | in the trait | means |
    //! |---|---|
    //! | `fn` | it computes: it runs on the daemon's compute pool, where it holds up nobody's I/O |
    //! | `async fn` | it waits: it runs on the I/O runtime, any number at a time; do not compute or block in it |
    //! | `#[idempotent]` | running it twice is as good as once: proxies repeat a call whose end they do not know |
    //! | `#[oneway]` | no reply: the call ends when it is on its way, and nobody hears of its end |
    //! | `///` | kept, and shown by `nsc describe` |
    //!
    //! Many calls run on one object at a time, so a method has `&self`; what changes stands behind a lock or an atomic.
    //! A cheap `fn`, one that takes some microseconds every time, comes to run where its call was read.
    //!
    //! # What cannot be remote
    //!
    //! Each of these is a compile error that says what to write instead.
    //!
    //! | not | but |
    //! |---|---|
    //! | `&str`, `&[T]`, `&T` as argument or result | `String`, `Vec<T>`, `T` |
    //! | `impl Trait`, `dyn Trait`, function pointers | the type itself, or an enum of the types it may be; for [streams](super::two_way) `impl Stream` and `impl Iterator` as a whole result |
    //! | generic traits and methods | the types written out, or one trait for each |
    //! | `&mut self`, `self`, no receiver | `&self` |
    //! | default bodies, associated types, constants, supertraits | the body in the `impl`, the types in the methods |
    //! | two methods whose names differ only in underscores and case | other names |
    //! | more than 12 arguments, more than 1,024 methods | a struct, two traits |
    //!
    //! # Changing a contract
    //!
    //! Methods are found by name, and each has a signature: a number made of its name and the shapes of its arguments
    //! and result. So methods can be added, removed and reordered while old and new programs talk with each other; only a
    //! method that is missing or has changed shape is refused, by name. Names of arguments, structs and enums, docs and
    //! marks are no part of the shape; names and order of fields and variants are.
}

pub mod serving {
    //! Serving and publishing: the daemon and its objects.
    //!
    //! ```
    //! use farcall::{Daemon, Publication, PublishError, names};
    //! # #[farcall::remote]
    //! # pub trait Worker { fn process(&self, data: i64) -> i64; }
    //! # struct Squarer;
    //! # impl Worker for Squarer { fn process(&self, data: i64) -> i64 { data * data } }
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! # let ns = names::Server::bind("localhost:0", "memory").await?;
    //! # let at = ns.address();
    //! let daemon = Daemon::builder().names(at.to_string()).compute_threads(2).bind("localhost:0").await?;
    //!
    //! // Hosted here; who knows the URI can call it.
    //! let uri = daemon.register("quiet", Squarer.serve())?;
    //! assert!(uri.to_string().starts_with("far:quiet@localhost:"));
    //!
    //! // Hosted here and registered in the name service. A name has one owner unless more is asked for.
    //! daemon.publish("worker.1", Squarer.serve()).await?;
    //! let other = Daemon::builder().names(at.to_string()).bind("localhost:0").await?;
    //! let taken = other.publish("worker.1", Squarer.serve()).await;
    //! assert!(matches!(taken, Err(PublishError::Names { name, .. }) if name == "worker.1"));
    //!
    //! // Members of a group, with something to find them by.
    //! let how = Publication::group().with_tag("kind=square").with_tag("fast");
    //! daemon.publish_as("squarers", Squarer.serve(), how.clone()).await?;
    //! other.publish_as("squarers", Squarer.serve(), how).await?;
    //! let any = WorkerProxy::connect(&format!("farmeta:fast,kind=square@{at}")).await?;
    //! assert_eq!(any.process(3).await?, 9);
    //!
    //! // Takes one away, and its name.
    //! assert!(daemon.unregister("worker.1").await);
    //!
    //! // Or `daemon.run_until_ctrl_c().await?`, which does this at ctrl-c and SIGTERM.
    //! daemon.shutdown().await;
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! [`Daemon::bind`](crate::Daemon::bind) listens at `HOST:PORT` (port 0 is any free one) or `unix:PATH` and serves
    //! from then on. An address that others cannot dial, such as `0.0.0.0`, needs
    //! [`advertise`](crate::Builder::advertise) before it can publish.
    //!
    //! | [`Publication`](crate::Publication) | when the name exists already |
    //! |---|---|
    //! | `default()` | refused, saying by whom |
    //! | `replace()` | taken over |
    //! | `group()` | one more member; callers get any of them, fleets all |
    //!
    //! A daemon's names hang on its lease: they go some 10 s after it vanishes. It renews the lease, and registers all
    //! again when the name service has lost them. While the name service is away, calls go on.
    //!
    //! # Ending
    //!
    //! [`shutdown`](crate::Daemon::shutdown) withdraws the names, rejects new calls as draining, answers those in flight
    //! for at most the [`grace`](crate::Builder::grace) time of 30 s, and closes the connections. Dropping the last
    //! `Daemon` instead cuts them.
    //!
    //! # What callers cannot do to it
    //!
    //! A panic, a bad argument, an unknown object or method, a message over the limit or bytes of any other protocol are
    //! an error to their sender and to nobody else. When the queue of the compute pool is full, callers are rejected as
    //! overloaded.
}

pub mod calling {
    //! Calling: URIs, proxies, deadlines, retries, outcomes.
    //!
    //! | URI | leads to |
    //! |---|---|
    //! | `far:OBJECT@HOST:PORT` | the object at that address |
    //! | `far:OBJECT@unix:PATH` | the object behind that Unix socket |
    //! | `farname:NAME` | whatever the name service has under that name; of a group, any member |
    //! | `farmeta:TAG,TAG` | any object that carries all these tags |
    //!
    //! `farname:` and `farmeta:` URIs may end in `@HOST:PORT`, the name service to ask. Without it that is the one in
    //! `FARCALL_NS`, or `localhost:9090`.
    //!
    //! ```
    //! use std::time::Duration;
    //!
    //! use farcall::{CallError, Daemon, Proxy, Retries};
    //! # #[farcall::remote]
    //! # pub trait Worker {
    //! #     #[idempotent] fn process(&self, data: i64) -> i64;
    //! #     async fn sleep(&self);
    //! # }
    //! # struct Squarer;
    //! # impl Worker for Squarer {
    //! #     fn process(&self, data: i64) -> i64 { data.checked_mul(data).expect("a small number") }
    //! #     async fn sleep(&self) { std::future::pending().await }
    //! # }
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! # let daemon = Daemon::bind("localhost:0").await?;
    //! # let uri = daemon.register("worker.1", Squarer.serve())?.to_string();
    //! let worker = WorkerProxy::connect(&uri).await?;
    //!
    //! // Calls start when they are made: these three travel together.
    //! let (a, b, c) = (worker.process(1), worker.process(2), worker.process(3));
    //! assert_eq!([a.await?, b.await?, c.await?], [1, 4, 9]);
    //!
    //! match worker.process(i64::MAX).await {
    //!     Ok(square) => println!("{square}"),
    //!     // It ran and failed; here it panicked.
    //!     Err(CallError::Failed { reason, .. }) => assert!(reason.to_string().contains("a small number")),
    //!     // It did not start: unknown, overloaded, draining, stale … May be sent again, here or elsewhere.
    //!     Err(CallError::Rejected { reason, .. }) => println!("refused: {reason}"),
    //!     // Nothing left this process. May be sent again, here or elsewhere.
    //!     Err(CallError::NotSent { reason, .. }) => println!("not sent: {reason}"),
    //!     // It may have run: no reply by the deadline, or the connection ended first.
    //!     Err(CallError::Unknown { reason, .. }) => println!("who knows: {reason}"),
    //!     Err(other) => return Err(other.into()),
    //! }
    //!
    //! // A deadline for one call, or for all calls of a clone.
    //! let late = worker.with_deadline(Duration::from_millis(20)).sleep().await;
    //! assert!(matches!(late, Err(CallError::Unknown { .. })));
    //! let plain = worker.with_retries(Retries::Never);
    //! assert_eq!(plain.process(4).await?, 16);
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! A proxy is cheap to clone and shared by any number of tasks. All proxies to one daemon share one connection, which
    //! is made again by itself when it breaks. Dropping a call's future cancels the call at the server.
    //!
    //! # Deadlines
    //!
    //! Every call has one: [`DEFAULT_DEADLINE`](crate::DEFAULT_DEADLINE), 30 s, unless
    //! [`with_deadline`](crate::Proxy::with_deadline) says another. It holds for all of the call, with looking up,
    //! connecting and retries. Zero means no time at all; past 30 days is cut to 30 days.
    //!
    //! # Retries
    //!
    //! | outcome | by itself, with [`Retries::Safe`](crate::Retries) |
    //! |---|---|
    //! | NotSent because the connection ended; Rejected as stale or draining | once more, over a new connection or look-up |
    //! | the same, NotSent for want of a connection, or Rejected as overloaded, of an `#[idempotent]` method | until the deadline, with growing pauses |
    //! | Unknown, of an `#[idempotent]` method | until the deadline |
    //! | everything else | told at once |
    //!
    //! [`is_safe_to_retry`](crate::CallError::is_safe_to_retry) and
    //! [`is_worth_retrying`](crate::CallError::is_worth_retrying) say what a program of its own may do.
}

pub mod context {
    //! The call around a method: who calls, what is kept for a caller, and code around every call.
    //!
    //! ```
    //! use std::sync::atomic::{AtomicU64, Ordering};
    //! use std::time::Duration;
    //!
    //! use farcall::error::Rejection;
    //! use farcall::{CallError, CallInfo, Context, Daemon, Hook, Proxy, Servant, metadata_of};
    //!
    //! #[farcall::remote]
    //! pub trait Counter {
    //!     async fn next(&self) -> u64;
    //!     async fn visits(&self) -> u64;
    //!     fn grind(&self) -> u64;
    //! }
    //!
    //! #[derive(Default)]
    //! struct Count(AtomicU64);
    //!
    //! /// Something of a session's that is found again by its type.
    //! #[derive(Default)]
    //! struct Visits(AtomicU64);
    //!
    //! impl Counter for Count {
    //!     async fn next(&self) -> u64 {
    //!         self.0.fetch_add(1, Ordering::Relaxed) + 1
    //!     }
    //!     async fn visits(&self) -> u64 {
    //!         // Every method can ask for the call that it answers.
    //!         let call = Context::current().expect("a method runs inside a call");
    //!         println!("{} calls, and waits {:?} more", call.peer(), call.time_left());
    //!         call.set_reply_metadata("from", b"here").expect("it is little");
    //!         let visits = call.session().get_or_insert_with(Visits::default);
    //!         visits.0.fetch_add(1, Ordering::Relaxed) + 1
    //!     }
    //!     fn grind(&self) -> u64 {
    //!         // What computes for long asks now and then whether anybody still waits.
    //!         let wanted = Context::current().expect("a call").cancellation();
    //!         (0..).take_while(|_| !wanted.is_cancelled()).count() as u64
    //!     }
    //! }
    //!
    //! /// Counts calls, and lets nobody grind without a ticket.
    //! #[derive(Default)]
    //! struct Porter(AtomicU64);
    //!
    //! impl Hook for Porter {
    //!     fn before(&self, call: &CallInfo) -> Result<(), Rejection> {
    //!         let ticket = Context::current().and_then(|it| it.metadata("ticket").map(<[u8]>::to_vec));
    //!         match call.method() {
    //!             "grind" if ticket.is_none() => Err(Rejection::Unauthorised("no ticket".into())),
    //!             _ => Ok(()),
    //!         }
    //!     }
    //!     fn after(&self, call: &CallInfo, ended: Result<(), &CallError>, took: Duration) {
    //!         self.0.fetch_add(1, Ordering::Relaxed);
    //!         println!("{call}: {} after {took:?}", if ended.is_ok() { "done" } else { "failed" });
    //!     }
    //! }
    //!
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! let daemon = Daemon::builder().hook(Porter::default()).bind("localhost:0").await?;
    //!
    //! // One object for all; one for each connection; one for each call.
    //! let shared = daemon.register("shared", Count::default().serve())?;
    //! let own = daemon.register("own", Servant::per_session(|| Count::default().serve()))?;
    //! let new = daemon.register("new", Servant::per_call(|| Count::default().serve()))?;
    //! for (uri, second) in [(shared, 2), (own, 2), (new, 1)] {
    //!     let counter = CounterProxy::connect(&uri.to_string()).await?;
    //!     assert_eq!(counter.next().await?, 1);
    //!     assert_eq!(counter.next().await?, second);
    //! }
    //!
    //! let uri = format!("far:shared@{}", daemon.address());
    //! let counter = CounterProxy::connect(&uri).await?.with_deadline(Duration::from_millis(50));
    //! assert_eq!(counter.visits().await?, 1);
    //! let (visits, metadata) = metadata_of(&counter, |counter| counter.visits()).await;
    //! assert_eq!((visits?, metadata.get("from")), (2, Some(&b"here"[..])));
    //! let refused = counter.grind().await;
    //! assert!(matches!(refused, Err(CallError::Rejected { .. })));
    //! // Metadata goes with every call of this proxy; the method stops at its deadline.
    //! let _ = counter.with_metadata("ticket", b"17").grind().await;
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! [`Context::current`](crate::Context::current) gives the call that runs here, in plain `fn`s and `async fn`s, in what
    //! [hooks](crate::Hook) run, in dynamic objects and in the items of a fleet. Tasks and threads that a method starts are
    //! outside of it; [`scope`](crate::Context::scope) and [`run`](crate::Context::run) take them in.
    //!
    //! | a [`Context`](crate::Context) has | |
    //! |---|---|
    //! | `peer`, `connection` | who calls; a number that all calls of the connection share |
    //! | `deadline`, `time_left`, `is_cancelled`, `cancellation` | whether anybody still waits |
    //! | `metadata`, `set_reply_metadata` | what travels beside arguments and result |
    //! | `correlation_id`, `trace` | what calls that belong together share; calls made inside have it, too |
    //! | `session` | what is kept for the connection |
    //!
    //! # Sessions
    //!
    //! A [`Session`](crate::context::Session) lasts as long as its connection. All proxies of a program to one daemon share a
    //! connection, so a session is a client program as a rule, and a new one begins when a connection breaks.
    //! [`keep`](crate::context::Session::keep) holds on to a resource that must not outlive its client: it is dropped as soon
    //! as the connection ends, be it by `kill -9`. The example `resource-tracking` lends licences that way.
    //!
    //! # Hooks
    //!
    //! [`Builder::hook`](crate::Builder::hook) puts code around all calls that reach an object of a daemon,
    //! [`with_hook`](crate::Proxy::with_hook) around those made through a proxy. Each `before` that lets a call pass sees one
    //! end, whatever becomes of the call. A call that is refused earlier, because its object is unknown, the daemon drains or
    //! its deadline is over, reaches no hook.
    //!
    //! # Metadata
    //!
    //! [`with_metadata`](crate::Proxy::with_metadata) and [`with_correlation`](crate::Proxy::with_correlation) say something
    //! beside the arguments of all calls made through a proxy. [`metadata_of`](crate::metadata_of) gives the metadata of a
    //! reply with the result, and the hooks of a proxy see it. A fleet's items that have metadata travel alone.
}

pub mod batches {
    //! Batches and one-way calls: many calls in one message, and calls without a reply.
    //!
    //! ```
    //! use farcall::{CallError, Daemon, Proxy, error::Rejection};
    //! # #[farcall::remote]
    //! # pub trait Account {
    //! #     async fn open(&self, owner: String) -> bool;
    //! #     async fn deposit(&self, cents: u64) -> u64;
    //! #     async fn withdraw(&self, cents: u64) -> Result<u64, String>;
    //! #     #[oneway] async fn note(&self, line: String);
    //! # }
    //! # struct Bank(std::sync::atomic::AtomicU64);
    //! # use std::sync::atomic::Ordering::SeqCst;
    //! # impl Account for Bank {
    //! #     async fn open(&self, _: String) -> bool { true }
    //! #     async fn deposit(&self, cents: u64) -> u64 { self.0.fetch_add(cents, SeqCst) + cents }
    //! #     async fn withdraw(&self, cents: u64) -> Result<u64, String> {
    //! #         self.0.fetch_update(SeqCst, SeqCst, |all| all.checked_sub(cents)).map_err(|all| format!("there are {all}"))
    //! #     }
    //! #     async fn note(&self, _: String) {}
    //! # }
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! # let daemon = Daemon::bind("localhost:0").await?;
    //! # let uri = daemon.register("account", Bank(0.into()).serve())?.to_string();
    //! let account = AccountProxy::connect(&uri).await?;
    //!
    //! // Calls of any methods; nothing is sent before `send`.
    //! let mut batch = account.batch();
    //! let opened = batch.add(|account| account.open("Ann".into()));
    //! let balance = batch.add(|account| account.deposit(500));
    //! batch.send().await?;
    //! // Each result comes as soon as its call is done.
    //! assert!(opened.await?);
    //! assert_eq!(balance.await?, 500);
    //!
    //! // One that ends at the first error; a method's own `Err` is one.
    //! let mut batch = account.batch().stop_at_first_error();
    //! let too_much = batch.add(|account| account.withdraw(1_000));
    //! let never = batch.add(|account| account.deposit(1));
    //! batch.send().await?;
    //! assert_eq!(too_much.await?, Err("there are 500".into()));
    //! let never = never.await;
    //! assert!(matches!(never, Err(CallError::Rejected { reason: Rejection::Skipped(_), .. })));
    //!
    //! // Many of a kind: a stream of results, in their order and as they come.
    //! let mut batch = account.batch();
    //! let mut balances = batch.add_each(1..=10, |account, cents| account.deposit(cents));
    //! batch.send().await?;
    //! while let Some(balance) = balances.next().await {
    //!     println!("{}", balance?);
    //! }
    //!
    //! // Without a reply: a method that is marked `#[oneway]`, or any other by the word of the caller.
    //! account.note("that was all".into()).await?;
    //! account.oneway(|account| account.deposit(5)).await?;
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! # Batches
    //!
    //! The object's daemon runs the calls of a [`Batch`](crate::Batch) one after the other, in their order; what else it
    //! runs, for this caller or others, goes on beside them. A batch is no transaction: when its connection breaks, the calls
    //! that were done stay done, the others end as Unknown, and a batch is never sent twice.
    //!
    //! | a call of a batch | ends as |
    //! |---|---|
    //! | that fails, or may not be made | what it would be alone; the others are made |
    //! | behind an error, with [`stop_at_first_error`](crate::Batch::stop_at_first_error) | Rejected, skipped |
    //! | whose future is dropped | it is taken out of the batch, or cancelled; a one-way call is made all the same |
    //! | of a batch that is dropped, or cannot be sent | NotSent |
    //!
    //! A batch is one message, so all of its arguments together have the bound of one; and as many calls as may be in flight.
    //! [`DynamicProxy::batch`](crate::DynamicProxy::batch) is the same without types. To spread calls over many objects take
    //! a [fleet](super::fleets).
    //!
    //! # One-way calls
    //!
    //! A one-way call ends when it is on its way. Nobody is told how it ended; the daemon's log has a line when it failed.
    //! When the object is slow the daemon keeps up to 1 MiB of them for each connection, and the next one waits at its caller,
    //! until its deadline, so that none is lost: then it ends as NotSent.
    //!
    //! [`oneway`](crate::Proxy::oneway) makes all calls that the closure's future makes at once, and sends each by itself.
}

pub mod fleets {
    //! Fleets: one computation spread over many objects.
    //!
    //! ```
    //! use farcall::{Daemon, Fleet, names};
    //! # #[farcall::remote]
    //! # pub trait Worker { #[idempotent] fn process(&self, data: i64) -> i64; }
    //! # struct Squarer;
    //! # impl Worker for Squarer { fn process(&self, data: i64) -> i64 { data * data } }
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! # let ns = names::Server::bind("localhost:0", "memory").await?;
    //! # let at = ns.address();
    //! let daemon = Daemon::builder().names(at.to_string()).bind("localhost:0").await?;
    //! for name in ["worker.1", "worker.2"] {
    //!     daemon.publish(name, Squarer.serve()).await?;
    //! }
    //!
    //! let fleet = Fleet::<WorkerProxy>::find(&format!("farname:worker.*@{at}")).await?;
    //! assert_eq!(fleet.len(), 2);
    //!
    //! let mut last = 0;
    //! let squares: Vec<i64> = fleet
    //!     .map_with(0..500, |worker, n| worker.process(n), |progress| last = progress.done())
    //!     .await?;
    //! assert_eq!((squares[20], last), (400, 500));
    //! assert_eq!(fleet.shares().iter().map(|(_, items)| items).sum::<u64>(), 500);
    //!
    //! // A bar on stderr with the rate, the time that is left and the shares, where stderr is a terminal. Programs that print
    //! // meanwhile keep a `progress::Bar` and print inside its `suspend`.
    //! fleet.map_with(0..500, |worker, n| worker.process(n), farcall::progress::bar()).await?;
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! A fleet is found by a pattern of names (`*`, `?`, `[a-z]`) or by tags, and stays live: members that come get work,
    //! members that go get none. Results are in the order of the items.
    //!
    //! An item goes to another member when its call surely did not run, or when its method is `#[idempotent]`; so mark what
    //! a fleet is to survive with. Any other failure ends the `map` with [`FleetError::Item`](crate::FleetError), naming the
    //! item. When no member answers for 10 s it ends with `Empty`, and at once when there is no member at all.
    //!
    //! | to | call |
    //! |---|---|
    //! | spread items, results in their order | `map`, `map_with` to watch it, `for_each` without results |
    //! | the same as a stream, results as they come | `map_unordered` |
    //! | the same as a stream, in order, for inputs longer than memory | `imap` |
    //! | one item on its own, with a handle to await, look at or cancel | `submit` |
    //! | the same for pairs | `starmap` |
    //! | know of every item how it ended, and sum that up | `map_settled` |
    //! | put items together by twos until one is left | `reduce` |
    //! | one call to whoever is best | `call`, `call_for` a key |
    //! | ask every member, and know what each said | `broadcast` |
    //! | ask every member, and take the first value | `race` |
    //! | ask every member, and take the first `k` values | `quorum(k, …)` |
    //!
    //! [`Fleet::of`](crate::Fleet::of) makes one of a list of URIs, without a name service if they are `far:` URIs.
    //!
    //! # How items travel
    //!
    //! Each item is a call of its own, with an outcome of its own. Where that call is of a method that computes (a plain `fn`),
    //! the calls of many items travel in one message: the job learns how long an item takes and sends chunks of about 50 ms,
    //! at most 4,096 items, two to each member. No chunk has more than half of a member's equal part of the items that are
    //! left, in the last quarter a fourth: so they become shorter, down to one item (or 1 ms of items shorter than that). Calls of an `async fn` go one by one, 64 at each member, since they overlap; so do closures that
    //! make several calls, a few at each member.
    //!
    //! Which member gets the next items is decided by a [policy](crate::balance), unless it is set by
    //! [`with_balance`](crate::Fleet::with_balance) the less loaded of two random ones. A member's metadata may have tags
    //! `weight=W`, its share among the others, and `zone=Z`.
    //!
    //! | what happens | what a fleet does |
    //! |---|---|
    //! | a member is lost, refuses or is overloaded | its items go elsewhere, at once the first time, then after random pauses; it is asked again after 50 ms, up to 2 s |
    //! | many calls have to be made again | a fifth of the calls and 10 a second may be, others wait |
    //! | a member fails five times in a row | it is put aside for 30 s, then for longer, unless that is true of half of them |
    //! | a member comes | it gets a tenth of its share at first, all of it after 10 s |
    //! | a call through `call` is later than 95 of 100 | if its methods are `#[idempotent]`, it is made a second time elsewhere, at most one call in twenty |
    //! | the last items of a job take three times as long as they should | the same, without that limit |
    //! | three calls of an item may have run and were lost | the item is given up: it may be what kills its members. After the first one it goes to a member that has nothing else in flight |
    //! | a job's [deadline](crate::Fleet::with_deadline) is over | it ends, and its calls are cancelled |
    //!
    //! Of two copies of an item only one may go on to a call that is not `#[idempotent]`: the other one's is not sent.
}

pub mod pools {
    //! Pools: worker processes on this machine, as `multiprocessing.Pool` has them.
    //!
    //! ```standalone_crate
    //! use farcall::pool::{self, Pool};
    //!
    //! #[farcall::remote]
    //! pub trait Worker {
    //!     #[idempotent]
    //!     fn process(&self, data: i64) -> i64;
    //! }
    //! # struct Squarer;
    //! # impl Worker for Squarer { fn process(&self, data: i64) -> i64 { data * data } }
    //!
    //! #[tokio::main]
    //! async fn main() -> anyhow::Result<()> {
    //!     // First thing: a process that the pool started becomes a worker here, and goes no further.
    //!     pool::worker(async { Ok(Squarer.serve()) }).await;
    //!
    //!     let pool = Pool::<WorkerProxy>::builder().processes(2).max_tasks_per_child(1_000).start().await?;
    //!     let squares: Vec<i64> = pool.map(0..3_000, |worker, n| worker.process(n)).await?;
    //!     assert_eq!(squares[2_999], 8_994_001);
    //!     pool.close().await;
    //!     Ok(())
    //! }
    //! ```
    //!
    //! A [`Pool`](crate::pool::Pool) starts this same program once for each core, or another one that is given by
    //! `program` and `args`, and is a [`Fleet`](crate::Fleet) of those processes: all that [fleets](super::fleets) do, pools
    //! do. It needs no name service. Only processes of the same user can reach its workers.
    //!
    //! The block that [`worker`](crate::pool::worker()) gets is the initializer. It runs once in each worker, may wait and may
    //! fail: `start` then ends with its error. What workers print goes where this program prints.
    //!
    //! | when | then |
    //! |---|---|
    //! | a worker is killed or ends | another takes its place at once; an item it had is run again if its method is `#[idempotent]`, and is an error otherwise, `Unknown` |
    //! | workers die within a second, one after the other | pauses of 50 ms to 2 s before the next ones |
    //! | a worker took `max_tasks_per_child` calls | it takes no more; another gets ready meanwhile, and gets work when its last call is over |
    //! | a worker does not start in another's place | it is tried again; after 5 times in a row, with nobody left, whoever waits gets `Empty` with the initializer's text |
    //! | a worker is not ready within `start_deadline` | it is killed, and did not start |
    //! | the pool is closed | calls in flight are answered, each within its deadline |
    //! | the pool is dropped | its workers are killed |
    //! | the program is killed | its workers end |
    //!
    //! A worker computes one call at a time; methods that wait, it runs any number of at a time. As everywhere, a call has a
    //! deadline of 30 s, and that runs while it waits for its turn in the worker: give calls that compute for long a longer
    //! one by [`with_deadline`](crate::Proxy::with_deadline).
}

pub mod blocking {
    //! Programs without async code: the same proxies and fleets, whose methods wait.
    //!
    //! ```
    //! use std::thread;
    //! use std::time::Duration;
    //!
    //! use farcall::CallError;
    //! use farcall::blocking::{self, Fleet};
    //! # #[farcall::remote]
    //! # pub trait Worker { #[idempotent] fn process(&self, data: i64) -> i64; }
    //! # struct Squarer;
    //! # impl Worker for Squarer { fn process(&self, data: i64) -> i64 { data * data } }
    //!
    //! fn main() -> anyhow::Result<()> {
    //! #     let ns = blocking::wait(farcall::names::Server::bind("localhost:0", "memory"))?;
    //! #     let names = farcall::Daemon::builder().names(ns.address().to_string());
    //! #     let daemon = blocking::wait(names.bind("localhost:0"))?;
    //! #     blocking::wait(daemon.publish("worker.1", Squarer.serve()))?;
    //! #     let at = ns.address();
    //!     // The typed proxy whose methods wait; `#[remote]` writes it beside `WorkerProxy`.
    //!     let worker = WorkerBlocking::connect(&format!("farname:worker.1@{at}"))?;
    //!     assert_eq!(worker.process(10)?, 100);
    //!
    //!     // Any number of threads may call at a time, also through the same proxy.
    //!     let hasty = worker.with_deadline(Duration::from_secs(1));
    //!     let squares = thread::scope(|scope| {
    //!         let threads = [1, 2, 3].map(|n| scope.spawn({ let hasty = &hasty; move || hasty.process(n) }));
    //!         threads.map(|thread| thread.join().expect("no panic"))
    //!     });
    //!     assert_eq!(squares, [Ok(1), Ok(4), Ok(9)]);
    //!
    //!     // A fleet; its closures give the future of a call, which needs no `await`.
    //!     let fleet = Fleet::<WorkerProxy>::find(&format!("farname:worker.*@{at}"))?;
    //!     let squares: Vec<i64> = fleet.map(0..100, |worker, n| worker.process(n))?;
    //!     assert_eq!(squares[99], 9_801);
    //!     for square in fleet.imap(0.., |worker, n| worker.process(n)).take(3) {
    //!         println!("{}", square?);
    //!     }
    //!
    //!     // The other proxy, for what only that one can, and back.
    //!     let both = WorkerProxy::from(worker);
    //!     let sum = async { Ok::<i64, CallError>(both.process(3).await? + both.process(4).await?) };
    //!     assert_eq!(blocking::wait(sum)?, 25);
    //!     assert_eq!(WorkerBlocking::from(both).process(5)?, 25);
    //!     Ok(())
    //! }
    //! ```
    //!
    //! For a trait `Worker`, `WorkerBlocking` has the methods of `WorkerProxy` with the same arguments, values and errors;
    //! deadlines, retries and outcomes are those of [calling](super::calling). [`blocking::Fleet`](crate::blocking::Fleet) has
    //! the verbs of [fleets](super::fleets), with the same meaning; what is a stream there is an iterator here, and `submit`
    //! gives a handle with `wait`. Dropping an iterator or a handle cancels its calls.
    //!
    //! | to | use |
    //! |---|---|
    //! | call one object | `WorkerBlocking::connect` |
    //! | call many | `Fleet::find`, `Fleet::of` |
    //! | take what a stream gives | [`blocking::iter`](crate::blocking::iter) |
    //! | have a [pool](super::pools) | `wait(pool::worker(…))` first thing in `main`, `let pool = wait(Pool::builder().start())?`, `Fleet::over(&pool)?`, `wait(pool.close())` |
    //! | host objects | `wait(Daemon::bind(…))?`, and `wait(daemon.run_until_ctrl_c())?` |
    //! | await anything else of farcall | [`blocking::wait`](crate::blocking::wait), from any number of threads |
    //!
    //! A runtime for the connections, of two threads, starts at the first use and lasts as long as the process. Closures and
    //! calls run on the thread that waits, so they need not be `Send`; what is submitted runs on the runtime. Where the
    //! operating system does not let it start, `connect` gives [`ConnectError::Start`](crate::ConnectError) and a call
    //! NotSent; only `wait` and `iter` panic.
    //!
    //! # Where one may wait
    //!
    //! | in | |
    //! |---|---|
    //! | threads, tests, `Drop`, while a panic unwinds | yes |
    //! | a plain `fn` of an object | yes; it keeps a thread of the daemon's compute pool meanwhile |
    //! | `spawn_blocking` | yes: the place for it in an async program |
    //! | async code | it holds up the thread it is on |
    //! | a closure of a fleet | for other objects; not for the member it is given, whose call it gives as a future |
    //!
    //! What is waited for must not need the thread that waits: in a runtime of one thread, neither a daemon there can answer,
    //! nor a connection that a `WorkerProxy` made there. Such a call still ends, a second after its deadline.
}

pub mod map_reduce {
    //! Map-reduce: a computation that is combined and reduced on the workers; only its result comes back.
    //!
    //! ```
    //! use farcall::map_reduce::{self, MapReduce, WorkerProxy};
    //! use farcall::{Daemon, Fleet, names};
    //!
    //! /// Counts words; in a crate that workers and callers use.
    //! struct WordCount;
    //!
    //! impl MapReduce for WordCount {
    //!     type Input = String;
    //!     type Key = String;
    //!     type Value = u64;
    //!     type Output = Vec<(u64, String)>;
    //!
    //!     fn map(&self, text: String, emit: &mut dyn FnMut(String, u64)) {
    //!         for word in text.split_whitespace() {
    //!             emit(word.to_lowercase(), 1);
    //!         }
    //!     }
    //!     fn combine(&self, _: &String, so_far: &mut u64, next: u64) {
    //!         *so_far += next;
    //!     }
    //!     fn finish(&self, partition: impl Iterator<Item = (String, u64)>) -> Self::Output {
    //!         top(partition.map(|(word, times)| (times, word)).collect())
    //!     }
    //!     fn merge(&self, first: Self::Output, second: Self::Output) -> Self::Output {
    //!         top([first, second].concat())
    //!     }
    //! }
    //!
    //! /// The three most frequent.
    //! fn top(mut counts: Vec<(u64, String)>) -> Vec<(u64, String)> {
    //!     counts.sort_by(|a, b| b.cmp(a));
    //!     counts.truncate(3);
    //!     counts
    //! }
    //!
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! # let ns = names::Server::bind("localhost:0", "memory").await?;
    //! # let at = ns.address();
    //! // A worker program; here two workers in one.
    //! let daemon = Daemon::builder().names(at.to_string()).bind("localhost:0").await?;
    //! for name in ["words.1", "words.2"] {
    //!     daemon.publish(name, map_reduce::worker(WordCount)).await?;
    //! }
    //!
    //! // The caller.
    //! let fleet = Fleet::<WorkerProxy>::find(&format!("farname:words.*@{at}")).await?;
    //! let texts = (0..100).map(|n| format!("a rose is a rose is a rose number {n}"));
    //! let (top, report) = map_reduce::run::<WordCount>(&fleet, texts).await?;
    //! let expected = [(300, "rose"), (300, "a"), (200, "is")].map(|(times, word)| (times, word.to_owned()));
    //! assert_eq!(top, expected);
    //! // How the work was spread; it names a partition that is heavy, and the key that makes it so.
    //! println!("{report}");
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! | step | where | what |
    //! |---|---|---|
    //! | map | any worker, chunk by chunk | `map` and `combine`; one block for each partition, kept there |
    //! | reduce | any worker, partition by partition | fetches its blocks from the others; `combine` and `finish` |
    //! | merge | the worker that has the first of two | fetches the second; `merge`, until one is left |
    //!
    //! The inputs go out through the caller, and the last output comes back; all else goes from worker to worker, which
    //! must reach each other under the URIs that the fleet knows. Values are combined in the order of the inputs and outputs
    //! merged in that of the partitions, so both need be associative only.
    //!
    //! # What goes wrong
    //!
    //! When a worker is lost, its chunks are mapped again and its partitions reduced again elsewhere; each chunk counts once
    //! in the result. An input whose `map` panics ends the job with
    //! [`MapReduceError::Input`](crate::map_reduce::MapReduceError), which names it; so does a worker whose memory is full.
    //!
    //! | bound | default | past it |
    //! |---|---|---|
    //! | [`WorkerLimits`](crate::map_reduce::WorkerLimits)`::max_bytes`, for all jobs | 1 GiB | Full |
    //! | `max_jobs` at a time | 64 | Full |
    //! | `max_chunk_keys` of one chunk | 16,777,216 | Full |
    //! | one input, one block, one output | 64 MiB | Input, Full |
    //! | partitions; [`Settings`](crate::map_reduce::Settings) says how many | 4,096 | Partitions |
    //! | rounds in which lost data is made again | 16 | Lost |
    //! | `deadline` of one chunk, partition or merge | 10 min | as a lost worker; given up after 10 attempts |
    //! | `lease` of a job whose caller is gone | 30 s | the workers free its data |
}

pub mod work {
    //! Master and workers: work that is pulled, under a lease.
    //!
    //! ```
    //! use farcall::work::{self, WorkError, WorkQueue};
    //! use farcall::{Daemon, names};
    //!
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! # let ns = names::Server::bind("localhost:0", "memory").await?;
    //! # let at = ns.address();
    //! // The dispatcher: a queue of numbers whose results are numbers.
    //! let queue = WorkQueue::<i64, i64>::new();
    //! let daemon = Daemon::builder().names(at.to_string()).bind("localhost:0").await?;
    //! daemon.publish("work", queue.serve()).await?;
    //! for n in 0..3 {
    //!     queue.push(n).await?;
    //! }
    //! queue.close();
    //!
    //! // A worker, as a rule another program, of which there may be any number.
    //! let worker = work::pull(&format!("farname:work@{at}"), |n: i64| match n {
    //!     1 => Err("I do not like it"),
    //!     n => Ok(n * n),
    //! });
    //!
    //! // The results, each with the number of its item, as they come.
    //! let results = async {
    //!     let mut results = Vec::new();
    //!     while let Some(result) = queue.next_result().await {
    //!         results.push(result);
    //!     }
    //!     results
    //! };
    //! let (pulled, results) = tokio::join!(worker, results);
    //! assert_eq!((pulled?.done, results[2].clone()), (2, (2, Ok(4))));
    //! assert!(matches!(&results[1], (1, Err(WorkError::Failed { text, .. })) if text == "I do not like it"));
    //!
    //! // Every worker knows that all is done.
    //! queue.finished().await;
    //! daemon.shutdown().await;
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! Where a [fleet](super::fleets) sends calls to objects that it knows, here the workers come and ask: the dispatcher
    //! knows none of them, they need no daemon and no name, and each takes the next item when it is through with the last.
    //!
    //! | to | use |
    //! |---|---|
    //! | compute | [`work::pull`](crate::work::pull): the function may take as long as it likes |
    //! | wait, for files or other calls | [`work::pull_async`](crate::work::pull_async) |
    //! | have several items at a time, a name, more patience | [`work::Worker`](crate::work::Worker) |
    //! | bring items and collect results from another program | [`work::WorkClient`](crate::work::WorkClient); each has its own results |
    //! | bound the queue, set the lease | [`WorkQueue::with_limits`](crate::work::WorkQueue::with_limits) |
    //!
    //! # What becomes of an item
    //!
    //! | when | then |
    //! |---|---|
    //! | the worker's function gives a value | that is its result |
    //! | it gives an error or panics | [`WorkError`](crate::work::WorkError) says so; the worker goes on |
    //! | the worker's process or its connection dies | it goes to the next worker, at once |
    //! | the worker is frozen | it goes to the next worker when the lease is over; a result after that is refused |
    //! | three workers were lost over it | [`WorkError::Lost`](crate::work::WorkError); the rest goes on |
    //!
    //! So an item may be begun more than once, and has one result. The queue is in memory: a dispatcher that starts anew
    //! knows nothing of before, and workers go on with it.
}

pub mod two_way {
    //! Streams, objects as arguments and results, callbacks: what goes both ways over one connection.
    //!
    //! ```
    //! use farcall::{Daemon, Stream, Streaming};
    //!
    //! /// Somebody who is told things.
    //! #[farcall::remote]
    //! pub trait Listener {
    //!     async fn hear(&self, line: String);
    //! }
    //!
    //! #[farcall::remote]
    //! pub trait Radio {
    //!     /// Numbers, one after the other.
    //!     fn count_to(&self, end: u64) -> impl Iterator<Item = u64>;
    //!     /// Adds up what comes.
    //!     async fn sum(&self, numbers: Streaming<u64>) -> u64;
    //!     /// Tells somebody something.
    //!     async fn tune_in(&self, who: ListenerProxy);
    //! }
    //!
    //! struct Station;
    //! impl Radio for Station {
    //!     fn count_to(&self, end: u64) -> impl Iterator<Item = u64> {
    //!         1..=end
    //!     }
    //!     async fn sum(&self, mut numbers: Streaming<u64>) -> u64 {
    //!         let mut sum = 0;
    //!         while let Some(Ok(number)) = numbers.next().await {
    //!             sum += number;
    //!         }
    //!         sum
    //!     }
    //!     async fn tune_in(&self, who: ListenerProxy) {
    //!         let _ = who.hear("the news".into()).await;
    //!     }
    //! }
    //!
    //! struct Screen;
    //! impl Listener for Screen {
    //!     async fn hear(&self, line: String) {
    //!         println!("{line}");
    //!     }
    //! }
    //!
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! let daemon = Daemon::bind("localhost:0").await?;
    //! let uri = daemon.register("radio", Station.serve())?.to_string();
    //! let radio = RadioProxy::connect(&uri).await?;
    //!
    //! // A stream as a result …
    //! let mut numbers = radio.count_to(3).await?;
    //! while let Some(number) = numbers.next().await {
    //!     println!("{}", number?);
    //! }
    //! // … and as an argument.
    //! assert_eq!(radio.sum(Streaming::iter(1..=100)).await?, 5050);
    //!
    //! // An object of this program's, which listens at no port: the daemon calls it over the connection there is.
    //! radio.tune_in(ListenerProxy::local(Screen)).await?;
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! # Streams
    //!
    //! A plain `fn` that returns `impl Stream<Item = T>` or `impl Iterator<Item = T>` gives its caller a
    //! [`Streaming<T>`](crate::Streaming), and may borrow from its object for as long as the stream lasts. Anywhere else,
    //! as an argument, in a `Result` or a struct, the type is written `Streaming<T>`; it is made of a stream with `new`,
    //! of one that may fail with `fallible`, of an iterator with `iter`. Items may be anything that is an argument or a
    //! result, objects and streams included.
    //!
    //! | what happens | what comes of it |
    //! |---|---|
    //! | the reader takes nothing | the producer stops after 256 KiB; other calls on the connection are not delayed |
    //! | the reader drops the stream | the producer's stream is dropped |
    //! | the producer fails or panics | an error, behind the items before it, and then the end |
    //! | the connection is lost | an error `Unknown` at the reader; the producer's stream is dropped |
    //!
    //! A stream is polled where calls wait, an iterator computes on the compute threads, no further ahead than its reader
    //! is. Values that own no memory, such as numbers, are taken from a method's stream up to 64 at a time. A stream has no
    //! deadline: the call has one, which ends with the call; a lost peer is noticed by its silence. A stream can be sent
    //! once, so a call that carries one is not repeated. While a daemon shuts down, streams have the
    //! same grace as calls, 30 s.
    //!
    //! # Objects as values
    //!
    //! A proxy may be an argument, a result, or inside of one. `XProxy::local(object)` is a proxy of an object of this
    //! program's.
    //!
    //! | the proxy | what arrives |
    //! |---|---|
    //! | of an object here | a proxy of it, called over the same connection, whoever dialled it |
    //! | that arrived over the same connection | where it came from: the object itself |
    //! | that arrived over another connection | a proxy whose calls go through this program |
    //! | connected by a URI | a proxy with that URI, connected when it is first called |
    //!
    //! An object that was handed out lives until the last proxy of it is gone at the other side, or the connection is: 7.5 s
    //! after the peer fell silent. A call of it after that is an error; `NotSent` when the connection is over. Two proxies
    //! are equal when they lead to the same object. `reference()` gives any proxy as a [`Reference`](crate::Reference), for
    //! contracts that do not know its type.
    //!
    //! # Callbacks
    //!
    //! The client listens at no port, so this works through NAT, TLS and Unix sockets. Calls may go in circles: a method
    //! that waits holds up nobody. One that blocks its thread does, so call back from an `async fn`. A method that keeps a
    //! listener learns of its end by the error of the next call.
}

pub mod peers {
    //! Peer to peer: programs that host and call, with no master.
    //!
    //! A node is a [`Daemon`](crate::Daemon) and proxies for the others; the name service says who they are.
    //!
    //! ```
    //! use farcall::names::{self, Selector, names_at};
    //! use farcall::{Daemon, Fleet};
    //!
    //! #[farcall::remote]
    //! pub trait Node {
    //!     #[idempotent]
    //!     async fn greet(&self, from: String) -> String;
    //! }
    //!
    //! struct Peer(&'static str);
    //! impl Node for Peer {
    //!     async fn greet(&self, from: String) -> String {
    //!         format!("{} greets {from}", self.0)
    //!     }
    //! }
    //!
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! # let ns = names::Server::bind("localhost:0", "memory").await?;
    //! # let at = ns.address();
    //! let mut daemons = Vec::new();
    //! for name in ["node.ann", "node.bob", "node.cid"] {
    //!     let daemon = Daemon::builder().names(at.to_string()).bind("localhost:0").await?;
    //!     daemon.publish(name, Peer(name).serve()).await?;
    //!     daemons.push(daemon);
    //! }
    //!
    //! // Any node: one other of its choice …
    //! let nodes = names_at(at).await?.list(Selector::Prefix("node.".into()), None, 100).await??;
    //! let next = NodeProxy::connect(&nodes.entries[1].uri).await?;
    //! assert_eq!(next.greet("node.ann".into()).await?, "node.bob greets node.ann");
    //! // … or all of them.
    //! let everybody = Fleet::<NodeProxy>::find(&format!("farname:node.*@{at}")).await?;
    //! assert_eq!(everybody.broadcast(|node| node.greet("cid".into())).await.len(), 3);
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! A node that dies stays in the list until its lease ends, 10 s later; calls to it fail at once, so try the next. To
    //! learn of a death at once, keep a call in flight at the node that matters: it ends with its connection. The example
    //! program `ring` does both.
}

pub mod dynamic {
    //! Dynamic proxies and objects: without types.
    //!
    //! ```
    //! use farcall::{Arguments, CallError, Daemon, DynamicObject, DynamicProxy, Value};
    //! # #[farcall::remote]
    //! # pub trait Worker { /** Squares one number. */ fn process(&self, data: i64) -> i64; }
    //! # struct Squarer;
    //! # impl Worker for Squarer { fn process(&self, data: i64) -> i64 { data * data } }
    //!
    //! /// Answers every method with its name and how many arguments it got.
    //! struct Parrot;
    //!
    //! impl DynamicObject for Parrot {
    //!     async fn call(&self, method: String, arguments: Arguments) -> Result<Value, String> {
    //!         match method.as_str() {
    //!             "hush" => Err("a parrot cannot".into()),
    //!             _ => Ok(Value::from(format!("{method} {}", arguments.positional.len()))),
    //!         }
    //!     }
    //! }
    //!
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! let daemon = Daemon::bind("localhost:0").await?;
    //! let worker = daemon.register("worker", Squarer.serve())?.to_string();
    //! let parrot = daemon.register("parrot", Parrot.serve())?.to_string();
    //!
    //! // Any object, by method name; arguments by position or by name.
    //! let worker = DynamicProxy::connect(&worker).await?;
    //! let square = worker.call("process", Arguments::positional([Value::from(12i64)])).await?;
    //! assert_eq!(square.as_i64(), Some(144));
    //! let square = worker.call("process", Arguments::named([("data", Value::from(5i64))])).await?;
    //! assert_eq!(square, Value::from(25i64));
    //!
    //! // What it says about itself.
    //! let described = worker.describe().await?;
    //! assert_eq!(described.methods[0].to_string(), "process(data: i64) -> i64");
    //! assert_eq!(described.methods[0].doc, "Squares one number.");
    //!
    //! // An object that answers any name. An error of a method is Failed to a dynamic caller.
    //! let parrot = DynamicProxy::connect(&parrot).await?;
    //! assert_eq!(parrot.call("hello", Arguments::default()).await?.as_str(), Some("hello 0"));
    //! let refused = parrot.call("hush", Arguments::default()).await;
    //! assert!(matches!(refused, Err(CallError::Failed { .. })));
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! [`value::to_value`](crate::value::to_value) and [`value::from_value`](crate::value::from_value) turn values of a
    //! known type into dynamic ones and back. Dynamic calls are never repeated once they may have run. A dynamic
    //! object answers dynamic callers only: typed proxies send no names.
    //!
    //! An object is a [`Value::Object`](crate::Value::Object), a stream a [`Value::Stream`](crate::Value::Stream).
    //! `DynamicProxy::from_reference` and `XProxy::from_reference` make a proxy of the reference in the former, `proxy.reference()`
    //! gives one to send; [`Items::take`](crate::value::Items::take) gives the stream of the latter, and
    //! `Streaming::new(…).into()` is one to send.
}

pub mod python {
    //! Python programs that use Pyro5: they call farcall's objects at the daemon's ordinary port, unchanged, and look names
    //! up in `ns`.
    //!
    //! ```python
    //! import Pyro5.api
    //! worker = Pyro5.api.Proxy("PYRO:Worker@localhost:9090")     # or PYRONAME:Worker
    //! print(worker.process(10))
    //! ```
    //!
    //! Every object can be called so. Arguments come by place or by name:
    //!
    //! | in Rust | in Python |
    //! |---|---|
    //! | numbers, text, `bool`, `Option` | numbers, `str`, `bool`, `None`; an `Option` may be left out |
    //! | `Bytes`, `Vec<u8>` | `bytes`; with json a list of numbers, as an argument |
    //! | other sequences, maps | `list` (a tuple and a set fit, too), `dict` |
    //! | tuples | `tuple`; json and msgpack make lists of them |
    //! | a struct | a `dict` of its fields |
    //! | an enum | the variant's name, or a `dict` of one entry from that to its content |
    //! | `Err` of a method that gives a `Result` | `RuntimeError` with its text |
    //! | a panic | `RuntimeError` |
    //! | a stream or iterator as the result | an iterator |
    //! | a typed proxy | a proxy; an object of the daemon's lives for five minutes after its last use |
    //! | metadata of four characters | annotations |
    //!
    //! What does not fit is a `TypeError` that names the argument and its type; an unknown method an `AttributeError`.
    //!
    //! A dynamic object that lists no methods offers `invoke`, since Python's clients refuse objects without members:
    //! `proxy.invoke("anything", 1, 2)` calls `anything(1, 2)`.
    //!
    //! What Pyro's daemons have `validateHandshake` for, [hooks](crate::Hook) do, call by call: a refusal is a
    //! `Pyro5.errors.SecurityError`. The client's `current_context.annotations = {"TCKT": b"…"}` is `metadata("TCKT")` there. The
    //! value of its handshake is not looked at.
    //!
    //! The URIs of objects that a daemon at `0.0.0.0` hands out have the address that the client reached; behind a router,
    //! [`advertise`](crate::Builder::advertise) says which one clients use.
    //!
    //! [`PythonObject`](crate::python::PythonObject) is for what only Python has:
    //!
    //! ```
    //! use farcall::python::{Exception, Members, PyValue, PythonCall, PythonObject, Returned};
    //! use farcall::Daemon;
    //!
    //! struct Shelf;
    //!
    //! impl PythonObject for Shelf {
    //!     fn members(&self) -> Members {
    //!         Members::of("Shelf").with_methods(["__len__", "label"]).with_attributes(["size"])
    //!     }
    //!
    //!     async fn call(&self, call: PythonCall) -> Result<Returned, Exception> {
    //!         match call.method.as_str() {
    //!             "__len__" => Ok(3.into()),
    //!             // def label(self, text, loud=False)
    //!             _ => {
    //!                 let [text, loud] = call.arguments([("text", None), ("loud", Some(false.into()))])?;
    //!                 let text = text.as_str().ok_or_else(|| Exception::builtin("TypeError", "text must be str"))?;
    //!                 Ok(if loud == true.into() { text.to_uppercase() } else { text.to_owned() }.into())
    //!             }
    //!         }
    //!     }
    //!
    //!     fn attribute(&self, _: &str) -> Result<PyValue, Exception> {
    //!         Ok(42.into())
    //!     }
    //! }
    //!
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! let daemon = Daemon::bind("localhost:0").await?;
    //! daemon.register("shelf", Shelf.serve())?;
    //!
    //! # let uri = format!("PYRO:shelf@{}", daemon.address());
    //! # let shelf = farcall::python::PythonProxy::new(&uri)?;
    //! # let loud = [("loud".to_owned(), true.into())];
    //! # assert_eq!(shelf.call("label", ["vase".into()], loud).await?, "VASE".into());
    //! # daemon.shutdown().await;
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! # Objects that Python hosts
    //!
    //! A `PYRO:`, `PYRONAME:` or `PYROMETA:` URI leads to an object of a Python daemon, and so does a name that a Python program
    //! registered. A contract describes what Rust wants of it; only the methods that are called need be in it:
    //!
    //! ```no_run
    //! use farcall::python::Raised;
    //! use farcall::Streaming;
    //!
    //! #[farcall::remote]
    //! trait Bench {
    //!     async fn add(&self, a: i64, b: i64) -> i64;
    //!     async fn divide(&self, a: i64, b: i64) -> Result<i64, Raised>; // class, arguments and traceback
    //!     async fn count_to(&self, n: u32) -> Streaming<u32>; // a generator
    //!     #[oneway]
    //!     async fn bump(&self);
    //! }
    //!
    //! # async fn example() -> anyhow::Result<()> {
    //! let bench = BenchProxy::connect("PYRONAME:bench@localhost:9090").await?;
    //! assert_eq!(bench.add(2, 3).await?, 5);
    //! if let Err(raised) = bench.divide(1, 0).await? {
    //!     eprintln!("{raised}\n{}", raised.traceback.concat());
    //! }
    //! let mut numbers = bench.count_to(3).await?;
    //! while let Some(number) = numbers.next().await {
    //!     println!("{}", number?);
    //! }
    //! # Ok(()) }
    //! ```
    //!
    //! Results are made to fit the contract's types, by the table above read from right to left; what does not fit is an error
    //! that names both types. An exception is the `Err` of a `Result` as [`Raised`](crate::python::Raised), as its text (`String`), or
    //! as the variant of an enum that is called like its class; without a `Result` the call ends as
    //! [`Failure::Raised`](crate::error::Failure::Raised). Batches travel in one message; since Python stops at the first exception, one
    //! that goes on is sent in parts. Objects arrive as proxies. One of yours goes to Python when it is registered in a daemon, as a
    //! proxy that was connected to its URI. Metadata with keys of four characters are annotations.
    //!
    //! Python's connections carry one call at a time: proxies that were cloned wait for each other, those that were connected
    //! anew do not. [`PythonProxy`](crate::python::PythonProxy) calls with Python's own values, keyword arguments and attributes,
    //! and with any of the serializers.
}

pub mod moving_from_pyro5 {
    //! Moving a program that uses Python's Pyro5 over, piece by piece: at every step all of it runs.
    //!
    //! # 1. The name service
    //!
    //! Stop `pyro5-ns` and start `ns` in its place. It listens at the same port, 9090, and answers the search by broadcast at UDP
    //! port 9091 as Python's does: `ns --host 0.0.0.0` for a network, `--store redb:PATH` where names are to survive a
    //! restart. No Python program changes; they register their names again when they start.
    //!
    //! # 2. An object, under its name
    //!
    //! Write the class as a trait and a type. Methods and arguments keep their names, since Python calls by them:
    //!
    //! ```python
    //! @Pyro5.api.expose
    //! @Pyro5.api.behavior(instance_mode="single")
    //! class Shelf:
    //!     def take(self, what, count=1):
    //!         if count > self.stock.get(what, 0):
    //!             raise ValueError(f"too few {what}")
    //!         self.stock[what] -= count
    //!         return self.stock[what]
    //! ```
    //!
    //! ```
    //! use std::collections::HashMap;
    //! use std::sync::Mutex;
    //!
    //! use farcall::{Daemon, Publication, names};
    //!
    //! #[farcall::remote]
    //! pub trait Shelf {
    //!     // What Python may leave out is an `Option`.
    //!     async fn take(&self, what: String, count: Option<u64>) -> Result<u64, String>;
    //! }
    //!
    //! struct Stock(Mutex<HashMap<String, u64>>);
    //!
    //! impl Shelf for Stock {
    //!     async fn take(&self, what: String, count: Option<u64>) -> Result<u64, String> {
    //!         let mut stock = self.0.lock().map_err(|e| e.to_string())?;
    //!         let left = stock.entry(what.clone()).or_default();
    //!         // A RuntimeError in Python.
    //!         *left = left.checked_sub(count.unwrap_or(1)).ok_or(format!("too few {what}"))?;
    //!         Ok(*left)
    //!     }
    //! }
    //!
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! # let ns = names::Server::bind("localhost:0", "memory").await?;
    //! # let at = ns.address().to_string();
    //! # use farcall::python::PythonProxy;
    //! # let python = PythonProxy::new(&format!("PYRO:Pyro.NameServer@{at}"))?;
    //! # python.call("register", ["shelf".into(), "PYRO:shelf@localhost:1".into()], []).await?;
    //! let stock = Stock(Mutex::new(HashMap::from([("nuts".to_owned(), 10)])));
    //! let daemon = Daemon::builder().names(at.clone()).bind("localhost:0").await?;
    //! // In place of the Python object, whoever asks for the name next.
    //! daemon.publish_as("shelf", stock.serve(), Publication::replace()).await?;
    //!
    //! # let shelf = PythonProxy::new(&format!("PYRONAME:shelf@{at}"))?;
    //! # assert_eq!(shelf.call("take", ["nuts".into()], []).await?, 9.into());
    //! # let keywords = [("count".to_owned(), 4.into())];
    //! # assert_eq!(shelf.call("take", ["nuts".into()], keywords).await?, 5.into());
    //! # let raised = shelf.call("take", ["bolts".into()], []).await.unwrap_err();
    //! # assert!(raised.to_string().ends_with("raised builtins.RuntimeError: too few bolts"), "{raised}");
    //! // 3. A Rust client of an object that Python hosts, and of this one over Python's protocol.
    //! let shelf = ShelfProxy::connect(&format!("PYRONAME:shelf@{at}")).await?;
    //! assert_eq!(shelf.take("nuts".into(), Some(2)).await?, Ok(3));
    //!
    //! // 4. Whichever protocol the object behind the name has: here farcall's own.
    //! let shelf = ShelfProxy::connect(&format!("farname:shelf@{at}")).await?;
    //! assert_eq!(shelf.take("nuts".into(), None).await?, Ok(2));
    //! assert_eq!(shelf.take("bolts".into(), None).await?, Err("too few bolts".into()));
    //! # let full = || Stock(Mutex::new(HashMap::from([("nuts".to_owned(), 10)]))).serve();
    //! # daemon.register("session", farcall::Servant::per_session(full))?;
    //! # daemon.register("call", farcall::Servant::per_call(full))?;
    //! # for (object, second) in [("session", 8), ("session", 8), ("call", 9)] {
    //! #     let shelf = PythonProxy::new(&format!("PYRO:{object}@{}", daemon.address()))?;
    //! #     assert_eq!(shelf.call("take", ["nuts".into()], []).await?, 9.into());
    //! #     assert_eq!(shelf.call("take", ["nuts".into()], []).await?, second.into());
    //! # }
    //! # daemon.shutdown().await;
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! Python's proxies by `PYRONAME:` find the new object when they connect the next time; those that are connected stay with the old
    //! one until its program ends. Where clients rely on the class of an exception, on `*args` or on attributes, host a
    //! [`PythonObject`](crate::python::PythonObject): it raises any of Python's classes.
    //!
    //! # 3. Rust clients of Python's objects
    //!
    //! The same trait is what Rust knows of a Python object: `ShelfProxy` by `PYRONAME:` or `PYRO:` calls it wherever it is, as
    //! above. [`python`](super::python) says how types and exceptions arrive.
    //!
    //! # 4. Rust to Rust
    //!
    //! A Rust client that connects by `farname:` speaks to a Python object in Python's protocol and, as soon as the object is
    //! Rust's, in farcall's: over one connection that all proxies share, any number of calls at a time, with types checked at
    //! connect. It is the same port, the same name, and the same line of the client. Python's clients of the object go on.
    //!
    //! # What corresponds to what
    //!
    //! | in Pyro5 | here |
    //! |---|---|
    //! | `@expose` | every method of a `#[remote]` trait; names that begin with `_` cannot be called from Python |
    //! | `@oneway` | `#[oneway]`: Python's proxies know it, and do not wait. Such calls of a connection begin in their order, at most 256 run at a time |
    //! | `instance_mode` `single`, `session`, `percall` | `serve()`, [`Servant::per_session`](crate::Servant::per_session), [`Servant::per_call`](crate::Servant::per_call) |
    //! | `BatchProxy` | the same; in Rust [`batches`](super::batches), where a batch need not stop at the first error |
    //! | generators, iterators | methods that give an iterator or a [`Stream`](crate::Stream); a `Streaming` in a trait of a Python object |
    //! | a proxy as an argument: callbacks | the proxy of a `#[remote]` trait as the argument's type; Python's side hosts its object in a daemon, as ever |
    //! | autoproxy of registered objects | a proxy as the result. What was never registered lives while a connection to it is there, and five minutes more |
    //! | annotations | [metadata](super::context) with keys of four characters |
    //! | `current_context` | [`Context::current`](crate::Context::current): peer, metadata, correlation id, and whether anybody still waits |
    //! | `track_resource`, `clientDisconnect` | [`Session::keep`](crate::context::Session::keep): dropped when the connection ends |
    //! | `validateHandshake` | none: any handshake value is accepted. A [`Hook`](crate::Hook) refuses calls, in Python a `SecurityError` |
    //! | `methodcall_error_handler` | [`Hook::after`](crate::Hook) |
    //! | serpent, json, msgpack | all three, whichever the client takes; [`with_serializer`](crate::python::PythonProxy::with_serializer) |
    //! | marshal | read and answered, too; refusals are written with it as long as the client's serializer is not known |
    //! | custom classes and their converters | structs: a `dict` of the fields; a `__class__` in it is ignored |
    //! | exceptions | the `Err` of a method is a `RuntimeError`; of Python's [`Raised`](crate::python::Raised) keeps class, arguments and traceback |
    //! | `get_pyro_traceback()` | works: it tells object and method, and what they said; there are no Rust frames in it |
    //! | `PYRO:`, `PYRONAME:`, `PYROMETA:` | the same in Rust; `far:`, `farname:` and `farmeta:` are farcall's. `./u:PATH` is a Unix socket, too |
    //! | metadata tags, yellow pages | tags of a [`Publication`](crate::Publication), `farmeta:` |
    //! | `COMMTIMEOUT`, `_pyroTimeout` | every call from Rust has a deadline, 30 s unless [`with_deadline`](crate::Proxy::with_deadline) says another |
    //! | `MAX_RETRIES` | `#[idempotent]` methods are tried until their deadline, others only when they surely did not run ([`calling`](super::calling)) |
    //! | `_pyroReconnect` | not needed: proxies connect again by themselves |
    //! | `nathost` | [`Builder::advertise`](crate::Builder::advertise); there is no `natport`, the port must be the same outside |
    //! | `COMPRESSION` | compressed messages are read, and answered so from then on |
    //! | `THREADPOOL_SIZE`, `SERVERTYPE` | nothing to set; [`max_connections`](crate::Builder::max_connections) is 10,000 |
    //! | `ITER_STREAM_LINGER` | 30 s |
    //! | `MAX_MESSAGE_SIZE` | 128 MiB ([`limits`](super::limits)) |
    //! | `NS_AUTOCLEAN` | names of a farcall daemon have a lease; Python's stay until they are removed |
    //! | `pyro5-nsc`, `Pyro.Daemon` | both work; `nsc` is the tool for both kinds of objects |
    //! | `SSL` | none: a tunnel in front of both |
    //!
    //! # What differs, and why
    //!
    //! - **No pool to exhaust.** Pyro5's daemon keeps a thread for each connection and refuses the 81st. Here a connection is a task:
    //!   hundreds of clients may stay connected and silent.
    //! - **No thread owns a proxy.** Rust's are cloned and shared freely. Those of Python objects take turns over their one
    //!   connection, since Python's protocol has one call at a time.
    //! - **Methods run at the same time.** In one object many calls run at once, as with Pyro5's thread server, but without a lock
    //!   like Python's around the interpreter. The compiler asks for `Sync`, so nothing is shared by accident.
    //! - **No pickle, and no classes of the sender's.** Only values travel.
    //! - **Arguments have types.** What does not fit never reaches the method: a `TypeError` names the argument.
    //! - **Deadlines instead of waiting for ever.** A call from Rust ends by its deadline and says whether the method may have run.
    //!   Python's clients set none; their calls end when they close, after 24 hours at the latest.
    //! - **A daemon that ends answers first.** Calls in flight get their answers, and its names go at once.
}

pub mod tarpc {
    //! Plain tarpc services, both ways: hosted in a daemon as they are, and farcall's objects for stock tarpc clients.
    //!
    //! ```
    //! use farcall::{Daemon, TarpcStub};
    //! use tarpc::context;
    //! use tarpc::server::Serve;
    //!
    //! /// A plain tarpc service.
    //! #[tarpc::service]
    //! trait Greeter {
    //!     async fn greet(name: String) -> String;
    //! }
    //!
    //! #[derive(Clone)]
    //! struct Polite;
    //!
    //! impl Greeter for Polite {
    //!     async fn greet(self, _: context::Context, name: String) -> String {
    //!         format!("good day, {name}")
    //!     }
    //! }
    //!
    //! /// A remote trait.
    //! #[farcall::remote]
    //! pub trait Worker {
    //!     fn process(&self, data: i64) -> i64;
    //! }
    //! # struct Squarer;
    //! # impl Worker for Squarer { fn process(&self, data: i64) -> i64 { data * data } }
    //!
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! let daemon = Daemon::bind("localhost:0").await?;
    //!
    //! // The tarpc service as an object; its own client calls it, over farcall.
    //! let uri = daemon.register_tarpc("greeter", Polite.serve(), Serve::serve)?.to_string();
    //! let greeter = GreeterClient::from(TarpcStub::connect(&uri).await?);
    //! assert_eq!(greeter.greet(context::current(), "Ann".into()).await?, "good day, Ann");
    //!
    //! // The remote trait for stock tarpc clients: tarpc's own transport with JSON, at an address of its own.
    //! let door = daemon.offer_tarpc("localhost:0", Squarer.serve_tarpc(), Serve::serve).await?;
    //! let transport = tarpc::serde_transport::tcp::connect(door.to_string(), tokio_serde::formats::Json::default).await?;
    //! let worker = WorkerClient::new(tarpc::client::Config::default(), transport).spawn();
    //! assert_eq!(worker.process(context::current(), 12).await?, 144);
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! Nothing in a plain tarpc service says which methods compute, so a registered one runs on the I/O runtime like
    //! `async fn`s, while at the tarpc door every call begins in the compute pool.
}

pub mod names {
    //! The name service as a library.
    //!
    //! ```
    //! use std::collections::BTreeSet;
    //!
    //! use farcall::names::{self, Mode, NameError, Registration, Selector};
    //!
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! // `memory`, or `redb:PATH`, where an acknowledged registration survives a crash.
    //! let ns = names::Server::bind("localhost:0", "memory").await?;
    //!
    //! // It is a remote object like any other: one `?` for the call, one for its answer.
    //! let client = names::names_at(ns.address()).await?;
    //! let epoch = client
    //!     .register(Registration {
    //!         name: "printer".into(),
    //!         uri: "far:printer@somewhere:4242".into(),
    //!         metadata: BTreeSet::from(["colour".to_owned()]),
    //!         mode: Mode::Exclusive,
    //!         lease: None,
    //!     })
    //!     .await??;
    //! let page = client.list(Selector::Glob("print*".into()), None, 100).await??;
    //! assert_eq!((page.entries[0].name.as_str(), page.entries[0].epoch), ("printer", epoch));
    //!
    //! let unknown = client.lookup("pinter".into()).await?;
    //! assert!(matches!(unknown, Err(NameError::Unknown { similar, .. }) if similar == ["printer"]));
    //!
    //! // What changed since a revision; from none, a snapshot.
    //! let now = client.watch(Selector::Prefix(String::new()), None, 0).await??;
    //! client.remove("printer".into()).await??;
    //! let then = client.watch(Selector::Prefix(String::new()), Some(now.revision), 1_000).await??;
    //! assert_eq!((now.changes.len(), then.changes.len()), (1, 1));
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! Each registration gets a strictly growing epoch, so that one owner of a name is told from the next. With a lease it
    //! goes when the lease ends; daemons do this by themselves. The program `ns` runs the service, `nsc` asks it.
}

pub mod limits {
    //! Every bound, its name and its default.
    //!
    //! ```
    //! use std::time::Duration;
    //!
    //! use farcall::{Daemon, Limits};
    //!
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! let limits = Limits { max_message_bytes: 1 << 20, silence: Duration::from_secs(30), ..Limits::default() };
    //! let daemon = Daemon::builder().limits(limits).max_connections(100).bind("localhost:0").await?;
    //! # drop(daemon);
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! | of each connection, [`Limits`](crate::Limits) | default | past it |
    //! |---|---|---|
    //! | `max_message_bytes` | 128 MiB, the smaller of both sides | NotSent or Failed, too large |
    //! | `max_calls_in_flight` | 65,536, the smaller of both sides | callers wait; Rejected, overloaded |
    //! | `max_bindings` | 65,536 objects | NotSent, full |
    //! | `max_unsent_bytes` | 8 MiB | callers wait, callees read no further calls |
    //! | `handshake` | 5 s | closed |
    //! | `heartbeat` | 2.5 s of silence | a ping |
    //! | `silence` | 7.5 s | closed |
    //! | `stall` | 30 s in which the peer takes nothing | closed |
    //! | one-way calls on their way or running | 1 MiB, each with 128 bytes beside its own | callers wait |
    //! | calls of a batch | `max_calls_in_flight`, and one message | NotSent, too large |
    //! | `max_deadline` | 30 days | cut |
    //!
    //! | of each daemon, [`Builder`](crate::Builder) | default | past it |
    //! |---|---|---|
    //! | `compute_threads` | as many as cores | calls wait in the queue |
    //! | `max_compute_queue` | 16,384 calls | Rejected, overloaded |
    //! | `max_connections` | 10,000 | closed |
    //! | `max_objects` | 1,000,000 | [`PublishError::Full`](crate::PublishError) |
    //! | `grace` | 30 s | calls in flight are cut |
    //!
    //! | of a daemon's Python clients | | past it |
    //! |---|---|---|
    //! | a message, also once it is inflated | 128 MiB, annotations 16 MiB of it | closed; an exception |
    //! | a message that stops in its middle | 30 s | closed |
    //! | a call | 24 h; it ends when its client closes | `TimeoutError` |
    //! | one-way calls that run | 256 for each connection | the next is not read |
    //! | item streams | 1,024 for each connection, 65,536 in all | `PyroError` |
    //! | item streams without a connection | 30 s | ended |
    //! | objects handed out | 65,536, each for 5 min after its last use | `DaemonError` |
    //! | nesting of a value | 200 levels, 64 for methods with types | `ValueError`, `TypeError` |
    //! | a pattern for `ns` | 1,024 bytes, 1 MiB compiled | `NamingError` |
    //!
    //! | of each job of a fleet | | past it |
    //! |---|---|---|
    //! | items of a chunk | what takes 50 ms, at most 4,096 | the next chunk |
    //! | arguments of an item that travels with others | 16 KiB, 1 MiB for all of a chunk | it travels alone |
    //! | a batch at a member | 200 ms, 1 MiB of results | the rest goes again, as if never sent |
    //! | chunks in flight at a member | 2 | items wait |
    //! | single items in flight at a member | 2 to 256, by how long they take; 64 where the method waits | items wait |
    //! | items that `imap` pulls ahead | 1,024, or twice those in flight | the input waits |
    //! | patience while no member answers | 10 s, [`with_patience`](crate::Fleet::with_patience) | `Empty` |
    //! | calls of an item that were lost and may have run | 3 | `GivenUp` |
    //!
    //! | of each queue of work, [`WorkLimits`](crate::work::WorkLimits) | default | past it |
    //! |---|---|---|
    //! | `lease` | 10 s without a sign of life | the worker's items go to others |
    //! | `max_items` | 65,536, with results that nobody took | `push` waits |
    //! | `max_losses` | 3 workers lost over an item | [`WorkError::Lost`](crate::work::WorkError) |
    //! | workers, clients | 10,000 each | refused |
    //! | an item, a result | 64 MiB | an error that says so |
    //! | lease of a client | 60 s | its items and results are forgotten |
    //!
    //! | everywhere | | past it |
    //! |---|---|---|
    //! | deadline of a call | 30 s unless said otherwise | Unknown |
    //! | a [blocking](super::blocking) call whose connection needs the thread that waits | a second past its deadline | Unknown |
    //! | nesting of a value | 64 levels | an error that says so |
    //! | arguments of a method | 12 | a compile error |
    //! | methods of a trait | 1,024 | a compile error |
    //! | name of an object | 512 bytes | [`PublishError::Malformed`](crate::PublishError) |
    //! | metadata of a call, of a reply | 16 KiB, with 32 bytes for each key | NotSent; [`MetadataTooLarge`](crate::context::MetadataTooLarge) |
    //! | values that a session keeps | 65,536 | [`NotKept::Full`](crate::context::NotKept) |
    //! | processes of a pool | 1,024 | [`PoolError::Processes`](crate::pool::PoolError) |
    //! | start of a pool's worker | 30 s unless said otherwise | killed |
    //! | lease of a daemon's names | 10 s, renewed every third of it | the names go |
}

pub mod errors {
    //! Which error says what. Each names its culprit: the object and method, the address, the name, the item.
    //!
    //! ```
    //! use farcall::error::Rejection;
    //! use farcall::{CallError, ConnectError, Daemon};
    //! # #[farcall::remote]
    //! # pub trait Worker { fn process(&self, data: i64) -> i64; }
    //! # struct Squarer;
    //! # impl Worker for Squarer { fn process(&self, data: i64) -> i64 { data * data } }
    //! # #[tokio::main]
    //! # async fn main() -> anyhow::Result<()> {
    //! let malformed = WorkerProxy::connect("far:worker").await;
    //! assert!(matches!(malformed, Err(ConnectError::Uri(_))));
    //!
    //! let daemon = Daemon::bind("localhost:0").await?;
    //! daemon.register("worker.1", Squarer.serve())?;
    //! let wrong = WorkerProxy::connect(&format!("far:worker.2@{}", daemon.address())).await;
    //! let Err(ConnectError::Refused(CallError::Rejected { reason: Rejection::UnknownObject(text), .. })) = wrong else {
    //!     anyhow::bail!("{wrong:?}");
    //! };
    //! assert_eq!(text, "no object 'worker.2' here; did you mean worker.1?");
    //! # Ok(())
    //! # }
    //! ```
    //!
    //! | error | of |
    //! |---|---|
    //! | [`CallError`](crate::CallError) | a call; see [`error`](crate::error) for its reasons |
    //! | [`ConnectError`](crate::ConnectError) | connecting a proxy |
    //! | [`ResolveError`](crate::ResolveError) | asking the name service where a URI leads |
    //! | [`FleetError`](crate::FleetError) | finding a fleet, or a `map` |
    //! | [`StartError`](crate::blocking::StartError) | the runtime behind `blocking` |
    //! | [`PoolError`](crate::pool::PoolError) | starting a pool |
    //! | [`MapReduceError`](crate::map_reduce::MapReduceError) | a map-reduce |
    //! | [`WorkError`](crate::work::WorkError) | an item of work, by itself |
    //! | [`QueueError`](crate::work::QueueError) | bringing items, collecting results, being a worker |
    //! | [`DaemonError`](crate::DaemonError) | starting a daemon |
    //! | [`PublishError`](crate::PublishError) | hosting or naming an object |
    //! | [`NamesError`](crate::NamesError) | the daemon's own talk with the name service |
    //! | [`NameError`](crate::names::NameError) | what the name service refuses |
    //! | [`ServerError`](crate::names::ServerError) | starting a name service |
    //! | [`NotKept`](crate::context::NotKept) | keeping something for a session |
    //! | [`UriError`](crate::uri::UriError) | text that is no URI or address |
    //! | [`ValueError`](crate::value::ValueError) | turning values of a type into dynamic ones and back |
    //!
    //! Texts are one line each and give one level; print the chain with anyhow's `{error:#}`.
}
