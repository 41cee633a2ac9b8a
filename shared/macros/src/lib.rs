//! `#[remote]`: makes a trait the contract of a remote object.

use proc_macro::TokenStream;

mod emit;
mod model;
mod parse;

/// Makes a trait callable from other programs.
///
/// ```text
/// /// Does sums.
/// #[farcall::remote]
/// pub trait Worker {
///     /// Squares one number.
///     #[idempotent]
///     fn process(&self, data: i64) -> i64;
///     async fn fetch(&self, path: String) -> Result<Page, FetchError>;
///     #[oneway]
///     fn log(&self, line: String);
/// }
/// ```
///
/// A plain `fn` computes and runs on the compute pool; an `async fn` waits and runs on the I/O runtime. Whoever
/// implements the trait writes the methods as they stand here, `async fn` included; their futures must be `Send`.
///
/// Beside the trait this writes, with the trait's visibility:
///
/// | item | what it is |
/// |---|---|
/// | `Worker::serve` | the object for a daemon to publish |
/// | `WorkerProxy` | the typed proxy: one method for each of the trait's, `connect`, `with_deadline` |
/// | `WorkerBlocking` | the same proxy for code that is not async: its methods wait |
/// | `Worker::serve_tarpc`, `ServeWorker`, `WorkerClient`, `WorkerRequest`, `WorkerResponse` | the same contract as a plain tarpc service |
///
/// None of these names may be taken where the trait stands.
///
/// `Arc<T>` implements the trait wherever `T` does, so that one object can be served several times.
///
/// # Marks
///
/// * `#[idempotent]`: running the method twice is as good as once, so a call whose end is not known may be repeated.
/// * `#[oneway]`: no reply is sent; the call ends when it is on its way.
///
/// # Options
///
/// * `crate = some::path`: where farcall is, for crates that farcall itself is made of. The proxy then has no default
///   carrier and no `connect`, and there is no `WorkerBlocking`.
#[proc_macro_attribute]
pub fn remote(options: TokenStream, item: TokenStream) -> TokenStream {
    parse::contract(options.into(), item.into())
        .map_or_else(
            |error| error.into_compile_error(),
            |contract| emit::contract(&contract),
        )
        .into()
}
