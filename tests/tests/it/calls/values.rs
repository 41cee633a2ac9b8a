//! Arguments and results that do not go as they should: refused, not writable, nested too deep, too large.

use bytes::Bytes;
use farcall::{CallError, Daemon, Limits};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::task::JoinSet;

use crate::harness::{House, assert_ends, assert_words, begun, ending, soon};

/// Every number is written, only even ones are read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub(crate) struct Even(u32);

impl TryFrom<u32> for Even {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        if number.is_multiple_of(2) {
            Ok(Self(number))
        } else {
            Err(format!("{number} is odd"))
        }
    }
}

/// What writing it comes to.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum Ink {
    Flows,
    Dries,
    Spills,
}

impl Serialize for Ink {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flows => serializer.serialize_unit_variant("Ink", 0, "Flows"),
            Self::Dries => Err(serde::ser::Error::custom("the ink dried")),
            Self::Spills => panic!("the ink spilled"),
        }
    }
}

/// A list of lists, never dropped, so that only farcall can overflow the stack over it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Nest {
    Egg,
    Twigs(#[serde(deserialize_with = "leaked")] &'static Nest),
}

fn leaked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static Nest, D::Error> {
    Ok(Box::leak(Box::new(Nest::deserialize(deserializer)?)))
}

impl Nest {
    fn of(levels: usize) -> Self {
        (0..levels).fold(Self::Egg, |inner, _| {
            Self::Twigs(Box::leak(Box::new(inner)))
        })
    }

    fn levels(&self) -> usize {
        let (mut nest, mut levels) = (self, 0);
        while let Self::Twigs(inner) = nest {
            (nest, levels) = (inner, levels + 1);
        }
        levels
    }
}

/// Arguments and results that do not go as they should.
#[farcall::remote]
pub(crate) trait Awkward {
    async fn halve(&self, number: Even) -> u32;
    fn halve_computing(&self, number: Even) -> u32;
    async fn ink(&self, ink: Ink);
    #[oneway]
    async fn ink_unheard(&self, ink: Ink);
    /// By number, since not every ink can be sent.
    async fn pour(&self, ink: u8) -> Ink;
    async fn pour_later(&self, ink: u8) -> Ink;
    fn pour_computing(&self, ink: u8) -> Ink;
    async fn nest(&self, nest: Nest) -> usize;
    async fn build(&self, levels: usize) -> Nest;
    fn build_computing(&self, levels: usize) -> Nest;
    async fn fill(&self, bytes: usize) -> Vec<u8>;
    fn fill_computing(&self, bytes: usize) -> Vec<u8>;
    async fn weigh(&self, bytes: Vec<u8>) -> usize;
}

struct Scribe;

fn ink(number: u8) -> Ink {
    [Ink::Flows, Ink::Dries, Ink::Spills][usize::from(number)]
}

impl Awkward for Scribe {
    async fn halve(&self, number: Even) -> u32 {
        number.0 / 2
    }
    fn halve_computing(&self, number: Even) -> u32 {
        number.0 / 2
    }
    async fn ink(&self, _: Ink) {}
    async fn ink_unheard(&self, _: Ink) {}
    async fn pour(&self, number: u8) -> Ink {
        ink(number)
    }
    async fn pour_later(&self, number: u8) -> Ink {
        tokio::task::yield_now().await;
        ink(number)
    }
    fn pour_computing(&self, number: u8) -> Ink {
        ink(number)
    }
    async fn nest(&self, nest: Nest) -> usize {
        nest.levels()
    }
    async fn build(&self, levels: usize) -> Nest {
        Nest::of(levels)
    }
    fn build_computing(&self, levels: usize) -> Nest {
        Nest::of(levels)
    }
    async fn fill(&self, bytes: usize) -> Vec<u8> {
        vec![7; bytes]
    }
    fn fill_computing(&self, bytes: usize) -> Vec<u8> {
        vec![7; bytes]
    }
    async fn weigh(&self, bytes: Vec<u8>) -> usize {
        bytes.len()
    }
}

