//! Objects that offer what only Python has, and keep Python's values as they are: [`PythonObject`].

mod arguments;
mod behind;
mod call;
mod native;
mod sessions;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use farcall_shared::object::Servant;
pub use farcall_shared::pyro::payload::{Exception, Proxy};
pub use farcall_shared::pyro::uri::PyroUri;
pub use farcall_shared::pyro::value::BigInt;
pub use farcall_shared::pyro::{PyValue, Serializer};
use futures_util::Stream;

pub(crate) use behind::{Behind, Dynamic};
pub use call::PythonCall;
pub(crate) use call::{Around, At};

/// An object that offers what only Python has: attributes, arguments of any number, special methods, exceptions of Python's
/// classes, and values that no Rust type was made for.
///
/// An ordinary `#[remote]` object needs none of this to be called from Python. Methods run where calls wait: those that
/// compute for long should say so with `spawn_blocking`.
///
/// # Examples
/// See `guide::python` in the crate `farcall`.
pub trait PythonObject: Sized + Send + Sync + 'static {
    /// What it offers. Asked whenever a client connects; calls of anything else never reach the object.
    fn members(&self) -> Members;

    /// Answers a call of one of its methods.
    ///
    /// # Errors
    /// The exception that the caller raises.
    fn call(&self, call: PythonCall) -> impl Future<Output = Result<Returned, Exception>> + Send;

    /// The value of one of its attributes.
    ///
    /// # Errors
    /// The exception that the caller raises.
    fn attribute(&self, name: &str) -> Result<PyValue, Exception> {
        Err(no_attribute(name))
    }

    /// Sets one of its attributes.
    ///
    /// # Errors
    /// The exception that the caller raises; an attribute that is only to be read gives an `AttributeError`.
    fn set_attribute(&self, name: &str, value: PyValue) -> Result<(), Exception> {
        let _ = value;
        let text = format!("attribute '{name}' cannot be set");
        Err(Exception::builtin("AttributeError", text))
    }

    /// Makes it ready to be hosted.
    fn serve(self) -> Servant {
        Behind::object(self)
    }

    /// An object with an instance for each connection: made at its first call, dropped when the connection ends.
    ///
    /// One instance is made at once, to learn what it offers.
    fn per_session(factory: impl Fn() -> Self + Send + Sync + 'static) -> Servant {
        Behind::sessions(factory)
    }
}

/// What an object offers to Python.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// The name of its class, for errors.
    pub class: String,
    /// The methods that can be called, special ones such as `__len__` among them.
    pub methods: Vec<String>,
    /// Those of them that are not answered.
    pub oneway: Vec<String>,
    /// The attributes that can be read, or set.
    pub attributes: Vec<String>,
    /// What is there and cannot be reached.
    pub hidden: Vec<String>,
}

impl Members {
    /// Nothing yet, of a class of this name.
    pub fn of(class: &str) -> Self {
        Self {
            class: class.to_owned(),
            ..Self::default()
        }
    }

    /// With these methods.
    #[must_use]
    pub fn with_methods<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.methods.extend(names.into_iter().map(str::to_owned));
        self
    }

    /// With these methods that are not answered.
    #[must_use]
    pub fn with_oneway<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
        self.methods.extend(names.iter().cloned());
        self.oneway.extend(names);
        self
    }

    /// With these attributes.
    #[must_use]
    pub fn with_attributes<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.attributes.extend(names.into_iter().map(str::to_owned));
        self
    }

    /// With these names that are there and cannot be reached.
    #[must_use]
    pub fn with_hidden<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.hidden.extend(names.into_iter().map(str::to_owned));
        self
    }
}

/// The items of a stream; the first error is its end.
pub type PythonItems = Pin<Box<dyn Stream<Item = Result<PyValue, Exception>> + Send>>;

/// What a method gives.
pub enum Returned {
    /// A value.
    Value(PyValue),
    /// Items, which Python takes as from an iterator.
    Items(PythonItems),
}

impl Returned {
    /// The items of a stream.
    pub fn items(items: impl Stream<Item = Result<PyValue, Exception>> + Send + 'static) -> Self {
        Self::Items(Box::pin(items))
    }
}

impl<T: Into<PyValue>> From<T> for Returned {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

impl fmt::Debug for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.debug_tuple("Value").field(value).finish(),
            Self::Items(_) => f.write_str("Items"),
        }
    }
}

fn no_attribute(name: &str) -> Exception {
    let text = format!("attempt to access unexposed or unknown remote attribute '{name}'");
    Exception::builtin("AttributeError", text)
}
