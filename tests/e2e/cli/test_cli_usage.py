"""Help, wrong usage and missing files: the same for every subcommand."""
import re

import pytest

COMMANDS = ["run", "federated", "worker", "chat", "generate", "tokenize", "perplexity", "inspect", "bench", "status", "nodes", "top", "token", "trace", "revoke", "simulate", "config"]
WITH_MODEL = ["run", "chat", "generate", "tokenize", "perplexity", "inspect", "bench"]


def arguments_for(command, path):
    return [command, path] + (["--file", path] if command == "perplexity" else [])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_goes_to_standard_output_and_ends_with_an_example(run, command):
    done = run(command, "--help")
    assert done.returncode == 0 and done.stderr == b""
    assert re.search(rf"Example:\n +.*zswarm {command}", done.stdout.decode())


def test_the_list_of_commands_is_what_there_is(run):
    listed = run("--help").stdout.decode().split("Subcommands:\n")[1].split("Example:")[0]
    assert re.findall(r"^  (\w+) ", listed, re.MULTILINE) == COMMANDS


def test_version(run):
    assert re.fullmatch(rb"zswarm \d+\.\d+\.\d+\n", run("--version").stdout)


@pytest.mark.parametrize("arguments", [
    [], ["frobnicate"], ["--frobnicate"], ["tokenize"], ["tokenize", "--frobnicate", "x.gguf"], ["perplexity", "x.gguf"],
    ["perplexity", "x.gguf", "--file", "y", "--context", "none"], ["generate", "x.gguf", "--temp", "9"], ["bench", "x.gguf", "-b", "0"],
    ["run"], ["run", "x.gguf", "--http", "nonsense"], ["run", "x.gguf", "--max-memory", "lots"], ["run", "x.gguf", "--alias", "=x"],
    ["run", "x.gguf", "--log", "loud"], ["config"], ["config", "check"],
], ids=" ".join)
def test_wrong_usage_is_one_sentence_and_status_2(run, one_sentence, arguments):
    done = run(*arguments)
    assert done.returncode == 2 and done.stdout == b""
    one_sentence(done)


@pytest.mark.parametrize("command", WITH_MODEL)
def test_a_missing_file_is_named_without_its_control_characters(run, one_sentence, command):
    done = run(*arguments_for(command, "no\x1b[31msuch\n.gguf"))
    assert done.returncode == 1 and done.stdout == b""
    assert "such" in one_sentence(done)


@pytest.mark.parametrize("command", WITH_MODEL)
def test_a_file_that_is_no_model_is_named(run, one_sentence, command, tmp_path):
    path = tmp_path / "words.gguf"
    path.write_text("These are words. " * 100)
    done = run(*arguments_for(command, str(path)))
    assert done.returncode == 1 and done.stdout == b""
    assert "words.gguf" in one_sentence(done)


def test_an_unknown_instruction_set_is_wrong_usage(run, one_sentence, model):
    done = run("inspect", model, env={"ZSWARM_CPU": "abacus"})
    assert done.returncode == 2
    assert "abacus" in one_sentence(done)
