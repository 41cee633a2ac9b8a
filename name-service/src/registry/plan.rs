//! Who gets a name: what a registration does, given its mode and what the name holds.

use std::num::NonZeroU64;
use std::time::Duration;

use farcall_shared::names::{Mode, NameError, Registration};

use super::slot::{Held, Hold, Slot};
use super::{Registry, lease};

/// What a registration is going to do.
pub(super) enum Plan {
    /// Keep the registration that is there.
    Keep(Held),
    /// Put a new one in the place of others.
    Put { gone: Vec<Held>, hold: Hold },
}

impl Registry {
    pub(super) fn plan(
        &self,
        now: Duration,
        request: &Registration,
        lease: Option<NonZeroU64>,
    ) -> Result<Plan, NameError> {
        let members = self
            .table
            .slot(&request.name)
            .map(Slot::members)
            .unwrap_or_default();
        let alone = self.table.hold(&request.name) == Some(Hold::Alone);
        let Some(first) = members.first() else {
            return match request.mode {
                Mode::Exclusive
                | Mode::Replace {
                    expected: None | Some(0),
                } => Ok(Plan::Put {
                    gone: Vec::new(),
                    hold: Hold::Alone,
                }),
                Mode::Join => Ok(Plan::Put {
                    gone: Vec::new(),
                    hold: Hold::Member,
                }),
                Mode::Replace {
                    expected: Some(expected),
                } => Err(NameError::Epoch {
                    name: request.name.clone(),
                    expected,
                    actual: 0,
                }),
            };
        };
        let own = |held: &&Held| held.uri() == request.uri && held.lease == lease;
        match request.mode {
            Mode::Exclusive if alone && own(&first) => Ok(Plan::Keep(first.clone())),
            Mode::Exclusive => Err(self.taken(now, &request.name, first)),
            Mode::Join if alone => Err(self.taken(now, &request.name, first)),
            Mode::Join => match members.iter().find(|held| held.uri() == request.uri) {
                Some(held) if own(&held) => Ok(Plan::Keep(held.clone())),
                same_uri => {
                    let gone = same_uri.cloned().into_iter().collect();
                    Ok(Plan::Put {
                        gone,
                        hold: Hold::Member,
                    })
                }
            },
            Mode::Replace { .. } if alone && own(&first) => Ok(Plan::Keep(first.clone())),
            Mode::Replace {
                expected: Some(expected),
            } => match members.iter().rfind(|held| held.epoch != expected) {
                None => Ok(Plan::Put {
                    gone: members.to_vec(),
                    hold: Hold::Alone,
                }),
                Some(other) => Err(NameError::Epoch {
                    name: request.name.clone(),
                    expected,
                    actual: other.epoch,
                }),
            },
            Mode::Replace { expected: None } => Ok(Plan::Put {
                gone: members.to_vec(),
                hold: Hold::Alone,
            }),
        }
    }

    fn taken(&self, now: Duration, name: &str, held: &Held) -> NameError {
        let remaining = held
            .lease
            .and_then(|id| self.table.leases.remaining(id, now));
        NameError::Taken {
            name: name.to_owned(),
            owner: held.uri().to_owned(),
            epoch: held.epoch,
            lease_ms: remaining.map(lease::millis),
        }
    }
}
