//! Which call runs on this thread: a few words a call, and more only once somebody asks.

use std::cell::Cell;
use std::sync::Arc;

use super::{Call, Cancellation, Connection, Context, Notes};

/// What runs here. It has no destructor, so that a look at it costs a load.
#[derive(Clone, Copy)]
enum Running {
    Nothing,
    /// A call of the place's connection that nobody asked about.
    Unasked(Call),
    /// The one whose context stands beside.
    Asked,
}

thread_local! {
    static RUNNING: Cell<Running> = const { Cell::new(Running::Nothing) };
    static CONTEXT: Cell<Option<Context>> = const { Cell::new(None) };
    static PLACE: Cell<Option<Arc<Place>>> = const { Cell::new(None) };
}

/// Where calls run one after the other, and what they have in common.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) connection: Arc<Connection>,
    /// That of the message they came in, when it was one, and what its caller said.
    pub(crate) message: Option<(Cancellation, Notes)>,
}

/// The calls of this place run here until what this gives is dropped or [left](Occupied::leave).
#[inline]
pub(crate) fn occupy(place: Option<Arc<Place>>) -> Occupied {
    Occupied {
        outer: swap(place),
        left: false,
    }
}

/// Has the place of before again when dropped.
pub(crate) struct Occupied {
    outer: Option<Arc<Place>>,
    left: bool,
}

impl Occupied {
    /// Gives the place back.
    #[inline]
    pub(crate) fn leave(mut self) -> Option<Arc<Place>> {
        self.left = true;
        swap(self.outer.take())
    }
}

impl Drop for Occupied {
    #[inline]
    fn drop(&mut self) {
        if !self.left {
            drop(swap(self.outer.take()));
        }
    }
}

/// Has calls run at another place. A thread that ends may have none any more.
#[inline]
fn swap(place: Option<Arc<Place>>) -> Option<Arc<Place>> {
    PLACE.try_with(|here| here.replace(place)).ok().flatten()
}

/// Where calls run here.
fn place() -> Option<Arc<Place>> {
    let look = |here: &Cell<Option<Arc<Place>>>| {
        let place = here.take();
        here.set(place.clone());
        place
    };
    PLACE.try_with(look).ok().flatten()
}

/// A call begins here. It is over when what this gives is dropped or [left](Entered::leave).
#[inline]
pub(crate) fn enter(call: Call) -> Entered {
    let entered = Entered::over();
    RUNNING.set(Running::Unasked(call));
    entered
}

/// A call goes on here.
pub(crate) fn resume(context: Context) -> Entered {
    let entered = Entered::over();
    set_context(context);
    RUNNING.set(Running::Asked);
    entered
}

/// A call that runs here, and the one of before, which runs again afterwards.
pub(crate) struct Entered(Option<Box<(Running, Option<Context>)>>);

impl Entered {
    #[inline]
    fn over() -> Self {
        match RUNNING.get() {
            Running::Nothing => Self(None),
            outer => Self::over_another(outer),
        }
    }

    #[cold]
    fn over_another(outer: Running) -> Self {
        let context = match outer {
            Running::Asked => take_context(),
            _ => None,
        };
        Self(Some(Box::new((outer, context))))
    }

    /// The call goes on elsewhere, or is over; gives its context if somebody asked for it.
    #[inline]
    pub(crate) fn leave(self) -> Option<Context> {
        match RUNNING.get() {
            Running::Asked => take_context(),
            _ => None,
        }
    }

    #[cold]
    fn restore(outer: (Running, Option<Context>)) {
        let (running, context) = outer;
        if let Some(context) = context {
            set_context(context);
        }
        RUNNING.set(running);
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if let Running::Asked = RUNNING.get() {
            drop(take_context());
        }
        RUNNING.set(Running::Nothing);
        if let Some(outer) = self.0.take() {
            Self::restore(*outer);
        }
    }
}

/// True when a call runs here whose context is known: only then it can have a trace or a correlation id.
#[inline]
pub(crate) fn is_known() -> bool {
    matches!(RUNNING.get(), Running::Asked)
}

/// The context of what runs here, made when it is first asked for.
pub(super) fn current() -> Option<Context> {
    match RUNNING.get() {
        Running::Nothing => None,
        Running::Unasked(call) => {
            let place = place()?;
            let own = || (Cancellation::new(call.deadline()), Notes::default());
            let (cancellation, notes) = place.message.clone().unwrap_or_else(own);
            let connection = Arc::clone(&place.connection);
            let context = Context::new(connection, call, cancellation, notes);
            set_context(context.clone());
            RUNNING.set(Running::Asked);
            Some(context)
        }
        Running::Asked => {
            let context = take_context()?;
            set_context(context.clone());
            Some(context)
        }
    }
}

/// A thread that ends may have no place for it any more.
#[cold]
fn set_context(context: Context) {
    let _ = CONTEXT.try_with(|here| here.set(Some(context)));
}

#[cold]
fn take_context() -> Option<Context> {
    CONTEXT.try_with(Cell::take).ok().flatten()
}
