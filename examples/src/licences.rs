//! Licences that are lent to sessions: what `resource-tracking` is about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farcall::Context;
use farcall::context::Kept;

use crate::program;

/// Lends licences; who goes away without giving them back loses them all the same.
#[farcall::remote]
pub trait LicenceDesk {
    /// Lends a licence for as long as the caller's connection lasts.
    async fn take(&self) -> Result<u32, String>;
    /// Takes a licence of the caller's back; false when it has none of that number.
    async fn give_back(&self, number: u32) -> bool;
    /// How many are left.
    async fn left(&self) -> usize;
}

/// A [`LicenceDesk`].
#[derive(Debug)]
pub struct Licences {
    free: Arc<Mutex<BTreeSet<u32>>>,
    all: u32,
}

/// One that is lent: it is free again once this is dropped.
#[derive(Debug)]
struct Lent {
    number: u32,
    to: String,
    free: Arc<Mutex<BTreeSet<u32>>>,
}

/// Those that a session has.
#[derive(Debug, Default)]
struct Wallet(Mutex<BTreeMap<u32, Kept<Lent>>>);

impl Licences {
    /// So many, with the numbers from 1.
    pub fn new(all: u32) -> Self {
        Self {
            free: Arc::new(Mutex::new((1..=all).collect())),
            all,
        }
    }

    fn lend(&self, to: String) -> Option<Lent> {
        let number = lock(&self.free).pop_first()?;
        say(&format!("licence {number}: lent to {to}"));
        let free = Arc::clone(&self.free);
        Some(Lent { number, to, free })
    }
}

impl LicenceDesk for Licences {
    async fn take(&self) -> Result<u32, String> {
        let call = Context::current().ok_or("licences are lent to callers only")?;
        let session = call.session();
        let lent = self.lend(call.peer().to_string());
        let lent = lent.ok_or_else(|| format!("all {} licences are lent", self.all))?;
        let number = lent.number;
        // From now on it is free again when the connection ends, however it ends.
        let kept = session.keep(lent).map_err(|why| why.to_string())?;
        let wallet = session.get_or_insert_with(Wallet::default);
        lock(&wallet.0).insert(number, kept);
        Ok(number)
    }

    async fn give_back(&self, number: u32) -> bool {
        let session = Context::current().map(|call| call.session());
        let wallet = session.and_then(|session| session.get::<Wallet>());
        let kept = wallet.and_then(|wallet| lock(&wallet.0).remove(&number));
        kept.and_then(Kept::release).is_some()
    }

    async fn left(&self) -> usize {
        lock(&self.free).len()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Self { number, to, free } = self;
        lock(free).insert(*number);
        say(&format!("licence {number}: back from {to}"));
    }
}

/// Where nobody reads it there is nobody to tell.
fn say(line: &str) {
    let _ = program::print(format_args!("{line}\n"));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