async fn scribe(house: &House) -> AwkwardProxy {
    soon(AwkwardProxy::connect(&house.host("scribe", Scribe.serve())))
        .await
        .unwrap()
}

#[tokio::test]
async fn an_argument_that_its_type_refuses_is_rejected() {
    let house = House::new().await;
    let scribe = scribe(&house).await;
    assert_eq!(soon(scribe.halve(Even(8))).await, Ok(4));
    let odd = soon(scribe.halve(Even(7))).await;
    assert_ends(
        odd,
        "Rejected(BadArguments)",
        &["halve(number: u32)", "refused by its type"],
    );
    let odd = soon(scribe.halve_computing(Even(9))).await;
    assert_ends(
        odd,
        "Rejected(BadArguments)",
        &["halve_computing(number: u32)", "refused by its type"],
    );
    house.works().await;
}

#[tokio::test]
async fn an_argument_that_cannot_be_written_is_not_sent() {
    let house = House::new().await;
    let scribe = scribe(&house).await;
    let bystander = begun(house.desk.wait(1)).await;
    house.gate().arrived(1).await;
    assert_ends(
        soon(scribe.ink(Ink::Dries)).await,
        "NotSent(Unencodable)",
        &["ink of far:scribe@", "refused to be written"],
    );
    let unheard = soon(scribe.ink_unheard(Ink::Dries)).await;
    assert_ends(unheard, "NotSent(Unencodable)", &["refused to be written"]);
    house.gate().open(1);
    assert_eq!(soon(bystander).await, Ok(1));
    assert_eq!(soon(scribe.ink(Ink::Flows)).await, Ok(()));
}

#[tokio::test]
async fn an_argument_that_panics_while_it_is_written_panics_its_caller_and_leaves_the_connection_whole()
 {
    let house = House::new().await;
    let scribe = scribe(&house).await;
    let bystander = begun(house.desk.wait(1)).await;
    house.gate().arrived(1).await;
    let mut caller = JoinSet::new();
    caller.spawn(scribe.ink(Ink::Spills));
    let panic = caller.join_next().await.unwrap().unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the ink spilled"));
    house.gate().open(1);
    assert_eq!(soon(bystander).await, Ok(1));
    assert_eq!(soon(scribe.ink(Ink::Flows)).await, Ok(()));
}

#[tokio::test]
async fn a_result_that_cannot_be_written_is_a_failure_and_the_connection_lives_on() {
    let house = House::new().await;
    let scribe = scribe(&house).await;
    for (number, why) in [(1, "refused to be written"), (2, "the ink spilled")] {
        for result in [
            soon(scribe.pour(number)).await,
            soon(scribe.pour_later(number)).await,
            soon(scribe.pour_computing(number)).await,
        ] {
            assert_ends(
                result,
                "Failed(Result)",
                &["the result cannot be sent", why],
            );
        }
    }
    assert!(matches!(soon(scribe.pour(0)).await, Ok(Ink::Flows)));
    house.works().await;
}

#[tokio::test]
async fn a_million_levels_of_nesting_are_an_error_and_no_stack_overflow() {
    let house = House::new().await;
    let scribe = scribe(&house).await;
    assert_eq!(soon(scribe.nest(Nest::of(20))).await, Ok(20));
    let deep = soon(scribe.nest(Nest::of(1_000_000))).await;
    assert_ends(deep, "NotSent(Unencodable)", &["nested too deep"]);
    assert_ends(
        soon(scribe.build(1_000_000)).await,
        "Failed(Result)",
        &["nested too deep"],
    );
    assert_ends(
        soon(scribe.build_computing(1_000_000)).await,
        "Failed(Result)",
        &["nested too deep"],
    );
    assert_eq!(soon(scribe.build(20)).await.unwrap().levels(), 20);
    house.works().await;
}

fn narrow() -> farcall::Builder {
    Daemon::builder().limits(Limits {
        max_message_bytes: 1 << 16,
        ..Limits::default()
    })
}

