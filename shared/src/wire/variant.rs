//! Takes the variant off a tarpc service's enums: on the wire the method is in the header, so a body holds only the
//! arguments or the result.

use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor,
};
use serde::ser::{self, Impossible, SerializeStruct, SerializeStructVariant};
use serde::{Serialize, Serializer};

/// Writes an enum's variant without its index or name: a tarpc request as arguments, a tarpc response as a result.
#[derive(Clone, Copy, Debug)]
pub struct VariantContent<T>(pub T);

impl<T: Serialize> Serialize for VariantContent<T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Strip(serializer))
    }
}

/// The index of a variant.
///
/// `None` when the value is no enum.
pub fn variant_index<T: Serialize + ?Sized>(value: &T) -> Option<u32> {
    match value.serialize(Index) {
        Err(Found(index)) => index,
        Ok(()) => None,
    }
}

struct Strip<S>(S);

struct StripFields<S>(S);

macro_rules! refuse {
    ($($name:ident($($argument:ident: $ty:ty),*) -> $result:ty;)*) => {
        $(fn $name(self, $($argument: $ty),*) -> Result<$result, Self::Error> {
            $(let _ = $argument;)*
            Err(ser::Error::custom("not an enum of a tarpc service"))
        })*
    };
}

macro_rules! refuse_everything_else {
    () => {
        refuse! {
            serialize_bool(v: bool) -> Self::Ok; serialize_i8(v: i8) -> Self::Ok; serialize_i16(v: i16) -> Self::Ok;
            serialize_i32(v: i32) -> Self::Ok; serialize_i64(v: i64) -> Self::Ok; serialize_u8(v: u8) -> Self::Ok;
            serialize_u16(v: u16) -> Self::Ok; serialize_u32(v: u32) -> Self::Ok; serialize_u64(v: u64) -> Self::Ok;
            serialize_f32(v: f32) -> Self::Ok; serialize_f64(v: f64) -> Self::Ok; serialize_char(v: char) -> Self::Ok;
            serialize_str(v: &str) -> Self::Ok; serialize_bytes(v: &[u8]) -> Self::Ok;
            serialize_none() -> Self::Ok; serialize_unit() -> Self::Ok;
            serialize_unit_struct(name: &'static str) -> Self::Ok;
            serialize_seq(len: Option<usize>) -> Self::SerializeSeq;
            serialize_tuple(len: usize) -> Self::SerializeTuple;
            serialize_tuple_struct(name: &'static str, len: usize) -> Self::SerializeTupleStruct;
            serialize_map(len: Option<usize>) -> Self::SerializeMap;
            serialize_struct(name: &'static str, len: usize) -> Self::SerializeStruct;
        }

        fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Self::Ok, Self::Error> {
            self.serialize_none()
        }

        fn serialize_newtype_struct<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: &T,
        ) -> Result<Self::Ok, Self::Error> {
            self.serialize_none()
        }
    };
}

impl<S: Serializer> Serializer for Strip<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Impossible<S::Ok, S::Error>;
    type SerializeTuple = Impossible<S::Ok, S::Error>;
    type SerializeTupleStruct = Impossible<S::Ok, S::Error>;
    type SerializeTupleVariant = Impossible<S::Ok, S::Error>;
    type SerializeMap = Impossible<S::Ok, S::Error>;
    type SerializeStruct = Impossible<S::Ok, S::Error>;
    type SerializeStructVariant = StripFields<S::SerializeStruct>;

    refuse_everything_else!();

    refuse! {
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> S::Ok;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> Self::SerializeTupleVariant;
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(self.0)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.0.serialize_struct(variant, len).map(StripFields)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

impl<S: SerializeStruct> SerializeStructVariant for StripFields<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), S::Error> {
        self.0.serialize_field(key, value)
    }

    #[inline]
    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

/// Ends the walk of [`variant_index`] with what it found.
#[derive(Debug)]
struct Found(Option<u32>);

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "variant {:?}", self.0)
    }
}

impl std::error::Error for Found {}

impl ser::Error for Found {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self(None)
    }
}

struct Index;

impl Serializer for Index {
    type Ok = ();
    type Error = Found;
    type SerializeSeq = Impossible<(), Found>;
    type SerializeTuple = Impossible<(), Found>;
    type SerializeTupleStruct = Impossible<(), Found>;
    type SerializeTupleVariant = Impossible<(), Found>;
    type SerializeMap = Impossible<(), Found>;
    type SerializeStruct = Impossible<(), Found>;
    type SerializeStructVariant = Impossible<(), Found>;

    refuse_everything_else!();

    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), Found> {
        Err(Found(Some(index)))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Found> {
        Err(Found(Some(index)))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Found> {
        Err(Found(Some(index)))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Found> {
        Err(Found(Some(index)))
    }
}

/// Reads an enum as variant `index`, whose content is all that `inner` holds.
pub(super) struct OnVariant<D> {
    pub(super) index: u16,
    pub(super) inner: D,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for OnVariant<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, D::Error> {
        Err(serde::de::Error::custom("not an enum of a tarpc service"))
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        visitor.visit_enum(self)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de, D: Deserializer<'de>> EnumAccess<'de> for OnVariant<D> {
    type Error = D::Error;
    type Variant = Content<D>;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<D>), D::Error> {
        let index: U32Deserializer<D::Error> = u32::from(self.index).into_deserializer();
        Ok((seed.deserialize(index)?, Content(self.inner)))
    }
}

pub(super) struct Content<D>(D);

impl<'de, D: Deserializer<'de>> VariantAccess<'de> for Content<D> {
    type Error = D::Error;

    fn unit_variant(self) -> Result<(), D::Error> {
        Err(serde::de::Error::custom("not an enum of a tarpc service"))
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, D::Error> {
        seed.deserialize(self.0)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct("arguments", fields, visitor)
    }
}
