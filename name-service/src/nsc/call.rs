//! `nsc call`: one call of one method.

use farcall_shared::value::Value;

use super::arguments::{checked, method, unchecked};
use super::cli::Call;
use super::names::Names;
use super::object::{answer, connect};
use super::output::{Output, print, print_json};

pub(super) async fn call(names: &Names, out: Output, wanted: &Call) -> anyhow::Result<()> {
    let proxy = connect(&wanted.object, names).await?;
    let descriptor = answer(&proxy, names, proxy.describe()).await?;
    let known = match descriptor.open {
        true => None,
        false => Some(method(&descriptor, &wanted.method, &wanted.object)?),
    };
    let arguments = match known {
        Some(method) => checked(method, &wanted.words, wanted.passing())?,
        None => unchecked(&wanted.words, wanted.passing())?,
    };
    let proxy = proxy.with_deadline(names.timeout);
    let result = proxy.call(&wanted.method, arguments).await;
    // By its text: its sources say the same again.
    let value = result.map_err(|e| anyhow::anyhow!("{e}"))?;
    match known {
        Some(method) if method.oneway => Ok(()),
        _ => show(out, &value).await,
    }
}

/// Prints a value; a stream's items as they come, as values of their own.
async fn show(out: Output, value: &Value) -> anyhow::Result<()> {
    let items = match value {
        Value::Stream(items) => items.take(),
        _ => None,
    };
    let Some(mut items) = items else {
        return show_one(out, value);
    };
    while let Some(item) = items.next().await {
        show_one(out, &item.map_err(|e| anyhow::anyhow!("{e}"))?)?;
    }
    Ok(())
}

fn show_one(out: Output, value: &Value) -> anyhow::Result<()> {
    match out {
        Output::Terminal => print(&serde_json::to_string_pretty(&value.to_json())?),
        Output::Plain | Output::Json => print_json(&value.to_json()),
    }
}
