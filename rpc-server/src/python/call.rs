//! A call, as a Python object sees it.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use farcall_shared::object::Servant;
use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::message::Annotations;
use farcall_shared::pyro::payload::{Call, Exception};
use parking_lot::Mutex;

use super::PythonObject;
use crate::daemon::Core;
use crate::pyro_door;

/// A call of a Python object: the method, its arguments, and what travels beside them.
#[derive(Clone, Debug)]
pub struct PythonCall {
    /// The method's name.
    pub method: String,
    /// Arguments by their places.
    pub positional: Vec<PyValue>,
    /// Arguments by their names, each once.
    pub keywords: Vec<(String, PyValue)>,
    around: Arc<Around>,
}

/// What is known of a call beside the call itself.
#[derive(Default)]
pub(crate) struct Around {
    pub(crate) at: Option<At>,
    /// All of the request's, as they came.
    pub(crate) annotations: Bytes,
    pub(crate) correlation: [u8; 16],
    pub(crate) reply: Mutex<Vec<([u8; 4], Vec<u8>)>>,
}

/// Where a call came in that a Python client made.
pub(crate) struct At {
    pub(crate) core: Weak<Core>,
    /// The connection's number.
    pub(crate) connection: u64,
    /// The address of this machine that the client reached.
    pub(crate) reached: Option<IpAddr>,
}

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Around").finish_non_exhaustive()
    }
}

impl PythonCall {
    pub(crate) fn new(call: Call, around: Arc<Around>) -> Self {
        let mut keywords: Vec<(String, PyValue)> = Vec::with_capacity(call.keywords.len());
        for (name, value) in call.keywords {
            match keywords.iter_mut().find(|(known, _)| *known == name) {
                Some((_, place)) => *place = value,
                None => keywords.push((name, value)),
            }
        }
        Self {
            method: call.method,
            positional: call.positional,
            keywords,
            around,
        }
    }

    /// The request's annotation of this name.
    pub fn annotation(&self, name: [u8; 4]) -> Option<&[u8]> {
        Annotations::parse(&self.around.annotations)
            .ok()?
            .find(name)
    }

    /// Sends an annotation with the reply, in place of the one of that name.
    pub fn annotate(&self, name: [u8; 4], data: impl Into<Vec<u8>>) {
        let mut reply = self.around.reply.lock();
        reply.retain(|(known, _)| *known != name);
        reply.push((name, data.into()));
    }

    /// What this call and those that belong to it have in common, as a UUID: the caller's, or one that was made up for it.
    pub fn correlation(&self) -> String {
        pyro_door::uuid(self.around.correlation)
    }

    /// Hands out an object over this connection: what it gives arrives as a proxy of it, alone or inside of other values.
    ///
    /// The object lives as long as this connection, or one that calls it, and for five minutes after its last call.
    ///
    /// # Errors
    /// An exception for the caller, when as many objects are handed out as may be, or the caller is no Python client.
    pub fn hand_out(&self, object: impl PythonObject) -> Result<PyValue, Exception> {
        self.hand_out_servant(object.serve())
    }

    /// As [`hand_out`](Self::hand_out), of an object of any kind.
    ///
    /// # Errors
    /// As [`hand_out`](Self::hand_out).
    pub fn hand_out_servant(&self, object: Servant) -> Result<PyValue, Exception> {
        let at = self.around.at.as_ref();
        let core = at.and_then(|at| Some((at.core.upgrade()?, at)));
        let Some((core, at)) = core else {
            let text = "objects are handed out only to Python clients";
            return Err(Exception::builtin("NotImplementedError", text));
        };
        pyro_door::hand_out(&core, at.connection, at.reached, object)
    }
}
