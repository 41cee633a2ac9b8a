//! The contract as a tarpc service, in the form that tarpc's own macro gives it, so that stock peers understand it.
//!
//! It is written here because the output of `#[tarpc::service]` names `::tarpc`, which a user's crate need not know.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::{Names, argument_names, full_name, is_blob, parameters, quiet, run};
use crate::model::{Contract, Method, Runs};

pub(super) fn emit(contract: &Contract, names: &Names) -> TokenStream {
    let request = request(contract, names);
    let response = response(contract, names);
    let server = server(contract, names);
    quote! { #request #response #server }
}

/// The derives of both enums, through farcall's serde.
fn serde(names: &Names) -> TokenStream {
    let private = &names.private;
    let path = quote!(#private::serde).to_string().replace(' ', "");
    quote! {
        #[derive(#private::serde::Serialize, #private::serde::Deserialize)]
        #[serde(crate = #path)]
    }
}

fn request(contract: &Contract, names: &Names) -> TokenStream {
    let Names {
        private, request, ..
    } = names;
    let visibility = &contract.visibility;
    let doc = format!(
        "A call of a method of [`{}`], as it travels.",
        contract.name
    );
    let (quiet, mut serde) = (quiet(), serde(names));
    // A caller that names its arguments must not have a misspelt one fall away.
    serde.extend(quote!(#[serde(deny_unknown_fields)]));
    let variants = contract.methods.iter().map(|method| {
        let (variant, fields) = (&method.variant, fields(method, names));
        quote! { #variant { #(#fields),* } }
    });
    let arms = contract.methods.iter().map(|method| {
        let (variant, name) = (&method.variant, full_name(contract, method));
        quote! { Self::#variant { .. } => #name, }
    });
    let debug = debug(request, quote!(#private::tarpc::RequestName::name(self)));
    quote! {
        #[doc = #doc]
        #quiet
        #serde
        #visibility enum #request { #(#variants),* }

        #quiet
        impl #private::tarpc::RequestName for #request {
            fn name(&self) -> &str {
                match self { #(#arms)* }
            }
        }

        #debug
    }
}

/// `name: type` for each argument, blobs marked.
fn fields(method: &Method, names: &Names) -> impl Iterator<Item = TokenStream> {
    let marks = method.arguments.iter().map(|argument| {
        let with = is_blob(&argument.ty).then(|| as_blob(names));
        quote!(#with)
    });
    let fields: Vec<_> = marks.zip(parameters(method)).collect();
    fields.into_iter().map(|(mark, field)| quote!(#mark #field))
}

/// The mark of a field that need not be copied.
fn as_blob(names: &Names) -> TokenStream {
    let private = &names.private;
    let path = quote!(#private::blob).to_string().replace(' ', "");
    quote!(#[serde(with = #path)])
}

fn response(contract: &Contract, names: &Names) -> TokenStream {
    let response = &names.response;
    let visibility = &contract.visibility;
    let doc = format!(
        "What a method of [`{}`] returned, as it travels.",
        contract.name
    );
    let (quiet, serde) = (quiet(), serde(names));
    let variants = contract.methods.iter().map(|method| {
        let Method {
            variant, result, ..
        } = method;
        let with = is_blob(result).then(|| as_blob(names));
        quote! { #variant(#with #result) }
    });
    let arms = contract.methods.iter().map(|method| {
        let (variant, name) = (&method.variant, full_name(contract, method));
        quote! { Self::#variant(..) => #name, }
    });
    let debug = debug(response, quote!(match self { #(#arms)* }));
    quote! {
        #[doc = #doc]
        #quiet
        #serde
        #visibility enum #response { #(#variants),* }

        #debug
    }
}

/// Only the method's name: arguments and results need not be `Debug`.
fn debug(item: &Ident, text: TokenStream) -> TokenStream {
    let quiet = quiet();
    quote! {
        #quiet
        impl ::core::fmt::Debug for #item {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(#text)
            }
        }
    }
}

fn server(contract: &Contract, names: &Names) -> TokenStream {
    let Contract {
        visibility,
        name,
        methods,
        ..
    } = contract;
    let Names {
        private,
        request,
        response,
        server,
        ..
    } = names;
    let object = contract.type_parameter("T");
    let quiet = quiet();
    let doc = format!("Serves an object of [`{name}`] over a tarpc channel.");
    let text = server.to_string();
    let arms = methods.iter().map(|method| {
        let (variant, arguments) = (&method.variant, argument_names(method));
        let result = run(name, &quote!(#object), &quote!(self.0), method, names);
        let wait = (method.runs == Runs::Async).then(|| quote!(.await));
        quote! {
            #request::#variant { #(#arguments),* } =>
                #response::#variant(#result #wait),
        }
    });
    quote! {
        #[doc = #doc]
        #quiet
        #visibility struct #server<#object>(#private::Arc<#object>);

        #quiet
        impl<#object> #server<#object> {
            /// Serves this object.
            #visibility fn new(object: #object) -> Self {
                Self(#private::Arc::new(object))
            }
        }

        #quiet
        impl<#object> ::core::clone::Clone for #server<#object> {
            fn clone(&self) -> Self {
                Self(#private::Arc::clone(&self.0))
            }
        }

        #quiet
        impl<#object> ::core::fmt::Debug for #server<#object> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(#text)
            }
        }

        #quiet
        impl<#object: #name> #private::tarpc::server::Serve for #server<#object> {
            type Req = #request;
            type Resp = #response;

            async fn serve(
                self,
                _: #private::tarpc::context::Context,
                request: #request,
            ) -> ::core::result::Result<#response, #private::tarpc::ServerError> {
                ::core::result::Result::Ok(match request { #(#arms)* })
            }
        }
    }
}
