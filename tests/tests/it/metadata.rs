//! Metadata, correlation ids and traces: what travels beside arguments and results.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use farcall::context::{ENTRY_BYTES, MAX_METADATA_BYTES, Trace};
use farcall::{
    Arguments, CallError, CallInfo, Context, DynamicProxy, Fleet, Hook, Proxy, Value, metadata_of,
};
use serde::{Deserialize, Serialize};

use crate::harness::{Gate, House, Wire, assert_ends, begun, soon};

/// What a call belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    id: u128,
    trace: Option<(Vec<u8>, u64, u8)>,
}

impl Origin {
    fn here() -> Self {
        let call = Context::current().unwrap();
        Self {
            id: call.correlation_id(),
            trace: call
                .trace()
                .map(|it| (it.trace_id.to_vec(), it.span_id, it.flags)),
        }
    }
}

/// Reads what comes beside the arguments, and puts stamps beside the results.
#[farcall::remote]
pub(crate) trait Post {
    #[idempotent]
    async fn read(&self, key: String) -> Option<String>;
    async fn read_later(&self, key: String) -> Option<String>;
    #[idempotent]
    fn read_computing(&self, key: String) -> Option<String>;
    #[oneway]
    async fn read_unheard(&self, key: String);
    /// Waits at the gate in between.
    #[idempotent]
    async fn wait(&self, key: String) -> Option<String>;
    async fn stamp(&self, text: String) -> u8;
    async fn stamp_later(&self, text: String) -> u8;
    fn stamp_computing(&self, text: String) -> u8;
    async fn stamp_and_fail(&self);
    /// Stamps as much as may be, and tries a byte more.
    async fn stamp_too_much(&self) -> String;
    async fn blob(&self, bytes: Bytes) -> Bytes;
    /// Asks twice.
    async fn origin(&self) -> (Origin, Origin);
    #[idempotent]
    fn origin_computing(&self) -> Origin;
    /// That of this call, and of one made inside of it, first or afterwards.
    async fn origins(&self, first: bool) -> (Origin, Origin);
    /// That of this call, and of those of a fleet's items that are made inside of it.
    async fn origins_of_items(&self, uri: String) -> (Origin, Vec<Origin>);
}

#[derive(Clone, Debug)]
struct Office {
    gate: Gate,
    unheard: Arc<Mutex<Vec<Option<String>>>>,
    /// Itself.
    next: Arc<Mutex<Option<PostProxy>>>,
}

fn read(key: &str) -> Option<String> {
    let call = Context::current().unwrap();
    let value = call.metadata(key)?;
    Some(String::from_utf8(value.to_vec()).unwrap())
}

fn stamp(text: &str) -> u8 {
    let call = Context::current().unwrap();
    call.set_reply_metadata("stamp", b"an older one").unwrap();
    call.set_reply_metadata("stamp", text.as_bytes()).unwrap();
    7
}

impl Post for Office {
    async fn read(&self, key: String) -> Option<String> {
        read(&key)
    }
    async fn read_later(&self, key: String) -> Option<String> {
        tokio::task::yield_now().await;
        read(&key)
    }
    fn read_computing(&self, key: String) -> Option<String> {
        read(&key)
    }
    async fn read_unheard(&self, key: String) {
        self.unheard.lock().unwrap().push(read(&key));
    }
    async fn wait(&self, key: String) -> Option<String> {
        self.gate.pass().await;
        read(&key)
    }
    async fn stamp(&self, text: String) -> u8 {
        stamp(&text)
    }
    async fn stamp_later(&self, text: String) -> u8 {
        tokio::task::yield_now().await;
        stamp(&text)
    }
    fn stamp_computing(&self, text: String) -> u8 {
        stamp(&text)
    }
    async fn stamp_and_fail(&self) {
        stamp("in vain");
        panic!("on purpose");
    }
    async fn stamp_too_much(&self) -> String {
        let call = Context::current().unwrap();
        let most = vec![1; MAX_METADATA_BYTES - ENTRY_BYTES - 1];
        call.set_reply_metadata("k", &most).unwrap();
        let more = call.set_reply_metadata("l", b"");
        more.unwrap_err().to_string()
    }
    async fn blob(&self, bytes: Bytes) -> Bytes {
        stamp(&bytes.len().to_string());
        bytes
    }
    async fn origin(&self) -> (Origin, Origin) {
        (Origin::here(), Origin::here())
    }
    fn origin_computing(&self) -> Origin {
        Origin::here()
    }
    async fn origins(&self, first: bool) -> (Origin, Origin) {
        let next = self.next.lock().unwrap().clone().unwrap();
        if first {
            let here = Origin::here();
            return (here, next.origin().await.unwrap().0);
        }
        let (there, _) = next.origin().await.unwrap();
        (Origin::here(), there)
    }
    async fn origins_of_items(&self, uri: String) -> (Origin, Vec<Origin>) {
        let here = Origin::here();
        let fleet = Fleet::<PostProxy>::of([uri]).unwrap();
        let items = fleet.map(0..100, |post, _| post.origin_computing()).await;
        (here, items.unwrap())
    }
}

