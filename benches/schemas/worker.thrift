// The worker that volo serves. The Rust of it is checked in: volo-build would bring a git library in C along. After a
// change, a program with the crate volo-build, run in the folder benches:
//
//     volo_build::Builder::thrift()
//         .add_service("schemas/worker.thrift")
//         .filename("worker_thrift.rs".into())
//         .out_dir("src/peers/volo")
//         .write()
//
// and the first line, which says where it is from, put back.

namespace rs worker

service Worker {
  i64 process(1: i64 data)
  binary echo(1: binary data)
}
