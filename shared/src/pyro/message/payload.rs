//! A whole message, cut into its parts; its payload, inflated into a bounded buffer.

use std::borrow::Cow;

use flate2::{Decompress, FlushDecompress, Status};

use super::{Annotations, HEAD_BYTES, Head, Limits, MessageError, flag};

/// A message that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What stands in front of it.
    pub head: Head,
    /// What stands beside the payload.
    pub annotations: Annotations<'a>,
    /// The payload as it is on the wire.
    raw: &'a [u8],
}

impl<'a> Message<'a> {
    /// Cuts the whole message at the start of `buffer`, whose head was read; `None` while it is not all there.
    ///
    /// # Errors
    /// Annotation or AnnotationName.
    pub fn parse(head: Head, buffer: &'a [u8]) -> Result<Option<Self>, MessageError> {
        let body = buffer.get(HEAD_BYTES..head.message_bytes());
        let split = body.and_then(|body| body.split_at_checked(head.annotations_bytes as usize));
        let Some((annotations, raw)) = split else {
            return Ok(None);
        };
        Ok(Some(Self {
            head,
            annotations: Annotations::parse(annotations)?,
            raw,
        }))
    }

    /// The payload, inflated if it is compressed.
    ///
    /// # Errors
    /// Deflated or InflatedTooLarge.
    pub fn payload(&self, limits: &Limits) -> Result<Cow<'a, [u8]>, MessageError> {
        if !self.head.has(flag::COMPRESSED) {
            return Ok(self.raw.into());
        }
        inflate(self.raw, limits.max_inflated_bytes).map(Cow::Owned)
    }
}

/// Inflates a zlib stream; what follows it is ignored, as Python does.
fn inflate(deflated: &[u8], limit: u32) -> Result<Vec<u8>, MessageError> {
    /// As much as is set aside before anything is known of it.
    const FIRST_BYTES: usize = 4 << 10;
    let most = limit as usize;
    let mut stream = Decompress::new(true);
    let mut inflated = Vec::with_capacity(FIRST_BYTES.min(most));
    loop {
        let read = stream.total_in() as usize;
        let rest = deflated.get(read..).unwrap_or_default();
        let before = (read, inflated.len());
        let status = stream
            .decompress_vec(rest, &mut inflated, FlushDecompress::None)
            .map_err(|_| MessageError::Deflated)?;
        if status == Status::StreamEnd {
            return if inflated.len() > most {
                Err(MessageError::InflatedTooLarge { limit })
            } else {
                Ok(inflated)
            };
        }
        if inflated.len() == inflated.capacity() {
            // One byte more than allowed, to tell a stream that ends there from one that goes on.
            let room = inflated
                .len()
                .max(FIRST_BYTES)
                .min((most + 1).saturating_sub(inflated.len()));
            if room == 0 {
                return Err(MessageError::InflatedTooLarge { limit });
            }
            inflated.reserve_exact(room);
        } else if before == (stream.total_in() as usize, inflated.len()) {
            return Err(MessageError::Deflated);
        }
    }
}
