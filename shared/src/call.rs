//! `Call`: what every typed proxy needs from whatever carries its calls.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::CallError;

/// Something that carries calls to one remote object.
///
/// A proxy that `#[remote]` writes is a thin list of methods over one of these: in programs the reconnecting
/// `Remote`, inside farcall one connection's `Bound`. `method` is the method's position in the trait.
pub trait Call: Clone + Send + Sync + 'static {
    /// Calls a method and awaits its result. The call starts when the future is first polled.
    ///
    /// # Errors
    /// The outcome when it is not a value; see [`CallError`].
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call at the callee; whether the method ran is then not known.
    fn call<A, T>(
        self,
        method: u16,
        arguments: A,
    ) -> impl Future<Output = Result<T, CallError>> + Send
    where
        A: Serialize + Send + Sync + 'static,
        T: DeserializeOwned + Send + 'static;

    /// Calls a one-way method: ends when the call is on its way.
    ///
    /// # Errors
    /// NotSent when it could not be sent.
    fn send<A>(
        self,
        method: u16,
        arguments: A,
    ) -> impl Future<Output = Result<(), CallError>> + Send
    where
        A: Serialize + Send + Sync + 'static;
}
