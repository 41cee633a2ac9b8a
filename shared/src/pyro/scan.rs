//! Looks for bytes in long texts, many at a time.

/// Where the first byte is that `is_wanted`.
#[inline]
pub(super) fn position(bytes: &[u8], is_wanted: impl Fn(u8) -> bool) -> Option<usize> {
    /// So many are looked at without a branch, which compiles to vector instructions.
    const AT_A_TIME: usize = 32;
    let has_one = |some: &[u8]| some.iter().fold(false, |has, byte| has | is_wanted(*byte));
    let chunks = bytes.chunks_exact(AT_A_TIME);
    let start = AT_A_TIME * chunks.take_while(|chunk| !has_one(chunk)).count();
    let rest = bytes.get(start..).unwrap_or_default();
    let found = rest.iter().position(|byte| is_wanted(*byte));
    found.map(|at| start + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_wherever_it_is() {
        let mut bytes = vec![b'.'; 100];
        assert_eq!(position(&bytes, |byte| byte == b'x'), None);
        for at in (0..100).rev() {
            bytes[at] = b'x';
            assert_eq!(position(&bytes, |byte| byte == b'x'), Some(at));
        }
    }
}
