//! Remote objects as values: from a proxy to a reference and back.

use std::sync::Arc;

use farcall_shared::descriptor::Described;
use farcall_shared::object::Servant;
use farcall_shared::reference::{Reference, Referent};
use farcall_shared::uri::{NameUri, Uri};
use farcall_shared::wire::codec::Codec;

use super::Remote;
use super::binding::Origin;
use crate::resolve::names_address;

impl Remote {
    /// What a reference leads to. Nothing is bound or looked up before the first call.
    pub fn from_reference(
        reference: Reference,
        descriptor: Option<Described>,
        codec: Codec,
    ) -> Self {
        let label = reference.to_string().into();
        let descriptor = descriptor.or(reference.descriptor);
        let origin = match reference.to {
            Referent::Local(servant) => Origin::Local(servant),
            Referent::Held(held) => Origin::Held(held),
            Referent::Uri(uri) => match uri.parse() {
                Ok(uri) => Origin::Uri(uri),
                Err(_) => Origin::Foreign(uri),
            },
            _ => Origin::Foreign(Arc::clone(&label)),
        };
        Self::of(origin, label, descriptor, codec, None)
    }

    /// The object as a value that travels.
    pub fn reference(&self) -> Reference {
        let shared = self.shared();
        let to = match &shared.origin {
            Origin::Uri(uri) => Referent::Uri(named(uri).into()),
            Origin::Held(held) => Referent::Held(Arc::clone(held)),
            Origin::Local(servant) => Referent::Local(Servant::clone(servant)),
            Origin::Foreign(uri) => Referent::Uri(Arc::clone(uri)),
        };
        Reference {
            to,
            descriptor: shared.descriptor.clone(),
        }
    }
}

/// A URI that leads elsewhere to where it leads here: with the name service that is meant.
fn named(uri: &Uri) -> String {
    let names = match uri {
        Uri::Name(NameUri { names: None, .. }) => names_address(None),
        Uri::Meta(meta) if meta.names.is_none() => names_address(None),
        _ => return uri.to_string(),
    };
    match names {
        Ok(names) => format!("{uri}@{names}"),
        Err(_) => uri.to_string(),
    }
}
