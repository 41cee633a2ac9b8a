//! Objects that are made while others run, and handed out.

use farcall::python::{Exception, Members, PyValue, PythonCall, PythonObject, Returned};

/// Tells its label.
struct Spawned(PyValue);

impl PythonObject for Spawned {
    fn members(&self) -> Members {
        Members::of("Spawned").with_methods(["whoami"])
    }

    async fn call(&self, call: PythonCall) -> Result<Returned, Exception> {
        let [] = call.arguments([])?;
        Ok(self.0.clone().into())
    }
}

pub(super) fn spawn(call: PythonCall) -> Result<PyValue, Exception> {
    let [label] = call.clone().arguments([("label", None)])?;
    call.hand_out(Spawned(label))
}
