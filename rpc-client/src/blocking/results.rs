//! A stream of results as an iterator.

use std::iter::FusedIterator;

use futures_util::{Stream, StreamExt};

use super::engine::Engine;

/// Polls the stream while it is asked for the next result, and only then. Dropping it drops the stream.
pub(super) struct Results<S> {
    engine: Engine,
    /// `None` once it has ended.
    stream: Option<S>,
}

impl<S> Results<S> {
    pub(super) fn new(engine: Engine, stream: S) -> Self {
        Self {
            engine,
            stream: Some(stream),
        }
    }
}

impl<S: Stream + Unpin> Iterator for Results<S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        let next = self.engine.wait(self.stream.as_mut()?.next());
        if next.is_none() {
            self.stream = None;
        }
        next
    }
}

impl<S: Stream + Unpin> FusedIterator for Results<S> {}
