//! The words both sides of a farcall connection speak: URIs, errors, descriptors, the wire and the link.

pub mod attach;
pub mod call;
pub mod context;
pub mod daemon;
pub mod descriptor;
pub mod error;
pub mod hook;
pub mod link;
pub mod names;
pub mod net;
pub mod object;
pub mod pyro;
pub mod reference;
pub mod shape;
pub mod streaming;
pub mod uri;
pub mod value;
pub mod wire;

/// What the code that `#[remote]` writes refers to; not for users.
#[doc(hidden)]
pub mod __private {
    pub use std::future::Future;
    pub use std::sync::{Arc, LazyLock};

    pub use serde;
    pub use tarpc;

    pub use crate::call::Call;
    pub use crate::descriptor::{Descriptor, Method, Runs};
    pub use crate::error::CallError;
    pub use crate::object::Servant;
    pub use crate::reference::Reference;
    pub use crate::streaming::Streaming;
    pub use crate::wire::blob::{self, Blob};
}
