//! Streams of farcall's as items for Python.

use std::sync::Arc;

use farcall_shared::descriptor::Runs;
use farcall_shared::error::{CallError, Failure};
use farcall_shared::pyro::fit::item_type;
use farcall_shared::pyro::payload::Exception;
use farcall_shared::shape::Type;
use farcall_shared::streaming::Streaming;
use farcall_shared::value::{Items, Value};
use futures_util::StreamExt;

use super::request::Asked;
use super::{errors, offload, servant};
use crate::python::PythonItems;

/// The items of a stream that a method of this kind gave; those of one that computes are computed in the pool.
pub(super) fn of(
    asked: &Arc<Asked>,
    stream: Items,
    ty: &Type,
    runs: Runs,
) -> Result<PythonItems, Exception> {
    let taken = || Exception::pyro("SerializeError", "the stream was sent already");
    let stream = stream.take().ok_or_else(taken)?;
    let ty = item_type(ty).clone();
    let asked = Arc::clone(asked);
    let of_pool = futures_util::stream::unfold(Some(stream), {
        let core = Arc::clone(&asked.core);
        move |stream| {
            let core = Arc::clone(&core);
            async move {
                let next = next(stream?);
                match runs {
                    Runs::Async => next.await,
                    Runs::Compute => match offload::first_on_pool(&core, next).await {
                        Ok(item) => item,
                        Err(refusal) => Some((Err(errors::exception(&refusal)), None)),
                    },
                }
            }
        }
    });
    let items = of_pool.map(move |item| servant::to_python(&asked, item?, &ty));
    Ok(Box::pin(items))
}

type Next = Option<(Result<Value, Exception>, Option<Streaming<Value>>)>;

async fn next(mut stream: Streaming<Value>) -> Next {
    let item = stream.next().await?;
    Some((item.map_err(|error| exception(&error)), Some(stream)))
}

fn exception(error: &CallError) -> Exception {
    match error {
        CallError::Failed {
            reason: Failure::Error(text),
            ..
        } => Exception::builtin("RuntimeError", text.as_str()),
        CallError::Failed { reason, .. } => Exception::builtin("RuntimeError", reason.to_string()),
        other => Exception::pyro("PyroError", other.to_string()),
    }
}
