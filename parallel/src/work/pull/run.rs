//! One item through the worker's function: read, run, written, whatever the function does.

use std::any::Any;
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use crate::work::WorkError;
use crate::work::payload::{decode, encode};

/// A function that computes, for a thread of its own.
pub(super) fn computing<T, R, E, F>(
    run: F,
) -> impl Fn(Bytes, String) -> Result<Bytes, WorkError> + Clone + Send + Sync + 'static
where
    T: DeserializeOwned,
    R: Serialize,
    E: Display,
    F: Fn(T) -> Result<R, E> + Send + Sync + 'static,
{
    let run = Arc::new(run);
    move |item, worker| {
        let item = read(&item, &worker)?;
        write(run(item), worker)
    }
}

/// A function that waits, for a task of its own.
pub(super) fn waiting<T, R, E, F, Fut>(
    run: F,
) -> impl Fn(Bytes, String) -> Ending + Clone + Send + Sync + 'static
where
    T: DeserializeOwned + Send + 'static,
    R: Serialize + Send + 'static,
    E: Display + Send + 'static,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
{
    let run = Arc::new(run);
    move |item, worker| {
        let run = Arc::clone(&run);
        Box::pin(async move {
            let item = read(&item, &worker)?;
            write(run(item).await, worker)
        })
    }
}

type Ending = std::pin::Pin<Box<dyn Future<Output = Result<Bytes, WorkError>> + Send>>;

fn read<T: DeserializeOwned>(item: &Bytes, worker: &str) -> Result<T, WorkError> {
    decode(item).map_err(|text| WorkError::Item {
        worker: worker.to_owned(),
        text,
    })
}

fn write<R: Serialize, E: Display>(end: Result<R, E>, worker: String) -> Result<Bytes, WorkError> {
    match end {
        Ok(result) => encode(&result).map_err(|text| WorkError::Result { worker, text }),
        Err(error) => Err(WorkError::Failed {
            worker,
            text: error.to_string(),
        }),
    }
}

/// Waits for the one task there is.
pub(super) async fn ended(
    mut task: JoinSet<Result<Bytes, WorkError>>,
    worker: String,
) -> Result<Bytes, WorkError> {
    match task.join_next().await {
        Some(Ok(end)) => end,
        Some(Err(e)) if e.is_panic() => Err(WorkError::Panicked {
            worker,
            text: text_of(&*e.into_panic()),
        }),
        _ => Err(WorkError::Failed {
            worker,
            text: "the process is shutting down".into(),
        }),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(no text)".into())
}
