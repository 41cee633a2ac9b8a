//! Where an object is: `far:`, `farname:` and `farmeta:` URIs, and Pyro's, parsed once into types that cannot be wrong.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names;
use crate::pyro::uri::{PyroUri, PyroUriError};

/// The longest URI, in bytes.
pub const MAX_URI_BYTES: usize = 4096;

/// A URI of any of farcall's schemes, or of Pyro's.
///
/// | form | leads to |
/// |---|---|
/// | `far:OBJECT@HOST:PORT` | the object at that address |
/// | `far:OBJECT@unix:PATH` | the object behind that Unix socket |
/// | `farname:NAME[@HOST:PORT]` | whatever the name service has under that name |
/// | `farmeta:TAG,TAG…[@HOST:PORT]` | any object that carries all these tags |
/// | `PYRO:…`, `PYRONAME:…`, `PYROMETA:…` | the same of a Python program, see [`PyroUri`] |
///
/// The address behind a `farname:` or `farmeta:` URI is the name service's.
///
/// ```
/// use farcall_shared::uri::Uri;
/// let uri: Uri = "far:worker.1@localhost:4242".parse()?;
/// assert_eq!(uri.to_string(), "far:worker.1@localhost:4242");
/// # Ok::<(), farcall_shared::uri::UriError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Uri {
    /// `far:`
    Object(ObjectUri),
    /// `farname:`
    Name(NameUri),
    /// `farmeta:`
    Meta(MetaUri),
    /// `PYRO:`, `PYRONAME:` or `PYROMETA:`
    Python(PyroUri),
}

/// `far:OBJECT@ADDRESS[?incarnation=HEX]`: an object at an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectUri {
    /// The object's id in its daemon.
    pub object: String,
    /// Where the daemon listens.
    pub address: Address,
    /// The run of the daemon that is meant; `None` means whichever runs now.
    pub incarnation: Option<u64>,
}

/// `farname:NAME[@HOST:PORT]`: a name to look up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NameUri {
    /// The name; where a pattern is asked for, with `*`, `?` and `[…]`.
    pub name: String,
    /// The name service; `None` means the default one.
    pub names: Option<Address>,
}

/// `farmeta:TAG,TAG…[@HOST:PORT]`: tags to look up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetaUri {
    /// All of these must be there.
    pub tags: Vec<String>,
    /// The name service; `None` means the default one.
    pub names: Option<Address>,
}

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Address {
    /// A host name or IP address, and a port.
    Tcp {
        /// The host, without brackets.
        host: String,
        /// The port; 0 asks for any free one when listening.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// Text that is not a URI or an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// It begins with no scheme that farcall knows.
    #[error("'{uri}' is not a farcall URI: {why}; write {EXPECTED}")]
    Scheme {
        /// The text.
        uri: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The scheme is known and the rest is wrong.
    #[error("'{uri}' is malformed: {why}; write {form}")]
    Malformed {
        /// The text.
        uri: String,
        /// What is wrong with it.
        why: String,
        /// The form it should have.
        form: &'static str,
    },
    /// It is not an address.
    #[error("'{text}' is not an address: {why}; write HOST:PORT or unix:PATH")]
    Address {
        /// The text.
        text: String,
        /// What is wrong with it.
        why: String,
    },
}

const EXPECTED: &str =
    "far:OBJECT@HOST:PORT, farname:NAME or farmeta:TAG,TAG, or PYRO:OBJECT@HOST:PORT for Python's";
const OBJECT_FORM: &str = "far:OBJECT@HOST:PORT or far:OBJECT@unix:PATH";
const NAME_FORM: &str = "farname:NAME or farname:NAME@HOST:PORT";
const PYTHON_FORM: &str =
    "PYRO:OBJECT@HOST:PORT, PYRONAME:NAME, PYRONAME:NAME@HOST:PORT or PYROMETA:TAG,TAG";
const META_FORM: &str = "farmeta:TAG,TAG or farmeta:TAG,TAG@HOST:PORT";

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(uri: &str) -> Result<Self, UriError> {
        let scheme_error = |why| UriError::Scheme {
            uri: shorten(uri),
            why,
        };
        if uri.len() > MAX_URI_BYTES {
            return Err(scheme_error("it is longer than 4096 bytes"));
        }
        if PyroUri::has_scheme(uri) {
            return parse_python(uri).map(Self::Python);
        }
        if uri.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(scheme_error("it holds a space or a control character"));
        }
        let Some((scheme, rest)) = uri.split_once(':') else {
            return Err(scheme_error("it has no scheme"));
        };
        match scheme {
            "far" => parse_object(uri, rest).map(Self::Object),
            "farname" => parse_name(uri, rest).map(Self::Name),
            "farmeta" => parse_meta(uri, rest).map(Self::Meta),
            _ => Err(scheme_error("its scheme is unknown")),
        }
    }
}

