//! `Metadata`: what a call or its reply says to whoever looks at it and not at its arguments.

use std::fmt;
use std::sync::OnceLock;

use crate::wire::frame::Trace;

/// The most bytes that the keys and values of a call, or of its reply, take together, with [`ENTRY_BYTES`] for each.
pub const MAX_METADATA_BYTES: usize = 16 << 10;

/// What a key and its value count beside their own bytes: so that there are few.
pub const ENTRY_BYTES: usize = 32;

/// Keys and values beside the arguments of a call, or beside its result. At most [`MAX_METADATA_BYTES`] of them travel.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Few: a search beats a table.
    entries: Vec<(Box<str>, Box<[u8]>)>,
    bytes: usize,
}

/// More metadata than a call or its reply can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("metadata takes at most {MAX_METADATA_BYTES} bytes, with {ENTRY_BYTES} for each key")]
pub struct MetadataTooLarge;

impl Metadata {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        let found = self.entries.iter().find(|(known, _)| &**known == key);
        found.map(|(_, value)| &**value)
    }

    /// All keys and values, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// True when there is nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets a key's value, in place of the one it had.
    ///
    /// # Errors
    /// When that would be too much; nothing has changed then.
    pub fn set(&mut self, key: &str, value: &[u8]) -> Result<(), MetadataTooLarge> {
        let place = self.entries.iter().position(|(known, _)| &**known == key);
        let before = place.and_then(|place| self.entries.get(place));
        let size = |key: &str, value: &[u8]| ENTRY_BYTES + key.len() + value.len();
        let freed = before.map_or(0, |(key, value)| size(key, value));
        let bytes = self.bytes - freed + size(key, value);
        if bytes > MAX_METADATA_BYTES {
            return Err(MetadataTooLarge);
        }
        self.bytes = bytes;
        if let Some(place) = place {
            self.entries.remove(place);
        }
        self.entries.push((key.into(), value.into()));
        Ok(())
    }
}

/// What a caller says of a call beside its arguments.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// For whoever looks at the call.
    pub metadata: Metadata,
    /// Which calls it belongs to, once that is said or asked for.
    pub correlation: OnceLock<u128>,
    /// The caller's trace, if it has one.
    pub trace: Option<Trace>,
}

impl Notes {
    /// True when nothing was said.
    pub fn is_empty(&self) -> bool {
        !self.has_entries() && self.trace.is_none()
    }

    /// True when some of it travels behind the arguments.
    pub(crate) fn has_entries(&self) -> bool {
        !self.metadata.is_empty() || self.correlation.get().is_some()
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .iter()
            .map(|(key, value)| (key, value.escape_ascii().to_string()));
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_value_that_was_set_last() {
        let mut metadata = Metadata::default();
        metadata.set("who", b"me").unwrap();
        metadata.set("what", b"").unwrap();
        metadata.set("who", b"you").unwrap();
        assert_eq!(metadata.get("who"), Some(&b"you"[..]));
        assert_eq!(metadata.get("what"), Some(&b""[..]));
        assert_eq!(metadata.get("why"), None);
        assert_eq!(metadata.iter().count(), 2);
        assert_eq!(format!("{metadata:?}"), r#"{"what": "", "who": "you"}"#);
    }

    #[test]
    fn what_is_too_much_changes_nothing() {
        let mut metadata = Metadata::default();
        let most = vec![7; MAX_METADATA_BYTES - ENTRY_BYTES - 3];
        metadata.set("key", &most).unwrap();
        assert_eq!(metadata.set("k", b""), Err(MetadataTooLarge));
        assert_eq!(
            metadata.set("key", &vec![7; most.len() + 1]),
            Err(MetadataTooLarge)
        );
        metadata.set("key", &most).unwrap();
        assert_eq!(metadata.get("key"), Some(&most[..]));
        metadata.set("key", b"").unwrap();
        metadata.set("k", b"").unwrap();
    }
}
