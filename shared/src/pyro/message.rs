//! Pyro5's messages, protocol 502: a head of 40 bytes, annotations, and a payload that may be compressed.
//!
//! ```text
//! "PYRO" | version u16 | kind u8 | serializer u8 | flags u16 | sequence u16 | payload bytes u32 |
//! annotation bytes u32 | correlation id 16 bytes | 0 u16 | magic u16 | annotations | payload
//! ```
//!
//! All numbers are big-endian. An annotation is four ASCII characters, its length in four bytes, and its data.

mod annotations;
mod head;
mod payload;
mod put;

pub use annotations::{Annotations, BLOB, STREAM};
pub use head::{Head, Kind, flag};
pub use payload::Message;
pub use put::{Compression, Outgoing};

/// What a message begins with.
pub const TAG: [u8; 4] = *b"PYRO";

/// The version of the protocol; no other one is spoken.
pub const VERSION: u16 = 502;

/// Bytes of tag and version, which are judged as soon as they are there.
pub const PREFACE_BYTES: usize = 6;

/// Bytes of a head.
pub const HEAD_BYTES: usize = 40;

const MAGIC: u16 = 0x4dc5;

/// Why a connection is refused when no more can be served, in Python's words.
pub const TOO_MANY_CONNECTIONS: &str = "no free workers, increase server threadpool size";

/// Why a connection to an object that is not there is refused, in Python's words.
pub const UNKNOWN_OBJECT: &str = "unknown object";

/// Bounds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message, annotations and payload as they are on the wire, in bytes. Default 128 MiB.
    pub max_message_bytes: u32,
    /// The most of them that are annotations. Default 16 MiB.
    pub max_annotations_bytes: u32,
    /// The longest payload once it is inflated. Default 128 MiB.
    pub max_inflated_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_bytes: 128 << 20,
            max_annotations_bytes: 16 << 20,
            max_inflated_bytes: 128 << 20,
        }
    }
}

/// Bytes that are no message, or none that may come now.
///
/// The texts begin with Python's own, and are what a refused client is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// They do not begin with the tag.
    #[error("invalid data (a message begins with PYRO)")]
    Tag,
    /// Another version of the protocol.
    #[error("invalid protocol version: {0} (this side speaks {VERSION})")]
    Version(u16),
    /// The head's last two bytes are others.
    #[error("invalid message or protocol version: another magic number")]
    Magic,
    /// A kind that may not come now, or none at all.
    #[error("invalid msg type {found} received (expected: {})", numbers(.expected))]
    Kind {
        /// Its number.
        found: u8,
        /// What may come.
        expected: &'static [Kind],
    },
    /// It is longer than the limit.
    #[error("message too large ({bytes}, max={limit})")]
    TooLarge {
        /// How long it says it is.
        bytes: u64,
        /// The limit.
        limit: u32,
    },
    /// Its annotations are longer than the limit.
    #[error("annotations too large ({bytes}, max={limit})")]
    AnnotationsTooLarge {
        /// How long it says they are.
        bytes: u32,
        /// The limit.
        limit: u32,
    },
    /// An annotation does not fit into what is there for all of them.
    #[error("annotation chunk length exceeds remaining data")]
    Annotation,
    /// An annotation's name is not of four ASCII characters.
    #[error("annotation identifier must be 4 ascii characters")]
    AnnotationName,
    /// The payload is said to be compressed and is not.
    #[error("compressed payload cannot be inflated")]
    Deflated,
    /// The payload is longer than the limit once it is inflated.
    #[error("compressed payload too large (more than max={limit} when inflated)")]
    InflatedTooLarge {
        /// The limit.
        limit: u32,
    },
}

/// The kinds' numbers, between commas.
fn numbers(kinds: &[Kind]) -> String {
    let numbers: Vec<_> = kinds.iter().map(|kind| kind.number().to_string()).collect();
    numbers.join(",")
}
