//! Collects refusals, so that a user sees all of them in one go.

use std::fmt::Display;

use quote::ToTokens;

/// The refusals so far.
#[derive(Default)]
pub(super) struct Errors(Option<syn::Error>);

impl Errors {
    /// Refuses `culprit`, saying what to write instead.
    pub(super) fn push(&mut self, culprit: &impl ToTokens, message: impl Display) {
        let error = syn::Error::new_spanned(culprit, message);
        match &mut self.0 {
            Some(earlier) => earlier.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// All refusals as one error.
    pub(super) fn finish(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
