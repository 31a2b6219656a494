"""A plain numpy forward pass of llama, qwen2 and qwen3 from a GGUF file: the oracle for the engine's logits.

Written for reading, from the papers and the modelling code of Hugging Face transformers; it shares no line with the engine. The
weights are decoded with gguf-py. One window of tokens at a time, no cache.

  RMSNorm                      Zhang and Sennrich 2019
  rotary position embedding    Su et al. 2021, section 3.4.2; scaling: Chen et al. 2023 (linear), Llama 3's factors from the file
  grouped-query attention      Ainslie et al. 2023
  SwiGLU                       Shazeer 2020
  query and key norm (qwen3)   per head, before the rotation

`quantised_activations=True` imitates what the engine does on purpose and nothing else: inputs of matrices with quantised weights are
rounded to 16 bits in blocks of 32 with a float32 scale, keys and values to float16. How far this imitation is from the exact pass says how
far the engine may be; tests derive their tolerances from it.
"""

from dataclasses import dataclass

import numpy as np
from gguf import GGUFReader, quants

FLOAT_TYPES = ("F32", "F16", "BF16")
INTERLEAVED = ("llama",)  # pairs (2i, 2i + 1): the converter has permuted the rows of q and k; the others pair i with i + n / 2


@dataclass
class Matrix:
    weights: np.ndarray  # [outputs, inputs]
    quantised: bool
    bias: np.ndarray | None = None


