//! Arguments of a call, bound to names as Python binds them.

use crate::value::{as_int, fail, kind, type_name, Kind};
use minijinja::{Error, Value};

pub struct Args {
    pub positional: Vec<Value>,
    pub named: Vec<(String, Value)>,
}

impl Args {
    /// minijinja hands named arguments over as a last value of a type of its own.
    pub fn new(mut positional: Vec<Value>) -> Result<Args, Error> {
        let mut named = Vec::new();
        if positional.last().is_some_and(Value::is_kwargs) {
            if let Some(kwargs) = positional.pop() {
                for name in kwargs.try_iter()? {
                    let value = kwargs.get_item(&name)?;
                    named.push((name.to_string(), value));
                }
            }
        }
        Ok(Args { positional, named })
    }

    /// The arguments in the order of `names`; the first `required` must be there.
    pub fn bind<const N: usize>(self, function: &str, names: [&str; N], required: usize) -> Result<[Option<Value>; N], Error> {
        if self.positional.len() > N {
            return fail(format!("{function}() takes at most {N} arguments ({} given)", self.positional.len()));
        }
        let mut bound: [Option<Value>; N] = std::array::from_fn(|_| None);
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            match names.iter().position(|known| !known.is_empty() && *known == name) {
                Some(i) if bound[i].is_none() => bound[i] = Some(value),
                Some(_) => return fail(format!("{function}() got multiple values for argument '{name}'")),
                None => return fail(format!("{function}() got an unexpected keyword argument '{name}'")),
            }
        }
        if let Some(missing) = bound.iter().take(required).position(Option::is_none) {
            return fail(format!("{function}() is missing its argument '{}'", names[missing]));
        }
        Ok(bound)
    }

    pub fn none(self, function: &str) -> Result<(), Error> {
        self.bind(function, [], 0).map(|_: [Option<Value>; 0]| ())
    }
}

pub fn text<'a>(v: &'a Value, function: &str) -> Result<&'a str, Error> {
    match v.as_str() {
        Some(text) => Ok(text),
        None => fail(format!("{function}() argument must be str, not {}", type_name(v))),
    }
}

/// A string or None.
pub fn optional_text<'a>(v: &'a Option<Value>, function: &str) -> Result<Option<&'a str>, Error> {
    match v {
        None => Ok(None),
        Some(v) if v.is_none() => Ok(None),
        Some(v) => text(v, function).map(Some),
    }
}

pub fn integer(v: &Option<Value>, default: i128, function: &str) -> Result<i128, Error> {
    match v {
        None => Ok(default),
        Some(v) => as_int(v).map_or_else(|| fail(format!("{function}(): '{}' object cannot be interpreted as an integer", type_name(v))), Ok),
    }
}

/// An index or None, as in slices.
pub fn optional_integer(v: &Option<Value>, function: &str) -> Result<Option<i128>, Error> {
    match v {
        Some(v) if kind(v) == Kind::None => Ok(None),
        None => Ok(None),
        some => integer(some, 0, function).map(Some),
    }
}

pub fn truth(v: &Option<Value>, default: bool) -> bool {
    v.as_ref().map_or(default, Value::is_true)
}
