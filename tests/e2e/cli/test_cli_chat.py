"""zswarm chat: one answer in a pipe, a conversation on a terminal."""
import json
import os
import pty
import re
import select
import signal
import time

import pytest


def test_in_a_pipe_standard_input_is_one_question(run, model):
    done = run("chat", model, "--temp", 0, "-n", 30, input=b"What is 2+2?\n")
    assert done.returncode == 0 and b"4" in done.stdout and b"<|im_end|>" not in done.stdout


def test_json(run, model):
    told = json.loads(run("chat", model, "--temp", 0, "-n", 30, "--json", input=b"What is 2+2?").stdout)
    assert "4" in told["text"] and told["finish_reason"] == "stop"


def test_the_system_message_counts(run, model):
    question = b"Hello!"
    plain = run("chat", model, "--temp", 0, "-n", 12, "--json", input=question)
    told = run("chat", model, "--temp", 0, "-n", 12, "--json", "--system", "You are a pirate who speaks of the sea.", input=question)
    assert json.loads(plain.stdout)["prompt_tokens"] != json.loads(told.stdout)["prompt_tokens"]


def test_no_question_is_wrong_usage(run, one_sentence, model):
    done = run("chat", model, input=b" \n")
    assert done.returncode == 2
    one_sentence(done)


class Terminal:
    """The other side of a pseudo-terminal that a chat runs on."""

    def __init__(self, start, *arguments):
        self.side, inner = pty.openpty()
        self.process = start("chat", *arguments, stdin=inner, stdout=inner, stderr=inner, start_new_session=True)
        os.close(inner)
        self.text = ""

    def read_until(self, pattern, seconds=60):
        """Reads on until the text after what was read before matches."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text, re.DOTALL)):
            assert select.select([self.side], [], [], max(0, deadline - time.monotonic()))[0], f"no {pattern!r} in {self.text!r}"
            self.text += os.read(self.side, 4096).decode(errors="replace")
        taken, self.text = self.text[:found.end()], self.text[found.end():]
        return taken

    def type(self, text):
        os.write(self.side, text.encode())


@pytest.fixture
def terminal(start, model):
    terminal = Terminal(start, model, "--temp", "0")
    terminal.read_until(r"> $")
    yield terminal
    os.close(terminal.side)


def prompt_tokens(text):
    """Of the last answer, from the line that tells its speed."""
    return int(re.findall(r"prompt of (\d+)", text)[-1])


def test_a_conversation_goes_on_until_clear_and_ctrl_d_ends_it(terminal):
    terminal.type("What is 2+2?\n")
    first = terminal.read_until(r"tokens/s.*> $")
    assert "4" in first.split("?", 1)[1].split("[")[0]
    terminal.type("What is 2+2?\n")
    second = prompt_tokens(terminal.read_until(r"tokens/s.*> $"))
    assert second > prompt_tokens(first) + 10
    terminal.type("/clear\n")
    terminal.read_until(r"> $")
    terminal.type("What is 2+2?\n")
    assert prompt_tokens(terminal.read_until(r"tokens/s.*> $")) == prompt_tokens(first)
    terminal.type("\x04")
    assert terminal.process.wait(timeout=30) == 0


def test_help_and_clear(terminal):
    terminal.type("/help\n")
    assert "/clear" in terminal.read_until(r"ends the answer.*> $")
    terminal.type("/clear\n")
    terminal.read_until(r"> $")
    terminal.type("/exit\n")
    assert terminal.process.wait(timeout=30) == 0


def test_ctrl_c_ends_the_answer_and_then_the_program(terminal):
    terminal.type("Count slowly from one to ten thousand, writing each number as words.\n")
    terminal.read_until(r"words\.\r\n.+")
    terminal.process.send_signal(signal.SIGINT)
    terminal.read_until(r"\[ended\].*> $")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.process.wait(timeout=30) == 0


def test_sigterm_ends_it_at_the_prompt(terminal):
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(timeout=30) == 0
