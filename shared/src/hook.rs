//! Hooks: code around every call, for logs, counts and checks, without a line in the trait.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::context::Metadata;
use crate::error::{CallError, Failure, Rejection, Target, Unknown};
use crate::object::panic_text;

/// Code around every call: at a daemon around all calls that it answers, at a proxy around those made through it.
///
/// Of several, each is around those added later: `before` runs in the order in which they were added, `after` in the reverse
/// one. For each `before` that let a call pass, `after` runs exactly once, also when the method panics, its caller gives it
/// up or the connection ends. At a daemon both run inside of the call's [`Context`](crate::context::Context), and where I/O
/// is done: they must neither block nor compute for long. A hook that panics costs its call an error, and nobody else
/// anything.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use farcall_shared::error::{CallError, Rejection};
/// use farcall_shared::hook::{CallInfo, Hook};
///
/// /// Lets nobody look at `vault`, and says how long everything else took.
/// struct Guard;
///
/// impl Hook for Guard {
///     fn before(&self, call: &CallInfo) -> Result<(), Rejection> {
///         match call.object() {
///             "vault" => Err(Rejection::Unauthorised("the vault is shut".into())),
///             _ => Ok(()),
///         }
///     }
///
///     fn after(&self, call: &CallInfo, ended: Result<(), &CallError>, took: Duration) {
///         match ended {
///             Ok(()) => println!("{call}: {took:?}"),
///             Err(error) => println!("{error}, after {took:?}"),
///         }
///     }
/// }
/// ```
pub trait Hook: Send + Sync + 'static {
    /// A call is about to start.
    ///
    /// # Errors
    /// Why it must not. At a daemon its caller gets that as Rejected (`Deferred` and `Other` become `Unauthorised`), at a
    /// proxy as NotSent.
    fn before(&self, call: &CallInfo) -> Result<(), Rejection> {
        let _ = call;
        Ok(())
    }

    /// A call has ended, `took` after this hook's `before` let it pass. Of an error this says what the caller learns, or
    /// would if it still waited; the `Err` of a method that returns a `Result` is a value like any other.
    fn after(&self, call: &CallInfo, ended: Result<(), &CallError>, took: Duration) {
        let _ = (call, ended, took);
    }
}

impl<H: Hook + ?Sized> Hook for Arc<H> {
    fn before(&self, call: &CallInfo) -> Result<(), Rejection> {
        (**self).before(call)
    }

    fn after(&self, call: &CallInfo, ended: Result<(), &CallError>, took: Duration) {
        (**self).after(call, ended, took);
    }
}

/// A call, as a hook sees it.
#[derive(Clone, Debug)]
pub struct CallInfo {
    object: Arc<str>,
    service: Arc<str>,
    method: Arc<str>,
    reply: Metadata,
}

impl CallInfo {
    /// A call of a method of an object.
    pub fn new(object: Arc<str>, service: Arc<str>, method: Arc<str>) -> Self {
        Self {
            object,
            service,
            method,
            reply: Metadata::default(),
        }
    }

    /// The object: its id at a daemon, its URI at a proxy; empty at the tarpc door, which has one.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The trait it implements; empty at a proxy that calls by name.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The metadata of the reply, for `after` at a proxy; empty everywhere else, and for a fleet's items that travel with
    /// others.
    pub fn reply_metadata(&self) -> &Metadata {
        &self.reply
    }

    /// How errors name it.
    pub(crate) fn target(&self) -> Target {
        self.to_string().into()
    }
}

/// `process of worker.1`, as errors have it.
impl fmt::Display for CallInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.method, self.object)
    }
}

/// Hooks, the outermost first.
#[derive(Clone, Default)]
pub struct Hooks(Arc<[Arc<dyn Hook>]>);

impl Hooks {
    /// These, and one more inside of them.
    pub fn with(&self, hook: impl Hook) -> Self {
        let hook: Arc<dyn Hook> = Arc::new(hook);
        Self(self.0.iter().cloned().chain([hook]).collect())
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks them whether a call may start.
    ///
    /// # Errors
    /// Why not, from the first that refuses. Those before it have seen the end of the call.
    pub fn begin(&self, call: CallInfo) -> Result<Attended, Rejection> {
        let mut attended = Attended {
            call,
            hooks: self.clone(),
            passed: Vec::with_capacity(self.0.len()),
        };
        for hook in self.0.iter() {
            let asked = AssertUnwindSafe(|| hook.before(&attended.call));
            let refused = match std::panic::catch_unwind(asked) {
                Ok(Ok(())) => {
                    attended.passed.push(Instant::now());
                    continue;
                }
                Ok(Err(refused)) => refused,
                Err(panic) => Rejection::Unauthorised(format!(
                    "a hook that had to let it pass panicked: {}",
                    panic_text(&*panic)
                )),
            };
            let error = CallError::Rejected {
                target: attended.call.target(),
                reason: refused.clone(),
            };
            // It is refused already, whatever the other hooks do.
            let _ = attended.end(Err(&error));
            return Err(refused);
        }
        Ok(attended)
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hooks").field(&self.0.len()).finish()
    }
}

/// A call that hooks let pass. They learn that it was given up when this is dropped before its [end](Self::end).
pub struct Attended {
    call: CallInfo,
    hooks: Hooks,
    /// When each of the hooks that see its end let it pass.
    passed: Vec<Instant>,
}

impl Attended {
    /// The call.
    pub fn call(&self) -> &CallInfo {
        &self.call
    }

    /// A reply came, with metadata.
    pub fn replied(&mut self, metadata: Metadata) {
        self.call.reply = metadata;
    }

    /// The call has ended.
    ///
    /// # Errors
    /// When a hook panicked: that is now how the call ended, also for the hooks around that one.
    pub fn end(mut self, ended: Result<(), &CallError>) -> Result<(), CallError> {
        self.tell(ended)
    }

    fn tell(&mut self, ended: Result<(), &CallError>) -> Result<(), CallError> {
        let mut panicked: Result<(), CallError> = Ok(());
        while let Some(passed) = self.passed.pop() {
            let Some(hook) = self.hooks.0.get(self.passed.len()) else {
                continue;
            };
            let ended = match &panicked {
                Ok(()) => ended,
                Err(error) => Err(error),
            };
            let told = AssertUnwindSafe(|| hook.after(&self.call, ended, passed.elapsed()));
            if let Err(panic) = std::panic::catch_unwind(told) {
                let text = format!("a hook after it: {}", panic_text(&*panic));
                panicked = Err(CallError::Failed {
                    target: self.call.target(),
                    reason: Failure::Panic(text),
                });
            }
        }
        panicked
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        if self.passed.is_empty() {
            return;
        }
        let error = CallError::Unknown {
            target: self.call.target(),
            reason: Unknown::Cancelled("nobody waits for it any more".into()),
            idempotent: false,
        };
        // There is nobody to tell of a panic.
        let _ = self.tell(Err(&error));
    }
}

impl fmt::Debug for Attended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attended").field(&self.call).finish()
    }
}
