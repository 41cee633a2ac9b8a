//! Attachments on one connection: from references and streams to the entries of a list, and back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::consumer;
use super::held::Held;
use super::producer::Pumps;
use super::shared::{Shared, State};
use crate::attach::{Attachment, MAX_ATTACHED};
use crate::context::Notes;
use crate::reference::{Reference, Referent};
use crate::streaming::Incoming;
use crate::wire::attached::{self, AttachedError, Entry};
use crate::wire::codec::Codec;
use crate::wire::status::{Refusal, Status};

/// The bytes behind the entries of a list.
const END_BYTES: usize = 4;

/// The bytes of an entry with a number, at most; those of a URI come on top.
const ENTRY_BYTES: usize = 11;

/// Attachments on their way out, as a list.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// What stands behind the value.
    pub(super) list: Vec<u8>,
    /// The streams that begin.
    pub(super) pumps: Pumps,
    /// The objects that were handed out, as often as they were.
    pub(super) exports: Vec<u64>,
    /// To be dropped where no lock is held.
    pub(super) used: Vec<Attachment>,
}

/// What arrived behind a value.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// In the order of their places, unless some were refused.
    pub(super) attachments: Vec<Attachment>,
    /// Why the value cannot be taken all the same.
    pub(super) refused: Option<Refusal>,
}

impl Listed {
    /// What several messages in one refer to, without their lists.
    pub(super) fn of_all(all: Vec<Self>) -> Self {
        let mut one = Self::default();
        for mut listed in all {
            one.pumps.append(&mut listed.pumps);
            one.exports.append(&mut listed.exports);
            one.used.append(&mut listed.used);
        }
        one
    }
}

impl State {
    /// Makes the list of attachments of a value in `codec`, for which there are `room` bytes. On an error nothing is handed
    /// out.
    pub(super) fn list(
        &mut self,
        shared: &Arc<Shared>,
        attachments: Vec<Attachment>,
        codec: Codec,
        room: usize,
    ) -> Result<Listed, (String, Vec<Attachment>)> {
        if let Err(text) = self.admits(shared, attachments.iter(), room.checked_sub(END_BYTES)) {
            return Err((text, attachments));
        }
        Ok(self.put_all(shared, attachments, codec))
    }

    /// Makes the lists of the attachments of several values, each taken away from there. On an error nothing is handed out
    /// and nothing taken.
    pub(super) fn list_each(
        &mut self,
        shared: &Arc<Shared>,
        values: &mut [Vec<Attachment>],
        codec: Codec,
        room: usize,
    ) -> Result<Vec<Listed>, String> {
        let ends = END_BYTES * values.iter().filter(|all| !all.is_empty()).count();
        self.admits(shared, values.iter().flatten(), room.checked_sub(ends))?;
        let put = |all: &mut Vec<Attachment>| match all.is_empty() {
            true => Listed::default(),
            false => self.put_all(shared, std::mem::take(all), codec),
        };
        Ok(values.iter_mut().map(put).collect())
    }

    fn put_all(&mut self, shared: &Arc<Shared>, all: Vec<Attachment>, codec: Codec) -> Listed {
        let mut listed = Listed::default();
        for attachment in all {
            self.put(shared, attachment, codec, &mut listed);
        }
        attached::end(&mut listed.list, 0);
        listed
    }

    /// Sees that so much can be handed out.
    fn admits<'a>(
        &self,
        shared: &Shared,
        attachments: impl Iterator<Item = &'a Attachment>,
        room: Option<usize>,
    ) -> Result<(), String> {
        if !shared.remote.two_way {
            return Err("the peer's version knows no references, streams and metadata".into());
        }
        let (mut bytes, mut exports, mut streams) = (0, 0, 0);
        for attachment in attachments {
            bytes += ENTRY_BYTES;
            match attachment {
                Attachment::Reference(reference) => match &reference.to {
                    Referent::Uri(uri) if uri.len() > attached::MAX_ENTRY_BYTES => {
                        return Err("a reference's URI is too long to travel".into());
                    }
                    Referent::Uri(uri) => bytes += uri.len(),
                    _ => exports += 1,
                },
                Attachment::Notes(notes) => bytes += notes_bytes(notes),
                Attachment::Value(_) => return Err("a value as it is does not travel".into()),
                Attachment::Outgoing(_) | Attachment::Incoming(_) => streams += 1,
            }
        }
        if self.host.is_none() && exports + streams > 0 {
            return Err("references and streams do not travel on this connection".into());
        }
        if room.is_none_or(|room| bytes > room) {
            let text = "its references, streams and metadata are over the limit of a message";
            return Err(text.into());
        }
        let limits = &shared.limits;
        if self.exports.len() + exports > limits.max_exports as usize {
            return Err(format!(
                "{} objects are handed out on this connection, as many as may be",
                self.exports.len()
            ));
        }
        if self.producers.len() + streams > limits.max_streams as usize {
            return Err(format!(
                "{} streams are sent on this connection, as many as may be",
                self.producers.len()
            ));
        }
        Ok(())
    }

    fn put(&mut self, shared: &Arc<Shared>, attachment: Attachment, codec: Codec, to: &mut Listed) {
        let source = match attachment {
            Attachment::Reference(reference) => {
                self.put_reference(shared, &reference, to);
                to.used.push(Attachment::Reference(reference));
                return;
            }
            Attachment::Outgoing(source) => source,
            Attachment::Incoming(incoming) => incoming.into_source(),
            Attachment::Notes(notes) => return put_notes(&notes, &mut to.list),
            // Refused before.
            Attachment::Value(_) => return,
        };
        let stream = self.producers.add();
        attached::put(&mut to.list, &Entry::Stream(stream));
        to.pumps.push(stream, source, codec);
    }

    fn put_reference(&mut self, shared: &Arc<Shared>, reference: &Reference, to: &mut Listed) {
        let servant = match &reference.to {
            Referent::Uri(uri) => {
                attached::put(&mut to.list, &Entry::Uri(uri));
                return;
            }
            Referent::Held(held) if held.is_of(shared) => {
                attached::put(&mut to.list, &Entry::Returned(held.export()));
                return;
            }
            Referent::Held(held) => held.forwarded(reference.descriptor.as_ref()),
            Referent::Local(servant) => servant.clone(),
        };
        let number = self.exports.hand_out(servant);
        attached::put(&mut to.list, &Entry::Export(number));
        to.exports.push(number);
    }
}

