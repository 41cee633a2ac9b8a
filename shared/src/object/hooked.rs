//! An object with hooks around its calls.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context as TaskContext, Poll};
use std::time::Instant;

use super::{Answer, Object, Request, Scratch, Selected, Started};
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::error::{CallError, Failure, Rejection};
use crate::hook::{Attended, CallInfo, Hooks};
use crate::link::Hosted;
use crate::wire::status::{Refusal, Status, outcome};

/// A hosted object with hooks around its calls.
pub(crate) struct Hooked {
    hosted: Arc<dyn Hosted>,
    hooks: Hooks,
    object: Arc<str>,
    service: Arc<str>,
}

impl Hooked {
    /// The object that `id` leads to.
    pub(crate) fn new(hosted: Arc<dyn Hosted>, hooks: Hooks, id: &str) -> Self {
        let service = hosted.object().map(|it| it.descriptor().service.as_str());
        Self {
            service: service.unwrap_or_default().into(),
            object: id.into(),
            hosted,
            hooks,
        }
    }

    fn call(&self, object: &dyn Object, request: &Request<'_>) -> CallInfo {
        let method = match request.method {
            Selected::Name(name) => name,
            Selected::Number(number) => {
                let methods = &object.descriptor().methods;
                let method = methods.get(usize::from(number));
                method.map_or("(no method)", |method| &method.name)
            }
        };
        CallInfo::new(
            Arc::clone(&self.object),
            Arc::clone(&self.service),
            method.into(),
        )
    }
}

impl Hosted for Hooked {
    fn object(&self) -> Option<&dyn Object> {
        self.hosted.object().map(|_| self as &dyn Object)
    }
}

impl Object for Hooked {
    fn descriptor(&self) -> &Descriptor {
        static GONE: LazyLock<Descriptor> =
            LazyLock::new(|| Descriptor::new("(gone)", "", Vec::new()));
        self.hosted.object().map_or(&GONE, |it| it.descriptor())
    }

    fn start(&self, request: Request<'_>, scratch: &mut Scratch<'_>) -> Started {
        let Some(object) = self.hosted.object() else {
            let text = "the object was taken away";
            return Started::Done(Err(Refusal::new(Status::UnknownObject, text)));
        };
        let attended = match self.hooks.begin(self.call(object, &request)) {
            Ok(attended) => attended,
            Err(reason) => return Started::Done(Err(refusal(reason))),
        };
        match object.start(request, scratch) {
            Started::Done(ended) => Started::Done(end(attended, ended)),
            Started::Waits(future) => Started::Waits(Box::pin(Waiting {
                attended: Some(attended),
                future,
            })),
            Started::Computes(work) => {
                let queued = Queued {
                    attended: Some(attended),
                    deadline: request.deadline(),
                    context: Context::current(),
                };
                Started::Computes(Box::new(move || {
                    let attended = queued.begun();
                    let answer = work();
                    match attended {
                        Some(attended) => end(attended, answer),
                        None => answer,
                    }
                }))
            }
        }
    }
}

/// Tells the hooks how a call ended, and gives that, or what they made of it.
fn end<T>(attended: Attended, ended: Result<T, Refusal>) -> Result<T, Refusal> {
    let error = ended.as_ref().err().map(|refusal| {
        let Refusal { status, text } = refusal.clone();
        outcome(status as u16, text, attended.call().target(), false)
    });
    match attended.end(error.as_ref().map_or(Ok(()), Err)) {
        Ok(()) => ended,
        Err(CallError::Failed {
            reason: Failure::Panic(text),
            ..
        }) => Err(Refusal::new(Status::Panicked, text)),
        Err(error) => Err(Refusal::new(Status::Panicked, error.to_string())),
    }
}

/// A call that waits.
struct Waiting {
    attended: Option<Attended>,
    future: Pin<Box<dyn Future<Output = Answer> + Send>>,
}

impl Future for Waiting {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Answer> {
        let this = &mut *self;
        this.future
            .as_mut()
            .poll(cx)
            .map(|answer| match this.attended.take() {
                Some(attended) => end(attended, answer),
                None => answer,
            })
    }
}

/// A call that has not begun to compute. When it never does, its hooks learn that from here, in its context.
struct Queued {
    attended: Option<Attended>,
    deadline: Instant,
    context: Option<Context>,
}

impl Queued {
    fn begun(mut self) -> Option<Attended> {
        self.attended.take()
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        let Some(attended) = self.attended.take() else {
            return;
        };
        let reason = match Instant::now() >= self.deadline {
            true => Rejection::Expired("its deadline was over before a thread was free".into()),
            false => Rejection::Other("it was given up before it began".into()),
        };
        let target = attended.call().target();
        let tell = || drop(attended.end(Err(&CallError::Rejected { target, reason })));
        match &self.context {
            Some(context) => context.run(tell),
            None => tell(),
        }
    }
}

/// What a caller is told that a hook refused.
fn refusal(reason: Rejection) -> Refusal {
    let (status, text) = match reason {
        Rejection::UnknownObject(text) => (Status::UnknownObject, text),
        Rejection::UnknownMethod(text) => (Status::UnknownMethod, text),
        Rejection::BadArguments(text) => (Status::BadArguments, text),
        Rejection::Overloaded(text) => (Status::Overloaded, text),
        Rejection::Draining(text) => (Status::Draining, text),
        Rejection::Stale(text) => (Status::Stale, text),
        Rejection::TooLarge(text) => (Status::TooLarge, text),
        Rejection::Expired(text) => (Status::Expired, text),
        Rejection::Unauthorised(text)
        | Rejection::Deferred(text)
        | Rejection::Skipped(text)
        | Rejection::Other(text) => (Status::Unauthorised, text),
    };
    Refusal::new(status, text)
}
