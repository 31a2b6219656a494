"""zswarm run: serving, settings from three places, and ending."""
import json
import os
import signal
import socket
import threading
import urllib.error

import pytest

QUESTION = {"messages": [{"role": "user", "content": "What is 2+2?"}], "temperature": 0, "max_tokens": 20}


def test_it_says_when_and_where_it_serves(serve, model):
    server = serve(model)
    assert server.ready["pid"] == server.process.pid
    assert server.get("/health")[0] == 200
    assert "4" in server.post("/v1/chat/completions", QUESTION)["choices"][0]["message"]["content"]
    assert server.stop() == 0
    assert not server.ready_file.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_request_may_finish(serve, model, number):
    server = serve(model, "--grace", 30)
    answers = []
    body = {"prompt": "Once upon a time", "max_tokens": 200, "ignore_eos": True}
    client = threading.Thread(target=lambda: answers.append(server.post("/v1/completions", body)))
    client.start()
    while not running(server):
        assert client.is_alive()
    assert server.stop(number) == 0
    client.join()
    assert answers[0]["usage"]["completion_tokens"] == 200


def running(server):
    """True once the server computes a request."""
    lines = server.get("/metrics")[1].decode().splitlines()
    return any("running" in line and not line.startswith("#") and float(line.split()[-1]) > 0 for line in lines)


def test_a_second_signal_ends_running_requests(serve, model):
    server = serve(model, "--grace", 300)
    refused = []

    def ask():
        try:
            server.post("/v1/completions", {"prompt": "Once upon a time", "max_tokens": 7000, "ignore_eos": True})
        except (urllib.error.HTTPError, OSError) as error:
            refused.append(error)

    client = threading.Thread(target=ask)
    client.start()
    while not running(server):
        assert client.is_alive()
    server.process.send_signal(signal.SIGTERM)
    while "stopping" not in server.log.read_text():
        assert server.process.poll() is None
    assert server.stop() == 0
    client.join()
    assert refused


def test_a_taken_port_is_one_sentence(run, one_sentence, model):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("run", model, "--http", f"127.0.0.1:{port}", "--log", "off")
    assert done.returncode == 1 and str(port) in one_sentence(done)


def test_other_addresses_than_loopback_need_keys_or_open(run, one_sentence, model):
    done = run("run", model, "--http", "0.0.0.0:0", "--log", "off")
    assert done.returncode == 1 and "--open" in one_sentence(done)


def test_keys(serve, model, tmp_path):
    (tmp_path / "keys").write_text("# ours\nsecret-key-1  # Anna\n")
    server = serve(model, "--api-keys", tmp_path / "keys")
    assert server.get("/health")[0] == 200
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.get("/v1/models")
    assert refused.value.code == 401
    assert server.get("/v1/models", Authorization="Bearer secret-key-1")[0] == 200


def test_a_missing_key_file_is_named(run, one_sentence, model):
    done = run("run", model, "--api-keys", "no-such-keys", "--log", "off")
    assert done.returncode == 1 and "no-such-keys" in one_sentence(done)


def model_ids(server):
    return [entry["id"] for entry in json.loads(server.get("/v1/models")[1])["data"]]


def test_an_alias_names_the_model(serve, model):
    server = serve(model, "--alias", f"small={model}")
    assert model_ids(server) == ["small"]


def test_a_folder_of_models(serve, model, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    os.symlink(model, folder / "demo.gguf")
    (folder / "broken.gguf").write_text("no model")
    server = serve("--models-dir", folder)
    assert model_ids(server) == ["demo"]
    assert "broken.gguf" in server.log.read_text()


def test_flags_win_over_the_environment_and_that_over_the_file(serve, model, tmp_path):
    config = tmp_path / "zswarm.yaml"
    config.write_text(f"models: [{model}]\nhttp: 127.0.0.1:1\nlog-format: json\ncontext: 256\nlog: debug\n")
    server = serve("--config", config, "--context", 128, env={"ZSWARM_HTTP": "127.0.0.1:2", "ZSWARM_LOG": "info"})
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert lines and {"time", "level", "message"} <= lines[0].keys()
    assert not any(line["level"] == "debug" for line in lines)
    assert any("context of 128 tokens" in line["message"] for line in lines)


def test_a_wrong_variable_is_named(run, one_sentence, model):
    done = run("run", model, env={"ZSWARM_LOG": "loud"})
    assert done.returncode == 2 and "ZSWARM_LOG" in one_sentence(done)


def test_a_memory_limit_below_the_weights_is_one_sentence(run, one_sentence, model):
    done = run("run", model, "--max-memory", "50M", "--log", "off")
    assert done.returncode == 1 and "--max-memory" in one_sentence(done)


@pytest.mark.parametrize("text, line, about", [
    ("http: 127.0.0.1:8080\nthreads: many\n", 2, "threads"),
    ("http: 127.0.0.1:8080\n\n# comment\nfrob: 1\n", 4, "frob"),
    ("models: model.gguf\n", 1, "models"),
    ("aliases:\n  a: b\n  c: [d]\n", 3, "aliases"),
    ("log: info\nhttp: [1\n", 3, "YAML"),
    ("- a\n- b\n", 1, "name"),
    ("open: perhaps\n", 1, "open"),
])
def test_config_check_names_the_line(run, one_sentence, tmp_path, text, line, about):
    config = tmp_path / "zswarm.yaml"
    config.write_text(text)
    done = run("config", "check", config)
    assert done.returncode == 1 and done.stdout == b""
    said = one_sentence(done)
    assert f"zswarm.yaml line {line}: " in said and about in said


def test_config_check_says_that_a_file_is_fine(run, tmp_path):
    config = tmp_path / "zswarm.yaml"
    config.write_text("models: [a.gguf]\naliases: {b: c.gguf}\nhttp: '[::1]:8080'\nmax-memory: 1.5G\nopen: true\n")
    done = run("config", "check", config)
    assert done.returncode == 0 and done.stderr == b""
