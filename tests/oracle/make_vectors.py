#!/usr/bin/env python3
"""Writes tests/data/vectors/weight_types.bin: blocks of every weight type and the float32 values that gguf-py gives for them.

The unit tests of kernels/quant read it (tests/kernels/quant/weight_vectors.h). Products of a float16 scale, an integer sub-scale
and a code fit float32's 24 bits for all of these types, and where a minimum is subtracted there is exactly one rounding;
so a decoder has no freedom: its values must equal these bit for bit (the sign of zero aside).

Format, little-endian: "ZSWVEC01"; uint32 count; then for each type: uint32 length of its name, the name ("Q4_K"), uint32 GGUF type
number, uint32 blocks, uint32 bytes per block, uint32 values per block, the blocks' bytes, the values as float32.

    make_vectors.py [OUT]
"""

import struct
import sys
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType

from weight_types import TYPES, block_shape, decode, edge_blocks

PATH = Path(__file__).parent.parent / "data" / "vectors" / "weight_types.bin"
SEED = 20250101


def vectors():
    """The file's bytes."""
    rng = np.random.default_rng(SEED)
    out = [b"ZSWVEC01", struct.pack("<I", len(TYPES))]
    for name in TYPES:
        blocks = edge_blocks(name, rng)
        values = decode(blocks, name)
        per_block, size = block_shape(name)
        assert blocks.shape[1] == size and values.shape == (blocks.shape[0], per_block) and np.isfinite(values).all()
        out.append(struct.pack("<I", len(name)) + name.encode())
        out.append(struct.pack("<IIII", GGMLQuantizationType[name], blocks.shape[0], size, per_block))
        out.append(blocks.tobytes() + values.astype("<f4").tobytes())
    return b"".join(out)


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(vectors())
