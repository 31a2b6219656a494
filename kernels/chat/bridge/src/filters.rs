//! Jinja2's filters (jinja2/filters.py, 3.1) over Python's values. Filters that are generators there give generators here.

use crate::args::{integer, optional_text, text, truth, Args};
use crate::budget::charge;
use crate::filters_numbers::{filesizeformat, round, to_float, to_int};
use crate::filters_sequences::*;
use crate::methods::{self, splitlines, strip};
use crate::ops::{self, escape_html};
use crate::text::{str_of, tojson};
use crate::value::*;
use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value};

type Filter = fn(&mut State<'_, '_>, Args) -> Result<Value, Error>;

/// Filters of minijinja that Jinja2 does not have.
const FOREIGN: [&str; 5] = ["split", "lines", "bool", "chain", "zip"];
/// Filters of Jinja2 that are not offered: nothing in a chat template needs them.
const ABSENT: [&str; 2] = ["pprint", "urlencode"];

pub fn register(env: &mut Environment<'static>) {
    for name in FOREIGN.iter().chain(&ABSENT) {
        env.remove_filter(name);
    }
    let table: [(&'static str, Filter); 52] = [
        ("abs", |_, a| one(a, "abs", |v| match (as_int(v), kind(v)) {
            (Some(n), _) => Ok(int(n.abs())),
            (None, Kind::Float) => Ok(Value::from(f64::try_from(v.clone())?.abs())),
            (None, Kind::Undefined) => undefined(),
            _ => fail(format!("bad operand type for abs(): '{}'", type_name(v))),
        })),
        ("attr", |_, a| {
            let [v, name] = a.bind("attr", ["obj", "name"], 2)?;
            let (v, name) = (v.unwrap_or_default(), name.unwrap_or_default());
            let name = text(&name, "attr")?;
            match kind(&v) {
                // dicts have methods as attributes, and no keys
                Kind::Dict | Kind::Str | Kind::List | Kind::Tuple if !methods::has(&v, name) => Ok(Value::UNDEFINED),
                _ => ops::getattr(&v, name),
            }
        }),
        ("batch", batch),
        ("capitalize", |_, a| on_text(a, "capitalize", methods::capitalize)),
        ("center", |_, a| {
            let [v, width] = a.bind("center", ["value", "width"], 1)?;
            let v = v.unwrap_or_default();
            methods::pad(&str_of(&v)?, integer(&width, 80, "center")?, ' ', methods::center_share).map(Value::from)
        }),
        ("count", |_, a| one(a, "count", |v| length(v).map(Value::from))),
        ("length", |_, a| one(a, "length", |v| length(v).map(Value::from))),
        ("d", default),
        ("default", default),
        ("dictsort", dictsort),
        ("e", |_, a| one(a, "escape", escape)),
        ("escape", |_, a| one(a, "escape", escape)),
        ("forceescape", |_, a| one(a, "forceescape", |v| Ok(Value::from_safe_string(escape_html(&str_of(v)?))))),
        ("filesizeformat", filesizeformat),
        ("first", |_, a| one(a, "first", first)),
        ("last", |_, a| one(a, "last", last)),
        ("float", |_, a| {
            let [v, default] = a.bind("float", ["value", "default"], 1)?;
            let v = v.unwrap_or_default();
            if kind(&v) == Kind::Undefined {
                return undefined();
            }
            Ok(to_float(&v).map_or_else(|| default.unwrap_or(Value::from(0.0)), Value::from))
        }),
        ("int", to_int),
        ("format", format),
        ("groupby", groupby),
        ("indent", indent),
        ("items", |_, a| one(a, "items", |v| match kind(v) {
            Kind::Undefined => Ok(Generator::value(Vec::new())),
            Kind::Dict => Ok(Generator::value(pairs(v)?.into_iter().map(|(k, v)| tuple(vec![k, v])).collect())),
            _ => fail("Can only get item pairs from a mapping."),
        })),
        ("join", join),
        ("list", |_, a| one(a, "list", |v| iterate(v).map(list))),
        ("lower", |_, a| on_text(a, "lower", str::to_lowercase)),
        ("upper", |_, a| on_text(a, "upper", str::to_uppercase)),
        ("map", map),
        ("min", |s, a| extreme(s, a, "min")),
        ("max", |s, a| extreme(s, a, "max")),
        ("reject", |s, a| select(s, a, false, false)),
        ("rejectattr", |s, a| select(s, a, false, true)),
        ("select", |s, a| select(s, a, true, false)),
        ("selectattr", |s, a| select(s, a, true, true)),
        ("replace", |_, a| {
            let [v, old, new, count] = a.bind("replace", ["s", "old", "new", "count"], 3)?;
            let (v, old, new) = (v.unwrap_or_default(), old.unwrap_or_default(), new.unwrap_or_default());
            let count = count.filter(|c| !c.is_none());
            methods::replace(&str_of(&v)?, &str_of(&old)?, &str_of(&new)?, integer(&count, -1, "replace")?)
        }),
        ("reverse", |_, a| one(a, "reverse", reverse)),
        ("round", round),
        ("safe", |_, a| one(a, "safe", |v| Ok(Value::from_safe_string(str_of(v)?.into_owned())))),
        ("slice", slice),
        ("sort", |_, a| {
            let [v, reverse, case, attribute] = a.bind("sort", ["value", "reverse", "case_sensitive", "attribute"], 1)?;
            sort(&iterate(&v.unwrap_or_default())?, truth(&reverse, false), truth(&case, false), &attribute).map(list)
        }),
        ("string", |_, a| one(a, "string", |v| match kind(v) {
            Kind::Str => Ok(v.clone()),
            _ => Ok(Value::from(str_of(v)?.into_owned())),
        })),
        ("sum", |_, a| {
            let [v, attribute, start] = a.bind("sum", ["iterable", "attribute", "start"], 1)?;
            let mut total = start.unwrap_or(Value::from(0));
            if kind(&total) == Kind::Str {
                return fail("sum() can't sum strings [use ''.join(seq) instead]");
            }
            for item in iterate(&v.unwrap_or_default())? {
                total = ops::add(&total, &attribute_of(&item, &attribute)?)?;
            }
            Ok(total)
        }),
        ("title", |_, a| on_text(a, "title", title)),
        ("tojson", |_, a| tojson(a)),
        ("trim", |_, a| {
            let [v, chars] = a.bind("trim", ["value", "chars"], 1)?;
            let v = v.unwrap_or_default();
            let text = str_of(&v)?;
            charge(text.len())?;
            Ok(Value::from(strip(&text, optional_text(&chars, "trim")?, true, true)))
        }),
        ("truncate", truncate),
        ("unique", |_, a| {
            let [v, case, attribute] = a.bind("unique", ["value", "case_sensitive", "attribute"], 1)?;
            unique(&iterate(&v.unwrap_or_default())?, truth(&case, false), &attribute)
        }),
        ("wordcount", |_, a| one(a, "wordcount", |v| {
            let text = str_of(v)?;
            charge(text.len())?;
            Ok(Value::from(text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).count()))
        })),
        // What the rewriting (rewrite.rs) puts in place of slices and look-ups; their names can't be written in a template.
        ("[:]", |_, a| match &a.positional[..] {
            [v, start, stop, step] => ops::slice(v, start, stop, step),
            _ => fail("a slice without its bounds"),
        }),
        ("[]", |_, a| two(&a, ops::getitem)),
        (".", |_, a| two(&a, |v, name| ops::getattr(v, name.as_str().unwrap_or_default()))),
        ("neg", |_, a| one(a, "neg", ops::neg)),
        ("raw", |_, mut a| Ok(a.positional.pop().unwrap_or_default())),
    ];
    for (name, filter) in table {
        env.add_filter(name, move |state: &mut State, values: Rest<ValueOrKwargs>| filter(state, Args::new(values.into_values())?));
    }
    env.remove_filter("neg");
    env.add_filter("-x", |v: Value| ops::neg(&v));
    let binary: [(&'static str, fn(&Value, &Value) -> Result<Value, Error>); 8] = [
        ("+", ops::add),
        ("-", ops::sub),
        ("*", ops::mul),
        ("/", ops::div),
        ("//", ops::floor_div),
        ("%", ops::rem),
        ("**", ops::pow),
        ("~", ops::concat),
    ];
    for (name, operator) in binary {
        env.add_filter(name, move |a: &Value, b: &Value| operator(a, b));
    }
    for name in ["==", "!=", "<", "<=", ">", ">=", "in", "not in"] {
        env.add_filter(name, move |a: &Value, b: &Value| ops::compare(a, name, b));
    }
    env.add_filter("()", methods::call_any);
    env.add_filter("<<", |values: Rest<ValueOrKwargs>| chain(&values.into_values()));
    env.add_filter("set _", |_: Value| fail::<Value>("Chat templates cannot store underscore-prefixed attributes on a namespace"));
    env.add_filter("iter", |v: Value| match kind(&v) {
        Kind::None | Kind::Bool | Kind::Int | Kind::Float | Kind::BigInt | Kind::Namespace => {
            fail(format!("'{}' object is not iterable", type_name(&v)))
        }
        Kind::Str => iterate(&v).map(list),
        _ => Ok(v),
    });
}

/// `a < b < c`: operands and the names of the operators between them.
fn chain(values: &[Value]) -> Result<bool, Error> {
    for step in values.windows(3).step_by(2) {
        if !ops::compare(&step[0], step[1].as_str().unwrap_or_default(), &step[2])? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn one(args: Args, name: &str, f: impl Fn(&Value) -> Result<Value, Error>) -> Result<Value, Error> {
    let [v] = args.bind(name, ["value"], 1)?;
    f(&v.unwrap_or_default())
}

fn two(args: &Args, f: impl Fn(&Value, &Value) -> Result<Value, Error>) -> Result<Value, Error> {
    match &args.positional[..] {
        [a, b] => f(a, b),
        _ => fail("an operator without its operands"),
    }
}

/// A filter on text that keeps Markup what it is.
fn on_text(args: Args, name: &str, f: impl Fn(&str) -> String) -> Result<Value, Error> {
    one(args, name, |v| {
        let text = str_of(v)?;
        charge(text.len())?;
        let out = f(&text);
        Ok(if v.is_safe() { Value::from_safe_string(out) } else { Value::from(out) })
    })
}

fn escape(v: &Value) -> Result<Value, Error> {
    if v.is_safe() {
        return Ok(v.clone());
    }
    let text = str_of(v)?;
    charge(text.len() * 5)?;
    Ok(Value::from_safe_string(escape_html(&text)))
}

fn default(_: &mut State, args: Args) -> Result<Value, Error> {
    let [v, other, boolean] = args.bind("default", ["value", "default_value", "boolean"], 1)?;
    let v = v.unwrap_or_default();
    let missing = v.is_undefined() || (truth(&boolean, false) && !v.is_true());
    Ok(if missing { other.unwrap_or(Value::from("")) } else { v })
}

fn format(_: &mut State, args: Args) -> Result<Value, Error> {
    let mut values = args.positional.into_iter();
    let template = values.next().unwrap_or_default();
    let rest: Vec<Value> = values.collect();
    if !args.named.is_empty() {
        if !rest.is_empty() {
            return fail("can't handle positional and keyword arguments at the same time");
        }
        return ops::percent_format(&str_of(&template)?, &Value::from_pairs(args.named));
    }
    ops::percent_format(&str_of(&template)?, &tuple(rest))
}

fn indent(_: &mut State, args: Args) -> Result<Value, Error> {
    let [v, width, first, blank] = args.bind("indent", ["s", "width", "first", "blank"], 1)?;
    let v = v.unwrap_or_default();
    if v.is_undefined() {
        return undefined();
    }
    let text = text(&v, "indent")?;
    let indention = match &width {
        Some(w) if w.as_str().is_some() => w.as_str().unwrap_or_default().to_string(),
        _ => {
            let width = usize::try_from(integer(&width, 4, "indent")?.max(0)).unwrap_or(usize::MAX);
            charge(width)?;
            " ".repeat(width)
        }
    };
    let with_newline = [text, "\n"].concat(); // as Jinja2 does, so that splitlines() sees the last line
    let lines = splitlines(&with_newline, false);
    charge(with_newline.len() + lines.len().saturating_mul(indention.len() + 1))?;
    let mut out = if truth(&first, false) { indention.clone() } else { String::new() };
    for (i, line) in lines.iter().enumerate() {
        if i > 0 {
            out.push('\n');
            if truth(&blank, false) || !line.is_empty() {
                out.push_str(&indention);
            }
        }
        out.push_str(line);
    }
    Ok(if v.is_safe() { Value::from_safe_string(out) } else { Value::from(out) })
}

/// Jinja2's own title: a capital after blanks and opening brackets only.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    let is_break = |c: char| matches!(c, '-' | '(' | '{' | '[' | '<') || methods::is_space(c);
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = !is_break(c);
    }
    out
}

fn truncate(_: &mut State, args: Args) -> Result<Value, Error> {
    let [v, length, kill, end, leeway] = args.bind("truncate", ["s", "length", "killwords", "end", "leeway"], 1)?;
    let v = v.unwrap_or_default();
    let end = end.unwrap_or(Value::from("..."));
    let end = text(&end, "truncate")?;
    let length = integer(&length, 255, "truncate")?;
    let leeway = integer(&leeway.filter(|l| !l.is_none()), 5, "truncate")?;
    let end_len = end.chars().count() as i128;
    if length < end_len || leeway < 0 {
        return fail("truncate: the length must hold the end, and leeway can't be negative");
    }
    if crate::value::length(&v)? as i128 <= length.saturating_add(leeway) {
        return Ok(v);
    }
    let s = text(&v, "truncate")?;
    let kept: String = s.chars().take((length - end_len) as usize).collect();
    let kept = if truth(&kill, false) { kept.as_str() } else { kept.rsplit_once(' ').map_or(kept.as_str(), |(head, _)| head) };
    Ok(Value::from([kept, end].concat()))
}
