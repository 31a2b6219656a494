//! The methods of Python's str, list, tuple, dict and float that a template may call. What changes a value is left out: the
//! sandbox of transformers is immutable.

use crate::args::{integer, optional_integer, optional_text, text, truth, Args};
use crate::budget::charge;
use crate::ops;
use crate::text::{is_printable_text, str_of};
use crate::value::*;
use minijinja::formatting::{format, FormatStyle};
use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Error, State, Value};

const STR: [&str; 41] = [
    "capitalize", "casefold", "center", "count", "endswith", "expandtabs", "find", "format", "index", "isalnum", "isalpha",
    "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper",
    "join", "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust",
    "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title",
];
const MORE_STR: [&str; 2] = ["upper", "zfill"];
const DICT: [&str; 5] = ["items", "keys", "values", "get", "copy"];

/// Whether Python's type of `v` has a method of this name (one that the sandbox allows).
pub fn has(v: &Value, name: &str) -> bool {
    match kind(v) {
        Kind::Str => STR.contains(&name) || MORE_STR.contains(&name),
        Kind::Dict => DICT.contains(&name),
        Kind::List => matches!(name, "count" | "index" | "copy"),
        Kind::Tuple | Kind::Range => matches!(name, "count" | "index"),
        Kind::Float => name == "is_integer",
        _ => false,
    }
}

/// Whether any type has a method of this name: only such attribute lookups take the slow way.
pub fn is_any(name: &str) -> bool {
    STR.contains(&name) || MORE_STR.contains(&name) || DICT.contains(&name) || name == "is_integer"
}

/// `receiver.name(...)`, the filter that the rewriting puts in place of a call.
pub fn call_any(state: &mut State, values: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let values = values.into_values();
    let [receiver, name, args @ ..] = &values[..] else { return fail("a method call without a receiver") };
    let name = name.as_str().unwrap_or_default();
    if has(receiver, name) {
        return call(receiver, name, Args::new(args.to_vec())?);
    }
    if kind(receiver) == Kind::Undefined {
        return undefined();
    }
    // A callable kept under this name: a macro in a namespace, a function in a dict.
    let target = receiver.get_attr(name)?;
    if target.is_undefined() {
        return fail(format!("'{} object' has no attribute '{name}'", type_name(receiver)));
    }
    target.call(state, args)
}

pub fn call(receiver: &Value, name: &str, args: Args) -> Result<Value, Error> {
    match kind(receiver) {
        Kind::Str => {
            let result = string(receiver.as_str().unwrap_or_default(), name, args)?;
            if receiver.is_safe() { marked_safe(result) } else { Ok(result) }
        }
        Kind::Dict => dict(receiver, name, args),
        Kind::Float => {
            args.none(name)?;
            Ok(Value::from(f64::try_from(receiver.clone())?.fract() == 0.0))
        }
        _ => sequence(receiver, name, args),
    }
}

/// What a method of Markup gives: Markup, also in lists and tuples.
fn marked_safe(result: Value) -> Result<Value, Error> {
    let marked = || iterate(&result)?.into_iter().map(marked_safe).collect::<Result<Vec<_>, _>>();
    Ok(match kind(&result) {
        Kind::Str => Value::from_safe_string(result.as_str().unwrap_or_default().to_string()),
        Kind::List => list(marked()?),
        Kind::Tuple => tuple(marked()?),
        _ => result,
    })
}

fn dict(receiver: &Value, name: &str, args: Args) -> Result<Value, Error> {
    if name == "get" {
        if !args.named.is_empty() {
            return fail("dict.get() takes no keyword arguments");
        }
        let [key, default] = args.bind("get", ["key", "default"], 1)?;
        let key = key.unwrap_or_default();
        ops::hashable(&key)?;
        let found = receiver.as_object().and_then(|object| object.get_value(&key));
        return Ok(found.or(default).unwrap_or(Value::from(())));
    }
    args.none(name)?;
    let pairs = pairs(receiver)?;
    Ok(match name {
        "keys" => Value::from_object(View { name: "dict_keys", items: pairs.into_iter().map(|(k, _)| k).collect() }),
        "values" => Value::from_object(View { name: "dict_values", items: pairs.into_iter().map(|(_, v)| v).collect() }),
        "items" => Value::from_object(View { name: "dict_items", items: pairs.into_iter().map(|(k, v)| tuple(vec![k, v])).collect() }),
        _ => Value::from_pairs(pairs),
    })
}

