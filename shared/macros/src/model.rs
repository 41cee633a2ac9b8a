//! The plain model between parsing and emitting: a contract that is known to be sound.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Attribute, Ident, Path, Type, TypeImplTrait, Visibility};

/// A trait that can be served.
pub(crate) struct Contract {
    /// Where farcall is; `None` is the crate `farcall`, which also has `Remote`.
    pub(crate) farcall: Option<Path>,
    /// Everything the user put on the trait.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) name: Ident,
    pub(crate) doc: String,
    pub(crate) methods: Vec<Method>,
    /// Every word of the trait, so that generated type parameters can keep clear of them.
    pub(crate) words: HashSet<String>,
}

/// A method of the trait.
pub(crate) struct Method {
    /// What the user put on it, without our marks.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) name: Ident,
    /// Its variant in the request and the response.
    pub(crate) variant: Ident,
    pub(crate) doc: String,
    pub(crate) arguments: Vec<Argument>,
    /// What travels back.
    pub(crate) result: Type,
    /// What the user wrote, where that is a stream or an iterator.
    pub(crate) yields: Option<Yields>,
    pub(crate) runs: Runs,
    pub(crate) repeat: Repeat,
    pub(crate) reply: Reply,
}

/// An argument of a method.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

/// A result of many items.
pub(crate) struct Yields {
    pub(crate) how: How,
    /// The `impl` type as it was written.
    pub(crate) written: TypeImplTrait,
    pub(crate) item: Type,
}

/// What gives the items.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Stream,
    Iterator,
}

/// Where a method runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runs {
    Compute,
    Async,
}

/// Whether a method may run twice for one call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    Never,
    Idempotent,
}

/// Whether a method is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Sent,
    Oneway,
}

/// The module of farcall that holds what the written items need.
pub(crate) fn private(farcall: Option<&Path>) -> TokenStream {
    match farcall {
        Some(path) => quote!(#path::__private),
        None => quote!(::farcall::__private),
    }
}

impl Contract {
    /// A type parameter called `wanted`, or longer where the user has a type of that name.
    pub(crate) fn type_parameter(&self, wanted: &str) -> Ident {
        let mut name = wanted.to_owned();
        while self.words.contains(&name) {
            name.push_str("Farcall");
        }
        Ident::new(&name, Span::call_site())
    }
}

impl Method {
    /// True for `()`, written or not.
    pub(crate) fn returns_nothing(&self) -> bool {
        matches!(&self.result, Type::Tuple(tuple) if tuple.elems.is_empty())
    }
}
