//! The head of a message: how long it is, what it is, and what it answers.

use super::{HEAD_BYTES, Limits, MAGIC, MessageError, PREFACE_BYTES, TAG, VERSION};

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A client greets, and says for which object.
    Connect = 1,
    /// The daemon greets back.
    ConnectOk = 2,
    /// The daemon refuses, and says why.
    ConnectFail = 3,
    /// A call.
    Invoke = 4,
    /// Its result or its exception.
    Result = 5,
    /// A question whether somebody is there, and its answer.
    Ping = 6,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Connect,
        Self::ConnectOk,
        Self::ConnectFail,
        Self::Invoke,
        Self::Result,
        Self::Ping,
    ];

    /// The number that a message carries.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// Bits of a head's flags; unknown ones are ignored.
pub mod flag {
    /// The payload of a result is an exception.
    pub const EXCEPTION: u16 = 1;
    /// The payload is compressed.
    pub const COMPRESSED: u16 = 2;
    /// No answer is wanted.
    pub const ONEWAY: u16 = 4;
    /// Many calls in one, and their results.
    pub const BATCH: u16 = 8;
    /// The result is a stream, whose id is an annotation.
    pub const STREAM: u16 = 16;
    /// The argument stays as it was written.
    pub const KEEP_SERIALIZED: u16 = 32;
    /// The correlation id means something.
    pub const CORRELATION: u16 = 64;
}

/// A head that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of its [`Kind`], which may be none; see [`kind`](Self::kind).
    pub kind: u8,
    /// The number of the payload's [`Serializer`](crate::pyro::Serializer), which may be none; a ping has any.
    pub serializer: u8,
    /// See [`flag`].
    pub flags: u16,
    /// The caller's count of calls, which the result repeats.
    pub sequence: u16,
    /// Bytes of the payload, as it is on the wire.
    pub payload_bytes: u32,
    /// Bytes of all annotations.
    pub annotations_bytes: u32,
    /// What a call and those it causes have in common, if its sender said.
    pub correlation: Option<[u8; 16]>,
}

impl Head {
    /// Reads the head at the start of `buffer`; `None` while it is not all there.
    ///
    /// What is there is judged at once: two bytes that are no tag are an error, whatever would follow.
    ///
    /// # Errors
    /// Tag, Version, Magic, TooLarge or AnnotationsTooLarge.
    pub fn parse(buffer: &[u8], limits: &Limits) -> Result<Option<Self>, MessageError> {
        let tag = buffer.get(..TAG.len()).unwrap_or(buffer);
        if !TAG.starts_with(tag) {
            return Err(MessageError::Tag);
        }
        if let Some([.., high, low]) = buffer.first_chunk::<PREFACE_BYTES>() {
            let version = u16::from_be_bytes([*high, *low]);
            if version != VERSION {
                return Err(MessageError::Version(version));
            }
        }
        let Some(bytes) = buffer.first_chunk::<HEAD_BYTES>() else {
            return Ok(None);
        };
        let head = Self::from_bytes(bytes)?;
        head.check(limits)?;
        Ok(Some(head))
    }

    fn from_bytes(bytes: &[u8; HEAD_BYTES]) -> Result<Self, MessageError> {
        let two = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let four = |at: usize| u32::from(two(at)) << 16 | u32::from(two(at + 2));
        if two(38) != MAGIC {
            return Err(MessageError::Magic);
        }
        let mut correlation = [0; 16];
        correlation.copy_from_slice(&bytes[20..36]);
        let flags = two(8);
        Ok(Self {
            kind: bytes[6],
            serializer: bytes[7],
            flags,
            sequence: two(10),
            payload_bytes: four(12),
            annotations_bytes: four(16),
            correlation: (flags & flag::CORRELATION != 0).then_some(correlation),
        })
    }

    fn check(&self, limits: &Limits) -> Result<(), MessageError> {
        let bytes = u64::from(self.payload_bytes) + u64::from(self.annotations_bytes);
        if bytes > limits.max_message_bytes.into() {
            return Err(MessageError::TooLarge {
                bytes,
                limit: limits.max_message_bytes,
            });
        }
        if self.annotations_bytes > limits.max_annotations_bytes {
            return Err(MessageError::AnnotationsTooLarge {
                bytes: self.annotations_bytes,
                limit: limits.max_annotations_bytes,
            });
        }
        Ok(())
    }

    /// What the message is, if it is one of these.
    ///
    /// # Errors
    /// Kind.
    pub fn kind(&self, expected: &'static [Kind]) -> Result<Kind, MessageError> {
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.number() == self.kind);
        kind.filter(|kind| expected.contains(kind))
            .ok_or(MessageError::Kind {
                found: self.kind,
                expected,
            })
    }

    /// True if this bit of [`flag`] is set.
    #[must_use]
    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Bytes of the whole message with its head.
    #[must_use]
    pub fn message_bytes(&self) -> usize {
        HEAD_BYTES + self.payload_bytes as usize + self.annotations_bytes as usize
    }
}
