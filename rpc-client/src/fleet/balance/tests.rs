//! Each policy over made-up members.

use super::*;

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn members() -> Vec<Candidate<'static>> {
    let member = |name| Candidate {
        name,
        in_flight: 0,
        latency: Some(0.001),
        weight: 1.0,
        zone: None,
    };
    NAMES.map(member).to_vec()
}

fn picks(policy: &impl Balance, members: &[Candidate<'_>], calls: u64) -> Vec<u32> {
    let mut picked = vec![0; members.len()];
    for n in 0..calls {
        picked[policy.pick(members, Some(key(&n)))] += 1;
    }
    picked
}

#[test]
fn a_slow_member_and_a_busy_one_lose_against_any_other() {
    let mut members = members();
    members[2].latency = Some(0.02);
    members[5].in_flight = 100;
    let picked = picks(&PowerOfTwo, &members, 10_000);
    let worst = picked[2] + picked[5];
    // Only when both are drawn, one of them gets the call: 1 pair of 28.
    assert!((200..600).contains(&worst), "{picked:?}");
    assert!(picked[0] > 1000, "{picked:?}");
}

#[test]
fn an_unknown_member_is_tried() {
    let mut members = members();
    members[0].latency = None;
    assert!(picks(&PowerOfTwo, &members, 10_000)[0] > 500);
}

#[test]
fn the_idlest_member_for_its_weight_gets_the_call() {
    let mut members = members();
    members.iter_mut().for_each(|m| m.in_flight = 4);
    members[3].in_flight = 3;
    assert_eq!(LeastOutstanding.pick(&members, None), 3);
    members[6].weight = 8.0;
    assert_eq!(LeastOutstanding.pick(&members, None), 6);
}

#[test]
fn turns_are_even_or_by_weight() {
    let mut members = members();
    let round = RoundRobin::default();
    assert_eq!(picks(&round, &members, 80), [10; 8]);
    members[1].weight = 3.0;
    let picked = picks(&RoundRobin::default(), &members, 10_000);
    assert!((2990..3010).contains(&picked[1]), "{picked:?}");
    assert!((990..1010).contains(&picked[7]), "{picked:?}");
}

#[test]
fn when_a_member_goes_only_its_keys_move() {
    let mut members = members();
    let before: Vec<_> = (0..10_000_u64)
        .map(|n| members[Rendezvous.pick(&members, Some(key(&n)))].name)
        .collect();
    let share = before.iter().filter(|name| **name == "c").count();
    assert!((1100..1400).contains(&share), "{share}");
    members.remove(2);
    for (n, before) in (0_u64..).zip(before) {
        let now = members[Rendezvous.pick(&members, Some(key(&n)))].name;
        assert!(before == "c" || before == now);
    }
}

#[test]
fn keys_follow_weights() {
    let mut members = members();
    members[0].weight = 9.0;
    let picked = picks(&Rendezvous, &members, 16_000);
    assert!((8500..9500).contains(&picked[0]), "{picked:?}");
}

#[test]
fn a_zone_is_preferred_while_it_has_members() {
    let mut members = members();
    members[1].zone = Some("here");
    members[4].zone = Some("here");
    members[5].zone = Some("there");
    let near = PreferZone::new("here", RoundRobin::default());
    assert_eq!(picks(&near, &members, 10), [0, 5, 0, 0, 5, 0, 0, 0]);
    let nowhere = PreferZone::new("nowhere", RoundRobin::default());
    assert_eq!(picks(&nowhere, &members, 8), [1; 8]);
}