impl Shared {
    /// Reads a list that arrived. All of it is taken, also when it is refused: what the peer handed out has to be given
    /// back.
    ///
    /// # Errors
    /// What no peer may send.
    pub(super) fn read_list(self: &Arc<Self>, mut list: &[u8]) -> Result<Arrived, String> {
        check(list)?;
        let mut arrived = Arrived::default();
        let mut notes = Notes::default();
        loop {
            match attached::next(&mut list) {
                Ok(None) => break,
                Ok(Some(entry)) => match self.read_entry(entry, &mut notes)? {
                    Ok(attachment) => arrived.attachments.extend(attachment),
                    Err(refusal) => arrived.refused = Some(refusal),
                },
                Err(e) => {
                    arrived.refused = Some(Refusal::new(Status::BadArguments, e.to_string()));
                }
            }
        }
        if !notes.is_empty() {
            let notes = Attachment::Notes(Box::new(notes));
            arrived.attachments.push(notes);
        }
        Ok(arrived)
    }

    fn read_entry(
        self: &Arc<Self>,
        entry: Entry<'_>,
        notes: &mut Notes,
    ) -> Result<Result<Option<Attachment>, Refusal>, String> {
        let reference = |to| {
            Ok(Ok(Some(Attachment::Reference(Reference {
                to,
                descriptor: None,
            }))))
        };
        match entry {
            Entry::Export(number) => {
                let held = self.held.load(Ordering::Relaxed);
                let most = self.limits.max_held as usize;
                let new = Held::new(Arc::clone(self), number);
                if held >= most {
                    let text = format!(
                        "{held} references of this connection are held here, as many as may be"
                    );
                    return Ok(Err(Refusal::new(Status::Overloaded, text)));
                }
                reference(Referent::Held(Arc::new(new)))
            }
            Entry::Returned(number) => match self.state.lock().exports.servant(number) {
                Some(servant) => reference(Referent::Local(servant)),
                None => {
                    let text = format!("object {number} was not handed out, or is gone");
                    Ok(Err(Refusal::new(Status::UnknownObject, text)))
                }
            },
            Entry::Uri(uri) => reference(Referent::Uri(uri.into())),
            Entry::Stream(number) => match consumer::open(self, number)? {
                Some(consumer) => Ok(Ok(Some(Attachment::Incoming(Incoming::over(consumer))))),
                None => {
                    let text = "more streams are open on this connection than may be";
                    Ok(Err(Refusal::new(Status::Overloaded, text)))
                }
            },
            Entry::Metadata(key, value) => Ok(match notes.metadata.set(key, value) {
                Ok(()) => Ok(None),
                Err(e) => Err(Refusal::new(Status::TooLarge, e.to_string())),
            }),
            Entry::Correlation(id) => {
                // The first one counts.
                let _ = notes.correlation.set(u128::from_be_bytes(id));
                Ok(Ok(None))
            }
        }
    }
}

/// The bytes of their entries.
fn notes_bytes(notes: &Notes) -> usize {
    let metadata = notes.metadata.iter();
    let bytes = metadata.map(|(key, value)| ENTRY_BYTES + key.len() + value.len());
    bytes.sum::<usize>() + ENTRY_BYTES + size_of::<u128>()
}

fn put_notes(notes: &Notes, list: &mut Vec<u8>) {
    for (key, value) in notes.metadata.iter() {
        attached::put(list, &Entry::Metadata(key, value));
    }
    if let Some(id) = notes.correlation.get() {
        attached::put(list, &Entry::Correlation(id.to_be_bytes()));
    }
}

/// Sees that a list is one, before anything in it is taken.
fn check(mut list: &[u8]) -> Result<(), String> {
    let mut places = 0;
    loop {
        match attached::next(&mut list) {
            Ok(None) if places > MAX_ATTACHED => {
                return Err(format!(
                    "{places} references and streams in one value, of which there are at most {MAX_ATTACHED}"
                ));
            }
            Ok(None) => return Ok(()),
            Ok(Some(entry)) => places += usize::from(entry.has_place()),
            // Some of a later version's are there that are refused.
            Err(AttachedError::Unknown(_)) => {}
            Err(e @ AttachedError::Short) => return Err(e.to_string()),
        }
    }
}
