# The worker that capnp-rpc serves. The Rust of it is checked in: the compiler is a C++ program. After a change, with
# Debian's package capnproto and the crate capnpc installed, in the folder benches:
#
#     capnp compile -orust:src/peers/capnp --src-prefix=schemas schemas/worker.capnp
#
# and the first line, which says where it is from, put back.

@0xd6b8f6a1c1a5e0b7;

# As capnpc declares it, so that its own file need not be found.
annotation parentModule @0xabee386cd1450364 (file) :Text;
$parentModule("peers::capnp");

interface Worker {
  process @0 (data :Int64) -> (result :Int64);
  echo @1 (data :Data) -> (result :Data);
}