fn parse_object(uri: &str, rest: &str) -> Result<ObjectUri, UriError> {
    let malformed = |why: String| UriError::Malformed {
        uri: shorten(uri),
        why,
        form: OBJECT_FORM,
    };
    let (rest, incarnation) = match rest.split_once("?incarnation=") {
        None => (rest, None),
        Some((rest, hex)) => {
            let number = u64::from_str_radix(hex, 16)
                .map_err(|_| malformed("its incarnation is not a hexadecimal number".into()))?;
            (rest, Some(number))
        }
    };
    let Some((object, address)) = rest.split_once('@') else {
        return Err(malformed("it has no '@'".into()));
    };
    if object.is_empty() {
        return Err(malformed("it names no object".into()));
    }
    let address: Address = address.parse().map_err(|e: UriError| malformed(e.why()))?;
    if matches!(address, Address::Tcp { port: 0, .. }) {
        return Err(malformed("port 0 cannot be called".into()));
    }
    Ok(ObjectUri {
        object: object.into(),
        address,
        incarnation,
    })
}

fn parse_name(uri: &str, rest: &str) -> Result<NameUri, UriError> {
    let malformed = |why: String| UriError::Malformed {
        uri: shorten(uri),
        why,
        form: NAME_FORM,
    };
    let (name, names) = split_names(rest).map_err(malformed)?;
    if name.is_empty() {
        return Err(malformed("it holds no name".into()));
    }
    Ok(NameUri {
        name: name.into(),
        names,
    })
}

fn parse_meta(uri: &str, rest: &str) -> Result<MetaUri, UriError> {
    let malformed = |why: String| UriError::Malformed {
        uri: shorten(uri),
        why,
        form: META_FORM,
    };
    let (tags, names) = split_names(rest).map_err(malformed)?;
    let tags: Vec<String> = tags.split(',').map(str::to_owned).collect();
    if tags.iter().any(String::is_empty) {
        return Err(malformed("it holds an empty tag".into()));
    }
    Ok(MetaUri { tags, names })
}

fn parse_python(uri: &str) -> Result<PyroUri, UriError> {
    uri.parse().map_err(|e: PyroUriError| UriError::Malformed {
        uri: shorten(uri),
        why: e.why.to_owned(),
        form: PYTHON_FORM,
    })
}

fn split_names(rest: &str) -> Result<(&str, Option<Address>), String> {
    match rest.split_once('@') {
        None => Ok((rest, None)),
        Some((what, address)) => {
            let address = with_default_port(address).map_err(|e| e.why())?;
            Ok((what, Some(address)))
        }
    }
}

/// Reads the address of a name service, where the port may be left out.
///
/// # Errors
/// When the text is no address.
pub fn with_default_port(text: &str) -> Result<Address, UriError> {
    let has_port =
        text.starts_with("unix:") || text.rsplit_once(':').is_some_and(|(_, p)| !p.contains(']'));
    if has_port {
        return text.parse();
    }
    format!("{text}:{}", names::DEFAULT_PORT).parse()
}

impl FromStr for Address {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let wrong = |why: &str| UriError::Address {
            text: shorten(text),
            why: why.into(),
        };
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() {
                return Err(wrong("the path is missing"));
            }
            return Ok(Self::Unix(path.into()));
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(wrong("the port is missing"));
        };
        let port = port
            .parse()
            .map_err(|_| wrong("the port is not a number from 0 to 65535"))?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let bare = bracketed.unwrap_or(host);
        if bare.is_empty() {
            return Err(wrong("the host is missing"));
        }
        if bracketed.is_none() && bare.contains(':') {
            return Err(wrong("an IPv6 address goes in brackets"));
        }
        if bare.contains(['@', '/', '[', ']']) {
            return Err(wrong("the host holds a character that no host name has"));
        }
        Ok(Self::Tcp {
            host: bare.into(),
            port,
        })
    }
}

