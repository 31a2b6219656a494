"""zswarm perplexity: windows, scored positions and raw logits as defined; nothing half written stays."""
import json
import signal

import numpy
import pytest

TEXT = ("The bees of a swarm decide together where to live. Scouts fly out, and each dances for the place it found; "
        "the better the place, the longer the dance. ") * 12
CONTEXT = 64


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def test_it_is_what_the_logits_say(run, model, text, tmp_path):
    out = tmp_path / "logits.npy"
    done = run("perplexity", model, "--file", text, "--context", CONTEXT, "--logits", out, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    tokens = [int(t) for t in run("tokenize", model, "--no-special", "--file", text).stdout.split()]
    windows = len(tokens) // CONTEXT
    logits = numpy.load(out)
    assert logits.dtype == numpy.float32 and logits.shape == (windows * CONTEXT, 49152) and logits.flags.c_contiguous
    losses = []
    for w in range(windows):
        for i in range(CONTEXT // 2, CONTEXT - 1):
            row = logits[w * CONTEXT + i].astype(numpy.float64)
            losses.append(numpy.logaddexp.reduce(row) - row[tokens[w * CONTEXT + i + 1]])
    assert told["windows"] == windows and told["tokens"] == len(losses)
    assert told["perplexity"] == pytest.approx(numpy.exp(numpy.mean(losses)), rel=1e-5)


def test_logits_do_not_change_the_figure(run, model, text, tmp_path):
    plain = run("perplexity", model, "--file", text, "--context", CONTEXT, "--json")
    with_logits = run("perplexity", model, "--file", text, "--context", CONTEXT, "--logits", tmp_path / "l.npy", "--json")
    assert plain.stdout == with_logits.stdout != b""


def test_a_text_without_a_whole_window_is_an_error(run, one_sentence, model, text):
    done = run("perplexity", model, "--file", text, "--context", 4096)
    assert done.returncode == 1 and "text.txt" in one_sentence(done)


def test_a_place_that_cannot_be_written_is_named(run, one_sentence, model, text, tmp_path):
    done = run("perplexity", model, "--file", text, "--context", CONTEXT, "--logits", tmp_path / "none" / "l.npy")
    assert done.returncode == 1 and "l.npy" in one_sentence(done)


def test_sigterm_leaves_no_half_file(start, model, text, tmp_path):
    text.write_text(TEXT * 40)
    out = tmp_path / "logits.npy"
    process = start("perplexity", model, "--file", text, "--context", CONTEXT, "--logits", out)
    part = tmp_path / "logits.npy.part"
    while not (part.exists() and part.stat().st_size > 1_000_000):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and err.endswith(b"stopped by SIGTERM.\n")
    assert not part.exists() and not out.exists()
