"""What our rendering of a client's conversation must be, in terms of what transformers renders (the rules: kernels/chat/README.md)."""

import json

from conversations import for_transformers, with_joined_parts, with_string_arguments
from reference import reference


def _parts(context):
    return [message["content"] for message in context["messages"] if isinstance(message.get("content"), list) and message["content"]]


def _shown(prompt, context):
    return sum(part["text"].strip() in prompt for parts in _parts(context) for part in parts if part["text"].strip())


def _prints_list(prompt, context):
    return any(
        shown[:-1] in prompt
        for parts in _parts(context)
        for shown in (repr(parts[:1]), json.dumps(parts[:1], ensure_ascii=False))
    )


def _first_success(template, context):
    """With arguments as objects, or else as text."""
    prompt, error = reference(template, context)
    if prompt is None:
        prompt, _ = reference(template, with_string_arguments(context))
    return prompt, error


def expected(template, context):
    context = for_transformers(context)
    given, error = _first_success(template, context)
    if not _parts(context):
        return given, error
    joined, _ = _first_success(template, with_joined_parts(context))
    if given is None:
        return joined, error
    complete = _shown(given, context) == sum(bool(part["text"].strip()) for parts in _parts(context) for part in parts)
    if joined is None or (complete and not _prints_list(given, context)):
        return given, error
    better = _prints_list(given, context) or _shown(joined, context) > _shown(given, context)
    return (joined if better else given), error
