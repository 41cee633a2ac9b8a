//! Every call arrives at the format, and every visit at the visitor, as it was made.

use std::fmt::{self, Display};

use bytes::Bytes;
use serde::Serialize;
use serde::de::value::{
    BytesDeserializer, Error as Text, MapDeserializer, SeqDeserializer, StrDeserializer,
};
use serde::de::{self, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Impossible, SerializeMap, Serializer};

use super::super::DepthLimited;
use super::Format;

/// A format whose every method fails with its own name.
struct Probe;

macro_rules! probe_deserializer {
    ($($method:ident($($arg:expr),*) $(: $type:ty)*;)*) => {
        impl<'de> Deserializer<'de> for Probe {
            type Error = Text;
            $(fn $method<V: Visitor<'de>>(self, $(_: $type,)* _: V) -> Result<V::Value, Text> {
                Err(Text::custom(stringify!($method)))
            })*
            fn is_human_readable(&self) -> bool {
                false
            }
        }

        #[test]
        fn every_way_to_read_is_forwarded() {
            $(
                let limited = DepthLimited::new(Probe, 1);
                let error = limited.$method($($arg,)* de::IgnoredAny).unwrap_err();
                assert_eq!(error.to_string(), stringify!($method));
            )*
            assert!(!Deserializer::is_human_readable(&DepthLimited::new(Probe, 1)));
        }
    };
}

probe_deserializer! {
    deserialize_any(); deserialize_bool();
    deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64(); deserialize_i128();
    deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
    deserialize_f32(); deserialize_f64(); deserialize_char(); deserialize_str(); deserialize_string();
    deserialize_bytes(); deserialize_byte_buf(); deserialize_option(); deserialize_unit();
    deserialize_unit_struct("N"): &'static str; deserialize_newtype_struct("N"): &'static str;
    deserialize_seq(); deserialize_tuple(1): usize; deserialize_tuple_struct("N", 1): &'static str: usize;
    deserialize_map(); deserialize_struct("N", &[]): &'static str: &'static [&'static str];
    deserialize_enum("N", &[]): &'static str: &'static [&'static str];
    deserialize_identifier(); deserialize_ignored_any();
}

/// Says which of its methods was called.
struct Called;

macro_rules! probe_visitor {
    ($($method:ident($type:ty)),*) => {
        impl<'de> Visitor<'de> for Called {
            type Value = &'static str;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a call")
            }
            $(fn $method<E: de::Error>(self, _: $type) -> Result<&'static str, E> {
                Ok(stringify!($method))
            })*
            fn visit_none<E: de::Error>(self) -> Result<&'static str, E> {
                Ok("visit_none")
            }
            fn visit_unit<E: de::Error>(self) -> Result<&'static str, E> {
                Ok("visit_unit")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<&'static str, A::Error> {
                Ok(if seq.size_hint() == Some(2) { "visit_seq with its hint" } else { "visit_seq" })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<&'static str, A::Error> {
                Ok(if map.size_hint() == Some(2) { "visit_map with its hint" } else { "visit_map" })
            }
        }

        #[test]
        fn every_visit_is_forwarded() {
            let limited = || DepthLimited::new(Called, 1);
            $(assert_eq!(limited().$method::<Text>(Default::default()), Ok(stringify!($method)));)*
            assert_eq!(limited().visit_none::<Text>(), Ok("visit_none"));
            assert_eq!(limited().visit_unit::<Text>(), Ok("visit_unit"));
            let seq = SeqDeserializer::<_, Text>::new([1_u8, 2].into_iter());
            assert_eq!(limited().visit_seq(seq), Ok("visit_seq with its hint"));
            let map = MapDeserializer::<_, Text>::new([(1_u8, 2_u8), (3, 4)].into_iter());
            assert_eq!(limited().visit_map(map), Ok("visit_map with its hint"));
            let error = limited().visit_enum(StrDeserializer::<Text>::new("V"));
            assert_eq!(error.unwrap_err().to_string(), "invalid type: enum, expected a call");
        }
    };
}

