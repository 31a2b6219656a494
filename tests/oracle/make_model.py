#!/usr/bin/env python3
"""Makes small random models of any supported architecture and weight type, whole GGUF files with a vocabulary of their own.

Shapes are chosen to hit borders: see CASES. The vocabulary is byte-level BPE (GPT-2's alphabet of 256 bytes, a few merges, three
special tokens), so any text can be tokenised. Weights are scaled so that signals neither die out nor explode, and the output is
sharpened so that some predictions are confident; a KL divergence of two runs then means something.

    make_model.py OUT [--case llama-gqa] [--type Q4_K] [--seed 1]
"""

import argparse
import math
from dataclasses import dataclass, field

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, RopeScalingType, TokenType

import weight_types

MERGES = ("h e", "t h", "th e", "i n", "a n", "e r", "o n", "r e", "Ġ t", "Ġt he", "Ġ a", "Ġa n", "Ġan d", "in g", "e s", "Ġ o", "o r",
          "Ġ s", "Ġ w", "e n", "i s", "Ġ i", "Ġi s", "Ġo f", "e d", "a t", "a r", "Ġ c", "Ġ f", "i t", "s t", "a l", "l e",
          "o u", "Ġ b", "Ġ p", "Ġ m", "Ġt o", "k e", "s e")
SPECIAL = ("<|unknown|>", "<|begin|>", "<|end|>")


@dataclass
class Shape:
    arch: str = "llama"
    layers: int = 2
    width: int = 256
    ffn: int = 512
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    tied: bool = False
    rope_base: float = 10000.0
    rope_dims: int | None = None            # head_dim if not given
    linear_scaling: float | None = None     # positions are divided by this
    llama3_factors: bool = False            # a rope_freqs.weight as Llama 3.1's converter writes it
    add_bos: bool = False
    context: int = 2048
    types: dict = field(default_factory=dict)  # weight types by part of the tensor's name, before the model's type


# All widths that enter a matrix are multiples of 256, as K-quant blocks need, except where a case is for smaller blocks.
CASES = {
    "llama-gqa": Shape(),
    "llama-mqa": Shape(heads=4, kv_heads=1, tied=True, add_bos=True),
    "llama-mha": Shape(heads=8, kv_heads=8, head_dim=32, ffn=768),
    "llama-wide-heads": Shape(heads=4, kv_heads=2, head_dim=128, ffn=1280, layers=1),        # heads x head_dim = 2 x width
    "llama-head-96": Shape(width=512, heads=8, kv_heads=4, head_dim=96, ffn=768, layers=1),
    "llama-head-16": Shape(heads=16, kv_heads=4, head_dim=16, ffn=1024),
    "llama-3-rope": Shape(llama3_factors=True, rope_base=500000.0),
    "llama-linear-rope": Shape(linear_scaling=4.0),
    "llama-mixed": Shape(types={"attn_v": "Q6_K", "ffn_down": "Q5_K", "attn_k": "Q8_0", "ffn_up": "Q4_1", "token_embd": "F16",
                                "output": "Q6_K"}),
    "qwen2": Shape(arch="qwen2", heads=4, kv_heads=2, rope_base=1000000.0),
    "qwen2-tied": Shape(arch="qwen2", heads=6, kv_heads=2, head_dim=128, width=768, ffn=768, tied=True, layers=1),
    "qwen3": Shape(arch="qwen3", heads=4, kv_heads=2, head_dim=128, rope_base=1000000.0),     # heads x head_dim = 2 x width
    "qwen3-tied": Shape(arch="qwen3", heads=8, kv_heads=1, head_dim=32, ffn=1536, tied=True, layers=1),
    # For float weights and blocks of 32: rows and columns that no vector width divides evenly.
    "narrow": Shape(width=96, ffn=160, heads=3, kv_heads=3, head_dim=32, layers=3),
    "qwen3-narrow": Shape(arch="qwen3", width=160, ffn=224, heads=5, kv_heads=1, head_dim=64),
}
NARROW = ("narrow", "qwen3-narrow")


