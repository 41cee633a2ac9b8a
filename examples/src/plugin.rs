//! Plugins: objects of clients that a host calls for each of its items, for as long as their clients are there.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::program;

/// The name of the host's object.
pub const HOST: &str = "plugin-host";

/// How long a filter may take for one item.
const FILTER_TIME: Duration = Duration::from_secs(2);

/// The most filters of a host.
const MOST_FILTERS: usize = 64;

/// What a client plugs in.
#[farcall::remote]
pub trait Filter {
    /// What becomes of an item; `None` takes it out.
    fn apply(&self, item: String) -> Option<String>;
}

/// A program that has its items filtered.
#[farcall::remote]
pub trait Host {
    /// Has each item from now on go through this filter, behind those that are there.
    async fn add_filter(&self, name: String, filter: FilterProxy) -> Result<(), String>;

    /// Takes a filter out, and gives it back once no item is on its way through it.
    async fn remove_filter(&self, name: String) -> Option<FilterProxy>;
}

/// A [`Host`].
#[derive(Debug, Default)]
pub struct Chain {
    plugins: Mutex<Vec<Plugin>>,
    /// Held while an item is on its way through the filters.
    passing: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Plugin {
    name: String,
    filter: FilterProxy,
}

impl Chain {
    fn plugins(&self) -> MutexGuard<'_, Vec<Plugin>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has an item go through all filters. One that fails is dropped, and the item goes past it.
    pub async fn pass(&self, mut item: String) -> Option<String> {
        let _passing = self.passing.lock().await;
        let plugins = self.plugins().clone();
        for Plugin { name, filter } in plugins {
            match filter.apply(item.clone()).await {
                Ok(passed) => item = passed?,
                Err(error) => {
                    self.plugins().retain(|plugin| plugin.filter != filter);
                    program::complain(&format!("dropped the filter '{name}': {error}"));
                }
            }
        }
        Some(item)
    }
}

impl Host for Chain {
    async fn add_filter(&self, name: String, filter: FilterProxy) -> Result<(), String> {
        let filter = filter.with_deadline(FILTER_TIME);
        let mut plugins = self.plugins();
        if plugins.iter().any(|plugin| plugin.name == name) {
            return Err(format!("there is a filter '{name}' already"));
        }
        if plugins.len() >= MOST_FILTERS {
            return Err(format!("there are {MOST_FILTERS} filters already"));
        }
        program::complain(&format!("added the filter {name:?}"));
        plugins.push(Plugin { name, filter });
        Ok(())
    }

    async fn remove_filter(&self, name: String) -> Option<FilterProxy> {
        let removed = {
            let mut plugins = self.plugins();
            let place = plugins.iter().position(|plugin| plugin.name == name)?;
            plugins.remove(place)
        };
        drop(self.passing.lock().await);
        program::complain(&format!("gave the filter {name:?} back"));
        Some(removed.filter)
    }
}
