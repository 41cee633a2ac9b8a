//! A call of the tarpc door: its context, the hooks around it, its end.

use std::future::Future;
use std::io;
use std::sync::Arc;

use farcall_shared::context::{Connection, Notes, Trace};
use farcall_shared::error::{CallError, Failure};
use farcall_shared::hook::{Attended, CallInfo};
use tarpc::context::Context;
use tarpc::trace::SamplingDecision;
use tarpc::{RequestName, ServerError};

use super::begin::first_on_the_pool;
use crate::daemon::Core;

/// Answers a call.
pub(super) async fn answer<Req, R, F, Fut>(
    core: Arc<Core>,
    connection: Arc<Connection>,
    run: F,
    context: Context,
    request: Req,
) -> Result<R, ServerError>
where
    Req: RequestName + Send + 'static,
    R: Send + 'static,
    F: Fn(Context, Req) -> Fut + Send + 'static,
    Fut: Future<Output = Result<R, ServerError>> + Send + 'static,
{
    if core.closing.is_cancelled() {
        return Err(draining());
    }
    let said = Notes {
        trace: trace(&context),
        ..Notes::default()
    };
    let call = connection.answer(context.deadline, said);
    let here = call.context();
    let attended = async {
        let attended = attend(&core, &request)?;
        let method = here.scope(run(context, request));
        let ended = first_on_the_pool(Arc::clone(&core), method).await;
        match attended {
            Some(attended) => end(attended, ended),
            None => ended,
        }
    };
    here.scope(attended).await
}

/// Asks the daemon's hooks whether a call may start.
fn attend(core: &Core, request: &impl RequestName) -> Result<Option<Attended>, ServerError> {
    if core.hooks.is_empty() {
        return Ok(None);
    }
    let name = request.name();
    let (service, method) = name.split_once('.').unwrap_or(("", name));
    let call = CallInfo::new("".into(), service.into(), method.into());
    let begun = core.hooks.begin(call);
    begun
        .map(Some)
        .map_err(|refused| ServerError::new(io::ErrorKind::PermissionDenied, refused.to_string()))
}

/// Tells the hooks how a call ended, and gives that, or what they made of it.
fn end<R>(attended: Attended, ended: Result<R, ServerError>) -> Result<R, ServerError> {
    let error = ended.as_ref().err().map(|failed| CallError::Failed {
        target: attended.call().to_string().into(),
        reason: Failure::Error(failed.detail.clone()),
    });
    match attended.end(error.as_ref().map_or(Ok(()), Err)) {
        Ok(()) => ended,
        Err(panicked) => Err(ServerError::new(io::ErrorKind::Other, panicked.to_string())),
    }
}

pub(super) fn draining() -> ServerError {
    ServerError::new(
        io::ErrorKind::Other,
        "draining: the daemon is shutting down".into(),
    )
}

/// The caller's trace; nothing where it has none.
fn trace(context: &Context) -> Option<Trace> {
    let given = &context.trace_context;
    let trace_id = u128::from(given.trace_id);
    (trace_id != 0).then(|| Trace {
        trace_id: trace_id.to_le_bytes(),
        span_id: given.span_id.into(),
        flags: (given.sampling_decision == SamplingDecision::Sampled).into(),
    })
}
