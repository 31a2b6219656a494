"""The oracle and its makers are held to their own references, so that a failure elsewhere points at the engine."""

import compare
import forward
import make_model
import make_vectors
import numpy as np
import pytest
import text
import weight_types

# Root mean square error of standard normal values. For plain rounding to b bits over the range of 32 values (about ±2.1) it
# would be 4.2 / 2^b / sqrt(12); encoders without a search stay within one and a half times that.
ENCODING_ERROR = {"F32": 0, "F16": 3e-4, "BF16": 3e-3, "Q8_0": 0.01, "Q6_K": 0.03, "Q5_K": 0.06, "Q5_0": 0.06, "Q5_1": 0.06, "Q4_K": 0.11,
                  "Q4_0": 0.11, "Q4_1": 0.11, "IQ4_NL": 0.11, "IQ4_XS": 0.11, "Q3_K": 0.22, "Q2_K": 0.45}


@pytest.mark.parametrize("name", weight_types.TYPES)
def test_encoders_keep_values_as_gguf_py_decodes_them(name):
    values = np.random.default_rng(5).standard_normal((24, 768)).astype(np.float32)
    decoded = weight_types.decode(np.ascontiguousarray(weight_types.encode(values, name)).view(np.uint8), name).reshape(values.shape)
    assert np.sqrt(np.mean((decoded - values) ** 2)) <= ENCODING_ERROR[name]


def test_committed_vectors_are_what_gguf_py_gives():
    assert make_vectors.PATH.read_bytes() == make_vectors.vectors()


@pytest.mark.parametrize("case", make_model.CASES)
def test_float32_and_float64_passes_agree(random_model, case):
    tokens = np.random.default_rng(3).integers(0, 299, 100)
    path = random_model(case, "F32")
    found = compare.distance(forward.Model(path, np.float64).logits(tokens), forward.Model(path, np.float32).logits(tokens))
    assert found.logit_max < 2e-4 and found.kl_mean < 1e-9
    assert found.same_top > 0.98


@pytest.mark.parametrize("case", ["llama-gqa", "qwen2", "qwen3"])
def test_a_row_depends_on_the_tokens_up_to_its_own_only(random_model, case):
    tokens = np.random.default_rng(4).integers(0, 299, 40)
    model = forward.Model(random_model(case, "F32"), np.float64)
    whole = model.logits(tokens)
    tokens[25:] = 7
    np.testing.assert_allclose(model.logits(tokens)[:25], whole[:25], rtol=0, atol=1e-12)
    assert np.abs(model.logits(tokens)[25:] - whole[25:]).max() > 0.1


def test_attention_knows_distances_and_not_positions(random_model):
    """Rotary embeddings are relative: queries and keys all moved by the same number of positions score the same."""
    model = forward.Model(random_model("llama-gqa", "F32"), np.float64)
    rng = np.random.default_rng(6)
    q, k = rng.standard_normal((2, 10, 1, model.head_dim))

    def scores(start):
        angles = np.outer(np.arange(start, start + 10), model.rotation_rates)
        return np.einsum("ihd,jhd->ij", model._rotate(q, np.cos(angles), np.sin(angles)), model._rotate(k, np.cos(angles), np.sin(angles)))

    np.testing.assert_allclose(scores(0), scores(777), atol=1e-9)


@pytest.mark.parametrize("case", ["llama-mqa", "llama-gqa"])
def test_windows_cover_the_text_and_begin_with_bos_where_asked(random_model, text_of, case):
    path = random_model(case, "F32")
    bos = make_model.vocabulary()[0].index("<|begin|>") if make_model.CASES[case].add_bos else None
    ids = [t for w in text.windows(path, text_of(600), 1) for t in w] if bos is None else None
    windows = text.windows(path, text_of(600), 50)
    assert all(len(w) == 50 for w in windows)
    if bos is None:
        assert [t for w in windows for t in w] == ids[:50 * len(windows)] and len(ids) - 50 * len(windows) < 50
    else:
        assert all(w[0] == bos and bos not in w[1:] for w in windows)
