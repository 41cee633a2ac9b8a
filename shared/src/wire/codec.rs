//! Codecs: how arguments and results become bytes, each with its bounds on size and nesting.

use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeOwned, Deserializer, Visitor};

use super::blob;
use super::depth::{MAX_DEPTH, deserialize_limited, serialize_limited};
use super::frames::Lent;
use super::variant::{OnVariant, VariantContent};
use crate::attach;
use crate::value::{ValueDeserializer, to_value};

/// How arguments and results are passed on; the numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    /// Not at all: as a [`Value`](crate::value::Value), held beside no bytes. Within a process, on no wire.
    Value = 0,
    /// Compact and positional: between Rust programs whose signatures agree.
    Postcard = 1,
    /// Self-describing: for dynamic callers; arguments are an array or a map.
    MessagePack = 2,
    /// Self-describing text: for people and other languages; arguments are an array or an object.
    Json = 3,
}

/// A value that could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// It is longer than the limit.
    #[error("it takes more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Its own `Serialize` failed, or it is nested too deep.
    #[error("{0}")]
    Serialize(String),
}

/// Bytes that could not be read as the type wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

impl Codec {
    /// How the items of a stream are written, whose value is passed on like this.
    pub(crate) fn of_items(self) -> Self {
        match self {
            Self::Value => Self::MessagePack,
            other => other,
        }
    }

    /// The codec with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Postcard),
            2 => Some(Self::MessagePack),
            3 => Some(Self::Json),
            _ => None,
        }
    }

    /// Appends `value` to `out`, at most `limit` bytes of it. On an error `out` is as before.
    ///
    /// # Errors
    /// TooLarge, or Serialize when the value itself cannot be written.
    #[inline]
    pub fn encode<T: Serialize + ?Sized>(
        self,
        value: &T,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(), EncodeError> {
        self.encode_with(out, None, limit, value)
    }

    /// As [`encode`](Self::encode), with large blobs noted in `lent` instead of being copied.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    #[inline]
    pub fn encode_lending<T: Serialize + ?Sized>(
        self,
        value: &T,
        out: &mut Vec<u8>,
        lent: &mut Vec<Lent>,
        limit: usize,
    ) -> Result<(), EncodeError> {
        self.encode_with(out, Some(lent), limit, value)
    }

    /// Appends the content of `value`, an enum's variant, without saying which variant it is; large blobs are noted in
    /// `lent`, if that is given, instead of being copied.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    #[inline]
    pub fn encode_content<T: Serialize + ?Sized>(
        self,
        value: &T,
        out: &mut Vec<u8>,
        lent: Option<&mut Vec<Lent>>,
        limit: usize,
    ) -> Result<(), EncodeError> {
        self.encode_with(out, lent, limit, &VariantContent(value))
    }

    fn encode_with<T: Serialize + ?Sized>(
        self,
        out: &mut Vec<u8>,
        lent: Option<&mut Vec<Lent>>,
        limit: usize,
        value: &T,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        let lent_before = lent.as_ref().map_or(0, |lent| lent.len());
        // Truncates also when the value's own `Serialize` panics: half a value must not stay in a shared buffer.
        let mut bounded = Bounded {
            out,
            start,
            // JSON has numbers in the place of bytes.
            lent: lent.filter(|_| self != Self::Json),
            lent_before,
            end: start.saturating_add(limit),
            over: false,
            kept: false,
        };
        let result = match self {
            Self::Value => hold(value),
            Self::Postcard => write_postcard(&mut bounded, value),
            Self::MessagePack => write_message_pack(&mut bounded, value),
            Self::Json => write_json(&mut bounded, value),
        };
        if bounded.over {
            return Err(EncodeError::TooLarge { limit });
        }
        bounded.kept = result.is_ok();
        result.map_err(EncodeError::Serialize)
    }

    /// Reads a value that takes all of `bytes`.
    ///
    /// # Errors
    /// When the bytes are not such a value, are nested too deep, or something stands behind it.
    #[inline]
    pub fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, DecodeError> {
        self.decode_with(bytes, Plain)
    }

    /// Reads the content of variant number `index` of the enum `T`.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    #[inline]
    pub fn decode_variant<T: DeserializeOwned>(
        self,
        index: u16,
        bytes: &[u8],
    ) -> Result<T, DecodeError> {
        self.decode_with(bytes, OnVariantOf(index))
    }

    #[inline]
    fn decode_with<T: DeserializeOwned>(
        self,
        bytes: &[u8],
        how: impl Reading,
    ) -> Result<T, DecodeError> {
        match self {
            Self::Value => {
                let held = attach::held();
                let held = held.ok_or_else(|| DecodeError("there is no value".into()))?;
                how.read(ValueDeserializer(held))
                    .map_err(|e| DecodeError(e.to_string()))
            }
            Self::Postcard => {
                let mut reader = postcard::Deserializer::from_bytes(bytes);
                let value = how.read(&mut reader).map_err(postcard_text)?;
                match reader.finalize() {
                    Ok([]) => Ok(value),
                    _ => Err(DecodeError("bytes are left over behind it".into())),
                }
            }
            Self::MessagePack => {
                // From the bytes themselves, so that text and blobs are not read into a buffer first.
                let reader = rmp_serde::Deserializer::from_read_ref(bytes);
                let mut reader = reader.with_human_readable();
                let value = how
                    .read(&mut reader)
                    .map_err(|e| DecodeError(e.to_string()))?;
                match reader.deserialize_any(NoMore) {
                    // No further value begins.
                    Err(rmp_serde::decode::Error::InvalidMarkerRead(_)) => Ok(value),
                    _ => Err(DecodeError("bytes are left over behind it".into())),
                }
            }
            Self::Json => {
                let mut reader = serde_json::Deserializer::from_slice(bytes);
                let value = how
                    .read(&mut reader)
                    .map_err(|e| DecodeError(e.to_string()))?;
                reader.end().map_err(|e| DecodeError(e.to_string()))?;
                Ok(value)
            }
        }
    }
}

