//! A tarpc service as an object: arguments to request, `serve`, response to result.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Weak};
use std::task::{Context as TaskContext, Waker};
use std::time::Instant;

use futures_util::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tarpc::ServerError;
use tarpc::context::Context;
use tarpc::server::Serve;

use super::ending::{Ending, Reached, Stage, guarded, panicked};
use super::pace::Pace;
use super::scratch::Polled;
use super::{Answer, Object, Request, Scratch, Selected, Started};
use crate::descriptor::{Described, Descriptor, Runs};
use crate::wire::frame::Trace;
use crate::wire::status::{Refusal, Status};

/// An object ready to be hosted. Cheap to clone: clones are the same object.
#[derive(Clone)]
pub struct Servant(Arc<dyn Object>);

impl Servant {
    /// An object of any kind.
    pub fn of(object: impl Object) -> Self {
        Self(Arc::new(object))
    }

    /// An object from a service that `#[remote]` wrote; `descriptor` has its methods in the order of the request's
    /// variants. `compute` runs its plain methods, and gives nothing for those that wait, which `serve` runs.
    pub fn new<S, C, F, Fut>(
        descriptor: &'static Descriptor,
        service: S,
        compute: C,
        serve: F,
    ) -> Self
    where
        S: Serve + Clone + Send + Sync + 'static,
        S::Req: DeserializeOwned + Send + 'static,
        S::Resp: Serialize + Send + 'static,
        C: Fn(&S, S::Req) -> Option<S::Resp> + Send + Sync + 'static,
        F: Fn(S, Context, S::Req) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S::Resp, ServerError>> + Send + 'static,
    {
        Self::of(Service::new(descriptor.into(), service, compute, serve))
    }

    /// An object from a plain tarpc service, described by what its request and response types say.
    ///
    /// Called as `Servant::tarpc(server.serve(), Serve::serve)`.
    pub fn tarpc<S, F, Fut>(service: S, serve: F) -> Self
    where
        S: Serve + Clone + Send + Sync + 'static,
        S::Req: DeserializeOwned + Send + 'static,
        S::Resp: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(S, Context, S::Req) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S::Resp, ServerError>> + Send + 'static,
    {
        let descriptor = Descriptor::of_tarpc::<S::Req, S::Resp>();
        Self::of(Service::new(
            descriptor.into(),
            service,
            |_: &S, _| None,
            serve,
        ))
    }

    /// The object.
    pub fn object(&self) -> &dyn Object {
        &*self.0
    }

    /// True when both are the same object.
    pub fn is(&self, other: &Self) -> bool {
        self.place() == other.place()
    }

    /// A handle that does not keep it alive.
    pub(crate) fn downgrade(&self) -> WeakServant {
        WeakServant(Arc::downgrade(&self.0))
    }

    /// Tells objects apart, while they live.
    pub fn place(&self) -> usize {
        Arc::as_ptr(&self.0).cast::<()>() as usize
    }
}

/// An object, as long as others keep it alive.
pub(crate) struct WeakServant(Weak<dyn Object>);

impl WeakServant {
    pub(crate) fn upgrade(&self) -> Option<Servant> {
        self.0.upgrade().map(Servant)
    }
}

impl fmt::Debug for Servant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Servant")
            .field(&self.0.descriptor().service)
            .finish()
    }
}

/// A tarpc service with its description.
pub struct Service<S, C, F> {
    descriptor: Described,
    shared: Arc<Shared<S, C>>,
    serve: F,
}

/// What calls that run elsewhere take with them.
struct Shared<S, C> {
    service: S,
    compute: C,
    /// By method number.
    paces: Box<[Pace]>,
}

impl<S, C, F> Service<S, C, F> {
    fn new(descriptor: Described, service: S, compute: C, serve: F) -> Self {
        let paces = descriptor.methods.iter().map(|method| match method.runs {
            Runs::Compute => Pace::unknown(),
            Runs::Async => Pace::trusted(),
        });
        Self {
            shared: Arc::new(Shared {
                paces: paces.collect(),
                service,
                compute,
            }),
            descriptor,
            serve,
        }
    }
}

impl<S, C, F> fmt::Debug for Service<S, C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("service", &self.descriptor.service)
            .finish_non_exhaustive()
    }
}

impl<S, C, F, Fut> Object for Service<S, C, F>
where
    S: Serve + Clone + Send + Sync + 'static,
    S::Req: DeserializeOwned + Send + 'static,
    S::Resp: Serialize + Send + 'static,
    C: Fn(&S, S::Req) -> Option<S::Resp> + Send + Sync + 'static,
    F: Fn(S, Context, S::Req) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<S::Resp, ServerError>> + Send + 'static,
{
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn takes_values(&self) -> bool {
        true
    }

    fn start(&self, request: Request<'_>, scratch: &mut Scratch<'_>) -> Started {
        let Selected::Number(number) = request.method else {
            return refuse("this object answers only the methods it describes");
        };
        let method = self.descriptor.methods.get(usize::from(number));
        let pace = self.shared.paces.get(usize::from(number));
        let (Some(method), Some(pace)) = (method, pace) else {
            return refuse("no method has this number");
        };
        let ending = Ending::new(method, &request);
        let started = guarded(Reached::Reading, |stage| {
            let arguments = request
                .codec
                .decode_variant::<S::Req>(number, request.arguments)
                .map_err(|e| Refusal::new(Status::BadArguments, format!("{method}: {e}")))?;
            stage.reached(Reached::Running);
            match (method.runs, pace.runs_in_place()) {
                (Runs::Compute, true) => {
                    let lap = scratch.laps.start();
                    let response = (self.shared.compute)(&self.shared.service, arguments);
                    pace.note(scratch.laps.finish(lap));
                    // Looked at where it is: a large answer is not moved about.
                    let Some(response) = &response else {
                        return Err(cannot_wait());
                    };
                    ending.append(response, stage, scratch.reply, Some(scratch.lent))?;
                    Ok(Started::Done(Ok(())))
                }
                (Runs::Compute, false) => Ok(self.compute(number, arguments, ending)),
                (Runs::Async, in_place) => {
                    let context = context(request.deadline(), request.trace);
                    let call = (self.serve)(self.shared.service.clone(), context, arguments);
                    if in_place {
                        wait_here(pace, call, ending, stage, scratch)
                    } else {
                        Ok(self.wait(number, call, ending))
                    }
                }
            }
        });
        started.unwrap_or_else(|refusal| Started::Done(Err(refusal)))
    }
}

