//! One connection to a Python daemon.

use std::time::Duration;

use bytes::BytesMut;
use farcall_shared::net::{Socket, dial};
use farcall_shared::pyro::message::{Head, Kind, Limits, Message, Outgoing, flag};
use farcall_shared::pyro::payload::{
    Call, Connect, Connected, Exception, Invoke, Metadata, PutError,
};
use farcall_shared::pyro::{PyValue, Serializer};
use farcall_shared::uri::Address;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
    payload: Vec<u8>,
}

impl Connection {
    /// Connects and greets; the text says why not.
    pub(super) async fn open(
        object: &str,
        address: &Address,
        serializer: Serializer,
        within: Duration,
    ) -> Result<Self, String> {
        let socket = dial(address, within).await.map_err(|e| e.to_string())?;
        let mut connection = Self {
            socket,
            received: BytesMut::new(),
            serializer,
            sequence: 0,
            object: object.to_owned(),
            metadata: Metadata::default(),
        };
        let connect = Connect {
            handshake: "hello".into(),
            object: object.to_owned(),
        };
        let greeting = connection.message(Kind::Connect, 0, |out| {
            connect.encode(serializer, out).map_err(PutError::from)
        })?;
        let written = connection.socket.write_all(&greeting).await;
        written.map_err(|e| e.to_string())?;
        let came = connection
            .read(&[Kind::ConnectOk, Kind::ConnectFail])
            .await?;
        // A refusal may come in another serializer than the greeting.
        let theirs = Serializer::from_number(came.head.serializer).map_err(|e| e.to_string())?;
        if came.head.kind == Kind::ConnectFail.number() {
            let text = theirs.decode(&came.payload).map_err(|e| e.to_string())?;
            let text = text.as_str().unwrap_or("no reason was given");
            return Err(format!("{address} refused the connection: {text}"));
        }
        let connected = Connected::decode(theirs, &came.payload).map_err(|e| e.to_string())?;
        connection.metadata = connected.metadata.unwrap_or_default();
        Ok(connection)
    }

    /// Calls a method. `sent` is set once the daemon may know of it.
    pub(super) async fn call(
        &mut self,
        call: Call,
        sent: &mut bool,
    ) -> Result<Result<PyValue, Exception>, String> {
        let oneway = self.metadata.oneway.contains(&call.method);
        let flags = if oneway { flag::ONEWAY } else { 0 };
        self.sequence = self.sequence.wrapping_add(1);
        let invoke = Invoke {
            object: self.object.clone(),
            call,
        };
        let serializer = self.serializer;
        let message = self.message(Kind::Invoke, flags, |out| {
            invoke.encode(serializer, out).map_err(PutError::from)
        })?;
        *sent = true;
        let written = self.socket.write_all(&message).await;
        written.map_err(|e| e.to_string())?;
        if oneway {
            return Ok(Ok(PyValue::None));
        }
        let came = self.read(&[Kind::Result]).await?;
        if came.head.sequence != self.sequence {
            return Err("the reply is one of another call".to_owned());
        }
        let value = Serializer::from_number(came.head.serializer)
            .map_err(|e| e.to_string())?
            .decode(&came.payload)
            .map_err(|e| e.to_string())?;
        if !came.head.has(flag::EXCEPTION) {
            return Ok(Ok(value));
        }
        let exception = Exception::from_value(value).map_err(|e| e.to_string())?;
        Ok(Err(exception))
    }

    fn message(
        &self,
        kind: Kind,
        flags: u16,
        payload: impl FnOnce(&mut Vec<u8>) -> Result<(), PutError>,
    ) -> Result<Vec<u8>, String> {
        let outgoing = Outgoing {
            flags,
            ..Outgoing::new(kind, self.serializer.number(), self.sequence)
        };
        let mut out = Vec::new();
        let put = outgoing.put(&mut out, &Limits::default(), payload);
        put.map(|()| out).map_err(|e| e.to_string())
    }

    async fn read(&mut self, expected: &'static [Kind]) -> Result<Came, String> {
        let limits = Limits::default();
        loop {
            let head = Head::parse(&self.received, &limits).map_err(|e| e.to_string())?;
            let message = head.map(|head| Message::parse(head, &self.received));
            let message = message.transpose().map_err(|e| e.to_string())?;
            if let Some(message) = message.flatten() {
                message.head.kind(expected).map_err(|e| e.to_string())?;
                let payload = message.payload(&limits).map_err(|e| e.to_string())?;
                let came = Came {
                    head: message.head,
                    payload: payload.into_owned(),
                };
                let _ = self.received.split_to(came.head.message_bytes());
                return Ok(came);
            }
            let read = self.socket.read_buf(&mut self.received).await;
            if read.map_err(|e| e.to_string())? == 0 {
                return Err("the daemon closed the connection".to_owned());
            }
        }
    }
}
