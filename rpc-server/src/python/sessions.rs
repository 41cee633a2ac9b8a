//! A Python object with an instance for each connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use farcall_shared::context::Context;
use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::payload::Exception;
use parking_lot::Mutex;

use super::behind::{Dynamic, Ended};
use super::{Members, PythonCall, PythonObject};

/// The instances of one connection, by the objects that they are of.
#[derive(Default)]
struct Instances(Mutex<HashMap<u64, Arc<dyn Dynamic>>>);

pub(super) struct PerSession<F> {
    /// Tells its instances from those of other such objects.
    number: u64,
    members: Members,
    factory: F,
}

impl<T: PythonObject, F: Fn() -> T> PerSession<F> {
    pub(super) fn new(factory: F) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        Self {
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            members: factory().members(),
            factory,
        }
    }

    /// That of the connection whose call runs here; one of its own outside of calls.
    fn instance(&self) -> Arc<dyn Dynamic> {
        let Some(call) = Context::current() else {
            return Arc::new((self.factory)());
        };
        let instances = call.session().get_or_insert_with(Instances::default);
        let mut instances = instances.0.lock();
        let instance = instances
            .entry(self.number)
            .or_insert_with(|| Arc::new((self.factory)()));
        Arc::clone(instance)
    }
}

impl<T: PythonObject, F: Fn() -> T + Send + Sync> Dynamic for PerSession<F> {
    fn members(&self) -> Members {
        self.members.clone()
    }

    fn call(self: Arc<Self>, call: PythonCall) -> Ended {
        self.instance().call(call)
    }

    fn attribute(&self, name: &str) -> Result<PyValue, Exception> {
        self.instance().attribute(name)
    }

    fn set_attribute(&self, name: &str, value: PyValue) -> Result<(), Exception> {
        self.instance().set_attribute(name, value)
    }
}
