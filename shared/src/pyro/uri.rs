//! Pyro's URIs: `PYRO:`, `PYRONAME:` and `PYROMETA:`, as text and as the object that Python sends.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::payload::PayloadError;
use super::value::{PyValue, dict};
use crate::uri::{Address, MAX_URI_BYTES, MetaUri, NameUri, ObjectUri, Uri};

/// The port of a name server, where a URI gives none.
pub const NAME_SERVER_PORT: u16 = 9090;

/// Where a Python object is.
///
/// | form | leads to |
/// |---|---|
/// | `PYRO:OBJECT@HOST:PORT` | the object at that address |
/// | `PYRO:OBJECT@./u:PATH` | the object behind that Unix socket |
/// | `PYRONAME:NAME[@HOST[:PORT]]` | whatever the name server has under that name |
/// | `PYROMETA:TAG,TAG…[@HOST[:PORT]]` | any object that carries all these tags |
///
/// The scheme may be in small letters. A numeric IPv6 address stands in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PyroUri {
    /// `PYRO:`
    Object {
        /// The object's id in its daemon.
        object: String,
        /// Where the daemon listens.
        address: Address,
    },
    /// `PYRONAME:`
    Name {
        /// The name.
        name: String,
        /// The name server; `None` means whichever is found.
        names: Option<Address>,
    },
    /// `PYROMETA:`
    Meta {
        /// All of these must be there.
        tags: Vec<String>,
        /// The name server; `None` means whichever is found.
        names: Option<Address>,
    },
}

/// Text that is no URI of Pyro's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid uri '{uri}': {why}")]
pub struct PyroUriError {
    /// The text, or its beginning.
    pub uri: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// The parts of the object that Python sends: protocol, object, socket, host, port.
const STATE_PARTS: usize = 5;

/// A socket's path stands behind this.
const SOCKET_PREFIX: &str = "./u:";

impl FromStr for PyroUri {
    type Err = PyroUriError;

    fn from_str(uri: &str) -> Result<Self, PyroUriError> {
        parse(uri).map_err(|why| PyroUriError {
            uri: crate::wire::cut(uri, 200).to_owned(),
            why,
        })
    }
}

fn parse(uri: &str) -> Result<PyroUri, &'static str> {
    if uri.len() > MAX_URI_BYTES {
        return Err("it is longer than 4096 bytes");
    }
    let (scheme, rest) = uri.split_once(':').ok_or("it has no scheme")?;
    // The first character belongs to the object, whatever it is.
    let at = rest.char_indices().skip(1).find(|(_, c)| *c == '@');
    let (object, location) = match at {
        Some((at, _)) if at + 1 < rest.len() => (&rest[..at], Some(&rest[at + 1..])),
        _ => (rest, None),
    };
    if object.is_empty() || object.contains(char::is_whitespace) {
        return Err("its object is empty or holds a blank");
    }
    let names = || {
        location
            .map(|text| address(text, Some(NAME_SERVER_PORT)))
            .transpose()
    };
    match scheme.to_ascii_uppercase().as_str() {
        "PYRO" => Ok(PyroUri::Object {
            object: object.to_owned(),
            address: address(location.ok_or("it has no address")?, None)?,
        }),
        "PYRONAME" => Ok(PyroUri::Name {
            name: object.to_owned(),
            names: names()?,
        }),
        "PYROMETA" => Ok(PyroUri::Meta {
            tags: object.split(',').map(|tag| tag.trim().to_owned()).collect(),
            names: names()?,
        }),
        _ => Err("its scheme is not PYRO, PYRONAME or PYROMETA"),
    }
}

