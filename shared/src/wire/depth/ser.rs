//! The bound on nesting, for writing.

use std::fmt::Display;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::DepthLimited;

macro_rules! forward_serialize {
    ($($method:ident($($arg:ident: $type:ty),*))*) => {$(
        #[inline]
        fn $method(self, $($arg: $type),*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($arg),*)
        }
    )*};
}

impl<S: Serializer> Serializer for DepthLimited<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = DepthLimited<S::SerializeSeq>;
    type SerializeTuple = DepthLimited<S::SerializeTuple>;
    type SerializeTupleStruct = DepthLimited<S::SerializeTupleStruct>;
    type SerializeTupleVariant = DepthLimited<S::SerializeTupleVariant>;
    type SerializeMap = DepthLimited<S::SerializeMap>;
    type SerializeStruct = DepthLimited<S::SerializeStruct>;
    type SerializeStructVariant = DepthLimited<S::SerializeStructVariant>;

    forward_serialize! {
        serialize_bool(value: bool)
        serialize_i8(value: i8) serialize_i16(value: i16) serialize_i32(value: i32) serialize_i64(value: i64)
        serialize_i128(value: i128)
        serialize_u8(value: u8) serialize_u16(value: u16) serialize_u32(value: u32) serialize_u64(value: u64)
        serialize_u128(value: u128)
        serialize_f32(value: f32) serialize_f64(value: f64)
        serialize_char(value: char) serialize_str(value: &str) serialize_bytes(value: &[u8])
        serialize_none()
        serialize_unit() serialize_unit_struct(name: &'static str)
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let room = self.room.enter().map_err(S::Error::custom)?;
        self.inner.serialize_some(&room.bound(value))
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let room = self.room.enter().map_err(S::Error::custom)?;
        self.inner
            .serialize_newtype_struct(name, &room.bound(value))
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let room = self.room.enter().map_err(S::Error::custom)?;
        self.inner
            .serialize_newtype_variant(name, index, variant, &room.bound(value))
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        let room = self.room.enter().map_err(S::Error::custom)?;
        Ok(room.bound(self.inner.serialize_seq(len)?))
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        let room = self.room.enter().map_err(S::Error::custom)?;
        Ok(room.bound(self.inner.serialize_tuple(len)?))
    }

    #[inline]
    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        let room = self.room.enter().map_err(S::Error::custom)?;
        Ok(room.bound(self.inner.serialize_tuple_struct(name, len)?))
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        let room = self.room.enter().map_err(S::Error::custom)?;
        Ok(room.bound(self.inner.serialize_map(len)?))
    }

    #[inline]
    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, S::Error> {
        let room = self.room.enter().map_err(S::Error::custom)?;
        Ok(room.bound(self.inner.serialize_struct(name, len)?))
    }

    // Two levels each, as for reading: the variant, and its fields.
    #[inline]
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let room = self
            .room
            .enter()
            .and_then(|room| room.enter())
            .map_err(S::Error::custom)?;
        Ok(room.bound(
            self.inner
                .serialize_tuple_variant(name, index, variant, len)?,
        ))
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let room = self
            .room
            .enter()
            .and_then(|room| room.enter())
            .map_err(S::Error::custom)?;
        Ok(room.bound(
            self.inner
                .serialize_struct_variant(name, index, variant, len)?,
        ))
    }

    #[inline]
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<T: Serialize + ?Sized> Serialize for DepthLimited<&T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(self.room.bound(serializer))
    }
}

macro_rules! forward_elements {
    ($($compound:ident::$method:ident)*) => {$(
        impl<S: $compound> $compound for DepthLimited<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                self.inner.$method(&self.room.bound(value))
            }

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

forward_elements! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

macro_rules! forward_fields {
    ($($compound:ident)*) => {$(
        impl<S: $compound> $compound for DepthLimited<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), S::Error> {
                self.inner.serialize_field(key, &self.room.bound(value))
            }

            #[inline]
            fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                self.inner.skip_field(key)
            }

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

forward_fields! { SerializeStruct SerializeStructVariant }

impl<S: SerializeMap> SerializeMap for DepthLimited<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.inner.serialize_key(&self.room.bound(key))
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.inner.serialize_value(&self.room.bound(value))
    }

    #[inline]
    fn serialize_entry<K: Serialize + ?Sized, T: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &T,
    ) -> Result<(), S::Error> {
        self.inner
            .serialize_entry(&self.room.bound(key), &self.room.bound(value))
    }

    #[inline]
    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}
