//! Many calls of a Python object in one message: [`PythonBatch`].

use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::message::flag;
use farcall_shared::pyro::payload::{BatchFailure, Call, Exception, Invoke};

use super::{Given, PythonError, PythonProxy, made};

/// Calls of one Python object that travel in one message, and are run one after the other up to the first that raises.
#[derive(Debug)]
#[must_use = "its calls are made when it is sent"]
pub struct PythonBatch {
    proxy: PythonProxy,
    calls: Vec<Call>,
}

impl PythonBatch {
    pub(super) fn new(proxy: &PythonProxy) -> Self {
        Self {
            proxy: proxy.clone(),
            calls: Vec::new(),
        }
    }

    /// Adds a call.
    pub fn call(
        &mut self,
        method: &str,
        positional: impl IntoIterator<Item = PyValue>,
        keywords: impl IntoIterator<Item = (String, PyValue)>,
    ) -> &mut Self {
        self.add(made(method, positional, keywords));
        self
    }

    pub(crate) fn add(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// How many calls were added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// True when no call was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Sends the calls and waits for their results, in their order; an exception is the last one, and the calls behind it
    /// were not made.
    ///
    /// # Errors
    /// See [`PythonError`]; Raised where the daemon refuses all of it.
    ///
    /// # Cancel safety
    /// Giving it up closes the connection; some of the calls may have run.
    pub async fn send(self) -> Result<Vec<Result<PyValue, Exception>>, PythonError> {
        let proxy = self.proxy.clone();
        let malformed = || proxy.kind("no list of results", "the daemon broke its rules");
        let results = match self.given(0).await? {
            Given::Value(PyValue::List(results) | PyValue::Tuple(results)) => results,
            Given::Raised(exception) => return Err(proxy.raised(exception)),
            _ => return Err(malformed()),
        };
        let read = |result: PyValue| match result.class_name() {
            Some(BatchFailure::CLASS) => {
                let failure = BatchFailure::from_value(result).map_err(|_| malformed())?;
                Ok(Err(failure.0))
            }
            _ => Ok(Ok(result)),
        };
        results.into_iter().map(read).collect()
    }

    /// Sends the calls without replies; ends when they are on their way.
    ///
    /// # Errors
    /// NotSent, or Unknown when only a part could be written.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn send_oneway(self) -> Result<(), PythonError> {
        self.given(flag::ONEWAY).await.map(drop)
    }

    async fn given(self, flags: u16) -> Result<Given, PythonError> {
        let call = Invoke::of_batch(String::new(), self.calls).call;
        self.proxy.given(call, flags | flag::BATCH).await
    }
}
