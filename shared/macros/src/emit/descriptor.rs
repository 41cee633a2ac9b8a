//! What an object says about itself.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;

use super::{Names, quiet};
use crate::model::{Contract, Method, Repeat, Reply, Runs};

pub(super) fn emit(contract: &Contract, names: &Names) -> TokenStream {
    let Names {
        private, request, ..
    } = names;
    let Contract {
        visibility, doc, ..
    } = contract;
    let name = contract.name.unraw().to_string();
    let quiet = quiet();
    let methods = contract.methods.iter().map(|each| method(each, names));
    let about =
        format!("What [`{name}`] says about itself: its methods in the order of the trait.");
    quote! {
        #quiet
        impl #request {
            #[doc = #about]
            #visibility fn descriptor() -> &'static #private::Descriptor {
                static DESCRIPTOR: #private::LazyLock<#private::Descriptor> = #private::LazyLock::new(|| {
                    #private::Descriptor::new(#name, #doc, ::std::vec![#(#methods),*])
                });
                &DESCRIPTOR
            }
        }
    }
}

fn method(method: &Method, names: &Names) -> TokenStream {
    let private = &names.private;
    let Method { doc, result, .. } = method;
    let name = method.name.unraw().to_string();
    let runs = match method.runs {
        Runs::Compute => quote!(Compute),
        Runs::Async => quote!(Async),
    };
    let arguments = method.arguments.iter().map(|argument| {
        let (name, ty) = (argument.name.unraw().to_string(), &argument.ty);
        quote!(.with_argument::<#ty>(#name))
    });
    let idempotent = (method.repeat == Repeat::Idempotent).then(|| quote!(.idempotent()));
    let oneway = (method.reply == Reply::Oneway).then(|| quote!(.oneway()));
    quote! {
        #private::Method::new(#name, #doc, #private::Runs::#runs)
            #(#arguments)*
            .with_result::<#result>()
            #idempotent
            #oneway
    }
}
