"""The engine's logits against the oracle's, for random models of every architecture, shape and weight type.

Tolerances are derived, not tuned. Where weights are quantised, the engine rounds activations to 16 bits in blocks of 32; it always keeps
keys and values as float16; everything else is float32. The oracle can imitate just these two steps in double precision, which
says what they cost for this model and text, and in single precision, which says how far rounding alone drives two such passes apart:
a float32 sum that comes out a little differently now and then moves a value over the border between two codes, and from
layer to layer the difference approaches the geometric mean of itself and a step. The engine may be as far from the exact pass as the
imitation is and a quarter more, and as far from the imitation as its single-precision twin is and half of that more.
"""

import compare
import forward
import make_model
import numpy as np
import pytest
import text
from weight_types import FLOAT_TYPES, TYPES

CONTEXT = 96    # three pages of the KV cache
CHARACTERS = 800  # some 500 tokens of these vocabularies

# Float32 rounding alone: sums of at most 1,536 terms in a few layers. The largest seen against float64 in the oracle itself is 5e-5.
FLOAT_LOGIT = 2e-4
FLOAT_KL = 1e-8

PAIRS = [(case, t) for case in ("llama-gqa", "qwen2", "qwen3") for t in TYPES]
PAIRS += [(case, t) for case in make_model.CASES if case not in ("llama-gqa", "qwen2", "qwen3")
          for t in (("F32", "Q8_0", "Q4_1", "IQ4_NL") if case in make_model.NARROW else ("F32", "Q8_0", "Q4_K"))]


@pytest.mark.parametrize(("case", "weight_type"), PAIRS)
def test_logits_are_the_oracles_within_what_rounding_inputs_and_float16_cost(engine, random_model, text_of, case, weight_type):
    path = random_model(case, weight_type)
    windows = text.windows(path, text_of(CHARACTERS), CONTEXT)
    assert len(windows) >= 3
    exact = forward.Model(path, np.float64)
    reference = np.concatenate([exact.logits(w) for w in windows])
    exact.quantised_activations = True
    imitation = np.concatenate([exact.logits(w) for w in windows])
    single = forward.Model(path, np.float32, quantised_activations=True)
    twin = np.concatenate([single.logits(w) for w in windows])

    rows = engine.logits(path, text_of(CHARACTERS), CONTEXT)
    assert rows.shape == (len(windows), CONTEXT, reference.shape[1])
    rows = rows.reshape(reference.shape)

    cost = compare.distance(reference, imitation)
    ours = compare.distance(reference, rows)
    drift = compare.distance(imitation, twin)
    beside = compare.distance(imitation, rows)
    print(f"\nrounding costs:        {cost}\nengine from exact:     {ours}\nimitation's drift:     {drift}\nengine from imitation: {beside}")
    assert ours.kl_mean <= 1.25 * cost.kl_mean + FLOAT_KL
    assert ours.logit_rms <= 1.25 * cost.logit_rms + FLOAT_LOGIT
    assert ours.logit_max <= 1.5 * cost.logit_max + FLOAT_LOGIT
    assert beside.logit_rms <= 1.5 * drift.logit_rms + FLOAT_LOGIT


@pytest.mark.parametrize("weight_type", FLOAT_TYPES)
def test_float_weights_meet_float_activations(engine, random_model, text_of, weight_type):
    """Only the float16 cache separates the engine from the exact pass: whose cost is bounded below."""
    path = random_model("narrow", weight_type)
    windows = text.windows(path, text_of(CHARACTERS), CONTEXT)
    exact = forward.Model(path, np.float64)
    reference = np.concatenate([exact.logits(w) for w in windows])
    rows = engine.logits(path, text_of(CHARACTERS), CONTEXT).reshape(reference.shape)
    assert compare.distance(reference, rows).kl_mean < 5e-6
