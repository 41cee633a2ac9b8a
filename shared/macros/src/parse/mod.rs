//! From tokens to the model, with every refusal that a trait can meet.

mod attributes;
mod errors;
mod method;
mod options;
mod types;

use std::collections::{HashMap, HashSet};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, ItemTrait, Token, TraitItem, Visibility, parse_quote};

use crate::model::{Contract, Method, Yields, private};
use errors::Errors;

/// The most methods of one trait, as farcall's descriptor has it.
const MAX_METHODS: usize = 1024;

/// Reads the attribute's options and the trait under it.
pub(crate) fn contract(options: TokenStream, item: TokenStream) -> syn::Result<Contract> {
    let farcall = options::farcall.parse2(options)?;
    let OnlyTrait(item) = syn::parse2(item)?;
    let words = words(item.to_token_stream());
    let mut errors = Errors::default();
    refuse_trait(&item, &mut errors);
    let mut methods = methods(item.items, &item.ident, &mut errors);
    let private = private(farcall.as_ref());
    for method in &mut methods {
        if let Some(Yields { item, .. }) = &method.yields {
            method.result = parse_quote!(#private::Streaming<#item>);
        }
    }
    refuse_twins(&methods, &mut errors);
    errors.finish()?;
    Ok(Contract {
        farcall,
        doc: attributes::doc(&item.attrs),
        attributes: item.attrs,
        visibility: item.vis,
        name: item.ident,
        methods,
        words,
    })
}

/// A trait; anything else is refused at its first word instead of deep inside.
struct OnlyTrait(ItemTrait);

impl Parse for OnlyTrait {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        ahead.parse::<Visibility>()?;
        let is_trait = ahead.peek(Token![trait])
            || (ahead.peek(Token![unsafe]) && ahead.peek2(Token![trait]))
            || (ahead.peek(Token![auto]) && ahead.peek2(Token![trait]));
        if !is_trait {
            return Err(ahead.error(
                "`#[remote]` goes on a trait: the contract that objects implement and proxies call",
            ));
        }
        input.parse().map(Self)
    }
}

fn refuse_trait(item: &ItemTrait, errors: &mut Errors) {
    if let Some(word) = &item.unsafety {
        errors.push(word, "a remote trait is not `unsafe`: remove the word");
    }
    if let Some(word) = &item.auto_token {
        errors.push(word, "a remote trait is not `auto`: remove the word");
    }
    if !item.generics.params.is_empty() {
        errors.push(
            &item.generics.params,
            "a remote trait is not generic: write the types out, or one trait for each",
        );
    }
    if let Some(clause) = &item.generics.where_clause {
        errors.push(clause, "a remote trait has no `where`: remove it");
    }
    if !item.supertraits.is_empty() {
        errors.push(
            &item.supertraits,
            "a remote trait has no supertraits: `Send + Sync + 'static` is added; ask for others where you implement it",
        );
    }
}

fn methods(items: Vec<TraitItem>, owner: &syn::Ident, errors: &mut Errors) -> Vec<Method> {
    if items.is_empty() {
        errors.push(
            owner,
            "a remote trait has at least one method: add `fn name(&self);`",
        );
    }
    if let Some(item) = items.get(MAX_METHODS) {
        errors.push(
            item,
            format!("a remote trait has at most {MAX_METHODS} methods: split it"),
        );
    }
    let mut methods = Vec::new();
    for item in items {
        match item {
            TraitItem::Fn(item) => methods.extend(method::method(item, errors)),
            TraitItem::Type(item) => errors.push(
                &item,
                "a remote trait has no associated types: name the type in the methods",
            ),
            TraitItem::Const(item) => errors.push(
                &item,
                "a remote trait has no constants: put it outside the trait",
            ),
            other => errors.push(
                &other,
                "a remote trait has only methods: write `fn name(&self, ...) -> ...;`",
            ),
        }
    }
    methods
}

/// Refuses methods that could not be told apart on the wire.
fn refuse_twins(methods: &[Method], errors: &mut Errors) {
    let mut seen = HashMap::new();
    for method in methods {
        let (name, variant) = (method.name.unraw(), &method.variant);
        match seen.insert(variant.to_string(), name.clone()) {
            Some(earlier) if earlier == name => {
                errors.push(&method.name, format!("`{name}` is there twice: rename one"));
            }
            Some(earlier) => errors.push(
                &method.name,
                format!("`{name}` and `{earlier}` are both `{variant}` on the wire: rename one"),
            ),
            None => {}
        }
    }
}

/// Every identifier in the tokens.
fn words(tokens: TokenStream) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut rest = vec![tokens];
    while let Some(tokens) = rest.pop() {
        for token in tokens {
            match token {
                TokenTree::Group(group) => rest.push(group.stream()),
                TokenTree::Ident(ident) => {
                    found.insert(ident.to_string());
                }
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::{format_ident, quote};

    use super::{MAX_METHODS, contract};

    fn with_methods(count: usize) -> TokenStream {
        let names = (0..count).map(|number| format_ident!("m{number}"));
        quote! { trait Worker { #(fn #names(&self);)* } }
    }

    #[test]
    fn a_trait_has_up_to_1024_methods() {
        assert!(contract(TokenStream::new(), with_methods(MAX_METHODS)).is_ok());
        let refusal = contract(TokenStream::new(), with_methods(MAX_METHODS + 1));
        assert_eq!(
            refusal.err().map(|error| error.to_string()),
            Some("a remote trait has at most 1024 methods: split it".to_owned())
        );
    }
}