/// The bound that a text names: less than the message limit of 64 KiB by at most a header.
fn named_limit(text: &str) -> usize {
    let words = text.split(|c: char| !c.is_ascii_digit());
    let limit = words
        .filter_map(|word| word.parse().ok())
        .find(|number| (65_000..=65_536).contains(number));
    limit.unwrap_or_else(|| panic!("no limit of about 65,536 bytes in: {text}"))
}

#[tokio::test]
async fn an_argument_over_the_limit_is_not_sent_and_the_error_names_the_limit() {
    let house = House::with(narrow()).await;
    let scribe = scribe(&house).await;
    let (outcome, text) = ending(soon(scribe.weigh(vec![0; 1 << 20])).await);
    assert_eq!(outcome, "NotSent(TooLarge)");
    assert_words(&text, &["weigh of far:scribe@", "the arguments"]);
    // What is within the bound that it names, passes: 3 bytes tell the length.
    let most = named_limit(&text) - 3;
    assert_eq!(soon(scribe.weigh(vec![0; most])).await, Ok(most));
    assert_ends(
        soon(scribe.weigh(vec![0; most + 1])).await,
        "NotSent(TooLarge)",
        &[],
    );
    house.works().await;
}

#[tokio::test]
async fn a_result_over_the_limit_is_a_failure_and_the_error_names_the_limit() {
    let house = House::with(narrow()).await;
    let scribe = scribe(&house).await;
    for result in [
        soon(scribe.fill(1 << 20)).await,
        soon(scribe.fill_computing(1 << 20)).await,
    ] {
        let (outcome, text) = ending(result);
        assert_eq!(outcome, "Failed(Result)");
        let most = named_limit(&text) - 3;
        assert_eq!(soon(scribe.fill(most)).await.unwrap().len(), most);
        assert_ends(soon(scribe.fill(most + 1)).await, "Failed(Result)", &[]);
    }
    house.works().await;
}

#[tokio::test]
async fn ten_megabytes_arrive_as_they_were_sent() {
    let house = House::new().await;
    let scribe = scribe(&house).await;
    let sent: Bytes = (0..10_000_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    assert!(soon(house.desk.blob(sent.clone())).await.unwrap() == sent);
    assert_eq!(soon(scribe.weigh(sent.to_vec())).await, Ok(10_000_000));
    assert_eq!(
        soon(scribe.fill(10_000_000)).await.unwrap(),
        vec![7; 10_000_000]
    );
}

#[tokio::test]
async fn blobs_of_all_sizes_and_small_calls_side_by_side_arrive_as_they_were_sent() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let house = House::new().await;
    let mut blobs = JoinSet::new();
    for number in 0..300 {
        // Around the size from which blobs are lent, around that of a read, and beyond.
        let bytes = match number % 4 {
            0 => random.usize(..100),
            1 => random.usize(16_000..17_000),
            2 => random.usize(60_000..70_000),
            _ => random.usize(..400_000),
        };
        let first = random.u8(..);
        let sent: Bytes = (0..bytes).map(|i| (i / 7) as u8 ^ first).collect();
        let call = house.desk.blob(sent.clone());
        blobs.spawn(async move { call.await.map(|back| back == sent) });
        let desk = house.desk.clone();
        blobs.spawn(async move { Ok(desk.square(number).await? == number * number) });
    }
    for same in soon(blobs.join_all()).await {
        assert_eq!(same, Ok(true));
    }
}

#[tokio::test]
async fn large_blobs_of_a_few_callers_arrive_as_they_were_sent() {
    let house = House::new().await;
    let mut callers = JoinSet::new();
    for caller in 0..4 {
        let desk = house.desk.clone();
        callers.spawn(async move {
            for round in 0..50_u8 {
                let sent = Bytes::from(vec![4 * round + caller; 1 << 20]);
                if desk.blob(sent.clone()).await? != sent {
                    return Ok(false);
                }
            }
            Ok::<_, CallError>(true)
        });
    }
    for same in soon(callers.join_all()).await {
        assert_eq!(same, Ok(true));
    }
}
