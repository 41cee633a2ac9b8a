//! References to objects as values: where an object is, in a form that travels.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::attach::{self, Attachment};
use crate::descriptor::Described;
use crate::link::Held;
use crate::object::Servant;

/// What formats and shapes call a reference.
pub(crate) const NAME: &str = "farcall:object";

/// A reference to an object, wherever it is. Clones refer to the same object.
///
/// It travels as an argument, a result or inside one. What arrives leads to the same object: an object of this process's is
/// handed out over the connection, one that was handed to this process is passed on, and one with a URI is named by it.
#[derive(Clone)]
pub struct Reference {
    /// Where it is.
    pub to: Referent,
    /// Its methods, as far as this side knows them.
    pub descriptor: Option<Described>,
}

/// Where an object is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Referent {
    /// In this process.
    Local(Servant),
    /// At the other end of a connection, over which it was handed out.
    Held(Arc<Held>),
    /// Where this URI leads.
    Uri(Arc<str>),
}

impl Reference {
    /// To an object of this process.
    pub fn local(servant: Servant) -> Self {
        Self {
            to: Referent::Local(servant),
            descriptor: None,
        }
    }

    /// The same object, with what this side knows of its methods.
    pub fn described(mut self, descriptor: Option<Described>) -> Self {
        self.descriptor = descriptor.or(self.descriptor);
        self
    }

    /// The object, if it is one of this process's.
    pub fn servant(&self) -> Option<&Servant> {
        match &self.to {
            Referent::Local(servant) => Some(servant),
            _ => None,
        }
    }

    /// An object of this process that answers for it: the object itself, or one that passes calls on to the connection over
    /// which it was handed out; none for one that only a URI names.
    pub fn stand_in(&self) -> Option<Servant> {
        match &self.to {
            Referent::Local(servant) => Some(servant.clone()),
            Referent::Held(held) => Some(held.forwarded(self.descriptor.as_ref())),
            Referent::Uri(_) => None,
        }
    }
}

/// `an object of Worker here`, `object 7 of 10.0.0.1:4242`, or the URI.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            Referent::Local(servant) => {
                let service = &servant.object().descriptor().service;
                write!(f, "an object of {service} here")
            }
            Referent::Held(held) => held.fmt(f),
            Referent::Uri(uri) => f.write_str(uri),
        }
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reference({self})")
    }
}

/// The same object.
impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        match (&self.to, &other.to) {
            (Referent::Local(one), Referent::Local(other)) => one.is(other),
            (Referent::Held(one), Referent::Held(other)) => one.is(other),
            (Referent::Uri(one), Referent::Uri(other)) => one == other,
            _ => false,
        }
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = |place: u16| place;
        attach::serialize(serializer, NAME, place, || {
            Ok(Attachment::Reference(self.clone()))
        })
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match attach::deserialize::<D, u16>(deserializer, NAME)?.attachment {
            Attachment::Reference(reference) => Ok(reference),
            _ => Err(serde::de::Error::custom(
                "something else stands where an object is expected",
            )),
        }
    }
}
