//! The called side: finds the object and method of a call, starts it, and keeps track of what runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::batch::{self, Batch};
use super::cut::Whose;
use super::held::EXPORT_MARK;
use super::oneway::{Window, too_late};
use super::shared::{Parked, Running, Runs, Shared};
use super::{Host, Hosted, Job};
use crate::attach::{self, Attachment};
use crate::context::{self, Call, Cancellation, Context, Notes, Occupied, Place, Scoped};
use crate::descriptor::{Descriptor, MAX_METHODS, did_you_mean};
use crate::object::{Answer, Hooked, Laps, Object, Request, Scratch, Selected, Spare, Started};
use crate::wire::attached;
use crate::wire::codec::Codec;
use crate::wire::cut;
use crate::wire::frame::{self, Bind, Bound, CallFrame, REPLY_HEADER_BYTES, flag, flow};
use crate::wire::frames::{Frames, Mark};
use crate::wire::handshake::Side;
use crate::wire::status::{Refusal, Status};

/// What the peer bound, by handle.
pub(super) struct Callee {
    pub(super) shared: Arc<Shared>,
    pub(super) host: Option<Arc<dyn Host>>,
    handles: Vec<Option<Handle>>,
    /// Entries of all tables of `handles`.
    table_entries: usize,
    /// The clock of the calls that run here.
    laps: Laps,
    /// Where they run, unless they do.
    place: Option<Arc<Place>>,
    /// What the caller said beside the arguments of the call that is about to start.
    notes: Option<Box<Notes>>,
    /// The context of the call that was just started, if anybody asked for it.
    pub(super) asked: Option<Context>,
    max_deadline_ms: u32,
    /// What the peer may still send of one-way calls.
    pub(super) window: Window,
}

/// The most method entries that one peer can have kept for it, over all its bindings.
const MAX_TABLE_ENTRIES: usize = 65_536;

enum Handle {
    Ready {
        hosted: Arc<dyn Hosted>,
        codec: Codec,
        methods: Methods,
        spare: Spare,
    },
    Refused(Refusal),
}

impl Handle {
    fn table_entries(&self) -> usize {
        match self {
            Self::Ready {
                methods: Methods::Table(table),
                ..
            } => table.len(),
            _ => 0,
        }
    }
}

/// The most of a peer's own words that is kept or given back in an error.
const MAX_SHOWN_BYTES: usize = 128;

/// How much longer than its caller a call is given: who waits gives up by his own clock, this is for those that are gone.
pub(super) const SLACK: Duration = Duration::from_millis(20);

/// How the peer's method numbers lead to the object's.
enum Methods {
    /// They are the same, so many.
    Same(u16),
    /// By this table.
    Table(Vec<Wanted>),
}

/// What a method of the peer's bind is here.
enum Wanted {
    /// The method of this number.
    Same(u16),
    /// The method of this number, with another signature.
    Differs(u16),
    /// Nothing; the name, for the error of whoever calls it.
    Missing(Box<str>),
}

/// What a call is for.
pub(super) struct Found<'a, 'f> {
    pub(super) hosted: &'a Arc<dyn Hosted>,
    pub(super) object: &'a dyn Object,
    pub(super) method: Selected<'f>,
    pub(super) codec: Codec,
    spare: &'a mut Spare,
}

/// What stands behind a call's arguments: what they refer to, and what the caller said besides.
pub(super) type Attached = (Vec<Attachment>, Option<Box<Notes>>);

/// What the peer did that no peer may do; the connection ends with this text.
pub(super) type Fault = String;

impl Callee {
    pub(super) fn new(shared: Arc<Shared>, host: Option<Arc<dyn Host>>) -> Self {
        let place = Place {
            connection: Arc::clone(&shared.connection),
            message: None,
        };
        Self {
            place: Some(Arc::new(place)),
            notes: None,
            asked: None,
            max_deadline_ms: u32::try_from(shared.limits.max_deadline.as_millis())
                .unwrap_or(u32::MAX),
            window: Window::new(shared.remote.two_way),
            shared,
            host,
            handles: Vec::new(),
            table_entries: 0,
            laps: Laps::default(),
        }
    }

    /// Calls are handled from now on.
    pub(super) fn begin(&mut self) {
        self.laps.begin();
    }

