//! What stands in the parentheses of `#[remote(...)]`.

use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Ident, Path, Token};

/// The path of `crate = path`, if it is given.
pub(super) fn farcall(input: ParseStream) -> syn::Result<Option<Path>> {
    let mut farcall = None;
    while !input.is_empty() {
        let option = input.call(Ident::parse_any)?;
        if option != "crate" {
            return Err(syn::Error::new(
                option.span(),
                format!("unknown option `{option}`: the only one is `crate = path`"),
            ));
        }
        if farcall.is_some() {
            return Err(syn::Error::new(
                option.span(),
                "`crate` is there twice: remove one",
            ));
        }
        if input.parse::<Option<Token![=]>>()?.is_none() {
            return Err(syn::Error::new(option.span(), "write `crate = path`"));
        }
        farcall = Some(input.call(Path::parse_mod_style)?);
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(farcall)
}
