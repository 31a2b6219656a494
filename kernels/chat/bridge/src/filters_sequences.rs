//! Jinja2's filters over sequences. Where Python has generators, so have these, though their work is done at once.

use crate::args::{integer, text, truth, Args};
use crate::budget::charge;
use crate::ops::{self, equal, less, sorted};
use crate::text::str_of;
use crate::value::*;
use minijinja::{Error, State, Value};

/// environment.getitem along a dotted path; integer parts are indices.
pub fn attribute_of(item: &Value, attribute: &Option<Value>) -> Result<Value, Error> {
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

pub fn sort(items: &[Value], reverse: bool, case_sensitive: bool, attribute: &Option<Value>) -> Result<Vec<Value>, Error> {
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

pub fn unique(items: &[Value], case_sensitive: bool, attribute: &Option<Value>) -> Result<Value, Error> {
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

pub fn dictsort(_: &mut State, args: Args) -> Result<Value, Error> {
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

pub fn extreme(_: &mut State, args: Args, name: &'static str) -> Result<Value, Error> {
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

pub fn first(v: &Value) -> Result<Value, Error> {
    if let Some(generator) = v.downcast_object_ref::<Generator>() {
        return Ok(generator.next().unwrap_or(Value::UNDEFINED));
    }
    Ok(iterate(v)?.into_iter().next().unwrap_or(Value::UNDEFINED))
}

pub fn last(v: &Value) -> Result<Value, Error> {
    match kind(v) {
        Kind::Generator => fail("'generator' object is not reversible"),
        _ => Ok(iterate(v)?.pop().unwrap_or(Value::UNDEFINED)),
    }
}

pub fn reverse(v: &Value) -> Result<Value, Error> {
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

pub fn groupby(_: &mut State, args: Args) -> Result<Value, Error> {
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

pub fn join(_: &mut State, args: Args) -> Result<Value, Error> {
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

pub fn map(state: &mut State, args: Args) -> Result<Value, Error> {
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

pub fn select(state: &mut State, args: Args, keep: bool, by_attribute: bool) -> Result<Value, Error> {
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

pub fn batch(_: &mut State, args: Args) -> Result<Value, Error> {
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

pub fn slice(_: &mut State, args: Args) -> Result<Value, Error> {
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
