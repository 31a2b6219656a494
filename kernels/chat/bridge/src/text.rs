//! How Python prints: str(), repr() and json.dumps() of a value.

use crate::args::{truth, Args};
use crate::budget::charge;
use crate::ops;
use crate::value::{as_int, fail, kind, pairs, type_name, Kind, View};
use minijinja::{Error, Value};
use std::borrow::Cow;
use std::fmt::Write;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Deeper nesting than this is refused; Python would end in a RecursionError.
const MAX_DEPTH: usize = 400;

/// str(value), borrowed if it is text already.
pub fn str_of(v: &Value) -> Result<Cow<'_, str>, Error> {
    if let Some(text) = v.as_str() {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::new();
    if kind(v) != Kind::Undefined {
        write_repr(&mut out, v, 0)?;
    }
    Ok(Cow::Owned(out))
}

pub fn repr_of(v: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_repr(&mut out, v, 0)?;
    Ok(out)
}

/// float.__repr__: the shortest digits that read back the same, with an exponent below 1e-4 and from 1e16.
pub fn float_repr(x: f64) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let scientific = format!("{x:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let mut fixed = x.to_string();
        if !fixed.contains('.') {
            fixed.push_str(".0");
        }
        fixed
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    }
}

fn is_printable(c: char) -> bool {
    c == ' '
        || !matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::Surrogate
                | GeneralCategory::PrivateUse
                | GeneralCategory::Unassigned
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::SpaceSeparator
        )
}

pub fn is_printable_text(text: &str) -> bool {
    text.chars().all(is_printable)
}

fn write_string_repr(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_ascii_graphic() || is_printable(c) => out.push(c),
            c => {
                let code = c as u32;
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

fn write_sequence<'a>(out: &mut String, items: impl Iterator<Item = Value> + 'a, depth: usize) -> Result<usize, Error> {
    let mut count = 0;
    for item in items {
        if count > 0 {
            out.push_str(", ");
        }
        write_repr(out, &item, depth + 1)?;
        count += 1;
    }
    Ok(count)
}

fn write_repr(out: &mut String, v: &Value, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return fail("maximum recursion depth exceeded while printing a value");
    }
    charge(16 + v.as_str().map_or(0, str::len))?;
    match kind(v) {
        Kind::Undefined => out.push_str("Undefined"),
        Kind::None => out.push_str("None"),
        Kind::Bool => out.push_str(if v.is_true() { "True" } else { "False" }),
        Kind::Float => out.push_str(&float_repr(f64::try_from(v.clone())?)),
        Kind::Str if v.is_safe() => {
            out.push_str("Markup(");
            write_string_repr(out, v.as_str().unwrap_or_default());
            out.push(')');
        }
        Kind::Str => write_string_repr(out, v.as_str().unwrap_or_default()),
        Kind::List => {
            out.push('[');
            write_sequence(out, v.try_iter()?, depth)?;
            out.push(']');
        }
        Kind::Tuple => {
            out.push('(');
            if write_sequence(out, v.try_iter()?, depth)? == 1 {
                out.push(',');
            }
            out.push(')');
        }
        Kind::Dict => write_dict_repr(out, v, depth)?,
        Kind::Namespace => {
            out.push_str("<Namespace {");
            for (i, key) in v.try_iter()?.enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_repr(out, &key, depth + 1)?;
                out.push_str(": ");
                write_repr(out, &v.get_item(&key)?, depth + 1)?;
            }
            out.push_str("}>");
        }
        Kind::View => {
            if let Some(view) = v.downcast_object_ref::<View>() {
                out.push_str(view.name);
                out.push_str("([");
                write_sequence(out, view.items.iter().cloned(), depth)?;
                out.push_str("])");
            }
        }
        _ => {
            let _ = write!(out, "{v}");
        }
    }
    Ok(())
}

fn write_dict_repr(out: &mut String, v: &Value, depth: usize) -> Result<(), Error> {
    out.push('{');
    for (i, (key, value)) in pairs(v)?.into_iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_repr(out, &key, depth + 1)?;
        out.push_str(": ");
        write_repr(out, &value, depth + 1)?;
    }
    out.push('}');
    Ok(())
}

/// The arguments of json.dumps() that transformers' tojson passes on.
struct Json {
    ascii: bool,
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
    sort_keys: bool,
}

