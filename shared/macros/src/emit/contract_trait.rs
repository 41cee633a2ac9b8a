//! The trait itself, as objects implement it.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Ident;

use super::{Names, argument_names, parameters, quiet, run};
use crate::model::{Contract, Method, Runs};

pub(super) fn emit(contract: &Contract, names: &Names) -> TokenStream {
    let Contract {
        attributes,
        visibility,
        name,
        methods,
        ..
    } = contract;
    let Names {
        private,
        request,
        server,
        ..
    } = names;
    let declared = methods.iter().map(|method| {
        let attributes = &method.attributes;
        let signature = signature(method, names);
        quote! { #(#attributes)* #signature; }
    });
    let delegated = delegated(contract, names);
    let computed = contract
        .methods
        .iter()
        .filter(|method| method.runs == Runs::Compute)
        .map(|method| computed(contract, method, names));
    let (service, quiet) = (service(), quiet());
    let waits = contract
        .methods
        .iter()
        .any(|method| method.runs == Runs::Async)
        .then(|| quote!(_ => ::core::option::Option::None,));
    quote! {
        #(#attributes)*
        #visibility trait #name: ::core::marker::Sized + ::core::marker::Send + ::core::marker::Sync + 'static {
            #(#declared)*

            /// Makes it an object, for a daemon to host.
            #quiet
            fn serve(self) -> #private::Servant {
                #private::Servant::new(
                    #request::descriptor(),
                    #server::new(self),
                    |#service: &#server<Self>, request| match request { #(#computed)* #waits },
                    <#server<Self> as #private::tarpc::server::Serve>::serve,
                )
            }

            /// Makes it a plain tarpc service, for stock tarpc channels.
            fn serve_tarpc(self) -> #server<Self> {
                #server::new(self)
            }
        }

        #delegated
    }
}

/// The arm that runs a plain method at once: no future, no copy of the service.
fn computed(contract: &Contract, method: &Method, names: &Names) -> TokenStream {
    let Names {
        request, response, ..
    } = names;
    let (variant, arguments) = (&method.variant, argument_names(method));
    let service = service();
    let result = run(
        &contract.name,
        &quote!(Self),
        &quote!(#service.0),
        method,
        names,
    );
    quote! {
        #request::#variant { #(#arguments),* } => ::core::option::Option::Some(
            #response::#variant(#result),
        ),
    }
}

/// The service, whatever the arguments are called.
fn service() -> Ident {
    Ident::new("service", Span::mixed_site())
}

/// One object behind an `Arc` can be served several times.
fn delegated(contract: &Contract, names: &Names) -> TokenStream {
    let name = &contract.name;
    let private = &names.private;
    let object = contract.type_parameter("T");
    let quiet = quiet();
    let methods = contract.methods.iter().map(|method| {
        let signature = signature(method, names);
        let (method_name, arguments) = (&method.name, argument_names(method));
        quote! {
            #signature {
                <#object as #name>::#method_name(&**self #(, #arguments)*)
            }
        }
    });
    quote! {
        #quiet
        impl<#object: #name> #name for #private::Arc<#object> {
            #(#methods)*
        }
    }
}

/// An `async fn` becomes a `fn` whose future is `Send`; implementors still write `async fn`.
fn signature(method: &Method, names: &Names) -> TokenStream {
    let Method { name, result, .. } = method;
    let private = &names.private;
    let parameters = parameters(method);
    let output = match method.runs {
        Runs::Async => quote!(-> impl #private::Future<Output = #result> + ::core::marker::Send),
        Runs::Compute if method.yields.is_some() => {
            let bounds = method
                .yields
                .iter()
                .flat_map(|yields| &yields.written.bounds);
            quote!(-> impl #(#bounds +)* ::core::marker::Send)
        }
        Runs::Compute if method.returns_nothing() => TokenStream::new(),
        Runs::Compute => quote!(-> #result),
    };
    quote!(fn #name(&self #(, #parameters)*) #output)
}
