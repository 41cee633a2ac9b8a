//! What a connection's task lends to the calls that run on it: a place for results, used memory, a clock.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::laps::Laps;
use crate::wire::frames::Lent;

/// What a call may use while it runs on its connection's task.
#[derive(Debug)]
pub struct Scratch<'a> {
    /// Where a result that is there at once is appended.
    pub reply: &'a mut Vec<u8>,
    /// Where large blobs of such a result are noted.
    pub lent: &'a mut Vec<Lent>,
    /// Memory for its future, left by the calls before it over the same binding.
    pub spare: &'a mut Spare,
    /// The clock.
    pub laps: &'a mut Laps,
}

/// The memory of a future that is over, for the next one of its type: a ready `async fn` then allocates nothing.
#[derive(Debug, Default)]
pub struct Spare(Option<Box<dyn Any + Send>>);

/// Where a future is or was.
type Place<F> = Pin<Box<Option<F>>>;

/// What became of a future at its first poll.
pub(super) enum Polled<F: Future> {
    Ready(F::Output),
    Pending(Placed<F>),
}

impl Spare {
    /// Polls a future once in the spare memory; keeps the memory when it is ready, gives it away with the future when not.
    #[inline]
    pub(super) fn poll_once<F: Future + Send + 'static>(
        &mut self,
        future: F,
        cx: &mut Context<'_>,
    ) -> Polled<F> {
        let spare = self.of::<F>();
        // Taken out, so that a future that panics does not stay.
        let mut place = match spare.take() {
            Some(mut place) => {
                place.as_mut().set(Some(future));
                place
            }
            None => Box::pin(Some(future)),
        };
        match poll(&mut place, cx) {
            Poll::Ready(output) => {
                place.as_mut().set(None);
                *spare = Some(place);
                Polled::Ready(output)
            }
            Poll::Pending => Polled::Pending(Placed(place)),
        }
    }

    #[inline]
    fn of<F: Send + 'static>(&mut self) -> &mut Option<Place<F>> {
        let known = self
            .0
            .as_ref()
            .is_some_and(|spare| spare.is::<Option<Place<F>>>());
        if !known {
            self.0 = Some(Box::new(None::<Place<F>>));
        }
        match self.0.as_mut().and_then(|spare| spare.downcast_mut()) {
            Some(spare) => spare,
            None => unreachable!("the spare was made of this type above"),
        }
    }
}

/// A future in memory of its own.
pub(super) struct Placed<F>(Place<F>);

impl<F: Future> Future for Placed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        poll(&mut self.0, cx)
    }
}

#[inline]
fn poll<F: Future>(place: &mut Place<F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    match place.as_mut().as_pin_mut() {
        Some(future) => future.poll(cx),
        None => Poll::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn the_memory_of_a_future_that_is_over_is_the_next_ones() {
        let mut spare = Spare::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut places = Vec::new();
        for number in 0..3 {
            let future = async move {
                let here = std::ptr::from_ref(&number).addr();
                std::future::ready(()).await;
                (number, here)
            };
            match spare.poll_once(future, &mut cx) {
                Polled::Ready((given, place)) => {
                    assert_eq!(given, number);
                    places.push(place);
                }
                Polled::Pending(_) => panic!("it was ready"),
            }
        }
        assert_eq!(places[0], places[1]);
        assert_eq!(places[1], places[2]);
    }

    #[test]
    fn a_future_that_waits_keeps_its_memory_and_one_of_another_type_gets_its_own() {
        let mut spare = Spare::default();
        let mut cx = Context::from_waker(Waker::noop());
        let waits = spare.poll_once(std::future::pending::<u8>(), &mut cx);
        let Polled::Pending(mut waits) = waits else {
            panic!("it waits for ever");
        };
        assert!(matches!(
            spare.poll_once(async { 7 }, &mut cx),
            Polled::Ready(7)
        ));
        assert!(matches!(
            spare.poll_once(async { "x" }, &mut cx),
            Polled::Ready("x")
        ));
        assert!(Pin::new(&mut waits).poll(&mut cx).is_pending());
    }
}
