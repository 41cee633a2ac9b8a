//! From a name or a URI on the command line to an object that answers.

use anyhow::{Context as _, anyhow};
use farcall_client::DynamicProxy;
use farcall_shared::names::{Entry, Selector};
use farcall_shared::pyro::uri::PyroUri;
use farcall_shared::uri::{Address, MetaUri, NameUri, Uri};
use tokio::time::{Instant, timeout, timeout_at};

use super::names::{Names, tag_set};
use super::output::shortened;

/// Reads a name or URI; what names no name service means the one at `names`.
fn parse(text: &str, names: &Address) -> anyhow::Result<Uri> {
    let here = Some(names.clone());
    if !text.contains(':') {
        return Ok(Uri::Name(NameUri {
            name: text.into(),
            names: here,
        }));
    }
    Ok(match text.parse()? {
        Uri::Name(uri) => Uri::Name(NameUri {
            names: uri.names.or(here),
            ..uri
        }),
        Uri::Meta(uri) => Uri::Meta(MetaUri {
            names: uri.names.or(here),
            ..uri
        }),
        object @ (Uri::Object(_) | Uri::Python(_)) => object,
    })
}

/// Connects to the first object that a name or URI leads to and that is there.
///
/// It stays with that object: members of a group may differ.
pub(super) async fn connect(text: &str, names: &Names) -> anyhow::Result<DynamicProxy> {
    let end = Instant::now() + names.timeout;
    let candidates = candidates(parse(text, &names.address)?, names).await?;
    let mut failure = anyhow!("'{}' leads to no object", shortened(text));
    for uri in candidates {
        let uri = uri.to_string();
        match timeout_at(end, DynamicProxy::connect(&uri)).await {
            Ok(Ok(proxy)) => return Ok(proxy),
            // By its text: its sources say the same again.
            Ok(Err(e)) => failure = anyhow!("{e}"),
            Err(_) => {
                failure = anyhow!("no answer from {uri} within {:?}", names.timeout);
                break;
            }
        }
    }
    match text.starts_with("far:") || text.starts_with("PYRO:") {
        true => Err(failure),
        false => Err(failure.context(format!(
            "'{}' leads to nothing that answers",
            shortened(text)
        ))),
    }
}

async fn candidates(uri: Uri, names: &Names) -> anyhow::Result<Vec<Uri>> {
    let at = |address: Option<Address>| Names {
        address: address.unwrap_or_else(|| names.address.clone()),
        ..names.clone()
    };
    let entries = match uri {
        Uri::Object(_) | Uri::Python(_) => return Ok(vec![uri]),
        Uri::Name(uri) => at(uri.names).lookup(&uri.name).await?,
        Uri::Meta(uri) => {
            let tags = uri.tags.join(", ");
            let service = at(uri.names);
            let entries = service.list(&Selector::All(tag_set(uri.tags))).await?;
            if entries.is_empty() {
                let place = service.address;
                return Err(anyhow!(
                    "no object carries all of the tags {tags} at the name service {place}"
                ));
            }
            entries
        }
    };
    let (objects, strange): (Vec<_>, Vec<_>) =
        entries.iter().map(object_of).partition(Result::is_ok);
    if objects.is_empty()
        && let Some(Err(e)) = strange.into_iter().next()
    {
        return Err(e);
    }
    Ok(objects.into_iter().flatten().collect())
}

fn object_of(entry: &Entry) -> anyhow::Result<Uri> {
    let leads = || {
        format!(
            "the name '{}' leads to '{}'",
            entry.name,
            shortened(&entry.uri)
        )
    };
    match entry.uri.parse::<Uri>().with_context(leads)? {
        uri @ (Uri::Object(_) | Uri::Python(PyroUri::Object { .. })) => Ok(uri),
        _ => Err(anyhow!("{}, which is a name again", leads())),
    }
}

/// Waits for an object's answer, within the time that each answer has.
pub(super) async fn answer<T, E: std::fmt::Display>(
    proxy: &DynamicProxy,
    names: &Names,
    question: impl Future<Output = Result<T, E>>,
) -> anyhow::Result<T> {
    match timeout(names.timeout, question).await {
        Ok(end) => end.map_err(|e| anyhow!("{e}")),
        Err(_) => Err(anyhow!(
            "no answer from {} within {:?}",
            proxy.label(),
            names.timeout
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_the_name_service_at_hand_unless_it_says_another() {
        let here: Address = "here:1".parse().unwrap();
        for (text, uri) in [
            ("worker.1", "farname:worker.1@here:1"),
            ("farname:worker.1", "farname:worker.1@here:1"),
            ("farname:worker.1@there:2", "farname:worker.1@there:2"),
            ("farmeta:gpu,a", "farmeta:gpu,a@here:1"),
            ("far:w@there:2", "far:w@there:2"),
        ] {
            assert_eq!(parse(text, &here).unwrap().to_string(), uri);
        }
        for text in ["far:w", "http://h", "PYRO:a@h"] {
            assert!(parse(text, &here).is_err(), "{text}");
        }
    }
}