/// `value|tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`
pub fn tojson(args: Args) -> Result<Value, Error> {
    let [value, ensure_ascii, indent, separators, sort_keys] =
        args.bind("tojson", ["x", "ensure_ascii", "indent", "separators", "sort_keys"], 1)?;
    let indent = match indent {
        None => None,
        Some(v) if v.is_none() => None,
        Some(v) => Some(match (v.as_str(), as_int(&v)) {
            (Some(text), _) => text.to_string(),
            (None, Some(width)) => {
                let width = usize::try_from(width.max(0)).unwrap_or(usize::MAX);
                charge(width)?;
                " ".repeat(width)
            }
            _ => return fail(format!("can't multiply sequence by non-int of type '{}'", type_name(&v))),
        }),
    };
    let (item_separator, key_separator) = match separators.filter(|v| !v.is_none()) {
        None => ((if indent.is_some() { "," } else { ", " }).to_string(), ": ".to_string()),
        Some(v) => {
            let parts = crate::value::iterate(&v)?;
            match (parts.len(), parts.first().and_then(Value::as_str), parts.last().and_then(Value::as_str)) {
                (2, Some(item), Some(key)) => (item.to_string(), key.to_string()),
                _ => return fail("tojson: separators must be a pair of strings"),
            }
        }
    };
    let json = Json { ascii: truth(&ensure_ascii, false), indent, item_separator, key_separator, sort_keys: truth(&sort_keys, false) };
    let mut out = String::new();
    json.write(&mut out, &value.unwrap_or_default(), 0)?;
    Ok(Value::from(out))
}

impl Json {
    fn string(&self, out: &mut String, text: &str) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' || (self.ascii && c > '~') => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }

    fn line(&self, out: &mut String, depth: usize) -> Result<(), Error> {
        if let Some(indent) = &self.indent {
            charge(indent.len() * depth)?;
            out.push('\n');
            for _ in 0..depth {
                out.push_str(indent);
            }
        }
        Ok(())
    }

    fn scalar(&self, v: &Value) -> Option<String> {
        match kind(v) {
            Kind::None => Some("null".into()),
            Kind::Bool => Some(if v.is_true() { "true" } else { "false" }.into()),
            Kind::Int | Kind::BigInt => Some(v.to_string()),
            Kind::Float => f64::try_from(v.clone()).ok().map(|x| match float_repr(x).as_str() {
                "nan" => "NaN".into(),
                "inf" => "Infinity".into(),
                "-inf" => "-Infinity".into(),
                text => text.to_string(),
            }),
            _ => None,
        }
    }

    fn key(&self, v: &Value) -> Result<String, Error> {
        if let Some(text) = v.as_str() {
            return Ok(text.to_string());
        }
        self.scalar(v).map_or_else(
            || fail(format!("keys must be str, int, float, bool or None, not {}", type_name(v))),
            Ok,
        )
    }

    fn write(&self, out: &mut String, v: &Value, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return fail("maximum recursion depth exceeded while encoding a JSON object");
        }
        charge(16 + v.as_str().map_or(0, str::len))?;
        if let Some(text) = v.as_str() {
            self.string(out, text);
            return Ok(());
        }
        if let Some(text) = self.scalar(v) {
            out.push_str(&text);
            return Ok(());
        }
        match kind(v) {
            Kind::List | Kind::Tuple => {
                let items = crate::value::iterate(v)?;
                if items.is_empty() {
                    out.push_str("[]");
                    return Ok(());
                }
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push_str(&self.item_separator);
                    }
                    self.line(out, depth + 1)?;
                    self.write(out, item, depth + 1)?;
                }
                self.line(out, depth)?;
                out.push(']');
                Ok(())
            }
            Kind::Dict => self.dict(out, v, depth),
            _ => fail(format!("Object of type {} is not JSON serializable", type_name(v))),
        }
    }

    fn dict(&self, out: &mut String, v: &Value, depth: usize) -> Result<(), Error> {
        let mut members = pairs(v)?;
        if members.is_empty() {
            out.push_str("{}");
            return Ok(());
        }
        if self.sort_keys {
            members = ops::sorted(members, |a, b| ops::less(&a.0, &b.0))?;
        }
        out.push('{');
        for (i, (key, value)) in members.iter().enumerate() {
            if i > 0 {
                out.push_str(&self.item_separator);
            }
            self.line(out, depth + 1)?;
            self.string(out, &self.key(key)?);
            out.push_str(&self.key_separator);
            self.write(out, value, depth + 1)?;
        }
        self.line(out, depth)?;
        out.push('}');
        Ok(())
    }
}
