//! A stream as an iterator.

use std::fmt;
use std::iter::FusedIterator;

use futures_util::{Stream, StreamExt};

use super::engine::Engine;

/// A stream's items, each waited for: what [`iter`](super::iter) makes.
///
/// Polls the stream while it is asked for the next item, and only then. Dropping it drops the stream.
pub struct Iter<S> {
    engine: Engine,
    /// `None` once it has ended.
    stream: Option<S>,
}

impl<S> Iter<S> {
    pub(super) fn new(engine: Engine, stream: S) -> Self {
        Self {
            engine,
            stream: Some(stream),
        }
    }
}

impl<S> fmt::Debug for Iter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_ended = self.stream.is_none();
        f.debug_struct("Iter")
            .field("has_ended", &has_ended)
            .finish()
    }
}

impl<S: Stream + Unpin> Iterator for Iter<S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        let next = self.engine.wait(self.stream.as_mut()?.next());
        if next.is_none() {
            self.stream = None;
        }
        next
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.stream {
            Some(stream) => stream.size_hint(),
            None => (0, Some(0)),
        }
    }
}

impl<S: Stream + Unpin> FusedIterator for Iter<S> {}
