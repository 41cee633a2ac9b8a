//! Why a call of a Python object brought no value: [`PythonError`].

use std::sync::Arc;

use farcall_shared::error::{CallError, Failure, NotSent, Rejection, Target, Unknown};
use farcall_shared::pyro::payload::Exception;
use farcall_shared::pyro::uri::PyroUri;

/// Why a call of a Python object brought no value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PythonError {
    /// The method raised it, or the daemon in its place.
    #[error("{uri} raised {}: {}", .exception.class, .exception.message().unwrap_or("(no message)"))]
    Raised {
        /// The object.
        uri: Arc<PyroUri>,
        /// Class, arguments and traceback.
        exception: Box<Exception>,
    },
    /// The object offers no such method or attribute; nothing was sent.
    #[error("{uri} offers no '{name}'")]
    Missing {
        /// The object.
        uri: Arc<PyroUri>,
        /// The method or attribute.
        name: String,
    },
    /// The call was not sent: nobody is there, the daemon refused, or an argument has no form in the serializer.
    #[error("{uri} was not called: {reason}")]
    NotSent {
        /// The object.
        uri: Arc<PyroUri>,
        /// What happened.
        reason: NotSent,
    },
    /// The call was sent, and its end is not known: it may have run.
    #[error("{uri} may have run: {reason}")]
    Unknown {
        /// The object.
        uri: Arc<PyroUri>,
        /// What happened.
        reason: Unknown,
    },
    /// A value came where an iterator is wanted, or the reverse.
    #[error("{uri} gave {found}: {advice}")]
    Kind {
        /// The object.
        uri: Arc<PyroUri>,
        /// What came.
        found: &'static str,
        /// What to do.
        advice: &'static str,
    },
}

impl PythonError {
    /// The same as the end of a call of a method.
    pub(crate) fn into_call_error(self, target: Target, idempotent: bool) -> CallError {
        match self {
            Self::Raised { exception, .. } => CallError::Failed {
                target,
                reason: Failure::Raised(Box::new((*exception).into())),
            },
            missing @ Self::Missing { .. } => CallError::Rejected {
                target,
                reason: Rejection::UnknownMethod(missing.to_string()),
            },
            Self::NotSent { reason, .. } => CallError::NotSent { target, reason },
            Self::Unknown { reason, .. } => CallError::Unknown {
                target,
                reason,
                idempotent,
            },
            kind @ Self::Kind { .. } => CallError::Failed {
                target,
                reason: Failure::Unreadable(kind.to_string()),
            },
        }
    }
}
