//! Objects of Python's Pyro5 daemons, called by name with Python's own values: [`PythonProxy`].

mod batch;
mod connection;
mod error;
mod items;
mod names;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::context::Context;
use farcall_shared::error::{NotSent, Unknown};
use farcall_shared::pyro::message::flag;
use farcall_shared::pyro::payload::{BATCH, Call, GET_ATTRIBUTE, Invoke, Proxy, SET_ATTRIBUTE};
pub use farcall_shared::pyro::payload::{Exception, Metadata};
pub use farcall_shared::pyro::uri::{PyroUri, PyroUriError};
pub use farcall_shared::pyro::{PyValue, Raised, Serializer};
use farcall_shared::uri::Uri;
use tokio::sync::Mutex;

pub use batch::PythonBatch;
pub(crate) use connection::{Answer, Given};
use connection::{Connection, Fault, Sent};
pub use error::PythonError;
pub use items::PythonStream;

use crate::DEFAULT_DEADLINE;

/// An object of a Python daemon. It connects at its first call and again after a connection broke.
///
/// Clones share the connection, which carries one call at a time, as Python's protocol has it: the others wait. So what a
/// Python method calls back here must not call that same object by a clone, but by a proxy made anew.
///
/// # Examples
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use farcall_client::python::PythonProxy;
///
/// let worker = PythonProxy::new("PYRONAME:worker@localhost:9090")?;
/// let square = worker.call("process", [10.into()], []).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PythonProxy {
    uri: Arc<PyroUri>,
    serializer: Serializer,
    deadline: Duration,
    annotations: Vec<([u8; 4], Vec<u8>)>,
    correlation: Option<u128>,
    /// Taken out while a call is on its way: one that is given up leaves none behind.
    connection: Arc<Mutex<Option<Connection>>>,
}

impl PythonProxy {
    /// An object by its URI: `PYRO:`, `PYRONAME:` or `PYROMETA:`, with the name server's address in it, or the one in
    /// `FARCALL_NS`, or `localhost:9090`.
    ///
    /// # Errors
    /// The URI is malformed.
    pub fn new(uri: &str) -> Result<Self, PyroUriError> {
        Ok(Self::of(uri.parse()?))
    }

    /// As [`new`](Self::new), of a URI that was read.
    #[must_use]
    pub fn of(uri: PyroUri) -> Self {
        Self {
            uri: Arc::new(uri),
            serializer: Serializer::default(),
            deadline: DEFAULT_DEADLINE,
            annotations: Vec::new(),
            correlation: None,
            connection: Arc::default(),
        }
    }

    /// The object that a value refers to, if it is a proxy or a URI of Python's.
    #[must_use]
    pub fn from_value(value: &PyValue) -> Option<Self> {
        let proxy = Proxy::from_value(value).map(|proxy| proxy.uri);
        let uri = proxy.or_else(|_| PyroUri::from_value(value));
        uri.ok().map(Self::of)
    }

    /// A value that arrives in Python as a proxy of the object at this URI, such as one of a daemon of this process.
    #[must_use]
    pub fn value_of(uri: &Uri) -> PyValue {
        Proxy::new(PyroUri::of(uri), Metadata::default()).into_value()
    }

    /// The object as a value, which arrives as a proxy.
    #[must_use]
    pub fn to_value(&self) -> PyValue {
        Proxy::new(PyroUri::clone(&self.uri), Metadata::default()).into_value()
    }

    /// With another serializer, and a connection of its own.
    #[must_use]
    pub fn with_serializer(mut self, serializer: Serializer) -> Self {
        self.serializer = serializer;
        self.connection = Arc::default();
        self
    }

    /// With another deadline for each call, and for each item of a stream.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// With an annotation beside each call, in place of the one of that name.
    #[must_use]
    pub fn with_annotation(mut self, name: [u8; 4], data: impl Into<Vec<u8>>) -> Self {
        self.annotations.retain(|(known, _)| *known != name);
        self.annotations.push((name, data.into()));
        self
    }

    /// With this correlation id for each call: the big-endian number that the UUID's bytes are.
    #[must_use]
    pub fn with_correlation(mut self, id: u128) -> Self {
        self.correlation = Some(id);
        self
    }