fn sequence(receiver: &Value, name: &str, args: Args) -> Result<Value, Error> {
    if name == "copy" {
        args.none(name)?;
        return Ok(list(iterate(receiver)?));
    }
    let [wanted] = args.bind(name, ["value"], 1)?;
    let wanted = wanted.unwrap_or_default();
    let mut count = 0i64;
    for (i, item) in iterate(receiver)?.iter().enumerate() {
        if ops::equal(item, &wanted)? {
            if name == "index" {
                return Ok(Value::from(i));
            }
            count += 1;
        }
    }
    if name == "index" {
        return fail("value is not in the list");
    }
    Ok(Value::from(count))
}

pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// str.strip, lstrip, rstrip: `chars` none means white space.
pub fn strip<'a>(s: &'a str, chars: Option<&str>, left: bool, right: bool) -> &'a str {
    let strips = |c: char| chars.map_or_else(|| is_space(c), |set| set.contains(c));
    let s = if left { s.trim_start_matches(strips) } else { s };
    if right {
        s.trim_end_matches(strips)
    } else {
        s
    }
}

pub fn splitlines(s: &str, keep_ends: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut chars = s.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}') {
            continue;
        }
        let mut end = at + c.len_utf8();
        if c == '\r' && chars.peek().is_some_and(|(_, next)| *next == '\n') {
            chars.next();
            end += 1;
        }
        lines.push(&s[start..if keep_ends { end } else { at }]);
        start = end;
    }
    if start < s.len() {
        lines.push(&s[start..]);
    }
    lines
}

fn split(s: &str, separator: Option<&str>, limit: i128, from_right: bool) -> Result<Value, Error> {
    charge(s.len() * 2)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let parts: Vec<&str> = match separator {
        Some("") => return fail("empty separator"),
        Some(separator) => {
            let pieces = limit.saturating_add(1);
            if from_right {
                let mut parts: Vec<&str> = s.rsplitn(pieces, separator).collect();
                parts.reverse();
                parts
            } else {
                s.splitn(pieces, separator).collect()
            }
        }
        None if from_right => {
            let mut parts = Vec::new();
            let mut rest = s.trim_end_matches(is_space);
            while !rest.is_empty() {
                let word = if parts.len() == limit { 0 } else { rest.rfind(is_space).map_or(0, |i| next_char(rest, i)) };
                parts.push(&rest[word..]);
                rest = rest[..word].trim_end_matches(is_space);
            }
            parts.reverse();
            parts
        }
        None => {
            let mut parts = Vec::new();
            let mut rest = s.trim_start_matches(is_space);
            while !rest.is_empty() {
                let word = if parts.len() == limit { rest.len() } else { rest.find(is_space).unwrap_or(rest.len()) };
                parts.push(&rest[..word]);
                rest = rest[word..].trim_start_matches(is_space);
            }
            parts
        }
    };
    charge(parts.len() * ELEMENT_BYTES)?;
    Ok(list(parts.into_iter().map(Value::from).collect()))
}

fn next_char(s: &str, at: usize) -> usize {
    at + s[at..].chars().next().map_or(0, char::len_utf8)
}

/// Python's str.title(): a capital after every character that has no case.
fn title(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let mut inside = false;
    for c in s.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_lowercase() || c.is_uppercase();
    }
    out
}

pub fn capitalize(s: &str) -> String {
    let mut chars = s.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect())
}

pub fn pad(s: &str, width: i128, fill: char, left_share: impl Fn(usize, usize) -> usize) -> Result<String, Error> {
    let len = s.chars().count();
    let width = usize::try_from(width.max(0)).unwrap_or(usize::MAX);
    let missing = width.saturating_sub(len);
    charge(s.len() + missing.saturating_mul(4))?;
    let left = left_share(missing, width);
    let side = |n: usize| std::iter::repeat(fill).take(n);
    Ok(side(left).chain(s.chars()).chain(side(missing - left)).collect())
}

/// Where CPython puts the odd blank of str.center.
pub fn center_share(missing: usize, width: usize) -> usize {
    missing / 2 + (missing & width & 1)
}

/// startswith/endswith: one string or a tuple of them.
fn matches_any(what: &Value, name: &str, test: impl Fn(&str) -> bool) -> Result<Value, Error> {
    if kind(what) == Kind::Tuple {
        for item in iterate(what)? {
            if test(text(&item, name)?) {
                return Ok(Value::from(true));
            }
        }
        return Ok(Value::from(false));
    }
    text(what, name).map(|what| Value::from(test(what)))
}

/// The part of `s` between two indices as Python counts them, and the first one's byte offset and character number.
fn window<'a>(s: &'a str, start: &Option<Value>, end: &Option<Value>, name: &str) -> Result<Option<(&'a str, usize)>, Error> {
    let len = s.chars().count() as i128;
    let clamp = |i: i128| if i < 0 { (i + len).max(0) } else { i };
    let start = clamp(optional_integer(start, name)?.unwrap_or(0));
    let end = clamp(optional_integer(end, name)?.unwrap_or(len)).min(len);
    if start > end {
        return Ok(None);
    }
    let byte = |n: i128| s.char_indices().nth(n as usize).map_or(s.len(), |(i, _)| i);
    Ok(Some((&s[byte(start)..byte(end)], start as usize)))
}

