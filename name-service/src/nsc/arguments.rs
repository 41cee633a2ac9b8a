//! From the words of a command line to the arguments of a call. Pure.

use anyhow::{anyhow, bail};
use farcall_shared::descriptor::{Argument, Descriptor, Method, did_you_mean, similar};
use farcall_shared::object::Arguments;
use farcall_shared::shape::Type;
use farcall_shared::value::Value;
use serde_json::Value as Json;

use super::fit::{fit, takes_bare_text};
use super::output::{one_line, shortened};

/// The most characters of a signature that an error repeats.
const MAX_SIGNATURE_CHARS: usize = 200;

/// How words become arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passing {
    /// Each word is the next argument.
    ByPosition,
    /// A word `name=JSON` is the argument of that name; others are by position.
    ByName,
}

impl Passing {
    /// The argument's name, if the word gives one, and its value's text.
    fn split(self, word: &str) -> (Option<&str>, &str) {
        match (self, word.split_once('=')) {
            (Self::ByName, Some((name, text))) if is_name(name) => (Some(name), text),
            _ => (None, word),
        }
    }
}

fn is_name(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    starts_well && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The method of an object with this descriptor; `object` is how errors call it.
pub(super) fn method<'a>(
    descriptor: &'a Descriptor,
    name: &str,
    object: &str,
) -> anyhow::Result<&'a Method> {
    match descriptor.method(name) {
        Some((_, method)) => Ok(method),
        None => bail!(
            "{object} has no method '{}'{}; `nsc describe {object}` shows what it has",
            shortened(name),
            did_you_mean(&descriptor.similar(name))
        ),
    }
}

/// The arguments of a method that is known, each checked against its type.
pub(super) fn checked(
    method: &Method,
    words: &[String],
    passing: Passing,
) -> anyhow::Result<Arguments> {
    let texts = assigned(method, words, passing)?;
    let values = method
        .arguments
        .iter()
        .zip(texts)
        .map(|(argument, text)| value(method, argument, text));
    Ok(Arguments::positional(
        values.collect::<anyhow::Result<Vec<_>>>()?,
    ))
}

/// The arguments of a method of which nothing is known.
pub(super) fn unchecked(words: &[String], passing: Passing) -> anyhow::Result<Arguments> {
    let mut arguments = Arguments::default();
    for (i, word) in words.iter().enumerate() {
        let (name, text) = passing.split(word);
        let value: Json = serde_json::from_str(text).map_err(|e| {
            anyhow!(
                "argument {} is not JSON: {e} in '{}'; text needs quotes: '\"text\"'",
                name.map_or_else(|| (i + 1).to_string(), |name| format!("'{name}'")),
                shortened(text)
            )
        })?;
        match name {
            Some(name) => arguments.named.push((name.to_owned(), value.into())),
            None => arguments.positional.push(value.into()),
        }
    }
    Ok(arguments)
}

/// The text of each argument, in the order of the method.
fn assigned<'w>(
    method: &Method,
    words: &'w [String],
    passing: Passing,
) -> anyhow::Result<Vec<&'w str>> {
    let mut by_position = Vec::new();
    let mut by_name: Vec<(&str, &str)> = Vec::new();
    for word in words {
        match passing.split(word) {
            (None, text) => by_position.push(text),
            (Some(name), text) => by_name.push((name, text)),
        }
    }
    let wanted = method.arguments.len();
    if by_position.len() > wanted || (by_name.is_empty() && by_position.len() < wanted) {
        bail!(
            "{} takes {}, not {}: {}",
            method.name,
            counted(wanted),
            by_position.len(),
            signature(method)
        );
    }
    let mut texts = by_position.into_iter().map(Some).collect::<Vec<_>>();
    texts.resize(wanted, None);
    for (name, text) in by_name {
        let place = method.arguments.iter().position(|a| a.name == name);
        match place.and_then(|place| texts.get_mut(place)) {
            Some(slot @ None) => *slot = Some(text),
            Some(Some(_)) => bail!("argument '{name}' is given twice: {}", signature(method)),
            None => {
                let known = method.arguments.iter().map(|a| a.name.as_str());
                bail!(
                    "{} has no argument '{}'{}: {}",
                    method.name,
                    shortened(name),
                    did_you_mean(&similar(name, known)),
                    signature(method)
                )
            }
        }
    }
    let texts = method.arguments.iter().zip(texts).map(|(argument, text)| {
        text.ok_or_else(|| {
            anyhow!(
                "argument '{}' is missing: {}",
                argument.name,
                signature(method)
            )
        })
    });
    texts.collect()
}

fn value(method: &Method, argument: &Argument, text: &str) -> anyhow::Result<Value> {
    let Argument { name, ty } = argument;
    match serde_json::from_str::<Json>(text) {
        Ok(json) => fit(json, ty).map_err(|e| {
            anyhow!(
                "argument '{name}{}' {}: {}",
                e.path,
                e.why,
                signature(method)
            )
        }),
        Err(not_json) => {
            let bare = takes_bare_text(ty).then(|| fit(Json::String(text.to_owned()), ty));
            match bare {
                Some(Ok(value)) => Ok(value),
                _ => bail!(
                    "argument '{name}' must be {}, not '{}', which is not JSON: {not_json}: {}",
                    shortened(&ty.to_string()),
                    shortened(text),
                    signature(method)
                ),
            }
        }
    }
}

fn counted(arguments: usize) -> String {
    match arguments {
        0 => "no arguments".into(),
        1 => "1 argument".into(),
        more => format!("{more} arguments"),
    }
}

