//! The values of a template, seen as Python sees them: which type a value is, how it is walked, and the Python types that
//! minijinja lacks (generators, range, views of a dict, bound methods, integers beyond 128 bits).

use crate::budget::charge;
use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use std::fmt;
use std::sync::{Arc, Mutex};

/// What one element of a list or dict is charged.
pub const ELEMENT_BYTES: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Undefined,
    None,
    Bool,
    Int,
    Float,
    BigInt,
    Str,
    Bytes,
    List,
    Tuple,
    Dict,
    Range,
    Generator,
    View,
    Namespace,
    Other,
}

pub fn kind(v: &Value) -> Kind {
    match v.kind() {
        ValueKind::Undefined => Kind::Undefined,
        ValueKind::None => Kind::None,
        ValueKind::Bool => Kind::Bool,
        ValueKind::Number if v.is_integer() => Kind::Int,
        ValueKind::Number => Kind::Float,
        ValueKind::String => Kind::Str,
        ValueKind::Bytes => Kind::Bytes,
        ValueKind::Seq if v.is_tuple() || v.downcast_object_ref::<Group>().is_some() => Kind::Tuple,
        ValueKind::Seq if v.downcast_object_ref::<Range>().is_some() => Kind::Range,
        ValueKind::Seq => Kind::List,
        ValueKind::Iterable if v.downcast_object_ref::<Generator>().is_some() => Kind::Generator,
        ValueKind::Iterable if v.downcast_object_ref::<View>().is_some() => Kind::View,
        ValueKind::Map => {
            // minijinja's own objects (loop, macro, namespace) also show themselves as maps; the types are private.
            let name = v.as_object().map_or("", |object| object.type_name());
            if name.ends_with("::Namespace") {
                Kind::Namespace
            } else if name.contains("IndexMap") {
                Kind::Dict
            } else {
                Kind::Other
            }
        }
        ValueKind::Plain if v.downcast_object_ref::<BigInt>().is_some() => Kind::BigInt,
        _ => Kind::Other,
    }
}

/// Python's name of a value's type, for messages.
pub fn type_name(v: &Value) -> &'static str {
    match kind(v) {
        Kind::Undefined => "Undefined",
        Kind::None => "NoneType",
        Kind::Bool => "bool",
        Kind::Int | Kind::BigInt => "int",
        Kind::Float => "float",
        Kind::Str => "str",
        Kind::Bytes => "bytes",
        Kind::List => "list",
        Kind::Tuple => "tuple",
        Kind::Dict => "dict",
        Kind::Range => "range",
        Kind::Generator => "generator",
        Kind::View => "dict view",
        Kind::Namespace => "Namespace",
        Kind::Other => "object",
    }
}

pub fn fail<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message.into()))
}

pub fn undefined<T>() -> Result<T, Error> {
    Err(Error::new(ErrorKind::UndefinedError, "a value that is used here is not defined"))
}

/// A bool or integer as number. Integers beyond 128 bits are none.
pub fn as_int(v: &Value) -> Option<i128> {
    match kind(v) {
        Kind::Bool => Some(i128::from(v.is_true())),
        Kind::Int => i128::try_from(v.clone()).ok(),
        _ => None,
    }
}

pub fn as_float(v: &Value) -> Option<f64> {
    match kind(v) {
        Kind::Float => f64::try_from(v.clone()).ok(),
        _ => as_int(v).map(|n| n as f64),
    }
}

pub fn int(n: i128) -> Value {
    i64::try_from(n).map_or_else(|_| Value::from(n), Value::from)
}

pub fn list(items: Vec<Value>) -> Value {
    Value::from(items)
}

pub fn tuple(items: Vec<Value>) -> Value {
    Value::from(Tuple::from(items))
}

/// What Python's iter() gives, all of it. Strings give their characters, dicts their keys.
pub fn iterate(v: &Value) -> Result<Vec<Value>, Error> {
    match kind(v) {
        Kind::Undefined => Ok(Vec::new()),
        Kind::Str => {
            let text = v.as_str().unwrap_or_default();
            charge(text.len() * ELEMENT_BYTES)?;
            let mut buffer = [0u8; 4];
            Ok(text.chars().map(|c| Value::from(&*c.encode_utf8(&mut buffer))).collect())
        }
        Kind::List | Kind::Tuple | Kind::Dict | Kind::Range | Kind::Generator | Kind::View => {
            charge(v.len().unwrap_or(0) * ELEMENT_BYTES)?;
            Ok(v.try_iter()?.collect())
        }
        _ => fail(format!("'{}' object is not iterable", type_name(v))),
    }
}

