//! Where a remote object is bound: looked up, connected and bound again when that breaks.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use farcall_shared::descriptor::Described;
use farcall_shared::error::NotSent;
use farcall_shared::link::{Bind, Bound, Held};
use farcall_shared::object::Servant;
use farcall_shared::uri::{ObjectUri, Uri};
use farcall_shared::wire::codec::Codec;
use parking_lot::RwLock;

use super::ConnectError;
use crate::error::chain;
use crate::peers::{PeerError, Peers};
use crate::python::PythonProxy;
use crate::resolve::{Found, ResolveError, resolve};

/// What the clones of a remote object share.
pub(super) struct Shared {
    pub(super) origin: Origin,
    pub(super) label: Arc<str>,
    pub(super) descriptor: Option<Described>,
    pub(super) codec: Codec,
    /// Its own connections; `None` means those of the runtime it is called from.
    pub(super) peers: Option<Arc<Peers>>,
    /// Its first binding: as long as that lives, calls find it without a lock.
    pub(super) first: OnceLock<Bound>,
    /// True once a call over the first binding failed in a way that another binding may mend.
    pub(super) first_failed: AtomicBool,
    /// The binding that came after, if the first is over.
    pub(super) later: RwLock<Option<Bound>>,
    /// The object, once it is known to be one of a Python program's.
    pub(super) python: RwLock<Option<PythonProxy>>,
    /// Where the object was last, for when the name service is away.
    pub(super) last_known: RwLock<Option<ObjectUri>>,
    /// Held by whoever looks the object up; the others wait for the outcome. Why the last one failed.
    pub(super) binding: tokio::sync::Mutex<Option<BindError>>,
    /// How often that failed.
    pub(super) failed: AtomicU64,
}

/// How an object is called.
pub(super) enum Way {
    Link(Bound),
    Python(PythonProxy),
}

/// What a remote object was made of.
pub(super) enum Origin {
    /// Where this leads.
    Uri(Uri),
    /// A reference that came over a connection.
    Held(Arc<Held>),
    /// It is in this process after all.
    Local(Servant),
    /// What somebody sent for a URI.
    Foreign(Arc<str>),
}

/// Why an object is not bound.
#[derive(Clone)]
pub(super) enum BindError {
    Resolve(ResolveError),
    Peer(PeerError),
    Link(NotSent),
}

impl BindError {
    pub(super) fn into_not_sent(self) -> NotSent {
        match self {
            Self::Resolve(e) => NotSent::Unresolved(chain(&e)),
            Self::Peer(e) => NotSent::Unreachable(e.to_string()),
            Self::Link(e) => e,
        }
    }

    pub(super) fn into_connect_error(self, label: &str) -> ConnectError {
        let unreachable = |why: String| ConnectError::Unreachable {
            uri: label.into(),
            why,
        };
        match self {
            Self::Resolve(e) => ConnectError::Resolve(e),
            Self::Peer(e) => unreachable(e.to_string()),
            Self::Link(e) => unreachable(e.to_string()),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shared").field(&self.label).finish()
    }
}

impl Shared {
    /// The first binding, while it can be called over.
    #[inline]
    pub(super) fn first(&self) -> Option<&Bound> {
        let usable = |bound: &&Bound| bound.is_open() && !self.first_failed.load(Ordering::Relaxed);
        self.first.get().filter(usable)
    }

    /// The binding that works, if there is one.
    pub(super) fn bound(&self) -> Option<Bound> {
        self.first()
            .cloned()
            .or_else(|| self.later.read().clone().filter(Bound::is_open))
    }

    /// How the object is called, if that is known.
    fn way(&self) -> Option<Way> {
        let python = || self.python.read().clone().map(Way::Python);
        self.bound().map(Way::Link).or_else(python)
    }

    fn keep(&self, bound: &Bound) {
        if self.first.set(bound.clone()).is_err() {
            *self.later.write() = Some(bound.clone());
        }
    }

    /// Lets a binding go that failed; calls that failed with it must not take away the next one.
    pub(super) fn forget(&self, failed: &Bound) {
        if self.first.get().is_some_and(|first| first.is(failed)) {
            self.first_failed.store(true, Ordering::Relaxed);
            return;
        }
        let mut later = self.later.write();
        if later.as_ref().is_some_and(|bound| bound.is(failed)) {
            *later = None;
        }
    }