    /// Calls may be handled from now on until this is [given back](Self::depart).
    #[inline]
    pub(super) fn arrive(&mut self) -> Occupied {
        context::occupy(self.place.take())
    }

    /// No further calls for now.
    #[inline]
    pub(super) fn depart(&mut self, here: Occupied) {
        self.place = here.leave();
    }

    pub(super) fn bind(&mut self, bind: &Bind<'_>, replies: &mut Vec<u8>) -> Result<(), Fault> {
        let index = bind.handle as usize;
        if index > self.handles.len() {
            return Err(format!(
                "bind of handle {index}: the next new one is {}",
                self.handles.len()
            ));
        }
        if index >= self.shared.limits.max_bindings as usize {
            return Err(format!(
                "more than {} objects bound on one connection",
                self.shared.limits.max_bindings
            ));
        }
        if index == self.handles.len() {
            if index == 0 {
                // Most peers bind one object.
                self.handles.reserve_exact(1);
            }
            self.handles.push(None);
        }
        if bind.methods.len() > MAX_METHODS {
            return Err(format!("a bind of more than {MAX_METHODS} methods"));
        }
        if self.handles.get(index).is_some_and(Option::is_some) {
            return Err(format!("bind of handle {index}, which is bound already"));
        }
        let handle = self.find(bind).unwrap_or_else(Handle::Refused);
        self.table_entries += handle.table_entries();
        if self.table_entries > MAX_TABLE_ENTRIES {
            return Err(format!(
                "bindings of more than {MAX_TABLE_ENTRIES} methods that differ from the object's"
            ));
        }
        frame::put_bound(replies, &bound(bind.handle, &handle));
        if let Some(place) = self.handles.get_mut(index) {
            *place = Some(handle);
        }
        Ok(())
    }

    pub(super) fn unbind(&mut self, handle: u32) {
        // The place stays: the peer may take any handle again that it had, not only the lowest.
        if let Some(handle) = self.handles.get_mut(handle as usize).and_then(Option::take) {
            self.table_entries -= handle.table_entries();
        }
    }

    /// Starts a call. What ends at once goes to `replies`.
    #[inline]
    pub(super) fn call(
        &mut self,
        call: &CallFrame<'_>,
        replies: &mut Frames,
        now: Instant,
    ) -> Result<(), Fault> {
        if call.flags & flag::ONEWAY != 0 {
            return self.call_oneway(call, replies, now);
        }
        let running = self.shared.running.load(Ordering::Relaxed);
        if running > 0 && self.shared.is_running(call.id) {
            return Err(in_flight(call.id));
        }
        if call.flags & (flag::BATCH | flag::ATTACHED) != 0 {
            return self.call_specially(call, replies, now, running);
        }
        let before = replies.mark();
        frame::begin_reply(&mut replies.bytes, Status::Done as u16, call.id);
        match self.start(call, replies, now, running) {
            Ok(Started::Done(Ok(()))) => {
                if attach::any() || self.asked.is_some() {
                    self.attach_to_reply(call, replies, before);
                    return Ok(());
                }
                replies.end(before);
            }
            started => {
                replies.undo(before);
                drop(attach::take());
                let refusal = match started {
                    Err(refusal) => Some(refusal),
                    Ok(started) => self.follow(call, started, now),
                };
                if let Some(refusal) = refusal {
                    put_refusal(replies, call.id, &refusal);
                }
            }
        }
        Ok(())
    }

    /// Starts a call with attachments, or many calls at once.
    #[cold]
    fn call_specially(
        &mut self,
        call: &CallFrame<'_>,
        replies: &mut Frames,
        now: Instant,
        running: usize,
    ) -> Result<(), Fault> {
        if call.flags & flag::ATTACHED == 0 {
            if let Err(refusal) = self.start_batch(call, now, running) {
                put_refusal(replies, call.id, &refusal);
            }
            return Ok(());
        }
        match self.with_attachments(call, |callee, plain| callee.call(plain, replies, now))? {
            Ok(()) => {}
            Err(refusal) => put_refusal(replies, call.id, &refusal),
        }
        Ok(())
    }

