//! Dynamic values as JSON, and back.

use serde_json::{Number, Value as Json};

use super::Value;

impl Value {
    /// The value as JSON, which shows what it lacks as something else.
    ///
    /// Bytes become a list of numbers, numbers that are not finite `null`, whole numbers beyond `i64` and `u64` text,
    /// and keys that are not text the text that they display as (of equal keys the last one stays). So do objects and
    /// streams.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(number) => whole(*number),
            Self::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
            Self::Text(text) => Json::String(text.clone()),
            Self::Bytes(bytes) => bytes.iter().copied().map(Json::from).collect(),
            Self::List(list) => list.iter().map(Self::to_json).collect(),
            Self::Map(map) => map
                .iter()
                .map(|(key, value)| (key_text(key), value.to_json()))
                .collect(),
            Self::Object(_) | Self::Stream(_) => Json::String(self.to_string()),
        }
    }
}

fn whole(number: i128) -> Json {
    if let Ok(number) = i64::try_from(number) {
        return Json::from(number);
    }
    u64::try_from(number).map_or_else(|_| Json::String(number.to_string()), Json::from)
}

fn key_text(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => from_number(&number),
            Json::String(text) => Self::Text(text),
            Json::Array(list) => Self::List(list.into_iter().map(Self::from).collect()),
            Json::Object(map) => Self::Map(
                map.into_iter()
                    .map(|(key, value)| (Self::Text(key), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

fn from_number(number: &Number) -> Value {
    match (number.as_i128(), number.as_f64()) {
        (Some(number), _) => Value::Int(number),
        (None, Some(number)) => Value::Float(number),
        // Only where serde_json is built to keep numbers of any size.
        (None, None) => Value::Text(number.to_string()),
    }
}
