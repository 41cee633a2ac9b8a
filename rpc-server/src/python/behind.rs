//! What stands behind a servant that is a Python object.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use farcall_shared::descriptor::Descriptor;
use farcall_shared::object::{DynamicObject as _, Object, Request, Scratch, Servant, Started};
use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::payload::Exception;

use super::native::Native;
use super::sessions::PerSession;
use super::{Members, PythonCall, PythonObject, Returned};

/// The end of a call.
pub(crate) type Ended = Pin<Box<dyn Future<Output = Result<Returned, Exception>> + Send>>;

/// A Python object of any type.
pub(crate) trait Dynamic: Send + Sync {
    fn members(&self) -> Members;
    fn call(self: Arc<Self>, call: PythonCall) -> Ended;
    fn attribute(&self, name: &str) -> Result<PyValue, Exception>;
    fn set_attribute(&self, name: &str, value: PyValue) -> Result<(), Exception>;
}

impl<T: PythonObject> Dynamic for T {
    fn members(&self) -> Members {
        PythonObject::members(self)
    }

    fn call(self: Arc<Self>, call: PythonCall) -> Ended {
        Box::pin(async move { PythonObject::call(&*self, call).await })
    }

    fn attribute(&self, name: &str) -> Result<PyValue, Exception> {
        PythonObject::attribute(self, name)
    }

    fn set_attribute(&self, name: &str, value: PyValue) -> Result<(), Exception> {
        PythonObject::set_attribute(self, name, value)
    }
}

/// A Python object as farcall's own callers see it, with itself behind for those of Python.
pub(crate) struct Behind {
    object: Arc<dyn Dynamic>,
    native: Servant,
}

impl Behind {
    pub(super) fn object(object: impl PythonObject) -> Servant {
        Self::servant(Arc::new(object))
    }

    pub(super) fn sessions<T: PythonObject>(
        factory: impl Fn() -> T + Send + Sync + 'static,
    ) -> Servant {
        Self::servant(Arc::new(PerSession::new(factory)))
    }

    fn servant(object: Arc<dyn Dynamic>) -> Servant {
        let native = Native(Arc::clone(&object)).serve();
        Servant::of(Self { object, native })
    }

    /// The Python object that a servant is.
    pub(crate) fn of(servant: &Servant) -> Option<Arc<dyn Dynamic>> {
        let behind = servant.object().behind()?;
        let object = behind.downcast_ref::<Arc<dyn Dynamic>>()?;
        Some(Arc::clone(object))
    }
}

impl Object for Behind {
    fn descriptor(&self) -> &Descriptor {
        self.native.object().descriptor()
    }

    fn start(&self, request: Request<'_>, scratch: &mut Scratch<'_>) -> Started {
        self.native.object().start(request, scratch)
    }

    fn behind(&self) -> Option<&(dyn Any + Send + Sync)> {
        Some(&self.object)
    }
}