    /// Starts a call with attachments as one without; a refusal where it cannot have them.
    pub(super) fn with_attachments<T>(
        &mut self,
        call: &CallFrame<'_>,
        start: impl FnOnce(&mut Self, &CallFrame<'_>) -> Result<T, Fault>,
    ) -> Result<Result<T, Refusal>, Fault> {
        let (plain, arrived) = self.take_attachments(call)?;
        let (attachments, notes) = match arrived {
            Ok(arrived) => arrived,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.notes = notes;
        let codec = self.codec(call);
        let target = self.of_argument();
        let called = attach::reading(codec, target, attachments, || start(self, &plain));
        // What was refused before its start has no use for them.
        self.notes = None;
        called.map(Ok)
    }

    /// Takes what stands behind a call's arguments; the call is then one without. A refusal where some of it cannot be had.
    pub(super) fn take_attachments<'f>(
        &self,
        call: &CallFrame<'f>,
    ) -> Result<(CallFrame<'f>, Result<Attached, Refusal>), Fault> {
        let (value, list) = attached::split(call.body).map_err(|e| e.to_string())?;
        let arrived = self.shared.read_list(list)?;
        let plain = CallFrame {
            flags: call.flags & !flag::ATTACHED,
            body: value,
            ..*call
        };
        if let Some(refusal) = arrived.refused {
            return Ok((plain, Err(refusal)));
        }
        let mut attachments = arrived.attachments;
        let notes = match attachments.pop_if(|last| matches!(last, Attachment::Notes(_))) {
            Some(Attachment::Notes(notes)) => Some(notes),
            _ => None,
        };
        Ok((plain, Ok((attachments, notes))))
    }

    /// What errors of a stream in an argument name.
    pub(super) fn of_argument(&self) -> Arc<str> {
        format!("an argument from {}", self.shared.peer).into()
    }

    /// Puts the list of attachments behind the reply that was just encoded, if there are any.
    #[cold]
    fn attach_to_reply(&mut self, call: &CallFrame<'_>, replies: &mut Frames, before: Mark) {
        let said = self.asked.take().and_then(|context| context.take_reply());
        if let Some(notes) = said.filter(|_| self.shared.remote.two_way) {
            attach::add(notes);
        }
        if !attach::any() {
            replies.end(before);
            return;
        }
        let codec = self.codec(call);
        let attachments = attach::take();
        let mut state = self.shared.state.lock();
        let bytes = replies.len_since(before);
        let listed = match self.shared.list(&mut state, attachments, codec, bytes) {
            Ok(listed) => listed,
            Err((text, attachments)) => {
                drop(state);
                drop(attachments);
                replies.undo(before);
                put_refusal(replies, call.id, &Refusal::new(Status::BadResult, text));
                return;
            }
        };
        replies.bytes.extend_from_slice(&listed.list);
        flow::mark_attached(&mut replies.bytes, before.bytes());
        replies.end(before);
        // Its streams must not overtake it.
        let listed = state.out.append_reply(replies, (before, call.id), listed);
        self.shared
            .unsent
            .store(state.out.backlog(), Ordering::Relaxed);
        drop(state);
        self.shared.begin(listed.unwrap_or_default());
    }

    #[inline]
    pub(super) fn start(
        &mut self,
        call: &CallFrame<'_>,
        replies: &mut Frames,
        now: Instant,
        running: usize,
    ) -> Result<Started, Refusal> {
        let known = self.known(call, now);
        let found = find_method(&self.shared, &mut self.handles, call, running)?;
        let request = Request {
            method: found.method,
            codec: found.codec,
            arguments: call.body,
            began: known.began,
            within_ms: known.within_ms,
            trace: call.trace.as_ref(),
            max_result_bytes: max_result_bytes(&self.shared),
        };
        let (reply, lent) = replies.parts();
        let scratch = &mut Scratch {
            reply,
            lent,
            spare: found.spare,
            laps: &mut self.laps,
        };
        let here = if call.trace.is_none() && self.notes.is_none() {
            context::enter(known)
        } else {
            let notes = notes(call, self.notes.take());
            context::resume(context_of(&self.shared, known, notes))
        };
        let started = found.object.start(request, scratch);
        self.asked = here.leave();
        Ok(started)
    }

    /// What is known of a call before anybody asks.
    #[inline]
    pub(super) fn known(&self, call: &CallFrame<'_>, now: Instant) -> Call {
        Call {
            began: now.into_std(),
            within_ms: call.deadline_ms.min(self.max_deadline_ms),
        }
    }

    /// How the call's arguments and result are written.
    pub(super) fn codec(&self, call: &CallFrame<'_>) -> Codec {
        match self.handles.get(call.handle as usize) {
            Some(Some(Handle::Ready { codec, .. })) => *codec,
            _ => Codec::Postcard,
        }
    }

    /// Finds the object and the method of a call, and sees that it may start beside so many that run.
    pub(super) fn find_method<'f>(
        &mut self,
        call: &CallFrame<'f>,
        running: usize,
    ) -> Result<Found<'_, 'f>, Refusal> {
        find_method(&self.shared, &mut self.handles, call, running)
    }

