//! Remote objects for Rust in the spirit of Pyro.

pub use farcall_client::*;
pub use farcall_macros::remote;
pub use farcall_server::*;
pub use farcall_shared::error::{self, CallError};
pub use farcall_shared::link::Limits;
pub use farcall_shared::object::{Arguments, DynamicObject, Servant};
pub use farcall_shared::uri::{self, Address, Uri};
pub use farcall_shared::value::Value;

pub mod names {
    //! The name service: its contract, its server, and how to reach one.

    pub use farcall_client::names_at;
    pub use farcall_names::{Server, ServerError};
    pub use farcall_shared::names::*;
}

pub mod descriptor {
    //! What an object says about itself.

    pub use farcall_shared::descriptor::*;
    pub use farcall_shared::shape::{Content, Field, Type, Variant};
}

#[doc(hidden)]
pub mod __private {
    pub use farcall_client::{ConnectError, Proxy, Remote};
    pub use farcall_shared::__private::*;
}
