//! The first bytes of a native connection: who speaks which version, with which limits.
//!
//! Each side sends a preface of 8 bytes, `FARC | lowest version u8 | highest version u8 | 0 | 0`, and a hello: a frame
//! of kind 1 (from the caller) or 2 (from the callee) of fields `tag u8 | length u16 | bytes`. Unknown tags are skipped.

use super::frame::{self, LENGTH_BYTES};
use super::read::{Fields, Short, put_text};

/// The first four bytes of a native connection.
pub const MAGIC: [u8; 4] = *b"FARC";

/// Bytes of the preface.
pub const PREFACE_BYTES: usize = 8;

/// The longest hello, in bytes: nobody is trusted with memory before it.
pub const MAX_HELLO_BYTES: u32 = 4096;

/// The shortest limit of messages that a side may have: refusals and binds must fit.
pub const MIN_MESSAGE_BYTES: u32 = 16 << 10;

/// The versions that this build speaks.
pub const VERSIONS: Versions = Versions {
    lowest: 1,
    highest: 1,
};

const KIND_HELLO: u8 = 1;
const KIND_WELCOME: u8 = 2;

mod tag {
    pub(super) const INCARNATION: u8 = 1;
    pub(super) const SESSION: u8 = 2;
    pub(super) const MAX_MESSAGE: u8 = 3;
    pub(super) const MAX_CALLS: u8 = 4;
    pub(super) const FEATURES: u8 = 5;
    pub(super) const SOFTWARE: u8 = 6;
    pub(super) const CREDENTIALS: u8 = 7;
}

/// A range of protocol versions, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The lowest.
    pub lowest: u8,
    /// The highest.
    pub highest: u8,
}

/// Which side of a connection one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It dialled.
    Dialled,
    /// It listened.
    Accepted,
}

/// Optional abilities; one counts when both sides have it.
pub mod feature {
    /// Runs many calls of one method that came in one message.
    pub const BATCHES: u64 = 1;
    /// Knows attachments and the frames of [`flow`](crate::wire::frame::flow).
    pub const TWO_WAY: u64 = 2;
}

/// What a side says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Changes at every start of the process's daemon.
    pub incarnation: u64,
    /// The dialling process.
    pub session: u64,
    /// The longest frame it takes, in bytes.
    pub max_message_bytes: u32,
    /// The most calls it takes in flight on one connection.
    pub max_calls_in_flight: u32,
    /// Bits of optional abilities, see [`feature`].
    pub features: u64,
    /// Name and version, for logs.
    pub software: String,
    /// Kept for access control; empty for now.
    pub credentials: Vec<u8>,
}

/// Bytes that are not a handshake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// It does not begin with the magic.
    #[error("the peer does not speak farcall's protocol (it began with {0:?})")]
    Magic(String),
    /// No version in common.
    #[error("the peer speaks versions {}–{} of the protocol, this side {}–{}", .theirs.lowest, .theirs.highest, .ours.lowest, .ours.highest)]
    Version {
        /// The peer's.
        theirs: Versions,
        /// This side's.
        ours: Versions,
    },
    /// The hello is malformed.
    #[error("the peer's hello is malformed")]
    Malformed,
    /// The hello is too long.
    #[error("the peer's hello says it has {0} bytes, more than {MAX_HELLO_BYTES}")]
    TooLong(u32),
    /// The peer said why it refuses.
    #[error("the peer refused: {0}")]
    Refused(String),
}

/// The eight bytes that begin a connection.
pub fn preface(versions: Versions) -> [u8; PREFACE_BYTES] {
    let [a, b, c, d] = MAGIC;
    [a, b, c, d, versions.lowest, versions.highest, 0, 0]
}

/// Reads a peer's preface and picks the highest version in common.
///
/// # Errors
/// Magic or Version.
pub fn agree(preface: [u8; PREFACE_BYTES], ours: Versions) -> Result<u8, HandshakeError> {
    let [a, b, c, d, lowest, highest, ..] = preface;
    if [a, b, c, d] != MAGIC {
        let text = String::from_utf8_lossy(&preface).escape_debug().to_string();
        return Err(HandshakeError::Magic(text));
    }
    let theirs = Versions { lowest, highest };
    let version = ours.highest.min(theirs.highest);
    if version < ours.lowest || version < theirs.lowest {
        return Err(HandshakeError::Version { theirs, ours });
    }
    Ok(version)
}

impl Hello {
    /// Appends the hello of a side.
    pub fn put(&self, out: &mut Vec<u8>, side: Side) {
        let start = out.len();
        let kind = match side {
            Side::Dialled => KIND_HELLO,
            Side::Accepted => KIND_WELCOME,
        };
        out.extend_from_slice(&[0, 0, 0, 0, kind]);
        put_field(out, tag::INCARNATION, &self.incarnation.to_le_bytes());
        put_field(out, tag::SESSION, &self.session.to_le_bytes());
        put_field(out, tag::MAX_MESSAGE, &self.max_message_bytes.to_le_bytes());
        put_field(out, tag::MAX_CALLS, &self.max_calls_in_flight.to_le_bytes());
        put_field(out, tag::FEATURES, &self.features.to_le_bytes());
        out.push(tag::SOFTWARE);
        put_text(out, &self.software);
        put_field(out, tag::CREDENTIALS, &self.credentials);
        frame::end(out, start);
    }

