//! The contract's tarpc client, as tarpc's own macro gives it save that a lying server costs an error and not a panic.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Ident;

use super::{
    Names, argument_names, errors_section, full_name, parameters, quiet, result_of,
    shared_attributes,
};
use crate::model::{Contract, Method};

pub(super) fn emit(contract: &Contract, names: &Names) -> TokenStream {
    let Contract {
        visibility, name, ..
    } = contract;
    let Names {
        private,
        request,
        response,
        client,
        ..
    } = names;
    let stub = contract.type_parameter("S");
    let transport = contract.type_parameter("T");
    let quiet = quiet();
    let doc = format!("Calls a [`{name}`] over a tarpc channel, or over any other tarpc stub.");
    let methods = contract
        .methods
        .iter()
        .map(|each| method(contract, each, names));
    quote! {
        #[doc = #doc]
        #quiet
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #visibility struct #client<#stub = #private::tarpc::client::Channel<#request, #response>>(#stub);

        #quiet
        impl #client {
            /// Sends calls over this transport, once the dispatch is spawned.
            #visibility fn new<#transport>(
                config: #private::tarpc::client::Config,
                transport: #transport,
            ) -> #private::tarpc::client::NewClient<
                Self,
                #private::tarpc::client::RequestDispatch<#request, #response, #transport>,
            >
            where
                #transport: #private::tarpc::Transport<
                    #private::tarpc::ClientMessage<#request>,
                    #private::tarpc::Response<#response>,
                >,
            {
                let made = #private::tarpc::client::new(config, transport);
                #private::tarpc::client::NewClient {
                    client: Self(made.client),
                    dispatch: made.dispatch,
                }
            }
        }

        #quiet
        impl<#stub> ::core::convert::From<#stub> for #client<#stub>
        where
            #stub: #private::tarpc::client::stub::Stub<Req = #request, Resp = #response>,
        {
            fn from(stub: #stub) -> Self {
                Self(stub)
            }
        }

        #quiet
        impl<#stub> #client<#stub>
        where
            #stub: #private::tarpc::client::stub::Stub<Req = #request, Resp = #response>,
        {
            #(#methods)*
        }
    }
}

/// A reply of another method's is an error: only a broken or lying server sends one, and it must not cost a panic.
fn method(contract: &Contract, method: &Method, names: &Names) -> TokenStream {
    let Names {
        private,
        request,
        response,
        ..
    } = names;
    let Method {
        name,
        variant,
        result,
        ..
    } = method;
    let visibility = &contract.visibility;
    let attributes = shared_attributes(method);
    let errors = errors_section(
        method,
        " Those of the channel, of the server, or of a deadline that passed.",
    );
    let (parameters, arguments) = (parameters(method), argument_names(method));
    // An argument may be called `context`, too.
    let context = Ident::new("context", Span::mixed_site());
    let output = result_of(result, quote!(#private::tarpc::client::RpcError));
    let wrong = format!(
        "the reply to {} is that of another method",
        full_name(contract, method)
    );
    quote! {
        #(#attributes)*
        #errors
        #visibility fn #name(
            &self,
            #context: #private::tarpc::context::Context
            #(, #parameters)*
        ) -> impl #private::Future<Output = #output> + '_ {
            let reply = #private::tarpc::client::stub::Stub::call(
                &self.0,
                #context,
                #request::#variant { #(#arguments),* },
            );
            async move {
                match reply.await? {
                    #response::#variant(value) => ::core::result::Result::Ok(value),
                    _ => ::core::result::Result::Err(#private::tarpc::client::RpcError::Server(
                        #private::tarpc::ServerError::new(
                            ::std::io::ErrorKind::InvalidData,
                            ::std::string::String::from(#wrong),
                        ),
                    )),
                }
            }
        }
    }
}
