//! The room itself: a queue and a task for each guest, so that nobody waits for another one's ears.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Event, ListenerProxy, Room, Seat, SeatProxy, Welcome};
use crate::program;

/// How long a listener may take for one event, before its guest is taken for gone.
const HEARING_TIME: Duration = Duration::from_secs(5);

/// How many events a listener may be behind, before its guest is taken for gone.
const MOST_UNHEARD: usize = 1_000;

/// The most guests.
const MOST_GUESTS: usize = 1_000;

const LONGEST_NAME_BYTES: usize = 40;
const LONGEST_LINE_BYTES: usize = 4_000;

/// A [`Room`]. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Hall(Arc<Mutex<Guests>>);

#[derive(Debug, Default)]
struct Guests {
    here: BTreeMap<String, Guest>,
    /// The number of the last one who came.
    last: u64,
}

#[derive(Debug)]
struct Guest {
    /// Tells it from an earlier guest of the same name.
    number: u64,
    unheard: mpsc::Sender<Event>,
}

impl Hall {
    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room for Hall {
    async fn join(&self, name: String, listener: ListenerProxy) -> Result<Welcome, String> {
        let (unheard, events) = mpsc::channel(MOST_UNHEARD);
        let mut guests = self.guests();
        let others = guests.here.keys().cloned().collect();
        let number = guests.admit(&name, unheard)?;
        drop(guests);
        let place = Place {
            hall: self.clone(),
            name,
            number,
        };
        let mut delivery = JoinSet::new();
        let listener = listener.with_deadline(HEARING_TIME);
        delivery.spawn(deliver(events, listener, place.clone()));
        let seat = SeatProxy::local(Occupied {
            place,
            _delivery: delivery,
        });
        Ok(Welcome { seat, others })
    }
}

impl Guests {
    /// Lets somebody in; gives its number.
    fn admit(&mut self, name: &str, unheard: mpsc::Sender<Event>) -> Result<u64, String> {
        if name.trim() != name || name.is_empty() || name.contains(char::is_control) {
            return Err(format!(
                "{name:?} is no name: one is needed that can be shown"
            ));
        }
        if name.len() > LONGEST_NAME_BYTES {
            return Err(format!("a name has at most {LONGEST_NAME_BYTES} bytes"));
        }
        if self.here.contains_key(name) {
            return Err(format!("somebody here is called '{name}' already"));
        }
        if self.here.len() >= MOST_GUESTS {
            return Err(format!("the room is full: {MOST_GUESTS} are here"));
        }
        self.last += 1;
        let number = self.last;
        self.here.insert(name.to_owned(), Guest { number, unheard });
        self.tell(Event::Joined(name.to_owned()));
        Ok(number)
    }

    /// Puts an event into everybody's queue but that of whose doing it is. Where there is no room for it, the guest goes.
    fn tell(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            if !matches!(event, Event::Said { .. }) {
                program::complain(&event.to_string());
            }
            self.here.retain(|name, guest| {
                let hears = name == event.who() || guest.unheard.try_send(event.clone()).is_ok();
                if !hears {
                    events.push_back(Event::Left(name.clone()));
                }
                hears
            });
        }
    }
}

/// Who it is, and where.
#[derive(Clone, Debug)]
struct Place {
    hall: Hall,
    name: String,
    number: u64,
}

impl Place {
    fn is_taken(&self, guests: &Guests) -> bool {
        let guest = guests.here.get(&self.name);
        guest.is_some_and(|guest| guest.number == self.number)
    }

    /// Tells the others, once.
    fn leave(&self) {
        let mut guests = self.hall.guests();
        if self.is_taken(&guests) {
            guests.here.remove(&self.name);
            guests.tell(Event::Left(self.name.clone()));
        }
    }
}

/// Has a listener hear one event after the other, for as long as it does.
async fn deliver(mut events: mpsc::Receiver<Event>, listener: ListenerProxy, place: Place) {
    while let Some(event) = events.recv().await {
        if listener.hear(event).await.is_err() {
            return place.leave();
        }
    }
}

/// A [`Seat`]. It is dropped when its guest lets go of it, or with the guest's connection.
struct Occupied {
    place: Place,
    _delivery: JoinSet<()>,
}

impl Seat for Occupied {
    async fn say(&self, line: String) -> Result<(), String> {
        if line.len() > LONGEST_LINE_BYTES {
            return Err(format!("a line has at most {LONGEST_LINE_BYTES} bytes"));
        }
        let mut guests = self.place.hall.guests();
        if !self.place.is_taken(&guests) {
            return Err("you are out of the room: you did not listen".into());
        }
        guests.tell(Event::Said {
            who: self.place.name.clone(),
            line: line.replace(char::is_control, " "),
        });
        Ok(())
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.place.leave();
    }
}