fn address(text: &str, default_port: Option<u16>) -> Result<Address, &'static str> {
    if let Some(path) = text.strip_prefix(SOCKET_PREFIX) {
        if path.is_empty() || path.contains(':') {
            return Err("its socket has no path, or one with a colon");
        }
        return Ok(Address::Unix(PathBuf::from(path)));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(numeric) => {
            let (host, rest) = numeric.split_once(']').ok_or("a bracket is open")?;
            let is_numeric = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '%');
            if host.is_empty() || !host.chars().all(is_numeric) {
                return Err("its brackets hold no numeric IPv6 address");
            }
            (host, rest.strip_prefix(':').unwrap_or(rest))
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    if host.is_empty() {
        return Err("it has no host");
    }
    let port = match (port, default_port) {
        ("", Some(port)) => port,
        ("", None) => return Err("it has no port"),
        (port, _) => port
            .parse()
            .map_err(|_| "its port is no number below 65536")?,
    };
    Ok(Address::Tcp {
        host: host.to_owned(),
        port,
    })
}

impl fmt::Display for PyroUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = match self {
            Self::Object { object, address } => {
                write!(f, "PYRO:{object}")?;
                Some(address)
            }
            Self::Name { name, names } => {
                write!(f, "PYRONAME:{name}")?;
                names.as_ref()
            }
            Self::Meta { tags, names } => {
                write!(f, "PYROMETA:{}", tags.join(","))?;
                names.as_ref()
            }
        };
        match address {
            Some(Address::Tcp { host, port }) if host.contains(':') => {
                write!(f, "@[{host}]:{port}")
            }
            Some(Address::Tcp { host, port }) => write!(f, "@{host}:{port}"),
            Some(Address::Unix(path)) => write!(f, "@{SOCKET_PREFIX}{}", path.display()),
            None => Ok(()),
        }
    }
}

impl PyroUri {
    /// True for text that begins with one of Pyro's schemes, whatever comes behind it.
    #[must_use]
    pub fn has_scheme(uri: &str) -> bool {
        let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
        let is = |scheme: &str, known: &str| scheme.eq_ignore_ascii_case(known);
        scheme.is_some_and(|it| is(it, "PYRO") || is(it, "PYRONAME") || is(it, "PYROMETA"))
    }

    /// Where Python finds what a URI of farcall's leads to: daemons answer both at the same address, and so does `ns`.
    #[must_use]
    pub fn of(uri: &Uri) -> Self {
        match uri.clone() {
            Uri::Object(ObjectUri {
                object, address, ..
            }) => Self::Object { object, address },
            Uri::Name(NameUri { name, names }) => Self::Name { name, names },
            Uri::Meta(MetaUri { tags, names }) => Self::Meta { tags, names },
            Uri::Python(uri) => uri,
        }
    }

    /// The name of the class, as it is on the wire.
    pub const CLASS: &str = "Pyro5.core.URI";

    /// The object that Python sends.
    #[must_use]
    pub fn to_value(&self) -> PyValue {
        let (protocol, object, address) = match self {
            Self::Object { object, address } => ("PYRO", object.as_str().into(), Some(address)),
            Self::Name { name, names } => ("PYRONAME", name.as_str().into(), names.as_ref()),
            Self::Meta { tags, names } => {
                let tags = tags.iter().map(|tag| tag.as_str().into()).collect();
                ("PYROMETA", PyValue::Set(tags), names.as_ref())
            }
        };
        let (socket, host, port) = match address {
            Some(Address::Tcp { host, port }) => {
                (PyValue::None, host.as_str().into(), i64::from(*port).into())
            }
            Some(Address::Unix(path)) => (
                path.to_string_lossy().into_owned().into(),
                PyValue::None,
                PyValue::None,
            ),
            None => (PyValue::None, PyValue::None, PyValue::None),
        };
        let state: [PyValue; STATE_PARTS] = [protocol.into(), object, socket, host, port];
        dict([
            ("__class__", Self::CLASS.into()),
            ("state", PyValue::Tuple(state.into())),
        ])
    }

