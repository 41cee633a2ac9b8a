//! Which items go next, to whom, and how many together.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::error::CallError;
use farcall_shared::names::Epoch;
use tokio::time::Instant;

use super::Job;
use super::items::{Copied, Copy, Flight, Item, Kind};
use crate::Proxy;
use crate::fleet::balance::Candidate;
use crate::fleet::member::Health;
use crate::fleet::running::Running;
use crate::remote::{Chunk, Gathers, License};

/// What calls may take longer than their job, which cancels them at its end.
const BEHIND: Duration = Duration::from_millis(100);

impl<P, I, R, F, Fut> Job<P, I, R, F, Fut>
where
    P: Proxy,
    I: Iterator,
    I::Item: Clone,
    F: Fn(P, I::Item) -> Fut,
    Fut: Future<Output = Result<R, CallError>>,
{
    /// Sends the next items to a member; false when there are none, or nobody has room.
    pub(super) fn launch_next(&mut self, most: usize) -> bool {
        self.launch_suspect() || self.launch_copy() || self.launch_ordinary(most)
    }

    fn launch_ordinary(&mut self, most: usize) -> bool {
        if self.queues.again.is_empty() && !self.has_fresh(most) {
            return false;
        }
        let Some((epoch, room)) = self.pick(None) else {
            return false;
        };
        let count = self.share_of_the_rest(epoch, room);
        let mut items: Vec<Item<I::Item>> =
            Vec::with_capacity(count.min(self.left_at_least(count)));
        while items.len() < count {
            if let Some(item) = self.queues.again.pop_front() {
                items.push(item);
                continue;
            }
            if self.pulled >= most {
                break;
            }
            let Some(value) = self.input.next() else {
                break;
            };
            items.push(Item {
                index: self.pulled,
                value,
                past: None,
            });
            self.pulled += 1;
        }
        self.launch(epoch, items, Arc::default(), Copied::No, Kind::Ordinary);
        true
    }

    /// No more than half of what would be everybody's equal part of the items that are left, and in the last quarter a fourth:
    /// so chunks become shorter and members end together. "Guided self-scheduling" (Polychronopoulos and Kuck, 1987).
    fn share_of_the_rest(&self, epoch: Epoch, room: usize) -> usize {
        let Some(total) = self.progress.total else {
            return room;
        };
        let total = total as usize;
        let left = total.saturating_sub(self.pulled) + self.queues.again.len();
        let parts = if 4 * left < total { 4 } else { 2 };
        let fewest = self
            .known
            .get(&epoch)
            .map_or(1, |known| known.window.fewest());
        left.div_ceil(parts * self.known.len().max(1))
            .clamp(fewest.min(room), room)
    }

    fn left_at_least(&self, count: usize) -> usize {
        let (least, _) = self.input.size_hint();
        (least + self.queues.again.len()).clamp(1, count.max(1))
    }

    /// An item that may have killed a member goes to one that has nothing else in flight.
    fn launch_suspect(&mut self) -> bool {
        if self.queues.suspects.is_empty() {
            self.reserved = None;
            return false;
        }
        let now = self.members.now();
        let stays = self.known.iter().filter(|(_, known)| known.stays);
        let Some((epoch, known)) = stays
            .filter(|(_, known)| !known.alone)
            .min_by_key(|(_, known)| (now < known.window.rests_until(), known.window.in_flight()))
        else {
            return false;
        };
        let (epoch, idle) = (*epoch, known.window.is_idle(now));
        if !idle {
            self.reserved = Some(epoch);
            return false;
        }
        self.reserved = None;
        let items = self.queues.suspects.pop_front().into_iter().collect();
        if let Some(known) = self.known.get_mut(&epoch) {
            known.alone = true;
        }
        self.launch(epoch, items, Arc::default(), Copied::No, Kind::Suspect);
        true
    }

    /// Copies of items that are late elsewhere.
    fn launch_copy(&mut self) -> bool {
        let Some(Copy { flight, at, .. }) = self.queues.copies.front() else {
            return false;
        };
        let (flight, at) = (*flight, *at);
        let Some((epoch, room)) = self.pick(Some(at)) else {
            return false;
        };
        let mut items = Vec::new();
        let mut license = None;
        while items.len() < room
            && self.queues.copies.front().map(|copy| copy.flight) == Some(flight)
            && let Some(copy) = self.queues.copies.pop_front()
        {
            license = Some(copy.license);
            if self.twins.is_wanted(copy.item.index) {
                items.push(copy.item);
            }
        }
        if let Some(license) = license.filter(|_| !items.is_empty()) {
            self.progress.hedged += items.len() as u64;
            let indexes: Vec<usize> = items.iter().map(|item| item.index).collect();
            let id = self.launch(epoch, items, license, Copied::Yes, Kind::Ordinary);
            for index in indexes {
                self.twins.launched(index, id);
            }
        }
        true
    }

    /// The member that gets the next items, and how many.
    fn pick(&self, except: Option<Epoch>) -> Option<(Epoch, usize)> {
        let now = self.members.now();
        let (mut healthy, mut stay) = (0, 0);
        let mut open = Vec::with_capacity(self.known.len());
        let staying = || self.known.iter().filter(|(_, known)| known.stays);
        let first = staying()
            .map(|(_, known)| known.member.came)
            .min()
            .unwrap_or(now);
        for (epoch, known) in staying() {
            let (candidate, health) = known.member.candidate(now, first);
            stay += 1;
            healthy += usize::from(health == Health::Good);
            let free = !known.alone && Some(*epoch) != except && Some(*epoch) != self.reserved;
            let room = known.window.room(self.travel, now);
            if free && room > 0 {
                open.push((*epoch, room, candidate, health));
            }
        }
        // Envoy's panic threshold: when half of them are put aside, it is not their fault.
        if 2 * healthy > stay {
            open.retain(|(_, _, _, health)| *health == Health::Good);
        }
        if open.is_empty() {
            return None;
        }
        let candidates: Vec<Candidate<'_>> = open.iter().map(|(_, _, c, _)| *c).collect();
        let picked = self.options.balance.pick(&candidates, self.key);
        let (epoch, room, ..) = open.get(picked).or(open.first())?;
        Some((*epoch, *room))
    }

    fn launch(
        &mut self,
        epoch: Epoch,
        items: Vec<Item<I::Item>>,
        license: Arc<License>,
        copied: Copied,
        kind: Kind,
    ) -> usize {
        let Some(known) = self.known.get_mut(&epoch) else {
            self.queues.again.extend(items);
            return usize::MAX;
        };
        known.window.started(items.len());
        let member = Arc::clone(&known.member);
        let remote = member.proxy.remote().clone();
        let gathers = match items.len() {
            1 => Gathers::Nothing,
            _ => remote.gathers(),
        };
        // Longer than the job, so that it is the job that is over.
        let left = self.end.map_or(Duration::MAX, |end| {
            end.saturating_duration_since(Instant::now()) + BEHIND
        });
        let deadline = remote.deadline().min(left);
        let copy = match copied {
            Copied::No => 1,
            Copied::Yes => 2,
        };
        let chunk = Arc::new(Chunk::new(gathers, deadline, license, copy));
        let proxy = P::from_remote(remote.clone().with_chunk(Arc::clone(&chunk), deadline));
        let mut futures = Vec::with_capacity(items.len());
        for item in &items {
            let future = Some((self.call)(proxy.clone(), item.value.clone()));
            futures.push(match self.places.pop() {
                Some(mut place) => {
                    place.set(future);
                    place
                }
                None => Box::pin(future),
            });
        }
        member.load.lock().started(items.len());
        let flight = Flight {
            epoch,
            member,
            wanted: items.len(),
            items: items.into_iter().map(Some).collect(),
            chunk: Arc::clone(&chunk),
            gathers,
            began: self.members.now(),
            expected: None,
            copied,
            kind,
        };
        let id = self.flights.insert(flight);
        self.running.push(Running::new(
            id,
            chunk,
            remote.with_deadline(deadline),
            futures,
        ));
        self.expect(id);
        id
    }
}
