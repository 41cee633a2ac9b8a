//! Annotations: small pieces of data beside the payload, by names of four characters.

use super::MessageError;

/// The annotation that carries a stream's id.
pub const STREAM: [u8; 4] = *b"STRM";

/// The annotation that says for which object and method a payload is that stays as it was written.
pub const BLOB: [u8; 4] = *b"BLBI";

/// Bytes in front of an annotation's data.
pub(super) const CHUNK_HEAD_BYTES: usize = 8;

/// The annotations of a message, all of them sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Annotations<'a>(&'a [u8]);

impl<'a> Annotations<'a> {
    /// Reads them.
    ///
    /// # Errors
    /// Annotation or AnnotationName.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (name, _, more) = split(rest).ok_or(MessageError::Annotation)?;
            if !name.is_ascii() {
                return Err(MessageError::AnnotationName);
            }
            rest = more;
        }
        Ok(Self(bytes))
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = ([u8; 4], &'a [u8])> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (name, data, more) = split(rest)?;
            rest = more;
            Some((name, data))
        })
    }

    /// The data of the last one of this name.
    #[must_use]
    pub fn find(&self, name: [u8; 4]) -> Option<&'a [u8]> {
        let of_name = self.iter().filter(|(found, _)| *found == name);
        of_name.last().map(|(_, data)| data)
    }
}

/// The first of them, and the others.
fn split(bytes: &[u8]) -> Option<([u8; 4], &[u8], &[u8])> {
    let (name, rest) = bytes.split_first_chunk()?;
    let (count, rest) = rest.split_first_chunk()?;
    let count = u32::from_be_bytes(*count) as usize;
    let (data, rest) = rest.split_at_checked(count)?;
    Some((*name, data, rest))
}
