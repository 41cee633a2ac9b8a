//! A Python object as farcall's own callers call it: by name, with farcall's dynamic values.

use std::sync::Arc;

use farcall_shared::descriptor::{Descriptor, Method, Runs};
use farcall_shared::object::{Arguments, DynamicObject};
use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::payload::{Call, Exception};
use farcall_shared::shape::Type;
use farcall_shared::value::Value;
use futures_util::StreamExt;

use super::behind::Dynamic;
use super::{Around, PythonCall, Returned};

pub(super) struct Native(pub(super) Arc<dyn Dynamic>);

impl DynamicObject for Native {
    async fn call(&self, method: String, arguments: Arguments) -> Result<Value, String> {
        if !self.0.members().methods.contains(&method) {
            return Err(format!("there is no method '{method}'"));
        }
        let fit = |value: Value| PyValue::try_from(value).map_err(|e| e.to_string());
        let named = arguments.named.into_iter();
        let named = named.map(|(name, value)| Ok((name, fit(value)?)));
        let positional = arguments.positional.into_iter().map(fit);
        let call = Call {
            method,
            positional: positional.collect::<Result<_, String>>()?,
            keywords: named.collect::<Result<_, String>>()?,
        };
        let call = PythonCall::new(call, Arc::new(Around::default()));
        let returned = Arc::clone(&self.0).call(call).await;
        match returned.map_err(|exception| text(&exception))? {
            Returned::Value(value) => Value::try_from(value).map_err(|e| e.to_string()),
            Returned::Items(items) => {
                let items = items.map(|item| {
                    let item = item.map_err(|exception| text(&exception))?;
                    Value::try_from(item).map_err(|e| e.to_string())
                });
                Ok(Value::from(farcall_shared::streaming::Streaming::fallible(
                    items,
                )))
            }
        }
    }

    fn descriptor(&self) -> Descriptor {
        let members = self.0.members();
        let methods = members.methods.iter().map(|name| {
            let method = Method::new(name, "", Runs::Async).with_result_of(Type::Any);
            match members.oneway.contains(name) {
                true => method.oneway(),
                false => method,
            }
        });
        Descriptor::new(&members.class, "", methods.collect())
    }
}

/// `ValueError: what was said`.
fn text(exception: &Exception) -> String {
    match exception.message() {
        Some(message) => format!("{}: {message}", exception.name()),
        None => exception.name().to_owned(),
    }
}
