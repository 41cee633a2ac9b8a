//! One connection to a Python daemon: a greeting, then one message after the other, each answered before the next.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use farcall_shared::error::NotSent;
use farcall_shared::net::{Socket, dial};
use farcall_shared::pyro::message::{
    Head, Kind, Limits, Message, MessageError, Outgoing, STREAM, flag,
};
use farcall_shared::pyro::payload::{Connect, Connected, Exception, Invoke, Metadata, PutError};
use farcall_shared::pyro::{PyValue, Serializer};
use farcall_shared::uri::Address;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

/// What a greeting says where nobody cares.
const HELLO: &str = "hello";

/// What a call is, and what travels beside it.
pub(super) struct Sent {
    pub(super) invoke: Invoke,
    /// See [`flag`].
    pub(super) flags: u16,
    pub(super) annotations: Vec<([u8; 4], Vec<u8>)>,
    pub(super) correlation: Option<u128>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) given: Given,
    pub(crate) annotations: Vec<([u8; 4], Vec<u8>)>,
}

/// What a call gave.
#[derive(Debug)]
pub(crate) enum Given {
    Value(PyValue),
    Raised(Exception),
    /// The items of the stream with this id.
    Items(String),
    /// It was one-way.
    Nothing,
}

/// Why nothing came back. Nothing of the connection can be trusted after [`Fault::Lost`].
#[derive(Debug)]
pub(super) enum Fault {
    NotSent(NotSent),
    Lost(String),
}

pub(super) struct Connection {
    socket: Socket,
    received: BytesMut,
    serializer: Serializer,
    sequence: u16,
    object: String,
    metadata: Metadata,
}

/// A message that came.
struct Came {
    head: Head,
    annotations: Vec<([u8; 4], Vec<u8>)>,
    payload: Vec<u8>,
}

impl Connection {
    /// Connects and greets.
    pub(super) async fn open(
        object: &str,
        address: &Address,
        serializer: Serializer,
        within: Duration,
    ) -> Result<Self, NotSent> {
        let dialled = dial(address, within).await;
        let socket = dialled.map_err(|e| NotSent::Unreachable(e.to_string()))?;
        let mut connection = Self {
            socket,
            received: BytesMut::new(),
            serializer,
            sequence: 0,
            object: object.to_owned(),
            metadata: Metadata::default(),
        };
        let greeted = connection.greet(object).await;
        let connected = greeted.map_err(|why| {
            NotSent::Unreachable(format!("no Pyro daemon answers at {address}: {why}"))
        })?;
        let refused =
            |why| NotSent::Unreachable(format!("{address} refused the connection: {why}"));
        connection.metadata = connected.map_err(refused)?;
        Ok(connection)
    }

    /// What the object offers, or why the daemon refuses; the error is a text.
    async fn greet(&mut self, object: &str) -> Result<Result<Metadata, String>, String> {
        let connect = Connect {
            handshake: HELLO.into(),
            object: object.to_owned(),
        };
        let serializer = self.serializer;
        let outgoing = Outgoing::new(Kind::Connect, serializer.number(), 0);
        let greeting = put(&outgoing, |out| Ok(connect.encode(serializer, out)?));
        let greeting = greeting.map_err(|e| e.to_string())?;
        let written = self.socket.write_all(&greeting).await;
        written.map_err(|e| e.to_string())?;
        let came = self.read(&[Kind::ConnectOk, Kind::ConnectFail]).await?;
        // A refusal may come in another serializer than the greeting.
        let theirs = Serializer::from_number(came.head.serializer).map_err(|e| e.to_string())?;
        if came.head.kind == Kind::ConnectFail.number() {
            let text = theirs.decode(&came.payload).map_err(|e| e.to_string())?;
            let text = text.as_str().unwrap_or("no reason was given");
            return Ok(Err(text.to_owned()));
        }
        let connected = Connected::decode(theirs, &came.payload).map_err(|e| e.to_string())?;
        Ok(Ok(connected.metadata.unwrap_or_default()))
    }

    /// The id of the object that it greeted for.
    pub(super) fn object(&self) -> &str {
        &self.object
    }

