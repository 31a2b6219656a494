"""Token ids of ASCII text by byte-pair encoding, and the windows that `zswarm perplexity` makes of them.

The plain algorithm of Sennrich et al. 2016 with GPT-2's splitting into words; only for vocabularies with the pre-tokenizers gpt-2 and
smollm, which the models of these tests use, and for ASCII, where letters and digits need no Unicode tables.
"""

import re
from functools import cache

from gguf import GGUFReader

GPT2_WORD = re.compile(r"'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def encode(fields, text):
    """Ids of a text by the vocabulary in a GGUF file's metadata, special tokens not recognised."""
    if not text.isascii():
        raise ValueError("this reference knows ASCII only")
    kind = fields["tokenizer.ggml.pre"].contents()
    if kind not in ("gpt-2", "smollm"):
        raise ValueError(f"no reference for pre-tokenizer {kind}")
    ids = {token: i for i, token in enumerate(fields["tokenizer.ggml.tokens"].contents())}
    ranks = {tuple(merge.split(" ")): i for i, merge in enumerate(fields["tokenizer.ggml.merges"].contents())}

    @cache
    def word_ids(word):
        # GPT-2's alphabet shows the space and the control characters as letters from U+0100 on.
        parts = [c if "!" <= c <= "~" else chr(256 + ord(c)) if c <= " " else chr(289) for c in word]
        while len(parts) > 1:
            rank, at = min((ranks.get(pair, len(ranks)), i) for i, pair in enumerate(zip(parts, parts[1:])))
            if rank == len(ranks):
                break
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        return [ids[p] for p in parts]

    pieces = re.split(r"([0-9])", text) if kind == "smollm" else [text]
    return [i for piece in pieces for word in GPT2_WORD.findall(piece) for i in word_ids(word)]


def windows(model_path, text_path, context):
    """Lists of `context` token ids, as the command's documentation defines them."""
    fields = GGUFReader(model_path).fields
    ids = encode(fields, open(text_path, encoding="utf-8", newline="").read())
    bos = fields.get("tokenizer.ggml.add_bos_token")
    bos = fields["tokenizer.ggml.bos_token_id"].contents() if bos is not None and bos.contents() else None
    if bos is not None:
        ids = [bos, *ids]
    out = [ids[i:i + context] for i in range(0, len(ids) - context + 1, context)]
    return out if bos is None else [[bos, *w[1:]] for w in out]
