//! What this side handed out over a connection: objects that live as long as the peer holds references to them.

use std::collections::HashMap;
use std::sync::Arc;

use super::Hosted;
use crate::object::{Object, Servant};

/// Tables that are so much larger than what is in them give memory back.
const SLACK: usize = 4;

/// Objects handed out, by number.
#[derive(Debug, Default)]
pub(super) struct Exports {
    by_number: HashMap<u64, Export>,
    /// The number of each, so that an object has one only.
    numbers: HashMap<usize, u64>,
    last: u64,
}

#[derive(Debug)]
struct Export {
    object: Arc<Exported>,
    /// How many references the peer holds.
    count: u64,
}

/// An object that was handed out.
#[derive(Debug)]
pub(super) struct Exported(Servant);

impl Hosted for Exported {
    fn object(&self) -> Option<&dyn Object> {
        Some(self.0.object())
    }
}

impl Exports {
    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Hands out an object once more; gives its number.
    pub(super) fn hand_out(&mut self, servant: Servant) -> u64 {
        let place = servant.place();
        if let Some(number) = self.numbers.get(&place)
            && let Some(export) = self.by_number.get_mut(number)
        {
            export.count += 1;
            return *number;
        }
        self.last += 1;
        self.numbers.insert(place, self.last);
        let export = Export {
            object: Arc::new(Exported(servant)),
            count: 1,
        };
        self.by_number.insert(self.last, export);
        self.last
    }

    pub(super) fn hosted(&self, number: u64) -> Option<Arc<Exported>> {
        self.by_number
            .get(&number)
            .map(|export| Arc::clone(&export.object))
    }

    pub(super) fn servant(&self, number: u64) -> Option<Servant> {
        self.by_number
            .get(&number)
            .map(|export| export.object.0.clone())
    }

    /// Takes references back; gives the object once there are none, to be dropped where no lock is held.
    pub(super) fn take_back(
        &mut self,
        number: u64,
        count: u64,
    ) -> Result<Option<Arc<Exported>>, String> {
        let held = self.by_number.get_mut(&number);
        let Some(export) = held.filter(|export| export.count >= count) else {
            return Err(format!(
                "the peer gave back {count} references to object {number}, more than it holds"
            ));
        };
        export.count -= count;
        if export.count > 0 {
            return Ok(None);
        }
        let export = self.by_number.remove(&number);
        if let Some(export) = &export {
            self.numbers.remove(&export.object.0.place());
        }
        if self.by_number.capacity() > SLACK * self.by_number.len().max(SLACK) {
            self.by_number.shrink_to(2 * self.by_number.len());
            self.numbers.shrink_to(2 * self.numbers.len());
        }
        Ok(export.map(|export| export.object))
    }
}
