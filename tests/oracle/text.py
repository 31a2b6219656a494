"""Token ids of a text by Hugging Face's `tokenizers` from a GGUF file's vocabulary, and the windows that `zswarm perplexity` makes.

Only for byte-level BPE with the pre-tokenizers gpt-2 and smollm, which the models of these tests use.
"""

from gguf import GGUFReader
from tokenizers import Tokenizer, models, pre_tokenizers


def tokenizer(fields):
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    out = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    kind = fields["tokenizer.ggml.pre"].contents()
    if kind == "smollm":
        split = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), split])
    elif kind != "gpt-2":
        raise ValueError(f"no reference for pre-tokenizer {kind}")
    out.pre_tokenizer = split
    return out


def windows(model_path, text_path, context):
    """Lists of `context` token ids, as the command's documentation defines them."""
    fields = GGUFReader(model_path).fields
    text = open(text_path, encoding="utf-8", newline="").read()
    ids = tokenizer(fields).encode(text, add_special_tokens=False).ids
    bos = fields.get("tokenizer.ggml.add_bos_token")
    bos = fields["tokenizer.ggml.bos_token_id"].contents() if bos is not None and bos.contents() else None
    if bos is not None:
        ids = [bos, *ids]
    out = [ids[i:i + context] for i in range(0, len(ids) - context + 1, context)]
    return out if bos is None else [[bos, *w[1:]] for w in out]
