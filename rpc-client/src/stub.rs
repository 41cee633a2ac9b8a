//! Plain tarpc clients over farcall: `WorkerClient::from(TarpcStub::connect(uri).await?)`.

use std::future::Future;
use std::io;
use std::marker::PhantomData;

use farcall_shared::descriptor::Descriptor;
use farcall_shared::error::{CallError, Unknown};
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::{VariantContent, variant_index};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tarpc::client::RpcError;
use tarpc::client::stub::Stub;
use tarpc::context::Context;
use tarpc::{RequestName, ServerError};

use crate::remote::{ConnectError, Remote, Selected};

/// Carries the calls of a client that tarpc's own macro wrote, to an object registered with `register_tarpc`.
#[derive(Debug)]
pub struct TarpcStub<Req, Resp> {
    remote: Remote,
    types: PhantomData<fn(Req) -> Resp>,
}

impl<Req, Resp> Clone for TarpcStub<Req, Resp> {
    fn clone(&self) -> Self {
        Self {
            remote: self.remote.clone(),
            types: PhantomData,
        }
    }
}

impl<Req: DeserializeOwned, Resp: DeserializeOwned> TarpcStub<Req, Resp> {
    /// Connects to the object that `uri` leads to, and sees that it is there.
    ///
    /// # Errors
    /// See [`ConnectError`]; each names the culprit.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn connect(uri: &str) -> Result<Self, ConnectError> {
        let descriptor = Descriptor::of_tarpc::<Req, Resp>();
        let remote = Remote::lazy(uri.parse()?, Some(descriptor.into()), Codec::Postcard);
        remote.check().await?;
        Ok(Self {
            remote,
            types: PhantomData,
        })
    }
}

impl<Req, Resp> Stub for TarpcStub<Req, Resp>
where
    Req: RequestName + Serialize + Send + Sync + 'static,
    Resp: DeserializeOwned + Send + 'static,
{
    type Req = Req;
    type Resp = Resp;

    #[expect(
        refining_impl_trait,
        reason = "a call that can be spawned is worth more than tarpc's bare promise"
    )]
    fn call(
        &self,
        context: Context,
        request: Req,
    ) -> impl Future<Output = Result<Resp, RpcError>> + Send + use<Req, Resp> {
        let within = context
            .deadline
            .saturating_duration_since(std::time::Instant::now());
        // The variants of a service's request go in the order of its methods.
        let number = variant_index(&request).and_then(|index| u16::try_from(index).ok());
        let remote = self.remote.clone().with_deadline(within);
        let call = number.map(|number| {
            let read = move |codec: Codec, body: &[u8]| codec.decode_variant(number, body);
            remote.perform(Selected::Number(number), VariantContent(request), read)
        });
        async move {
            match call {
                Some(call) => call.await.map_err(rpc_error),
                None => Err(RpcError::Send(Box::new(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "the request is no enum of a tarpc service",
                )))),
            }
        }
    }
}

fn rpc_error(error: CallError) -> RpcError {
    let text = error.to_string();
    match error {
        CallError::NotSent { .. } => RpcError::Send(Box::new(error)),
        CallError::Unknown {
            reason: Unknown::Deadline(_),
            ..
        } => RpcError::DeadlineExceeded,
        CallError::Unknown { .. } => RpcError::Shutdown,
        CallError::Rejected { .. } => {
            RpcError::Server(ServerError::new(io::ErrorKind::InvalidInput, text))
        }
        _ => RpcError::Server(ServerError::new(io::ErrorKind::Other, text)),
    }
}
