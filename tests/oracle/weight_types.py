"""Encoders for the weight types that gguf-py can only decode, and blocks at the edges of each format.

gguf-py's `quants.dequantize` is the reference for what bytes mean; it encodes Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 and BF16, but none of
the K-quants and IQ4 types. The encoders here choose scales by the range of each sub-block: worse than what real quantisers
search for, but valid blocks with sensible values, which is all that tests need. `encode` works on any of the types.

Layouts: ggml/src/ggml-common.h in ggml (block_q2_K and so on); 256 values per K-quant block.
"""

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS")
FLOAT_TYPES = ("F32", "F16", "BF16")

# Byte offsets of the float16 scales inside a block, by type.
SCALE_OFFSETS = {
    "Q8_0": (0,), "Q4_0": (0,), "Q4_1": (0, 2), "Q5_0": (0,), "Q5_1": (0, 2), "Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2),
    "Q5_K": (0, 2), "Q6_K": (208,), "IQ4_NL": (0,), "IQ4_XS": (0,),
}

IQ4_VALUES = np.array(quants.IQ4_NL.kvalues, np.float32)


def block_shape(name):
    """(values, bytes) of one block."""
    return GGML_QUANT_SIZES[GGMLQuantizationType[name]]


def decode(raw, name):
    """float32 values of uint8 rows of whole blocks: [rows, bytes] -> [rows, values]."""
    return quants.dequantize(raw, GGMLQuantizationType[name])


def encode(values, name):
    """uint8 rows of whole blocks (float rows for F32 and F16, as GGUFWriter wants them) of float32 [rows, values]."""
    if name not in _ENCODERS:
        return quants.quantize(values, GGMLQuantizationType[name])
    rows, cols = values.shape
    block_values, block_bytes = block_shape(name)
    if cols % block_values:
        raise ValueError(f"{name} needs rows of a multiple of {block_values} values, not {cols}")
    blocks = _ENCODERS[name](values.astype(np.float32).reshape(-1, block_values))
    assert blocks.dtype == np.uint8 and blocks.shape[1] == block_bytes
    return blocks.reshape(rows, -1)


def _half(x):
    """float16 bytes of [n, 1] and the value that they decode to."""
    half = x.astype(np.float16)
    return half.view(np.uint8).reshape(-1, 2), half.astype(np.float32)


def _divide(a, b):
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(a.shape, b.shape), np.float32), where=b != 0)


def _scales_and_minima(x, groups, levels, scale_max):
    """Sub-block scale and minimum as integers, for types with value = d * scale * q - dmin * minimum, 0 <= q < levels.

    Returns the bytes of d and dmin, scale and minimum [n, groups] as uint8, and q [n, values] as uint8.
    """
    n = x.shape[0]
    sub = x.reshape(n, groups, -1)
    minimum = np.maximum(-sub.min(axis=2), 0)
    spread = np.maximum(sub.max(axis=2) + minimum, 0) / (levels - 1)
    d_bytes, d = _half(spread.max(axis=1, keepdims=True) / scale_max)
    m_bytes, dmin = _half(minimum.max(axis=1, keepdims=True) / scale_max)
    scale = np.rint(_divide(spread, d)).clip(0, scale_max)
    minimum = np.rint(_divide(minimum, dmin)).clip(0, scale_max)
    q = np.rint(_divide(sub + (dmin * minimum)[..., None], (d * scale)[..., None])).clip(0, levels - 1)
    return d_bytes, m_bytes, scale.astype(np.uint8), minimum.astype(np.uint8), q.astype(np.uint8).reshape(n, -1)


def _signed_scales(x, groups, q_min, q_max, scale_min, scale_max):
    """Sub-block scale as a signed integer, for types with value = d * scale * q, q_min <= q <= q_max."""
    n = x.shape[0]
    sub = x.reshape(n, groups, -1)
    extreme = np.take_along_axis(sub, np.abs(sub).argmax(axis=2)[..., None], axis=2)[..., 0]
    step = extreme / q_min  # the value of largest magnitude gets the code of largest magnitude
    d_bytes, d = _half(np.abs(step).max(axis=1, keepdims=True) / scale_max)
    scale = np.rint(_divide(step, d)).clip(scale_min, scale_max)
    q = np.rint(_divide(sub, (d * scale)[..., None])).clip(q_min, q_max)
    return d_bytes, scale.astype(np.int8), q.astype(np.int8).reshape(n, -1)


def _pack_bits(q, bits, run):
    """Codes of `bits` bits: the first `run` values fill the lowest bits of `run` bytes, the next run the bits above, and so on."""
    per_byte = 8 // bits
    q = q.reshape(q.shape[0], -1, per_byte, run)
    out = np.zeros((q.shape[0], q.shape[1], run), np.uint8)
    for i in range(per_byte):
        out |= q[:, :, i, :] << np.uint8(bits * i)
    return out.reshape(q.shape[0], -1)


def _pack_scales_k4(scale, minimum):
    """Eight 6-bit scales and eight 6-bit minima in 12 bytes (Q4_K, Q5_K)."""
    low, high = slice(0, 4), slice(4, 8)
    return np.concatenate([
        scale[:, low] | (scale[:, high] >> 4 << 6),
        minimum[:, low] | (minimum[:, high] >> 4 << 6),
        (scale[:, high] & 15) | (minimum[:, high] & 15) << 4,
    ], axis=1)


def _encode_q2_k(x):
    d, m, scale, minimum, q = _scales_and_minima(x, 16, 4, 15)
    return np.concatenate([scale | minimum << 4, _pack_bits(q, 2, 32), d, m], axis=1)