    /// What leads to it.
    pub fn uri(&self) -> &PyroUri {
        &self.uri
    }

    /// What the object offers, as its daemon said at the greeting. Connects if need be.
    ///
    /// # Errors
    /// NotSent.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn metadata(&self) -> Result<Metadata, PythonError> {
        let asking = async {
            let mut place = self.connection.lock().await;
            let connection = self.connected(&mut place).await?;
            let metadata = connection.metadata().clone();
            *place = Some(connection);
            Ok(metadata)
        };
        let ended = tokio::time::timeout(self.deadline, asking).await;
        ended.unwrap_or_else(|_| Err(self.late(false)))
    }

    /// Calls a method. One that the daemon calls one-way gives `None` at once. A call that is made inside of another has the
    /// correlation id of that one, unless it is told another.
    ///
    /// # Errors
    /// See [`PythonError`].
    ///
    /// # Cancel safety
    /// Giving the call up closes the connection; the method may have run.
    pub async fn call(
        &self,
        method: &str,
        positional: impl IntoIterator<Item = PyValue>,
        keywords: impl IntoIterator<Item = (String, PyValue)>,
    ) -> Result<PyValue, PythonError> {
        match self.given(made(method, positional, keywords), 0).await? {
            Given::Value(value) => Ok(value),
            Given::Raised(exception) => Err(self.raised(exception)),
            Given::Nothing => Ok(PyValue::None),
            Given::Items(id) => {
                drop(PythonStream::new(self, id));
                Err(self.kind("an iterator", "call it with `stream`"))
            }
        }
    }

    /// Calls a method that gives an iterator or a generator.
    ///
    /// # Errors
    /// See [`PythonError`]; Kind when the method gives a value.
    ///
    /// # Cancel safety
    /// As [`call`](Self::call).
    pub async fn stream(
        &self,
        method: &str,
        positional: impl IntoIterator<Item = PyValue>,
        keywords: impl IntoIterator<Item = (String, PyValue)>,
    ) -> Result<PythonStream, PythonError> {
        match self.given(made(method, positional, keywords), 0).await? {
            Given::Items(id) => Ok(PythonStream::new(self, id)),
            Given::Raised(exception) => Err(self.raised(exception)),
            Given::Value(_) | Given::Nothing => {
                Err(self.kind("no iterator", "call it with `call`"))
            }
        }
    }

    /// Calls a method without a reply: ends when the call is on its way.
    ///
    /// # Errors
    /// Missing, NotSent, or Unknown when only a part of it could be written.
    ///
    /// # Cancel safety
    /// As [`call`](Self::call).
    pub async fn send(
        &self,
        method: &str,
        positional: impl IntoIterator<Item = PyValue>,
        keywords: impl IntoIterator<Item = (String, PyValue)>,
    ) -> Result<(), PythonError> {
        let call = made(method, positional, keywords);
        self.given(call, flag::ONEWAY).await.map(drop)
    }

    /// The value of an attribute.
    ///
    /// # Errors
    /// See [`PythonError`].
    ///
    /// # Cancel safety
    /// As [`call`](Self::call).
    pub async fn attribute(&self, name: &str) -> Result<PyValue, PythonError> {
        self.call(GET_ATTRIBUTE, [name.into()], []).await
    }

    /// Sets an attribute.
    ///
    /// # Errors
    /// See [`PythonError`].
    ///
    /// # Cancel safety
    /// As [`call`](Self::call).
    pub async fn set_attribute(&self, name: &str, value: PyValue) -> Result<(), PythonError> {
        let set = self.call(SET_ATTRIBUTE, [name.into(), value], []);
        set.await.map(drop)
    }

    /// A batch of calls of this object: none yet.
    pub fn batch(&self) -> PythonBatch {
        PythonBatch::new(self)
    }

    /// What a call of the object gives.
    pub(crate) async fn given(&self, call: Call, flags: u16) -> Result<Given, PythonError> {
        self.answer(call, flags).await.map(|answer| answer.given)
    }

    /// The same, and what came beside it.
    pub(crate) async fn answer(&self, call: Call, flags: u16) -> Result<Answer, PythonError> {
        self.whole(None, call, flags).await
    }

    /// Calls an object of the daemon, this one if none is named.
    async fn whole(
        &self,
        object: Option<&str>,
        call: Call,
        flags: u16,
    ) -> Result<Answer, PythonError> {
        let mut sent = false;
        let calling = self.in_turn(object, call, flags, &mut sent);
        let ended = tokio::time::timeout(self.deadline, calling).await;
        ended.unwrap_or_else(|_| Err(self.late(sent)))
    }

    async fn in_turn(
        &self,
        object: Option<&str>,
        call: Call,
        flags: u16,
        sent: &mut bool,
    ) -> Result<Answer, PythonError> {
        let mut place = self.connection.lock().await;
        let mut connection = self.connected(&mut place).await?;
        let metadata = connection.metadata();
        let oneway = metadata.oneway.contains(&call.method);
        if object.is_none()
            && let Some(name) = missing(metadata, &call)
        {
            let name = name.to_owned();
            *place = Some(connection);
            return Err(PythonError::Missing {
                uri: Arc::clone(&self.uri),
                name,
            });
        }
        let object = match object {
            Some(object) => object.to_owned(),
            None => connection.object().to_owned(),
        };
        let call = Sent {
            invoke: Invoke { object, call },
            flags: if oneway { flags | flag::ONEWAY } else { flags },
            annotations: self.annotations.clone(),
            correlation: self
                .correlation
                .or_else(|| Context::current().map(|call| call.correlation_id())),
        };
        match connection.call(call, sent).await {
            Ok(answer) => {
                *place = Some(connection);
                Ok(answer)
            }
            Err(Fault::NotSent(reason)) => {
                *place = Some(connection);
                Err(self.not_sent(reason))
            }
            Err(Fault::Lost(why)) => Err(PythonError::Unknown {
                uri: Arc::clone(&self.uri),
                reason: Unknown::Disconnected(why),
            }),
        }
    }

    /// The connection, made if there is none that lives. It is no longer at its place.
    async fn connected(&self, place: &mut Option<Connection>) -> Result<Connection, PythonError> {
        if let Some(mut connection) = place.take()
            && connection.is_quiet()
        {
            return Ok(connection);
        }
        let open = async {
            let (object, address) = names::locate(&self.uri, self.deadline).await?;
            Connection::open(&object, &address, self.serializer, self.deadline).await
        };
        Box::pin(open).await.map_err(|reason| self.not_sent(reason))
    }

    fn not_sent(&self, reason: NotSent) -> PythonError {
        let uri = Arc::clone(&self.uri);
        PythonError::NotSent { uri, reason }
    }

    fn late(&self, sent: bool) -> PythonError {
        let uri = Arc::clone(&self.uri);
        match sent {
            true => PythonError::Unknown {
                uri,
                reason: Unknown::Deadline(self.deadline),
            },
            false => PythonError::NotSent {
                uri,
                reason: NotSent::Expired(self.deadline),
            },
        }
    }

    fn raised(&self, exception: Exception) -> PythonError {
        PythonError::Raised {
            uri: Arc::clone(&self.uri),
            exception: Box::new(exception),
        }
    }

    fn kind(&self, found: &'static str, advice: &'static str) -> PythonError {
        PythonError::Kind {
            uri: Arc::clone(&self.uri),
            found,
            advice,
        }
    }
}

/// What a call wants that the object does not offer, as far as it says what it offers.
fn missing<'a>(metadata: &Metadata, call: &'a Call) -> Option<&'a str> {
    let (offered, wanted) = match call.method.as_str() {
        BATCH => return None,
        GET_ATTRIBUTE | SET_ATTRIBUTE => {
            let name = call.positional.first().and_then(PyValue::as_str)?;
            (&metadata.attributes, name)
        }
        method => (&metadata.methods, method),
    };
    let says = !metadata.methods.is_empty() || !metadata.attributes.is_empty();
    (says && !offered.iter().any(|name| name == wanted)).then_some(wanted)
}

fn made(
    method: &str,
    positional: impl IntoIterator<Item = PyValue>,
    keywords: impl IntoIterator<Item = (String, PyValue)>,
) -> Call {
    Call {
        method: method.to_owned(),
        positional: positional.into_iter().collect(),
        keywords: keywords.into_iter().collect(),
    }
}

impl fmt::Debug for PythonProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PythonProxy({})", self.uri)
    }
}