/// The method as it is described, without a result that would make the line hard to read.
fn signature(method: &Method) -> String {
    let text = method.to_string();
    if text.chars().count() <= MAX_SIGNATURE_CHARS {
        return one_line(&text);
    }
    let without_result = Method {
        result: Type::Unit,
        ..method.clone()
    };
    let text = one_line(&without_result.to_string());
    match text.char_indices().nth(MAX_SIGNATURE_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use farcall_shared::descriptor::Runs;

    use super::*;

    fn add() -> Method {
        Method::new("add", "", Runs::Compute)
            .with_argument::<i64>("left")
            .with_argument::<i64>("right")
            .with_result::<i64>()
    }

    fn greet() -> Method {
        Method::new("greet", "", Runs::Compute)
            .with_argument::<String>("whom")
            .with_argument::<Option<char>>("mark")
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn refusal(method: &Method, given: &[&str], passing: Passing) -> String {
        checked(method, &words(given), passing)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn words_become_arguments_by_position_and_by_name() {
        let expected = Arguments::positional([Value::Int(1), Value::Int(-2)]);
        for (given, passing) in [
            (["1", "-2"], Passing::ByPosition),
            (["1", " -2 "], Passing::ByName),
            (["right=-2", "left=1"], Passing::ByName),
            (["right=-2", "1"], Passing::ByName),
        ] {
            let arguments = checked(&add(), &words(&given), passing).unwrap();
            assert_eq!(arguments, expected, "{given:?}");
        }
    }

    #[test]
    fn a_word_that_is_no_json_is_text_where_text_is_wanted() {
        let given = words(&["hello world", "!"]);
        let arguments = checked(&greet(), &given, Passing::ByPosition).unwrap();
        assert_eq!(
            arguments,
            Arguments::positional([Value::from("hello world"), Value::from("!")])
        );
        let given = words(&["\"quoted\"", "null"]);
        let arguments = checked(&greet(), &given, Passing::ByPosition).unwrap();
        assert_eq!(
            arguments,
            Arguments::positional([Value::from("quoted"), Value::Null])
        );
        let given = words(&["a=b", "null"]);
        let arguments = checked(&greet(), &given, Passing::ByPosition).unwrap();
        assert_eq!(arguments.positional.first(), Some(&Value::from("a=b")));
    }

    #[test]
    fn a_wrong_number_of_arguments_names_the_signature() {
        for (given, culprit) in [
            (
                &[][..],
                "add takes 2 arguments, not 0: add(left: i64, right: i64) -> i64",
            ),
            (&["1"], "add takes 2 arguments, not 1:"),
            (&["1", "2", "3"], "add takes 2 arguments, not 3:"),
        ] {
            for passing in [Passing::ByPosition, Passing::ByName] {
                let error = refusal(&add(), given, passing);
                assert!(error.starts_with(culprit), "{error}");
            }
        }
    }

    #[test]
    fn a_wrong_name_is_refused_with_those_that_look_like_it() {
        for (given, culprit) in [
            (
                &["left=1", "rihgt=2"][..],
                "add has no argument 'rihgt'; did you mean right?: add(",
            ),
            (&["1", "left=2"], "argument 'left' is given twice"),
            (&["left=1", "left=2"], "argument 'left' is given twice"),
            (&["right=1"], "argument 'left' is missing"),
        ] {
            let error = refusal(&add(), given, Passing::ByName);
            assert!(error.starts_with(culprit), "{error}");
        }
    }

    #[test]
    fn a_wrong_word_is_refused_with_argument_type_and_text() {
        for (given, culprit) in [
            (
                ["1", "two"],
                "argument 'right' must be i64, not 'two', which is not JSON: expected",
            ),
            (
                ["1", "\"two\""],
                "argument 'right' must be i64, not \"two\": add(",
            ),
            (
                ["1.5", "2"],
                "argument 'left' must be i64, a whole number from -9223372036854775808 to",
            ),
            (
                ["", "2"],
                "argument 'left' must be i64, not '', which is not JSON: EOF",
            ),
        ] {
            let error = refusal(&add(), &given, Passing::ByPosition);
            assert!(error.starts_with(culprit), "{error}");
        }
    }

    #[test]
    fn a_million_levels_are_an_error_with_types_and_without() {
        for open in ["[", "{\"a\":"] {
            let deep = open.repeat(1_000_000);
            let any = Method::new("any", "", Runs::Async).with_argument_of("it", Type::Any);
            let error = refusal(&any, &[&deep], Passing::ByPosition);
            assert!(error.contains("recursion limit exceeded"), "{error}");
            assert!(error.len() < 400, "{} bytes", error.len());
            let error = unchecked(&words(&[&deep]), Passing::ByPosition)
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("argument 1 is not JSON: recursion limit exceeded"),
                "{error}"
            );
        }
    }

    #[test]
    fn arguments_of_which_nothing_is_known_are_sent_as_they_are() {
        let given = words(&["1", "who=\"me\"", "[true]"]);
        let arguments = unchecked(&given, Passing::ByName).unwrap();
        assert_eq!(
            arguments.positional,
            [Value::Int(1), Value::List(vec![Value::Bool(true)])]
        );
        assert_eq!(arguments.named, [("who".to_owned(), Value::from("me"))]);
        let error = unchecked(&given, Passing::ByPosition)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("argument 2 is not JSON"), "{error}");
    }

    #[test]
    fn an_unknown_method_is_refused_with_those_that_look_like_it() {
        let descriptor = Descriptor::new("Sums", "", vec![add(), greet()]);
        assert_eq!(method(&descriptor, "add", "w.1").unwrap(), &add());
        let error = method(&descriptor, "ad", "w.1").unwrap_err().to_string();
        assert!(
            error.starts_with("w.1 has no method 'ad'; did you mean add?"),
            "{error}"
        );
    }
}