impl<S: Serve, C: Fn(&S, S::Req) -> Option<S::Resp>> Shared<S, C> {
    fn compute(&self, arguments: S::Req) -> Result<S::Resp, Refusal> {
        let response = (self.compute)(&self.service, arguments);
        response.ok_or_else(cannot_wait)
    }

    fn note(&self, number: u16, began: Instant) {
        if let Some(pace) = self.paces.get(usize::from(number)) {
            pace.note(began.elapsed());
        }
    }
}

impl<S, C, F> Service<S, C, F>
where
    S: Serve + Send + Sync + 'static,
    S::Req: Send + 'static,
    S::Resp: Serialize + Send + 'static,
    C: Fn(&S, S::Req) -> Option<S::Resp> + Send + Sync + 'static,
{
    /// Has a plain method run where it holds nobody up.
    fn compute(&self, number: u16, arguments: S::Req, ending: Ending) -> Started {
        let shared = Arc::clone(&self.shared);
        Started::Computes(Box::new(move || {
            guarded(Reached::Running, |stage| {
                let began = Instant::now();
                let response = shared.compute(arguments);
                shared.note(number, began);
                ending.answer(&response?, stage)
            })
        }))
    }

    /// Has a method wait in a task of its own from the beginning, because its first steps take long.
    fn wait<Fut>(&self, number: u16, call: Fut, ending: Ending) -> Started
    where
        Fut: Future<Output = Result<S::Resp, ServerError>> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        Started::Waits(Box::pin(async move {
            let mut call = std::pin::pin!(call);
            let began = Instant::now();
            let first = std::future::poll_fn(|cx| {
                let first = guarded(Reached::Running, |_| Ok(call.as_mut().poll(cx)));
                std::task::Poll::Ready(first)
            });
            let first = first.await?;
            shared.note(number, began);
            match first {
                std::task::Poll::Ready(result) => answer(result, &ending),
                std::task::Poll::Pending => finish(call, &ending).await,
            }
        }))
    }
}

/// Runs a method that is ready at once or waits for something; its first steps take no time that anybody would notice.
#[inline]
fn wait_here<R, Fut>(
    pace: &Pace,
    call: Fut,
    ending: Ending,
    stage: &Stage,
    scratch: &mut Scratch<'_>,
) -> Result<Started, Refusal>
where
    R: Serialize + Send + 'static,
    Fut: Future<Output = Result<R, ServerError>> + Send + 'static,
{
    // Whoever keeps a future that waits polls it again with a real waker.
    let mut context = TaskContext::from_waker(Waker::noop());
    let spare = &mut *scratch.spare;
    let lap = scratch.laps.start();
    let polled = spare.poll_once(call, &mut context);
    pace.note(scratch.laps.finish(lap));
    match polled {
        Polled::Ready(result) => {
            let response = match &result {
                Ok(response) => response,
                Err(failed) => return Err(error(failed.clone())),
            };
            ending.append(response, stage, scratch.reply, Some(scratch.lent))?;
            Ok(Started::Done(Ok(())))
        }
        Polled::Pending(call) => Ok(Started::Waits(Box::pin(async move {
            finish(Pin::new(&mut { call }), &ending).await
        }))),
    }
}

/// Waits for a method's end.
async fn finish<R, Fut>(call: Pin<&mut Fut>, ending: &Ending) -> Answer
where
    R: Serialize,
    Fut: Future<Output = Result<R, ServerError>>,
{
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(result) => answer(result, ending),
        Err(panic) => Err(panicked(Reached::Running, &*panic)),
    }
}

fn answer<R: Serialize>(result: Result<R, ServerError>, ending: &Ending) -> Answer {
    let response = result.map_err(error)?;
    guarded(Reached::Writing, |stage| ending.answer(&response, stage))
}

#[cold]
fn error(error: ServerError) -> Refusal {
    Refusal::new(Status::Error, error.detail)
}

#[cold]
fn cannot_wait() -> Refusal {
    Refusal::new(Status::BadResult, "a plain fn cannot wait")
}

#[cold]
fn refuse(text: &str) -> Started {
    Started::Done(Err(Refusal::new(Status::UnknownMethod, text)))
}

/// tarpc's context of a call. Asking tarpc for one looks for a span and draws random numbers, so one is kept and copied.
fn context(deadline: Instant, trace: Option<&Trace>) -> Context {
    static TEMPLATE: LazyLock<Context> = LazyLock::new(tarpc::context::current);
    let mut context = *TEMPLATE;
    context.deadline = deadline;
    if let Some(trace) = trace {
        context.trace_context.trace_id = u128::from_le_bytes(trace.trace_id).into();
        context.trace_context.span_id = trace.span_id.into();
    }
    context
}
