//! What `#[remote]` says about traits that cannot be remote, and that it takes all that can be.

#[test]
fn what_cannot_be_remote_is_a_compile_error_that_says_what_to_write_instead() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/*.rs");
}
