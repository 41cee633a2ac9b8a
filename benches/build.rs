//! Writes tonic's client and server, without a protocol compiler.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let worker = Service::builder()
        .name("Worker")
        .package("farcall.benches")
        .method(method("process", "Process", "Number"))
        .method(method("echo", "Echo", "Blob"))
        .build();
    Builder::new().compile(&[worker]);
}

fn method(name: &str, route: &str, message: &str) -> Method {
    let message = format!("crate::peers::tonic::{message}");
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type(&message)
        .output_type(&message)
        .codec_path("tonic_prost::ProstCodec")
        .build()
}
