//! One method: its signature, its name on the wire, and what it may not be.

use syn::ext::IdentExt;
use syn::{
    FnArg, Ident, Pat, PatType, Receiver, ReturnType, Signature, TraitItemFn, Type, parse_quote,
};

use super::attributes::{self, Marks};
use super::errors::Errors;
use super::types::{self, Place};
use crate::model::{Argument, Method, Reply, Runs};

/// The most arguments of one method: they travel as a tuple, and serde has tuples up to 16.
const MAX_ARGUMENTS: usize = 12;

/// Names that the trait, the proxy or the tarpc client need for themselves.
const RESERVED: [&str; 11] = [
    "local",
    "serve",
    "serve_tarpc",
    "new",
    "connect",
    "over",
    "descriptor",
    "with_deadline",
    "from_remote",
    "remote",
    "clone",
];

/// Reads one method; `None` when its name cannot be used at all.
pub(super) fn method(mut item: TraitItemFn, errors: &mut Errors) -> Option<Method> {
    let Marks { repeat, reply } = attributes::take_marks(&mut item.attrs, errors);
    refuse_form(&item, errors);
    let arguments = arguments(&item.sig, errors);
    let yields = types::yields(&item.sig, errors);
    let result = match &yields {
        // The contract knows where farcall is, and fills it in.
        Some(_) => parse_quote!(()),
        None => result(&item.sig.output, reply, errors),
    };
    let variant = variant(&item.sig.ident, errors)?;
    Some(Method {
        doc: attributes::doc(&item.attrs),
        attributes: item.attrs,
        name: item.sig.ident,
        variant,
        arguments,
        result,
        yields,
        runs: if item.sig.asyncness.is_some() {
            Runs::Async
        } else {
            Runs::Compute
        },
        repeat,
        reply,
    })
}

fn refuse_form(item: &TraitItemFn, errors: &mut Errors) {
    let signature = &item.sig;
    if let Some(body) = &item.default {
        errors.push(
            body,
            "a remote method has no default body: write `;`, and the body where you implement it",
        );
    }
    if let Some(word) = &signature.constness {
        errors.push(
            word,
            "a remote method is not `const`: write `fn` or `async fn`",
        );
    }
    if let Some(word) = &signature.unsafety {
        errors.push(
            word,
            "a remote method is not `unsafe`: write `fn` or `async fn`",
        );
    }
    if let Some(abi) = &signature.abi {
        errors.push(
            abi,
            "a remote method is not `extern`: write `fn` or `async fn`",
        );
    }
    if !signature.generics.params.is_empty() {
        errors.push(
            &signature.generics.params,
            "a remote method is not generic: write the types out, or an enum of the types it may be",
        );
    }
    if let Some(clause) = &signature.generics.where_clause {
        errors.push(clause, "a remote method has no `where`: remove it");
    }
    if let Some(dots) = &signature.variadic {
        errors.push(
            dots,
            "a remote method has a fixed list of arguments: take a `Vec<T>`",
        );
    }
}

fn result(output: &ReturnType, reply: Reply, errors: &mut Errors) -> Type {
    let ReturnType::Type(_, ty) = output else {
        return parse_quote!(());
    };
    let is_unit = matches!(&**ty, Type::Tuple(tuple) if tuple.elems.is_empty());
    if reply == Reply::Oneway && !is_unit {
        errors.push(
            ty,
            "a one-way method has no reply: remove the result, or the `#[oneway]`",
        );
    }
    types::check(ty, Place::Result, errors);
    (**ty).clone()
}

fn arguments(signature: &Signature, errors: &mut Errors) -> Vec<Argument> {
    let mut arguments = Vec::new();
    if signature.receiver().is_none() {
        errors.push(
            &signature.ident,
            "a remote method is called on an object: write `&self` as its first argument",
        );
    }
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => refuse_receiver(receiver, errors),
            FnArg::Typed(argument) => {
                if arguments.len() == MAX_ARGUMENTS {
                    errors.push(
                        argument,
                        format!(
                            "a remote method has at most {MAX_ARGUMENTS} arguments: take a struct"
                        ),
                    );
                }
                arguments.extend(typed(argument, errors));
            }
        }
    }
    arguments
}

fn refuse_receiver(receiver: &Receiver, errors: &mut Errors) {
    attributes::refuse_on_argument(&receiver.attrs, errors);
    let is_shared = receiver.mutability.is_none();
    match &receiver.reference {
        Some((_, None)) if is_shared => {}
        Some((_, Some(_))) if is_shared => errors.push(receiver, "a receiver has no lifetime of its own: write `&self`"),
        _ => errors.push(
            receiver,
            "many calls run on one object at a time: write `&self`; keep what changes behind a Mutex or an atomic",
        ),
    }
}

fn typed(argument: &PatType, errors: &mut Errors) -> Option<Argument> {
    attributes::refuse_on_argument(&argument.attrs, errors);
    types::check(&argument.ty, Place::Argument, errors);
    match &*argument.pat {
        Pat::Ident(pat)
            if pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none() =>
        {
            Some(Argument {
                name: pat.ident.clone(),
                ty: (*argument.ty).clone(),
            })
        }
        Pat::Ident(pat) => {
            let name = &pat.ident;
            errors.push(
                pat,
                format!("an argument here is only its name: write `{name}`"),
            );
            None
        }
        other => {
            errors.push(
                other,
                "an argument needs a name, for callers to see: write `name: type`",
            );
            None
        }
    }
}

/// The method's variant in the request and the response.
fn variant(name: &Ident, errors: &mut Errors) -> Option<Ident> {
    let plain = name.unraw().to_string();
    if RESERVED.contains(&plain.as_str()) {
        errors.push(
            name,
            format!("`{plain}` is taken by the trait or its proxy: choose another name"),
        );
        return None;
    }
    let Ok(mut variant) = syn::parse_str::<Ident>(&camel_case(&plain)) else {
        errors.push(
            name,
            format!("`{plain}` makes no name on the wire: choose another name"),
        );
        return None;
    };
    variant.set_span(name.span());
    Some(variant)
}

/// Camel case exactly as tarpc makes it, since stock tarpc peers look variants up by name.
fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut starts_word = true;
    for c in name.chars() {
        if c == '_' {
            starts_word = true;
        } else if starts_word {
            camel.extend(c.to_uppercase());
            starts_word = false;
        } else {
            camel.extend(c.to_lowercase());
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::camel_case;

    #[test]
    fn camel_case_is_what_tarpc_makes_of_a_name() {
        for name in ["abc_def", "abc_def_", "_abc_def", "abc__def", "aBc_dEf"] {
            assert_eq!(camel_case(name), "AbcDef", "{name}");
        }
        assert_eq!(camel_case("is_2d"), "Is2d");
    }
}