    /// Has a batch of calls run in the compute pool.
    #[cold]
    fn start_batch(
        &mut self,
        call: &CallFrame<'_>,
        now: Instant,
        running: usize,
    ) -> Result<(), Refusal> {
        let batch = self.batch(call, now, running)?;
        let cancellation = Cancellation::new(batch.known.deadline());
        self.compute(call, cancellation, move |stopped| batch.run(stopped))
    }

    pub(super) fn batch(
        &mut self,
        call: &CallFrame<'_>,
        now: Instant,
        running: usize,
    ) -> Result<Batch, Refusal> {
        let known = self.known(call, now);
        let found = find_method(&self.shared, &mut self.handles, call, running)?;
        Ok(Batch {
            method: batch::method(found.object.descriptor(), found.method)?,
            hosted: Arc::clone(found.hosted),
            codec: found.codec,
            calls: call.body.to_vec(),
            connection: Arc::clone(&self.shared.connection),
            known,
            notes: notes(call, self.notes.take()),
            max_reply_bytes: max_result_bytes(&self.shared),
        })
    }

    /// Has work of a call done in the compute pool.
    fn compute(
        &self,
        call: &CallFrame<'_>,
        cancellation: Cancellation,
        work: impl FnOnce(&Cancellation) -> Answer + Send + 'static,
    ) -> Result<(), Refusal> {
        let host = self.host.as_ref().ok_or_else(no_host)?;
        let id = call.id;
        let codec = self.codec(call);
        let use_of_id = self.shared.admit(id, &cancellation);
        let shared = Arc::clone(&self.shared);
        let job: Job = Box::new(move || {
            if cancellation.is_stopped() {
                return;
            }
            let answer = if cancellation.is_cancelled() {
                Err(too_late())
            } else {
                work(&cancellation)
            };
            shared.answer(id, use_of_id, codec, answer);
        });
        let shared = Arc::clone(&self.shared);
        let job = Box::new(move || shared.unless_stuffed(id, use_of_id, job));
        host.compute(job).map_err(|(refusal, _)| {
            self.shared.forget(id);
            refusal
        })
    }

    /// Sees to a call that did not end at once; gives the refusal if it could not be kept.
    fn follow(&mut self, call: &CallFrame<'_>, started: Started, now: Instant) -> Option<Refusal> {
        let asked = self.asked.take();
        let Some(host) = &self.host else {
            return Some(no_host());
        };
        let id = call.id;
        let context = asked.unwrap_or_else(|| self.context(call, now));
        match started {
            Started::Done(end) => end.err(),
            Started::Waits(future) => {
                let deadline = Instant::from_std(context.deadline());
                let use_of_id = self.shared.admit(id, &context.cancellation());
                let future = Scoped::new(context.clone(), future);
                let shared = Arc::clone(&self.shared);
                let codec = self.codec(call);
                let task = host.tasks().spawn(async move {
                    // Calls that have not begun could all have large results.
                    if shared.unsent.load(Ordering::Relaxed) > shared.limits.max_unsent_bytes {
                        shared.wait_until_taken().await;
                    }
                    let answer = match tokio::time::timeout_at(deadline + SLACK, future).await {
                        Ok(answer) => with_notes(answer, &context, &shared),
                        Err(_) => Err(Refusal::new(Status::Cancelled, "its deadline is over")),
                    };
                    shared.answer(id, use_of_id, codec, answer);
                });
                self.shared.stop_with(id, use_of_id, task.abort_handle());
                None
            }
            Started::Computes(work) => {
                let cancellation = context.cancellation();
                let shared = Arc::clone(&self.shared);
                let work = move |_: &Cancellation| {
                    let answer = context.run(work);
                    with_notes(answer, &context, &shared)
                };
                self.compute(call, cancellation, work).err()
            }
        }
    }
}

