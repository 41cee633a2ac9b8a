//! A tarpc service as an object: arguments to request, `serve`, response to result.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Instant;

use futures_util::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tarpc::ServerError;
use tarpc::context::Context;
use tarpc::server::Serve;

use super::pace::Pace;
use super::{Answer, Object, Request, Selected, Started};
use crate::descriptor::{Described, Descriptor, Method, Runs};
use crate::wire::codec::{Codec, EncodeError};
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

    /// An object from a service that `#[remote]` wrote; `descriptor` has its methods in the order of the request's variants.
    pub fn new<S, F, Fut>(descriptor: &'static Descriptor, service: S, serve: F) -> Self
    where
        S: Serve + Clone + Send + Sync + 'static,
        S::Req: DeserializeOwned + Send + 'static,
        S::Resp: Serialize + Send + 'static,
        F: Fn(S, Context, S::Req) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S::Resp, ServerError>> + Send + 'static,
    {
        Self::of(Service::new(descriptor.into(), service, serve))
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
        Self::of(Service::new(descriptor.into(), service, serve))
    }

    /// The object.
    pub fn object(&self) -> &dyn Object {
        &*self.0
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
pub struct Service<S, F> {
    descriptor: Described,
    service: S,
    serve: F,
    /// By method number.
    paces: Arc<[Pace]>,
}

impl<S, F> Service<S, F> {
    fn new(descriptor: Described, service: S, serve: F) -> Self {
        Self {
            paces: descriptor.methods.iter().map(|_| Pace::new()).collect(),
            descriptor,
            service,
            serve,
        }
    }
}

impl<S, F> fmt::Debug for Service<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("service", &self.descriptor.service)
            .finish_non_exhaustive()
    }
}

impl<S, F, Fut> Object for Service<S, F>
where
    S: Serve + Clone + Send + Sync + 'static,
    S::Req: DeserializeOwned + Send + 'static,
    S::Resp: Serialize + Send + 'static,
    F: Fn(S, Context, S::Req) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<S::Resp, ServerError>> + Send + 'static,
{
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn start(&self, request: Request<'_>, reply: &mut Vec<u8>) -> Started {
        let Selected::Number(number) = request.method else {
            return refuse(
                Status::UnknownMethod,
                "this object answers only the methods it describes",
            );
        };
        let Some(method) = self.descriptor.methods.get(usize::from(number)) else {
            return refuse(Status::UnknownMethod, "no method has this number");
        };
        let decoded = caught(|| {
            request
                .codec
                .decode_variant::<S::Req>(number, request.arguments)
        });
        let arguments = match decoded {
            Ok(Ok(arguments)) => arguments,
            Ok(Err(e)) => return refuse(Status::BadArguments, format!("{method}: {e}")),
            Err(panic) => {
                return refuse(
                    Status::BadArguments,
                    format!("{method}: reading them panicked: {panic}"),
                );
            }
        };
        let context = context(request.deadline, request.trace);
        let ending = Ending::new(method, &request);
        match method.runs {
            Runs::Compute => match self.paces.get(usize::from(number)) {
                Some(pace) if pace.runs_in_place() => {
                    self.compute_here(pace, context, arguments, &ending, reply)
                }
                _ => self.compute(number, context, arguments, ending),
            },
            Runs::Async => self.wait(context, arguments, ending, reply),
        }
    }
}

impl<S, F, Fut> Service<S, F>
where
    S: Serve + Clone + Send + Sync + 'static,
    S::Req: Send + 'static,
    S::Resp: Serialize + Send + 'static,
    F: Fn(S, Context, S::Req) -> Fut,
    Fut: Future<Output = Result<S::Resp, ServerError>> + Send + 'static,
{
    /// Runs a method that is known to be cheap.
    fn compute_here(
        &self,
        pace: &Pace,
        context: Context,
        arguments: S::Req,
        ending: &Ending,
        reply: &mut Vec<u8>,
    ) -> Started {
        let began = Instant::now();
        let ended = compute((self.serve)(self.service.clone(), context, arguments));
        pace.note(began.elapsed());
        Started::Done(ended.and_then(|result| ending.append(result, reply)))
    }

    fn compute(&self, number: u16, context: Context, arguments: S::Req, ending: Ending) -> Started {
        // Calling an async fn runs nothing of it yet.
        let future = (self.serve)(self.service.clone(), context, arguments);
        let paces = Arc::clone(&self.paces);
        Started::Computes(Box::new(move || {
            let began = Instant::now();
            let ended = compute(future);
            if let Some(pace) = paces.get(usize::from(number)) {
                pace.note(began.elapsed());
            }
            ending.answer(ended?)
        }))
    }

    fn wait(
        &self,
        context: Context,
        arguments: S::Req,
        ending: Ending,
        reply: &mut Vec<u8>,
    ) -> Started {
        let mut future = Box::pin((self.serve)(self.service.clone(), context, arguments));
        match poll_once(future.as_mut()) {
            Ok(Poll::Ready(result)) => Started::Done(ending.append(result, reply)),
            Err(panic) => refuse(Status::Panicked, panic),
            Ok(Poll::Pending) => Started::Waits(Box::pin(async move {
                match AssertUnwindSafe(future).catch_unwind().await {
                    Ok(result) => ending.answer(result),
                    Err(panic) => Err(Refusal::new(Status::Panicked, panic_text(&*panic))),
                }
            })),
        }
    }
}

