//! What a value refers to beyond its bytes: references and streams, gathered while it is written and handed out while it is
//! read.
//!
//! serde's data model knows neither. So a reference or a stream writes only its place in a list, and leaves itself in the
//! [scope](writing) that is open on this thread; who reads the value [lends](reading) it the list.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::context::Notes;
use crate::error::Target;
use crate::reference::Reference;
use crate::streaming::{Incoming, Source};
use crate::value::Value;
use crate::wire::codec::Codec;

/// How formats that describe themselves show a place: a map of this one key.
pub(crate) const KEY: &str = "farcall:attached";

/// The most references and streams of one value.
pub const MAX_ATTACHED: usize = 65_535;

/// Something that a value refers to.
pub enum Attachment {
    /// An object.
    Reference(Reference),
    /// A stream to be sent.
    Outgoing(Box<dyn Source>),
    /// A stream that arrives.
    Incoming(Incoming),
    /// The value itself, where it is passed on as [`Codec::Value`]; behind what it refers to.
    Value(Value),
    /// What is said beside the value, and no value has the place of; behind all others.
    Notes(Box<Notes>),
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(reference) => f.debug_tuple("Reference").field(reference).finish(),
            Self::Outgoing(_) => f.write_str("Outgoing"),
            Self::Incoming(_) => f.write_str("Incoming"),
            Self::Value(value) => value.fmt(f),
            Self::Notes(notes) => notes.fmt(f),
        }
    }
}

thread_local! {
    /// True while what is written may have attachments.
    static OPEN: Cell<bool> = const { Cell::new(false) };
    /// How many there are: looked at after every value, where the list itself costs more to reach.
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static WRITTEN: RefCell<Vec<Attachment>> = const { RefCell::new(Vec::new()) };
    static READING: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// What a value is read with.
struct Scope {
    codec: Codec,
    target: Target,
    places: Vec<Option<Attachment>>,
}

/// Writes something that may have attachments; they are then [taken](take), unless it fails.
///
/// # Errors
/// Those of `write`.
#[inline]
pub fn writing<T, E>(write: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let leftovers = Leftovers;
    let written = writing_locked(write);
    if written.is_ok() {
        std::mem::forget(leftovers);
    }
    written
}

/// As [`writing`], where a lock is held under which nothing may be dropped: when it fails, the attachments are left for
/// [`Leftovers`].
#[inline]
pub(crate) fn writing_locked<T, E>(write: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    /// Closes the scope, also after a panic.
    struct Close {
        before: bool,
    }
    impl Drop for Close {
        #[inline]
        fn drop(&mut self) {
            OPEN.set(self.before);
        }
    }
    let _close = Close {
        before: OPEN.replace(true),
    };
    write()
}

/// Drops attachments that were not taken, when it is dropped; made before the lock that they must not be dropped under.
#[derive(Debug)]
pub(crate) struct Leftovers;

impl Drop for Leftovers {
    #[inline]
    fn drop(&mut self) {
        if COUNT.get() > 0 {
            drop(take());
        }
    }
}

/// True when what was written has attachments that were not taken yet.
#[inline]
pub fn any() -> bool {
    COUNT.get() > 0
}

/// The attachments of what was written last, in the order of their places. To be dropped where no lock is held.
#[inline]
pub fn take() -> Vec<Attachment> {
    if COUNT.replace(0) == 0 {
        return Vec::new();
    }
    WRITTEN.take()
}

/// Reads something with these attachments; what it does not take is dropped behind it. `target` is what a stream's errors
/// name.
pub fn reading<T>(
    codec: Codec,
    target: Target,
    attachments: Vec<Attachment>,
    read: impl FnOnce() -> T,
) -> T {
    /// Puts back what was there, also after a panic.
    struct Restore(Option<Scope>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let used = READING.replace(self.0.take());
            drop(used);
        }
    }
    let scope = Scope {
        codec,
        target,
        places: attachments.into_iter().map(Some).collect(),
    };
    let _restore = Restore(READING.replace(Some(scope)));
    read()
}

/// Leaves a value as what was written.
pub(crate) fn hold(value: Value) {
    WRITTEN.with_borrow_mut(|written| written.push(Attachment::Value(value)));
    COUNT.set(COUNT.get() + 1);
}

/// Takes the value that is to be read.
pub(crate) fn held() -> Option<Value> {
    READING.with_borrow_mut(|scope| {
        let places = scope.as_mut()?.places.iter_mut().rev();
        let mut values = places.filter(|place| matches!(place, Some(Attachment::Value(_))));
        match values.next()?.take()? {
            Attachment::Value(value) => Some(value),
            _ => None,
        }
    })
}