    /// What the object offers.
    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// True while nothing was heard: between calls a daemon says nothing unless it closes.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let mut nobody = Context::from_waker(Waker::noop());
        let polled = Pin::new(&mut self.socket).poll_read(&mut nobody, &mut buffer);
        matches!(polled, Poll::Pending) && self.received.is_empty()
    }

    /// Makes a call. `sent` is set once the daemon may know of it.
    pub(super) async fn call(&mut self, call: Sent, sent: &mut bool) -> Result<Answer, Fault> {
        self.sequence = self.sequence.wrapping_add(1);
        let annotations: Vec<([u8; 4], &[u8])> = call
            .annotations
            .iter()
            .map(|(name, data)| (*name, data.as_slice()))
            .collect();
        let serializer = self.serializer;
        let outgoing = Outgoing {
            flags: call.flags,
            correlation: call.correlation.map(u128::to_be_bytes),
            annotations: &annotations,
            ..Outgoing::new(Kind::Invoke, serializer.number(), self.sequence)
        };
        let invoke = call.invoke;
        let message = put(&outgoing, |out| Ok(invoke.encode(serializer, out)?));
        let message = message.map_err(Fault::NotSent)?;
        *sent = true;
        let lost = |e: std::io::Error| Fault::Lost(e.to_string());
        self.socket.write_all(&message).await.map_err(lost)?;
        if call.flags & flag::ONEWAY != 0 {
            return Ok(Answer {
                given: Given::Nothing,
                annotations: Vec::new(),
            });
        }
        let came = self.read(&[Kind::Result]).await.map_err(Fault::Lost)?;
        if came.head.sequence != self.sequence {
            return Err(Fault::Lost("the reply is one of another call".to_owned()));
        }
        came.answer().map_err(Fault::Lost)
    }

    /// The next message; the error is a text.
    async fn read(&mut self, expected: &'static [Kind]) -> Result<Came, String> {
        let limits = Limits::default();
        loop {
            let head = Head::parse(&self.received, &limits).map_err(|e| e.to_string())?;
            if let Some(head) = head {
                head.kind(expected).map_err(|e| e.to_string())?;
                let message = Message::parse(head, &self.received).map_err(|e| e.to_string())?;
                if let Some(message) = message {
                    let came = Came::of(&message, &limits).map_err(|e| e.to_string())?;
                    let _ = self.received.split_to(came.head.message_bytes());
                    return Ok(came);
                }
            }
            let read = self.socket.read_buf(&mut self.received).await;
            if read.map_err(|e| e.to_string())? == 0 {
                return Err("the daemon closed the connection".to_owned());
            }
        }
    }
}

impl Came {
    fn of(message: &Message<'_>, limits: &Limits) -> Result<Self, MessageError> {
        let annotations = message.annotations.iter();
        Ok(Self {
            head: message.head,
            annotations: annotations
                .map(|(name, data)| (name, data.to_vec()))
                .collect(),
            payload: message.payload(limits)?.into_owned(),
        })
    }

    /// What it says as a reply; the error is a text.
    fn answer(self) -> Result<Answer, String> {
        let value = Serializer::from_number(self.head.serializer)
            .map_err(|e| e.to_string())?
            .decode(&self.payload)
            .map_err(|e| e.to_string())?;
        let given = if self.head.has(flag::STREAM) {
            let mut named = self.annotations.iter().filter(|(name, _)| *name == STREAM);
            let (_, id) = named.next().ok_or("a stream came without an id")?;
            let id = std::str::from_utf8(id).map_err(|_| "a stream's id is no text")?;
            Given::Items(id.to_owned())
        } else if self.head.has(flag::EXCEPTION) {
            Given::Raised(Exception::from_value(value).map_err(|e| e.to_string())?)
        } else {
            Given::Value(value)
        };
        Ok(Answer {
            given,
            annotations: self.annotations,
        })
    }
}

fn put(
    outgoing: &Outgoing<'_>,
    payload: impl FnOnce(&mut Vec<u8>) -> Result<(), PutError>,
) -> Result<Vec<u8>, NotSent> {
    let mut out = Vec::new();
    match outgoing.put(&mut out, &Limits::default(), payload) {
        Ok(()) => Ok(out),
        Err(PutError::Message(e @ MessageError::TooLarge { .. })) => {
            Err(NotSent::TooLarge(e.to_string()))
        }
        Err(e) => Err(NotSent::Unencodable(e.to_string())),
    }
}
