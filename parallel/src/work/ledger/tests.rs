//! The books by themselves, at times that the tests make up.

use std::time::Duration;

use super::*;
use crate::work::contract::Outcomes;

const LEASE: Duration = Duration::from_secs(10);

struct Books {
    ledger: Ledger,
    now: Instant,
}

impl Books {
    fn with(items: usize, max_items: usize) -> Self {
        let limits = WorkLimits {
            lease: LEASE,
            max_items,
            max_losses: 3,
        };
        let mut books = Self {
            ledger: Ledger::new(limits, u64::MAX),
            now: Instant::now(),
        };
        for index in 0..items as u64 {
            assert_eq!(books.put(OWN_JOB, None), Ok(Room::New(index)));
        }
        books
    }

    fn put(&mut self, job: JobId, index: Option<u64>) -> Result<Room, Refusal> {
        let payload = Bytes::from_static(b"item");
        self.ledger.put(self.now, job, index, &payload)
    }

    fn attend(&mut self, worker: &str) -> Generation {
        self.ledger.attend(self.now, worker).unwrap()
    }

    fn take(&mut self, worker: &str) -> LeaseId {
        match self.ledger.take(worker, 0).unwrap() {
            Some(Taken::Item { lease, .. }) => lease,
            other => panic!("{other:?}"),
        }
    }

    fn done(&mut self, lease: LeaseId) -> Result<(), Refusal> {
        self.ledger.finish(lease, Ok(Bytes::from_static(b"result")))
    }

    fn after(&mut self, time: Duration) -> bool {
        self.now += time;
        self.ledger.expire(self.now)
    }

    fn pop(&mut self) -> Outcome {
        self.ledger.jobs().pop().unwrap().unwrap()
    }
}

#[test]
fn a_worker_gets_items_only_while_it_attends_and_the_same_until_it_is_finished() {
    let mut books = Books::with(2, 10);
    assert_eq!(books.ledger.take("a", 0), Ok(None));
    books.attend("a");
    let first = books.take("a");
    assert_eq!(books.take("a"), first);
    books.done(first).unwrap();
    assert_ne!(books.take("a"), first);
}

#[test]
fn what_a_worker_had_is_given_back_when_its_call_ends_and_its_late_result_refused() {
    let mut books = Books::with(1, 10);
    let presence = books.attend("a");
    let lost = books.take("a");
    books.attend("b");
    books.ledger.depart("a", presence);
    let again = books.take("b");
    assert_eq!(books.done(lost), Err(Refusal::Over { lease: lost }));
    assert_eq!(books.done(again), Ok(()));
    assert_eq!(books.done(again), Err(Refusal::Over { lease: again }));
    assert_eq!(books.pop().worker, "b");
    assert_eq!(books.ledger.jobs().pop(), Ok(None));
}

#[test]
fn an_earlier_call_of_a_worker_that_renewed_takes_nothing_away() {
    let mut books = Books::with(1, 10);
    let earlier = books.attend("a");
    let lease = books.take("a");
    books.now += LEASE / 3;
    let later = books.attend("a");
    assert_eq!(books.ledger.standing("a", earlier), Standing::Renewed);
    books.ledger.depart("a", earlier);
    assert!(!books.after(LEASE - Duration::from_millis(1)));
    assert_eq!(books.ledger.standing("a", later), Standing::Present);
    assert_eq!(books.done(lease), Ok(()));
}

#[test]
fn a_silent_worker_loses_its_items_when_its_lease_is_over_and_not_before() {
    let mut books = Books::with(1, 10);
    let presence = books.attend("a");
    let lease = books.take("a");
    assert_eq!(books.ledger.due(), Some(books.now + LEASE));
    assert!(!books.after(LEASE - Duration::from_millis(1)));
    assert!(books.after(Duration::from_millis(1)));
    assert_eq!(books.ledger.standing("a", presence), Standing::Gone);
    assert_eq!(books.done(lease), Err(Refusal::Over { lease }));
}

