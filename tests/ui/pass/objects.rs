//! Objects may be generic, boxed in an `Arc`, served twice, and their futures are `Send`.
#![deny(warnings)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Keeps things.
///
/// For a while.
#[farcall::remote]
pub trait Store {
    /// Puts one.
    #[idempotent]
    async fn put(&self, key: String, value: Vec<u8>) -> Option<Vec<u8>>;
    fn len(&self) -> u64;
    #[oneway]
    fn clear(&self);
}

trait Backend: Default + Send + Sync + 'static {
    fn note(&self) {}
}

#[derive(Default)]
struct Disk;
impl Backend for Disk {}

#[derive(Default)]
struct Memory<B> {
    backend: B,
    entries: Mutex<HashMap<String, Vec<u8>>>,
}

impl<B: Backend> Store for Memory<B> {
    async fn put(&self, key: String, value: Vec<u8>) -> Option<Vec<u8>> {
        self.backend.note();
        std::future::ready(()).await;
        self.entries.lock().unwrap().insert(key, value)
    }
    fn len(&self) -> u64 {
        self.entries.lock().unwrap().len() as u64
    }
    fn clear(&self) {
        self.entries.lock().unwrap().clear();
    }
}

fn send<T: Send>(value: T) -> T {
    value
}

fn host<S: Store>(store: S) {
    let store = Arc::new(store);
    let _ = send(Arc::clone(&store).serve());
    let _ = send(Arc::clone(&store).serve_tarpc().clone());
    drop(send(store.put(String::new(), Vec::new())));
}

#[allow(dead_code)]
async fn call(proxy: &StoreProxy) -> u64 {
    let proxy = proxy.with_deadline(Duration::from_secs(1));
    // The future borrows neither the proxy nor anything else.
    let put = send({
        let short_lived = proxy.clone();
        short_lived.put("key".into(), vec![1])
    });
    let _: Option<Vec<u8>> = put.await.unwrap();
    proxy.clear().await.unwrap();
    proxy.len().await.unwrap()
}

#[allow(dead_code)]
fn connect() {
    drop(send(StoreProxy::connect("far:store@localhost:1")));
}

#[allow(dead_code)]
fn wait(blocking: StoreBlocking) -> Result<u64, farcall::CallError> {
    fn shared<T: Clone + Send + Sync + std::fmt::Debug + 'static>(value: T) -> T {
        value
    }
    let blocking = shared(blocking).with_deadline(Duration::from_secs(1));
    let _: Option<Vec<u8>> = blocking.put("key".into(), vec![1])?;
    let () = blocking.clear()?;
    let proxy = StoreProxy::from(blocking);
    StoreBlocking::from(proxy).len()
}

fn main() {
    host(Memory::<Disk>::default());
    let descriptor = StoreProxy::descriptor();
    assert_eq!(descriptor.service, "Store");
    assert_eq!(descriptor.doc, "Keeps things.\n\nFor a while.");
    let [put, len, clear] = &descriptor.methods[..] else {
        unreachable!("three methods");
    };
    assert_eq!((put.name.as_str(), put.doc.as_str()), ("put", "Puts one."));
    assert!(put.idempotent && !put.oneway && put.arguments.len() == 2);
    assert!(!len.idempotent && !len.oneway && len.arguments.is_empty());
    assert!(clear.oneway && !clear.idempotent);
}
