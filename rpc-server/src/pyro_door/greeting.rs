//! The greeting, and the refusals that a client can read.

use farcall_shared::net::Socket;
use farcall_shared::pyro::message::{
    Kind, Limits, Message, Outgoing, TOO_MANY_CONNECTIONS, UNKNOWN_OBJECT,
};
use farcall_shared::pyro::payload::{Connect, Connected, PutError};
use farcall_shared::pyro::{MessageError, PyValue, Serializer};

use super::target::Target;
use super::wire::{Ended, Raw, Wire};
use crate::daemon::Core;
use crate::door;

/// What refusals are written with before the client's own serializer is known, as Python does.
const BEFORE: Serializer = Serializer::Marshal;

/// Greets a client; the text that refuses it, if it is refused.
pub(super) async fn greet(core: &Core, wire: &mut Wire, connection: u64) -> Result<(), Refused> {
    let raw = wire.next().await.map_err(|ended| match ended {
        Ended::Message(error) => Refused::now(BEFORE, error.to_string()),
        _ => Refused::gone(),
    })?;
    let head = raw.head;
    let refuse = |text: String| Refused::now(BEFORE, text);
    head.kind(&[Kind::Connect])
        .map_err(|error| refuse(error.to_string()))?;
    let serializer =
        Serializer::from_number(head.serializer).map_err(|error| refuse(error.to_string()))?;
    let refuse = |text: String| Refused {
        sequence: head.sequence,
        ..Refused::now(serializer, text)
    };
    let connect = read(&raw, serializer, &wire.limits).map_err(refuse)?;
    let target = Target::find_for(core, &connect.object, Some(connection));
    let target = target.ok_or_else(|| refuse(UNKNOWN_OBJECT.to_owned()))?;
    let connected = Connected {
        handshake: "hello".into(),
        metadata: Some(target.metadata()),
    };
    let outgoing = Outgoing {
        correlation: head.correlation,
        ..Outgoing::new(Kind::ConnectOk, head.serializer, head.sequence)
    };
    let mut out = Vec::new();
    outgoing
        .put(&mut out, &wire.limits, |out| {
            connected.encode(serializer, out).map_err(PutError::from)
        })
        .map_err(|error| refuse(error.to_string()))?;
    wire.write(&out).await.map_err(|_| Refused::gone())?;
    Ok(())
}

fn read(raw: &Raw, serializer: Serializer, limits: &Limits) -> Result<Connect, String> {
    let message = Message::parse(raw.head, &raw.bytes).map_err(|e| e.to_string())?;
    let payload = message
        .as_ref()
        .map(|message| message.payload(limits))
        .transpose()
        .map_err(|e| e.to_string())?;
    Connect::decode(serializer, &payload.unwrap_or_default()).map_err(|e| e.to_string())
}

/// A client that is not served.
pub(super) struct Refused {
    serializer: Serializer,
    sequence: u16,
    /// What it is told, if it is there.
    pub(super) text: Option<String>,
}

impl Refused {
    fn now(serializer: Serializer, text: String) -> Self {
        Self {
            serializer,
            sequence: 0,
            text: Some(text),
        }
    }

    pub(super) fn gone() -> Self {
        Self {
            serializer: BEFORE,
            sequence: 0,
            text: None,
        }
    }

    /// The message that says so.
    fn message(&self) -> Option<Vec<u8>> {
        let text = PyValue::from(self.text.as_deref()?);
        let number = self.serializer.number();
        let outgoing = Outgoing::new(Kind::ConnectFail, number, self.sequence);
        let mut out = Vec::new();
        let put = outgoing.put(&mut out, &Limits::default(), |out| {
            self.serializer.encode(&text, out).map_err(PutError::from)
        });
        put.is_ok().then_some(out)
    }

    /// Tells the client and closes.
    pub(super) async fn tell(self, socket: Socket) {
        if let Some(message) = self.message() {
            let _ = door::part(socket, &message).await;
        }
    }
}

/// Refuses a client because as many are here as may be.
pub(crate) async fn refuse_one_more(socket: Socket) {
    let text = TOO_MANY_CONNECTIONS.to_owned();
    Refused::now(BEFORE, text).tell(socket).await;
}

/// Refuses a peer that speaks no protocol that is known: Python finds the version of a daemon by sending it junk.
pub(crate) async fn refuse_unknown(socket: Socket, words: &str) {
    let text = format!("{}; {words}", MessageError::Tag);
    Refused::now(BEFORE, text).tell(socket).await;
}
