#!/usr/bin/env python3
"""Writes a GGUF file of a well-known model's shape with random weights, for measuring speed.

Speed depends on shapes and weight types, not on values; what such a model says is noise. The tokenizer is copied from a real file, so
that prompts work. F16, or Q4_0 directly; other weight types with llama-quantize (bench/build_llama.sh builds it):

    bench/make_shape.py 1b SmolLM2-135M-Instruct.Q4_1.gguf llama-1b-f16.gguf
    .cache/llama/bin/llama-quantize llama-1b-f16.gguf llama-1b-q4_k_m.gguf q4_k_m

Needs the Python packages gguf and numpy, and twice the file's size on disk.
"""

import argparse
from dataclasses import dataclass

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter


@dataclass
class Shape:
    layers: int
    width: int
    ffn: int
    heads: int
    kv_heads: int
    head_dim: int
    rope_base: float


SHAPES = {
    "1b": Shape(16, 2048, 8192, 32, 8, 64, 500000.0),    # Llama 3.2 1B, but with this tokenizer's smaller vocabulary
    "3b": Shape(28, 3072, 8192, 24, 8, 128, 500000.0),   # Llama 3.2 3B
    "8b": Shape(32, 4096, 14336, 32, 8, 128, 500000.0),  # Llama 3.1 8B
}
CONTEXT = 8192


def matrices(shape, vocabulary):
    """(name, rows, columns) of every matrix, in file order."""
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    yield "token_embd.weight", vocabulary, shape.width
    for i in range(shape.layers):
        b = f"blk.{i}."
        yield b + "attn_q.weight", q, shape.width
        yield b + "attn_k.weight", kv, shape.width
        yield b + "attn_v.weight", kv, shape.width
        yield b + "attn_output.weight", shape.width, q
        yield b + "ffn_gate.weight", shape.ffn, shape.width
        yield b + "ffn_up.weight", shape.ffn, shape.width
        yield b + "ffn_down.weight", shape.width, shape.ffn
    yield "output.weight", vocabulary, shape.width


def f16_matrix(rng, rows, columns):
    """Values of deviation 1 / sqrt(columns), so that a row's product keeps the size of its input."""
    values = rng.standard_normal((rows, columns), dtype=np.float32)
    return (values / np.float32(np.sqrt(columns))).astype(np.float16)


def q4_0_matrix(rng, rows, columns):
    """Blocks of a scale and 16 bytes of random nibbles: whole numbers from -8 to 7, whose deviation is about 4.6."""
    blocks = np.empty((rows, columns // 32, 18), np.uint8)
    blocks[:, :, :2] = np.frombuffer(np.float16(1 / (4.6 * np.sqrt(columns))).tobytes(), np.uint8)
    blocks[:, :, 2:] = np.frombuffer(rng.bytes(rows * columns // 2), np.uint8).reshape(rows, columns // 32, 16)
    return blocks.reshape(rows, -1)


TYPES = {"f16": (f16_matrix, None), "q4_0": (q4_0_matrix, GGMLQuantizationType.Q4_0)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("shape", choices=SHAPES)
    p.add_argument("tokenizer", help="a GGUF file whose tokenizer is copied")
    p.add_argument("out")
    p.add_argument("--type", choices=TYPES, default="f16")
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    shape = SHAPES[a.shape]
    make_matrix, raw_type = TYPES[a.type]
    rng = np.random.default_rng(a.seed)
    fields = GGUFReader(a.tokenizer).fields
    vocabulary = len(fields["tokenizer.ggml.tokens"].contents())

    w = GGUFWriter(a.out, "llama", use_temp_file=True)
    w.add_name(f"random weights, shape {a.shape}")
    w.add_block_count(shape.layers)
    w.add_context_length(CONTEXT)
    w.add_embedding_length(shape.width)
    w.add_feed_forward_length(shape.ffn)
    w.add_head_count(shape.heads)
    w.add_head_count_kv(shape.kv_heads)
    w.add_rope_dimension_count(shape.head_dim)
    w.add_rope_freq_base(shape.rope_base)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(vocabulary)
    for key, field in fields.items():
        if key.startswith("tokenizer."):
            w.add_key_value(key, field.contents(), field.types[0], sub_type=field.types[1] if len(field.types) > 1 else None)
    for name, rows, columns in matrices(shape, vocabulary):
        w.add_tensor(name, make_matrix(rng, rows, columns), raw_dtype=raw_type)
    for i in range(shape.layers):
        for norm in ("attn_norm", "ffn_norm"):
            w.add_tensor(f"blk.{i}.{norm}.weight", np.ones(shape.width, np.float32))
    w.add_tensor("output_norm.weight", np.ones(shape.width, np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


if __name__ == "__main__":
    main()