struct Town {
    house: House,
    office: Office,
    uri: String,
    post: PostProxy,
}

async fn town() -> Town {
    let house = House::new().await;
    let office = Office {
        gate: Gate::new(),
        unheard: Arc::default(),
        next: Arc::default(),
    };
    let uri = house.host("post", office.clone().serve());
    let post = soon(PostProxy::connect(&uri)).await.unwrap();
    *office.next.lock().unwrap() = Some(post.clone());
    Town {
        house,
        office,
        uri,
        post,
    }
}

fn key() -> String {
    "who".into()
}

#[tokio::test]
async fn metadata_reaches_the_method_wherever_it_runs() {
    let it = town().await;
    let post = it.post.with_metadata("why", "").with_metadata("who", "me");
    let me = Ok(Some("me".to_owned()));
    for _ in 0..20 {
        assert_eq!(soon(post.read(key())).await, me);
        assert_eq!(soon(post.read_later(key())).await, me);
        assert_eq!(soon(post.read_computing(key())).await, me);
    }
    assert_eq!(soon(post.read("why".into())).await, Ok(Some(String::new())));
    assert_eq!(soon(post.read("what".into())).await, Ok(None));
    // It is that of one proxy, and the last value of a key counts.
    assert_eq!(soon(it.post.read(key())).await, Ok(None));
    let other = post.with_metadata("who", "you");
    assert_eq!(soon(other.read(key())).await, Ok(Some("you".into())));
    assert_eq!(soon(post.read(key())).await, me);

    soon(post.read_unheard(key())).await.unwrap();
    soon(it.post.read(key())).await.unwrap();
    assert_eq!(*it.office.unheard.lock().unwrap(), [Some("me".to_owned())]);
    let dynamic = soon(DynamicProxy::connect(&it.uri)).await.unwrap();
    let dynamic = dynamic.with_metadata("who", "me");
    let said = dynamic.call("read", Arguments::positional([Value::from("who")]));
    assert_eq!(soon(said).await.unwrap().as_str(), Some("me"));
}

#[tokio::test]
async fn a_reply_brings_metadata_whatever_made_it() {
    let it = town().await;
    for round in 0..20 {
        let text = round.to_string();
        let stamps = [
            soon(metadata_of(&it.post, |post| post.stamp(text.clone()))).await,
            soon(metadata_of(&it.post, |post| post.stamp_later(text.clone()))).await,
            soon(metadata_of(&it.post, |post| {
                post.stamp_computing(text.clone())
            }))
            .await,
        ];
        for (value, metadata) in stamps {
            assert_eq!(value, Ok(7));
            assert_eq!(metadata.get("stamp"), Some(text.as_bytes()));
            assert_eq!(metadata.iter().count(), 1);
        }
        let (_, none) = soon(metadata_of(&it.post, |post| post.read(key()))).await;
        assert!(none.is_empty());
    }
    let (failed, none) = soon(metadata_of(&it.post, |post| post.stamp_and_fail())).await;
    assert_ends(failed, "Failed(Panic)", &[]);
    assert!(none.is_empty());
    // Who does not look gets the value.
    assert_eq!(soon(it.post.stamp("x".into())).await, Ok(7));
    it.house.works().await;
}

