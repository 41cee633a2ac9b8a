//! Calls, whatever happens to them: each ends with its outcome and costs nobody else anything.

mod computing;
mod values;

use std::sync::Arc;

use farcall::{Arguments, DynamicProxy, Value};
use tokio::task::JoinSet;

use crate::harness::{
    Desk as _, DeskProxy, Gate, House, assert_ends, assert_unconnected, begun, soon,
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
    let bystander = begun(house.desk.wait(5)).await;
    house.gate().arrived(1).await;

    assert_ends(
        soon(house.desk.panic("out of ink".into())).await,
        "Failed(Panic)",
        &["panic of far:desk@", "out of ink"],
    );
    let computing = soon(house.desk.panic_computing("out of paper".into())).await;
    assert_ends(computing, "Failed(Panic)", &["out of paper"]);
    let later = begun(house.desk.panic_later("out of time".into())).await;
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
async fn a_call_outlives_its_proxy() {
    let house = House::new().await;
    let call = begun(travels(house.desk.clone().wait(4))).await;
    house.gate().arrived(1).await;
    house.gate().open(1);
    assert_eq!(soon(call).await, Ok(4));
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_at_the_daemon() {
    let house = House::new().await;
    let call = begun(house.desk.wait(1)).await;
    house.gate().arrived(1).await;
    drop(call);
    house.gate().abandoned(1).await;
    house.works().await;
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
