//! A deserializer that follows a path into a type, notes what is asked of it there, and stops.

mod access;
mod deserializer;

use std::cell::{Cell, RefCell};

use serde::de::{Deserialize, Error, Visitor};

use super::{MAX_VALUE_BYTES, Type};
use access::{Entry, Items};

/// The deepest nesting of a made-up value.
const MAX_FILLER_DEPTH: u8 = 16;

/// Follows the path of `run` into `T`.
pub(super) fn run<T: for<'de> Deserialize<'de>>(run: &Run<'_>) {
    if size_of::<T>() <= MAX_VALUE_BYTES {
        follow::<T>(run);
    }
}

/// Apart from [`run`], whose own frame must not hold a value that may be too large for the stack.
#[inline(never)]
fn follow<T: for<'de> Deserialize<'de>>(run: &Run<'_>) {
    let probe = Probe {
        run,
        place: Place::Path(0),
        room: MAX_VALUE_BYTES,
    };
    // The value, if some type makes one of an error, is of no use.
    let _ = T::deserialize(probe);
}

/// One step on the way to a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Into an option.
    Some,
    /// Into a newtype struct or variant.
    Newtype,
    /// To an item of a tuple, or the first of a sequence.
    Item(usize),
    /// To a key of a map.
    Key,
    /// To a value of a map.
    Value,
    /// To a field of a struct or of a struct variant.
    Field { index: usize, name: &'static str },
    /// To the content of a variant.
    Variant(&'static str),
}

/// What a type asked for.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Leaf(Type),
    Option,
    Seq,
    Map,
    Tuple(usize),
    Container(Container),
    UnitVariant,
    NewtypeVariant,
    TupleVariant(usize),
    StructVariant(&'static [&'static str]),
}

/// A type with a name, told apart from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Tells instances of a generic type apart, such as `Result<Result<u8, ()>, ()>` and the one
    /// inside. Compared, never shown: compilers may spell it differently.
    visitor: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Struct(&'static [&'static str]),
    Newtype,
    Tuple(usize),
    Enum(&'static [&'static str]),
}

/// How to get past what lies beside the path.
#[derive(Debug)]
pub(super) struct Try {
    filler: Filler,
    fields: Fields,
}

/// How to reach the field of a struct.
#[derive(Debug)]
enum Fields {
    /// By its name alone.
    ByName,
    /// Behind made-up values for those before it, as types need that read no names.
    InOrder,
}

/// What made-up values are made of.
#[derive(Debug)]
struct Filler {
    number: u8,
    text: &'static str,
    bytes: &'static [u8],
    variant: Pick,
}

#[derive(Debug)]
enum Pick {
    First,
    Last,
}

const ZEROS: Filler = Filler {
    number: 0,
    text: "",
    bytes: &[],
    variant: Pick::First,
};
/// For types that refuse zero or emptiness, and identifiers of 16 bytes.
const ONES: Filler = Filler {
    number: 1,
    text: "1",
    bytes: &[1; 16],
    variant: Pick::Last,
};
/// For types that read a time from text, and keys of 32 bytes.
const TIMES: Filler = Filler {
    number: 2,
    text: "1970-01-01T00:00:00Z",
    bytes: &[1; 32],
    variant: Pick::First,
};

/// What is tried in turn until a node is reached.
pub(super) const TRIES: &[Try] = &[
    Try {
        filler: ZEROS,
        fields: Fields::ByName,
    },
    Try {
        filler: ONES,
        fields: Fields::ByName,
    },
    Try {
        filler: TIMES,
        fields: Fields::ByName,
    },
    Try {
        filler: ZEROS,
        fields: Fields::InOrder,
    },
];

/// One walk along one path.
#[derive(Debug)]
pub(super) struct Run<'p> {
    path: &'p [Step],
    how: &'p Try,
    max_fillers: u32,
    fillers: Cell<u32>,
    answer: RefCell<Option<Answer>>,
}

