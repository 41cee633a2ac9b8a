//! From the model to the items that `#[remote]` writes.

mod blocking;
mod client;
mod contract_trait;
mod descriptor;
mod proxy;
mod service;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Ident, Type};

use crate::model::{Contract, How, Method, private};

/// Everything that stands beside and instead of the trait.
pub(crate) fn contract(contract: &Contract) -> TokenStream {
    let names = Names::of(contract);
    let contract_trait = contract_trait::emit(contract, &names);
    let service = service::emit(contract, &names);
    let client = client::emit(contract, &names);
    let descriptor = descriptor::emit(contract, &names);
    let proxy = proxy::emit(contract, &names);
    let blocking = contract
        .farcall
        .is_none()
        .then(|| blocking::emit(contract, &names));
    quote! { #contract_trait #service #client #descriptor #proxy #blocking }
}

/// What the written items are called.
struct Names {
    /// The module of farcall that holds what the items need.
    private: TokenStream,
    request: Ident,
    response: Ident,
    server: Ident,
    client: Ident,
    proxy: Ident,
    blocking: Ident,
}

impl Names {
    fn of(contract: &Contract) -> Self {
        let name = contract.name.unraw();
        Self {
            private: private(contract.farcall.as_ref()),
            request: format_ident!("{name}Request"),
            response: format_ident!("{name}Response"),
            server: format_ident!("Serve{name}"),
            client: format_ident!("{name}Client"),
            proxy: format_ident!("{name}Proxy"),
            blocking: format_ident!("{name}Blocking"),
        }
    }
}

/// Lints that a user may have denied, on names and shapes that were linted on the trait already, or are ours to choose.
fn quiet() -> TokenStream {
    quote! {
        #[allow(
            deprecated,
            missing_docs,
            non_snake_case,
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::exhaustive_enums,
            clippy::missing_docs_in_private_items
        )]
    }
}

/// `Worker.process`: how errors, spans and `Debug` call a method.
fn full_name(contract: &Contract, method: &Method) -> String {
    format!("{}.{}", contract.name.unraw(), method.name.unraw())
}

/// The attributes of a method that its namesakes on the proxy and the client have, too.
fn shared_attributes(method: &Method) -> impl Iterator<Item = &Attribute> {
    let shared = |attribute: &&Attribute| {
        attribute.path().is_ident("doc") || attribute.path().is_ident("deprecated")
    };
    method.attributes.iter().filter(shared)
}

/// The section on errors of a method that may fail although the user's may not; theirs stays if there is one.
fn errors_section(method: &Method, sentence: &str) -> TokenStream {
    if method.doc.lines().any(|line| line.trim() == "# Errors") {
        return TokenStream::new();
    }
    let gap = if method.doc.is_empty() {
        let first = format!(" Calls `{}`.", method.name.unraw());
        quote! { #[doc = #first] #[doc = ""] }
    } else {
        quote! { #[doc = ""] }
    };
    quote! { #gap #[doc = " # Errors"] #[doc = #sentence] }
}

/// `name: type` for each argument.
fn parameters(method: &Method) -> impl Iterator<Item = TokenStream> {
    method.arguments.iter().map(|argument| {
        let (name, ty) = (&argument.name, &argument.ty);
        quote!(#name: #ty)
    })
}

/// The names of the arguments.
fn argument_names(method: &Method) -> Vec<&Ident> {
    method
        .arguments
        .iter()
        .map(|argument| &argument.name)
        .collect()
}

/// What the method gives on `object`, an `Arc`: a stream is wrapped up with it, so that it may borrow from it.
fn run(
    trait_name: &Ident,
    of: &TokenStream,
    object: &TokenStream,
    method: &Method,
    names: &Names,
) -> TokenStream {
    let private = &names.private;
    let (name, arguments) = (&method.name, argument_names(method));
    let Some(yields) = &method.yields else {
        return quote!(<#of as #trait_name>::#name(&*#object #(, #arguments)*));
    };
    let (runs, all) = match yields.how {
        How::Stream => (quote!(Async), quote!(stream)),
        How::Iterator => (quote!(Compute), quote!(iter)),
    };
    let own = Ident::new("object", Span::mixed_site());
    let yielder = Ident::new("yielder", Span::mixed_site());
    quote! {
        #private::Streaming::generated(
            #private::Runs::#runs,
            #private::Arc::clone(&#object),
            move |#own: #private::Arc<#of>, #yielder| async move {
                #yielder.#all(<#of as #trait_name>::#name(&*#own #(, #arguments)*)).await
            },
        )
    }
}

/// True for a type that is called `Bytes`; whether it is the one of the crate `bytes` is seen where its type is known.
fn is_blob(ty: &Type) -> bool {
    let Type::Path(path) = ty else {
        return false;
    };
    let last = path.path.segments.last();
    last.is_some_and(|last| last.ident == "Bytes" && last.arguments.is_none())
}

/// `Result<ok, error>`.
fn result_of(ok: &Type, error: impl ToTokens) -> TokenStream {
    quote!(::core::result::Result<#ok, #error>)
}