#[tokio::test]
async fn metadata_and_large_blobs_travel_together() {
    let it = town().await;
    let post = it.post.with_metadata("who", "me");
    for bytes in [0, 1, 100, 20_000, 300_000, 3_000_000] {
        let blob: Bytes = (0..bytes).map(|byte| byte as u8).collect();
        let (echo, metadata) = soon(metadata_of(&post, |post| post.blob(blob.clone()))).await;
        assert!(echo.unwrap() == blob);
        assert_eq!(metadata.get("stamp"), Some(bytes.to_string().as_bytes()));
    }
}

#[tokio::test]
async fn too_much_metadata_is_refused_where_it_is_said() {
    let it = town().await;
    let most = vec![7; MAX_METADATA_BYTES - ENTRY_BYTES - 3];
    let much = it.post.with_metadata("key", &most);
    assert_eq!(soon(much.read(key())).await, Ok(None));
    let too_much = much.with_metadata("k", "");
    for _ in 0..2 {
        assert_ends(
            soon(too_much.read(key())).await,
            "NotSent(TooLarge)",
            &["read of far:post@", "16384 bytes"],
        );
        let sent = soon(too_much.read_unheard(key())).await;
        assert_ends(sent, "NotSent(TooLarge)", &[]);
    }
    let (refused, metadata) = soon(metadata_of(&it.post, |post| post.stamp_too_much())).await;
    assert!(refused.unwrap().contains("16384 bytes"));
    assert_eq!(metadata.iter().count(), 1);
    it.house.works().await;
}

#[tokio::test]
async fn metadata_is_sent_again_with_a_call_that_is_made_again() {
    let it = town().await;
    let wire = Wire::to(it.house.daemon.address()).await;
    let post = soon(PostProxy::connect(&wire.uri("post"))).await.unwrap();
    let waits = begun(post.with_metadata("who", "me").wait(key())).await;
    it.office.gate.arrived(1).await;
    wire.cut().await;
    let lets_it_in = async {
        it.office.gate.abandoned(1).await;
        it.office.gate.arrived(1).await;
        it.office.gate.open(1);
    };
    let (said, ()) = tokio::join!(soon(waits), lets_it_in);
    assert_eq!(said, Ok(Some("me".into())));
}

/// Keeps the stamps that it sees.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Option<Vec<u8>>>>>);

impl Hook for Collector {
    fn after(&self, call: &CallInfo, _: Result<(), &CallError>, _: Duration) {
        let stamp = call.reply_metadata().get("stamp").map(<[u8]>::to_vec);
        self.0.lock().unwrap().push(stamp);
    }
}

#[tokio::test]
async fn a_proxys_hook_sees_the_metadata_of_replies() {
    let it = town().await;
    let stamps = Collector::default();
    let post = it.post.with_hook(stamps.clone());
    soon(post.stamp("one".into())).await.unwrap();
    soon(post.read(key())).await.unwrap();
    let (_, metadata) = soon(metadata_of(&post, |post| post.stamp_later("two".into()))).await;
    assert_eq!(metadata.get("stamp"), Some(&b"two"[..]));
    let seen = stamps.0.lock().unwrap().clone();
    assert_eq!(seen, [Some(b"one".to_vec()), None, Some(b"two".to_vec())]);
}

#[tokio::test]
async fn items_of_a_fleet_have_their_own_metadata() {
    let it = town().await;
    let fleet = Fleet::<PostProxy>::of([it.uri.clone()]).unwrap();
    let said = fleet.map(0..300, |post, item: u32| {
        post.with_metadata("who", item.to_string())
            .read_computing(key())
    });
    let said = soon(said).await.unwrap();
    assert!(
        said.into_iter()
            .eq((0..300).map(|item: u32| Some(item.to_string())))
    );
}

#[tokio::test]
async fn a_call_has_its_callers_correlation_id_or_one_of_its_own() {
    let it = town().await;
    let (one, same) = soon(it.post.origin()).await.unwrap();
    let (other, _) = soon(it.post.origin()).await.unwrap();
    assert_eq!(one, same);
    assert_ne!(one, other);
    assert_ne!(one.id, 0);
    let post = it.post.with_correlation(u128::MAX - 5);
    for _ in 0..20 {
        let (said, same) = soon(post.origin()).await.unwrap();
        assert_eq!((said.id, same.id), (u128::MAX - 5, u128::MAX - 5));
        let computed = soon(post.origin_computing()).await.unwrap();
        assert_eq!(computed.id, u128::MAX - 5);
    }
}

