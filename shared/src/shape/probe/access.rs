//! What a probe hands to the visitors of sequences, maps and enums.

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::{Answer, Place, Probe, Step, Stop, Turn};

/// Made-up items, and the one on the path behind them.
pub(super) struct Items<'r> {
    filler: Probe<'r>,
    fillers: usize,
    wanted: Option<Probe<'r>>,
}

impl<'r> Items<'r> {
    /// The item at `index`, and made-up ones before it.
    pub(super) fn up_to(item: Probe<'r>, index: usize) -> Self {
        Items {
            filler: item.beside(),
            fillers: index,
            wanted: Some(item),
        }
    }

    /// Only made-up items.
    pub(super) fn made_up(filler: Probe<'r>, len: usize) -> Self {
        Items {
            filler,
            fillers: len,
            wanted: None,
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Stop> {
        let item = if self.fillers > 0 {
            self.fillers -= 1;
            Some(self.filler)
        } else {
            self.wanted.take()
        };
        item.map(|item| seed.deserialize(item)).transpose()
    }
}

/// One entry of a map, or none.
pub(super) struct Entry<'r> {
    key: Option<Probe<'r>>,
    value: Option<Probe<'r>>,
}

impl<'r> Entry<'r> {
    /// The field on the path.
    pub(super) fn field(name: &'static str, value: Probe<'r>) -> Self {
        Entry {
            key: Some(Probe {
                place: Place::Name(name),
                ..value
            }),
            value: Some(value),
        }
    }

    /// The key on the path.
    pub(super) fn key(key: Probe<'r>) -> Self {
        Entry {
            key: Some(key),
            value: None,
        }
    }

    /// The value on the path, under a made-up key.
    pub(super) fn value(value: Probe<'r>) -> Self {
        Entry {
            key: Some(value.beside()),
            value: Some(value),
        }
    }

    pub(super) fn none() -> Self {
        Entry {
            key: None,
            value: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stop> {
        self.key.take().map(|key| seed.deserialize(key)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(self.value.take().ok_or(Stop)?)
    }
}

/// A variant by its name.
pub(super) struct Choice<'r> {
    pub(super) name: &'static str,
    pub(super) content: Probe<'r>,
}

impl<'de, 'r> EnumAccess<'de> for Choice<'r> {
    type Error = Stop;
    type Variant = Probe<'r>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Probe<'r>), Stop> {
        let variant = seed.deserialize(Probe {
            place: Place::Name(self.name),
            ..self.content
        })?;
        Ok((variant, self.content))
    }
}

impl<'de> VariantAccess<'de> for Probe<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        match self.turn::<()>(Answer::UnitVariant)? {
            Turn::Fill(_) => Ok(()),
            Turn::Follow(..) => Err(Stop),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Stop> {
        match self.turn::<T::Value>(Answer::NewtypeVariant)? {
            Turn::Follow(Step::Newtype, inner) | Turn::Fill(inner) => seed.deserialize(inner),
            Turn::Follow(..) => Err(Stop),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.items(Answer::TupleVariant(len), len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.fields(Answer::StructVariant(fields), fields.len(), visitor)
    }
}