impl Callee {
    /// The context of a call that nobody asked for, and whose caller said nothing beside its arguments.
    pub(super) fn context(&self, call: &CallFrame<'_>, now: Instant) -> Context {
        context_of(&self.shared, self.known(call, now), Notes::default())
    }

    /// Has calls run that waited for the peer to take results, unless it stops taking them before they begin. Each wakes
    /// the driver, which sees whether more may follow.
    pub(super) fn resume(&self, parked: Vec<Parked>) {
        for Parked { id, use_of_id, job } in parked {
            let shared = Arc::clone(&self.shared);
            let job = Box::new(move || {
                shared.unless_stuffed(id, use_of_id, job);
                shared.driver.wake();
            });
            let refused = match &self.host {
                Some(host) => host.compute(job).err().map(|(refusal, _)| refusal),
                None => Some(no_host()),
            };
            if let Some(refusal) = refused {
                self.shared
                    .answer(id, use_of_id, Codec::Postcard, Err(refusal));
            }
        }
    }
}

/// The context of a call that nobody asked for yet.
#[cold]
pub(super) fn context_of(shared: &Shared, known: Call, notes: Notes) -> Context {
    let connection = Arc::clone(&shared.connection);
    let cancellation = Cancellation::new(known.deadline());
    Context::new(connection, known, cancellation, notes)
}

/// What the caller said beside the arguments.
pub(super) fn notes(call: &CallFrame<'_>, said: Option<Box<Notes>>) -> Notes {
    let mut notes = said.map(|said| *said).unwrap_or_default();
    notes.trace = call.trace;
    notes
}

/// An answer with what is said beside the result.
pub(super) fn with_notes(answer: Answer, context: &Context, shared: &Shared) -> Answer {
    let mut answer = answer?;
    let said = context.take_reply().filter(|_| shared.remote.two_way);
    let said = said.map(|notes| Attachment::Notes(Box::new(notes)));
    answer.attachments.extend(said);
    Ok(answer)
}

#[inline]
pub(super) fn max_result_bytes(shared: &Shared) -> usize {
    (shared.remote.max_message_bytes as usize).saturating_sub(REPLY_HEADER_BYTES)
}

/// Finds the object and the method of a call, and sees that it may start.
#[inline(always)]
fn find_method<'a, 'f>(
    shared: &Shared,
    handles: &'a mut [Option<Handle>],
    call: &CallFrame<'f>,
    running: usize,
) -> Result<Found<'a, 'f>, Refusal> {
    if shared.leaving.load(Ordering::Relaxed) {
        let text = "the daemon is shutting down";
        return Err(Refusal::new(Status::Draining, text));
    }
    let (hosted, codec, methods, spare) = match handles.get_mut(call.handle as usize) {
        Some(Some(Handle::Ready {
            hosted,
            codec,
            methods,
            spare,
        })) => (hosted, *codec, methods, spare),
        Some(Some(Handle::Refused(refusal))) => return Err(refusal.clone()),
        _ => return Err(not_bound(call.handle)),
    };
    let Some(object) = hosted.object() else {
        return Err(taken_away());
    };
    let method = match methods {
        Methods::Same(count) if call.method < *count && call.name.is_none() => {
            Selected::Number(call.method)
        }
        methods => select(object.descriptor(), methods, call)?,
    };
    if call.name.is_some() && codec == Codec::Postcard {
        // Positional bytes without a signature to hold them against could be read as anything.
        let text = "a call by name needs a codec that describes itself";
        return Err(Refusal::new(Status::BadArguments, text));
    }
    // Before the start: what has begun can no longer be told as rejected.
    if running >= shared.limits.max_calls_in_flight as usize {
        return Err(no_room(running));
    }
    if shared.side == Side::Dialled
        && call.flags & flag::ONEWAY == 0
        && shared.unsent.load(Ordering::Relaxed) > shared.limits.max_unsent_bytes
    {
        let text = "the replies before it were not taken yet";
        return Err(Refusal::new(Status::Overloaded, text));
    }
    if call.deadline_ms == 0 {
        let text = "its deadline was over when it arrived";
        return Err(Refusal::new(Status::Expired, text));
    }
    Ok(Found {
        hosted,
        object,
        method,
        codec,
        spare,
    })
}