probe_visitor! {
    visit_bool(bool), visit_i8(i8), visit_i16(i16), visit_i32(i32), visit_i64(i64), visit_i128(i128),
    visit_u8(u8), visit_u16(u16), visit_u32(u32), visit_u64(u64), visit_u128(u128), visit_f32(f32), visit_f64(f64),
    visit_char(char), visit_str(&str), visit_borrowed_str(&'de str), visit_string(String),
    visit_bytes(&[u8]), visit_borrowed_bytes(&'de [u8]), visit_byte_buf(Vec<u8>)
}

macro_rules! probe_serializer {
    ($($method:ident($($arg:expr),*) $(: $type:ty)*;)*) => {
        impl Serializer for Probe {
            type Ok = ();
            type Error = Text;
            type SerializeSeq = Impossible<(), Text>;
            type SerializeTuple = Impossible<(), Text>;
            type SerializeTupleStruct = Impossible<(), Text>;
            type SerializeTupleVariant = Impossible<(), Text>;
            type SerializeMap = Impossible<(), Text>;
            type SerializeStruct = Impossible<(), Text>;
            type SerializeStructVariant = Impossible<(), Text>;
            $(fn $method(self $(, _: $type)*) -> Result<(), Text> {
                Err(Text::custom(stringify!($method)))
            })*
            fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), Text> {
                Err(Text::custom("serialize_some"))
            }
            fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, _: &T) -> Result<(), Text> {
                Err(Text::custom(name))
            }
            fn serialize_newtype_variant<T: Serialize + ?Sized>(self, _: &'static str, i: u32, variant: &'static str, _: &T) -> Result<(), Text> {
                Err(Text::custom(format_args!("{variant} {i}")))
            }
            fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, Text> {
                Err(Text::custom(format_args!("seq {len:?}")))
            }
            fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, Text> {
                Err(Text::custom(format_args!("tuple {len}")))
            }
            fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, Text> {
                Err(Text::custom(format_args!("{name} {len}")))
            }
            fn serialize_tuple_variant(self, _: &'static str, i: u32, variant: &'static str, len: usize) -> Result<Self::SerializeTupleVariant, Text> {
                Err(Text::custom(format_args!("{variant} {i} {len}")))
            }
            fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, Text> {
                Err(Text::custom(format_args!("map {len:?}")))
            }
            fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, Text> {
                Err(Text::custom(format_args!("{name} {len}")))
            }
            fn serialize_struct_variant(self, _: &'static str, i: u32, variant: &'static str, len: usize) -> Result<Self::SerializeStructVariant, Text> {
                Err(Text::custom(format_args!("{variant} {i} {len}")))
            }
            fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Text> {
                Err(Text::custom(format_args!("collect_str {value}")))
            }
            fn is_human_readable(&self) -> bool {
                false
            }
        }

        #[test]
        fn every_way_to_write_is_forwarded() {
            let limited = || DepthLimited::new(Probe, 2);
            $(assert_eq!(limited().$method($($arg),*).unwrap_err().to_string(), stringify!($method));)*
            assert!(!Serializer::is_human_readable(&limited()));
            let said = [
                (limited().serialize_some(&1).err(), "serialize_some"),
                (limited().serialize_newtype_struct("N", &1).err(), "N"),
                (limited().serialize_newtype_variant("N", 3, "V", &1).err(), "V 3"),
                (limited().serialize_seq(Some(4)).err(), "seq Some(4)"),
                (limited().serialize_tuple(4).err(), "tuple 4"),
                (limited().serialize_tuple_struct("N", 4).err(), "N 4"),
                (limited().serialize_tuple_variant("N", 3, "V", 4).err(), "V 3 4"),
                (limited().serialize_map(None).err(), "map None"),
                (limited().serialize_struct("N", 4).err(), "N 4"),
                (limited().serialize_struct_variant("N", 3, "V", 4).err(), "V 3 4"),
                (limited().collect_str("x").err(), "collect_str x"),
            ];
            for (error, expected) in said {
                assert_eq!(error.unwrap().to_string(), expected);
            }
        }
    };
}

probe_serializer! {
    serialize_bool(true): bool;
    serialize_i8(1): i8; serialize_i16(1): i16; serialize_i32(1): i32; serialize_i64(1): i64; serialize_i128(1): i128;
    serialize_u8(1): u8; serialize_u16(1): u16; serialize_u32(1): u32; serialize_u64(1): u64; serialize_u128(1): u128;
    serialize_f32(1.0): f32; serialize_f64(1.0): f64; serialize_char('x'): char; serialize_str("x"): &str;
    serialize_bytes(b"x"): &[u8]; serialize_none(); serialize_unit(); serialize_unit_struct("N"): &'static str;
    serialize_unit_variant("N", 1, "V"): &'static str: u32: &'static str;
}

/// A map that makes a difference between being asked for a key, for a value, and for both at once.
struct Entries;

fn numbers() -> SeqDeserializer<std::vec::IntoIter<u8>, Text> {
    SeqDeserializer::new(vec![1, 2].into_iter())
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Text;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, key: K) -> Result<Option<K::Value>, Text> {
        key.deserialize(numbers()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, value: V) -> Result<V::Value, Text> {
        value.deserialize(numbers())
    }

    fn next_entry_seed<K: DeserializeSeed<'de>, V: DeserializeSeed<'de>>(
        &mut self,
        key: K,
        value: V,
    ) -> Result<Option<(K::Value, V::Value)>, Text> {
        let key = key.deserialize(BytesDeserializer::new(b"both"))?;
        Ok(Some((key, value.deserialize(numbers())?)))
    }
}

#[test]
fn keys_and_values_are_read_as_they_are_asked_for_and_bounded() {
    let mut limited = DepthLimited::new(Entries, 1);
    assert_eq!(limited.next_key(), Ok(Some(vec![1_u8, 2])));
    assert_eq!(limited.next_value(), Ok(vec![1_u8, 2]));
    assert_eq!(
        limited.next_entry(),
        Ok(Some((Bytes::from("both"), vec![1_u8, 2])))
    );
    let mut limited = DepthLimited::new(Entries, 0);
    let too_deep = Text::custom("nested deeper than 0 levels");
    assert_eq!(limited.next_key::<Vec<u8>>(), Err(too_deep.clone()));
    assert_eq!(limited.next_value::<Vec<u8>>(), Err(too_deep.clone()));
    assert_eq!(limited.next_entry::<Bytes, Vec<u8>>(), Err(too_deep));
}

/// Writes its key and its value in two calls.
struct TwoCalls<K, V>(K, V);

impl<K: Serialize, V: Serialize> Serialize for TwoCalls<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_key(&self.0)?;
        map.serialize_value(&self.1)?;
        map.end()
    }
}

#[test]
fn keys_and_values_written_apart_are_bounded() {
    let format = Format::MessagePack;
    assert_eq!(
        format.write(&TwoCalls([1], 2), 2).unwrap(),
        b"\x81\x91\x01\x02"
    );
    assert_eq!(
        format.write(&TwoCalls(1, [2]), 2).unwrap(),
        b"\x81\x01\x91\x02"
    );
    assert_eq!(
        format.write(&TwoCalls([1], 2), 1).unwrap_err(),
        "nested deeper than 1 levels"
    );
    assert_eq!(
        format.write(&TwoCalls(1, [2]), 1).unwrap_err(),
        "nested deeper than 1 levels"
    );
}
