"""How much of SmolLM2's predictions the engine keeps, in the Q4_1 file that everybody runs first.

bench/fidelity.py makes the whole comparison with llama.cpp in one run; here is the bound alone.
"""

import json

import compare
import forward
import numpy as np
import pytest
import text

CONTEXT = 512
CHARACTERS = 7400  # three windows

KL_BOUND = 0.0027      # what llama.cpp shows for this file over such windows
SAME_TOP_BOUND = 0.96


@pytest.fixture(scope="module")
def measured(engine, demo_model, text_of):
    path = text_of(CHARACTERS)
    windows = text.windows(demo_model, path, CONTEXT)
    model = forward.Model(demo_model)
    return windows, np.stack([model.logits(w) for w in windows]), engine.logits(demo_model, path, CONTEXT)


def test_predictions_of_the_demo_model_stay_within_llama_cpps_distance_of_float32(measured):
    windows, reference, ours = measured
    assert len(windows) == 3 and ours.shape == reference.shape
    half = slice(CONTEXT // 2, CONTEXT - 1)
    found = compare.distance(reference[:, half].reshape(-1, reference.shape[2]), ours[:, half].reshape(-1, ours.shape[2]))
    print(f"\n{found}")
    assert found.kl_mean <= KL_BOUND
    assert found.same_top >= SAME_TOP_BOUND


def test_the_perplexity_printed_is_that_of_the_logits_written(engine, demo_model, text_of, measured):
    windows, _, ours = measured
    half = slice(CONTEXT // 2, CONTEXT - 1)
    next_tokens = np.array(windows)[:, CONTEXT // 2 + 1:]
    log_p = np.take_along_axis(compare.log_softmax(ours[:, half]), next_tokens[..., None], axis=2)
    printed = json.loads(engine.run("perplexity", demo_model, "--file", text_of(CHARACTERS), "--context", CONTEXT, "--json"))
    assert printed["windows"] == 3
    assert printed["tokens"] == next_tokens.size
    assert printed["perplexity"] == pytest.approx(np.exp(-log_p.mean()), rel=1e-5)
