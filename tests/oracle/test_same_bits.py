"""Logits do not depend on where and how they are computed: instruction set, number of threads, cutting of the prompt."""

import numpy as np
import pytest
from engine import supported_cpus

MODELS = [
    ("llama-gqa", "Q4_K"), ("llama-mixed", "Q4_0"), ("llama-mqa", "Q6_K"), ("qwen2", "Q5_1"), ("qwen3", "Q2_K"), ("qwen2-tied", "Q3_K"),
    ("qwen3-tied", "Q5_K"), ("narrow", "Q8_0"), ("qwen3-narrow", "IQ4_NL"), ("llama-head-96", "IQ4_XS"), ("llama-head-16", "Q5_0"),
    ("narrow", "F32"), ("qwen3-narrow", "F16"), ("llama-mha", "BF16"), ("llama-3-rope", "Q4_1"),
]


def same_bits(a, b):
    return a.shape == b.shape and np.array_equal(a.view(np.uint32), b.view(np.uint32))


@pytest.mark.parametrize(("case", "weight_type"), MODELS)
def test_every_instruction_set_and_thread_count_gives_the_same_bits(engine, random_model, text_of, case, weight_type):
    path, text = random_model(case, weight_type), text_of(500)
    reference = engine.logits(path, text, 80, threads=1, cpu="scalar")
    assert np.isfinite(reference).all() and reference.std() > 0.1
    for cpu in supported_cpus():
        for threads in (1, 2, 3):
            assert same_bits(engine.logits(path, text, 80, threads=threads, cpu=cpu), reference), f"{cpu}, {threads} threads"


@pytest.mark.parametrize(("case", "weight_type"), [("narrow", "Q4_0"), ("llama-mqa", "Q4_K"), ("qwen3-narrow", "F32")])
def test_a_longer_window_begins_with_the_bits_of_a_shorter_one(engine, random_model, text_of, case, weight_type):
    """Windows of 4, 33 and 1,300 tokens are cut into steps differently, and their attention ends at different places in a page."""
    path, text = random_model(case, weight_type), text_of(4500)
    longest = engine.logits(path, text, 1300)[0]
    for context in (4, 33, 128, 515):
        assert same_bits(engine.logits(path, text, context)[0], longest[:context]), f"context {context}"


def test_the_demo_model_gives_the_same_bits_with_every_instruction_set(engine, demo_model, text_of):
    text = text_of(250)
    reference = engine.logits(demo_model, text, 48, threads=1, cpu="scalar")
    for cpu in supported_cpus():
        for threads in (1, 2):
            assert same_bits(engine.logits(demo_model, text, 48, threads=threads, cpu=cpu), reference), f"{cpu}, {threads} threads"