class Model:
    """logits(tokens) of the model in `path`; `dtype` is the type of every weight, activation and sum."""

    def __init__(self, path, dtype=np.float32, quantised_activations=False):
        file = GGUFReader(path)
        self.dtype = np.dtype(dtype)
        self.quantised_activations = quantised_activations
        self._fields = file.fields
        self._tensors = {t.name: t for t in file.tensors}
        self.arch = self._field("general.architecture")
        if self.arch not in ("llama", "qwen2", "qwen3"):
            raise ValueError(f"{path}: no oracle for architecture {self.arch}")
        self.layers = self._hyper("block_count")
        self.width = self._hyper("embedding_length")
        self.heads = self._hyper("attention.head_count")
        self.kv_heads = self._hyper("attention.head_count_kv", self.heads)
        self.head_dim = self._hyper("attention.key_length", self.width // self.heads)
        self.epsilon = self._hyper("attention.layer_norm_rms_epsilon")
        self.rotation_rates = self._rotation_rates()
        self.blocks = [self._block(i) for i in range(self.layers)]
        self.embedding = self._matrix("token_embd.weight")
        self.output_norm = self._tensor("output_norm.weight")
        self.output = self._matrix("output.weight") if "output.weight" in self._tensors else self.embedding
        self._tensors = None

    def logits(self, tokens):
        """[len(tokens), vocabulary]; row i after tokens 0 to i."""
        x = self.embedding.weights[np.asarray(tokens)]
        angles = np.outer(np.arange(len(tokens)), self.rotation_rates)  # float64
        cos, sin = np.cos(angles).astype(self.dtype), np.sin(angles).astype(self.dtype)
        for block in self.blocks:
            x = x + self._attention(self._rms_norm(x, block["attn_norm"]), block, cos, sin)
            h = self._rms_norm(x, block["ffn_norm"])
            h = _silu(self._multiply(h, block["ffn_gate"])) * self._multiply(h, block["ffn_up"])
            x = x + self._multiply(h, block["ffn_down"])
        return self._multiply(self._rms_norm(x, self.output_norm), self.output)

    def _attention(self, x, block, cos, sin):
        n = x.shape[0]
        q = self._multiply(x, block["attn_q"]).reshape(n, self.heads, self.head_dim)
        k = self._multiply(x, block["attn_k"]).reshape(n, self.kv_heads, self.head_dim)
        v = self._multiply(x, block["attn_v"]).reshape(n, self.kv_heads, self.head_dim)
        if "attn_q_norm" in block:
            q, k = self._rms_norm(q, block["attn_q_norm"]), self._rms_norm(k, block["attn_k_norm"])
        q, k = self._rotate(q, cos, sin), self._rotate(k, cos, sin)
        if self.quantised_activations:
            k, v = (t.astype(np.float16).astype(self.dtype) for t in (k, v))
        group = self.heads // self.kv_heads
        future = np.triu(np.ones((n, n), bool), 1)
        out = np.empty((n, self.heads, self.head_dim), self.dtype)
        for h in range(self.heads):
            scores = q[:, h] @ k[:, h // group].T / self.dtype.type(np.sqrt(self.head_dim))
            scores[future] = -np.inf
            out[:, h] = _softmax(scores) @ v[:, h // group]
        return self._multiply(out.reshape(n, -1), block["attn_output"])

    def _rotate(self, x, cos, sin):
        """x [tokens, heads, head_dim]; cos, sin [tokens, rotated / 2]. What lies behind the rotated part stays as it is."""
        pairs = cos.shape[1]
        first, second = (slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)) if self.arch in INTERLEAVED else (
            slice(0, pairs), slice(pairs, 2 * pairs))
        a, b = x[..., first], x[..., second]
        out = x.copy()
        out[..., first] = a * cos[:, None] - b * sin[:, None]
        out[..., second] = a * sin[:, None] + b * cos[:, None]
        return out

    def _rms_norm(self, x, weight):
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.dtype.type(self.epsilon)) * weight

    def _multiply(self, x, matrix):
        if self.quantised_activations and matrix.quantised:
            x = _through_int16(x)
        y = x @ matrix.weights.T
        return y if matrix.bias is None else y + matrix.bias

    def _rotation_rates(self):
        """Radians per position of every pair, float64."""
        rotated = self._hyper("rope.dimension_count", self.head_dim)
        rates = self._hyper("rope.freq_base", 10000.0) ** (-np.arange(0, rotated, 2) / rotated)
        scaling = self._hyper("rope.scaling.type", "none")
        if scaling == "linear":
            rates = rates / self._hyper("rope.scaling.factor")
        elif scaling != "none":
            raise ValueError(f"no oracle for rope scaling {scaling}")
        if "rope_freqs.weight" in self._tensors:
            rates = rates / self._tensor("rope_freqs.weight")
        return rates

    def _block(self, i):
        block = {}
        for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
            block[name] = self._matrix(f"blk.{i}.{name}.weight")
        for name in ("attn_norm", "ffn_norm", "attn_q_norm", "attn_k_norm"):
            if f"blk.{i}.{name}.weight" in self._tensors:
                block[name] = self._tensor(f"blk.{i}.{name}.weight")
        return block

    def _matrix(self, name):
        bias = name.removesuffix("weight") + "bias"
        return Matrix(self._tensor(name), self._tensors[name].tensor_type.name not in FLOAT_TYPES,
                      self._tensor(bias) if bias in self._tensors else None)

    def _tensor(self, name):
        t = self._tensors[name]
        return quants.dequantize(t.data, t.tensor_type).reshape(t.shape[::-1]).astype(self.dtype)

    def _hyper(self, key, default=None):
        return self._field(f"{self.arch}.{key}", default)

    def _field(self, key, default=None):
        if key in self._fields:
            return self._fields[key].contents()
        if default is None:
            raise ValueError(f"the file lacks {key}")
        return default


def _silu(x):
    with np.errstate(over="ignore"):  # exp(-x) is infinite for very negative x; the quotient is then -0, as it should be
        return x / (1 + np.exp(-x))


def _softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _through_int16(x):
    """x rounded to multiples of a 32512th of the largest magnitude in each block of 32."""
    blocks = x.reshape(-1, 32)
    scale = (np.abs(blocks).max(axis=1, keepdims=True) / 32512).astype(np.float32)
    codes = np.rint(np.divide(blocks, scale, out=np.zeros_like(blocks), where=scale != 0))
    return (codes * scale).astype(x.dtype).reshape(x.shape)
