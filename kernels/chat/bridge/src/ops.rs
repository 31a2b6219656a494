//! Python's operators. The rewriting (rewrite.rs) turns every operator of a template into a call of one of these.

use crate::budget::charge;
use crate::text::str_of;
use crate::value::*;
use minijinja::formatting::{format, FormatStyle};
use minijinja::{Error, Value};

fn unsupported<T>(op: &str, a: &Value, b: &Value) -> Result<T, Error> {
    if kind(a) == Kind::Undefined || kind(b) == Kind::Undefined {
        return undefined();
    }
    fail(format!("unsupported operand type(s) for {op}: '{}' and '{}'", type_name(a), type_name(b)))
}

fn overflow<T>() -> Result<T, Error> {
    fail("integers beyond 128 bits are not supported")
}

enum Numbers {
    Int(i128, i128),
    Float(f64, f64),
}

fn numbers(a: &Value, b: &Value) -> Option<Numbers> {
    if let (Some(x), Some(y)) = (as_int(a), as_int(b)) {
        return Some(Numbers::Int(x, y));
    }
    Some(Numbers::Float(as_float(a)?, as_float(b)?))
}

/// Markup that meets plain text escapes it.
fn joined(a: &Value, x: &str, b: &Value, y: &str) -> Result<Value, Error> {
    charge(x.len() + y.len())?;
    Ok(match (a.is_safe(), b.is_safe()) {
        (false, false) => Value::from([x, y].concat()),
        (true, true) => Value::from_safe_string([x, y].concat()),
        (true, false) => Value::from_safe_string([x, &escape_html(y)].concat()),
        (false, true) => Value::from_safe_string([&escape_html(x), y].concat()),
    })
}

pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

pub fn add(a: &Value, b: &Value) -> Result<Value, Error> {
    if let (Some(x), Some(y)) = (a.as_str(), b.as_str()) {
        return joined(a, x, b, y);
    }
    match (kind(a), kind(b)) {
        (Kind::List, Kind::List) | (Kind::Tuple, Kind::Tuple) => {
            let mut items = iterate(a)?;
            items.extend(iterate(b)?);
            Ok(if kind(a) == Kind::List { list(items) } else { tuple(items) })
        }
        _ => match numbers(a, b) {
            Some(Numbers::Int(x, y)) => x.checked_add(y).map_or_else(overflow, |n| Ok(int(n))),
            Some(Numbers::Float(x, y)) => Ok(Value::from(x + y)),
            None => unsupported("+", a, b),
        },
    }
}

pub fn sub(a: &Value, b: &Value) -> Result<Value, Error> {
    match numbers(a, b) {
        Some(Numbers::Int(x, y)) => x.checked_sub(y).map_or_else(overflow, |n| Ok(int(n))),
        Some(Numbers::Float(x, y)) => Ok(Value::from(x - y)),
        None => unsupported("-", a, b),
    }
}

fn repeat(sequence: &Value, count: i128) -> Result<Value, Error> {
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    if let Some(text) = sequence.as_str() {
        charge(text.len().saturating_mul(count))?;
        let repeated = text.repeat(count);
        return Ok(if sequence.is_safe() { Value::from_safe_string(repeated) } else { Value::from(repeated) });
    }
    let items = iterate(sequence)?;
    charge(items.len().saturating_mul(count).saturating_mul(ELEMENT_BYTES))?;
    let total = items.len().saturating_mul(count);
    let repeated: Vec<Value> = items.iter().cycle().take(total).cloned().collect();
    Ok(if kind(sequence) == Kind::Tuple { tuple(repeated) } else { list(repeated) })
}

pub fn mul(a: &Value, b: &Value) -> Result<Value, Error> {
    let repeatable = |v: &Value| matches!(kind(v), Kind::Str | Kind::List | Kind::Tuple);
    if let (true, Some(n)) = (repeatable(a), as_int(b)) {
        return repeat(a, n);
    }
    if let (Some(n), true) = (as_int(a), repeatable(b)) {
        return repeat(b, n);
    }
    match numbers(a, b) {
        Some(Numbers::Int(x, y)) => x.checked_mul(y).map_or_else(overflow, |n| Ok(int(n))),
        Some(Numbers::Float(x, y)) => Ok(Value::from(x * y)),
        None => unsupported("*", a, b),
    }
}

