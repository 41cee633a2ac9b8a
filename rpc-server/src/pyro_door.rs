//! The Pyro door: unmodified Python clients, on the daemon's ordinary port.
//!
//! `session` is one connection: it reads a message, has `request` answer it, writes that. A request leads to a `target`: an
//! object of any kind, or `daemon_object`. What a client may come back for is in `streams` and `handed`.

pub(crate) mod bind;
mod daemon_object;
mod errors;
mod greeting;
mod handed;
mod ids;
mod items;
mod names;
mod offload;
mod references;
mod request;
mod servant;
mod session;
mod spare;
mod streams;
mod target;
mod wire;

use std::time::Duration;

pub(crate) use greeting::{refuse_one_more, refuse_unknown};
pub(crate) use handed::hand_out;
pub(crate) use ids::uuid;
pub(crate) use session::serve;

use handed::HandedOut;
use spare::Spare;
use streams::Streams;

/// How long a message may take without a byte of it, while it is read or written.
const STALL: Duration = Duration::from_secs(30);

/// Python's clients set no deadline; this is that of their calls.
const CALL_TIME: Duration = Duration::from_secs(24 * 3600);

/// The most one-way calls of a connection that run at a time; it is not read while there are as many.
const MAX_ONEWAY: u32 = 256;

/// The most item streams of a daemon, those that linger included.
const MAX_STREAMS: usize = 65_536;

/// The most item streams of one connection.
const MAX_STREAMS_EACH: usize = 1_024;

/// How long streams wait for somebody to go on with them once their connection is gone.
const LINGER: Duration = Duration::from_secs(30);

/// The most objects that a daemon has handed out at a time.
const MAX_HANDED_OUT: usize = 65_536;

/// How long an object that was handed out lives without a connection to it.
const LEASE: Duration = Duration::from_secs(300);

/// What the door keeps for a daemon's clients beyond their connections.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    handed: HandedOut,
    streams: Streams,
    spare: Spare,
}
