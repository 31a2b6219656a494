//! Jinja2's filters (jinja2/filters.py, 3.1) over Python's values. Filters that are generators there give generators here.

use crate::args::{integer, optional_text, text, truth, Args};
use crate::budget::charge;
use crate::methods::{self, splitlines, strip};
use crate::ops::{self, equal, escape_html, less, sorted};
use crate::text::{float_repr, str_of, tojson};
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

/// environment.getitem along a dotted path; integer parts are indices.
fn attribute_of(item: &Value, attribute: &Option<Value>) -> Result<Value, Error> {
    attribute_or(item, attribute, &None)
}

fn attribute_or(item: &Value, attribute: &Option<Value>, default: &Option<Value>) -> Result<Value, Error> {
    let mut at = item.clone();
    let step = |at: &mut Value, key: Value| -> Result<(), Error> {
        *at = ops::getitem(at, &key)?;
        if let (true, Some(default)) = (at.is_undefined(), default) {
            *at = default.clone();
        }
        Ok(())
    };
    match attribute.as_ref().filter(|a| !a.is_none()) {
        None => {}
        Some(path) => match path.as_str() {
            Some(path) => {
                for part in path.split('.') {
                    let number = part.parse::<i64>().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit()));
                    step(&mut at, number.map_or_else(|| Value::from(part), Value::from))?;
                }
            }
            None => step(&mut at, path.clone())?,
        },
    }
    Ok(at)
}

fn ignore_case(v: Value, case_sensitive: bool) -> Value {
    match v.as_str() {
        Some(text) if !case_sensitive => Value::from(text.to_lowercase()),
        _ => v,
    }
}

fn sort(items: &[Value], reverse: bool, case_sensitive: bool, attribute: &Option<Value>) -> Result<Vec<Value>, Error> {
    let paths: Vec<Option<Value>> = match attribute.as_ref().and_then(Value::as_str) {
        Some(text) => text.split(',').map(|path| Some(Value::from(path))).collect(),
        None => vec![attribute.clone()],
    };
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        let mut key = Vec::new();
        for path in &paths {
            key.push(ignore_case(attribute_of(item, path)?, case_sensitive));
        }
        keyed.push((list(key), item.clone()));
    }
    charge(keyed.len() * 2 * ELEMENT_BYTES)?;
    let keyed = sorted(keyed, |a, b| if reverse { less(&b.0, &a.0) } else { less(&a.0, &b.0) })?;
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}

fn unique(items: &[Value], case_sensitive: bool, attribute: &Option<Value>) -> Result<Value, Error> {
    let (mut seen, mut out): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    'items: for item in items {
        let key = ignore_case(attribute_of(item, attribute)?, case_sensitive);
        ops::hashable(&key)?;
        for known in &seen {
            if equal(known, &key)? {
                continue 'items;
            }
        }
        seen.push(key);
        out.push(item.clone());
    }
    Ok(Generator::value(out))
}

fn dictsort(_: &mut State, args: Args) -> Result<Value, Error> {
    let [v, case, by, reverse] = args.bind("dictsort", ["value", "case_sensitive", "by", "reverse"], 1)?;
    let by = by.unwrap_or(Value::from("key"));
    let position = match by.as_str() {
        Some("key") => 0,
        Some("value") => 1,
        _ => return fail("You can only sort by either \"key\" or \"value\""),
    };
    let v = v.unwrap_or_default();
    if v.is_undefined() {
        return undefined();
    }
    let case = truth(&case, false);
    let reverse = truth(&reverse, false);
    let keyed = pairs(&v)?
        .into_iter()
        .map(|(k, v)| (ignore_case(if position == 0 { k.clone() } else { v.clone() }, case), tuple(vec![k, v])))
        .collect();
    let keyed = sorted(keyed, |a: &(Value, Value), b| if reverse { less(&b.0, &a.0) } else { less(&a.0, &b.0) })?;
    Ok(list(keyed.into_iter().map(|(_, pair)| pair).collect()))
}

