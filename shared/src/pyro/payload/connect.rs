//! The greeting: for which object a client comes, and what it may call there.

use super::super::EncodeError;
use super::super::serializer::Serializer;
use super::super::value::{PyValue, dict};
use super::{PayloadError, take, text, texts};

/// What a client greets with.
#[derive(Clone, Debug, PartialEq)]
pub struct Connect {
    /// Whatever the daemon wants to hear; `"hello"` when nobody cares.
    pub handshake: PyValue,
    /// The id of the object.
    pub object: String,
}

/// What a daemon greets back with.
#[derive(Clone, Debug, PartialEq)]
pub struct Connected {
    /// Whatever it wants to say.
    pub handshake: PyValue,
    /// What the object offers; `None` means that it has to be asked for.
    pub metadata: Option<Metadata>,
}

/// What an object offers. Python clients refuse an object without methods and attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The names of its methods.
    pub methods: Vec<String>,
    /// Those of them that are called without an answer.
    pub oneway: Vec<String>,
    /// The names of its attributes.
    pub attributes: Vec<String>,
}

impl Connect {
    /// Reads a payload of a CONNECT.
    ///
    /// # Errors
    /// Decode or Shape.
    pub fn decode(serializer: Serializer, payload: &[u8]) -> Result<Self, PayloadError> {
        let mut parts = parts(serializer, payload)?;
        let object = take(&mut parts, "object").unwrap_or_default();
        Ok(Self {
            handshake: take(&mut parts, "handshake").unwrap_or_default(),
            object: text(object, "the object")?,
        })
    }

    /// Appends the payload.
    ///
    /// # Errors
    /// The handshake has no form there.
    pub fn encode(self, serializer: Serializer, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let value = dict([
            ("handshake", self.handshake),
            ("object", self.object.into()),
        ]);
        serializer.encode(&value, out)
    }
}

impl Connected {
    /// Reads a payload of a CONNECTOK.
    ///
    /// # Errors
    /// Decode or Shape.
    pub fn decode(serializer: Serializer, payload: &[u8]) -> Result<Self, PayloadError> {
        let mut parts = parts(serializer, payload)?;
        let metadata = match take(&mut parts, "meta").unwrap_or_default() {
            PyValue::None => None,
            PyValue::Dict(entries) if entries.is_empty() => None,
            metadata => Some(Metadata::from_value(&metadata)?),
        };
        Ok(Self {
            handshake: take(&mut parts, "handshake").unwrap_or_default(),
            metadata,
        })
    }

    /// Appends the payload.
    ///
    /// # Errors
    /// The handshake has no form there.
    pub fn encode(self, serializer: Serializer, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let metadata = self.metadata.map(Metadata::into_value);
        let value = dict([
            ("handshake", self.handshake),
            ("meta", metadata.unwrap_or_default()),
        ]);
        serializer.encode(&value, out)
    }
}

impl Metadata {
    /// The dict of three sets that Python sends, also as the result of `get_metadata`.
    #[must_use]
    pub fn into_value(self) -> PyValue {
        let set = |names: Vec<String>| PyValue::Set(names.into_iter().map(PyValue::from).collect());
        dict([
            ("methods", set(self.methods)),
            ("oneway", set(self.oneway)),
            ("attrs", set(self.attributes)),
        ])
    }

    /// Reads the dict that Python sends. What is missing is empty.
    ///
    /// # Errors
    /// It is something else.
    pub fn from_value(value: &PyValue) -> Result<Self, PayloadError> {
        let shape = |found: &PyValue| PayloadError::Shape {
            what: "the metadata",
            expected: "a dict of sets of str",
            found: found.type_name(),
        };
        if !matches!(value, PyValue::Dict(_)) {
            return Err(shape(value));
        }
        let names = |key| match value.field(key) {
            Some(names) => texts(names).ok_or_else(|| shape(names)),
            None => Ok(Vec::new()),
        };
        Ok(Self {
            methods: names("methods")?,
            oneway: names("oneway")?,
            attributes: names("attrs")?,
        })
    }
}

fn parts(serializer: Serializer, payload: &[u8]) -> Result<Vec<(PyValue, PyValue)>, PayloadError> {
    match serializer.decode(payload)? {
        PyValue::Dict(entries) => Ok(entries),
        other => Err(PayloadError::Shape {
            what: "a greeting",
            expected: "a dict",
            found: other.type_name(),
        }),
    }
}
