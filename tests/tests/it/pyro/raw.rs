//! A Pyro5 client made by hand: it can say anything.

use farcall::parts::pyro::Serializer;
use farcall::parts::pyro::message::{Head, Kind, Limits, Message, Outgoing, STREAM, flag};
use farcall::parts::pyro::payload::{
    Call, Connect, Connected, Exception, Invoke, Metadata, PutError,
};
use farcall::{Address, python::PyValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::soon;

/// A message that came.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) head: Head,
    pub(super) annotations: Vec<([u8; 4], Vec<u8>)>,
    pub(super) payload: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Client {
    socket: TcpStream,
    received: Vec<u8>,
    pub(super) serializer: Serializer,
    sequence: u16,
    pub(super) object: String,
    pub(super) metadata: Metadata,
}

impl Client {
    /// Without a greeting.
    pub(super) async fn dial(address: &Address) -> Self {
        let Address::Tcp { host, port } = address else {
            panic!("not over TCP");
        };
        Self {
            socket: soon(TcpStream::connect((host.as_str(), *port)))
                .await
                .unwrap(),
            received: Vec::new(),
            serializer: Serializer::Serpent,
            sequence: 0,
            object: String::new(),
            metadata: Metadata::default(),
        }
    }

    pub(super) async fn connect(address: &Address, object: &str) -> Self {
        Self::connect_with(address, object, Serializer::Serpent).await
    }

    pub(super) async fn connect_with(
        address: &Address,
        object: &str,
        serializer: Serializer,
    ) -> Self {
        let mut client = Self::dial(address).await;
        client.serializer = serializer;
        client.object = object.to_owned();
        client.greet(object).await;
        let came = client.read().await.unwrap();
        assert_eq!(came.head.kind, Kind::ConnectOk.number());
        let connected = Connected::decode(serializer, &came.payload).unwrap();
        client.metadata = connected.metadata.unwrap();
        client
    }

    pub(super) async fn greet(&mut self, object: &str) {
        let connect = Connect {
            handshake: "hello".into(),
            object: object.to_owned(),
        };
        let serializer = self.serializer;
        self.send(Kind::Connect, 0, &[], |out| {
            connect.encode(serializer, out).map_err(PutError::from)
        })
        .await;
    }

    /// Sends a message.
    pub(super) async fn send(
        &mut self,
        kind: Kind,
        flags: u16,
        annotations: &[([u8; 4], &[u8])],
        payload: impl FnOnce(&mut Vec<u8>) -> Result<(), PutError>,
    ) {
        let outgoing = Outgoing {
            flags,
            annotations,
            ..Outgoing::new(kind, self.serializer.number(), self.sequence)
        };
        let mut out = Vec::new();
        outgoing.put(&mut out, &Limits::default(), payload).unwrap();
        self.send_bytes(&out).await;
    }

    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) {
        soon(self.socket.write_all(bytes)).await.unwrap();
    }

    /// Sends as much as the daemon takes.
    pub(super) async fn try_send(&mut self, bytes: &[u8]) {
        let _ = soon(self.socket.write_all(bytes)).await;
    }

    /// The next message; none once the daemon has closed.
    pub(super) async fn read(&mut self) -> Option<Came> {
        loop {
            let limits = Limits::default();
            let head = Head::parse(&self.received, &limits).unwrap();
            let message = head.and_then(|head| Message::parse(head, &self.received).unwrap());
            if let Some(message) = message {
                let came = Came {
                    head: message.head,
                    annotations: message
                        .annotations
                        .iter()
                        .map(|(name, data)| (name, data.to_vec()))
                        .collect(),
                    payload: message.payload(&limits).unwrap().into_owned(),
                };
                self.received.drain(..came.head.message_bytes());
                return Some(came);
            }
            let read = soon(self.socket.read_buf(&mut self.received)).await;
            if matches!(read, Ok(0) | Err(_)) {
                return None;
            }
        }
    }

    /// Sends a call.
    pub(super) async fn ask(
        &mut self,
        flags: u16,
        annotations: &[([u8; 4], &[u8])],
        invoke: Invoke,
    ) {
        self.sequence = self.sequence.wrapping_add(1);
        let serializer = self.serializer;
        self.send(Kind::Invoke, flags, annotations, |out| {
            invoke.encode(serializer, out).map_err(PutError::from)
        })
        .await;
    }

    pub(super) fn invoke(&self, method: &str, positional: &[PyValue]) -> Invoke {
        Invoke {
            object: self.object.clone(),
            call: Call {
                method: method.to_owned(),
                positional: positional.to_vec(),
                keywords: Vec::new(),
            },
        }
    }

    /// The answer of a call.
    pub(super) async fn answer(&mut self) -> Came {
        let came = self.read().await.expect("an answer");
        assert_eq!(came.head.kind, Kind::Result.number());
        assert_eq!(came.head.sequence, self.sequence);
        assert_eq!(came.head.serializer, self.serializer.number());
        came
    }

    pub(super) fn value(&self, came: &Came) -> Result<PyValue, Exception> {
        let value = self.serializer.decode(&came.payload).unwrap();
        match came.head.has(flag::EXCEPTION) {
            true => Err(Exception::from_value(value).unwrap()),
            false => Ok(value),
        }
    }

    pub(super) async fn call(
        &mut self,
        method: &str,
        positional: &[PyValue],
    ) -> Result<PyValue, Exception> {
        self.ask(0, &[], self.invoke(method, positional)).await;
        let came = self.answer().await;
        self.value(&came)
    }

    pub(super) async fn call_named(
        &mut self,
        method: &str,
        positional: &[PyValue],
        keywords: &[(&str, PyValue)],
    ) -> Result<PyValue, Exception> {
        let mut invoke = self.invoke(method, positional);
        let keywords = keywords.iter();
        invoke.call.keywords = keywords
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        self.ask(0, &[], invoke).await;
        let came = self.answer().await;
        self.value(&came)
    }

    /// Calls a method of the daemon's own object.
    pub(super) async fn of_daemon(
        &mut self,
        method: &str,
        positional: &[PyValue],
    ) -> Result<PyValue, Exception> {
        let mut invoke = self.invoke(method, positional);
        invoke.object = "Pyro.Daemon".to_owned();
        self.ask(0, &[], invoke).await;
        let came = self.answer().await;
        self.value(&came)
    }

    /// The id of the stream that a method gives.
    pub(super) async fn open(&mut self, method: &str, positional: &[PyValue]) -> PyValue {
        self.ask(0, &[], self.invoke(method, positional)).await;
        let came = self.answer().await;
        assert!(came.head.has(flag::STREAM), "{:?}", self.value(&came));
        let id = came.annotations.iter().find(|(name, _)| *name == STREAM);
        String::from_utf8(id.unwrap().1.clone()).unwrap().into()
    }

    pub(super) async fn item(&mut self, id: &PyValue) -> Result<PyValue, Exception> {
        self.of_daemon("get_next_stream_item", std::slice::from_ref(id))
            .await
    }
}
