//! Writes messages: the head first, then whatever the payload's writer appends, and the lengths when they are known.

use std::io::Write as _;

use flate2::write::ZlibEncoder;

use super::annotations::CHUNK_HEAD_BYTES;
use super::{HEAD_BYTES, Kind, Limits, MAGIC, MessageError, TAG, VERSION, flag};

/// Shorter payloads are never compressed, as in Python.
const MIN_COMPRESSED_BYTES: usize = 101;

/// The level that Python's Pyro uses.
const COMPRESSION_LEVEL: u32 = 4;

/// Whether payloads of more than 100 bytes are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// They are sent as they are.
    #[default]
    Off,
    /// They are.
    On,
}

/// A message to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// What it is.
    pub kind: Kind,
    /// The number of the payload's serializer.
    pub serializer: u8,
    /// See [`flag`]; COMPRESSED and CORRELATION are set when they are true.
    pub flags: u16,
    /// The caller's count of calls.
    pub sequence: u16,
    /// What it has in common with other calls.
    pub correlation: Option<[u8; 16]>,
    /// What goes beside the payload.
    pub annotations: &'a [([u8; 4], &'a [u8])],
    /// Whether the payload is compressed.
    pub compression: Compression,
}

impl<'a> Outgoing<'a> {
    /// A message with nothing beside its payload.
    #[must_use]
    pub fn new(kind: Kind, serializer: u8, sequence: u16) -> Self {
        Self {
            kind,
            serializer,
            flags: 0,
            sequence,
            correlation: None,
            annotations: &[],
            compression: Compression::Off,
        }
    }

    /// Appends the message; `payload` appends what it carries. On an error `out` is as before.
    ///
    /// # Errors
    /// What `payload` reports; TooLarge, AnnotationsTooLarge or AnnotationName.
    pub fn put<E: From<MessageError>>(
        &self,
        out: &mut Vec<u8>,
        limits: &Limits,
        payload: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = out.len();
        let written = self.put_all(out, limits, payload);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn put_all<E: From<MessageError>>(
        &self,
        out: &mut Vec<u8>,
        limits: &Limits,
        payload: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = out.len();
        let annotations_bytes = self.annotations_bytes(limits)?;
        self.put_head(out, annotations_bytes);
        self.put_annotations(out);
        let payload_start = out.len();
        payload(out)?;
        if self.compression == Compression::On && out.len() - payload_start >= MIN_COMPRESSED_BYTES
        {
            deflate(out, payload_start);
            set(
                out,
                start + 8,
                &(self.flags() | flag::COMPRESSED).to_be_bytes(),
            );
        }
        let payload_bytes = (out.len() - payload_start) as u64;
        let bytes = payload_bytes + u64::from(annotations_bytes);
        let limit = limits.max_message_bytes;
        match u32::try_from(payload_bytes) {
            Ok(payload_bytes) if bytes <= limit.into() => {
                set(out, start + 12, &payload_bytes.to_be_bytes());
                Ok(())
            }
            _ => Err(MessageError::TooLarge { bytes, limit }.into()),
        }
    }

    fn annotations_bytes(&self, limits: &Limits) -> Result<u32, MessageError> {
        let lengths = self.annotations.iter().map(|(_, data)| data.len());
        let bytes = lengths.fold(0usize, |sum, length| {
            sum.saturating_add(length).saturating_add(CHUNK_HEAD_BYTES)
        });
        if !self.annotations.iter().all(|(name, _)| name.is_ascii()) {
            return Err(MessageError::AnnotationName);
        }
        let limit = limits.max_annotations_bytes;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if bytes > limit {
            return Err(MessageError::AnnotationsTooLarge { bytes, limit });
        }
        Ok(bytes)
    }

    fn flags(&self) -> u16 {
        let correlation = match self.correlation {
            Some(_) => flag::CORRELATION,
            None => 0,
        };
        self.flags & !(flag::COMPRESSED | flag::CORRELATION) | correlation
    }

    /// Appends the head, with a payload of no bytes.
    fn put_head(&self, out: &mut Vec<u8>, annotations_bytes: u32) {
        out.reserve(HEAD_BYTES + annotations_bytes as usize);
        out.extend_from_slice(&TAG);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&[self.kind.number(), self.serializer]);
        out.extend_from_slice(&self.flags().to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&0u32.to_be_bytes());
        out.extend_from_slice(&annotations_bytes.to_be_bytes());
        out.extend_from_slice(&self.correlation.unwrap_or_default());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&MAGIC.to_be_bytes());
    }

    fn put_annotations(&self, out: &mut Vec<u8>) {
        for (name, data) in self.annotations {
            out.extend_from_slice(name);
            // All of them together have a length that fits.
            out.extend_from_slice(&(data.len() as u32).to_be_bytes());
            out.extend_from_slice(data);
        }
    }
}

/// Compresses what stands behind `start`.
fn deflate(out: &mut Vec<u8>, start: usize) {
    let plain = out.split_off(start);
    let level = flate2::Compression::new(COMPRESSION_LEVEL);
    let mut encoder = ZlibEncoder::new(out, level);
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(&plain);
    let _ = encoder.finish();
}

fn set(out: &mut [u8], at: usize, bytes: &[u8]) {
    for (place, byte) in out.iter_mut().skip(at).zip(bytes) {
        *place = *byte;
    }
}