fn extreme(_: &mut State, args: Args, name: &'static str) -> Result<Value, Error> {
    let [v, case, attribute] = args.bind(name, ["value", "case_sensitive", "attribute"], 1)?;
    let mut best: Option<(Value, Value)> = None;
    for item in iterate(&v.unwrap_or_default())? {
        let key = ignore_case(attribute_of(&item, &attribute)?, truth(&case, false));
        let better = match &best {
            None => true,
            Some((known, _)) if name == "min" => less(&key, known)?,
            Some((known, _)) => less(known, &key)?,
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or(Value::UNDEFINED, |(_, item)| item))
}

fn first(v: &Value) -> Result<Value, Error> {
    if let Some(generator) = v.downcast_object_ref::<Generator>() {
        return Ok(generator.next().unwrap_or(Value::UNDEFINED));
    }
    Ok(iterate(v)?.into_iter().next().unwrap_or(Value::UNDEFINED))
}

fn last(v: &Value) -> Result<Value, Error> {
    match kind(v) {
        Kind::Generator => fail("'generator' object is not reversible"),
        _ => Ok(iterate(v)?.pop().unwrap_or(Value::UNDEFINED)),
    }
}

fn reverse(v: &Value) -> Result<Value, Error> {
    if let Some(text) = v.as_str() {
        charge(text.len())?;
        return Ok(Value::from(text.chars().rev().collect::<String>()));
    }
    let generator = kind(v) == Kind::Generator;
    let mut items = iterate(v)?;
    items.reverse();
    // reversed() of a sequence is an iterator; what cannot be reversed is made a list
    Ok(if generator { list(items) } else { Generator::value(items) })
}

fn to_float(v: &Value) -> Option<f64> {
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

fn to_int(_: &mut State, args: Args) -> Result<Value, Error> {
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

fn groupby(_: &mut State, args: Args) -> Result<Value, Error> {
    let [v, attribute, default, case] = args.bind("groupby", ["value", "attribute", "default", "case_sensitive"], 2)?;
    let case = truth(&case, false);
    let default = default.filter(|d| !d.is_none());
    let mut keyed = Vec::new();
    for item in iterate(&v.unwrap_or_default())? {
        keyed.push((ignore_case(attribute_or(&item, &attribute, &default)?, case), item));
    }
    charge(keyed.len() * 2 * ELEMENT_BYTES)?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for (key, item) in sorted(keyed, |a, b| less(&a.0, &b.0))? {
        match groups.last_mut() {
            Some((known, items)) if equal(known, &key)? => items.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let mut out = Vec::new();
    for (key, items) in groups {
        let shown = if case { key } else { attribute_or(&items[0], &attribute, &default)? };
        out.push(Value::from_object(Group { grouper: shown, items: list(items) }));
    }
    Ok(list(out))
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

fn join(_: &mut State, args: Args) -> Result<Value, Error> {
    let [v, d, attribute] = args.bind("join", ["value", "d", "attribute"], 1)?;
    let d = d.unwrap_or(Value::from(""));
    let separator = str_of(&d)?;
    let mut out = String::new();
    for (i, item) in iterate(&v.unwrap_or_default())?.iter().enumerate() {
        let item = attribute_of(item, &attribute)?;
        let part = str_of(&item)?;
        charge(separator.len() + part.len())?;
        if i > 0 {
            out.push_str(&separator);
        }
        out.push_str(&part);
    }
    Ok(Value::from(out))
}

fn with_named(mut values: Vec<Value>, named: Vec<(String, Value)>) -> Vec<Value> {
    if !named.is_empty() {
        values.push(Value::from(minijinja::value::Kwargs::from_iter(named)));
    }
    values
}

fn map(state: &mut State, args: Args) -> Result<Value, Error> {
    let mut values = args.positional.into_iter();
    let items = values.next().unwrap_or_default();
    let mut rest: Vec<Value> = values.collect();
    let mut named = args.named;
    let items = if items.is_true() { iterate(&items)? } else { Vec::new() };
    let mut out = Vec::with_capacity(items.len());
    if rest.is_empty() && named.iter().any(|(name, _)| name == "attribute") {
        let mut take = |wanted: &str| named.iter().position(|(name, _)| name == wanted).map(|i| named.remove(i).1);
        let (attribute, default) = (take("attribute"), take("default").filter(|d| !d.is_none()));
        if let Some((name, _)) = named.first() {
            return fail(format!("Unexpected keyword argument '{name}'"));
        }
        for item in &items {
            out.push(attribute_or(item, &attribute, &default)?);
        }
        return Ok(Generator::value(out));
    }
    if items.is_empty() {
        return Ok(Generator::value(out));
    }
    if rest.is_empty() {
        return fail("map requires a filter argument");
    }
    let filter = rest.remove(0);
    let filter = text(&filter, "map")?;
    for item in items {
        let mut values = vec![item];
        values.extend(rest.iter().cloned());
        charge(64)?;
        out.push(state.apply_filter(filter, &with_named(values, named.clone()))?);
    }
    Ok(Generator::value(out))
}

fn select(state: &mut State, args: Args, keep: bool, by_attribute: bool) -> Result<Value, Error> {
    let mut values = args.positional.into_iter();
    let items = values.next().unwrap_or_default();
    let mut rest: Vec<Value> = values.collect();
    let items = if items.is_true() { iterate(&items)? } else { Vec::new() };
    if items.is_empty() {
        return Ok(Generator::value(Vec::new()));
    }
    if by_attribute && rest.is_empty() {
        return fail("Missing parameter for attribute name");
    }
    let attribute = by_attribute.then(|| rest.remove(0));
    let test = (!rest.is_empty()).then(|| rest.remove(0));
    let mut out = Vec::new();
    for item in items {
        charge(64)?;
        let subject = attribute_of(&item, &attribute)?;
        let passes = match &test {
            None => subject.is_true(),
            Some(test) => {
                let mut values = vec![subject];
                values.extend(rest.iter().cloned());
                state.perform_test(text(test, "select")?, &with_named(values, args.named.clone()))?
            }
        };
        if passes == keep {
            out.push(item);
        }
    }
    Ok(Generator::value(out))
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

fn round(_: &mut State, args: Args) -> Result<Value, Error> {
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

fn batch(_: &mut State, args: Args) -> Result<Value, Error> {
    let [v, count, fill] = args.bind("batch", ["value", "linecount", "fill_with"], 2)?;
    let items = iterate(&v.unwrap_or_default())?;
    let count = usize::try_from(integer(&count, 0, "batch")?).unwrap_or(0);
    if count == 0 {
        // Jinja2 never reaches a length of 0 or less again: one batch with everything
        let all = if items.is_empty() { Vec::new() } else { vec![list(items)] };
        return Ok(Generator::value(all));
    }
    let mut out = Vec::new();
    for chunk in items.chunks(count) {
        let mut chunk = chunk.to_vec();
        if let Some(fill) = fill.as_ref().filter(|f| !f.is_none()) {
            charge((count - chunk.len()).saturating_mul(ELEMENT_BYTES))?;
            chunk.resize(count, fill.clone());
        }
        out.push(list(chunk));
    }
    Ok(Generator::value(out))
}

fn slice(_: &mut State, args: Args) -> Result<Value, Error> {
    let [v, slices, fill] = args.bind("slice", ["value", "slices", "fill_with"], 2)?;
    let items = iterate(&v.unwrap_or_default())?;
    let slices = usize::try_from(integer(&slices, 0, "slice")?).unwrap_or(0);
    if slices == 0 {
        return fail("integer division or modulo by zero");
    }
    charge(slices.saturating_mul(2 * ELEMENT_BYTES))?;
    let (each, extra) = (items.len() / slices, items.len() % slices);
    let mut rest = items.into_iter();
    let mut out = Vec::new();
    for i in 0..slices {
        let mut part: Vec<Value> = rest.by_ref().take(each + usize::from(i < extra)).collect();
        if let (Some(fill), true) = (fill.as_ref().filter(|f| !f.is_none()), i >= extra) {
            part.push(fill.clone());
        }
        out.push(list(part));
    }
    Ok(Generator::value(out))
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
    let s = text(&v, "truncate")?;
    let end = end.unwrap_or(Value::from("..."));
    let end = text(&end, "truncate")?;
    let length = integer(&length, 255, "truncate")?;
    let leeway = integer(&leeway.filter(|l| !l.is_none()), 5, "truncate")?;
    let end_len = end.chars().count() as i128;
    if length < end_len || leeway < 0 {
        return fail("truncate: the length must hold the end, and leeway can't be negative");
    }
    if s.chars().count() as i128 <= length.saturating_add(leeway) {
        return Ok(v.clone());
    }
    let kept: String = s.chars().take((length - end_len) as usize).collect();
    let kept = if truth(&kill, false) { kept.as_str() } else { kept.rsplit_once(' ').map_or(kept.as_str(), |(head, _)| head) };
    Ok(Value::from([kept, end].concat()))
}

fn filesizeformat(_: &mut State, args: Args) -> Result<Value, Error> {
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