def _encode_q3_k(x):
    d, scale, q = _signed_scales(x, 16, -4, 3, -32, 31)
    code = (q + 4).astype(np.uint8)
    scale = (scale + 32).astype(np.uint8)
    low = (scale[:, :8] & 15) | (scale[:, 8:] & 15) << 4
    high = _pack_bits(scale >> 4, 2, 4)
    return np.concatenate([_pack_bits(code >> 2, 1, 32), _pack_bits(code & 3, 2, 32), low, high, d], axis=1)


def _encode_q4_k(x):
    d, m, scale, minimum, q = _scales_and_minima(x, 8, 16, 63)
    return np.concatenate([d, m, _pack_scales_k4(scale, minimum), _pack_bits(q, 4, 32)], axis=1)


def _encode_q5_k(x):
    d, m, scale, minimum, q = _scales_and_minima(x, 8, 32, 63)
    return np.concatenate([d, m, _pack_scales_k4(scale, minimum), _pack_bits(q >> 4, 1, 32), _pack_bits(q & 15, 4, 32)], axis=1)


def _encode_q6_k(x):
    d, scale, q = _signed_scales(x, 16, -32, 31, -128, 127)
    code = (q + 32).astype(np.uint8)
    return np.concatenate([_pack_bits(code & 15, 4, 64), _pack_bits(code >> 4, 2, 32), scale.view(np.uint8), d], axis=1)


def _nearest_iq4(x):
    return np.abs(x[..., None] - IQ4_VALUES).argmin(axis=-1).astype(np.uint8)


def _encode_iq4_nl(x):
    extreme = np.take_along_axis(x, np.abs(x).argmax(axis=1)[:, None], axis=1)
    d_bytes, d = _half(extreme / IQ4_VALUES[0])
    return np.concatenate([d_bytes, _pack_bits(_nearest_iq4(_divide(x, d)), 4, 16)], axis=1)


def _encode_iq4_xs(x):
    n = x.shape[0]
    sub = x.reshape(n, 8, 32)
    extreme = np.take_along_axis(sub, np.abs(sub).argmax(axis=2)[..., None], axis=2)[..., 0]
    step = extreme / IQ4_VALUES[0]
    d_bytes, d = _half(np.abs(step).max(axis=1, keepdims=True) / 31)
    scale = np.rint(_divide(step, d)).clip(-32, 31)
    q = _nearest_iq4(_divide(sub, (d * scale)[..., None])).reshape(n, -1)
    code = (scale + 32).astype(np.uint8)
    high = np.zeros(n, np.uint16)
    for i in range(8):
        high |= (code[:, i] >> 4).astype(np.uint16) << np.uint16(2 * i)
    low = code[:, 0::2] & 15 | (code[:, 1::2] & 15) << 4
    return np.concatenate([d_bytes, high.view(np.uint8).reshape(n, 2), low, _pack_bits(q, 4, 16)], axis=1)


_ENCODERS = {
    "Q2_K": _encode_q2_k, "Q3_K": _encode_q3_k, "Q4_K": _encode_q4_k, "Q5_K": _encode_q5_k, "Q6_K": _encode_q6_k,
    "IQ4_NL": _encode_iq4_nl, "IQ4_XS": _encode_iq4_xs,
}


def with_scales(blocks, name, *scales):
    """A copy of uint8 blocks [n, bytes] whose float16 scales are set: one value for each scale of the type, the last repeated."""
    out = blocks.copy()
    for i, offset in enumerate(SCALE_OFFSETS[name]):
        out[:, offset:offset + 2] = np.frombuffer(np.float16(scales[min(i, len(scales) - 1)]).tobytes(), np.uint8)
    return out


def edge_blocks(name, rng):
    """Blocks that a careless decoder gets wrong, as uint8 [n, bytes], all finite once decoded."""
    values, size = block_shape(name)
    if name in FLOAT_TYPES:
        return _float_edges(name, rng)
    ordinary = encode(rng.standard_normal((2, values)).astype(np.float32), name).view(np.uint8)
    codes = rng.integers(0, 256, (1, size), dtype=np.uint8)
    lowest = np.zeros((1, size), np.uint8)
    highest = np.full((1, size), 255, np.uint8)
    return np.concatenate([
        ordinary,
        with_scales(codes, name, 0),                    # nothing but zeros, whatever the codes
        with_scales(codes, name, -0.0371, 0.21),        # a negative scale is legal
        with_scales(lowest, name, 1, -1),               # every code at its lowest
        with_scales(highest, name, -1, 1),              # every code, sub-scale and sign bit at its highest
        with_scales(codes, name, 65504, -65504),        # the largest float16
        with_scales(codes[:, ::-1], name, 2.0 ** -24),  # the smallest, a subnormal
    ])


def _float_edges(name, rng):
    special = np.array([0.0, -0.0, 1, -1, 2.0 ** -24, -(2.0 ** -15), 65504, -65504, 1 / 3, 2.0 ** -14, 1e-6, -3.14159274], np.float32)
    if name == "F32":
        special = np.concatenate([special, np.array([1e-45, -1e-40, 3.4e38, 1.17549435e-38], np.float32)])
    if name == "BF16":
        special = np.concatenate([special, np.array([3.38e38, -1e-40], np.float32)])
    row = np.concatenate([special, rng.standard_normal(64 - special.size).astype(np.float32)])[None]
    return np.ascontiguousarray(encode(row, name)).view(np.uint8).reshape(64, -1)
