//! What a client calls: a Python object, a servant of any other kind, or the daemon itself.

use std::sync::Arc;

use farcall_shared::object::Servant;
use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::payload::{
    Call, DAEMON_OBJECT, Exception, GET_ATTRIBUTE, Metadata, SET_ATTRIBUTE,
};
use futures_util::FutureExt;

use super::request::Asked;
use super::{daemon_object, names, servant};
use crate::daemon::Core;
use crate::python::{Behind, Dynamic, PythonCall, Returned};

/// Something that answers Python's calls.
#[derive(Clone)]
pub(super) enum Target {
    /// The daemon's own object.
    Daemon,
    /// An object that speaks Python.
    Python(Arc<dyn Dynamic>),
    /// Any other.
    Servant(Servant),
}

impl Target {
    /// The object of this id, whoever asks.
    pub(super) fn find(core: &Core, id: &str) -> Option<Self> {
        Self::find_for(core, id, None)
    }

    /// The object of this id, for a connection that has to do with it from now on.
    pub(super) fn find_for(core: &Core, id: &str, connection: Option<u64>) -> Option<Self> {
        if id == DAEMON_OBJECT {
            return Some(Self::Daemon);
        }
        let servant = match core.table.servant(id) {
            Ok(servant) => servant,
            Err(_) => core.pyro.handed.find(id, connection)?,
        };
        Some(Self::of(servant))
    }

    /// The object of this id, unless it is the daemon's own.
    pub(super) fn servant(core: &Core, id: &str) -> Option<Servant> {
        let registered = core.table.servant(id).ok();
        registered.or_else(|| core.pyro.handed.find(id, None))
    }

    pub(super) fn of(servant: Servant) -> Self {
        match Behind::of(&servant) {
            Some(object) => Self::Python(object),
            None => Self::Servant(servant),
        }
    }

    /// What it offers.
    pub(super) fn metadata(&self) -> Metadata {
        match self {
            Self::Daemon => daemon_object::metadata(),
            Self::Python(object) => {
                let members = object.members();
                Metadata {
                    methods: members.methods,
                    oneway: members.oneway,
                    attributes: members.attributes,
                }
            }
            Self::Servant(servant) => servant::metadata(servant),
        }
    }

    /// What hooks and tracebacks call its kind.
    pub(super) fn service(&self) -> String {
        match self {
            Self::Daemon => "DaemonObject".to_owned(),
            Self::Python(object) => object.members().class,
            Self::Servant(servant) => servant.object().descriptor().service.clone(),
        }
    }

    /// Refuses a method that is private, unknown or hidden.
    pub(super) fn check(&self, method: &str) -> Result<(), Exception> {
        names::check(method)?;
        match self {
            Self::Daemon => daemon_object::check(method),
            Self::Python(object) => {
                let members = object.members();
                if members.methods.iter().any(|known| known == method) {
                    return Ok(());
                }
                let hidden = members.hidden.iter().chain(&members.attributes);
                let hidden = hidden.into_iter().any(|known| known == method);
                Err(names::unknown(&members.class, method, hidden))
            }
            Self::Servant(servant) => servant::check(servant, method),
        }
    }

    /// The call that is meant by one: hooks see that.
    pub(super) fn meant(&self, call: Call) -> Result<Call, Exception> {
        match self {
            Self::Servant(servant) => servant::meant(servant, call),
            _ => Ok(call),
        }
    }

    /// Answers a call.
    pub(super) async fn call(&self, asked: &Arc<Asked>, call: Call) -> Result<Returned, Exception> {
        match call.method.as_str() {
            GET_ATTRIBUTE => return self.attribute(call.positional),
            SET_ATTRIBUTE => return self.set_attribute(call.positional),
            method => self.check(method)?,
        }
        match self {
            Self::Daemon => daemon_object::call(asked, call).await,
            Self::Python(object) => {
                let around = Arc::clone(&asked.around);
                let object = Arc::clone(object);
                // Also the making of the future is the object's own code.
                let called = async move { object.call(PythonCall::new(call, around)).await };
                let caught = std::panic::AssertUnwindSafe(called).catch_unwind().await;
                caught.unwrap_or_else(|panic| Err(panicked(&*panic)))
            }
            Self::Servant(servant) => servant::call(asked, servant, call).await,
        }
    }

    fn attribute(&self, arguments: Vec<PyValue>) -> Result<Returned, Exception> {
        let [name] = <[PyValue; 1]>::try_from(arguments).map_err(|_| malformed())?;
        let name = name.as_str().ok_or_else(malformed)?;
        let object = self.with_attribute(name)?;
        guarded(|| object.attribute(name)).map(Returned::Value)
    }

    fn set_attribute(&self, arguments: Vec<PyValue>) -> Result<Returned, Exception> {
        let [name, value] = <[PyValue; 2]>::try_from(arguments).map_err(|_| malformed())?;
        let name = name.as_str().ok_or_else(malformed)?;
        let object = self.with_attribute(name)?;
        guarded(|| object.set_attribute(name, value)).map(|()| Returned::Value(PyValue::None))
    }

    /// The Python object, if it offers this attribute.
    fn with_attribute(&self, name: &str) -> Result<&Arc<dyn Dynamic>, Exception> {
        match self {
            Self::Python(object) if object.members().attributes.iter().any(|it| it == name) => {
                Ok(object)
            }
            _ => {
                let text =
                    format!("attempt to access unexposed or unknown remote attribute '{name}'");
                Err(Exception::builtin("AttributeError", text))
            }
        }
    }
}

fn guarded<T>(run: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Exception {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "(no text)".to_owned());
    Exception::builtin("RuntimeError", format!("the method panicked: {text}"))
}

fn malformed() -> Exception {
    Exception::builtin("TypeError", "an attribute is asked for by its name")
}
