//! The commands that read and change the registry.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::bail;
use farcall_shared::names::{Mode, Registration, Selector};
use farcall_shared::pyro::uri::PyroUri;
use farcall_shared::uri::Uri;
use serde_json::json;

use super::cli::Register;
use super::names::{Names, selector, tag_set};
use super::output::{Output, print, shortened};

pub(super) async fn list(names: &Names, out: Output, pattern: String) -> anyhow::Result<()> {
    out.entries(&names.list(&selector(pattern)).await?)
}

pub(super) async fn find(
    names: &Names,
    out: Output,
    tags: Vec<String>,
    any: bool,
) -> anyhow::Result<()> {
    let tags = tag_set(tags);
    let selector = match any {
        true => Selector::Any(tags),
        false => Selector::All(tags),
    };
    out.entries(&names.list(&selector).await?)
}

pub(super) async fn lookup(names: &Names, out: Output, name: &str) -> anyhow::Result<()> {
    let entries = names.lookup(name).await?;
    let uris: Vec<&str> = entries.iter().map(|entry| entry.uri.as_str()).collect();
    out.print(&uris.join("\n"), &entries)
}

pub(super) async fn register(names: &Names, out: Output, wanted: Register) -> anyhow::Result<()> {
    if !matches!(
        wanted.uri.parse::<Uri>()?,
        Uri::Object(_) | Uri::Python(PyroUri::Object { .. })
    ) {
        bail!(
            "'{}' leads to a name, and a registration must lead to an object; write far:OBJECT@HOST:PORT, or \
             PYRO:OBJECT@HOST:PORT for one of Python's",
            shortened(&wanted.uri)
        );
    }
    let mode = match (wanted.replace, wanted.join) {
        (true, _) => Mode::Replace { expected: None },
        (false, true) => Mode::Join,
        (false, false) => Mode::Exclusive,
    };
    let registration = Registration {
        name: wanted.name.clone(),
        uri: wanted.uri.clone(),
        metadata: tag_set(wanted.meta),
        mode,
        lease: None,
    };
    let epoch = names
        .request(async |server| server.register(registration).await)
        .await?;
    let said = json!({ "name": wanted.name, "uri": wanted.uri, "epoch": epoch });
    out.print(&epoch.to_string(), &said)
}

pub(super) async fn remove(names: &Names, out: Output, name: &str) -> anyhow::Result<()> {
    let removed = names
        .request(async |server| server.remove(name.to_owned()).await)
        .await?;
    let text = match removed {
        1 => format!("removed {name}"),
        members => format!("removed {name} ({members} members)"),
    };
    out.print(&text, &json!({ "name": name, "removed": removed }))
}

/// Shows the metadata of a name, after setting it if there are tags to set.
pub(super) async fn meta(
    names: &Names,
    out: Output,
    name: &str,
    tags: Option<Vec<String>>,
) -> anyhow::Result<()> {
    if let Some(tags) = tags {
        let tags = tag_set(tags);
        names
            .request(async |server| server.set_metadata(name.to_owned(), tags).await)
            .await?;
    }
    let members = names.lookup(name).await?;
    let tags: BTreeSet<&str> = members
        .iter()
        .flat_map(|member| &member.metadata)
        .map(String::as_str)
        .collect();
    match (out, tags.is_empty()) {
        (Output::Terminal | Output::Plain, true) => Ok(()),
        _ => {
            let lines: Vec<&str> = tags.iter().copied().collect();
            out.print(
                &lines.join("\n"),
                &json!({ "name": name, "metadata": tags }),
            )
        }
    }
}

pub(super) async fn count(names: &Names, out: Output) -> anyhow::Result<()> {
    let count = names.ask(async |server| server.count().await).await?;
    out.print(&count.to_string(), &json!({ "count": count }))
}

/// Measures one call over a connection that is there already.
pub(super) async fn ping(names: &Names, out: Output) -> anyhow::Result<()> {
    let took = names
        .ask(async |server| {
            let start = Instant::now();
            server.ping().await?;
            Ok(start.elapsed())
        })
        .await?;
    let ms = (took.as_secs_f64() * 1e6).round() / 1e3;
    let place = names.address.to_string();
    match out {
        Output::Json => out.print("", &json!({ "ns": place, "ms": ms })),
        Output::Terminal | Output::Plain => {
            print(&format!("the name service at {place} answered in {ms} ms"))
        }
    }
}