    /// Reads the peer's hello from what stands behind its length; `side` is this side.
    ///
    /// # Errors
    /// Malformed, or Refused when the peer sent a fault instead.
    pub fn parse(bytes: &[u8], side: Side) -> Result<Self, HandshakeError> {
        let expected = match side {
            Side::Dialled => KIND_WELCOME,
            Side::Accepted => KIND_HELLO,
        };
        match bytes.split_first() {
            Some((&kind, rest)) if kind == expected => {
                parse_fields(rest).map_err(|Short| HandshakeError::Malformed)
            }
            _ => match frame::Frame::parse(bytes) {
                Ok(frame::Frame::Fault(why) | frame::Frame::GoAway(why)) => {
                    Err(HandshakeError::Refused(why.into()))
                }
                _ => Err(HandshakeError::Malformed),
            },
        }
    }
}

/// How many bytes the hello at the start of `buffer` takes, once its length is there.
///
/// # Errors
/// TooLong.
pub fn hello_bytes(buffer: &[u8]) -> Result<Option<usize>, HandshakeError> {
    frame::frame_bytes(buffer, MAX_HELLO_BYTES).map_err(|_| {
        let length = buffer
            .first_chunk::<LENGTH_BYTES>()
            .copied()
            .unwrap_or_default();
        HandshakeError::TooLong(u32::from_le_bytes(length))
    })
}

fn put_field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    let count = u16::try_from(bytes.len()).unwrap_or(0);
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&bytes[..count.into()]);
}

fn parse_fields(bytes: &[u8]) -> Result<Hello, Short> {
    let mut hello = Hello {
        incarnation: 0,
        session: 0,
        max_message_bytes: 0,
        max_calls_in_flight: 0,
        features: 0,
        software: String::new(),
        credentials: Vec::new(),
    };
    let mut fields = Fields(bytes);
    while !fields.0.is_empty() {
        let tag = fields.u8()?;
        let count = fields.u16()?;
        let value = fields.bytes(count.into())?;
        let mut value_fields = Fields(value);
        match tag {
            tag::INCARNATION => hello.incarnation = value_fields.u64()?,
            tag::SESSION => hello.session = value_fields.u64()?,
            tag::MAX_MESSAGE => hello.max_message_bytes = value_fields.u32()?,
            tag::MAX_CALLS => hello.max_calls_in_flight = value_fields.u32()?,
            tag::FEATURES => hello.features = value_fields.u64()?,
            tag::SOFTWARE => hello.software = String::from_utf8_lossy(value).into_owned(),
            tag::CREDENTIALS => hello.credentials = value.to_vec(),
            _ => {}
        }
    }
    // A side that takes no messages or no calls cannot be spoken with.
    if hello.max_message_bytes < MIN_MESSAGE_BYTES || hello.max_calls_in_flight == 0 {
        return Err(Short);
    }
    Ok(hello)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        Hello {
            incarnation: 0x0102,
            session: 3,
            max_message_bytes: 1 << 20,
            max_calls_in_flight: 100,
            features: 0,
            software: "f".into(),
            credentials: Vec::new(),
        }
    }

    #[test]
    fn a_hello_has_these_bytes() {
        let mut out = preface(VERSIONS).to_vec();
        hello().put(&mut out, Side::Dialled);
        let text: String = out.iter().map(|b| format!("{b:02x}")).collect();
        let expected = "4641524301010000".to_owned()
            + "37000000"
            + "01"
            + "0108000201000000000000"
            + "0208000300000000000000"
            + "03040000001000"
            + "04040064000000"
            + "0508000000000000000000"
            + "06010066"
            + "070000";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_hello_reads_back_and_unknown_tags_are_skipped() {
        let mut out = Vec::new();
        hello().put(&mut out, Side::Accepted);
        out.extend_from_slice(&[99, 2, 0, 1, 2]);
        frame::end(&mut out, 0);
        assert_eq!(Hello::parse(&out[4..], Side::Dialled), Ok(hello()));
        assert_eq!(
            Hello::parse(&out[4..], Side::Accepted),
            Err(HandshakeError::Malformed)
        );
    }

    #[test]
    fn versions_meet_at_the_highest_in_common_or_not_at_all() {
        let range = |lowest, highest| Versions { lowest, highest };
        assert_eq!(agree(preface(range(1, 3)), range(2, 5)), Ok(3));
        assert_eq!(agree(preface(range(1, 9)), range(1, 1)), Ok(1));
        assert!(matches!(
            agree(preface(range(4, 5)), range(1, 3)),
            Err(HandshakeError::Version { .. })
        ));
        assert!(matches!(
            agree(*b"GET / HT", VERSIONS),
            Err(HandshakeError::Magic(text)) if text == "GET / HT"
        ));
    }

    #[test]
    fn a_refusal_in_place_of_a_hello_is_told() {
        let mut out = Vec::new();
        frame::put_fault(&mut out, "full");
        assert_eq!(
            Hello::parse(&out[4..], Side::Dialled),
            Err(HandshakeError::Refused("full".into()))
        );
    }

    #[test]
    fn no_bytes_whatever_make_the_reader_panic() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..100_000 {
            let mut bytes: Vec<u8> = (0..random.usize(0..64)).map(|_| random.u8(..)).collect();
            if let Some(kind) = bytes.first_mut() {
                *kind = 1;
            }
            let _ = Hello::parse(&bytes, Side::Accepted);
            let _ = hello_bytes(&bytes);
        }
    }
}
