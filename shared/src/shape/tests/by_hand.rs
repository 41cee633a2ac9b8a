//! Types whose `Deserialize` is not derived.

use serde::de::{Deserializer, SeqAccess, Visitor};

use super::*;

/// A struct that reads its fields in order only, as some for binary formats do.
struct InOrder;
impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = InOrder;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("fields")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<InOrder, A::Error> {
                seq.next_element::<u8>()?;
                seq.next_element::<String>()?;
                Ok(InOrder)
            }
        }
        deserializer.deserialize_struct("InOrder", &["first", "second"], Fields)
    }
}

/// Goes on after errors, as long as there is something.
struct Lenient;
impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = Lenient;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("items")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Lenient, A::Error> {
                while !matches!(seq.next_element::<(u8, u16)>(), Ok(None)) {}
                Ok(Lenient)
            }
        }
        deserializer.deserialize_seq(Items)
    }
}

struct Panics;
impl<'de> Deserialize<'de> for Panics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer).unwrap();
        Ok(Panics)
    }
}

/// Asks for a tuple of an absurd length.
struct Long<const N: usize>;
impl<'de, const N: usize> Deserialize<'de> for Long<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = ();
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("items")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
                while seq.next_element::<u8>()?.is_some() {}
                Ok(())
            }
        }
        deserializer.deserialize_tuple(N, Items).map(|()| Long)
    }
}

#[test]
fn hand_written_types_are_described_and_end() {
    assert_eq!(text::<InOrder>(), "InOrder { first: u8, second: string }");
    assert_eq!(text::<Lenient>(), "[(u8, u16)]");
    assert_eq!(text::<(Panics, u8)>(), "(u8, u8)");
    assert_eq!(
        text::<(u8, Vec<Panics>, Lenient, u8)>(),
        "(u8, [u8], [(u8, u16)], u8)"
    );
    assert_eq!(text::<Long<40>>(), "[u8; 40]");
    assert_eq!(text::<Long<{ usize::MAX }>>(), "any");
}
