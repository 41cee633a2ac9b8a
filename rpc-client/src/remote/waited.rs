//! How a call ends whose thread cannot wait for it.

use farcall_shared::error::{CallError, NotSent, Unknown};

use super::{Remote, Selected};
use crate::blocking::StartError;
use crate::error::chain;

impl Remote {
    /// The end of a call that was not begun.
    #[cold]
    pub(crate) fn without_runtime(&self, method: u16, error: &StartError) -> CallError {
        CallError::NotSent {
            target: self.target(&Selected::Number(method)),
            reason: NotSent::NoRuntime(chain(error)),
        }
    }

    /// The end of a call that had none within its deadline.
    #[cold]
    pub(crate) fn given_up(&self, method: u16) -> CallError {
        let method = Selected::Number(method);
        CallError::Unknown {
            target: self.target(&method),
            reason: Unknown::Deadline(self.deadline),
            idempotent: self.is_idempotent(&method),
        }
    }
}
