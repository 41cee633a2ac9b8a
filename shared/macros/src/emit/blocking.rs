//! The typed proxy whose methods wait: the other one's, each with a wait around it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Type, parse_quote};

use super::{
    Names, argument_names, errors_section, parameters, quiet, result_of, shared_attributes,
};
use crate::model::{Contract, Method, Reply};

pub(super) fn emit(contract: &Contract, names: &Names) -> TokenStream {
    let Names {
        private,
        proxy,
        blocking,
        ..
    } = names;
    let Contract {
        visibility, name, ..
    } = contract;
    let quiet = quiet();
    let doc = format!(
        "A typed proxy for an object of [`{name}`] elsewhere whose methods wait, for code that is not async. \
         Clones are cheap and share one connection; any number of threads may call at a time."
    );
    let methods = (0u16..)
        .zip(&contract.methods)
        .map(|(number, each)| method(contract, number, each, names));
    quote! {
        #[doc = #doc]
        #[doc = ""]
        #[doc = " In async code a call holds up the thread it is on, which what it waits for must not need."]
        #quiet
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #visibility struct #blocking(#proxy);

        #quiet
        impl #blocking {
            /// Finds the object that `uri` names and connects to it.
            ///
            /// # Errors
            /// When the URI is malformed, the name unknown, the object out of reach, its daemon refuses, or there is no
            /// runtime to wait with. A method that the object lacks or has with another signature fails when it is
            /// called, and alone.
            #visibility fn connect(uri: &str) -> ::core::result::Result<Self, #private::ConnectError> {
                ::core::result::Result::map(#private::blocking::connect(uri), Self)
            }

            /// The same object, with another deadline for each call.
            #visibility fn with_deadline(&self, deadline: ::core::time::Duration) -> Self {
                Self(#proxy::with_deadline(&self.0, deadline))
            }

            #(#methods)*
        }

        #quiet
        impl ::core::convert::From<#proxy> for #blocking {
            fn from(proxy: #proxy) -> Self {
                Self(proxy)
            }
        }

        #quiet
        impl ::core::convert::From<#blocking> for #proxy {
            fn from(blocking: #blocking) -> Self {
                blocking.0
            }
        }
    }
}

/// One method. It is compiled only where it is called, as those of the other proxy are: hence `inline`.
fn method(contract: &Contract, number: u16, method: &Method, names: &Names) -> TokenStream {
    let Names { private, proxy, .. } = names;
    let visibility = &contract.visibility;
    let name = &method.name;
    let attributes = shared_attributes(method);
    let errors = errors_section(method, " A `CallError` when the call brought no value.");
    let (parameters, arguments) = (parameters(method), argument_names(method));
    let unit: Type = parse_quote!(());
    let value = match method.reply {
        Reply::Sent => &method.result,
        Reply::Oneway => &unit,
    };
    let wait = quote! {
        #private::blocking::call(
            &self.0.0,
            #number,
            #proxy::<#private::Remote>::#name(&self.0 #(, #arguments)*),
        )
    };
    // Where a stream is the result, its items are waited for, too.
    let (value, wait) = match &method.yields {
        None => (value.clone(), wait),
        Some(_) => (
            parse_quote!(#private::blocking::Iter<#value>),
            quote!(::core::result::Result::map(#wait, #private::blocking::iter)),
        ),
    };
    let output = result_of(&value, quote!(#private::CallError));
    quote! {
        #(#attributes)*
        #errors
        #[inline]
        #visibility fn #name(&self #(, #parameters)*) -> #output {
            #wait
        }
    }
}
