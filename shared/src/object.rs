//! `Object`: what a daemon hosts, and the two ways to be one: a service (`Servant`) or a dynamic object.

mod begun;
mod dynamic;
mod ending;
mod hooked;
mod instances;
mod laps;
mod pace;
mod scratch;
mod servant;

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

pub use begun::Begun;
pub use dynamic::{Arguments, DynamicObject};
pub(crate) use ending::panic_text;
pub(crate) use hooked::Hooked;
pub use laps::Laps;
pub use scratch::{Scratch, Spare};
pub(crate) use servant::WeakServant;
pub use servant::{Servant, Service};

use crate::attach::Attachment;
use crate::descriptor::Descriptor;
use crate::wire::codec::Codec;
use crate::wire::frame::Trace;
use crate::wire::frames::Frames;
use crate::wire::status::Refusal;

/// Something that answers calls, whatever its type.
pub trait Object: Send + Sync + 'static {
    /// What it says about itself.
    fn descriptor(&self) -> &Descriptor;

    /// Starts a call. A result that is there at once is appended to the scratch's reply.
    fn start(&self, request: Request<'_>, scratch: &mut Scratch<'_>) -> Started;

    /// True when it takes arguments and gives results as [`Codec::Value`], too.
    fn takes_values(&self) -> bool {
        false
    }

    /// What a door to another protocol may find there and call instead.
    fn behind(&self) -> Option<&(dyn Any + Send + Sync)> {
        None
    }
}

/// A call as it reaches its object.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Which method.
    pub method: Selected<'a>,
    /// How arguments and result are written.
    pub codec: Codec,
    /// The arguments.
    pub arguments: &'a [u8],
    /// When it was read.
    pub began: Instant,
    /// How long the caller waits from then on, in milliseconds.
    pub within_ms: u32,
    /// The caller's trace, if it has one.
    pub trace: Option<&'a Trace>,
    /// The longest result that the caller takes, in bytes.
    pub max_result_bytes: usize,
}

impl Request<'_> {
    /// When the caller stops waiting.
    #[inline]
    pub fn deadline(&self) -> Instant {
        self.began + Duration::from_millis(self.within_ms.into())
    }
}

/// A method, by its number in the object's descriptor, or by a name that is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected<'a> {
    /// A described method.
    Number(u16),
    /// Any other, of an open object.
    Name(&'a str),
}

/// A result, encoded, or why there is none.
pub type Answer = Result<Encoded, Refusal>;

/// A result that was encoded away from its connection.
#[derive(Debug, Default)]
pub struct Encoded {
    /// Its bytes; blobs in it are lent.
    pub frames: Frames,
    /// What it refers to.
    pub attachments: Vec<Attachment>,
}

impl From<Vec<u8>> for Encoded {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            frames: Frames::from(bytes),
            attachments: Vec::new(),
        }
    }
}

/// How a call began.
pub enum Started {
    /// It is over already; on `Ok` the result was appended to the reply.
    Done(Result<(), Refusal>),
    /// It waits for something; dropping the future ends it.
    Waits(Pin<Box<dyn Future<Output = Answer> + Send>>),
    /// It wants to compute where no I/O is held up.
    Computes(Box<dyn FnOnce() -> Answer + Send>),
}

impl std::fmt::Debug for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done(end) => f.debug_tuple("Done").field(end).finish(),
            Self::Waits(_) => f.write_str("Waits"),
            Self::Computes(_) => f.write_str("Computes"),
        }
    }
}
