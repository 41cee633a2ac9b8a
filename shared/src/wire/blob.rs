//! Blobs: large [`Bytes`] are lent to the out buffer and taken out of the read buffer instead of being copied.
//!
//! serde's data model knows only slices. So whoever writes a `Bytes` [offers](serialize) it beside its slice, for the codec
//! to find when that slice arrives; and whoever reads one looks whether its slice lies in the [message](reading) that is
//! read just now. Both work for values of type `Bytes` that `#[remote]` finds as an argument or a result; inside other
//! types they are copied.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;

use bytes::Bytes;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Blobs shorter than this are copied: that costs less than a part of its own in a write.
pub const MIN_BYTES: usize = 16 << 10;

thread_local! {
    static OFFERED: RefCell<Option<Bytes>> = const { RefCell::new(None) };
    static SOURCE: RefCell<Option<Bytes>> = const { RefCell::new(None) };
}

/// The blob whose slice this is, if it was offered.
pub(super) fn offered(slice: &[u8]) -> Option<Bytes> {
    let offered = OFFERED.take()?;
    (offered.as_ptr() == slice.as_ptr() && offered.len() == slice.len()).then_some(offered)
}

/// Reads something out of `message`: blobs in it become parts of it.
pub fn reading<T>(message: &Bytes, read: impl FnOnce() -> T) -> T {
    /// Puts back what was there, also after a panic.
    struct Restore(Option<Bytes>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SOURCE.set(self.0.take());
        }
    }
    let _restore = Restore(SOURCE.replace(Some(message.clone())));
    read()
}

/// A part of the message that is read, without a copy when it is a large one.
pub fn whole(slice: &[u8]) -> Bytes {
    taken(slice)
}

fn taken(slice: &[u8]) -> Bytes {
    SOURCE.with_borrow(|source| match source {
        Some(source) if slice.len() >= MIN_BYTES && contains(source, slice) => {
            source.slice_ref(slice)
        }
        _ => Bytes::copy_from_slice(slice),
    })
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}

/// Writes a value; when it is `Bytes`, so that it can be lent.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<T: Serialize + 'static, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Some(blob) = (value as &dyn Any).downcast_ref::<Bytes>() else {
        return value.serialize(serializer);
    };
    if blob.len() < MIN_BYTES {
        return serializer.serialize_bytes(blob);
    }
    OFFERED.set(Some(blob.clone()));
    let written = serializer.serialize_bytes(blob);
    OFFERED.set(None);
    written
}

/// Reads a value; when it is `Bytes`, as a part of the message if that is at hand.
///
/// # Errors
/// Those of the deserializer.
pub fn deserialize<'de, T: Deserialize<'de> + 'static, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let mut value = None::<T>;
    if let Some(blob) = (&mut value as &mut dyn Any).downcast_mut::<Option<Bytes>>() {
        *blob = Some(deserializer.deserialize_byte_buf(BlobVisitor)?);
        return match value {
            Some(value) => Ok(value),
            None => unreachable!("it was just set"),
        };
    }
    T::deserialize(deserializer)
}

/// A value that is written and read as by this module.
#[derive(Clone, Debug)]
pub struct Blob<T>(pub T);

impl<T: Serialize + 'static> Serialize for Blob<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

impl<'de, T: Deserialize<'de> + 'static> Deserialize<'de> for Blob<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer).map(Self)
    }
}

struct BlobVisitor;

impl<'de> Visitor<'de> for BlobVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Bytes, E> {
        Ok(taken(bytes))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(taken(bytes))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Bytes, E> {
        Ok(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(4096));
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::Codec;
    use crate::wire::frames::Frames;

    fn written(value: &impl Serialize) -> Frames {
        let mut frames = Frames::default();
        let (bytes, lent) = frames.parts();
        Codec::Postcard
            .encode_lending(value, bytes, lent, 1 << 20)
            .unwrap();
        frames
    }

    fn flat(frames: &Frames) -> Bytes {
        let mut flat = Vec::new();
        let mut at = 0;
        for lent in &frames.lent {
            flat.extend_from_slice(&frames.bytes[at..lent.at]);
            flat.extend_from_slice(&lent.data);
            at = lent.at;
        }
        flat.extend_from_slice(&frames.bytes[at..]);
        flat.into()
    }

    #[test]
    fn a_large_blob_is_neither_copied_out_nor_in() {
        let blob = Bytes::from(vec![7; MIN_BYTES]);
        let frames = written(&(1u8, Blob(blob.clone()), "x"));
        assert_eq!(frames.lent[0].data.as_ptr(), blob.as_ptr());
        let message = flat(&frames);
        let (number, Blob(back), text): (u8, Blob<Bytes>, String) =
            reading(&message, || Codec::Postcard.decode(&message)).unwrap();
        assert_eq!((number, &back, &*text), (1, &blob, "x"));
        assert!(contains(&message, &back));
        // The same bytes as without lending.
        let mut plain = Vec::new();
        Codec::Postcard
            .encode(&(1u8, blob, "x"), &mut plain, 1 << 20)
            .unwrap();
        assert_eq!(plain, message);
    }

    #[test]
    fn small_blobs_and_other_types_are_copied() {
        assert!(
            written(&Blob(Bytes::from(vec![7; MIN_BYTES - 1])))
                .lent
                .is_empty()
        );
        assert!(written(&Blob(vec![7u8; MIN_BYTES])).lent.is_empty());
        assert!(written(&Bytes::from(vec![7; MIN_BYTES])).lent.is_empty());
    }

    #[test]
    fn a_blob_that_is_over_the_limit_is_an_error_like_any_other() {
        let blob = Blob(Bytes::from(vec![7; MIN_BYTES]));
        let mut frames = Frames::default();
        let (bytes, lent) = frames.parts();
        let refused = Codec::Postcard.encode_lending(&blob, bytes, lent, MIN_BYTES);
        assert!(refused.is_err());
        assert!(frames.bytes.is_empty() && frames.lent.is_empty());
    }

    #[test]
    fn what_is_read_outside_of_its_message_is_copied() {
        let blob = Bytes::from(vec![7; MIN_BYTES]);
        let message = flat(&written(&Blob(blob.clone())));
        let other = Bytes::from(vec![0; MIN_BYTES]);
        let Blob(back): Blob<Bytes> = reading(&other, || Codec::Postcard.decode(&message)).unwrap();
        assert_eq!(back, blob);
        assert!(!contains(&message, &back) && !contains(&other, &back));
    }
}
