//! Jinja2's tests (`value is name(...)`, jinja2/tests.py) over Python's values.

use crate::args::Args;
use crate::methods;
use crate::ops;
use crate::text::str_of;
use crate::value::*;
use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value};

type Test = fn(&Value) -> Result<bool, Error>;

pub fn register(env: &mut Environment<'static>) {
    for name in ["startingwith", "endingwith", "containing", "safe"] {
        env.remove_test(name);
    }
    let table: [(&'static str, Test); 19] = [
        ("odd", |v| remainder(v, 2).and_then(|r| ops::equal(&r, &Value::from(1)))),
        ("even", |v| remainder(v, 2).and_then(|r| ops::equal(&r, &Value::from(0)))),
        ("defined", |v| Ok(!v.is_undefined())),
        ("undefined", |v| Ok(v.is_undefined())),
        ("none", |v| Ok(v.is_none())),
        ("boolean", |v| Ok(kind(v) == Kind::Bool)),
        ("true", |v| Ok(kind(v) == Kind::Bool && v.is_true())),
        ("false", |v| Ok(kind(v) == Kind::Bool && !v.is_true())),
        ("integer", |v| Ok(matches!(kind(v), Kind::Int | Kind::BigInt))),
        ("float", |v| Ok(kind(v) == Kind::Float)),
        ("number", |v| Ok(matches!(kind(v), Kind::Int | Kind::BigInt | Kind::Float | Kind::Bool))),
        ("string", |v| Ok(kind(v) == Kind::Str)),
        ("mapping", |v| Ok(kind(v) == Kind::Dict)),
        // An undefined value has a length and items as far as this test can see.
        ("sequence", |v| {
            Ok(matches!(kind(v), Kind::Undefined | Kind::Str | Kind::Bytes | Kind::List | Kind::Tuple | Kind::Dict | Kind::Range))
        }),
        ("iterable", |v| {
            Ok(matches!(
                kind(v),
                Kind::Undefined | Kind::Str | Kind::Bytes | Kind::List | Kind::Tuple | Kind::Dict | Kind::Range | Kind::Generator | Kind::View
            ))
        }),
        ("callable", |v| Ok(matches!(kind(v), Kind::Undefined | Kind::Other))),
        ("escaped", |v| Ok(v.is_safe())),
        ("lower", |v| cased(v, "islower")),
        ("upper", |v| cased(v, "isupper")),
    ];
    for (name, test) in table {
        env.add_test(name, move |values: Rest<ValueOrKwargs>| -> Result<bool, Error> {
            let [v] = Args::new(values.into_values())?.bind(name, ["value"], 1)?;
            test(&v.unwrap_or_default())
        });
    }
    let comparisons = [
        ("eq", "=="), ("equalto", "=="), ("==", "=="), ("ne", "!="), ("!=", "!="), ("lt", "<"), ("lessthan", "<"), ("<", "<"),
        ("le", "<="), ("<=", "<="), ("gt", ">"), ("greaterthan", ">"), (">", ">"), ("ge", ">="), (">=", ">="), ("in", "in"),
    ];
    for (name, op) in comparisons {
        env.add_test(name, move |a: Value, b: Value| ops::compare(&a, op, &b));
    }
    env.add_test("divisibleby", |v: Value, n: Value| ops::rem(&v, &n).and_then(|r| ops::equal(&r, &Value::from(0))));
    env.add_test("sameas", |a: Value, b: Value| same(&a, &b));
    env.add_test("filter", |state: &mut State, name: Value| known(state, &name, "filter"));
    env.add_test("test", |state: &mut State, name: Value| known(state, &name, "test"));
}

fn remainder(v: &Value, n: i64) -> Result<Value, Error> {
    ops::rem(v, &Value::from(n))
}

fn cased(v: &Value, method: &str) -> Result<bool, Error> {
    let text = Value::from(str_of(v)?.into_owned());
    methods::call(&text, method, Args { positional: Vec::new(), named: Vec::new() }).map(|r| r.is_true())
}

/// `is`: the values of a template do not change, so being the same and being equal of one type differ only for containers.
fn same(a: &Value, b: &Value) -> Result<bool, Error> {
    match (a.as_object(), b.as_object()) {
        (None, None) => Ok(kind(a) == kind(b) && ops::equal(a, b)?),
        (Some(x), Some(y)) => Ok(format!("{x:p}") == format!("{y:p}")),
        _ => Ok(false),
    }
}

fn known(state: &mut State, name: &Value, what: &str) -> Result<bool, Error> {
    let Some(name) = name.as_str() else { return Ok(false) };
    let error = if what == "filter" { state.apply_filter(name, &[]).err() } else { state.perform_test(name, &[]).err() };
    Ok(!error.is_some_and(|e| matches!(e.kind(), minijinja::ErrorKind::UnknownFilter | minijinja::ErrorKind::UnknownTest)))
}
