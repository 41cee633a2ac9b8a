//! Calls of an object that come by no link: started, with what a link keeps ready made anew.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::{Answer, Encoded, Laps, Object, Request, Scratch, Spare, Started};
use crate::attach;
use crate::context::Context;
use crate::wire::frames::Frames;

/// A call that was started.
pub enum Begun {
    /// It is over already.
    Over(Answer),
    /// It waits for something; dropping the future ends it.
    Waits(Pin<Box<dyn Future<Output = Answer> + Send>>),
    /// It wants to compute where no I/O is held up.
    Computes(Box<dyn FnOnce() -> Answer + Send>),
}

impl Begun {
    /// Starts a call. What computes does so in the context that is the current one now.
    pub fn start(object: &dyn Object, request: Request<'_>) -> Self {
        let mut frames = Frames::default();
        let (mut spare, mut laps) = (Spare::default(), Laps::default());
        laps.begin();
        let (reply, lent) = frames.parts();
        let mut scratch = Scratch {
            reply,
            lent,
            spare: &mut spare,
            laps: &mut laps,
        };
        match object.start(request, &mut scratch) {
            Started::Done(Ok(())) => {
                frames.count();
                let attachments = attach::take();
                Self::Over(Ok(Encoded {
                    frames,
                    attachments,
                }))
            }
            Started::Done(Err(refusal)) => Self::Over(Err(refusal)),
            Started::Waits(future) => Self::Waits(future),
            Started::Computes(work) => {
                let context = Context::current();
                Self::Computes(Box::new(move || match context {
                    Some(context) => context.run(work),
                    None => work(),
                }))
            }
        }
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Over(_) => "Over",
            Self::Waits(_) => "Waits",
            Self::Computes(_) => "Computes",
        })
    }
}