impl UriError {
    fn why(&self) -> String {
        match self {
            Self::Scheme { why, .. } => (*why).to_owned(),
            Self::Malformed { why, .. } | Self::Address { why, .. } => why.clone(),
        }
    }
}

/// Keeps error lines short when somebody pastes a novel.
fn shorten(text: &str) -> String {
    const MOST: usize = 120;
    if text.chars().count() <= MOST {
        return text.escape_debug().to_string();
    }
    let head: String = text.chars().take(MOST).collect();
    format!("{}…", head.escape_debug())
}

impl Address {
    /// The default name service of a machine: `localhost:9090`.
    pub fn default_names() -> Self {
        Self::Tcp {
            host: "localhost".into(),
            port: names::DEFAULT_PORT,
        }
    }
}

impl ObjectUri {
    /// The same object, whichever run of its daemon answers.
    pub fn without_incarnation(&self) -> Self {
        Self {
            incarnation: None,
            ..self.clone()
        }
    }
}

impl From<ObjectUri> for Uri {
    fn from(uri: ObjectUri) -> Self {
        Self::Object(uri)
    }
}

impl From<PyroUri> for Uri {
    fn from(uri: PyroUri) -> Self {
        Self::Python(uri)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(uri) => uri.fmt(f),
            Self::Name(uri) => uri.fmt(f),
            Self::Meta(uri) => uri.fmt(f),
            Self::Python(uri) => uri.fmt(f),
        }
    }
}

impl fmt::Display for ObjectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "far:{}@{}", self.object, self.address)?;
        match self.incarnation {
            Some(number) => write!(f, "?incarnation={number:x}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for NameUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "farname:{}", self.name)?;
        write_names(f, self.names.as_ref())
    }
}

impl fmt::Display for MetaUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "farmeta:{}", self.tags.join(","))?;
        write_names(f, self.names.as_ref())
    }
}

fn write_names(f: &mut fmt::Formatter<'_>, names: Option<&Address>) -> fmt::Result {
    match names {
        Some(address) => write!(f, "@{address}"),
        None => Ok(()),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_as_it_was_written() {
        for text in [
            "far:worker.1@localhost:4242",
            "far:worker.1@127.0.0.1:4242?incarnation=9f00aa",
            "far:a/b@[::1]:1",
            "far:w@unix:/tmp/a.sock",
            "farname:worker.*",
            "farname:worker.1@host:9091",
            "farmeta:gpu,zone=a",
            "farmeta:gpu@h:1",
        ] {
            let uri: Uri = text.parse().unwrap();
            assert_eq!(uri.to_string(), text);
        }
    }

    #[test]
    fn the_port_of_a_name_service_may_be_left_out() {
        let uri: Uri = "farname:a@host".parse().unwrap();
        assert_eq!(uri.to_string(), "farname:a@host:9090");
        assert_eq!(
            with_default_port("[::1]").unwrap().to_string(),
            "[::1]:9090"
        );
        assert_eq!(with_default_port("h:1").unwrap().to_string(), "h:1");
    }

    #[test]
    fn malformed_text_is_refused_with_its_text_and_the_right_form() {
        for (text, culprit) in [
            ("", "no scheme"),
            ("worker", "no scheme"),
            ("http://x", "unknown"),
            ("PYRO:a@b", "it has no port"),
            ("pyroname:", "its object is empty"),
            ("far:", "no '@'"),
            ("far:worker", "no '@'"),
            ("far:@h:1", "names no object"),
            ("far:w@", "port is missing"),
            ("far:w@h", "port is missing"),
            ("far:w@h:", "not a number"),
            ("far:w@h:70000", "not a number"),
            ("far:w@h:0", "port 0"),
            ("far:w@:1", "host is missing"),
            ("far:w@::1:1", "brackets"),
            ("far:w@h:1?incarnation=zz", "hexadecimal"),
            ("far:w@unix:", "path is missing"),
            ("far:a b@h:1", "space"),
            ("farname:", "no name"),
            ("farmeta:a,,b", "empty tag"),
            ("farmeta:", "empty tag"),
        ] {
            let error = text.parse::<Uri>().unwrap_err().to_string();
            assert!(error.contains(culprit), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let long = format!("far:{}", "x".repeat(5000));
        assert!(long.parse::<Uri>().unwrap_err().to_string().len() < 400);
    }
}
