//! Globs over names: `*` any run, `?` any one, `[a-z]` a class, `[!a-z]` all but one, `\` quotes what follows.

use std::str::Chars;

/// A pattern, parsed once and matched often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    prefix: String,
    rest: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    AnyOne,
    AnyRun,
    OneOf(Vec<(char, char)>),
    NoneOf(Vec<(char, char)>),
}

impl Glob {
    /// Parses a pattern.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the pattern: a class that is empty, not closed or runs backwards, or a `\` at the end.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let mut glob = Self {
            prefix: String::new(),
            rest: Vec::new(),
        };
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            let token = match c {
                '*' => Token::AnyRun,
                '?' => Token::AnyOne,
                '[' => class(&mut chars)?,
                '\\' => Token::Literal(escaped(&mut chars)?),
                c => Token::Literal(c),
            };
            match token {
                Token::Literal(c) if glob.rest.is_empty() => glob.prefix.push(c),
                Token::AnyRun if glob.rest.last() == Some(&Token::AnyRun) => {}
                token => glob.rest.push(token),
            }
        }
        Ok(glob)
    }

    /// The characters that every match begins with.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether the pattern matches the whole text.
    ///
    /// Takes at most the length of the text times the length of the pattern: a mismatch goes back to the last `*` only.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix(self.prefix.as_str()) else {
            return false;
        };
        let mut chars = rest.chars();
        let mut at = 0;
        let mut last_run: Option<(usize, Chars<'_>)> = None;
        loop {
            match self.rest.get(at) {
                None if chars.as_str().is_empty() => return true,
                None => {}
                Some(Token::AnyRun) => {
                    at += 1;
                    last_run = Some((at, chars.clone()));
                    continue;
                }
                Some(token) => {
                    let mut ahead = chars.clone();
                    let Some(c) = ahead.next() else {
                        return false;
                    };
                    if token.takes(c) {
                        at += 1;
                        chars = ahead;
                        continue;
                    }
                }
            }
            // A mismatch: the last run takes one character more.
            let Some((after_run, from)) = &mut last_run else {
                return false;
            };
            from.next();
            at = *after_run;
            chars = from.clone();
        }
    }
}

impl Token {
    fn takes(&self, c: char) -> bool {
        let within =
            |ranges: &[(char, char)]| ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
        match self {
            Self::Literal(literal) => *literal == c,
            Self::AnyOne | Self::AnyRun => true,
            Self::OneOf(ranges) => within(ranges),
            Self::NoneOf(ranges) => !within(ranges),
        }
    }
}

fn escaped(chars: &mut Chars<'_>) -> Result<char, String> {
    chars
        .next()
        .ok_or_else(|| "it ends with a '\\' that escapes nothing".to_owned())
}

fn class(chars: &mut Chars<'_>) -> Result<Token, String> {
    let negated = chars.as_str().starts_with('!');
    if negated {
        chars.next();
    }
    let mut ranges = Vec::new();
    while let Some(low) = class_char(chars)? {
        let mut ahead = chars.clone();
        let high = match ahead.next() {
            Some('-') if !ahead.as_str().starts_with(']') => {
                *chars = ahead;
                class_char(chars)?.ok_or_else(|| "a class ends within a range".to_owned())?
            }
            _ => low,
        };
        if low > high {
            return Err(format!("the range '{low}-{high}' runs backwards"));
        }
        ranges.push((low, high));
    }
    match ranges.is_empty() {
        true => Err("a class is empty".to_owned()),
        false if negated => Ok(Token::NoneOf(ranges)),
        false => Ok(Token::OneOf(ranges)),
    }
}

/// The next character of a class; `None` at its end.
fn class_char(chars: &mut Chars<'_>) -> Result<Option<char>, String> {
    match chars.next() {
        None => Err("a class is not closed with ']'".to_owned()),
        Some(']') => Ok(None),
        Some('\\') => escaped(chars).map(Some),
        Some(c) => Ok(Some(c)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::parse(pattern).unwrap().matches(text)
    }

    #[test]
    fn each_sign_matches_what_it_says() {
        for (pattern, text, expected) in [
            ("worker.*", "worker.1", true),
            ("worker.*", "worker.", true),
            ("worker.*", "worker", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("?", "ä", true),
            ("?", "", false),
            ("a?c", "abbc", false),
            ("[a-c]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("[!a-c]x", "dx", true),
            ("[!a-c]x", "ax", false),
            ("[a-]", "-", true),
            ("[\\]]", "]", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyyd", false),
            ("*ab", "aab", true),
            ("*.de.*", "x.de.de.y", true),
            ("**a", "bba", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_wrong_pattern_is_refused_with_the_reason() {
        for (pattern, why) in [
            ("[a", "not closed"),
            ("[]", "empty"),
            ("[!]", "empty"),
            ("[z-a]", "backwards"),
            ("a\\", "escapes nothing"),
            ("[\\", "escapes nothing"),
        ] {
            let error = Glob::parse(pattern).unwrap_err();
            assert!(error.contains(why), "{pattern}: {error}");
        }
    }

    #[test]
    fn the_literal_prefix_ends_before_the_first_sign() {
        for (pattern, prefix) in [
            ("a.b*", "a.b"),
            ("a\\*b?", "a*b"),
            ("[ab]", ""),
            ("abc", "abc"),
        ] {
            assert_eq!(Glob::parse(pattern).unwrap().literal_prefix(), prefix);
        }
    }

    #[test]
    fn many_stars_do_not_blow_up() {
        let start = Instant::now();
        assert!(!matches(
            &"a*".repeat(250).replacen('a', "?", 1),
            &format!("{}b", "a".repeat(240))
        ));
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_glob_agrees_with_a_matcher_that_tries_everything() {
        fn naive(tokens: &[Token], text: &[char]) -> bool {
            match (tokens.first(), text.first()) {
                (None, None) => true,
                (None, Some(_)) => false,
                (Some(Token::AnyRun), _) => {
                    naive(&tokens[1..], text) || (!text.is_empty() && naive(tokens, &text[1..]))
                }
                (Some(token), Some(c)) => token.takes(*c) && naive(&tokens[1..], &text[1..]),
                (Some(_), None) => false,
            }
        }
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..20_000 {
            let pattern: String = (0..random.usize(0..8))
                .map(|_| ["a", "b", "*", "?", "[ab]", "[!a]"][random.usize(0..6)])
                .collect();
            let text: String = (0..random.usize(0..8))
                .map(|_| ['a', 'b', 'c'][random.usize(0..3)])
                .collect();
            let glob = Glob::parse(&pattern).unwrap();
            let tokens: Vec<Token> = glob
                .prefix
                .chars()
                .map(Token::Literal)
                .chain(glob.rest.clone())
                .collect();
            let expected = naive(&tokens, &text.chars().collect::<Vec<_>>());
            assert_eq!(glob.matches(&text), expected, "{pattern} on {text}");
        }
    }
}
