//! The items of a Python iterator, each fetched by a call: [`PythonStream`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::payload::{CLOSE_STREAM, Call, DAEMON_OBJECT, NEXT_ITEM};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::runtime::Handle;

use super::{Given, PythonError, PythonProxy, made};
use crate::peers::Peers;

/// How the daemon says that there are no more.
const END: &str = "builtins.StopIteration";

/// The items of an iterator, in their order; an error is the last.
///
/// Each is fetched when it is asked for. Dropping it before its end tells the daemon.
#[must_use = "nothing is fetched before it is polled"]
pub struct PythonStream(Pin<Box<dyn Stream<Item = Result<PyValue, PythonError>> + Send>>);

impl PythonStream {
    pub(crate) fn new(proxy: &PythonProxy, id: String) -> Self {
        let cursor = Cursor {
            proxy: proxy.clone(),
            id: Some(id),
        };
        Self(Box::pin(unfold(cursor, |mut cursor| async {
            let item = cursor.next().await?;
            Some((item, cursor))
        })))
    }
}

impl Stream for PythonStream {
    type Item = Result<PyValue, PythonError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for PythonStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PythonStream").finish_non_exhaustive()
    }
}

/// A stream at its daemon.
struct Cursor {
    proxy: PythonProxy,
    /// Its id there; nothing once it is over.
    id: Option<String>,
}

impl Cursor {
    async fn next(&mut self) -> Option<Result<PyValue, PythonError>> {
        let id = self.id.as_deref()?;
        let asked = of_daemon(&self.proxy, NEXT_ITEM, id).await;
        match asked {
            Ok(Given::Value(item)) => Some(Ok(item)),
            Err(error) => {
                self.id = None;
                Some(Err(error))
            }
            Ok(Given::Raised(exception)) => {
                self.id = None;
                (exception.class != END).then(|| Err(self.proxy.raised(exception)))
            }
            Ok(Given::Items(_) | Given::Nothing) => {
                self.id = None;
                Some(Err(self
                    .proxy
                    .kind("no item", "the daemon broke its rules")))
            }
        }
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        // Without a runtime there is no connection either; the daemon ends the stream by itself.
        if Handle::try_current().is_err() {
            return;
        }
        let proxy = self.proxy.clone();
        Peers::current().tasks().spawn(async move {
            let _ = of_daemon(&proxy, CLOSE_STREAM, &id).await;
        });
    }
}

async fn of_daemon(proxy: &PythonProxy, method: &str, id: &str) -> Result<Given, PythonError> {
    let call: Call = made(method, [id.into()], []);
    let answer = proxy.whole(Some(DAEMON_OBJECT), call, 0).await?;
    Ok(answer.given)
}