def byte_alphabet():
    """GPT-2's printable stand-in for each of the 256 bytes."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    other = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(other)}
    return [table[b] for b in range(256)]


def vocabulary():
    """Tokens and their types; the specials come last. Its size, 299, is odd on purpose."""
    words = byte_alphabet() + [m.replace(" ", "") for m in MERGES]
    types = [TokenType.NORMAL] * len(words) + [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL]
    return words + list(SPECIAL), types


def llama3_factors(dims, base, factor=8.0, low=1.0, high=4.0, original=64):
    """The divisors of the rotation rates as Llama 3.1 defines them; `original` is short here so that all three ranges occur."""
    out = []
    for rate in base ** (-np.arange(0, dims, 2) / dims):
        length = 2 * math.pi / rate
        if length < original / high:
            out.append(1.0)
        elif length > original / low:
            out.append(factor)
        else:
            smooth = (original / length - low) / (high - low)
            out.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(out, np.float32)


def write(path, shape, weight_type="F32", seed=1):
    """Writes the model. `weight_type` holds for every matrix that shape.types does not name."""
    rng = np.random.default_rng(seed)
    w = GGUFWriter(path, shape.arch)
    _write_metadata(w, shape)

    def matrix(name, rows, cols, gain=1.0):
        kind = next((t for part, t in shape.types.items() if part in name and "norm" not in name
                     and not (part == "output" and "attn" in name)), weight_type)
        values = (gain / math.sqrt(cols) * rng.standard_normal((rows, cols))).astype(np.float32)
        w.add_tensor(name, weight_types.encode(values, kind), raw_dtype=GGMLQuantizationType[kind])

    def vector(name, size, mean):
        w.add_tensor(name, (mean + 0.2 * rng.standard_normal(size)).astype(np.float32))

    vocab = len(vocabulary()[0])
    q_rows, kv_rows = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    sharp = 1.0 if shape.tied else 3.0
    matrix("token_embd.weight", vocab, shape.width, 3.0 if shape.tied else math.sqrt(shape.width))
    if shape.llama3_factors:
        w.add_tensor("rope_freqs.weight", llama3_factors(shape.rope_dims or shape.head_dim, shape.rope_base))
    for i in range(shape.layers):
        b = f"blk.{i}."
        vector(b + "attn_norm.weight", shape.width, 1)
        matrix(b + "attn_q.weight", q_rows, shape.width, 1.5)  # attention that is not flat
        matrix(b + "attn_k.weight", kv_rows, shape.width, 1.5)
        matrix(b + "attn_v.weight", kv_rows, shape.width)
        matrix(b + "attn_output.weight", shape.width, q_rows)
        if shape.arch == "qwen2":
            vector(b + "attn_q.bias", q_rows, 0)
            vector(b + "attn_k.bias", kv_rows, 0)
            vector(b + "attn_v.bias", kv_rows, 0)
        if shape.arch == "qwen3":
            vector(b + "attn_q_norm.weight", shape.head_dim, 1)
            vector(b + "attn_k_norm.weight", shape.head_dim, 1)
        vector(b + "ffn_norm.weight", shape.width, 1)
        matrix(b + "ffn_gate.weight", shape.ffn, shape.width)
        matrix(b + "ffn_up.weight", shape.ffn, shape.width)
        matrix(b + "ffn_down.weight", shape.width, shape.ffn)
    vector("output_norm.weight", shape.width, 1)
    if not shape.tied:
        matrix("output.weight", vocab, shape.width, sharp)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def _write_metadata(w, shape):
    w.add_name(f"random {shape.arch}")
    w.add_block_count(shape.layers)
    w.add_context_length(shape.context)
    w.add_embedding_length(shape.width)
    w.add_feed_forward_length(shape.ffn)
    w.add_head_count(shape.heads)
    w.add_head_count_kv(shape.kv_heads)
    if shape.head_dim * shape.heads != shape.width:  # else the reader has to derive it
        w.add_key_length(shape.head_dim)
        w.add_value_length(shape.head_dim)
    if shape.arch == "llama" or shape.rope_dims:
        w.add_rope_dimension_count(shape.rope_dims or shape.head_dim)
    w.add_rope_freq_base(shape.rope_base)
    if shape.linear_scaling:
        w.add_rope_scaling_type(RopeScalingType.LINEAR)
        w.add_rope_scaling_factor(shape.linear_scaling)
    w.add_layer_norm_rms_eps(1e-5)
    tokens, types = vocabulary()
    w.add_vocab_size(len(tokens))
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(tokens)
    w.add_token_types(types)
    w.add_token_merges(list(MERGES))
    w.add_unk_token_id(tokens.index(SPECIAL[0]))
    w.add_bos_token_id(tokens.index(SPECIAL[1]))
    w.add_eos_token_id(tokens.index(SPECIAL[2]))
    w.add_add_bos_token(shape.add_bos)


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out")
    p.add_argument("--case", choices=CASES, default="llama-gqa")
    p.add_argument("--type", choices=weight_types.TYPES, default="F32")
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    write(a.out, CASES[a.case], a.type, a.seed)
