//! What went wrong in a step, and whether the job goes on: lost data is made again, all else ends it.

use farcall_client::FleetError;
use farcall_shared::error::CallError;

use super::contract::Fault;
use super::error::{MapReduceError, Step};
use super::staff::Staff;

/// A worker whose data is lost.
#[derive(Debug)]
pub(super) struct Loss {
    /// Its URI.
    pub(super) worker: String,
    /// How it was noticed.
    pub(super) why: String,
}

/// What a worker's fault means: that data is lost, its own or another's, or the end of the job.
pub(super) fn loss(
    staff: &Staff,
    step: Step,
    worker: &str,
    fault: Fault,
) -> Result<Loss, MapReduceError> {
    let (worker, why) = (worker.to_owned(), fault.to_string());
    match fault {
        Fault::Missing { .. } => Ok(Loss { worker, why }),
        Fault::Gone { uri: worker, why } => Ok(Loss { worker, why }),
        Fault::Unreachable { uri: worker, why } => {
            staff.avoid(&worker, &why);
            Ok(Loss { worker, why })
        }
        Fault::Input { input: index, why } => Err(MapReduceError::Input { index, why }),
        Fault::Full { .. } => Err(MapReduceError::Full { step, worker, why }),
        Fault::Malformed { .. } => Err(MapReduceError::Failed { step, worker, why }),
    }
}

/// What the failed call to a worker that alone has the data means.
pub(super) fn loss_by_call(
    step: Step,
    worker: &str,
    error: &CallError,
) -> Result<Loss, MapReduceError> {
    if error.is_worth_retrying() {
        return Ok(Loss {
            worker: worker.into(),
            why: error.to_string(),
        });
    }
    Err(MapReduceError::Failed {
        step,
        worker: error.target().into(),
        why: reason(error),
    })
}

/// What a fleet's failure means: `what` names the work by its place among what was left.
pub(super) fn unworked(
    step: Step,
    error: FleetError,
    what: impl Fn(usize) -> String,
) -> MapReduceError {
    let (index, attempts, error) = match error {
        FleetError::Item { index, error } => (index, 1, error),
        FleetError::GivenUp {
            index,
            attempts,
            error,
        } => (index, attempts, error),
        source => return MapReduceError::Workers { step, source },
    };
    let times = match attempts {
        1 => String::new(),
        attempts => format!(" after {attempts} attempts"),
    };
    MapReduceError::Failed {
        step,
        worker: error.target().into(),
        why: format!("{}{times}: {}", what(index), reason(&error)),
    }
}

fn reason(error: &CallError) -> String {
    match error {
        CallError::Failed { reason, .. } => reason.to_string(),
        CallError::Rejected { reason, .. } => reason.to_string(),
        CallError::NotSent { reason, .. } => reason.to_string(),
        CallError::Unknown { reason, .. } => reason.to_string(),
        other => other.to_string(),
    }
}
