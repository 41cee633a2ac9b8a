//! Reads little-endian fields off a slice; running short is an error, never a panic.

/// The frame ended inside a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short;

/// What is left of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    #[inline]
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Short> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Short)?;
        self.0 = tail;
        Ok(head)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(Short)?;
        self.0 = tail;
        Ok(*head)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, Short> {
        self.array::<1>().map(|[b]| b)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, Short> {
        self.array().map(u16::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, Short> {
        self.array().map(u64::from_le_bytes)
    }

    /// A text behind its length in two bytes; other bytes than UTF-8 count as running short.
    pub(crate) fn text(&mut self) -> Result<&'a str, Short> {
        let count = self.u16()?;
        std::str::from_utf8(self.bytes(count.into())?).map_err(|_| Short)
    }
}

/// Appends a text behind its length in two bytes, cut to what fits.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    let text = cut(text, usize::from(u16::MAX));
    let count = u16::try_from(text.len()).unwrap_or(0);
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// The longest beginning of `text` of at most `most` bytes that ends between characters.
#[must_use]
pub fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
