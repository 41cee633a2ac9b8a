//! Which names a client may call: Python's rules for private ones.

use farcall_shared::pyro::payload::Exception;

/// Special methods that no client calls, whatever an object offers.
const ALWAYS_PRIVATE: [&str; 43] = [
    "__init__",
    "__init_subclass__",
    "__class__",
    "__module__",
    "__weakref__",
    "__call__",
    "__new__",
    "__del__",
    "__repr__",
    "__str__",
    "__format__",
    "__nonzero__",
    "__bool__",
    "__coerce__",
    "__cmp__",
    "__eq__",
    "__ne__",
    "__hash__",
    "__ge__",
    "__gt__",
    "__le__",
    "__lt__",
    "__dir__",
    "__enter__",
    "__exit__",
    "__copy__",
    "__deepcopy__",
    "__sizeof__",
    "__getattr__",
    "__setattr__",
    "__hasattr__",
    "__getattribute__",
    "__delattr__",
    "__instancecheck__",
    "__subclasscheck__",
    "__getinitargs__",
    "__getnewargs__",
    "__getstate__",
    "__setstate__",
    "__reduce__",
    "__reduce_ex__",
    "__subclasshook__",
    "__dict__",
];

/// Refuses a private name.
pub(super) fn check(name: &str) -> Result<(), Exception> {
    if !name.starts_with('_') {
        return Ok(());
    }
    let special = name.len() > 4 && name.starts_with("__") && name.ends_with("__");
    if ALWAYS_PRIVATE.contains(&name) || !special {
        let text = format!("attempt to access private attribute '{name}'");
        return Err(Exception::builtin("AttributeError", text));
    }
    Ok(())
}

/// Why a name that is not offered is refused.
pub(super) fn unknown(class: &str, name: &str, hidden: bool) -> Exception {
    let text = match hidden {
        true => format!("attempt to access unexposed attribute '{name}'"),
        false => format!("'{class}' object has no attribute '{name}'"),
    };
    Exception::builtin("AttributeError", text)
}