#[test]
fn an_item_that_was_lost_three_times_is_given_up_and_the_next_goes_on() {
    let mut books = Books::with(2, 10);
    for round in 0..3 {
        let worker = format!("w{round}");
        let presence = books.attend(&worker);
        books.take(&worker);
        books.ledger.depart(&worker, presence);
    }
    let outcome = books.pop();
    let worker = "w2".to_owned();
    assert_eq!(outcome.index, 0);
    assert_eq!(outcome.end, Err(WorkError::Lost { losses: 3, worker }));
    books.attend("w3");
    let lease = books.take("w3");
    books.done(lease).unwrap();
    assert_eq!(books.pop().index, 1);
}

#[test]
fn the_work_is_over_when_it_is_closed_and_all_done() {
    let mut books = Books::with(1, 10);
    books.attend("a");
    let lease = books.take("a");
    books.ledger.jobs().close_all();
    assert_eq!(books.put(OWN_JOB, None), Err(Refusal::Closed));
    assert!(!books.ledger.is_over());
    books.done(lease).unwrap();
    assert!(books.ledger.is_over() && !books.ledger.is_deserted());
    assert_eq!(books.ledger.take("a", 0), Ok(Some(Taken::Closed)));
    assert!(books.ledger.is_deserted());
    books.pop();
    assert_eq!(books.ledger.jobs().pop(), Err(Refusal::Closed));
}

#[test]
fn room_is_for_items_and_results_that_nobody_took() {
    let mut books = Books::with(2, 2);
    assert_eq!(books.put(OWN_JOB, None), Ok(Room::None));
    books.attend("a");
    let lease = books.take("a");
    books.done(lease).unwrap();
    assert_eq!(books.put(OWN_JOB, None), Ok(Room::None));
    books.pop();
    assert_eq!(books.put(OWN_JOB, None), Ok(Room::New(2)));
}

#[test]
fn each_client_has_its_own_items_and_results() {
    let mut books = Books::with(0, 10);
    for job in [7, 8] {
        assert_eq!(books.put(job, Some(0)), Err(Refusal::UnknownJob { job }));
        books.ledger.jobs().open(books.now, job).unwrap();
        assert_eq!(books.put(job, Some(0)), Ok(Room::New(0)));
        assert_eq!(books.put(job, Some(0)), Ok(Room::Known));
        assert!(matches!(
            books.put(job, Some(2)),
            Err(Refusal::Order { .. })
        ));
    }
    books.attend("a");
    let lease = books.take("a");
    books.done(lease).unwrap();
    let now = books.now;
    books.ledger.jobs().close(now, 7).unwrap();
    let fetch = |books: &mut Books, job, from| {
        books.ledger.jobs().fetched(now, job, from).unwrap();
        books.ledger.jobs().results(now, job).unwrap()
    };
    let first: Outcomes = fetch(&mut books, 7, 0);
    assert_eq!((first.outcomes.len(), first.is_over), (1, true));
    assert_eq!(fetch(&mut books, 7, 0), first, "until the next position");
    assert_eq!(fetch(&mut books, 7, 1).outcomes, []);
    assert_eq!(fetch(&mut books, 8, 0).outcomes, []);
}

#[test]
fn what_an_absent_client_brought_goes_with_its_lease() {
    let mut books = Books::with(0, 2);
    books.ledger.jobs().open(books.now, 7).unwrap();
    books.put(7, Some(0)).unwrap();
    books.put(7, Some(1)).unwrap();
    books.attend("a");
    let lease = books.take("a");
    assert!(!books.after(LEASE / 2));
    let presence = books.attend("a");
    assert!(books.after(crate::work::CLIENT_LEASE));
    // The worker is gone by then as well; what it had is for nobody, and still counted until somebody ends it.
    assert_eq!(books.ledger.standing("a", presence), Standing::Gone);
    assert_eq!(books.done(lease), Err(Refusal::Over { lease }));
    assert_eq!(books.put(OWN_JOB, None), Ok(Room::New(0)));
    assert_eq!(books.put(OWN_JOB, None), Ok(Room::New(1)));
    assert_eq!(books.put(OWN_JOB, None), Ok(Room::None));
}
