//! Methods that wait, stream, or look at what travels beside the call.

use farcall::python::{
    Exception, Proxy, PyValue, PythonCall, PythonError, PythonProxy, Returned, Serializer,
};
use futures_util::stream;

use super::attributes::Bumps;
use super::{int, seconds};

pub(super) async fn nap(call: PythonCall) -> Result<PyValue, Exception> {
    let [time] = call.arguments([("seconds", None)])?;
    tokio::time::sleep(seconds(&time, "seconds")?).await;
    Ok(time)
}

pub(super) async fn bump(call: PythonCall, bumps: &Bumps) -> Result<PyValue, Exception> {
    let [by, delay] = call.arguments([("by", Some(1.into())), ("delay", Some(0.0.into()))])?;
    let delay = seconds(&delay, "delay")?;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    bumps.add(by).map(|()| PyValue::None)
}

/// The numbers from 1 to the argument, and then an error, if there is one.
pub(super) fn count(call: PythonCall, broken: Option<Exception>) -> Result<Returned, Exception> {
    let [most] = call.arguments([("n", None)])?;
    let numbers = (1..=int(&most, "n")?).map(|number| Ok(PyValue::Int(number)));
    let items = numbers.chain(broken.map(Err));
    Ok(Returned::items(stream::iter(items)))
}

/// Sends the annotation `QQIN` back in reverse, as `QQUT`.
pub(super) fn mirror(call: PythonCall) -> Result<PyValue, Exception> {
    let mut data = call.annotation(*b"QQIN").unwrap_or_default().to_vec();
    data.reverse();
    let length = i64::try_from(data.len()).unwrap_or(i64::MAX);
    call.annotate(*b"QQUT", data);
    let [] = call.arguments([])?;
    Ok(length.into())
}

/// Calls `receive` of the object that the caller gave.
pub(super) async fn call_back(call: PythonCall) -> Result<PyValue, Exception> {
    let [target, value] = call.arguments([("target", None), ("value", None)])?;
    let target = Proxy::from_value(&target).map_err(|_| {
        let text = format!(
            "argument 'target' must be a proxy, not {}",
            target.type_name()
        );
        super::type_error(text)
    })?;
    // The one that the caller chose for it.
    let chosen = |known: &Serializer| target.serializer.as_deref() == Some(known.name());
    let serializer = Serializer::ALL.into_iter().find(chosen).unwrap_or_default();
    let called = PythonProxy::of(target.uri)
        .with_serializer(serializer)
        .call("receive", [value], [])
        .await;
    called.map_err(|error| match error {
        PythonError::Raised { exception, .. } => *exception,
        other => Exception::pyro("CommunicationError", other.to_string()),
    })
}
