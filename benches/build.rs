//! Writes tonic's client and server, without a protocol compiler.

use tonic_build::manual::{Builder, Method, MethodBuilder, Service};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let worker = Service::builder()
        .name("Worker")
        .package("farcall.benches")
        .method(method("process", "Process", "Number").build())
        .method(method("echo", "Echo", "Blob").build())
        .method(
            method("numbers", "Numbers", "Item")
                .server_streaming()
                .build(),
        )
        .build();
    Builder::new().compile(&[worker]);
}

fn method(name: &str, route: &str, message: &str) -> MethodBuilder {
    let message = format!("crate::peers::tonic::{message}");
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type(&message)
        .output_type(&message)
        .codec_path("tonic_prost::ProstCodec")
}