/// The pairs of a dict, in order.
pub fn pairs(v: &Value) -> Result<Vec<(Value, Value)>, Error> {
    if kind(v) != Kind::Dict {
        return fail(format!("'{}' object is not a mapping", type_name(v)));
    }
    charge(v.len().unwrap_or(0) * 2 * ELEMENT_BYTES)?;
    Ok(v.as_object().and_then(|object| object.try_iter_pairs()).map_or_else(Vec::new, Iterator::collect))
}

pub fn length(v: &Value) -> Result<usize, Error> {
    match kind(v) {
        Kind::Undefined => Ok(0),
        Kind::Str | Kind::Bytes | Kind::List | Kind::Tuple | Kind::Dict | Kind::Range | Kind::View => Ok(v.len().unwrap_or(0)),
        _ => fail(format!("object of type '{}' has no len()", type_name(v))),
    }
}

/// What a generator expression or a lazy filter gives: true however empty, without length, and empty after one pass.
#[derive(Debug)]
pub struct Generator(Mutex<std::vec::IntoIter<Value>>);

impl Generator {
    pub fn value(items: Vec<Value>) -> Value {
        Value::from_object(Generator(Mutex::new(items.into_iter())))
    }
    /// The next element only, as Python's next().
    pub fn next(&self) -> Option<Value> {
        self.0.lock().ok()?.next()
    }
}

impl Object for Generator {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.0.lock() {
            Ok(mut items) => Enumerator::Values(std::mem::take(&mut *items).collect()),
            Err(_) => Enumerator::Empty,
        }
    }
    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        None
    }
    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<generator object>")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub start: i128,
    pub stop: i128,
    pub step: i128,
    pub len: usize,
}

impl Range {
    /// How many numbers lie between; `step` is not 0.
    pub fn count(start: i128, stop: i128, step: i128) -> i128 {
        let distance = if step > 0 { stop.saturating_sub(start) } else { start.saturating_sub(stop) };
        if distance <= 0 { 0 } else { (distance - 1) / step.saturating_abs() + 1 }
    }
    /// A slice of it, by indices.
    pub fn part(&self, from: i128, to: i128, by: i128) -> Range {
        let (start, stop, step) = (self.start + self.step * from, self.start + self.step * to, self.step.saturating_mul(by));
        Range { start, stop, step, len: usize::try_from(Range::count(start, stop, step)).unwrap_or(0) }
    }
    pub fn at(&self, index: usize) -> Value {
        int(self.start + self.step * index as i128)
    }
}

impl Object for Range {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = key.as_usize()?;
        (index < self.len).then(|| self.at(index))
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.len)
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.step == 1 {
            write!(f, "range({}, {})", self.start, self.stop)
        } else {
            write!(f, "range({}, {}, {})", self.start, self.stop, self.step)
        }
    }
}

/// dict.keys(), dict.values(), dict.items()
#[derive(Debug)]
pub struct View {
    pub name: &'static str, // "dict_keys", …
    pub items: Vec<Value>,
}

impl Object for View {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items.clone())
    }
    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.items.len())
    }
}

/// A method that was looked up and not called: `x.items` without parentheses. True, and callable later.
#[derive(Debug)]
pub struct BoundMethod {
    pub receiver: Value,
    pub name: String,
}

impl Object for BoundMethod {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        crate::methods::call(&self.receiver, &self.name, crate::args::Args::new(args.to_vec())?)
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<built-in method {} of {} object>", self.name, type_name(&self.receiver))
    }
}

/// An integer of JSON that 128 bits do not hold: it can be printed, nothing else.
#[derive(Debug)]
pub struct BigInt(pub String);

impl Object for BigInt {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What groupby gives: a pair whose parts also have names.
#[derive(Debug)]
pub struct Group {
    pub grouper: Value,
    pub items: Value,
}

impl Object for Group {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_str(), key.as_usize()) {
            (Some("grouper"), _) | (_, Some(0)) => Some(self.grouper.clone()),
            (Some("list"), _) | (_, Some(1)) => Some(self.items.clone()),
            _ => None,
        }
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(2)
    }
}
