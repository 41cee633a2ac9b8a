//! Attachments: what travels behind arguments, results and items without being a part of their bytes.
//!
//! References and streams belong to a connection. So a value holds only their place in a list, and the list stands behind it,
//! where each connection on the way writes it anew: `entries | entries' bytes u32`, each entry `kind u8 | length u16 |
//! content`, little-endian. Places count references and streams only, from 0.

use super::read::{Fields, Short};

/// The most bytes of one entry.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

mod kind {
    pub(super) const EXPORT: u8 = 1;
    pub(super) const RETURNED: u8 = 2;
    pub(super) const URI: u8 = 3;
    pub(super) const STREAM: u8 = 4;
    pub(super) const METADATA: u8 = 16;
    pub(super) const CORRELATION: u8 = 17;
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A reference to an object of the sender's, by its export's number; the receiver owes a release.
    Export(u64),
    /// A reference to an object of the receiver's that was handed to the sender.
    Returned(u64),
    /// A reference to an object that anybody can reach.
    Uri(&'a str),
    /// A stream whose items the sender will send.
    Stream(u32),
    /// A key and its value, for whoever looks at the call and not at its arguments.
    Metadata(&'a str, &'a [u8]),
    /// The correlation id of the calls that belong together.
    Correlation([u8; 16]),
}

impl Entry<'_> {
    /// True for what a value has a place number of.
    pub fn has_place(&self) -> bool {
        !matches!(self, Self::Metadata(..) | Self::Correlation(_))
    }
}

/// Bytes that are no list of attachments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachedError {
    /// They end inside an entry.
    #[error("the attachments are cut short or malformed")]
    Short,
    /// An entry of a kind that must be known and is not.
    #[error("an attachment of kind {0} is unknown to this version")]
    Unknown(u8),
}

impl From<Short> for AttachedError {
    fn from(Short: Short) -> Self {
        Self::Short
    }
}

/// Splits what stands behind a header into the value and the entries of its list.
///
/// # Errors
/// Short, when there is no list.
pub fn split(body: &[u8]) -> Result<(&[u8], &[u8]), AttachedError> {
    let (front, length) = body.split_last_chunk::<4>().ok_or(Short)?;
    let length = u32::from_le_bytes(*length) as usize;
    let value = front.len().checked_sub(length).ok_or(Short)?;
    Ok(front.split_at(value))
}

/// Takes the next entry off the front; `None` at the end.
///
/// # Errors
/// See [`AttachedError`].
pub fn next<'a>(entries: &mut &'a [u8]) -> Result<Option<Entry<'a>>, AttachedError> {
    if entries.is_empty() {
        return Ok(None);
    }
    let mut fields = Fields(entries);
    let kind = fields.u8()?;
    let length = fields.u16()?;
    let mut content = Fields(fields.bytes(length.into())?);
    *entries = fields.0;
    let entry = match kind {
        kind::EXPORT => Entry::Export(content.u64()?),
        kind::RETURNED => Entry::Returned(content.u64()?),
        kind::URI => Entry::Uri(std::str::from_utf8(content.0).map_err(|_| Short)?),
        kind::STREAM => Entry::Stream(content.u32()?),
        kind::METADATA => Entry::Metadata(content.text()?, content.0),
        kind::CORRELATION => {
            let id = content.bytes(16)?;
            Entry::Correlation(id.try_into().map_err(|_| Short)?)
        }
        _ => return Err(AttachedError::Unknown(kind)),
    };
    Ok(Some(entry))
}

/// Appends an entry; false when it is too long, and nothing is appended.
pub fn put(out: &mut Vec<u8>, entry: &Entry<'_>) -> bool {
    let start = out.len();
    let kind = match entry {
        Entry::Export(_) => kind::EXPORT,
        Entry::Returned(_) => kind::RETURNED,
        Entry::Uri(_) => kind::URI,
        Entry::Stream(_) => kind::STREAM,
        Entry::Metadata(..) => kind::METADATA,
        Entry::Correlation(_) => kind::CORRELATION,
    };
    out.extend_from_slice(&[kind, 0, 0]);
    match entry {
        Entry::Export(number) | Entry::Returned(number) => {
            out.extend_from_slice(&number.to_le_bytes());
        }
        Entry::Uri(uri) => out.extend_from_slice(uri.as_bytes()),
        Entry::Stream(number) => out.extend_from_slice(&number.to_le_bytes()),
        Entry::Metadata(key, value) => {
            super::read::put_text(out, key);
            out.extend_from_slice(value);
        }
        Entry::Correlation(id) => out.extend_from_slice(id),
    }
    let Ok(length) = u16::try_from(out.len() - start - 3) else {
        out.truncate(start);
        return false;
    };
    if let Some(place) = out.get_mut(start + 1..start + 3) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    true
}

/// Ends the list whose first entry was appended at `start`.
pub fn end(out: &mut Vec<u8>, start: usize) {
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_as_they_went_in() {
        let entries = [
            Entry::Export(7),
            Entry::Metadata("who", b"me"),
            Entry::Returned(1 << 40),
            Entry::Uri("far:a@host:1"),
            Entry::Stream(3),
            Entry::Correlation([9; 16]),
        ];
        let mut out = b"value".to_vec();
        let start = out.len();
        for entry in &entries {
            assert!(put(&mut out, entry));
        }
        end(&mut out, start);
        let (value, mut rest) = split(&out).unwrap();
        assert_eq!(value, b"value");
        for entry in &entries {
            assert_eq!(next(&mut rest).unwrap(), Some(*entry));
        }
        assert_eq!(next(&mut rest).unwrap(), None);
    }

    #[test]
    fn what_is_cut_short_is_an_error_wherever_it_is_cut() {
        let mut out = Vec::new();
        put(&mut out, &Entry::Metadata("key", b"value"));
        put(&mut out, &Entry::Correlation([9; 16]));
        let first = 3 + 2 + 3 + 5;
        for cut in 0..out.len() {
            let rest = &mut &out[..cut];
            let all: Result<Vec<_>, _> = std::iter::from_fn(|| next(rest).transpose()).collect();
            assert_eq!(all.is_ok(), cut == 0 || cut == first, "{cut}");
        }
        assert!(split(&[1, 0, 0, 0]).is_err());
        assert!(split(&[0; 3]).is_err());
        assert_eq!(split(&[0; 4]), Ok((&[][..], &[][..])));
    }

    #[test]
    fn what_is_too_long_or_unknown_is_refused() {
        let mut out = Vec::new();
        assert!(!put(&mut out, &Entry::Metadata("key", &[0; 65_536])));
        assert!(out.is_empty());
        assert_eq!(
            next(&mut &[200, 0, 0][..]),
            Err(AttachedError::Unknown(200))
        );
    }
}
