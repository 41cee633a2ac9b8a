//! Objects of Python's Pyro5 daemons, called by name with Python's own values: [`PythonProxy`].

mod connection;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use farcall_shared::pyro::payload::{Exception, Metadata};
pub use farcall_shared::pyro::uri::{PyroUri, PyroUriError};
pub use farcall_shared::pyro::{PyValue, Serializer};
use farcall_shared::uri::Address;
use tokio::sync::Mutex;

use connection::Connection;

/// How long a call may take, its connection included, when nothing else is said.
const DEADLINE: Duration = Duration::from_secs(30);

/// The object that answers for names in Python.
const NAME_SERVER: &str = "Pyro.NameServer";

/// An object of a Python daemon. It connects at its first call and again after a connection broke; clones share the
/// connection, which carries one call at a time, as Python's protocol has it.
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
    uri: PyroUri,
    serializer: Serializer,
    deadline: Duration,
    /// Taken out while a call is on its way: one that is given up leaves none behind.
    connection: Arc<Mutex<Option<Connection>>>,
}

/// Why a call of a Python object brought no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PythonError {
    /// The method raised it, or the daemon in its place.
    #[error("{uri} raised {}: {}", .exception.class, .exception.message().unwrap_or("(no message)"))]
    Raised {
        /// The object.
        uri: PyroUri,
        /// Class, arguments and traceback.
        exception: Box<Exception>,
    },
    /// The call was not sent: nobody is there, the daemon refused, or an argument has no form in the serializer.
    #[error("{uri} was not called: {why}")]
    NotSent {
        /// The object.
        uri: PyroUri,
        /// What happened.
        why: String,
    },
    /// The call was sent, and its end is not known: it may have run.
    #[error("{uri} may have run: {why}")]
    Unknown {
        /// The object.
        uri: PyroUri,
        /// What happened.
        why: String,
    },
}

impl PythonProxy {
    /// An object by its URI: `PYRO:`, or `PYRONAME:` with the name server's address in it or at `localhost:9090`.
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
            uri,
            serializer: Serializer::default(),
            deadline: DEADLINE,
            connection: Arc::default(),
        }
    }

    /// With another serializer.
    #[must_use]
    pub fn with_serializer(mut self, serializer: Serializer) -> Self {
        self.serializer = serializer;
        self.connection = Arc::default();
        self
    }

    /// With another deadline for each call.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Where it is.
    pub fn uri(&self) -> &PyroUri {
        &self.uri
    }

    /// Calls a method. One that the daemon calls one-way gives `None` at once.
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
        let call = farcall_shared::pyro::payload::Call {
            method: method.to_owned(),
            positional: positional.into_iter().collect(),
            keywords: keywords.into_iter().collect(),
        };
        let mut sent = false;
        let calling = self.call_in_turn(call, &mut sent);
        let ended = tokio::time::timeout(self.deadline, calling).await;
        match ended {
            Ok(ended) => ended,
            Err(_) => Err(self.lost(sent, format!("its deadline of {:?} is over", self.deadline))),
        }
    }

    async fn call_in_turn(
        &self,
        call: farcall_shared::pyro::payload::Call,
        sent: &mut bool,
    ) -> Result<PyValue, PythonError> {
        let mut place = self.connection.lock().await;
        let mut connection = match place.take() {
            Some(connection) => connection,
            None => {
                let opened = Box::pin(self.open()).await;
                opened.map_err(|why| self.lost(false, why))?
            }
        };
        let ended = connection.call(call, sent).await;
        let answer = ended.map_err(|why| self.lost(*sent, why))?;
        *place = Some(connection);
        answer.map_err(|exception| PythonError::Raised {
            uri: self.uri.clone(),
            exception: Box::new(exception),
        })
    }

    fn lost(&self, sent: bool, why: String) -> PythonError {
        let uri = self.uri.clone();
        match sent {
            true => PythonError::Unknown { uri, why },
            false => PythonError::NotSent { uri, why },
        }
    }

    async fn open(&self) -> Result<Connection, String> {
        let (object, address) = match &self.uri {
            PyroUri::Object { object, address } => (object.clone(), address.clone()),
            PyroUri::Name { name, names } => {
                let names = names.clone().unwrap_or_else(Address::default_names);
                self.look_up(name, names).await?
            }
            PyroUri::Meta { .. } => return Err("objects are not looked up by tags yet".to_owned()),
        };
        Connection::open(&object, &address, self.serializer, self.deadline).await
    }

    async fn look_up(&self, name: &str, names: Address) -> Result<(String, Address), String> {
        let names = Self::of(PyroUri::Object {
            object: NAME_SERVER.to_owned(),
            address: names,
        });
        let names = names.with_deadline(self.deadline);
        let found = Box::pin(names.call("lookup", [name.into()], []));
        let found = found.await.map_err(|error| error.to_string())?;
        match PyroUri::from_value(&found) {
            Ok(PyroUri::Object { object, address }) => Ok((object, address)),
            Ok(other) => Err(format!("the name leads to another one: {other}")),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl fmt::Debug for PythonProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PythonProxy({})", self.uri)
    }
}
