"""Any entry, any node, no lost token: requests that other nodes answer, and nodes that die meanwhile."""
import json
import signal
import time
import urllib.error
import urllib.request

import openai
import pytest

from federation import stream, until

SAMPLED = {"max_tokens": 48, "temperature": 0.9, "seed": 7, "extra_body": {"ignore_eos": True}}
PROMPT = "The lighthouse keeper opened the door and"


def serving(nodes):
    """The node that computes now, by its engine's running requests."""
    def busy():
        for node in nodes:
            if node.process.poll() is None and " 1\n" in running_line(node):
                return node
        return None

    return until(busy, "a node computes")


def running_line(node):
    with urllib.request.urlopen(f"http://{node.http}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return next(line + "\n" for line in text.splitlines() if line.startswith("zswarm_requests_running"))


def test_an_entry_without_models_answers_as_the_node_itself(two_and_an_entry, model):
    first, _, entry = two_and_an_entry
    with first.client() as direct, entry.client() as through:
        assert stream(through, model.stem, PROMPT, **SAMPLED).text == stream(direct, model.stem, PROMPT, **SAMPLED).text
        question = {"model": model.stem, "messages": [{"role": "user", "content": "What is the capital of France?"}], "seed": 1, "max_tokens": 12}
        assert through.chat.completions.create(**question).choices[0].message.content == direct.chat.completions.create(**question).choices[0].message.content
        with pytest.raises(openai.NotFoundError) as refused:
            through.completions.create(model="no-such-model", prompt="x")
        assert refused.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError) as refused:
            through.completions.create(model=model.stem, prompt="x", max_tokens=100_000_000)
        assert refused.value.code == "context_length_exceeded"


@pytest.mark.parametrize("at", [1, 2, 7, 23, 40])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_stream_goes_on_when_its_node_is_gone(two_and_an_entry, model, at, how):
    first, second, entry = two_and_an_entry
    options = {**SAMPLED, "logprobs": 2, "frequency_penalty": 0.5}
    with entry.client() as client:
        undisturbed = stream(client, model.stem, PROMPT, **options)
        struck = []

        def strike(count):
            if count == at:
                struck.append(serving([first, second]))
                struck[0].send(how)

        disturbed = stream(client, model.stem, PROMPT, on_piece=strike, **options)
    assert struck, "nobody was struck: the test shows nothing"
    assert (disturbed.text, disturbed.reason) == (undisturbed.text, undisturbed.reason)


def test_a_node_that_comes_later_serves_too(federation, model):
    first = federation.add("first", [model])
    entry = federation.add("entry")
    until(lambda: model.stem in entry.models(), "the entry lists the model")
    federation.add("second", [model])
    until(lambda: len(get_json(entry, "/p2p/models")["models"][0]["nodes"]) == 2, "the entry knows both")
    first.kill()
    with entry.client() as client:
        assert stream(client, model.stem, PROMPT, max_tokens=4).text


def test_without_a_node_the_answer_is_an_error_and_not_a_hang(federation, model):
    only = federation.add("only", [model])
    entry = federation.add("entry")
    until(lambda: model.stem in entry.models(), "the entry lists the model")
    only.kill()
    began = time.monotonic()
    with entry.client() as client, pytest.raises(openai.APIStatusError) as refused:
        client.completions.create(model=model.stem, prompt=PROMPT, max_tokens=4)
    assert refused.value.status_code in (404, 429, 503)
    assert time.monotonic() - began < 20


def test_the_way_of_a_request_can_be_looked_up(two_and_an_entry, model):
    first, second, entry = two_and_an_entry
    with entry.client() as client:
        answer = client.completions.with_raw_response.create(model=model.stem, prompt=PROMPT, max_tokens=3)
    request = answer.headers["x-request-id"]
    trace = get_json(entry, f"/p2p/trace/{request}")
    assert trace == json.loads(entry.run("trace", request, "--json"))
    assert (trace["request"], trace["entry"]) == (request, entry.id)
    steps = {step["what"]: step for step in trace["steps"]}
    assert [trace["steps"][0]["what"], trace["steps"][-1]["what"]] == ["opened", "ended"]
    assert steps["chosen"]["node"] in (first.id, second.id) and len(steps["chosen"]["candidates"]) == 2
    assert request in entry.run("trace", request)
    with pytest.raises(urllib.error.HTTPError) as refused:
        get_json(entry, "/p2p/trace/unknown")
    assert refused.value.code == 404


def test_programs_on_this_machine_see_the_network_and_others_do_not(two_and_an_entry, model):
    first, second, entry = two_and_an_entry
    (served,) = get_json(entry, "/p2p/models")["models"]
    assert served["id"] == model.stem and {one["node"] for one in served["nodes"]} == {first.id, second.id}
    assert {one["id"] for one in get_json(entry, "/p2p/nodes")["nodes"]} >= {first.id, second.id, entry.id}
    assert get_json(entry, "/p2p/token")["token"] == first.token_file.read_text().strip()
    for path in ("/p2p/token", "/p2p/nodes"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get_json(entry, path, {"X-Forwarded-For": "192.0.2.1"})
        assert (refused.value.code, json.load(refused.value)["error"]["code"]) == (403, "admin_only")


def get_json(node, path, headers=None):
    with urllib.request.urlopen(urllib.request.Request(f"http://{node.http}{path}", headers=headers or {}), timeout=20) as answer:
        return json.load(answer)