impl Callee {
    fn find(&self, bind: &Bind<'_>) -> Result<Handle, Refusal> {
        let Some(codec) = Codec::from_number(bind.codec) else {
            let text = format!("codec {} is unknown to this version", bind.codec);
            return Err(Refusal::new(Status::BadArguments, text));
        };
        let mut hosted = match bind.object.strip_prefix(EXPORT_MARK) {
            Some(number) => self.shared.handed_out(number)?,
            None => {
                let host = self.host.as_deref().ok_or_else(no_host)?;
                host.object(bind.object, bind.incarnation)?
            }
        };
        let hooks = self.host.as_deref().map(Host::hooks).unwrap_or_default();
        if !hooks.is_empty() {
            hosted = Arc::new(Hooked::new(hosted, hooks, bind.object));
        }
        let object = hosted.object().ok_or_else(taken_away)?;
        let methods = match_methods(object.descriptor(), bind);
        Ok(Handle::Ready {
            hosted,
            codec,
            methods,
            spare: Spare::default(),
        })
    }
}

/// Finds each of the caller's methods by name and signature: numbers never decide what is called.
fn match_methods(descriptor: &Descriptor, bind: &Bind<'_>) -> Methods {
    let same = |(i, (name, signature)): (usize, &(&str, u64))| {
        descriptor
            .methods
            .get(i)
            .is_some_and(|m| m.name == *name && m.signature == *signature)
    };
    if !bind.methods.is_empty() && bind.methods.iter().enumerate().all(same) {
        return Methods::Same(bind.methods.len() as u16);
    }
    let table = bind
        .methods
        .iter()
        .map(|(name, signature)| match descriptor.method(name) {
            Some((number, method)) if method.signature == *signature => Wanted::Same(number),
            Some((number, _)) => Wanted::Differs(number),
            None => Wanted::Missing(cut(name, MAX_SHOWN_BYTES).into()),
        });
    Methods::Table(table.collect())
}

fn unknown_method(descriptor: &Descriptor, name: &str) -> Refusal {
    let similar = descriptor.similar(name);
    let name = cut(name, MAX_SHOWN_BYTES);
    let text = format!(
        "{} has no method '{name}'{}",
        descriptor.service,
        did_you_mean(&similar)
    );
    Refusal::new(Status::UnknownMethod, text)
}

fn other_signature(descriptor: &Descriptor, number: u16) -> Refusal {
    let text = match descriptor.methods.get(usize::from(number)) {
        Some(method) => format!(
            "method '{}' has another signature here: {method}",
            method.name
        ),
        None => "the method has another signature here".into(),
    };
    Refusal::new(Status::UnknownMethod, text)
}

fn bound(handle: u32, bound: &Handle) -> Bound<'_> {
    let (status, text, missing) = match bound {
        Handle::Refused(refusal) => (refusal.status as u16, refusal.text.as_str(), Vec::new()),
        Handle::Ready { methods, .. } => (0, "", missing(methods)),
    };
    Bound {
        handle,
        status,
        text,
        missing,
    }
}

fn missing(methods: &Methods) -> Vec<(u16, &str)> {
    let Methods::Table(table) = methods else {
        return Vec::new();
    };
    let numbered = (0..).zip(table);
    let wrong = numbered.filter_map(|(i, wanted)| match wanted {
        Wanted::Same(_) => None,
        Wanted::Differs(_) => Some((i, "it has another signature here")),
        Wanted::Missing(_) => Some((i, "there is no such method here")),
    });
    wrong.collect()
}

/// A method that is not simply the one of that number.
fn select<'a>(
    descriptor: &Descriptor,
    methods: &Methods,
    call: &CallFrame<'a>,
) -> Result<Selected<'a>, Refusal> {
    if let Some(name) = call.name {
        return match descriptor.method(name) {
            Some((number, _)) => Ok(Selected::Number(number)),
            None if descriptor.open => Ok(Selected::Name(name)),
            None => Err(unknown_method(descriptor, name)),
        };
    }
    match methods {
        Methods::Same(_) => Err(no_number(call.method)),
        Methods::Table(table) => match table.get(usize::from(call.method)) {
            Some(Wanted::Same(number)) => Ok(Selected::Number(*number)),
            Some(Wanted::Differs(number)) => Err(other_signature(descriptor, *number)),
            Some(Wanted::Missing(name)) => Err(unknown_method(descriptor, name)),
            None => Err(no_number(call.method)),
        },
    }
}

