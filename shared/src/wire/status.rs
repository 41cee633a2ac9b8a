//! The status of a reply, and what it means to the caller.

use crate::error::{CallError, Failure, Rejection, Target, Unknown};

/// How a call ended at the callee; the numbers are the wire's.
///
/// 0 is a value, 1–15 ran and failed, 16–63 never started, 64 and up may have run.
/// An unknown number is read by its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum Status {
    /// The method returned; the body is its result.
    Done = 0,
    /// The method panicked.
    Panicked = 1,
    /// The method returned an error to a dynamic caller.
    Error = 2,
    /// The result could not be encoded or is over a limit.
    BadResult = 3,
    /// No such object.
    UnknownObject = 16,
    /// No such method, or its signature differs.
    UnknownMethod = 17,
    /// The arguments do not fit.
    BadArguments = 18,
    /// Too much is waiting already.
    Overloaded = 19,
    /// The daemon is shutting down.
    Draining = 20,
    /// The reference is to an earlier incarnation.
    Stale = 21,
    /// The caller may not.
    Unauthorised = 22,
    /// Over a limit.
    TooLarge = 23,
    /// The deadline was over before the start.
    Expired = 24,
    /// A call before it in its sequence brought no value.
    Skipped = 25,
    /// Given up on a cancel or at the deadline; may have run.
    Cancelled = 64,
}

const ALL: [Status; 15] = [
    Status::Done,
    Status::Panicked,
    Status::Error,
    Status::BadResult,
    Status::UnknownObject,
    Status::UnknownMethod,
    Status::BadArguments,
    Status::Overloaded,
    Status::Draining,
    Status::Stale,
    Status::Unauthorised,
    Status::TooLarge,
    Status::Expired,
    Status::Skipped,
    Status::Cancelled,
];

impl Status {
    /// What this number means; one that this version does not know is taken by its range.
    pub fn from_number(number: u16) -> Self {
        let known = ALL.iter().find(|status| **status as u16 == number);
        known.copied().unwrap_or(match number {
            0..16 => Self::Error,
            16..64 => Self::Overloaded,
            _ => Self::Cancelled,
        })
    }
}

/// A refusal or failure with its text, on its way to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub status: Status,
    /// One line for a person.
    pub text: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(status: Status, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }
}

/// What a reply that is not a value means to the caller.
pub fn outcome(status: u16, text: String, target: Target, idempotent: bool) -> CallError {
    let known = ALL.iter().find(|s| **s as u16 == status);
    let rejected = |reason: Rejection| CallError::Rejected {
        target: target.clone(),
        reason,
    };
    let failed = |reason: Failure| CallError::Failed {
        target: target.clone(),
        reason,
    };
    match known {
        Some(Status::Panicked) => failed(Failure::Panic(text)),
        Some(Status::Error) => failed(Failure::Error(text)),
        Some(Status::BadResult) => failed(Failure::Result(text)),
        Some(Status::UnknownObject) => rejected(Rejection::UnknownObject(text)),
        Some(Status::UnknownMethod) => rejected(Rejection::UnknownMethod(text)),
        Some(Status::BadArguments) => rejected(Rejection::BadArguments(text)),
        Some(Status::Overloaded) => rejected(Rejection::Overloaded(text)),
        Some(Status::Draining) => rejected(Rejection::Draining(text)),
        Some(Status::Stale) => rejected(Rejection::Stale(text)),
        Some(Status::Unauthorised) => rejected(Rejection::Unauthorised(text)),
        Some(Status::TooLarge) => rejected(Rejection::TooLarge(text)),
        Some(Status::Expired) => rejected(Rejection::Expired(text)),
        Some(Status::Skipped) => rejected(Rejection::Skipped(text)),
        Some(Status::Done | Status::Cancelled) => CallError::Unknown {
            target,
            reason: Unknown::Cancelled(text),
            idempotent,
        },
        None => match status {
            0..16 => failed(Failure::Error(text)),
            16..64 => rejected(Rejection::Other(text)),
            _ => CallError::Unknown {
                target,
                reason: Unknown::Cancelled(text),
                idempotent,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_status_is_read_by_its_range() {
        let end = |status| outcome(status, "x".into(), "m of o".into(), false);
        assert!(matches!(end(9), CallError::Failed { .. }));
        assert!(matches!(end(40), CallError::Rejected { .. }));
        assert!(matches!(end(900), CallError::Unknown { .. }));
    }
}
