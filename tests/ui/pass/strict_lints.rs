//! What `#[remote]` writes is quiet in a crate that denies what can be denied.
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused,
    unused_qualifications,
    unused_lifetimes,
    elided_lifetimes_in_paths,
    unnameable_types,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]

use serde::{Deserialize, Serialize};

/// A page.
#[derive(Serialize, Deserialize)]
#[expect(missing_debug_implementations, reason = "arguments and results need not be `Debug`")]
pub struct Page {
    /// Its text.
    pub text: String,
}

/// Why there is no page.
#[derive(Debug, Serialize, Deserialize)]
pub struct FetchError;

/// Docs of the trait,
/// in two lines.
#[farcall::remote]
pub trait Worker {
    /// Squares one number.
    #[idempotent]
    fn process(&self, data: i64) -> i64;
    /// Fetches a page.
    ///
    /// # Errors
    /// When there is none.
    async fn fetch(&self, path: String) -> Result<Page, FetchError>;
    /// Writes a line.
    #[oneway]
    fn log(&self, line: String);
}

/// Nobody but this file sees it, and nobody calls it.
#[farcall::remote]
trait Hidden {
    /// Sends, waiting for room.
    #[oneway]
    async fn put(&self, item: Vec<u8>) -> ();
    /// Is not to be called any more.
    #[must_use]
    #[deprecated]
    fn take(&self) -> Option<(u8, String)>;
}

/// What is allowed on the trait is not reported again elsewhere; nor is a method that this program never calls.
mod within {
    /// Keeps old names.
    #[farcall::remote]
    #[expect(non_snake_case, non_camel_case_types, clippy::too_many_arguments, reason = "the point of this case")]
    pub(super) trait Legacy_Names {
        /// Is called.
        fn getName(&self) -> String;
        /// Is not called.
        fn setName(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, H: bool);
    }
}

/// Calls one method of two.
async fn name(uri: &str) -> Result<String, Box<dyn std::error::Error>> {
    let proxy = within::Legacy_NamesProxy::connect(uri).await?;
    Ok(proxy.getName().await?)
}

/// Waits for one method of three.
fn process(uri: &str) -> Result<i64, Box<dyn std::error::Error>> {
    Ok(WorkerBlocking::connect(uri)?.process(2)?)
}

fn main() {
    let _ = process("malformed");
    drop(name("far:names@localhost:1"));
}