pub fn div(a: &Value, b: &Value) -> Result<Value, Error> {
    let Some((x, y)) = as_float(a).zip(as_float(b)) else { return unsupported("/", a, b) };
    if y == 0.0 {
        return fail("division by zero");
    }
    Ok(Value::from(x / y))
}

/// Floor division and remainder of integers: the remainder has the divisor's sign.
fn int_divmod(x: i128, y: i128) -> Option<(i128, i128)> {
    let (mut quotient, mut remainder) = (x.checked_div(y)?, x.checked_rem(y)?);
    if remainder != 0 && (remainder < 0) != (y < 0) {
        quotient -= 1;
        remainder += y;
    }
    Some((quotient, remainder))
}

/// CPython's float_divmod (Objects/floatobject.c).
fn float_divmod(x: f64, y: f64) -> (f64, f64) {
    let mut remainder = x % y;
    let mut quotient = (x - remainder) / y;
    if remainder != 0.0 {
        if (y < 0.0) != (remainder < 0.0) {
            remainder += y;
            quotient -= 1.0;
        }
    } else {
        remainder = 0f64.copysign(y);
    }
    if quotient != 0.0 {
        let mut floor = quotient.floor();
        if quotient - floor > 0.5 {
            floor += 1.0;
        }
        (floor, remainder)
    } else {
        (0f64.copysign(x / y), remainder)
    }
}

pub fn floor_div(a: &Value, b: &Value) -> Result<Value, Error> {
    match numbers(a, b) {
        Some(Numbers::Int(_, 0)) => fail("integer division or modulo by zero"),
        Some(Numbers::Int(x, y)) => int_divmod(x, y).map_or_else(overflow, |(q, _)| Ok(int(q))),
        Some(Numbers::Float(_, 0.0)) => fail("float floor division by zero"),
        Some(Numbers::Float(x, y)) => Ok(Value::from(float_divmod(x, y).0)),
        None => unsupported("//", a, b),
    }
}

pub fn rem(a: &Value, b: &Value) -> Result<Value, Error> {
    if let Some(text) = a.as_str() {
        return percent_format(text, b);
    }
    match numbers(a, b) {
        Some(Numbers::Int(_, 0)) => fail("integer division or modulo by zero"),
        Some(Numbers::Int(x, y)) => int_divmod(x, y).map_or_else(overflow, |(_, r)| Ok(int(r))),
        Some(Numbers::Float(_, 0.0)) => fail("float modulo by zero"),
        Some(Numbers::Float(x, y)) => Ok(Value::from(float_divmod(x, y).1)),
        None => unsupported("%", a, b),
    }
}

/// `text % value`: a tuple gives several values, anything else is one.
pub fn percent_format(text: &str, value: &Value) -> Result<Value, Error> {
    let values = if kind(value) == Kind::Tuple { iterate(value)? } else { vec![value.clone()] };
    charge(text.len() + format_widths(text)?)?;
    // What can be subscripted counts as a mapping, of which not every value must be used.
    let mapping = matches!(kind(value), Kind::Dict | Kind::List | Kind::Range | Kind::Undefined);
    if !mapping && values.len() > text.replace("%%", "").matches('%').count() {
        return fail("not all arguments converted during string formatting");
    }
    for v in &values {
        charge(str_of(v)?.len())?;
    }
    format(FormatStyle::Printf, text, &values).map(Value::from)
}

/// The widths and precisions that a format string asks for, added up. `*` and nested fields take theirs from values: refused,
/// since they can't be bounded beforehand.
pub fn format_widths(text: &str) -> Result<usize, Error> {
    let mut total = 0usize;
    let mut number = 0usize;
    let mut previous = ' ';
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = number.saturating_mul(10).saturating_add(digit as usize);
        } else {
            total = total.saturating_add(number);
            number = 0;
            if (previous == '%' || previous == '.') && c == '*' {
                return fail("a format's width can't be '*' here");
            }
        }
        previous = c;
    }
    Ok(total.saturating_add(number))
}

