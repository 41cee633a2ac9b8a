//! Calls: object, method and arguments; batches of them; arguments that stay as they were written.

use super::super::EncodeError;
use super::super::serializer::Serializer;
use super::super::value::{PyValue, dict};
use super::{BATCH, PayloadError, elements, entries, take, text};

/// A method and its arguments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    /// The method's name.
    pub method: String,
    /// Arguments by their places.
    pub positional: Vec<PyValue>,
    /// Arguments by their names. Where a name comes twice, the last one counts.
    pub keywords: Vec<(String, PyValue)>,
}

/// A call of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invoke {
    /// The object's id.
    pub object: String,
    /// What is called there; the calls of a batch are its arguments.
    pub call: Call,
}

/// What stands in the annotation `BLBI` of a call whose one argument stays as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Blob {
    /// What its sender says about it.
    pub info: PyValue,
    /// The object that it is for; the one in the payload may be an earlier hop's.
    pub object: String,
    /// The method that it is for.
    pub method: String,
}

impl Invoke {
    /// Reads a payload of an INVOKE.
    ///
    /// # Errors
    /// Decode or Shape.
    pub fn decode(serializer: Serializer, payload: &[u8]) -> Result<Self, PayloadError> {
        let Parts {
            object,
            method,
            positional,
            keywords,
        } = Parts::decode(serializer, payload)?;
        Ok(Self {
            object: text(object, "the object")?,
            call: Call::from_parts(method, positional, keywords)?,
        })
    }

    /// Appends the payload.
    ///
    /// # Errors
    /// An argument has no form there.
    pub fn encode(self, serializer: Serializer, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let (method, positional, keywords) = self.call.into_parts();
        let object = PyValue::from(self.object);
        let value = if serializer == Serializer::Json {
            dict([
                ("object", object),
                ("method", method),
                ("params", positional),
                ("kwargs", keywords),
            ])
        } else {
            PyValue::Tuple(vec![object, method, positional, keywords])
        };
        serializer.encode(&value, out)
    }

    /// Many calls of one object as one, which is sent with the flag BATCH.
    #[must_use]
    pub fn of_batch(object: String, calls: Vec<Call>) -> Self {
        let call = |call: Call| {
            let (method, positional, keywords) = call.into_parts();
            PyValue::Tuple(vec![method, positional, keywords])
        };
        Self {
            object,
            call: Call {
                method: BATCH.to_owned(),
                positional: calls.into_iter().map(call).collect(),
                keywords: Vec::new(),
            },
        }
    }

    /// The calls of one that came with the flag BATCH.
    ///
    /// # Errors
    /// Shape.
    pub fn into_batch(self) -> Result<Vec<Call>, PayloadError> {
        let calls = self.call.positional.into_iter();
        calls
            .map(|call| {
                let parts = elements(call, "a call of a batch")?;
                let parts: Result<[PyValue; 3], _> = parts.try_into();
                let [method, positional, keywords] = parts.map_err(|_| PayloadError::Shape {
                    what: "a call of a batch",
                    expected: "three parts",
                    found: "another number of them",
                })?;
                Call::from_parts(method, positional, keywords)
            })
            .collect()
    }
}

impl Call {
    fn from_parts(
        method: PyValue,
        positional: PyValue,
        keywords: PyValue,
    ) -> Result<Self, PayloadError> {
        Ok(Self {
            method: text(method, "the method")?,
            positional: elements(positional, "the arguments")?,
            keywords: entries(keywords, "the keyword arguments")?,
        })
    }

    fn into_parts(self) -> (PyValue, PyValue, PyValue) {
        let keywords = self.keywords.into_iter();
        let keywords = keywords.map(|(name, value)| (name.into(), value));
        (
            self.method.into(),
            PyValue::Tuple(self.positional),
            PyValue::Dict(keywords.collect()),
        )
    }
}

impl Blob {
    /// Reads the annotation, which is marshal whatever the payload is.
    ///
    /// # Errors
    /// Decode or Shape.
    pub fn decode(annotation: &[u8]) -> Result<Self, PayloadError> {
        let parts = elements(
            Serializer::Marshal.decode(annotation)?,
            "a blob's annotation",
        )?;
        let parts: Result<[PyValue; 3], _> = parts.try_into();
        let [info, object, method] = parts.map_err(|_| PayloadError::Shape {
            what: "a blob's annotation",
            expected: "three parts",
            found: "another number of them",
        })?;
        Ok(Self {
            info,
            object: text(object, "a blob's object")?,
            method: text(method, "a blob's method")?,
        })
    }

    /// Appends the annotation.
    ///
    /// # Errors
    /// What is said about it has no form there.
    pub fn encode(self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let parts = vec![self.info, self.object.into(), self.method.into()];
        Serializer::Marshal.encode(&PyValue::Tuple(parts), out)
    }

    /// The argument, from the payload that stayed as it was written.
    ///
    /// # Errors
    /// Decode or Shape.
    pub fn argument(serializer: Serializer, payload: &[u8]) -> Result<PyValue, PayloadError> {
        Parts::decode(serializer, payload).map(|parts| parts.positional)
    }
}

/// The four parts of a payload.
struct Parts {
    object: PyValue,
    method: PyValue,
    positional: PyValue,
    keywords: PyValue,
}

impl Parts {
    fn decode(serializer: Serializer, payload: &[u8]) -> Result<Self, PayloadError> {
        let value = serializer.decode(payload)?;
        let found = value.type_name();
        Self::from_value(serializer, value).ok_or(PayloadError::Shape {
            what: "a call",
            expected: "object, method, arguments and keyword arguments",
            found,
        })
    }

    fn from_value(serializer: Serializer, value: PyValue) -> Option<Self> {
        match (serializer, value) {
            (Serializer::Json, PyValue::Dict(mut parts)) => Some(Self {
                object: take(&mut parts, "object")?,
                method: take(&mut parts, "method")?,
                positional: take(&mut parts, "params")?,
                keywords: take(&mut parts, "kwargs")?,
            }),
            (Serializer::Json, _) => None,
            (_, PyValue::Tuple(parts) | PyValue::List(parts)) => {
                let parts: [PyValue; 4] = parts.try_into().ok()?;
                let [object, method, positional, keywords] = parts;
                Some(Self {
                    object,
                    method,
                    positional,
                    keywords,
                })
            }
            _ => None,
        }
    }
}