/// Takes no value at all.
struct NoMore;

impl Visitor<'_> for NoMore {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}

/// What is read: a whole value, or one variant's content.
trait Reading {
    fn read<'de, T: DeserializeOwned, D: Deserializer<'de>>(self, reader: D)
    -> Result<T, D::Error>;
}

struct Plain;

impl Reading for Plain {
    #[inline]
    fn read<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        self,
        reader: D,
    ) -> Result<T, D::Error> {
        deserialize_limited(reader, MAX_DEPTH)
    }
}

struct OnVariantOf(u16);

impl Reading for OnVariantOf {
    #[inline]
    fn read<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        self,
        reader: D,
    ) -> Result<T, D::Error> {
        deserialize_limited(
            OnVariant {
                index: self.0,
                inner: reader,
            },
            MAX_DEPTH,
        )
    }
}

/// A buffer that takes bytes up to `end` and forgets what was appended unless it is `kept`.
struct Bounded<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    lent: Option<&'a mut Vec<Lent>>,
    lent_before: usize,
    end: usize,
    over: bool,
    kept: bool,
}

impl Bounded<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > self.end - self.out.len() {
            self.over = true;
            return false;
        }
        if bytes.len() >= blob::MIN_BYTES
            && let Some(lent) = &mut self.lent
            && let Some(data) = blob::offered(bytes)
        {
            self.end -= data.len();
            let at = self.out.len();
            lent.push(Lent { at, data });
            return true;
        }
        self.out.extend_from_slice(bytes);
        true
    }
}

impl Drop for Bounded<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.kept {
            self.out.truncate(self.start);
            if let Some(lent) = &mut self.lent {
                lent.truncate(self.lent_before);
            }
        }
    }
}

impl postcard::ser_flavors::Flavor for &mut Bounded<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if self.put(bytes) {
            Ok(())
        } else {
            Err(postcard::Error::SerializeBufferFull)
        }
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

