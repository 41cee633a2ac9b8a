//! A ring of equals: what a node of `ring` says to the next, and when it believes it.

mod node;

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

pub use node::{Node, Settings, run};

/// What goes round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// How many hops it has made.
    pub hop: u64,
    /// How often it was made anew because a node died with it.
    pub renewals: u64,
}

impl Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hop {}", self.hop)?;
        match self.renewals {
            0 => Ok(()),
            times => write!(f, ", renewed {times} times"),
        }
    }
}

/// What a node says to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It has it now.
    Taken,
    /// It had it before, or a later one.
    Known,
}

/// One of the equals.
#[farcall::remote]
pub trait RingNode {
    /// Takes the token.
    #[idempotent]
    async fn take(&self, token: Token) -> Answer;

    /// Waits until the token has left this node after that hop.
    #[idempotent]
    async fn passed(&self, hop: u64);
}

/// The last token that a node has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    hop: u64,
    renewals: u64,
}

impl Memory {
    /// Looks at a token: it is taken once, and never after one that was made anew in its place.
    pub fn look(&mut self, token: Token) -> Answer {
        if token.hop <= self.hop || token.renewals < self.renewals {
            return Answer::Known;
        }
        (self.hop, self.renewals) = (token.hop, token.renewals);
        Answer::Taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(hop: u64, renewals: u64) -> Token {
        Token { hop, renewals }
    }

    #[test]
    fn a_token_is_taken_once() {
        let mut memory = Memory::default();
        assert_eq!(memory.look(token(1, 0)), Answer::Taken);
        assert_eq!(memory.look(token(1, 0)), Answer::Known);
        // Its node died right after it had passed it on here.
        assert_eq!(memory.look(token(1, 1)), Answer::Known);
        assert_eq!(memory.look(token(4, 0)), Answer::Taken);
    }

    #[test]
    fn what_a_node_that_was_thought_dead_still_had_is_not_taken() {
        let mut memory = Memory::default();
        assert_eq!(memory.look(token(7, 1)), Answer::Taken);
        assert_eq!(memory.look(token(8, 0)), Answer::Known);
        assert_eq!(memory.look(token(9, 1)), Answer::Taken);
    }
}
