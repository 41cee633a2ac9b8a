//! Arguments by place and by name, put in the order of a method's own; Python's words for those that do not fit.

use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::payload::Exception;

/// An argument that a method takes.
pub(crate) struct Parameter<'a> {
    pub(crate) name: &'a str,
    /// What it is when it is not given.
    pub(crate) default: Option<PyValue>,
}

/// The arguments in the method's order.
pub(crate) fn bind<'a>(
    method: &str,
    parameters: impl IntoIterator<Item = Parameter<'a>>,
    positional: Vec<PyValue>,
    keywords: Vec<(String, PyValue)>,
) -> Result<Vec<PyValue>, Exception> {
    let parameters: Vec<Parameter<'_>> = parameters.into_iter().collect();
    let given = positional.len();
    if given > parameters.len() {
        return Err(too_many(method, &parameters, given));
    }
    if given == parameters.len() && keywords.is_empty() {
        return Ok(positional);
    }
    let mut bound: Vec<Option<PyValue>> = positional.into_iter().map(Some).collect();
    bound.resize_with(parameters.len(), || None);
    for (name, value) in keywords {
        let place = parameters.iter().position(|it| it.name == name);
        let Some(place) = place.and_then(|place| bound.get_mut(place)) else {
            let text = format!("{method}() got an unexpected keyword argument '{name}'");
            return Err(type_error(text));
        };
        if place.is_some() {
            let text = format!("{method}() got multiple values for argument '{name}'");
            return Err(type_error(text));
        }
        *place = Some(value);
    }
    let mut missing = Vec::new();
    let mut values = Vec::with_capacity(bound.len());
    for (value, parameter) in bound.into_iter().zip(parameters) {
        match value.or(parameter.default) {
            Some(value) => values.push(value),
            None => missing.push(parameter.name),
        }
    }
    if missing.is_empty() {
        return Ok(values);
    }
    Err(type_error(format!(
        "{method}() missing {} required positional argument{}: {}",
        missing.len(),
        plural(missing.len()),
        listed(&missing)
    )))
}

/// Python counts `self`.
fn too_many(method: &str, parameters: &[Parameter<'_>], given: usize) -> Exception {
    let most = parameters.len() + 1;
    let required = parameters.iter().filter(|it| it.default.is_none()).count() + 1;
    let takes = if required < most {
        format!("from {required} to {most}")
    } else {
        most.to_string()
    };
    type_error(format!(
        "{method}() takes {takes} positional argument{} but {} were given",
        plural(most),
        given + 1
    ))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// `'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`.
fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        [others @ .., last] => format!("{}, and {last}", others.join(", ")),
    }
}

fn type_error(text: String) -> Exception {
    Exception::builtin("TypeError", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(positional: &[i64], keywords: &[(&str, i64)]) -> Result<Vec<PyValue>, String> {
        let parameters = [("first", None), ("second", Some(2)), ("third", Some(3))];
        let parameters = parameters.map(|(name, default)| Parameter {
            name,
            default: default.map(|number: i64| number.into()),
        });
        let positional = positional.iter().map(|number| (*number).into()).collect();
        let keywords = keywords
            .iter()
            .map(|(name, number)| ((*name).to_owned(), (*number).into()))
            .collect();
        bind("describe", parameters, positional, keywords)
            .map_err(|e| e.message().unwrap_or_default().to_owned())
    }

    #[test]
    fn arguments_are_bound_as_python_binds_them() {
        let ints = |numbers: [i64; 3]| Ok(numbers.map(PyValue::from).to_vec());
        assert_eq!(describe(&[1], &[]), ints([1, 2, 3]));
        assert_eq!(describe(&[1], &[("third", 9)]), ints([1, 2, 9]));
        assert_eq!(
            describe(&[], &[("second", 8), ("first", 7)]),
            ints([7, 8, 3])
        );
    }

    #[test]
    fn what_does_not_fit_is_told_in_pythons_words() {
        for (positional, keywords, text) in [
            (
                &[][..],
                &[][..],
                "describe() missing 1 required positional argument: 'first'",
            ),
            (
                &[1, 2, 3, 4],
                &[],
                "describe() takes from 2 to 4 positional arguments but 5 were given",
            ),
            (
                &[1],
                &[("first", 1)],
                "describe() got multiple values for argument 'first'",
            ),
            (
                &[1],
                &[("fourth", 1)],
                "describe() got an unexpected keyword argument 'fourth'",
            ),
        ] {
            assert_eq!(describe(positional, keywords), Err(text.to_owned()));
        }
        assert_eq!(listed(&["a", "b", "c"]), "'a', 'b', and 'c'");
        assert_eq!(listed(&["a", "b"]), "'a' and 'b'");
    }
}
