//! From a request in OpenAI's form to what transformers would hand to the template.
//!
//! function.arguments is a JSON string there; templates are written for an object, a few for the string. content may be a list
//! of parts; many templates know only text. Which a template takes is found by trying: first objects and parts; the string and
//! the joined text only where that fails, and the joined text also where the parts' text is dropped or their list is printed.

use crate::json::to_value;
use crate::template::{render, Failure, FailureKind, Limits, Template};
use crate::text::repr_of;
use minijinja::Value;
use serde_json::{Map, Value as Json};

/// Names of a message's reasoning, the one that templates read first (transformers.utils.chat_template_utils).
const REASONING: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Parts {
    AsGiven,
    /// Messages of nothing but text become one text.
    JoinTextOnly,
    JoinAll,
}

fn invalid(message: &str) -> Failure {
    Failure { kind: FailureKind::Invalid, message: message.to_string() }
}

pub fn render_json(template: &Template, context: &str, limits: Limits) -> Result<String, Failure> {
    let context: Json = serde_json::from_str(context).map_err(|e| invalid(&format!("the template's values are not valid JSON: {e}")))?;
    let Json::Object(mut context) = context else { return Err(invalid("the template's values must be a JSON object")) };
    let mut messages = match context.remove("messages") {
        Some(Json::Array(messages)) => messages,
        None | Some(Json::Null) => Vec::new(),
        Some(_) => return Err(invalid("messages must be a list")),
    };
    for message in &mut messages {
        let Json::Object(message) = message else { return Err(invalid("every message must be an object")) };
        message.retain(|_, value| !value.is_null());
        alias_reasoning(message);
    }
    // transformers passes these even if they are absent
    for name in ["tools", "documents"] {
        context.entry(name).or_insert(Json::Null);
    }
    context.entry("add_generation_prompt").or_insert(Json::Bool(false));
    choose(template, &context, &messages, limits)
}

/// `reasoning_content` and `thinking` stand for each other (_alias_reasoning_fields in transformers).
fn alias_reasoning(message: &mut Map<String, Json>) {
    let Some(reasoning) = REASONING.iter().find_map(|name| message.get(*name)).cloned() else { return };
    if !message.contains_key("thinking") {
        let mut reordered = Map::new();
        reordered.insert("thinking".into(), reasoning.clone());
        reordered.append(message);
        *message = reordered;
    }
    message.insert("reasoning_content".into(), reasoning);
}

/// The first form of the messages that the template takes well.
fn choose(template: &Template, context: &Map<String, Json>, messages: &[Json], limits: Limits) -> Result<String, Failure> {
    let has_arguments = messages.iter().any(|m| calls(m).iter().any(|call| parsed_arguments(call).is_some()));
    let has_parts = messages.iter().any(|m| m["content"].is_array());
    let mut forms = vec![Parts::AsGiven];
    if has_parts {
        forms.extend([Parts::JoinTextOnly, Parts::JoinAll]);
    }
    let mut fallback: Option<String> = None; // rendered, but with parts dropped or printed
    let mut failures: Vec<Failure> = Vec::new();
    for parts in forms {
        for as_object in [true, false] {
            if !as_object && !has_arguments {
                continue;
            }
            let adapted: Vec<Json> = messages.iter().map(|m| adapt(m, parts, as_object)).collect();
            let values = context_value(context, &adapted);
            match render(template, values, limits) {
                Ok(text) if parts == Parts::JoinAll || takes_parts(&text, &adapted) => return better(text, fallback, messages),
                Ok(text) => {
                    fallback.get_or_insert(text);
                    break; // it renders: the arguments are not the trouble
                }
                // A limit is not a matter of form: trying again would only cost as much again.
                Err(failure) if matches!(failure.kind, FailureKind::TooLarge | FailureKind::OutOfFuel) => return Err(failure),
                Err(failure) => failures.push(failure),
            }
        }
    }
    if let Some(text) = fallback {
        return Ok(text);
    }
    // The template's own words say most, and those for the form that it understands best.
    let refusal = failures.iter().rposition(|f| f.kind == FailureKind::Refused);
    let at = refusal.unwrap_or(0);
    Err(if failures.is_empty() { invalid("the template could not be rendered") } else { failures.swap_remove(at) })
}

/// Joined text counts only if it shows more of the parts than the parts themselves did: some templates drop content on purpose.
fn better(text: String, fallback: Option<String>, messages: &[Json]) -> Result<String, Failure> {
    let Some(earlier) = fallback else { return Ok(text) };
    let shown = |in_text: &str| part_texts(messages).filter(|part| in_text.contains(part)).count();
    let printed_list = messages.iter().any(|m| prints_list(&earlier, m));
    Ok(if printed_list || shown(&text) > shown(&earlier) { text } else { earlier })
}

fn part_texts(messages: &[Json]) -> impl Iterator<Item = &str> {
    messages
        .iter()
        .filter_map(|m| m["content"].as_array())
        .flatten()
        .filter_map(|part| part["text"].as_str())
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// Whether the text of all parts appears, and not as a printed list.
fn takes_parts(text: &str, messages: &[Json]) -> bool {
    part_texts(messages).all(|part| text.contains(part)) && !messages.iter().any(|m| prints_list(text, m))
}

fn prints_list(text: &str, message: &Json) -> bool {
    let Some(parts) = message["content"].as_array().filter(|parts| !parts.is_empty()) else { return false };
    let first = to_value(&parts[0]);
    let printed = |shown: String| text.contains(&format!("[{shown}"));
    repr_of(&first).is_ok_and(printed)
        || crate::text::tojson(crate::args::Args { positional: vec![first], named: Vec::new() }).is_ok_and(|json| printed(json.to_string()))
}

fn calls(message: &Json) -> &[Json] {
    message["tool_calls"].as_array().map_or(&[], Vec::as_slice)
}

/// The object that a tool call's argument string holds, if it holds one.
fn parsed_arguments(call: &Json) -> Option<Json> {
    let text = call["function"]["arguments"].as_str()?;
    if text.trim().is_empty() {
        return Some(Json::Object(Map::new()));
    }
    serde_json::from_str(text).ok().filter(Json::is_object)
}

fn adapt(message: &Json, parts: Parts, arguments_as_object: bool) -> Json {
    let mut message = message.clone();
    if let Some(list) = message["content"].as_array() {
        let only_text = list.iter().all(|part| part["text"].is_string());
        if parts == Parts::JoinAll || (parts == Parts::JoinTextOnly && only_text) {
            let joined: String = list.iter().filter_map(|part| part["text"].as_str()).collect();
            message["content"] = Json::String(joined);
        }
    }
    if arguments_as_object {
        if let Some(list) = message.get_mut("tool_calls").and_then(Json::as_array_mut) {
            for call in list {
                if let Some(arguments) = parsed_arguments(call) {
                    call["function"]["arguments"] = arguments;
                }
            }
        }
    }
    message
}

fn context_value(context: &Map<String, Json>, messages: &[Json]) -> Value {
    let messages = Value::from(messages.iter().map(to_value).collect::<Vec<_>>());
    let rest = context.iter().map(|(name, value)| (name.as_str(), to_value(value)));
    Value::from_pairs(std::iter::once(("messages", messages)).chain(rest))
}