impl<'p> Run<'p> {
    pub(super) fn new(path: &'p [Step], how: &'p Try, max_fillers: u32) -> Self {
        Run {
            path,
            how,
            max_fillers,
            fillers: Cell::new(0),
            answer: RefCell::new(None),
        }
    }

    pub(super) fn fillers_used(&self) -> u32 {
        self.fillers.get()
    }

    pub(super) fn into_answer(self) -> Option<Answer> {
        self.answer.into_inner()
    }
}

/// The error that ends every run.
#[derive(Debug)]
struct Stop;

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the probe has what it came for")
    }
}

impl std::error::Error for Stop {}

impl Error for Stop {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Stop
    }
}

/// Where a probe is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// On the path, after so many steps.
    Path(usize),
    /// Beside it, so many levels into a made-up value.
    Beside(u8),
    /// At the name of a field or variant.
    Name(&'static str),
}

/// What to do where the probe is.
enum Turn<'r> {
    /// Take the step; the probe is for what lies there.
    Follow(Step, Probe<'r>),
    /// Make a value up; the probe is for its parts.
    Fill(Probe<'r>),
}

#[derive(Clone, Copy)]
struct Probe<'r> {
    run: &'r Run<'r>,
    place: Place,
    /// How many bytes of values may still lie on the stack.
    room: usize,
}

impl<'r> Probe<'r> {
    /// Goes on along the path towards a part of `V`, or notes `asked` and stops at its end.
    fn turn<V>(self, asked: Answer) -> Result<Turn<'r>, Stop> {
        let room = self.room.checked_sub(size_of::<V>());
        let part = |place| {
            room.map(|room| Probe {
                place,
                room,
                ..self
            })
            .ok_or(Stop)
        };
        match self.place {
            Place::Path(taken) => match self.run.path.get(taken) {
                Some(step) => Ok(Turn::Follow(*step, part(Place::Path(taken + 1))?)),
                None => {
                    self.run.answer.replace(Some(asked));
                    Err(Stop)
                }
            },
            Place::Beside(depth) => {
                let fillers = self.run.fillers.get();
                if depth >= MAX_FILLER_DEPTH || fillers >= self.run.max_fillers {
                    return Err(Stop);
                }
                self.run.fillers.set(fillers + 1);
                Ok(Turn::Fill(part(Place::Beside(depth + 1))?))
            }
            Place::Name(_) => Err(Stop),
        }
    }

    /// Beside the path, gives what to make a value of.
    fn leaf(self, ty: Type) -> Result<&'r Filler, Stop> {
        match self.turn::<()>(Answer::Leaf(ty))? {
            Turn::Fill(_) => Ok(&self.run.how.filler),
            Turn::Follow(..) => Err(Stop),
        }
    }

    fn text(self) -> Result<&'static str, Stop> {
        match self.place {
            Place::Name(name) => Ok(name),
            _ => Ok(self.leaf(Type::String)?.text),
        }
    }

    /// A probe for a neighbour of what this one is for.
    fn beside(self) -> Self {
        let depth = if let Place::Beside(depth) = self.place {
            depth
        } else {
            0
        };
        Probe {
            place: Place::Beside(depth),
            ..self
        }
    }

    fn items<'de, V: Visitor<'de>>(
        self,
        asked: Answer,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.turn::<V::Value>(asked)? {
            Turn::Follow(Step::Item(index), item) => visitor.visit_seq(Items::up_to(item, index)),
            Turn::Follow(..) => Err(Stop),
            Turn::Fill(part) => visitor.visit_seq(Items::made_up(part, len)),
        }
    }

    fn fields<'de, V: Visitor<'de>>(
        self,
        asked: Answer,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.turn::<V::Value>(asked)? {
            Turn::Follow(Step::Field { index, name }, value) => match self.run.how.fields {
                Fields::ByName => visitor.visit_map(Entry::field(name, value)),
                Fields::InOrder => visitor.visit_seq(Items::up_to(value, index)),
            },
            Turn::Follow(..) => Err(Stop),
            Turn::Fill(part) => visitor.visit_seq(Items::made_up(part, len)),
        }
    }
}
