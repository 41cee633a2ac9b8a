//! How a call can end other than with a value: Failed, Rejected, NotSent or Unknown.

use std::sync::Arc;
use std::time::Duration;

use crate::pyro::Raised;

/// Whom a call was for, for error texts: `process of far:worker.1@127.0.0.1:4242`.
pub type Target = Arc<str>;

/// Why a call brought no value.
///
/// With a value that makes five outcomes, and every call ends with exactly one of them by its deadline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The method ran and failed: it panicked, or its result could not be sent.
    #[error("{target} failed: {reason}")]
    Failed {
        /// Whom the call was for.
        target: Target,
        /// What happened.
        reason: Failure,
    },
    /// The callee refused before the method started; safe to send again, here or elsewhere.
    #[error("{target} was rejected: {reason}")]
    Rejected {
        /// Whom the call was for.
        target: Target,
        /// Why.
        reason: Rejection,
    },
    /// Nothing of the call left this process; safe to send again, here or elsewhere.
    #[error("{target} was not sent: {reason}")]
    NotSent {
        /// Whom the call was for.
        target: Target,
        /// Why.
        reason: NotSent,
    },
    /// The call was sent and its end is not known: the method may have run.
    #[error("{target} may have run: {reason}")]
    Unknown {
        /// Whom the call was for.
        target: Target,
        /// Why its end is not known.
        reason: Unknown,
        /// True when the method is marked `#[idempotent]`, so that sending it again is safe.
        idempotent: bool,
    },
}

/// How a method that ran can fail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// It panicked.
    #[error("the method panicked: {0}")]
    Panic(String),
    /// It returned an error, as a dynamic caller sees it, or as a plain tarpc service gives it.
    #[error("{0}")]
    Error(String),
    /// It is one of a Python object, and raised this.
    #[error("it raised {0}")]
    Raised(Box<Raised>),
    /// Its result could not be encoded, or is over a limit.
    #[error("the result cannot be sent: {0}")]
    Result(String),
    /// Its result arrived but is not what this side expects.
    #[error("the result cannot be read: {0}")]
    Unreadable(String),
}

/// Why a callee refused a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// There is no such object.
    #[error("{0}")]
    UnknownObject(String),
    /// The object has no such method, or a method of that name with another signature.
    #[error("{0}")]
    UnknownMethod(String),
    /// The arguments do not fit the method.
    #[error("bad arguments: {0}")]
    BadArguments(String),
    /// Too much work is waiting already.
    #[error("overloaded: {0}")]
    Overloaded(String),
    /// The daemon is shutting down.
    #[error("draining: {0}")]
    Draining(String),
    /// The reference is to an earlier run of the daemon.
    #[error("stale reference: {0}")]
    Stale(String),
    /// The caller may not do this.
    #[error("unauthorised: {0}")]
    Unauthorised(String),
    /// The message is over a limit.
    #[error("too large: {0}")]
    TooLarge(String),
    /// The deadline was over before the method started.
    #[error("expired: {0}")]
    Expired(String),
    /// It came with many others in one message, and its turn did not come: the others took too long, or their results too
    /// much room.
    #[error("left for another time: {0}")]
    Deferred(String),
    /// A call before it in its batch brought no value, and the batch stops at the first error.
    #[error("skipped: {0}")]
    Skipped(String),
    /// A reason that this version does not know.
    #[error("{0}")]
    Other(String),
}

/// Why a call was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// The name could not be resolved.
    #[error("{0}")]
    Unresolved(String),
    /// No connection could be made.
    #[error("{0}")]
    Unreachable(String),
    /// The connection ended before the call was written.
    #[error("the connection ended: {0}")]
    Disconnected(String),
    /// The deadline is zero or was over before the call could be written.
    #[error("its deadline of {0:?} was over first")]
    Expired(Duration),
    /// The arguments could not be encoded.
    #[error("the arguments cannot be encoded: {0}")]
    Unencodable(String),
    /// The arguments are over a limit of this side or of the callee.
    #[error("too large: {0}")]
    TooLarge(String),
    /// As many calls as allowed are in flight on the connection.
    #[error("{0} calls are in flight on this connection already")]
    Full(usize),
    /// A hook of this side's refused it.
    #[error("{0}")]
    Refused(String),
    /// There is no runtime for the functions that wait.
    #[error("{0}")]
    NoRuntime(String),
    /// A fleet runs a second copy of the item, and that one made a call first that must not be repeated.
    #[error("another copy of its item went further")]
    Superseded,
    /// Nobody sent the batch it belongs to, or there was no call to send.
    #[error("{0}")]
    NotMade(String),
    /// The callee's version does not know what it takes.
    #[error("{0}")]
    Unsupported(String),
}

/// Why the end of a call is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unknown {
    /// No reply within the deadline.
    #[error("no reply within its deadline of {0:?}")]
    Deadline(Duration),
    /// The connection ended while the reply was awaited.
    #[error("the connection ended before the reply: {0}")]
    Disconnected(String),
    /// The callee gave the call up, at its deadline or on a cancel.
    #[error("given up by the callee: {0}")]
    Cancelled(String),
}

impl CallError {
    /// True when sending the call again cannot run it twice, or running it twice does no harm.
    pub fn is_safe_to_retry(&self) -> bool {
        match self {
            Self::NotSent { .. } | Self::Rejected { .. } => true,
            Self::Unknown { idempotent, .. } => *idempotent,
            Self::Failed { .. } => false,
        }
    }

    /// True when the call is safe to send again and another try, here later or elsewhere now, may go better.
    pub fn is_worth_retrying(&self) -> bool {
        match self {
            Self::NotSent { reason, .. } => matches!(
                reason,
                NotSent::Unresolved(_)
                    | NotSent::Unreachable(_)
                    | NotSent::Disconnected(_)
                    | NotSent::Full(_)
            ),
            Self::Rejected { reason, .. } => matches!(
                reason,
                Rejection::Overloaded(_)
                    | Rejection::Draining(_)
                    | Rejection::Stale(_)
                    | Rejection::UnknownObject(_)
                    | Rejection::Deferred(_)
            ),
            Self::Unknown { idempotent, .. } => *idempotent,
            Self::Failed { .. } => false,
        }
    }

    /// Whom the call was for.
    pub fn target(&self) -> &str {
        match self {
            Self::Failed { target, .. }
            | Self::Rejected { target, .. }
            | Self::NotSent { target, .. }
            | Self::Unknown { target, .. } => target,
        }
    }
}
