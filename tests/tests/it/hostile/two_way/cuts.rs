//! Connections that are cut anywhere: what was handed out either way is let go.

use farcall_shared::wire::attached::Entry;

use super::speech::{
    FIRST_OBJECT, ask, ask_with, bind_hub, bound_to_hub, credit, end_of, item, item_with, opens,
    stop,
};
use crate::harness::House;
use crate::hostile::neighbour::Neighbour;
use crate::two_way::Town;

#[tokio::test]
async fn a_wire_that_is_cut_anywhere_leaves_nothing_behind() {
    let (town, house) = (Town::new().await, House::new().await);
    let neighbour = Neighbour::of(&house.desk);
    assert!(!bind_hub().is_empty());
    let script = [
        ask(1, "counter", &()),
        ask(2, "guarded", &()),
        ask(3, "each_counter", &(1_000_000u64,)),
        opens(4, 1),
        item(1, &[1]),
        item_with(
            1,
            &[1],
            &[Entry::Export(3), Entry::Stream(2), Entry::Returned(1)],
        ),
        item_with(2, &[1], &[Entry::Stream(3)]),
        credit(2, 1 << 20),
        ask_with(5, "call_back", &[0, 9], &[Entry::Export(3)]),
        ask_with(6, "bounce", FIRST_OBJECT, &[Entry::Returned(1)]),
        ask_with(7, "twice", &[0, 0], &[Entry::Stream(9)]),
        item(9, &[1]),
        stop(1),
        end_of(2),
        end_of(9),
    ];
    for whole in 0..script.len() {
        for cut in [0, script[whole].len() / 2, script[whole].len()] {
            let mut raw = bound_to_hub(town.daemon.address()).await;
            let bytes = [&script[..whole].concat()[..], &script[whole][..cut]].concat();
            raw.send(&bytes).await;
            raw.finish().await;
        }
    }
    town.works().await;
    // Each counter that was made is gone, sooner or later.
    while town.centre.alive() > 0 {
        town.centre.gone.arrived(1).await;
    }
    assert!(town.centre.listeners.lock().unwrap().is_empty());
    neighbour.was_served(&house.desk).await;
}
