"""What programs written with the real `openai` package see."""
import base64
import struct

import openai
import pytest

MESSAGES = [{"role": "user", "content": "Name the capital of France in one short sentence."}]


@pytest.fixture(scope="module")
def model(server):
    with server.client() as client:
        return client.models.list().data[0].id


def test_models_are_listed_and_shown(client, model):
    assert client.models.retrieve(model).id == model
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("no/such model")
    assert refused.value.code == "model_not_found"


def test_a_chat_is_answered(client, model):
    answer = client.chat.completions.create(model=model, messages=MESSAGES, max_completion_tokens=24, temperature=0)
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content.strip()
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert 0 < answer.usage.completion_tokens <= 24
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id.startswith("req_")


def test_a_stream_equals_the_whole_answer(client, model):
    request = dict(model=model, messages=MESSAGES, max_tokens=24, seed=7, temperature=0.8, logprobs=True, top_logprobs=2)
    whole = client.chat.completions.create(**request)
    text, logprobs, reasons, usage = "", [], [], None
    with client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True}) as stream:
        for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                reasons += [choice.finish_reason] if choice.finish_reason else []
                logprobs += choice.logprobs.content if choice.logprobs else []
    assert text == whole.choices[0].message.content
    assert reasons == [whole.choices[0].finish_reason]
    assert logprobs == whole.choices[0].logprobs.content
    assert b"".join(bytes(token.bytes) for token in logprobs).decode() == text
    assert all(len(token.top_logprobs) == 2 for token in logprobs)
    assert usage.completion_tokens == whole.usage.completion_tokens
    assert usage.prompt_tokens == whole.usage.prompt_tokens


def test_choices_with_one_seed_differ_and_are_the_same_each_time(client, model):
    request = dict(model=model, messages=MESSAGES, max_tokens=16, seed=11, temperature=1.2, n=3)
    first, again = (client.chat.completions.create(**request) for _ in range(2))
    texts = [choice.message.content for choice in first.choices]
    assert texts == [choice.message.content for choice in again.choices]
    assert len(set(texts)) > 1
    assert [choice.index for choice in first.choices] == [0, 1, 2]
    single = client.chat.completions.create(**{**request, "n": 1})
    assert single.choices[0].message.content == texts[0]
    assert first.usage.prompt_tokens == single.usage.prompt_tokens
    assert first.usage.completion_tokens > single.usage.completion_tokens


def test_a_stop_string_ends_the_answer_before_it(client, model):
    request = dict(model=model, messages=MESSAGES, max_tokens=24, temperature=0)
    text = client.chat.completions.create(**request).choices[0].message.content
    stop = text[len(text) // 2:][:3]
    stopped = client.chat.completions.create(**request, stop=[stop]).choices[0]
    assert stopped.message.content == text[:text.index(stop)]
    assert stopped.finish_reason == "stop"


def test_completions_take_text_ids_and_lists(client, model):
    text = client.completions.create(model=model, prompt="Once upon a time", temperature=0)
    assert text.usage.completion_tokens <= 16
    both = client.completions.create(model=model, prompt=["Once upon a time", "Once upon a time"], temperature=0)
    assert [choice.text for choice in both.choices] == [text.choices[0].text] * 2
    ids = client.post("/../tokenize", body={"content": "Once upon a time", "add_special": True}, cast_to=object)["tokens"]
    assert client.completions.create(model=model, prompt=ids, temperature=0).choices[0].text == text.choices[0].text


def test_completions_echo_with_legacy_logprobs(client, model):
    choice = client.completions.create(model=model, prompt="Once upon a time", echo=True, logprobs=2, max_tokens=4, temperature=0).choices[0]
    assert choice.text.startswith("Once upon a time")
    logprobs = choice.logprobs
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.top_logprobs) == len(logprobs.text_offset)
    assert logprobs.token_logprobs[0] is None
    assert all(value <= 0 for value in logprobs.token_logprobs[1:])
    for token, offset in zip(logprobs.tokens[1:], logprobs.text_offset[1:]):
        assert token.startswith("bytes:") or choice.text[offset:].startswith(token) or choice.text[offset:].startswith(token.lstrip())
    scored = client.completions.create(model=model, prompt="Once upon a time", echo=True, logprobs=2, max_tokens=0).choices[0]
    assert scored.text == "Once upon a time"
    # Of the prompt's tokens the answer knows nothing yet: the same figures with and without one.
    assert scored.logprobs.token_logprobs == logprobs.token_logprobs[:len(scored.logprobs.tokens)]


def test_completions_stream(client, model):
    request = dict(model=model, prompt="Once upon a time", max_tokens=12, temperature=0, logprobs=1)
    whole = client.completions.create(**request).choices[0]
    text, offsets = "", []
    for chunk in client.completions.create(**request, stream=True):
        text += chunk.choices[0].text
        offsets += chunk.choices[0].logprobs.text_offset if chunk.choices[0].logprobs else []
    assert text == whole.text
    assert offsets == whole.logprobs.text_offset


def test_embeddings_are_the_same_as_floats_and_as_base64(client, model):
    inputs = ["The cat sits on the mat.", "Stocks fell sharply today."]
    floats = client.embeddings.create(model=model, input=inputs, encoding_format="float")
    encoded = client.embeddings.create(model=model, input=inputs, encoding_format="base64")
    for a, b in zip(floats.data, encoded.data):
        decoded = base64.b64decode(b.embedding) if isinstance(b.embedding, str) else b.embedding
        values = struct.unpack(f"<{len(decoded) // 4}f", decoded) if isinstance(decoded, bytes) else decoded
        assert list(values) == pytest.approx(a.embedding)
    assert [entry.index for entry in floats.data] == [0, 1]
    assert floats.usage.prompt_tokens == floats.usage.total_tokens > 0


@pytest.mark.parametrize("fields,param,code", [
    ({"temperature": 3}, "temperature", "decimal_above_max_value"),
    ({"n": 1_000_000_000}, "n", "integer_above_max_value"),
    ({"messages": []}, "messages", "empty_array"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "not_supported"),
    ({"response_format": {"type": "json_object"}}, "response_format", "not_supported"),
    ({"messages": [{"role": "user", "content": "a " * 65536}]}, "messages", "context_length_exceeded"),
])
def test_refusals_are_openais(client, model, fields, param, code):
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**{"model": model, "messages": MESSAGES, **fields})
    assert refused.value.param == param
    assert refused.value.code == code
    assert refused.value.type == "invalid_request_error"


def test_a_wrong_key_is_refused(start_server, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("# test\nright-key\n")
    server = start_server("--api-keys", keys)
    with server.client(api_key="wrong-key") as client, pytest.raises(openai.AuthenticationError) as refused:
        client.models.list()
    assert refused.value.code == "invalid_api_key"
    with server.client(api_key="right-key") as client:
        assert client.models.list().data


def test_leaving_a_stream_leaves_the_server_free(client, server, model):
    for _ in range(20):
        stream = client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=2000, stream=True, temperature=1)
        next(iter(stream))
        stream.close()
    # Twenty abandoned answers of 2,000 tokens would hold up this one for long.
    assert client.with_options(timeout=60).chat.completions.create(model=model, messages=MESSAGES, max_tokens=4).choices
