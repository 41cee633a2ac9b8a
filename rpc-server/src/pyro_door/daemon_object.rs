//! `Pyro.Daemon`: what every Python client expects of a daemon.

use std::sync::Arc;

use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::payload::{
    CLOSE_STREAM, Call, DAEMON_OBJECT, Exception, METADATA, Metadata, NEXT_ITEM,
};

use super::bind::{Parameter, bind};
use super::request::Asked;
use super::target::Target;
use super::{errors, names};
use crate::python::Returned;

const METHODS: [&str; 6] = [
    "ping",
    "info",
    "registered",
    METADATA,
    NEXT_ITEM,
    CLOSE_STREAM,
];

/// How the ids of farcall's own objects begin.
const OF_FARCALL: &str = "Far.";

/// The most ids that `registered` gives.
const MAX_LISTED: usize = 10_000;

pub(super) fn metadata() -> Metadata {
    Metadata {
        methods: METHODS.map(str::to_owned).to_vec(),
        oneway: Vec::new(),
        attributes: Vec::new(),
    }
}

pub(super) fn check(method: &str) -> Result<(), Exception> {
    match METHODS.contains(&method) {
        true => Ok(()),
        false => Err(names::unknown("DaemonObject", method, false)),
    }
}

pub(super) async fn call(asked: &Arc<Asked>, call: Call) -> Result<Returned, Exception> {
    let core = &asked.core;
    let value = match call.method.as_str() {
        "info" => {
            let [] = arguments(call, [])?;
            let count = core.table.ids().len();
            let text = format!(
                "farcall daemon at {}, {count} objects registered",
                core.address
            );
            text.into()
        }
        "registered" => {
            let [] = arguments(call, [])?;
            let mut ids = vec![DAEMON_OBJECT.to_owned()];
            // What is there for farcall's own callers says nothing to Python's.
            let own = |id: &String| id.starts_with(OF_FARCALL);
            ids.extend(core.table.ids().into_iter().filter(|id| !own(id)));
            ids.truncate(MAX_LISTED);
            PyValue::List(ids.into_iter().map(PyValue::from).collect())
        }
        METADATA => {
            let [id] = arguments(call, [("objectId", None)])?;
            let target = Target::find(core, text(&id)?).ok_or_else(errors::unknown_object)?;
            target.metadata().into_value()
        }
        NEXT_ITEM => {
            let [id] = arguments(call, [("streamId", None)])?;
            let streams = &core.pyro.streams;
            streams.next(text(&id)?, asked.connection.number()).await?
        }
        CLOSE_STREAM => {
            let [id] = arguments(call, [("streamId", None)])?;
            core.pyro.streams.close(text(&id)?);
            PyValue::None
        }
        _ => {
            let [] = arguments(call, [])?;
            PyValue::None
        }
    };
    Ok(Returned::Value(value))
}

fn arguments<const N: usize>(
    call: Call,
    parameters: [(&str, Option<PyValue>); N],
) -> Result<[PyValue; N], Exception> {
    let parameters = parameters.map(|(name, default)| Parameter { name, default });
    let bound = bind(&call.method, parameters, call.positional, call.keywords)?;
    // As many as there are parameters.
    bound.try_into().map_err(|_| errors::unknown_object())
}

fn text(value: &PyValue) -> Result<&str, Exception> {
    value.as_str().ok_or_else(|| {
        let text = format!("an id must be str, not {}", value.type_name());
        Exception::builtin("TypeError", text)
    })
}
