//! A compiled template, and one rendering of it with given values.

use crate::text::str_of;
use crate::{budget, filters, globals, rewrite, source, tests};
use minijinja::machinery::{eval, make_string_output, parse, CodeGenerator, Instructions};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use self_cell::self_cell;
use std::collections::BTreeMap;
use std::sync::OnceLock;

pub struct Compiled<'source> {
    instructions: Instructions<'source>,
    blocks: BTreeMap<&'source str, Instructions<'source>>,
}

self_cell! {
    pub struct Template {
        owner: String,
        #[covariant]
        dependent: Compiled,
    }
}

#[derive(Clone, Copy)]
pub struct Limits {
    pub fuel: u64,
    pub output_bytes: u64,
    pub now_unix_s: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    Invalid,
    /// The template's own words.
    Refused,
    TooLarge,
    OutOfFuel,
}

#[derive(Debug, Clone)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
}

/// The parser leaves frames of up to 150 nested expressions; macros, blocks and loops recurse in the virtual machine.
const RECURSION_LIMIT: usize = 400;

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Lenient);
        env.set_auto_escape_callback(|_| AutoEscape::None);
        env.set_recursion_limit(RECURSION_LIMIT);
        env.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        env.set_formatter(|out, _, value| {
            let text = str_of(value)?;
            budget::charge(text.len())?;
            out.write_str(&text).map_err(Error::from)
        });
        filters::register(&mut env);
        tests::register(&mut env);
        globals::register(&mut env);
        env
    })
}

/// A message with the line it is about, without the debug output that minijinja adds.
fn describe(error: &Error) -> String {
    let mut deepest = error;
    while let Some(cause) = std::error::Error::source(deepest).and_then(|cause| cause.downcast_ref::<Error>()) {
        deepest = cause;
    }
    let what = deepest.detail().map_or_else(|| deepest.kind().to_string(), str::to_string);
    match deepest.line().or(error.line()) {
        Some(line) => format!("{what} (line {line} of the template)"),
        None => what,
    }
}

pub fn compile(text: &str) -> Result<Template, Failure> {
    let invalid = |error: Error| Failure { kind: FailureKind::Invalid, message: describe(&error) };
    let prepared = source::prepare(text).map_err(invalid)?;
    Template::try_new(prepared, |text| {
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
        let tree = parse(text, "chat template", syntax)?;
        let tree = rewrite::stmt(&tree)?;
        let mut generator = CodeGenerator::new("chat template", text);
        generator.compile_stmt(&tree);
        let (instructions, blocks) = generator.finish();
        Ok(Compiled { instructions, blocks })
    })
    .map_err(invalid)
}

pub fn render(template: &Template, values: Value, limits: Limits) -> Result<String, Failure> {
    let mut env = environment().clone();
    env.set_fuel(Some(limits.fuel));
    // What is captured and built on the way to the output may be several times its size.
    budget::begin(limits.output_bytes.saturating_mul(16).saturating_add(64 << 20));
    globals::set_now(limits.now_unix_s);
    let compiled = template.borrow_dependent();
    let mut text = String::new();
    let result = {
        let mut out = make_string_output(&mut text);
        eval(&env, &compiled.instructions, values, &compiled.blocks, &mut out, AutoEscape::None).map(drop)
    };
    let failure = |kind, message: &str| Err(Failure { kind, message: message.to_string() });
    match result {
        _ if budget::too_large() => failure(FailureKind::TooLarge, "the template builds more text than is allowed"),
        Ok(()) if text.len() as u64 > limits.output_bytes => failure(FailureKind::TooLarge, "the template's text is longer than is allowed"),
        Ok(()) => Ok(text),
        Err(error) if error.kind() == ErrorKind::OutOfFuel => failure(FailureKind::OutOfFuel, "the template takes more steps than are allowed"),
        Err(error) => match budget::take_refusal() {
            Some(words) => failure(FailureKind::Refused, &words),
            None => failure(FailureKind::Invalid, &describe(&error)),
        },
    }
}
