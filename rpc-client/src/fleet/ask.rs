//! Calls that go to every member at once.

use std::future::Future;
use std::sync::Arc;

use farcall_shared::error::CallError;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;

use super::FleetError;
use super::member::Member;
use super::members::Members;
use crate::Proxy;

/// The result of each member, in the order of their registration.
pub(super) async fn everybody<P, R, F, Fut>(
    members: &Members<P>,
    call: F,
) -> Vec<(String, Result<R, CallError>)>
where
    P: Proxy,
    F: Fn(P) -> Fut,
    Fut: Future<Output = Result<R, CallError>>,
{
    join_all(asked(members, call))
        .await
        .into_iter()
        .map(|(name, result)| (name.to_string(), result))
        .collect()
}

/// The first `wanted` values.
pub(super) async fn quorum<P, R, F, Fut>(
    members: &Members<P>,
    wanted: usize,
    call: F,
) -> Result<Vec<R>, FleetError>
where
    P: Proxy,
    F: Fn(P) -> Fut,
    Fut: Future<Output = Result<R, CallError>>,
{
    let mut values = Vec::new();
    if wanted == 0 {
        return Ok(values);
    }
    let mut calls: FuturesUnordered<_> = asked(members, call).into_iter().collect();
    if calls.is_empty() {
        return Err(members.empty(None));
    }
    let asked = calls.len();
    let (mut failed, mut last) = (0, None);
    while asked - failed >= wanted
        && let Some((name, result)) = calls.next().await
    {
        match result {
            Ok(value) => values.push(value),
            Err(error) => {
                failed += 1;
                last = Some(format!("{name}: {error}"));
            }
        }
        if values.len() == wanted {
            return Ok(values);
        }
    }
    Err(FleetError::Quorum {
        looked_for: members.looked_for.clone(),
        wanted,
        members: asked,
        failed,
        last,
    })
}

fn asked<P, R, F, Fut>(
    members: &Members<P>,
    call: F,
) -> Vec<impl Future<Output = (Arc<str>, Result<R, CallError>)> + use<P, R, F, Fut>>
where
    P: Proxy,
    F: Fn(P) -> Fut,
    Fut: Future<Output = Result<R, CallError>>,
{
    let ask = |member: &Arc<Member<P>>| {
        let (name, asked) = (Arc::clone(&member.name), call(member.proxy.clone()));
        async move { (name, asked.await) }
    };
    members.all().values().map(ask).collect()
}
