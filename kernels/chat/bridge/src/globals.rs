//! The functions that transformers gives to a template, beside those of Jinja2.

use crate::args::{integer, text, Args};
use crate::budget::{charge, set_refusal};
use crate::text::str_of;
use crate::value::*;
use minijinja::value::{Enumerator, Object, ObjectRepr, Rest, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value};
use std::cell::Cell;
use std::ffi::CString;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// jinja2.sandbox.MAX_RANGE
const MAX_RANGE: i128 = 100_000;

thread_local! {
    /// What strftime_now() shows: seconds since 1970.
    static NOW: Cell<i64> = const { Cell::new(0) };
}

pub fn set_now(unix_s: i64) {
    NOW.with(|now| now.set(unix_s));
}

pub fn register(env: &mut Environment<'static>) {
    env.remove_global("debug");
    env.add_function("range", |values: Rest<ValueOrKwargs>| range(Args::new(values.into_values())?));
    env.add_function("dict", |values: Rest<ValueOrKwargs>| dict(Args::new(values.into_values())?).map(Value::from_pairs));
    env.add_function("namespace", |state: &mut State, values: Rest<ValueOrKwargs>| namespace(state, Args::new(values.into_values())?));
    env.add_function("raise_exception", |message: Value| -> Result<Value, Error> {
        let message = str_of(&message)?.into_owned();
        set_refusal(message.clone());
        fail(message)
    });
    env.add_function("strftime_now", |format: Value| strftime(text(&format, "strftime")?));
    env.add_function("cycler", |values: Rest<ValueOrKwargs>| -> Result<Value, Error> {
        if values.is_empty() {
            return fail("at least one item has to be provided");
        }
        Ok(Value::from_object(Cycler { items: values.into_values(), at: AtomicUsize::new(0) }))
    });
    env.add_function("joiner", |values: Rest<ValueOrKwargs>| -> Result<Value, Error> {
        let [sep] = Args::new(values.into_values())?.bind("joiner", ["sep"], 0)?;
        Ok(Value::from_object(Joiner { separator: sep.unwrap_or(Value::from(", ")), calls: AtomicUsize::new(0) }))
    });
}

fn range(args: Args) -> Result<Value, Error> {
    if !args.named.is_empty() {
        return fail("range() takes no keyword arguments");
    }
    let [a, b, step] = args.bind("range", ["start", "stop", "step"], 1)?;
    let step = integer(&step, 1, "range")?;
    let (start, stop) = if b.is_some() { (integer(&a, 0, "range")?, integer(&b, 0, "range")?) } else { (0, integer(&a, 0, "range")?) };
    if step == 0 {
        return fail("range() arg 3 must not be zero");
    }
    let len = Range::count(start, stop, step);
    if len > MAX_RANGE {
        return fail(format!("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MAX_RANGE})."));
    }
    Ok(Value::from_object(Range { start, stop, step, len: len as usize }))
}

fn dict(args: Args) -> Result<Vec<(Value, Value)>, Error> {
    let mut members = Vec::new();
    if args.positional.len() > 1 {
        return fail("dict expected at most 1 argument");
    }
    if let Some(first) = args.positional.first() {
        if kind(first) == Kind::Dict {
            members = pairs(first)?;
        } else {
            for pair in iterate(first)? {
                match &iterate(&pair)?[..] {
                    [key, value] => members.push((key.clone(), value.clone())),
                    _ => return fail("dictionary update sequence element has a wrong length; 2 is required"),
                }
            }
        }
    }
    members.extend(args.named.into_iter().map(|(name, value)| (Value::from(name), value)));
    Ok(members)
}

fn namespace(state: &mut State, args: Args) -> Result<Value, Error> {
    let members = dict(args)?;
    for (key, _) in &members {
        if key.as_str().is_some_and(|name| name.starts_with('_')) {
            return fail("Chat templates cannot store underscore-prefixed attributes on a namespace");
        }
    }
    // The type behind {% set ns.x = … %} is minijinja's own and private.
    let function = Value::from_function(minijinja::functions::namespace);
    function.call(state, &[Value::from_pairs(members)])
}

/// datetime.now().strftime(format) in the machine's time zone, through the C library as Python does it.
fn strftime(format: &str) -> Result<Value, Error> {
    let Ok(format) = CString::new(format.replace("%f", "000000").replace("%z", "").replace("%Z", "")) else {
        return fail("embedded null character");
    };
    if format.as_bytes().is_empty() {
        return Ok(Value::from(""));
    }
    let now: libc::time_t = NOW.with(Cell::get);
    let capacity = 1024 + 64 * format.as_bytes().len();
    charge(capacity)?;
    let mut out = vec![0u8; capacity];
    // SAFETY: localtime_r fills `tm` or returns null; strftime writes at most `capacity` bytes and says how many.
    let written = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&now, &mut tm).is_null() {
            return fail("the current time can't be shown");
        }
        libc::strftime(out.as_mut_ptr().cast(), capacity, format.as_ptr(), &tm)
    };
    out.truncate(written);
    Ok(Value::from(String::from_utf8_lossy(&out).into_owned()))
}

#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    at: AtomicUsize,
}

impl Cycler {
    fn current(&self) -> Value {
        self.items[self.at.load(Ordering::Relaxed) % self.items.len()].clone()
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let cycler = self.clone();
        match key.as_str()? {
            "current" => Some(self.current()),
            "pos" => Some(Value::from(self.at.load(Ordering::Relaxed) % self.items.len())),
            "next" => Some(Value::from_function(move || {
                let value = cycler.current();
                cycler.at.fetch_add(1, Ordering::Relaxed);
                value
            })),
            "reset" => Some(Value::from_function(move || cycler.at.store(0, Ordering::Relaxed))),
            _ => None,
        }
    }
    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        self.get_value(&Value::from(name)).map_or_else(|| fail("a cycler has no such method"), |method| method.call(state, args))
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<cycler>")
    }
}

#[derive(Debug)]
struct Joiner {
    separator: Value,
    calls: AtomicUsize,
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Ok(if self.calls.fetch_add(1, Ordering::Relaxed) == 0 { Value::from("") } else { self.separator.clone() })
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<joiner>")
    }
}
