//! One connection of a Python client: a request after the other, each answered before the next is read.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Waker};

use bytes::BytesMut;
use farcall_shared::context::Connection;
use farcall_shared::net::{Peer, Socket};
use farcall_shared::pyro::message::{Compression, Kind, Limits, Outgoing, STREAM, flag};
use farcall_shared::pyro::payload::{Exception, PutError};
use farcall_shared::pyro::{MessageError, Serializer};
use tokio::sync::Semaphore;

use super::greeting::{Refused, greet};
use super::request::{Answer, Answered, Request, correlation};
use super::wire::{Ended, Raw, Wire};
use super::{MAX_ONEWAY, errors, offload, streams};
use crate::daemon::Core;

/// Most replies are no longer.
const FEW_BYTES: usize = 256;

/// Serves a client until it leaves, or the daemon ends.
pub(crate) async fn serve(core: Arc<Core>, socket: Socket, received: BytesMut, peer: Peer) {
    let reached = socket.reached();
    let mut wire = Wire::new(socket, received);
    let open = Open {
        connection: Arc::new(Connection::new(peer.clone())),
        core: Arc::clone(&core),
    };
    let greeting = greet(&core, &mut wire, open.connection.number());
    let within = core.limits.handshake;
    let greeted = tokio::time::timeout(within, greeting).await;
    match greeted.unwrap_or_else(|_| Err(Refused::gone())) {
        Ok(()) => {}
        Err(refused) => {
            let text = refused.text.as_deref().unwrap_or("it said nothing more");
            tracing::debug!(%peer, "a Pyro client was not greeted: {text}");
            return refused.tell(wire.into_socket()).await;
        }
    }
    let mut session = Session {
        core,
        wire,
        connection: Arc::clone(&open.connection),
        reached,
        oneways: Arc::new(Semaphore::new(MAX_ONEWAY as usize)),
        compression: Compression::Off,
    };
    if let Err(ended) = session.run().await {
        tracing::debug!(%peer, "a Pyro connection ended: {ended}");
    }
}

/// A connection; what is kept for it goes when this does.
struct Open {
    connection: Arc<Connection>,
    core: Arc<Core>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connection.end();
        self.core.pyro.handed.let_go(self.connection.number());
        streams::linger(&self.core, self.connection.number());
    }
}

struct Session {
    core: Arc<Core>,
    wire: Wire,
    connection: Arc<Connection>,
    /// The address of this machine that the client reached.
    reached: Option<IpAddr>,
    /// A permit for each one-way call that runs.
    oneways: Arc<Semaphore>,
    /// On once the client has sent something compressed.
    compression: Compression,
}

impl Session {
    async fn run(&mut self) -> Result<(), Ended> {
        loop {
            let closing = self.core.closing.clone();
            // What was sent before the daemon began to end is still answered.
            let raw = if closing.is_cancelled() && self.wire.is_idle() {
                return Ok(());
            } else if self.wire.is_idle() {
                match closing.run_until_cancelled(self.wire.next()).await {
                    Some(raw) => raw?,
                    None => continue,
                }
            } else {
                self.wire.next().await?
            };
            match raw.head.kind(&[Kind::Invoke, Kind::Ping])? {
                Kind::Ping => self.pong(&raw).await?,
                _ => self.invoke(raw).await?,
            }
        }
    }

    async fn pong(&mut self, raw: &Raw) -> Result<(), Ended> {
        let head = raw.head;
        let outgoing = Outgoing {
            correlation: head.correlation,
            ..Outgoing::new(Kind::Ping, head.serializer, head.sequence)
        };
        let mut out = Vec::new();
        outgoing.put(&mut out, &self.wire.limits, |out| {
            out.extend_from_slice(b"pong");
            Ok::<(), MessageError>(())
        })?;
        self.wire.write(&out).await
    }

    async fn invoke(&mut self, raw: Raw) -> Result<(), Ended> {
        let head = raw.head;
        let Ok(serializer) = Serializer::from_number(head.serializer) else {
            // Nothing that is written would be read.
            return Err(Ended::Closed);
        };
        let reply = Reply {
            serializer,
            sequence: head.sequence,
            correlation: correlation(&head),
            compression: self.compression(head.has(flag::COMPRESSED)),
            limits: self.wire.limits,
        };
        let compressed = head.has(flag::COMPRESSED);
        let bytes = raw.bytes.len() * if compressed { 16 } else { 1 };
        let limits = self.wire.limits;
        let read = move || Request::read(&raw, serializer, reply.correlation, &limits);
        let request = offload::sized(&self.core, bytes, read).await;
        let request = request.and_then(|request| request);
        if head.has(flag::ONEWAY) {
            self.wire.acknowledge();
            if let Ok(request) = request {
                self.oneway(request).await;
            }
            return Ok(());
        }
        let answered = match request {
            Ok(request) => self.answer(request).await?,
            Err(exception) => exception.into(),
        };
        let written = reply.write(&self.core, answered).await;
        self.wire.write(&written).await?;
        self.core.pyro.spare.give_back(written);
        Ok(())
    }

