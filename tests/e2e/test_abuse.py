"""Bytes that no client library sends: a clear error or an end of the connection, and the server lives on."""
import contextlib
import json
import random
import socket
import time

import pytest


def connect(server, timeout=30):
    return socket.create_connection((server.host, server.port), timeout=timeout)


def exchange(server, data):
    """Everything that comes back until the server closes (which the request must ask for, or deserve)."""
    with connect(server) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
        return received


def status(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def request(path, body, headers=b"", method=b"POST"):
    return (b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s"
            % (method, path, len(body), headers, body))


def healthy(server):
    return status(exchange(server, request(b"/health", b"", method=b"GET"))) == 200


@pytest.fixture(autouse=True)
def lives_on(server):
    yield
    assert server.alive() and healthy(server)


def test_garbage(server):
    generator = random.Random(4)
    for _ in range(30):
        answer = exchange(server, generator.randbytes(generator.randrange(1, 4000)) + b"\r\n\r\n")
        assert status(answer) in (0, 400, 431, 505)


@pytest.mark.parametrize("framing", [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Transfer-Encoding: xchunked\r\n",
    b"Content-Length: -1\r\n", b"Content-Length: 9223372036854775808\r\n", b"Content-Length: 99999999999999999999999\r\n",
    b"Transfer-Encoding : chunked\r\n"])
def test_requests_whose_end_is_unsure(server, framing):
    hidden = b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = exchange(server, b"POST /tokenize HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n" + hidden)
    assert status(answer) in (400, 413, 501)
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/completions", b"/v1/embeddings", b"/tokenize", b"/detokenize", b"/apply-template"])
@pytest.mark.parametrize("body", [
    b"", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"[]", b"\x00", b'{"messages":"\xff\xfe"}', b'{"prompt":"\\ud800"}', b"9" * 100_000,
    b'{"n":1e99999}', b'{"messages":[{"role":"user","content":"x"}],"prompt":"x","input":7,"content":7,"tokens":7,"n":1000000000,"tools":7}'],
    ids=lambda body: body[:12].decode("latin-1"))
def test_json_of_all_kinds(server, path, body):
    answer = exchange(server, request(path, body))
    assert status(answer) == 400
    error = json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["message"]


def test_a_length_above_the_limit_is_refused_before_the_body(server):
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 8388609\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(head)
        assert status(connection.recv(65536)) == 413


def test_a_run_of_equal_characters_as_a_prompt(server):
    for path, body in ((b"/v1/completions", {"prompt": "a" * 131_072}),
                       (b"/v1/chat/completions", {"messages": [{"role": "user", "content": " " * 131_072}]})):
        began = time.monotonic()
        answer = exchange(server, request(path, json.dumps({**body, "max_tokens": 1}).encode()))
        assert status(answer) in (200, 400)
        assert time.monotonic() - began < 60


def test_five_hundred_silent_connections(server):
    with contextlib.ExitStack() as stack:
        for _ in range(500):
            stack.enter_context(connect(server))
        assert healthy(server)


def test_no_body_leads_to_a_500(server):
    generator = random.Random(5)
    values = [None, True, -1, 0, 1, 2**63, 2**64, 1e308, "", "x", "\0", "\U0001f600", [], ["x"], [1], [[1]], [[]], {}, {"1": 1}, {"type": "text"}]
    names = ["model", "messages", "prompt", "input", "content", "tokens", "n", "temperature", "top_p", "stop", "stream", "logprobs",
             "top_logprobs", "logit_bias", "echo", "seed", "tools", "tool_choice", "response_format", "suffix", "best_of", "user", "top_k"]
    good = {"messages": [{"role": "user", "content": "x"}], "prompt": "x", "input": "x", "content": "x", "tokens": [1], "max_tokens": 1}
    for _ in range(200):
        body = {**good, **{generator.choice(names): generator.choice(values) for _ in range(2)}}
        path = generator.choice([b"/v1/chat/completions", b"/v1/completions", b"/v1/embeddings", b"/tokenize", b"/detokenize", b"/apply-template"])
        answer = exchange(server, request(path, json.dumps(body).encode()))
        assert status(answer) in (200, 400, 404), (path, body, answer)