fn string(s: &str, name: &str, args: Args) -> Result<Value, Error> {
    charge(s.len())?;
    match name {
        "capitalize" | "casefold" | "lower" | "swapcase" | "title" | "upper" | "isalnum" | "isalpha" | "isascii" | "isdecimal"
        | "isdigit" | "isidentifier" | "islower" | "isnumeric" | "isprintable" | "isspace" | "istitle" | "isupper" => {
            args.none(name)?;
            Ok(plain(s, name))
        }
        "strip" | "lstrip" | "rstrip" => {
            let [chars] = args.bind(name, [""], 0)?;
            Ok(Value::from(strip(s, optional_text(&chars, name)?, name != "rstrip", name != "lstrip")))
        }
        "split" | "rsplit" => {
            let [separator, limit] = args.bind(name, ["sep", "maxsplit"], 0)?;
            split(s, optional_text(&separator, name)?, integer(&limit, -1, name)?, name == "rsplit")
        }
        "splitlines" => {
            let [keep] = args.bind(name, ["keepends"], 0)?;
            Ok(list(splitlines(s, truth(&keep, false)).into_iter().map(Value::from).collect()))
        }
        "startswith" | "endswith" => {
            let [what, start, end] = args.bind(name, ["", "", ""], 1)?;
            let Some((part, _)) = window(s, &start, &end, name)? else { return Ok(Value::from(false)) };
            matches_any(&what.unwrap_or_default(), name, |w| if name == "startswith" { part.starts_with(w) } else { part.ends_with(w) })
        }
        "removeprefix" | "removesuffix" => {
            let [what] = args.bind(name, [""], 1)?;
            let what = what.unwrap_or_default();
            let what = text(&what, name)?;
            let rest = if name == "removeprefix" { s.strip_prefix(what) } else { s.strip_suffix(what) };
            Ok(Value::from(rest.unwrap_or(s)))
        }
        "replace" => {
            let [old, new, count] = args.bind(name, ["", "", "count"], 2)?;
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            replace(s, text(&old, name)?, text(&new, name)?, integer(&count, -1, name)?)
        }
        "join" => {
            let [items] = args.bind(name, [""], 1)?;
            join(s, &iterate(&items.unwrap_or_default())?)
        }
        "count" | "find" | "index" | "rfind" | "rindex" => search(s, name, args),
        "partition" | "rpartition" => {
            let [separator] = args.bind(name, [""], 1)?;
            partition(s, text(&separator.unwrap_or_default(), name)?, name == "rpartition")
        }
        "center" | "ljust" | "rjust" | "zfill" | "expandtabs" => widen(s, name, args),
        _ => {
            let mut values = args.positional;
            charge(format_widths_of(s, &values)?)?;
            if !args.named.is_empty() {
                values.push(Value::from(minijinja::value::Kwargs::from_iter(args.named)));
            }
            format(FormatStyle::StrFormat, s, &values).map(Value::from)
        }
    }
}

fn format_widths_of(s: &str, values: &[Value]) -> Result<usize, Error> {
    let mut total = ops::format_widths(s)?;
    for v in values {
        total = total.saturating_add(str_of(v)?.len());
    }
    Ok(total)
}

/// Methods without arguments.
fn plain(s: &str, name: &str) -> Value {
    let all = |test: fn(char) -> bool| Value::from(!s.is_empty() && s.chars().all(test));
    let cased = |c: char| c.is_lowercase() || c.is_uppercase();
    match name {
        "capitalize" => Value::from(capitalize(s)),
        "casefold" => Value::from(s.to_lowercase().replace('ß', "ss")),
        "lower" => Value::from(s.to_lowercase()),
        "upper" => Value::from(s.to_uppercase()),
        "title" => Value::from(title(s)),
        "swapcase" => Value::from(
            s.chars()
                .flat_map(|c| if c.is_uppercase() { c.to_lowercase().collect::<Vec<_>>() } else { c.to_uppercase().collect() })
                .collect::<String>(),
        ),
        "isalnum" => all(|c| c.is_alphanumeric()),
        "isalpha" => all(|c| c.is_alphabetic()),
        "isascii" => Value::from(s.is_ascii()),
        "isdecimal" | "isdigit" => all(|c| c.is_ascii_digit() || (c.is_numeric() && c.to_string().parse::<f64>().is_err() && is_decimal(c))),
        "isnumeric" => all(|c| c.is_numeric()),
        "isidentifier" => Value::from(
            s.chars().enumerate().all(|(i, c)| c == '_' || c.is_alphabetic() || (i > 0 && c.is_alphanumeric())) && !s.is_empty(),
        ),
        "islower" => Value::from(s.chars().any(|c| c.is_lowercase()) && !s.chars().any(|c| c.is_uppercase())),
        "isupper" => Value::from(s.chars().any(|c| c.is_uppercase()) && !s.chars().any(|c| c.is_lowercase())),
        "isprintable" => Value::from(is_printable_text(s)),
        "isspace" => all(is_space),
        _ => {
            // istitle: capitals exactly where no cased character stands before
            let mut previous = false;
            let mut any = false;
            for c in s.chars() {
                if (c.is_uppercase() && previous) || (c.is_lowercase() && !previous) {
                    return Value::from(false);
                }
                previous = cased(c);
                any |= previous;
            }
            Value::from(any)
        }
    }
}