pub fn pow(a: &Value, b: &Value) -> Result<Value, Error> {
    match numbers(a, b) {
        Some(Numbers::Int(0, y)) if y < 0 => fail("0.0 cannot be raised to a negative power"),
        Some(Numbers::Int(x, y)) if y < 0 => Ok(Value::from((x as f64).powf(y as f64))),
        Some(Numbers::Int(x, y)) => u32::try_from(y).ok().and_then(|y| x.checked_pow(y)).map_or_else(overflow, |n| Ok(int(n))),
        Some(Numbers::Float(x, y)) if x == 0.0 && y < 0.0 => fail("0.0 cannot be raised to a negative power"),
        Some(Numbers::Float(x, y)) => {
            let result = x.powf(y);
            if result.is_nan() && !x.is_nan() && !y.is_nan() {
                return fail("complex numbers are not supported");
            }
            if result.is_infinite() && x.is_finite() && y.is_finite() {
                return fail("(34, 'Numerical result out of range')");
            }
            Ok(Value::from(result))
        }
        None => unsupported("**", a, b),
    }
}

pub fn neg(a: &Value) -> Result<Value, Error> {
    match (as_int(a), kind(a)) {
        (Some(n), _) => n.checked_neg().map_or_else(overflow, |n| Ok(int(n))),
        (None, Kind::Float) => Ok(Value::from(-f64::try_from(a.clone())?)),
        (None, Kind::Undefined) => undefined(),
        _ => fail(format!("bad operand type for unary -: '{}'", type_name(a))),
    }
}

/// `a ~ b`: both as text.
pub fn concat(a: &Value, b: &Value) -> Result<Value, Error> {
    let (x, y) = (str_of(a)?, str_of(b)?);
    charge(x.len() + y.len())?;
    Ok(Value::from([&*x, &*y].concat()))
}

pub fn equal(a: &Value, b: &Value) -> Result<bool, Error> {
    equal_at(a, b, 0)
}