#[cold]
pub(super) fn put_refusal(replies: &mut Frames, id: u32, refusal: &Refusal) {
    frame::put_refusal(&mut replies.bytes, refusal.status as u16, id, &refusal.text);
}

#[cold]
pub(super) fn in_flight(id: u32) -> Fault {
    format!("call id {id} is in flight already")
}

#[cold]
pub(super) fn no_host() -> Refusal {
    Refusal::new(Status::UnknownObject, "this process hosts no objects")
}

#[cold]
fn not_bound(handle: u32) -> Refusal {
    let text = format!("handle {handle} is not bound");
    Refusal::new(Status::UnknownObject, text)
}

#[cold]
pub(super) fn taken_away() -> Refusal {
    let text = "the object was taken away after it was bound";
    Refusal::new(Status::UnknownObject, text)
}

#[cold]
pub(super) fn no_room(running: usize) -> Refusal {
    let text = format!("{running} calls of this connection are running already");
    Refusal::new(Status::Overloaded, text)
}

fn no_number(method: u16) -> Refusal {
    Refusal::new(
        Status::UnknownMethod,
        format!("method number {method} was not bound"),
    )
}

impl Shared {
    /// The object that was handed out with this number.
    fn handed_out(&self, number: &str) -> Result<Arc<dyn Hosted>, Refusal> {
        let number = number.parse().ok();
        match number.and_then(|number| self.state.lock().exports.hosted(number)) {
            Some(hosted) => Ok(hosted),
            None => {
                let text = "the object that was handed out is gone: nobody referred to it any more";
                Err(Refusal::new(Status::UnknownObject, text))
            }
        }
    }

    /// True while the peer's call `id` runs.
    fn is_running(&self, id: u32) -> bool {
        self.state.lock().running.contains_key(&id)
    }

    /// Notes a call that goes on after its start.
    fn admit(&self, id: u32, cancellation: &Cancellation) -> u64 {
        self.running.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock();
        state.started += 1;
        let use_of_id = state.started;
        let running = Running {
            use_of_id,
            cancellation: cancellation.clone(),
            runs: Runs::Somewhere,
        };
        state.running.insert(id, running);
        use_of_id
    }

    /// Runs a job now, or parks it while the peer does not take the results there are: many queued calls may have large
    /// results.
    fn unless_stuffed(&self, id: u32, use_of_id: u64, job: Job) {
        let mut state = self.state.lock();
        if self.is_stuffed(&state) {
            state.parked.push(Parked { id, use_of_id, job });
            return;
        }
        drop(state);
        job();
    }

    fn stop_with(&self, id: u32, use_of_id: u64, task: tokio::task::AbortHandle) {
        let mut state = self.state.lock();
        if let Some(running) = state.running.get_mut(&id)
            && running.use_of_id == use_of_id
        {
            running.runs = Runs::Alone(task);
        }
    }

    pub(super) fn forget(&self, id: u32) {
        self.running.fetch_sub(1, Ordering::Relaxed);
        self.state.lock().running.remove(&id);
    }

    /// Gives up the peer's call `id` and acknowledges that.
    pub(super) fn cancel(&self, id: u32) {
        let mut state = self.state.lock();
        let running = state.running.remove(&id);
        if running.is_some() {
            self.running.fetch_sub(1, Ordering::Relaxed);
        }
        // A large reply that is not all sent is not wanted any more.
        let reply = state.give_up(|whose| matches!(whose, Whose::Reply(of) if *of == id));
        if running.is_none() && reply.is_none() {
            // It was answered already: its reply is the acknowledgement.
            return;
        }
        frame::put_refusal(state.out.bytes(), Status::Cancelled as u16, id, "cancelled");
        self.ask_flush(state);
        drop(reply);
        if let Some(running) = running {
            running.stop();
        }
    }
}
