//! Jinja2's filters that make or show numbers.

use crate::args::{integer, truth, Args};
use crate::methods::strip;
use crate::text::float_repr;
use crate::value::*;
use minijinja::{Error, State, Value};

pub fn to_float(v: &Value) -> Option<f64> {
    let Some(text) = v.as_str() else { return as_float(v) };
    let text = strip(text, None, true, true);
    let well_placed = !text.starts_with('_') && !text.ends_with('_') && !text.contains("__");
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let spelled = digits.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let word = matches!(spelled.as_str(), "inf" | "infinity" | "nan");
    (well_placed && (word || spelled.starts_with(|c: char| c.is_ascii_digit() || c == '.'))).then(|| digits.parse().ok())?
}

/// int(text, base): sign, the base's own prefix, single underscores between digits.
fn parse_int(text: &str, base: u32) -> Option<i128> {
    let text = strip(text, None, true, true);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefix = |letter: char| {
        digits.strip_prefix('0').and_then(|rest| rest.strip_prefix([letter, letter.to_ascii_uppercase()])).map(|rest| rest.strip_prefix('_').unwrap_or(rest))
    };
    let digits = match base {
        16 => prefix('x'),
        8 => prefix('o'),
        2 => prefix('b'),
        _ => None,
    }
    .unwrap_or(digits);
    if digits.starts_with(['_', '+', '-']) || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    let value = i128::from_str_radix(&plain, base).ok()?;
    Some(if negative { -value } else { value })
}

pub fn to_int(_: &mut State, args: Args) -> Result<Value, Error> {
    let [v, default, base] = args.bind("int", ["value", "default", "base"], 1)?;
    let v = v.unwrap_or_default();
    if v.is_undefined() {
        return undefined();
    }
    let base = integer(&base, 10, "int")?;
    if let Some(text) = v.as_str() {
        if !(2..=36).contains(&base) {
            return Ok(default.unwrap_or(Value::from(0)));
        }
        if let Some(n) = parse_int(text, base as u32) {
            return Ok(int(n));
        }
    } else if let Some(n) = as_int(&v) {
        return Ok(int(n));
    } else if as_float(&v).is_some_and(f64::is_infinite) {
        return fail("cannot convert float infinity to integer");
    }
    match to_float(&v) {
        Some(x) if x.is_finite() && x.abs() < 1e38 => Ok(int(x.trunc() as i128)),
        _ => Ok(default.unwrap_or(Value::from(0))),
    }
}

/// round(x, digits) on the exact decimal value, ties to even.
fn round_to(x: f64, digits: i128) -> f64 {
    if !x.is_finite() || digits > 330 {
        return x;
    }
    if digits >= 0 {
        return format!("{x:.*}", digits as usize).parse().unwrap_or(x);
    }
    if digits < -308 {
        return 0f64.copysign(x);
    }
    let unit = 10f64.powi(-digits as i32);
    (x / unit).round_ties_even() * unit
}

pub fn round(_: &mut State, args: Args) -> Result<Value, Error> {
    let [v, precision, method] = args.bind("round", ["value", "precision", "method"], 1)?;
    let v = v.unwrap_or_default();
    let precision = integer(&precision, 0, "round")?;
    let method = method.unwrap_or(Value::from("common"));
    let method = method.as_str().unwrap_or_default();
    if v.is_undefined() {
        return undefined();
    }
    let Some(x) = as_float(&v) else { return fail(format!("type {} doesn't define __round__ method", type_name(&v))) };
    match (method, as_int(&v)) {
        ("common", Some(n)) if precision >= 0 => Ok(int(n)),
        ("common", Some(n)) => {
            let Some(unit) = u32::try_from(-precision).ok().and_then(|p| 10i128.checked_pow(p)) else { return Ok(int(0)) };
            let (floor, rest) = (n.div_euclid(unit), n.rem_euclid(unit));
            let up = rest * 2 > unit || (rest * 2 == unit && floor % 2 != 0);
            Ok(int((floor + i128::from(up)) * unit))
        }
        ("common", None) => Ok(Value::from(round_to(x, precision))),
        ("ceil" | "floor", _) => {
            let unit = 10f64.powi(precision.clamp(-400, 400) as i32);
            let scaled = x * unit;
            if !scaled.is_finite() {
                return fail("cannot convert float infinity to integer");
            }
            Ok(Value::from(if method == "ceil" { scaled.ceil() } else { scaled.floor() } / unit))
        }
        _ => fail("method must be common, ceil or floor"),
    }
}

pub fn filesizeformat(_: &mut State, args: Args) -> Result<Value, Error> {
    let [v, binary] = args.bind("filesizeformat", ["value", "binary"], 1)?;
    let binary = truth(&binary, false);
    let v = v.unwrap_or_default();
    let Some(bytes) = to_float(&v) else { return fail(format!("could not convert to float: {}", type_name(&v))) };
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if bytes == 1.0 {
        return Ok(Value::from("1 Byte"));
    }
    if bytes < base {
        return Ok(Value::from(format!("{} Bytes", float_repr(bytes.trunc()).trim_end_matches(".0"))));
    }
    let mut unit = base;
    for (i, prefix) in "kMGTPEZY".chars().enumerate() {
        unit *= base;
        if bytes < unit || i == 7 {
            let name = if binary { format!("{}iB", prefix.to_ascii_uppercase()) } else { format!("{prefix}B") };
            return Ok(Value::from(format!("{:.1} {name}", base * bytes / unit)));
        }
    }
    fail("filesizeformat: no unit fits")
}
