//! Calls, whatever happens to them: each ends with its outcome and costs nobody else anything.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use farcall::Proxy as _;
use farcall::{Arguments, Daemon, DynamicProxy, Limits, Retries, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::task::JoinSet;

use crate::harness::{
    Desk as _, DeskProxy, Gate, House, assert_ends, assert_unconnected, assert_words, ending, soon,
};

#[tokio::test]
async fn a_call_brings_its_value() {
    let house = House::new().await;
    assert_eq!(soon(house.desk.square(-12)).await, Ok(144));
    assert_eq!(
        soon(house.desk.echo("zwölf".into())).await,
        Ok("zwölf".into())
    );
    assert_eq!(
        soon(house.desk.fail("no".into())).await,
        Ok(Err("no".into()))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_share_one_proxy_and_each_gets_its_own_answers() {
    let house = House::new().await;
    let mut tasks = JoinSet::new();
    for task in 0..64_i64 {
        let desk = house.desk.clone();
        tasks.spawn(async move {
            for call in 0..50 {
                let number = task * 1000 + call;
                assert_eq!(desk.square(number).await, Ok(number * number));
                assert_eq!(desk.echo(number.to_string()).await, Ok(number.to_string()));
            }
        });
    }
    soon(async {
        while let Some(end) = tasks.join_next().await {
            end.unwrap();
        }
    })
    .await;
}

#[farcall::remote]
pub(crate) trait Turns {
    async fn take(&self, gate: usize) -> usize;
}

impl Turns for Vec<Gate> {
    async fn take(&self, gate: usize) -> usize {
        self[gate].pass().await;
        gate
    }
}

#[tokio::test]
async fn replies_come_in_any_order() {
    let house = House::new().await;
    let gates: Vec<Gate> = (0..3).map(|_| Gate::new()).collect();
    let turns = TurnsProxy::connect(&house.host("turns", gates.clone().serve()))
        .await
        .unwrap();
    let mut calls: Vec<_> = (0..3).map(|gate| Some(turns.take(gate))).collect();
    for gate in [1, 2, 0] {
        gates[gate].open(1);
        assert_eq!(soon(calls[gate].take().unwrap()).await, Ok(gate));
    }
}

#[tokio::test]
async fn a_panic_is_its_callers_failure_and_nobody_elses() {
    let house = House::new().await;
    let bystander = house.desk.wait(5);
    house.gate().arrived(1).await;

    assert_ends(
        soon(house.desk.panic("out of ink".into())).await,
        "Failed(Panic)",
        &["panic of far:desk@", "out of ink"],
    );
    let computing = soon(house.desk.panic_computing("out of paper".into())).await;
    assert_ends(computing, "Failed(Panic)", &["out of paper"]);
    let later = house.desk.panic_later("out of time".into());
    house.gate().arrived(1).await;
    house.gate().open(2);
    assert_ends(soon(later).await, "Failed(Panic)", &["out of time"]);

    assert_eq!(soon(bystander).await, Ok(5));
    house.works().await;
}

#[tokio::test]
async fn an_unknown_object_is_refused_with_the_names_that_look_like_it() {
    let house = House::new().await;
    let wrong = house.uri.replace("desk", "dsek");
    assert_unconnected(
        soon(DeskProxy::connect(&wrong)).await,
        &["'dsek'", "did you mean desk?"],
    );
    house.works().await;
}

#[tokio::test]
async fn an_unknown_method_is_refused_with_the_names_that_look_like_it() {
    let house = House::new().await;
    let dynamic = soon(DynamicProxy::connect(&house.uri)).await.unwrap();
    let result = soon(dynamic.call("sqare", Arguments::positional([Value::Int(1)]))).await;
    assert_ends(
        result,
        "Rejected(UnknownMethod)",
        &["'sqare'", "did you mean square"],
    );
    house.works().await;
}

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
    let bystander = house.desk.wait(1);
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
    let bystander = house.desk.wait(1);
    house.gate().arrived(1).await;
    let panic = std::panic::catch_unwind(AssertUnwindSafe(|| drop(scribe.ink(Ink::Spills))));
    assert_eq!(
        panic.unwrap_err().downcast_ref::<&str>(),
        Some(&"the ink spilled")
    );
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
async fn a_full_compute_queue_rejects_and_answers_those_that_wait() {
    let house = House::with(Daemon::builder().compute_threads(1).max_compute_queue(1)).await;
    let runs = house.desk.grind(1);
    house.gate().arrived(1).await;
    let waits = house.desk.grind(2);
    let over = soon(house.desk.grind(3)).await;
    assert_ends(
        over,
        "Rejected(Overloaded)",
        &["grind of far:desk@", "1 compute calls are waiting"],
    );
    house.gate().open(2);
    assert_eq!(soon(runs).await, Ok(1));
    assert_eq!(soon(waits).await, Ok(2));
    assert_eq!(house.clerk.runs(), 2);
    house.works().await;
}

#[tokio::test]
async fn an_overloaded_daemon_is_tried_again_when_the_call_is_idempotent() {
    let house = House::with(Daemon::builder().compute_threads(1).max_compute_queue(1)).await;
    let runs = house.desk.grind(1);
    house.gate().arrived(1).await;
    let waits = house.desk.grind(2);
    let never = house.desk.with_retries(Retries::Never);
    assert_ends(soon(never.square(3)).await, "Rejected(Overloaded)", &[]);
    let again = house.desk.square(3);
    house.gate().open(2);
    assert_eq!(soon(again).await, Ok(9));
    assert_eq!((soon(runs).await, soon(waits).await), (Ok(1), Ok(2)));
}

#[tokio::test]
async fn computing_holds_up_neither_io_nor_methods_that_wait() {
    let house = House::new().await;
    let cores = std::thread::available_parallelism().unwrap().get();
    let busy: Vec<_> = (0..2 * cores as u64)
        .map(|number| house.desk.grind(number))
        .collect();
    house.gate().arrived(cores as u32).await;
    assert_eq!(
        soon(house.desk.echo("hello".into())).await,
        Ok("hello".into())
    );
    assert_eq!(
        house.gate().uncounted(),
        0,
        "more methods compute than there are cores"
    );
    house.gate().open(2 * cores);
    for (number, call) in busy.into_iter().enumerate() {
        assert_eq!(soon(call).await, Ok(number as u64));
    }
}

#[tokio::test]
async fn a_one_way_call_runs_and_brings_nothing() {
    let house = House::new().await;
    for line in ["one", "two"] {
        assert_eq!(soon(house.desk.note(line.into())).await, Ok(()));
    }
    assert_eq!(house.clerk.noted(2).await, ["one", "two"]);
    house.works().await;
}

/// One-way methods that never come to an end, or to a bad one.
#[farcall::remote]
pub(crate) trait Unheard {
    #[oneway]
    async fn never_end(&self);
    #[oneway]
    async fn panic(&self);
    #[oneway]
    fn panic_computing(&self);
}

impl Unheard for Gate {
    async fn never_end(&self) {
        self.pass().await;
    }
    async fn panic(&self) {
        panic!("unheard");
    }
    fn panic_computing(&self) {
        panic!("unheard");
    }
}

#[tokio::test]
async fn a_one_way_call_ends_for_its_caller_before_its_method_does() {
    let house = House::new().await;
    let gate = Gate::new();
    let unheard = UnheardProxy::connect(&house.host("unheard", gate.clone().serve()))
        .await
        .unwrap();
    assert_eq!(soon(unheard.never_end()).await, Ok(()));
    assert_eq!(soon(unheard.panic()).await, Ok(()));
    assert_eq!(soon(unheard.panic_computing()).await, Ok(()));
    gate.arrived(1).await;
    house.works().await;
}

fn travels<T: Send + 'static>(future: T) -> T {
    future
}

#[tokio::test]
async fn a_call_begins_before_it_is_awaited_and_outlives_its_proxy() {
    let house = House::new().await;
    let call = travels(house.desk.clone().wait(4));
    house.gate().arrived(1).await;
    house.gate().open(1);
    assert_eq!(soon(call).await, Ok(4));
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_at_the_daemon() {
    let house = House::new().await;
    let call = house.desk.wait(1);
    house.gate().arrived(1).await;
    drop(call);
    house.gate().abandoned(1).await;
    house.works().await;
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_waits_for_a_thread_never_runs() {
    let house = House::with(Daemon::builder().compute_threads(1)).await;
    let first = house.desk.grind(1);
    house.gate().arrived(1).await;
    drop(house.desk.grind(2));
    let last = house.desk.grind(3);
    // Answered after the cancel was read, since both take the same way.
    soon(house.desk.echo(String::new())).await.unwrap();
    house.gate().open(2);
    assert_eq!((soon(first).await, soon(last).await), (Ok(1), Ok(3)));
    assert_eq!(house.clerk.runs(), 2);
}

#[tokio::test]
async fn one_object_under_two_names_is_one_object() {
    let house = House::new().await;
    let shared = Arc::new(house.clerk.clone());
    let other = DeskProxy::connect(&house.host("other", shared.serve()))
        .await
        .unwrap();
    assert_eq!(soon(house.desk.count()).await, Ok(1));
    assert_eq!(soon(other.count()).await, Ok(2));
}
