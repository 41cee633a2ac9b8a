//! Dynamic proxies: calls by method name, with values whose types are not known beforehand.

use std::future::Future;
use std::time::Duration;

use farcall_shared::daemon::{DAEMON, DaemonInfoProxy, DaemonInfoRequest};
use farcall_shared::descriptor::{Descriptor, Method, Runs};
use farcall_shared::error::{CallError, Failure};
use farcall_shared::hook::Hook;
use farcall_shared::object::Arguments;
use farcall_shared::reference::Reference;
use farcall_shared::shape::Type;
use farcall_shared::uri::{ObjectUri, Uri};
use farcall_shared::value::Value;
use farcall_shared::wire::codec::Codec;

use crate::batch::{Added, Batch};
use crate::python::PythonProxy;
use crate::remote::{ConnectError, Remote, Selected};
use crate::resolve::{Found, resolve};

/// A remote object whose methods are called by name.
///
/// The error of a method that returns a `Result` arrives as [`Failed`](CallError::Failed). Calls are never repeated
/// once they may have run, since nothing is known of the method.
#[derive(Clone, Debug)]
pub struct DynamicProxy(Remote);

impl DynamicProxy {
    /// Connects to the object that `uri` leads to, and sees that it is there.
    ///
    /// # Errors
    /// See [`ConnectError`]; each names the culprit.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn connect(uri: &str) -> Result<Self, ConnectError> {
        let remote = Remote::lazy(uri.parse()?, None, Codec::MessagePack);
        remote.check().await?;
        Ok(Self(remote))
    }

    /// The same object, each call with this deadline.
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self(self.0.clone().with_deadline(deadline))
    }

    /// The same object, with one more hook around each call made through this proxy, inside of those it has.
    pub fn with_hook(&self, hook: impl Hook) -> Self {
        Self(self.0.clone().with_hook(hook))
    }

    /// The same object, with metadata beside the arguments of each call; see [`with_metadata`](crate::Proxy::with_metadata).
    pub fn with_metadata(&self, key: &str, value: impl AsRef<[u8]>) -> Self {
        Self(self.0.clone().with_metadata(key, value.as_ref()))
    }

    /// The same object, each call with this correlation id.
    pub fn with_correlation(&self, id: u128) -> Self {
        Self(self.0.clone().with_correlation(id))
    }

    /// What it was connected by; nothing for an object that arrived as a reference.
    pub fn uri(&self) -> Option<&Uri> {
        self.0.uri()
    }

    /// How error texts call it: its URI, or where it is.
    pub fn label(&self) -> &str {
        self.0.label()
    }

    /// A proxy of what a reference leads to.
    pub fn from_reference(reference: Reference) -> Self {
        Self(Remote::from_reference(reference, None, Codec::MessagePack))
    }

    /// The object as a value that travels.
    pub fn reference(&self) -> Reference {
        self.0.reference()
    }

    /// Calls a method.
    ///
    /// # Errors
    /// The outcome when it is not a value.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call.
    pub async fn call(&self, method: &str, arguments: Arguments) -> Result<Value, CallError> {
        made(self.0.clone(), method, arguments).await
    }

    /// Calls a method without a reply: ends when the call is on its way. When the object is slow, this waits.
    ///
    /// # Errors
    /// NotSent.
    ///
    /// # Cancel safety
    /// Cancel safe: the call is sent or not.
    pub async fn oneway(&self, method: &str, arguments: Arguments) -> Result<(), CallError> {
        let remote = self.0.clone();
        remote
            .oneway(|remote| made(remote, method, arguments))
            .await
    }

    /// A batch of calls of this object: none yet.
    pub fn batch(&self) -> Batch<Self> {
        Batch::new(&self.0, Self)
    }

    /// What the object says about itself.
    ///
    /// # Errors
    /// A [`ConnectError`] when its daemon cannot be asked, Failed inside it when the daemon has no such object.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn describe(&self) -> Result<Descriptor, ConnectError> {
        let candidates = match self.0.uri() {
            Some(uri) => resolve(uri).await?,
            None => Vec::new(),
        };
        let Some(object) = candidates.into_iter().next() else {
            return Err(ConnectError::Unreachable {
                uri: self.0.label().to_string(),
                why: "it leads to no object".into(),
            });
        };
        let object = match object {
            Found::Object(object) => object,
            Found::Python(uri) => return self.describe_python(&PythonProxy::of(uri)).await,
        };
        let daemon = ObjectUri {
            object: DAEMON.into(),
            address: object.address,
            incarnation: object.incarnation,
        };
        let remote = Remote::connect(&daemon.to_string(), DaemonInfoRequest::descriptor()).await?;
        let described = DaemonInfoProxy::over(remote)
            .describe(object.object)
            .await?;
        described.map_err(|text| {
            ConnectError::Refused(CallError::Failed {
                target: format!("describe of {daemon}").into(),
                reason: Failure::Error(text),
            })
        })
    }
}

impl DynamicProxy {
    /// What a Python object says at the greeting: the names of its methods.
    async fn describe_python(&self, python: &PythonProxy) -> Result<Descriptor, ConnectError> {
        let asked = python.metadata().await;
        let metadata = asked.map_err(|error| ConnectError::Unreachable {
            uri: self.0.label().to_string(),
            why: error.to_string(),
        })?;
        let methods = metadata.methods.iter().map(|name| {
            let method = Method::new(name, "", Runs::Async).with_result_of(Type::Any);
            match metadata.oneway.contains(name) {
                true => method.oneway(),
                false => method,
            }
        });
        let doc = "An object of a Python program.";
        let mut descriptor = Descriptor::new("Python", doc, methods.collect());
        descriptor.open = true;
        Ok(descriptor)
    }
}

impl Batch<DynamicProxy> {
    /// Adds a call of a method. It is not sent yet; dropping what comes back takes it out of the batch, or cancels it.
    pub fn call(
        &mut self,
        method: &str,
        arguments: Arguments,
    ) -> Added<impl Future<Output = Result<Value, CallError>> + Send + use<>> {
        Added::begin(made(self.proxy().0.clone(), method, arguments))
    }
}

/// A call of a method by its name.
fn made(
    remote: Remote,
    method: &str,
    arguments: Arguments,
) -> impl Future<Output = Result<Value, CallError>> + Send + use<> {
    let selected = Selected::Name(method.into());
    remote.perform(selected, arguments, |codec, body| codec.decode(body))
}