fn is_decimal(c: char) -> bool {
    use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
    c.general_category() == GeneralCategory::DecimalNumber
}

pub fn replace(s: &str, old: &str, new: &str, count: i128) -> Result<Value, Error> {
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let hits = if old.is_empty() { s.chars().count() + 1 } else { s.matches(old).count() }.min(limit);
    charge(hits.saturating_mul(new.len()).saturating_add(s.len()))?;
    Ok(Value::from(s.replacen(old, new, limit)))
}

fn join(separator: &str, items: &[Value]) -> Result<Value, Error> {
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        let Some(part) = item.as_str() else {
            return fail(format!("sequence item {i}: expected str instance, {} found", type_name(item)));
        };
        charge(separator.len() + part.len())?;
        if i > 0 {
            out.push_str(separator);
        }
        out.push_str(part);
    }
    Ok(Value::from(out))
}

fn search(s: &str, name: &str, args: Args) -> Result<Value, Error> {
    let [what, start, end] = args.bind(name, ["", "", ""], 1)?;
    let what = what.unwrap_or_default();
    let what = text(&what, name)?;
    let part = window(s, &start, &end, name)?;
    if name == "count" {
        return Ok(Value::from(part.map_or(0, |(part, _)| part.matches(what).count())));
    }
    let found = part.and_then(|(part, first)| {
        let at = if name.starts_with('r') { part.rfind(what) } else { part.find(what) };
        at.map(|at| first + part[..at].chars().count())
    });
    match found {
        Some(at) => Ok(Value::from(at)),
        None if name.ends_with("find") => Ok(Value::from(-1)),
        None => fail("substring not found"),
    }
}

fn partition(s: &str, separator: &str, from_right: bool) -> Result<Value, Error> {
    if separator.is_empty() {
        return fail("empty separator");
    }
    let parts = match (from_right, if from_right { s.rsplit_once(separator) } else { s.split_once(separator) }) {
        (_, Some((head, tail))) => [head, separator, tail],
        (false, None) => [s, "", ""],
        (true, None) => ["", "", s],
    };
    Ok(tuple(parts.into_iter().map(Value::from).collect()))
}

fn widen(s: &str, name: &str, args: Args) -> Result<Value, Error> {
    if name == "expandtabs" {
        let [size] = args.bind(name, ["tabsize"], 0)?;
        let size = usize::try_from(integer(&size, 8, name)?.max(0)).unwrap_or(usize::MAX);
        let mut out = String::new();
        let mut column = 0;
        for c in s.chars() {
            if c == '\t' {
                let blanks = if size == 0 { 0 } else { size - column % size };
                charge(blanks)?;
                out.extend(std::iter::repeat(' ').take(blanks));
                column += blanks;
            } else {
                out.push(c);
                column = if matches!(c, '\n' | '\r') { 0 } else { column + 1 };
            }
        }
        return Ok(Value::from(out));
    }
    let [width, fill] = args.bind(name, ["", ""], 1)?;
    let width = integer(&width, 0, name)?;
    if name == "zfill" {
        let (sign, digits) = match s.chars().next() {
            Some('+' | '-') => s.split_at(1),
            _ => ("", s),
        };
        return pad(digits, width - sign.len() as i128, '0', |missing, _| missing).map(|rest| Value::from([sign, &rest].concat()));
    }
    let fill = match fill {
        None => ' ',
        Some(v) => match (text(&v, name)?.chars().next(), v.len()) {
            (Some(c), Some(1)) => c,
            _ => return fail("The fill character must be exactly one character long"),
        },
    };
    pad(s, width, fill, |missing, width| match name {
        "ljust" => 0,
        "rjust" => missing,
        _ => center_share(missing, width),
    })
    .map(Value::from)
}
