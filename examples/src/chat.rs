//! A chat room: whoever is in it hears what the others say, over the connection that it came by.

mod hall;

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

pub use hall::Hall;

/// The name of the room's object.
pub const ROOM: &str = "chat";

/// What happens in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Somebody said something.
    Said {
        /// Who.
        who: String,
        /// What.
        line: String,
    },
    /// Somebody came.
    Joined(String),
    /// Somebody went, died, or did not listen any more.
    Left(String),
}

impl Event {
    /// Whose doing it is.
    pub fn who(&self) -> &str {
        match self {
            Self::Said { who, .. } | Self::Joined(who) | Self::Left(who) => who,
        }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { who, line } => write!(f, "{who}: {line}"),
            Self::Joined(who) => write!(f, "* {who} joined"),
            Self::Left(who) => write!(f, "* {who} left"),
        }
    }
}

/// Somebody who listens: an object of a client's.
#[farcall::remote]
pub trait Listener {
    /// Hears what happens in the room.
    async fn hear(&self, event: Event);
}

/// A place in a room. Its guest has left when nobody holds it any more.
#[farcall::remote]
pub trait Seat {
    /// Says something to all the others.
    async fn say(&self, line: String) -> Result<(), String>;
}

/// A room.
#[farcall::remote]
pub trait Room {
    /// Comes in under a name that nobody there has.
    async fn join(&self, name: String, listener: ListenerProxy) -> Result<Welcome, String>;
}

/// What a guest gets who comes in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// Its place.
    pub seat: SeatProxy,
    /// Who was there already.
    pub others: Vec<String>,
}