fn equal_at(a: &Value, b: &Value, depth: usize) -> Result<bool, Error> {
    if depth > 400 {
        return fail("maximum recursion depth exceeded in comparison");
    }
    charge(32)?;
    if let (Some(x), Some(y)) = (a.as_str(), b.as_str()) {
        charge(x.len().min(y.len()) / 16)?;
        return Ok(x == y);
    }
    Ok(match (kind(a), kind(b)) {
        (Kind::Undefined, Kind::Undefined) | (Kind::None, Kind::None) => true,
        (Kind::List, Kind::List) | (Kind::Tuple, Kind::Tuple) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (x, y) in a.try_iter()?.zip(b.try_iter()?) {
                if !equal_at(&x, &y, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Kind::Dict, Kind::Dict) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (key, x) in pairs(a)? {
                match b.as_object().and_then(|object| object.get_value(&key)) {
                    Some(y) if equal_at(&x, &y, depth + 1)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Kind::Range, Kind::Range) => iterate(a)? == iterate(b)?,
        (Kind::BigInt, Kind::BigInt) => a.to_string() == b.to_string(),
        (Kind::Generator, Kind::Generator) => match (a.downcast_object_ref::<Generator>(), b.downcast_object_ref()) {
            (Some(x), Some(y)) => std::ptr::eq(x, y),
            _ => false,
        },
        (Kind::Generator, _) | (_, Kind::Generator) => false,
        (Kind::Other | Kind::View | Kind::Namespace, _) => a == b,
        _ => match numbers(a, b) {
            Some(Numbers::Int(x, y)) => x == y,
            // Python compares an integer with a float exactly; both directions of the conversion must agree.
            Some(Numbers::Float(x, y)) => x == y && exact(a, x) && exact(b, y),
            None => false,
        },
    })
}

fn exact(v: &Value, x: f64) -> bool {
    as_int(v).map_or(true, |n| x as i128 == n)
}

/// `a < b`
pub fn less(a: &Value, b: &Value) -> Result<bool, Error> {
    order(a, b, "<", false, 0)
}

/// `a < b`, or with `or_equal` `a <= b`.
fn order(a: &Value, b: &Value, op: &str, or_equal: bool, depth: usize) -> Result<bool, Error> {
    if depth > 400 {
        return fail("maximum recursion depth exceeded in comparison");
    }
    charge(32)?;
    if let (Some(x), Some(y)) = (a.as_str(), b.as_str()) {
        return Ok(if or_equal { x <= y } else { x < y });
    }
    match (kind(a), kind(b)) {
        (Kind::List, Kind::List) | (Kind::Tuple, Kind::Tuple) => {
            for (x, y) in a.try_iter()?.zip(b.try_iter()?) {
                if !equal_at(&x, &y, depth + 1)? {
                    return order(&x, &y, op, or_equal, depth + 1);
                }
            }
            let (x, y) = (a.len(), b.len());
            Ok(if or_equal { x <= y } else { x < y })
        }
        _ => match numbers(a, b) {
            Some(Numbers::Int(x, y)) => Ok(if or_equal { x <= y } else { x < y }),
            Some(Numbers::Float(x, y)) => Ok(if or_equal { x <= y } else { x < y }),
            None if kind(a) == Kind::Undefined || kind(b) == Kind::Undefined => undefined(),
            None => fail(format!("'{op}' not supported between instances of '{}' and '{}'", type_name(a), type_name(b))),
        },
    }
}

/// Whether `item in container`.
pub fn contains(item: &Value, container: &Value) -> Result<bool, Error> {
    match kind(container) {
        Kind::Str => match item.as_str() {
            Some(text) => {
                let whole = container.as_str().unwrap_or_default();
                charge(whole.len() / 16)?;
                Ok(whole.contains(text))
            }
            None => fail(format!("'in <string>' requires string as left operand, not {}", type_name(item))),
        },
        Kind::Dict => {
            hashable(item)?;
            Ok(container.as_object().is_some_and(|object| object.get_value(item).is_some()))
        }
        Kind::Namespace => fail("argument of type 'Namespace' is not iterable"),
        _ => {
            for candidate in iterate(container)? {
                if equal(item, &candidate)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

pub fn hashable(v: &Value) -> Result<(), Error> {
    match kind(v) {
        Kind::List | Kind::Dict => fail(format!("unhashable type: '{}'", type_name(v))),
        Kind::Undefined => Ok(()),
        Kind::Tuple => v.try_iter()?.try_for_each(|item| hashable(&item)),
        _ => Ok(()),
    }
}

pub fn compare(a: &Value, op: &str, b: &Value) -> Result<bool, Error> {
    match op {
        "==" => equal(a, b),
        "!=" => equal(a, b).map(|same| !same),
        "<" => order(a, b, "<", false, 0),
        "<=" => order(a, b, "<=", true, 0),
        ">" => order(b, a, ">", false, 0),
        ">=" => order(b, a, ">=", true, 0),
        "in" => contains(a, b),
        _ => contains(a, b).map(|inside| !inside),
    }
}

/// A stable sort that asks only `less`, as Python's does, and gives up at its first error. Merge sort: n·log n comparisons,
/// whatever a broken order (NaN) answers.
pub fn sorted<T>(items: Vec<T>, less: impl Fn(&T, &T) -> Result<bool, Error> + Copy) -> Result<Vec<T>, Error> {
    if items.len() < 2 {
        return Ok(items);
    }
    let mut left = items;
    let right = left.split_off(left.len() / 2);
    let (left, right) = (sorted(left, less)?, sorted(right, less)?);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
        let from = if less(r, l)? { &mut right } else { &mut left };
        merged.extend(from.next());
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

/// Where sequence[start:stop:step] begins and ends in a sequence of `len` (Python's slice.indices).
fn slice_bounds(len: usize, start: Option<i128>, stop: Option<i128>, step: i128) -> (i128, i128) {
    let n = len as i128;
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let clamp = |index: Option<i128>, default: i128| match index {
        None => default,
        Some(i) if i < 0 => i.saturating_add(n).max(low),
        Some(i) => i.min(high),
    };
    (clamp(start, if step > 0 { low } else { high }), clamp(stop, if step > 0 { high } else { low }))
}

fn slice_indices(len: usize, start: Option<i128>, stop: Option<i128>, step: i128) -> Vec<usize> {
    let (mut at, end) = slice_bounds(len, start, stop, step);
    let mut indices = Vec::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        indices.push(at as usize);
        at = at.saturating_add(step);
    }
    indices
}

pub fn slice(v: &Value, start: &Value, stop: &Value, step: &Value) -> Result<Value, Error> {
    let index = |v: &Value| match (kind(v), as_int(v)) {
        (Kind::None, _) => Ok(None),
        (_, Some(n)) => Ok(Some(n)),
        _ => fail("slice indices must be integers or None or have an __index__ method"),
    };
    let (start, stop) = (index(start), index(stop));
    let step = index(step);
    match kind(v) {
        Kind::Str | Kind::List | Kind::Tuple | Kind::Range => {}
        Kind::Undefined => return undefined(),
        _ => return fail(format!("'{}' object is not subscriptable", type_name(v))),
    }
    let (start, stop, step) = (start?, stop?, step?);
    let step = step.unwrap_or(1);
    if step == 0 {
        return fail("slice step cannot be zero");
    }
    if let Some(text) = v.as_str() {
        charge(text.len() * 8)?;
        let chars: Vec<char> = text.chars().collect();
        let part: String = slice_indices(chars.len(), start, stop, step).into_iter().map(|i| chars[i]).collect();
        return Ok(if v.is_safe() { Value::from_safe_string(part) } else { Value::from(part) });
    }
    if let Some(range) = v.downcast_object_ref::<Range>() {
        let (from, to) = slice_bounds(range.len, start, stop, step);
        return Ok(Value::from_object(range.part(from, to, step)));
    }
    let items = iterate(v)?;
    let part: Vec<Value> = slice_indices(items.len(), start, stop, step).into_iter().map(|i| items[i].clone()).collect();
    Ok(if kind(v) == Kind::Tuple { tuple(part) } else { list(part) })
}

/// obj.name, for names that Python's types have as methods: those win over a dict's keys.
pub fn getattr(v: &Value, name: &str) -> Result<Value, Error> {
    if kind(v) == Kind::Undefined {
        return undefined();
    }
    if crate::methods::has(v, name) {
        return Ok(Value::from_object(BoundMethod { receiver: v.clone(), name: name.to_string() }));
    }
    v.get_attr(name)
}

/// obj[key], an item or else an attribute.
pub fn getitem(v: &Value, key: &Value) -> Result<Value, Error> {
    let found = match kind(v) {
        Kind::Undefined => return undefined(),
        Kind::Str => index(v.len(), key).and_then(|i| v.as_str()?.chars().nth(i)).map(|c| Value::from(c.to_string())),
        Kind::List | Kind::Tuple | Kind::Range => index(v.len(), key).and_then(|i| v.get_item_by_index(i).ok()),
        Kind::Dict => v.as_object().and_then(|object| object.get_value(key)),
        Kind::Namespace | Kind::Other => Some(v.get_item(key)?),
        _ => None,
    };
    match (found, key.as_str()) {
        (Some(value), _) => Ok(value),
        (None, Some(name)) if crate::methods::has(v, name) => {
            Ok(Value::from_object(BoundMethod { receiver: v.clone(), name: name.to_string() }))
        }
        _ => Ok(Value::UNDEFINED),
    }
}

fn index(len: Option<usize>, key: &Value) -> Option<usize> {
    let (len, at) = (len? as i128, as_int(key)?);
    let at = if at < 0 { at + len } else { at };
    (0..len).contains(&at).then_some(at as usize)
}