/// Adds an attachment to those of the value that is being read; gives its place.
pub(crate) fn lodge(attachment: Attachment) -> Option<u16> {
    READING.with_borrow_mut(|scope| {
        let places = &mut scope.as_mut()?.places;
        let place = u16::try_from(places.len()).ok()?;
        places.push(Some(attachment));
        Some(place)
    })
}

/// Leaves notes with what was written last.
pub(crate) fn add(notes: Notes) {
    let attachment = Attachment::Notes(Box::new(notes));
    WRITTEN.with_borrow_mut(|written| written.push(attachment));
    COUNT.set(COUNT.get() + 1);
}

/// What is left of the attachments that are being read, in their order: for who passes the value on unread.
pub fn rest() -> Vec<Attachment> {
    let places = READING.with_borrow_mut(|scope| {
        let scope = scope.as_mut()?;
        Some(std::mem::take(&mut scope.places))
    });
    places.unwrap_or_default().into_iter().flatten().collect()
}

/// Leaves attachments as if they had been written with the value that is written next.
pub fn put_all(attachments: Vec<Attachment>) {
    COUNT.set(attachments.len());
    let before = WRITTEN.replace(attachments);
    drop(before);
}

/// Why a reference or a stream could not be written.
const OUTSIDE: &str = "references and streams travel only as arguments and results of calls";

/// Writes the place of an attachment, which is made only where it can travel.
///
/// Formats that do not describe themselves get `content` of the place in a newtype called `name`.
pub(crate) fn serialize<S: Serializer, C: Serialize>(
    serializer: S,
    name: &'static str,
    content: impl FnOnce(u16) -> C,
    attachment: impl FnOnce() -> Result<Attachment, &'static str>,
) -> Result<S::Ok, S::Error> {
    if !OPEN.get() {
        return Err(S::Error::custom(OUTSIDE));
    }
    let count = COUNT.get();
    let place = match u16::try_from(count) {
        Ok(place) if count < MAX_ATTACHED => place,
        _ => {
            let text = format!("more than {MAX_ATTACHED} references and streams in one value");
            return Err(S::Error::custom(text));
        }
    };
    let attachment = attachment().map_err(S::Error::custom)?;
    WRITTEN.with_borrow_mut(|written| written.push(attachment));
    COUNT.set(count + 1);
    if serializer.is_human_readable() {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(KEY, &place)?;
        return map.end();
    }
    serializer.serialize_newtype_struct(name, &content(place))
}

/// An attachment that was taken out of the scope.
pub(crate) struct Taken {
    pub(crate) attachment: Attachment,
    /// How the items of a stream are written.
    pub(crate) codec: Codec,
    /// What errors name.
    pub(crate) target: Target,
}

/// What stands in the newtype of an attachment.
pub(crate) trait Content: for<'de> Deserialize<'de> {
    /// The place.
    fn place(self) -> u16;
}

impl Content for u16 {
    fn place(self) -> u16 {
        self
    }
}

/// The type of a stream's items stands beside the place, for whoever explores shapes.
impl<T: DeserializeOwned> Content for (u16, Option<T>) {
    fn place(self) -> u16 {
        self.0
    }
}

/// Reads a place and takes what is there; `name` and `C` as it was written with.
pub(crate) fn deserialize<'de, D: Deserializer<'de>, C: Content>(
    deserializer: D,
    name: &'static str,
) -> Result<Taken, D::Error> {
    let visitor = PlaceVisitor::<C>(PhantomData);
    let place = if deserializer.is_human_readable() {
        deserializer.deserialize_map(visitor)?
    } else {
        deserializer.deserialize_newtype_struct(name, visitor)?
    };
    taken(place).ok_or_else(|| {
        let text = format!("there is no attachment {place}, or it was used before");
        D::Error::custom(text)
    })
}

/// Takes the attachment at a place.
pub(crate) fn taken(place: u16) -> Option<Taken> {
    READING.with_borrow_mut(|scope| {
        let scope = scope.as_mut()?;
        Some(Taken {
            attachment: scope.places.get_mut(usize::from(place))?.take()?,
            codec: scope.codec.of_items(),
            target: Arc::clone(&scope.target),
        })
    })
}

struct PlaceVisitor<C>(PhantomData<fn() -> C>);

impl<'de, C: Content> Visitor<'de> for PlaceVisitor<C> {
    type Value = u16;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the place of a reference or a stream")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<u16, D::Error> {
        C::deserialize(deserializer).map(Content::place)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u16, A::Error> {
        match map.next_entry::<String, u16>()? {
            Some((key, place)) if key == KEY => Ok(place),
            _ => Err(A::Error::custom("this is no reference and no stream")),
        }
    }
}