    fn compression(&mut self, seen: bool) -> Compression {
        if seen {
            self.compression = Compression::On;
        }
        self.compression
    }

    /// Runs a request, unless its client leaves before it ends.
    async fn answer(&mut self, request: Request) -> Result<Answered, Ended> {
        let running = self.running(request);
        tokio::select! {
            biased;
            answered = running => Ok(answered),
            () = self.wire.gone() => Err(Ended::Closed),
        }
    }

    fn running(&self, request: Request) -> impl Future<Output = Answered> + Send + use<> {
        let (core, connection) = (Arc::clone(&self.core), Arc::clone(&self.connection));
        request.run(core, connection, self.reached, self.wire.limits)
    }

    /// Starts a request that nobody waits for. A batch holds up those behind it, as its calls do each other.
    async fn oneway(&mut self, request: Request) {
        let is_batch = request.head.has(flag::BATCH);
        let mut running = Box::pin(self.running(request));
        if is_batch {
            running.await;
            return;
        }
        let Ok(permit) = Arc::clone(&self.oneways).acquire_owned().await else {
            return;
        };
        // Here, so that calls begin in their order.
        if is_over(running.as_mut()) {
            return;
        }
        let stop = self.core.stop.clone();
        self.core.tasks.spawn(async move {
            let _until_its_end = permit;
            stop.run_until_cancelled(running).await;
        });
    }
}

/// Takes a future's first step.
fn is_over(future: Pin<&mut impl Future>) -> bool {
    let mut context = TaskContext::from_waker(Waker::noop());
    future.poll(&mut context).is_ready()
}

/// How a request wants to be answered.
#[derive(Clone, Copy)]
struct Reply {
    serializer: Serializer,
    sequence: u16,
    correlation: [u8; 16],
    compression: Compression,
    limits: Limits,
}

impl Reply {
    /// The message that answers; where that cannot be written, one that says why.
    async fn write(self, core: &Arc<Core>, answered: Answered) -> Vec<u8> {
        let weight = match &answered.answer {
            Answer::Value(value) | Answer::Batch(value) => offload::weight(value),
            _ => 0,
        };
        let out = core.pyro.spare.take(FEW_BYTES + weight);
        let written = offload::sized(core, weight, move || self.put(answered, out)).await;
        let written = written.and_then(|put| put.map_err(|error| errors::unwritable(&error)));
        written.unwrap_or_else(|exception| {
            let put = self.put(Answered::from(exception), Vec::new());
            put.unwrap_or_else(|error| self.plain(&error))
        })
    }

    /// What can always be written.
    fn plain(self, error: &PutError) -> Vec<u8> {
        let text = format!("Error serializing exception: {error}");
        let exception = Exception::pyro("PyroError", text);
        self.put(Answered::from(exception), Vec::new())
            .unwrap_or_default()
    }

    /// Writes the message to an empty buffer.
    fn put(self, answered: Answered, mut out: Vec<u8>) -> Result<Vec<u8>, PutError> {
        let Answered {
            answer,
            mut annotations,
        } = answered;
        let (flags, value) = match answer {
            Answer::Value(value) => (0, value),
            Answer::Batch(value) => (flag::BATCH, value),
            Answer::Exception(exception) => (flag::EXCEPTION, exception.into_value()),
            Answer::Stream(id) => {
                annotations.push((STREAM, id.into_bytes()));
                let flags = flag::EXCEPTION | flag::STREAM;
                (flags, Exception::stream().into_value())
            }
        };
        let lent: Vec<([u8; 4], &[u8])> = annotations
            .iter()
            .map(|(name, data)| (*name, data.as_slice()))
            .collect();
        let outgoing = Outgoing {
            flags,
            correlation: Some(self.correlation),
            annotations: &lent,
            compression: self.compression,
            ..Outgoing::new(Kind::Result, self.serializer.number(), self.sequence)
        };
        outgoing.put(&mut out, &self.limits, |out| {
            self.serializer.encode(&value, out).map_err(PutError::from)
        })?;
        Ok(out)
    }
}
