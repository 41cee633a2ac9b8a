//! Methods can be told apart on the wire and from what the proxy has itself.

#[farcall::remote]
trait Worker {
    fn get_x(&self);
    fn get__x(&self);
    fn twice(&self);
    fn twice(&self, data: i64);
    fn serve(&self);
    fn serve_tarpc(&self);
    fn new(&self);
    fn connect(&self);
    fn over(&self);
    fn descriptor(&self);
    fn with_deadline(&self);
    fn from_remote(&self);
    fn remote(&self);
    fn clone(&self);
    fn self_(&self);
    fn _1(&self);
    fn __(&self);
}

fn main() {}