impl std::io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.put(bytes) {
            Ok(bytes.len())
        } else {
            Err(std::io::Error::other("over the limit"))
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn hold<T: Serialize + ?Sized>(value: &T) -> Result<(), String> {
    let value = to_value(value).map_err(|e| e.to_string())?;
    attach::hold(value);
    Ok(())
}

#[inline]
fn write_postcard<T: Serialize + ?Sized>(out: &mut Bounded<'_>, value: &T) -> Result<(), String> {
    let mut writer = postcard::Serializer { output: out };
    serialize_limited(value, &mut writer, MAX_DEPTH).map_err(|e| postcard_text(e).0)
}

fn write_message_pack<T: Serialize + ?Sized>(
    out: &mut Bounded<'_>,
    value: &T,
) -> Result<(), String> {
    // Named fields, so that a caller who knows no types can read what comes back.
    let mut writer = rmp_serde::Serializer::new(out)
        .with_struct_map()
        .with_human_readable();
    serialize_limited(value, &mut writer, MAX_DEPTH).map_err(|e| e.to_string())
}

fn write_json<T: Serialize + ?Sized>(out: &mut Bounded<'_>, value: &T) -> Result<(), String> {
    let mut writer = serde_json::Serializer::new(out);
    serialize_limited(value, &mut writer, MAX_DEPTH).map_err(|e| e.to_string())
}

/// Postcard keeps no text of its errors; its codes say little to a user.
#[cold]
fn postcard_text(error: postcard::Error) -> DecodeError {
    let text = match error {
        postcard::Error::DeserializeUnexpectedEnd => "it is cut short".into(),
        postcard::Error::DeserializeBadUtf8 => "a text in it is not UTF-8".into(),
        postcard::Error::DeserializeBadEnum => "a variant in it is unknown".into(),
        postcard::Error::SerdeDeCustom => {
            "a value in it was refused by its type, or is nested too deep".into()
        }
        postcard::Error::SerdeSerCustom => {
            "a value in it refused to be written, or is nested too deep".into()
        }
        postcard::Error::SerializeSeqLengthUnknown => {
            "a sequence in it does not know its length".into()
        }
        other => format!("{other}"),
    };
    DecodeError(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Request {
        Ping {},
        Add { a: i64, b: String },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Response {
        Ping(()),
        Add(Vec<u8>),
    }

    const ALL: [Codec; 3] = [Codec::Postcard, Codec::MessagePack, Codec::Json];

    #[test]
    fn the_content_of_a_request_is_its_arguments_in_order() {
        for codec in ALL {
            let mut arguments = Vec::new();
            codec.encode(&(7i64, "x"), &mut arguments, 100).unwrap();
            let expected = Request::Add {
                a: 7,
                b: "x".into(),
            };
            assert_eq!(codec.decode_variant::<Request>(1, &arguments), Ok(expected));
        }
        let mut out = Vec::new();
        Codec::Postcard
            .encode_content(
                &Request::Add {
                    a: 7,
                    b: "x".into(),
                },
                &mut out,
                None,
                100,
            )
            .unwrap();
        assert_eq!(out, [14, 1, b'x']);
    }

    #[test]
    fn a_dynamic_caller_may_name_its_arguments() {
        let named = Codec::Json.decode_variant(1, br#"{"b":"x","a":7}"#);
        assert_eq!(
            named,
            Ok(Request::Add {
                a: 7,
                b: "x".into()
            })
        );
        assert_eq!(Codec::Json.decode_variant(0, b"[]"), Ok(Request::Ping {}));
        assert_eq!(
            Codec::MessagePack.decode_variant(0, &[0x90]),
            Ok(Request::Ping {})
        );
        assert_eq!(Codec::Postcard.decode_variant(0, &[]), Ok(Request::Ping {}));
    }

    #[test]
    fn the_content_of_a_response_is_the_bare_result() {
        for codec in ALL {
            let (mut content, mut bare) = (Vec::new(), Vec::new());
            codec
                .encode_content(&Response::Add(vec![1, 2]), &mut content, None, 100)
                .unwrap();
            codec.encode(&vec![1u8, 2], &mut bare, 100).unwrap();
            assert_eq!(content, bare, "{codec:?}");
        }
        let mut out = Vec::new();
        Codec::Json
            .encode_content(&Response::Ping(()), &mut out, None, 100)
            .unwrap();
        assert_eq!(out, b"null");
    }

    #[test]
    fn what_is_over_the_limit_leaves_the_buffer_as_it_was() {
        for codec in ALL {
            let mut out = b"before".to_vec();
            let big = "x".repeat(1000);
            assert_eq!(
                codec.encode(&big, &mut out, 999),
                Err(EncodeError::TooLarge { limit: 999 })
            );
            assert_eq!(out, b"before");
        }
    }

    #[test]
    fn a_panic_in_the_middle_of_a_value_leaves_the_buffer_as_it_was() {
        struct Bad;
        impl Serialize for Bad {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                panic!("bad value")
            }
        }
        let mut out = b"before".to_vec();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Codec::Postcard.encode(&(1u8, Bad), &mut out, 100)
        }));
        assert!(result.is_err());
        assert_eq!(out, b"before");
    }

    #[test]
    fn a_value_is_passed_on_as_it_is_beside_no_bytes() {
        let pair = (7u8, vec!["x".to_owned(); 3]);
        let mut out = Vec::new();
        attach::writing(|| Codec::Value.encode(&pair, &mut out, 0)).unwrap();
        let held = attach::take();
        assert!(out.is_empty() && held.len() == 1);
        let read = || Codec::Value.decode::<(u8, Vec<String>)>(&[]);
        let both = attach::reading(Codec::Value, "a test".into(), held, || (read(), read()));
        assert_eq!(
            both,
            (Ok(pair), Err(DecodeError("there is no value".into())))
        );
        assert_eq!(Codec::from_number(Codec::Value as u8), None, "on no wire");
    }

    #[test]
    fn left_over_and_missing_bytes_are_errors() {
        for codec in ALL {
            let mut bytes = Vec::new();
            codec.encode(&5u32, &mut bytes, 100).unwrap();
            bytes.push(1);
            assert!(codec.decode::<u32>(&bytes).is_err(), "{codec:?}");
            assert!(codec.decode::<u32>(&[]).is_err(), "{codec:?}");
        }
        // The beginning of anything, also of what never comes.
        for byte in 0..=u8::MAX {
            assert!(Codec::MessagePack.decode::<u32>(&[5, byte]).is_err());
        }
        assert_eq!(Codec::MessagePack.decode::<u32>(&[5]), Ok(5));
    }

    #[test]
    fn a_blob_is_lent_and_read_without_a_copy() {
        let blob = bytes::Bytes::from(vec![7; blob::MIN_BYTES]);
        for codec in [Codec::Postcard, Codec::MessagePack] {
            let (mut out, mut lent) = (Vec::new(), Vec::new());
            let written = blob::Blob(blob.clone());
            let limit = 2 * blob.len();
            codec
                .encode_lending(&written, &mut out, &mut lent, limit)
                .unwrap();
            assert_eq!(lent[0].data.as_ptr(), blob.as_ptr(), "{codec:?}");
            out.extend_from_slice(&blob);
            let message = bytes::Bytes::from(out);
            let read = || codec.decode::<blob::Blob<bytes::Bytes>>(&message);
            let read = blob::reading(&message, read).unwrap().0;
            assert!(message.as_ptr_range().contains(&read.as_ptr()));
            assert_eq!(read, blob, "{codec:?}");
        }
    }

    #[test]
    fn a_million_levels_are_an_error_both_ways() {
        #[derive(Debug, Serialize, Deserialize)]
        enum Tree {
            Leaf,
            Node(Box<Tree>),
        }
        let deep = vec![1u8; 1_000_000];
        assert!(Codec::Postcard.decode::<Tree>(&deep).is_err());
        let lists = vec![0x91u8; 1_000_000];
        assert!(
            Codec::MessagePack
                .decode::<crate::value::Value>(&lists)
                .is_err()
        );
        let text = "[".repeat(1_000_000);
        assert!(
            Codec::Json
                .decode::<crate::value::Value>(text.as_bytes())
                .is_err()
        );

        let mut tree = Tree::Leaf;
        for _ in 0..1_000_000 {
            tree = Tree::Node(Box::new(tree));
        }
        let mut out = Vec::new();
        let refused = Codec::Postcard.encode(&tree, &mut out, 1 << 30);
        // Its own drop would overflow the stack.
        std::mem::forget(tree);
        assert!(refused.unwrap_err().to_string().contains("nested"));
    }
}