    /// Reads the object that Python sends.
    ///
    /// # Errors
    /// It is another one, or its parts make no URI.
    pub fn from_value(value: &PyValue) -> Result<Self, PayloadError> {
        let malformed = || PayloadError::Class(Self::CLASS);
        let state = value.field("state").and_then(PyValue::as_elements);
        let (Some(Self::CLASS), Some([protocol, object, socket, host, port])) =
            (value.class_name(), state)
        else {
            return Err(malformed());
        };
        let names = match (socket, host, port) {
            (PyValue::Str(path), _, _) => Some(Address::Unix(PathBuf::from(path))),
            (PyValue::None, PyValue::Str(host), PyValue::Int(port)) => Some(Address::Tcp {
                host: host.clone(),
                port: u16::try_from(*port).map_err(|_| malformed())?,
            }),
            (PyValue::None, PyValue::None, _) => None,
            _ => return Err(malformed()),
        };
        let uri = match (protocol.as_str(), object, names) {
            (Some("PYRO"), PyValue::Str(object), Some(address)) => Self::Object {
                object: object.clone(),
                address,
            },
            (Some("PYRONAME"), PyValue::Str(name), names) => Self::Name {
                name: name.clone(),
                names,
            },
            (Some("PYROMETA"), tags, names) => Self::Meta {
                tags: super::payload::texts(tags).ok_or_else(malformed)?,
                names,
            },
            _ => return Err(malformed()),
        };
        Ok(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_read_as_python_reads_them_and_written_the_same() {
        for uri in [
            "PYRO:object@localhost:9090",
            "PYRO:obj_1é@some host:1",
            "PYRO:a@b@c:1",
            "PYRO:object@[::1%1]:80",
            "PYRO:object@./u:/tmp/a socket",
            "PYRONAME:name",
            "PYRONAME:name@host:77",
            "PYRONAME:name@",
            "PYROMETA:a,b@./u:path",
        ] {
            assert_eq!(uri.parse::<PyroUri>().unwrap().to_string(), uri);
        }
        for (uri, written) in [
            ("pyro:o@h:1", "PYRO:o@h:1"),
            ("PYRONAME:n@h", "PYRONAME:n@h:9090"),
            ("PyroMeta:a,b@[::1]", "PYROMETA:a,b@[::1]:9090"),
        ] {
            assert_eq!(uri.parse::<PyroUri>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn a_malformed_uri_says_what_is_wrong_with_it() {
        for (uri, why) in [
            ("", "it has no scheme"),
            ("PYRO:", "its object is empty or holds a blank"),
            ("PYRO:a b@h:1", "its object is empty or holds a blank"),
            ("PYRO:a", "it has no address"),
            ("PYRO:a@h", "it has no port"),
            ("PYRO:a@:1", "it has no host"),
            ("PYRO:a@h:x", "its port is no number below 65536"),
            ("PYRO:a@h:65536", "its port is no number below 65536"),
            (
                "PYRO:a@[[::1]]:1",
                "its brackets hold no numeric IPv6 address",
            ),
            ("PYRO:a@[::1", "a bracket is open"),
            ("PYRO:a@./u:", "its socket has no path, or one with a colon"),
            ("FAR:a@h:1", "its scheme is not PYRO, PYRONAME or PYROMETA"),
        ] {
            let error = uri.parse::<PyroUri>().unwrap_err();
            assert_eq!((error.why, error.uri.as_str()), (why, uri));
        }
    }

    #[test]
    fn a_uri_is_the_same_after_it_was_an_object() {
        for uri in [
            "PYRO:object@localhost:9090",
            "PYRO:object@./u:/tmp/s",
            "PYRONAME:name",
            "PYRONAME:name@host:77",
            "PYROMETA:a,b",
        ] {
            let uri: PyroUri = uri.parse().unwrap();
            assert_eq!(PyroUri::from_value(&uri.to_value()), Ok(uri));
        }
        assert!(PyroUri::from_value(&PyValue::None).is_err());
    }
}