/// Runs a plain fn, which is over at its first poll.
#[inline]
fn compute<R>(
    future: impl Future<Output = Result<R, ServerError>>,
) -> Result<Result<R, ServerError>, Refusal> {
    match poll_once(pin!(future)) {
        Ok(Poll::Ready(result)) => Ok(result),
        Ok(Poll::Pending) => Err(Refusal::new(Status::BadResult, "a plain fn cannot wait")),
        Err(panic) => Err(Refusal::new(Status::Panicked, panic)),
    }
}

/// Polls with a waker that does nothing: whoever keeps a pending future polls it again with a real one.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Result<Poll<F::Output>, String> {
    let mut context = TaskContext::from_waker(Waker::noop());
    caught(|| future.poll(&mut context))
}

fn refuse(status: Status, text: impl Into<String>) -> Started {
    Started::Done(Err(Refusal::new(status, text)))
}

/// Runs foreign code; a panic becomes its text.
fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(run)).map_err(|panic| panic_text(&*panic))
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(no text)".into())
}

/// tarpc's context of a call. Asking tarpc for one looks for a span and draws random numbers, so one is kept and copied.
fn context(deadline: Instant, trace: Option<Trace>) -> Context {
    static TEMPLATE: LazyLock<Context> = LazyLock::new(tarpc::context::current);
    let mut context = *TEMPLATE;
    context.deadline = deadline;
    if let Some(trace) = trace {
        context.trace_context.trace_id = u128::from_le_bytes(trace.trace_id).into();
        context.trace_context.span_id = trace.span_id.into();
    }
    context
}

/// What is needed to write a result once the request is gone.
struct Ending {
    codec: Codec,
    max_result_bytes: usize,
    /// A dynamic caller gets the error of a `Result` as a failure: it knows no types to find it in the value.
    unwraps: bool,
}

impl Ending {
    fn new(method: &Method, request: &Request<'_>) -> Self {
        Self {
            codec: request.codec,
            max_result_bytes: request.max_result_bytes,
            unwraps: request.codec != Codec::Postcard && method.returns_result(),
        }
    }

    fn answer<R: Serialize>(&self, result: Result<R, ServerError>) -> Answer {
        let mut reply = Vec::new();
        self.append(result, &mut reply)?;
        Ok(reply)
    }

    #[inline]
    fn append<R: Serialize>(
        &self,
        result: Result<R, ServerError>,
        reply: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let response = match result {
            Ok(response) => response,
            Err(e) => return Err(Refusal::new(Status::Error, e.detail)),
        };
        if self.unwraps {
            return self.append_unwrapped(&response, reply);
        }
        match caught(|| {
            self.codec
                .encode_content(&response, reply, self.max_result_bytes)
        }) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(Refusal::new(Status::BadResult, bad_result(&e))),
            Err(panic) => Err(Refusal::new(
                Status::BadResult,
                format!("writing it panicked: {panic}"),
            )),
        }
    }

    fn append_unwrapped<R: Serialize>(
        &self,
        response: &R,
        reply: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let mut content = Vec::new();
        let value = match caught(|| {
            Codec::MessagePack.encode_content(response, &mut content, self.max_result_bytes)
        }) {
            Ok(Ok(())) => Codec::MessagePack
                .decode::<Result<crate::value::Value, crate::value::Value>>(&content)
                .map_err(|e| Refusal::new(Status::BadResult, e.0))?,
            Ok(Err(e)) => return Err(Refusal::new(Status::BadResult, bad_result(&e))),
            Err(panic) => {
                return Err(Refusal::new(
                    Status::BadResult,
                    format!("writing it panicked: {panic}"),
                ));
            }
        };
        match value {
            Ok(value) => self
                .codec
                .encode(&value, reply, self.max_result_bytes)
                .map_err(|e| Refusal::new(Status::BadResult, bad_result(&e))),
            Err(error) => Err(Refusal::new(
                Status::Error,
                error
                    .as_str()
                    .map_or_else(|| error.to_string(), str::to_owned),
            )),
        }
    }
}

fn bad_result(error: &EncodeError) -> String {
    match error {
        EncodeError::TooLarge { limit } => {
            format!("it takes more than {limit} bytes, the longest message this connection allows")
        }
        EncodeError::Serialize(text) => text.clone(),
    }
}
