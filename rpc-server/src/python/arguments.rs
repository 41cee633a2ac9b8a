//! Arguments as a `def` line has them.

use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::payload::Exception;

use super::PythonCall;
use crate::pyro_door::bind::{Parameter, bind};

impl PythonCall {
    /// The arguments of a method that has `N` of them, those without a default first, in their order.
    ///
    /// # Errors
    /// The `TypeError` that Python raises when they do not fit.
    ///
    /// # Examples
    /// `def describe(first, second=2, third="three")` is
    /// `call.arguments([("first", None), ("second", Some(2.into())), ("third", Some("three".into()))])`.
    pub fn arguments<const N: usize>(
        self,
        parameters: [(&str, Option<PyValue>); N],
    ) -> Result<[PyValue; N], Exception> {
        let parameters = parameters.map(|(name, default)| Parameter { name, default });
        let bound = bind(&self.method, parameters, self.positional, self.keywords)?;
        bound.try_into().map_err(|_| {
            let text = format!("{}() was given another number of arguments", self.method);
            Exception::builtin("TypeError", text)
        })
    }
}
