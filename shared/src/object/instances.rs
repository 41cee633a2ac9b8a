//! Objects with an instance for each session, or for each call.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::ending::panic_text;
use super::{Object, Request, Scratch, Servant, Started};
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::wire::status::{Refusal, Status};

impl Servant {
    /// An object with an instance for each connection: made at its first call, dropped when the connection ends.
    ///
    /// One instance is made at once, to learn the methods, and goes to the first connection; all others must have the same
    /// methods. The factory runs where I/O is done, so it must neither block nor compute for long; it may ask for the
    /// [`Context`](crate::context::Context). When it panics, the call that needed the instance is rejected, and the next one
    /// tries again. Callers of this process that use the object without a connection share an instance.
    ///
    /// # Panics
    /// When the factory panics the first time.
    ///
    /// # Examples
    /// See `guide::context` in the crate `farcall`.
    pub fn per_session(factory: impl Fn() -> Self + Send + Sync + 'static) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        Self::of(PerSession {
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            instances: Instances::new(factory),
            without: OnceLock::new(),
        })
    }

    /// An object with an instance for each call: made before it, dropped after it.
    ///
    /// The factory is as that of [`per_session`](Self::per_session). No instance lives long enough to show that its plain
    /// methods are cheap, so that these always run on the compute pool.
    ///
    /// # Panics
    /// When the factory panics the first time.
    pub fn per_call(factory: impl Fn() -> Self + Send + Sync + 'static) -> Self {
        Self::of(PerCall(Instances::new(factory)))
    }
}

/// Where instances come from.
struct Instances<F> {
    factory: F,
    descriptor: Descriptor,
    /// The one that the descriptor is of, until somebody needs it.
    first: Mutex<Option<Servant>>,
}

impl<F: Fn() -> Servant> Instances<F> {
    fn new(factory: F) -> Self {
        let first = factory();
        Self {
            factory,
            descriptor: first.object().descriptor().clone(),
            first: Mutex::new(Some(first)),
        }
    }

    fn make(&self) -> Result<Servant, Refusal> {
        let first = self.first.lock().take();
        if let Some(first) = first {
            return Ok(first);
        }
        let service = &self.descriptor.service;
        let refuse = |why: String| {
            let text = format!("no instance of {service} could be made: {why}");
            Refusal::new(Status::UnknownObject, text)
        };
        let made = std::panic::catch_unwind(AssertUnwindSafe(&self.factory));
        let made = made.map_err(|panic| refuse(panic_text(&*panic)))?;
        if !are_alike(made.object().descriptor(), &self.descriptor) {
            return Err(refuse("it has other methods than the first one".into()));
        }
        Ok(made)
    }
}

/// True when calls of the one can go to the other.
fn are_alike(one: &Descriptor, other: &Descriptor) -> bool {
    let same = || {
        let mut both = one.methods.iter().zip(&other.methods);
        both.all(|(a, b)| (&a.name, a.signature, a.runs) == (&b.name, b.signature, b.runs))
    };
    one.open == other.open && one.methods.len() == other.methods.len() && same()
}

struct PerSession<F> {
    /// Tells its instances from those of other such objects.
    number: u64,
    instances: Instances<F>,
    /// The instance of callers without a connection.
    without: OnceLock<Servant>,
}

impl<F: Fn() -> Servant> PerSession<F> {
    fn instance(&self) -> Result<Arc<Servant>, Refusal> {
        if let Some(context) = Context::current() {
            let session = context.session();
            return session.try_get_or_insert_with(self.number, || self.instances.make());
        }
        if let Some(instance) = self.without.get() {
            return Ok(Arc::new(instance.clone()));
        }
        let made = self.instances.make()?;
        Ok(Arc::new(self.without.get_or_init(|| made).clone()))
    }
}

impl<F: Fn() -> Servant + Send + Sync + 'static> Object for PerSession<F> {
    fn descriptor(&self) -> &Descriptor {
        &self.instances.descriptor
    }

    fn start(&self, request: Request<'_>, scratch: &mut Scratch<'_>) -> Started {
        match self.instance() {
            Ok(instance) => instance.object().start(request, scratch),
            Err(refusal) => Started::Done(Err(refusal)),
        }
    }
}

struct PerCall<F>(Instances<F>);

impl<F: Fn() -> Servant + Send + Sync + 'static> Object for PerCall<F> {
    fn descriptor(&self) -> &Descriptor {
        &self.0.descriptor
    }

    fn start(&self, request: Request<'_>, scratch: &mut Scratch<'_>) -> Started {
        let instance = match self.0.make() {
            Ok(instance) => instance,
            Err(refusal) => return Started::Done(Err(refusal)),
        };
        let started = instance.object().start(request, scratch);
        // What still runs has a hold on it.
        match std::panic::catch_unwind(AssertUnwindSafe(|| drop(instance))) {
            Ok(()) => started,
            Err(panic) => {
                let text = format!("dropping its instance: {}", panic_text(&*panic));
                Started::Done(Err(Refusal::new(Status::Panicked, text)))
            }
        }
    }
}