    /// True once the object is known to be one of a Python program's.
    pub(super) fn is_python(&self) -> bool {
        let by_uri = matches!(self.origin, Origin::Uri(Uri::Python(_)));
        by_uri || self.python.read().is_some()
    }

    /// Forgets that the object is one of a Python program's, unless its URI says so: its name may lead elsewhere by now.
    pub(super) fn forget_python(&self) {
        if !matches!(self.origin, Origin::Uri(Uri::Python(_))) {
            *self.python.write() = None;
        }
    }

    /// How the object is called: over the binding that works, or one that is made.
    pub(super) async fn bind(&self) -> Result<Way, BindError> {
        let failed_before = self.failed.load(Ordering::Acquire);
        let mut last = self.binding.lock().await;
        if let Some(way) = self.way() {
            return Ok(way);
        }
        // Somebody tried while this one waited: that answer is this one's too.
        if self.failed.load(Ordering::Acquire) != failed_before
            && let Some(error) = &*last
        {
            return Err(error.clone());
        }
        let way = self.make().await;
        *last = way.as_ref().err().cloned();
        if last.is_some() {
            self.failed.fetch_add(1, Ordering::Release);
        }
        way
    }

    /// True for an object that went with its connection.
    pub(super) fn is_lost(&self) -> bool {
        matches!(&self.origin, Origin::Held(held) if !held.link().is_open())
    }

    /// Binds an object over the connection that its reference came over.
    fn bind_held(&self, held: &Held) -> Result<Way, NotSent> {
        let bound = held.link().bind(&self.wanted(&held.object(), 0))?;
        self.keep(&bound);
        Ok(Way::Link(bound))
    }

    fn wanted(&self, object: &str, incarnation: u64) -> Bind {
        Bind {
            object: object.into(),
            incarnation,
            codec: self.codec,
            descriptor: self.descriptor.clone(),
            label: Arc::clone(&self.label),
        }
    }

    /// Looks the object up, connects and binds it.
    async fn make(&self) -> Result<Way, BindError> {
        let uri = match &self.origin {
            Origin::Uri(uri) => uri,
            Origin::Held(held) => return self.bind_held(held).map_err(BindError::Link),
            Origin::Local(_) => {
                let here = NotSent::Unresolved("it is called without a connection".into());
                return Err(BindError::Link(here));
            }
            Origin::Foreign(uri) => {
                let text = format!("'{uri}', which came as a reference, is no URI of an object");
                return Err(BindError::Link(NotSent::Unresolved(text)));
            }
        };
        let candidates = match resolve(uri).await {
            Ok(candidates) => candidates,
            // Who knows the object already does not need the name service.
            Err(e @ (ResolveError::Away(_) | ResolveError::Call(_))) => {
                match self.last_known.read().clone() {
                    Some(known) => vec![Found::Object(known)],
                    None => return Err(BindError::Resolve(e)),
                }
            }
            Err(e) => return Err(BindError::Resolve(e)),
        };
        let peers = self.peers.clone().unwrap_or_else(Peers::current);
        let mut last = None;
        for candidate in candidates {
            let candidate = match candidate {
                Found::Object(candidate) => candidate,
                Found::Python(uri) => {
                    let python = PythonProxy::of(uri);
                    *self.python.write() = Some(python.clone());
                    return Ok(Way::Python(python));
                }
            };
            match peers.link(&candidate.address).await {
                Ok(link) => {
                    let incarnation = candidate.incarnation.unwrap_or(0);
                    let bind = self.wanted(&candidate.object, incarnation);
                    let bound = link.bind(&bind).map_err(BindError::Link)?;
                    self.keep(&bound);
                    *self.last_known.write() = Some(candidate);
                    return Ok(Way::Link(bound));
                }
                Err(e) => last = Some(e),
            }
        }
        Err(match last {
            Some(e) => BindError::Peer(e),
            None => BindError::Link(NotSent::Unresolved("it leads to no object".into())),
        })
    }
}