#[tokio::test]
async fn calls_made_inside_a_call_share_its_correlation_id_and_its_trace() {
    let it = town().await;
    let trace = Trace {
        trace_id: *b"sixteen letters.",
        span_id: 9,
        flags: 1,
    };
    let post = it.post.with_correlation(3).with_trace(trace);
    let expected = Origin {
        id: 3,
        trace: Some((b"sixteen letters.".to_vec(), 9, 1)),
    };
    for first in [true, false] {
        let both = soon(post.origins(first)).await.unwrap();
        assert_eq!(both, (expected.clone(), expected.clone()));
    }
    // One that was made up is shared from then on.
    let (here, there) = soon(it.post.origins(true)).await.unwrap();
    assert_eq!(here, there);
    assert_eq!(here.trace, None);
    let (here, there) = soon(it.post.origins(false)).await.unwrap();
    assert_ne!(here, there);
    // And by no call outside of it.
    let (outside, _) = soon(it.post.origin()).await.unwrap();
    assert_ne!(outside.id, here.id);

    let (here, items) = soon(post.origins_of_items(it.uri.clone())).await.unwrap();
    assert_eq!(here, expected);
    assert_eq!(items, vec![expected; 100]);
}

/// Gives the connection of the call, from inside of a stream.
#[farcall::remote]
pub(crate) trait Tap {
    fn drops(&self, count: u64) -> impl Iterator<Item = (u64, u128)> + Send;
}

struct Water;

impl Tap for Water {
    fn drops(&self, count: u64) -> impl Iterator<Item = (u64, u128)> + Send {
        (0..count).map(|_| {
            let call = Context::current().unwrap();
            (call.connection(), call.correlation_id())
        })
    }
}

#[tokio::test]
async fn what_gives_a_stream_its_items_is_a_part_of_the_call() {
    use futures_util::StreamExt as _;

    let house = House::new().await;
    let tap = soon(TapProxy::connect(&house.host("tap", Water.serve())))
        .await
        .unwrap();
    let drops = soon(tap.with_correlation(5).drops(3)).await.unwrap();
    let drops: Vec<_> = soon(drops.collect()).await;
    let (connection, _) = *drops[0].as_ref().unwrap();
    assert_eq!(drops, vec![Ok((connection, 5)); 3]);
    assert!(Context::current().is_none());
}

#[tokio::test]
async fn metadata_goes_with_batches_and_one_way_calls_and_comes_with_their_replies() {
    let it = town().await;
    let post = it.post.with_metadata("who", "me");
    let (me, nobody) = (Ok(Some("me".to_owned())), Ok(None));
    let mut batch = post.batch();
    let at_once = batch.add(|post| post.read(key()));
    let later = batch.add(|post| post.read_later(key()));
    let computed = batch.add(|post| post.read_computing(key()));
    let yours = batch.add(|post| async move {
        let post = post.with_metadata("who", "you");
        post.read_later(key()).await
    });
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(at_once).await, me);
    assert_eq!(soon(later).await, me);
    assert_eq!(soon(computed).await, me);
    assert_eq!(soon(yours).await, Ok(Some("you".into())));
    assert_eq!(soon(it.post.read(key())).await, nobody);

    soon(post.oneway(|post| post.read_unheard(key())))
        .await
        .unwrap();
    soon(post.read(key())).await.unwrap();
    assert_eq!(*it.office.unheard.lock().unwrap(), [Some("me".to_owned())]);

    for _ in 0..20 {
        let (stamps, metadata) = soon(metadata_of(&it.post, |post| async move {
            let mut batch = post.batch();
            let at_once = batch.add(|post| post.stamp("first".into()));
            let later = batch.add(|post| post.stamp_later("second".into()));
            let computed = batch.add(|post| post.stamp_computing("third".into()));
            batch.send().await.unwrap();
            (at_once.await, later.await, computed.await)
        }))
        .await;
        assert_eq!(stamps, (Ok(7), Ok(7), Ok(7)));
        assert_eq!(metadata.get("stamp"), Some(&b"third"[..]));
    }
}
