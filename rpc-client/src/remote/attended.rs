//! Calls with hooks around them: one pair of looks for all attempts of a call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use farcall_shared::call::Call as _;
use farcall_shared::error::{CallError, NotSent};
use farcall_shared::hook::{Attended, CallInfo, Hooks};
use farcall_shared::wire::codec::{Codec, DecodeError};
use serde::Serialize;

use super::{Remote, Selected};

impl Remote {
    /// A call through all its attempts, inside of the hooks. In a box: the futures of other calls need not have room for it.
    pub(super) fn attend<A, T, D>(
        self,
        method: Selected,
        arguments: A,
        read: D,
    ) -> Pin<Box<dyn Future<Output = Result<T, CallError>> + Send>>
    where
        A: Serialize + Send + Sync + 'static,
        D: Fn(Codec, &[u8]) -> Result<T, DecodeError> + Send + Sync + 'static,
        T: Send + 'static,
    {
        let (plain, hooks) = self.without_hooks();
        Box::pin(async move {
            let attended = plain.ask(&hooks, &method)?;
            let ended = plain.perform(method, arguments, read).await;
            attended.end(ended.as_ref().map(|_| ()))?;
            ended
        })
    }

    /// The same for a call that brings nothing.
    pub(super) fn attend_sending<A>(
        self,
        method: u16,
        arguments: A,
    ) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send>>
    where
        A: Serialize + Send + Sync + 'static,
    {
        let (plain, hooks) = self.without_hooks();
        Box::pin(async move {
            let attended = plain.ask(&hooks, &Selected::Number(method))?;
            let ended = plain.send(method, arguments).await;
            attended.end(ended.as_ref().map(|()| ()))?;
            ended
        })
    }

    fn ask(&self, hooks: &Hooks, method: &Selected) -> Result<Attended, CallError> {
        let service = self.descriptor().map(|it| it.service.as_str());
        let call = CallInfo::new(
            Arc::clone(&self.shared().label),
            service.unwrap_or_default().into(),
            self.name_of(method).into(),
        );
        hooks.begin(call).map_err(|reason| CallError::NotSent {
            target: self.target(method),
            reason: NotSent::Refused(reason.to_string()),
        })
    }

    fn name_of<'a>(&'a self, method: &'a Selected) -> &'a str {
        match method {
            Selected::Name(name) => name,
            Selected::Number(number) | Selected::Batch(number, _) => {
                let methods = self.descriptor().map(|it| it.methods.as_slice());
                let method = methods.and_then(|all| all.get(usize::from(*number)));
                method.map_or("a method", |method| &method.name)
            }
        }
    }
}
