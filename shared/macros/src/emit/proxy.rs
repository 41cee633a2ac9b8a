//! The typed proxy: one method for each of the trait's, over whatever carries its calls.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Type, parse_quote};

use super::{Names, errors_section, is_blob, parameters, quiet, result_of, shared_attributes};
use crate::model::{Contract, Method, Reply};

pub(super) fn emit(contract: &Contract, names: &Names) -> TokenStream {
    let Names { private, proxy, .. } = names;
    let Contract {
        visibility, name, ..
    } = contract;
    let carrier = contract.type_parameter("R");
    let in_face = contract.farcall.is_none();
    let default = in_face.then(|| quote!(= #private::Remote));
    let ends = if in_face {
        over_remote(contract, names)
    } else {
        over_any(contract, names)
    };
    let quiet = quiet();
    let doc = format!(
        "A typed proxy for an object of [`{name}`] elsewhere. Clones are cheap and share one connection."
    );
    let methods = (0u16..)
        .zip(&contract.methods)
        .map(|(number, each)| method(contract, number, each, names));
    quote! {
        #[doc = #doc]
        #quiet
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #visibility struct #proxy<#carrier #default>(#carrier);

        #quiet
        impl<#carrier> #proxy<#carrier> {
            /// A proxy whose calls `remote` carries.
            #visibility fn over(remote: #carrier) -> Self {
                Self(remote)
            }
        }

        #ends

        #quiet
        impl<#carrier: #private::Call> #proxy<#carrier> {
            #(#methods)*
        }
    }
}

/// One method; its future borrows nothing.
fn method(contract: &Contract, number: u16, method: &Method, names: &Names) -> TokenStream {
    let private = &names.private;
    let visibility = &contract.visibility;
    let carrier = contract.type_parameter("R");
    let (name, result) = (&method.name, &method.result);
    let attributes = shared_attributes(method);
    let errors = errors_section(method, " A `CallError` when the call brought no value.");
    let parameters = parameters(method);
    let arguments = method.arguments.iter().map(|argument| {
        let name = &argument.name;
        match is_blob(&argument.ty) {
            true => quote!(#private::Blob(#name)),
            false => quote!(#name),
        }
    });
    let unit: Type = parse_quote!(());
    let (call, value) = match method.reply {
        Reply::Sent if is_blob(result) => (quote!(call::<_, #private::Blob<#result>>), result),
        Reply::Sent => (quote!(call::<_, #result>), result),
        Reply::Oneway => (quote!(send), &unit),
    };
    let output = result_of(value, quote!(#private::CallError));
    let call = quote! {
        #private::Call::#call(::core::clone::Clone::clone(&self.0), #number, (#(#arguments,)*))
    };
    let call = match is_blob(value) {
        true => quote! {
            let call = #call;
            async move { ::core::result::Result::map(call.await, |blob| blob.0) }
        },
        false => call,
    };
    quote! {
        #(#attributes)*
        #errors
        #visibility fn #name(
            &self
            #(, #parameters)*
        ) -> impl #private::Future<Output = #output> + ::core::marker::Send + use<#carrier> {
            #call
        }
    }
}

/// What a proxy over `Remote` has besides.
fn over_remote(contract: &Contract, names: &Names) -> TokenStream {
    let Names {
        private,
        request,
        proxy,
        ..
    } = names;
    let (visibility, name) = (&contract.visibility, &contract.name);
    let serializer = contract.type_parameter("S");
    let quiet = quiet();
    quote! {
        #quiet
        impl #proxy<#private::Remote> {
            /// Finds the object that `uri` names and connects to it.
            ///
            /// # Errors
            /// When the URI is malformed, the name unknown, the object out of reach, or its daemon refuses.
            /// A method that the object lacks or has with another signature fails when it is called, and alone.
            #visibility async fn connect(uri: &str) -> ::core::result::Result<Self, #private::ConnectError> {
                match #private::Remote::connect(uri, #request::descriptor()).await {
                    ::core::result::Result::Ok(remote) => ::core::result::Result::Ok(Self(remote)),
                    ::core::result::Result::Err(error) => ::core::result::Result::Err(error),
                }
            }

            /// The same object, with another deadline for each call.
            #visibility fn with_deadline(&self, deadline: ::core::time::Duration) -> Self {
                Self(#private::Remote::with_deadline(::core::clone::Clone::clone(&self.0), deadline))
            }

            /// What the object says about itself.
            #visibility fn descriptor() -> &'static #private::Descriptor {
                #request::descriptor()
            }
        }

        #quiet
        impl #proxy<#private::Remote> {
            /// A proxy of an object in this process. Called here, it runs here; as an argument or a result of a call it is
            /// handed out to the other side, which then calls it over the same connection.
            #visibility fn local(object: impl #name) -> Self {
                <Self as #private::Proxy>::to(#name::serve(object))
            }
        }

        /// The same object.
        #quiet
        impl ::core::cmp::PartialEq for #proxy<#private::Remote> {
            fn eq(&self, other: &Self) -> bool {
                #private::Remote::reference(&self.0) == #private::Remote::reference(&other.0)
            }
        }

        #quiet
        impl #private::serde::Serialize for #proxy<#private::Remote> {
            fn serialize<#serializer: #private::serde::Serializer>(
                &self,
                serializer: #serializer,
            ) -> ::core::result::Result<#serializer::Ok, #serializer::Error> {
                #private::serde::Serialize::serialize(&#private::Remote::reference(&self.0), serializer)
            }
        }

        #quiet
        impl<'de> #private::serde::Deserialize<'de> for #proxy<#private::Remote> {
            fn deserialize<#serializer: #private::serde::Deserializer<'de>>(
                deserializer: #serializer,
            ) -> ::core::result::Result<Self, #serializer::Error> {
                ::core::result::Result::map(
                    <#private::Reference as #private::serde::Deserialize<'de>>::deserialize(deserializer),
                    <Self as #private::Proxy>::from_reference,
                )
            }
        }

        #quiet
        impl #private::Proxy for #proxy<#private::Remote> {
            fn descriptor() -> &'static #private::Descriptor {
                #request::descriptor()
            }

            fn from_remote(remote: #private::Remote) -> Self {
                Self(remote)
            }

            fn remote(&self) -> &#private::Remote {
                &self.0
            }
        }
    }
}

/// What a proxy inside farcall has besides.
fn over_any(contract: &Contract, names: &Names) -> TokenStream {
    let Names {
        private,
        request,
        proxy,
        ..
    } = names;
    let visibility = &contract.visibility;
    let carrier = contract.type_parameter("R");
    let quiet = quiet();
    quote! {
        #quiet
        impl<#carrier> #proxy<#carrier> {
            /// What the object says about itself.
            #visibility fn descriptor() -> &'static #private::Descriptor {
                #request::descriptor()
            }
        }
    }
}
