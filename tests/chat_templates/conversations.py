"""Conversations that a template may meet, as a client sends them (arguments as JSON text, null keys), and the forms in which a
user of transformers may pass the same conversation."""

import copy
import json

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather \"now\" at a place <b>& more</b>",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "City, e.g. Zürich"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "days": {"type": "integer", "minimum": 1, "maximum": 10},
                "at": {"type": "array", "items": {"type": "number"}, "minItems": 2},
            },
            "required": ["city"],
        },
    },
}

NESTED = {
    "type": "function",
    "function": {
        "name": "plan",
        "description": "",
        "parameters": {
            "type": "object",
            "properties": {
                "steps": {
                    "type": "array",
                    "description": "What to do",
                    "items": {
                        "type": "object",
                        "properties": {"name": {"type": "string"}, "cost": {"type": ["number", "null"], "default": 1.5}},
                        "required": ["name"],
                    },
                },
                "options": {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": False}]},
                "keys": {"type": "object", "properties": {"items": {"type": "boolean", "default": True}}},
                "tag": {"oneOf": [{"const": "a"}, {"const": 2}], "nullable": True},
            },
            "additionalProperties": False,
        },
        "strict": True,
    },
}

BARE = {"type": "function", "function": {"name": "ping", "description": "No parameters", "parameters": {"type": "object", "properties": {}}}}

# As some templates before the common form want it.
FLAT = {
    "name": "search",
    "description": "Searches",
    "parameter_definitions": {"query": {"type": "str", "description": "What for", "required": True}},
    "parameters": {"type": "object", "properties": {"query": {"type": "string", "description": "What for"}}, "required": ["query"]},
}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def call(name, arguments, number=1):
    return {"id": f"call{number:05d}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}}


def text_part(text):
    return {"type": "text", "text": text}


SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
ARGUMENTS = {"city": "Zürich", "days": 3, "exact": 1.0, "big": 1e20, "small": 1.5e-7, "flag": True, "none": None, "list": [1, "a", {"b": [2.5, False]}]}


def messages():
    yield "user", [user("Hello")]
    yield "system", [SYSTEM, user("Hello")]
    yield "turns", [user("Hi"), assistant("Hello!"), user("How are you?")]
    yield "system_turns", [SYSTEM, user("Hi"), assistant("Hello!"), user("And now?"), assistant("Fine."), user("Bye")]
    yield "ends_with_assistant", [user("Hi"), assistant("Hello!")]
    yield "unicode", [SYSTEM, user("日本語 — 🙂 é\u00a0x\u200b 'single' \"double\" \\ back"), assistant("naïve\ttab"), user("ок\r\nзавтра")]
    yield "white_space", [user("  leading\n\n and trailing \n "), assistant("\n x \n"), user("\n")]
    yield "empty", [user("")]
    yield "empty_system", [{"role": "system", "content": ""}, user("Hi"), assistant(""), user("again")]
    yield "markup", [user("<b>&amp;</b> {{ 1 }} {% if %} <|im_end|>"), assistant("a < b && c > d"), user("'\"")]
    yield "two_systems", [SYSTEM, SYSTEM, user("Hi")]
    yield "late_system", [user("Hi"), SYSTEM, user("Hi")]
    yield "developer", [{"role": "developer", "content": "Be brief."}, user("Hi")]
    yield "two_users", [user("one"), user("two")]
    yield "named", [{"role": "user", "name": "Ann", "content": "Hi"}, assistant("Hello"), {"role": "user", "name": None, "content": "x"}]
    yield "think", [user("2+2?"), assistant("<think>\nadd\n</think>\n\n4"), user("3+3?"), assistant("<think>x</think>6"), user("4+4?")]
    yield "reasoning", [user("2+2?"), assistant("4", reasoning_content="Let me add."), user("3+3?")]
    yield "reasoning_last", [user("2+2?"), assistant("4", reasoning_content="Let me add.")]
    yield "thinking", [user("2+2?"), assistant("4", thinking="Let me add."), user("3+3?")]
    yield "call", [user("Weather?"), assistant("", tool_calls=[call("get_weather", ARGUMENTS)])]
    yield "call_null_content", [user("Weather?"), assistant(None, tool_calls=[call("get_weather", ARGUMENTS)])]
    result = {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": "{\"temp\": 21.5, \"sky\": \"clear\"}"}
    called = assistant(None, tool_calls=[call("get_weather", {"city": "Bern"})])
    yield "result", [user("Weather?"), called, result]
    yield "result_answer", [SYSTEM, user("Weather?"), called, result, assistant("21.5 degrees."), user("Thanks")]
    two = assistant("Both.", tool_calls=[call("get_weather", {"city": "Bern"}, 1), call("ping", {}, 2)])
    second = {"role": "tool", "tool_call_id": "call00002", "name": "ping", "content": "pong"}
    yield "two_calls", [user("Weather?"), two, result, second]
    yield "call_reasoning", [user("Weather?"), assistant("", reasoning_content="I need it.", tool_calls=[call("get_weather", {"city": "B"})]), result]
    yield "nested_call", [user("Plan"), assistant(None, tool_calls=[call("plan", {"steps": [{"name": "a", "cost": None}], "options": "x"})])]
    yield "parts", [{"role": "user", "content": [text_part("Hello"), text_part(" world")]}]
    yield "parts_everywhere", [
        {"role": "system", "content": [text_part("System.")]},
        {"role": "user", "content": [text_part("Question?")]},
        {"role": "assistant", "content": [text_part("Answer.")]},
        {"role": "user", "content": [text_part("Again?")]},
    ]
    yield "parts_mixed", [SYSTEM, {"role": "user", "content": [text_part("Hi")]}, assistant("Hello"), user("plain")]
    yield "tool_parts", [user("W?"), called, {**result, "content": [text_part("sunny")]}]
    yield "none", []


def contexts():
    """(name, context as a client gives it)"""
    for name, conversation in messages():
        for generate in (False, True):
            yield f"{name}/{'prompt' if generate else 'plain'}", {**SPECIAL, "messages": conversation, "add_generation_prompt": generate}
        yield f"{name}/tools", {**SPECIAL, "messages": conversation, "tools": [WEATHER, NESTED, BARE], "add_generation_prompt": True}
    variables = [
        {"enable_thinking": True},
        {"enable_thinking": False},
        {"thinking": True},
        {"reasoning_effort": "high"},
        {"tools": []},
        {"documents": [{"title": "A", "text": "One."}, {"title": "B", "text": "Zwei."}]},
        {"date_string": "1 Jan 2026", "custom_tools": None, "tools_in_user_message": False},
        {"functions": "[]", "datetime": "2026-01-01"},
        {"functions": json.dumps([WEATHER["function"]], indent=4), "datetime": "2026-01-01"},
        {"tools": [FLAT]},
        {"builtin_tools": ["python", "web_search"], "model_identity": "You are X.", "keep_past_thinking": True},
    ]
    for number, more in enumerate(variables):
        for name in ("user", "system_turns", "result_answer", "think", "call_reasoning"):
            conversation = dict(messages())[name]
            yield f"{name}/variables{number}", {**SPECIAL, "messages": conversation, "tools": [WEATHER], "add_generation_prompt": True, **more}


def for_transformers(context):
    """What a user of transformers passes for the same conversation."""
    context = copy.deepcopy(context)
    for i, message in enumerate(context["messages"]):
        message = {key: value for key, value in message.items() if value is not None}
        for tool_call in message.get("tool_calls", []):
            tool_call["function"]["arguments"] = json.loads(tool_call["function"]["arguments"])
        context["messages"][i] = message
    return context


def with_joined_parts(context):
    """The same with every list of parts as one text."""
    context = copy.deepcopy(context)
    for message in context["messages"]:
        if isinstance(message.get("content"), list):
            message["content"] = "".join(part["text"] for part in message["content"])
    return context


def with_string_arguments(context):
    """The same with function.arguments as JSON text."""
    context = copy.deepcopy(context)
    for message in context["messages"]:
        for tool_call in message.get("tool_calls", []):
            if not isinstance(tool_call["function"]["arguments"], str):
                tool_call["function"]["arguments"] = json.dumps(tool_call["function"]["arguments"], ensure_ascii=False)
    return context
