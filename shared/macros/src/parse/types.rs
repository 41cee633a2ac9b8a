//! Which types can travel: only those that own what they hold and have a name.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    AngleBracketedGenericArguments, GenericArgument, PathArguments, ReturnType, Signature, Type,
    TypeImplTrait, TypeParamBound,
};

use super::errors::Errors;
use crate::model::{How, Yields};

/// Where a type stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Argument,
    Result,
}

/// Refuses every part of `ty` that cannot travel.
pub(super) fn check(ty: &Type, place: Place, errors: &mut Errors) {
    refuse_self(ty.to_token_stream(), errors);
    if let Type::Slice(_) = ty {
        errors.push(ty, format!("a slice cannot travel: write `{}`", owned(ty)));
    } else if is_str(ty) {
        errors.push(ty, "a `str` cannot travel: write `String`");
    } else {
        walk(ty, place, errors);
    }
}

fn walk(ty: &Type, place: Place, errors: &mut Errors) {
    match ty {
        Type::Reference(reference) => errors.push(
            ty,
            format!("a borrow cannot travel: write `{}`", owned(&reference.elem)),
        ),
        Type::Path(path) => {
            if let Some(qself) = &path.qself {
                walk(&qself.ty, place, errors);
            }
            for segment in &path.path.segments {
                if let PathArguments::AngleBracketed(arguments) = &segment.arguments {
                    walk_arguments(arguments, place, errors);
                }
            }
        }
        Type::Array(array) => walk(&array.elem, place, errors),
        Type::Slice(slice) => walk(&slice.elem, place, errors),
        Type::Tuple(tuple) => tuple.elems.iter().for_each(|ty| walk(ty, place, errors)),
        Type::Paren(paren) => walk(&paren.elem, place, errors),
        Type::Group(group) => walk(&group.elem, place, errors),
        Type::ImplTrait(bounds) => errors.push(ty, impl_advice(bounds, place)),
        Type::TraitObject(_) => errors.push(
            ty,
            "a `dyn` type cannot travel: write the type itself, or an enum of the types it may be",
        ),
        Type::BareFn(_) => errors.push(ty, "a function cannot travel: write what it would compute"),
        Type::Ptr(pointer) => errors.push(
            ty,
            format!("a pointer cannot travel: write `{}`", owned(&pointer.elem)),
        ),
        Type::Never(_) => errors.push(
            ty,
            "every call ends: write the type of its result, or nothing",
        ),
        Type::Infer(_) => errors.push(ty, "callers need to see the type: write it out"),
        _ => {}
    }
}

fn walk_arguments(arguments: &AngleBracketedGenericArguments, place: Place, errors: &mut Errors) {
    for argument in &arguments.args {
        match argument {
            GenericArgument::Type(ty) => walk(ty, place, errors),
            GenericArgument::Lifetime(lifetime) if lifetime.ident != "static" => errors.push(
                lifetime,
                format!("a borrow cannot travel: write a type that owns what it holds instead of `{lifetime}`"),
            ),
            _ => {}
        }
    }
}

/// The items of a result that is written as a stream or an iterator.
pub(super) fn yields(signature: &Signature, errors: &mut Errors) -> Option<Yields> {
    let ReturnType::Type(_, ty) = &signature.output else {
        return None;
    };
    let Type::ImplTrait(written) = &**ty else {
        return None;
    };
    let (how, item) = written.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let last = bound.path.segments.last()?;
        let how = match last.ident.to_string().as_str() {
            "Stream" => How::Stream,
            "Iterator" => How::Iterator,
            _ => return None,
        };
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return None;
        };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(assoc) if assoc.ident == "Item" => {
                Some((how, assoc.ty.clone()))
            }
            _ => None,
        })
    })?;
    if signature.asyncness.is_some() {
        errors.push(
            written,
            "a method that gives a stream is a plain `fn`, since the stream itself waits; where the call waits before, return `Streaming<T>`",
        );
    }
    check(&item, Place::Result, errors);
    Some(Yields {
        how,
        written: written.clone(),
        item,
    })
}

fn impl_advice(bounds: &TypeImplTrait, place: Place) -> &'static str {
    let is = |wanted: &str| {
        bounds.bounds.iter().any(|bound| match bound {
            TypeParamBound::Trait(bound) => bound
                .path
                .segments
                .last()
                .is_some_and(|last| last.ident == wanted),
            _ => false,
        })
    };
    match place {
        Place::Argument if is("Stream") || is("Iterator") => {
            "a stream that a method takes is written `Streaming<T>`"
        }
        Place::Result if is("Stream") || is("Iterator") => {
            "a stream is the whole result of a plain `fn`, written `impl Stream<Item = T>` or `impl Iterator<Item = T>`; elsewhere write `Streaming<T>`"
        }
        Place::Result if is("Future") => {
            "write `async fn`, and what the future gives as the result"
        }
        _ => {
            "an `impl` type cannot travel: write the type itself, or an enum of the types it may be"
        }
    }
}

/// `Self` is another type at the caller than at the object.
fn refuse_self(tokens: TokenStream, errors: &mut Errors) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => refuse_self(group.stream(), errors),
            TokenTree::Ident(ident) if ident == "Self" => errors.push(
                &ident,
                "`Self` is the object, which stays where it is: write the type that travels",
            ),
            _ => {}
        }
    }
}

/// What to write instead of a borrow of `ty`.
fn owned(ty: &Type) -> String {
    match ty {
        Type::Reference(reference) => owned(&reference.elem),
        Type::Paren(paren) => owned(&paren.elem),
        Type::Group(group) => owned(&group.elem),
        Type::Slice(slice) => format!("Vec<{}>", owned(&slice.elem)),
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.ident == "str" => "String".to_owned(),
            Some(last) if last.ident == "Path" => "std::path::PathBuf".to_owned(),
            Some(last) if last.ident == "OsStr" => "std::ffi::OsString".to_owned(),
            _ => text(ty),
        },
        _ => text(ty),
    }
}

fn is_str(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("str"))
}

/// The type as a person would write it.
fn text(ty: &Type) -> String {
    let mut text = ty.to_token_stream().to_string();
    for (spaced, tight) in [
        (" :: ", "::"),
        (" < ", "<"),
        (" >", ">"),
        (" ,", ","),
        ("& ", "&"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::owned;

    #[test]
    fn advice_names_the_owned_type_as_a_person_would_write_it() -> syn::Result<()> {
        for (borrowed, advice) in [
            ("&str", "String"),
            ("&'a [&'a str]", "Vec<String>"),
            ("&(crate::Page)", "crate::Page"),
            ("&mut Path", "std::path::PathBuf"),
            ("&HashMap<String, Vec<u8>>", "HashMap<String, Vec<u8>>"),
        ] {
            assert_eq!(owned(&syn::parse_str(borrowed)?), advice);
        }
        Ok(())
    }
}
