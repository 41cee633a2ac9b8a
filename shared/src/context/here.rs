//! Which call runs on this thread: a few words a call, and more only once somebody asks.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::{Call, Cancellation, Connection, Context};

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
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// Where calls run one after the other, and what they have in common.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    connection: Arc<Connection>,
    /// That of the message they came in, when it was one.
    cancellation: Option<Cancellation>,
}

impl Place {
    /// Calls that are made here as they are read.
    pub(crate) fn of(connection: &Arc<Connection>) -> Self {
        Self {
            connection: Arc::clone(connection),
            cancellation: None,
        }
    }

    /// Calls that came in one message and are given up together.
    pub(crate) fn of_batch(connection: &Arc<Connection>, cancellation: &Cancellation) -> Self {
        Self {
            cancellation: Some(cancellation.clone()),
            ..Self::of(connection)
        }
    }
}

/// The calls of this place run here until what this gives is dropped.
pub(crate) fn occupy(place: Place) -> Occupied {
    let set = |here: &RefCell<Option<Place>>| here.replace(Some(place));
    Occupied(PLACE.try_with(set).ok().flatten())
}

/// Has the place of before again when dropped.
#[derive(Debug)]
pub(crate) struct Occupied(Option<Place>);

impl Drop for Occupied {
    fn drop(&mut self) {
        let outer = self.0.take();
        drop(PLACE.try_with(|here| here.replace(outer)));
    }
}

/// A call begins here. It is over when what this gives is dropped or [left](Entered::leave).
#[inline]
pub(crate) fn enter(call: Call) -> Entered {
    Entered::over(RUNNING.replace(Running::Unasked(call)))
}

/// A call goes on here.
pub(super) fn resume(context: Context) -> Entered {
    let entered = Entered::over(RUNNING.replace(Running::Asked));
    set_context(context);
    entered
}

/// A call that runs here, and the one of before, which runs again afterwards.
pub(crate) struct Entered {
    outer: Running,
    outer_context: Option<Context>,
    left: bool,
}

impl Entered {
    #[inline]
    fn over(outer: Running) -> Self {
        let outer_context = match outer {
            Running::Asked => take_context(),
            _ => None,
        };
        Self {
            outer,
            outer_context,
            left: false,
        }
    }

    /// The call goes on elsewhere, or is over; gives its context if somebody asked for it.
    #[inline]
    pub(crate) fn leave(mut self) -> Option<Context> {
        self.left = true;
        self.restore()
    }

    #[inline]
    fn restore(&mut self) -> Option<Context> {
        let asked = match RUNNING.replace(self.outer) {
            Running::Asked => take_context(),
            _ => None,
        };
        if let Some(outer) = self.outer_context.take() {
            set_context(outer);
        }
        asked
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if !self.left {
            drop(self.restore());
        }
    }
}

/// The context of what runs here, made when it is first asked for.
pub(super) fn current() -> Option<Context> {
    match RUNNING.get() {
        Running::Nothing => None,
        Running::Unasked(call) => {
            let place = PLACE
                .try_with(|here| here.borrow().clone())
                .ok()
                .flatten()?;
            let cancellation = place
                .cancellation
                .unwrap_or_else(|| Cancellation::new(call.deadline()));
            let context = Context::new(place.connection, call, cancellation);
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
