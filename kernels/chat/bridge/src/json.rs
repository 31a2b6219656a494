//! JSON text to the values of a template, as Python's json module reads it: order of keys kept, integers exact.

use crate::value::{int, BigInt};
use minijinja::Value;
use serde_json::{Number, Value as Json};

pub fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(b) => Value::from(*b),
        Json::Number(n) => number(n),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(to_value).collect::<Vec<_>>()),
        Json::Object(members) => Value::from_pairs(members.iter().map(|(key, value)| (key.as_str(), to_value(value)))),
    }
}

fn number(n: &Number) -> Value {
    let text = n.as_str();
    if text.contains(['.', 'e', 'E']) {
        return Value::from(text.parse::<f64>().unwrap_or(f64::NAN));
    }
    match text.parse::<i128>() {
        Ok(n) => int(n),
        Err(_) => Value::from_object(BigInt(text.to_string())),
    }
}
