//! References to objects: what Python's proxies look like on the wire.

use super::super::uri::PyroUri;
use super::super::value::{PyValue, dict};
use super::{Metadata, PayloadError, texts};

/// A reference to a Python object, with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxy {
    /// Where it is.
    pub uri: PyroUri,
    /// What it offers; empty when its owner has not asked yet.
    pub metadata: Metadata,
    /// What its client greets with.
    pub handshake: PyValue,
    /// The name of the serializer that it insists on.
    pub serializer: Option<String>,
}

impl Proxy {
    /// The name of the class, as it is on the wire.
    pub const CLASS: &str = "Pyro5.client.Proxy";

    /// A reference to the object at this URI.
    #[must_use]
    pub fn new(uri: PyroUri, metadata: Metadata) -> Self {
        Self {
            uri,
            metadata,
            handshake: "hello".into(),
            serializer: None,
        }
    }

    /// The dict that Python sends.
    #[must_use]
    pub fn into_value(self) -> PyValue {
        let names =
            |names: Vec<String>| PyValue::Tuple(names.into_iter().map(PyValue::from).collect());
        let state = vec![
            self.uri.to_string().into(),
            names(self.metadata.oneway),
            names(self.metadata.methods),
            names(self.metadata.attributes),
            self.handshake,
            self.serializer.into(),
        ];
        dict([
            ("__class__", Self::CLASS.into()),
            ("state", PyValue::Tuple(state)),
        ])
    }

    /// Reads the dict that Python sends.
    ///
    /// # Errors
    /// It is something else, or its URI is none.
    pub fn from_value(value: &PyValue) -> Result<Self, PayloadError> {
        let malformed = || PayloadError::Class(Self::CLASS);
        let state = value.field("state").and_then(PyValue::as_elements);
        let (Some(Self::CLASS), Some([uri, oneway, methods, attributes, handshake, serializer])) =
            (value.class_name(), state)
        else {
            return Err(malformed());
        };
        let uri = uri.as_str().and_then(|uri| uri.parse().ok());
        let names = |names| texts(names).ok_or_else(malformed);
        Ok(Self {
            uri: uri.ok_or_else(malformed)?,
            metadata: Metadata {
                methods: names(methods)?,
                oneway: names(oneway)?,
                attributes: names(attributes)?,
            },
            handshake: handshake.clone(),
            serializer: serializer.as_str().map(str::to_owned),
        })
    }
}

/// The class of a daemon on the wire: a placeholder that leads nowhere.
pub const DAEMON_CLASS: &str = "Pyro5.server.Daemon";

/// The placeholder that Python sends for a daemon.
#[must_use]
pub fn daemon() -> PyValue {
    dict([
        ("__class__", DAEMON_CLASS.into()),
        ("state", PyValue::Tuple(Vec::new())),
    ])
}
