"""zswarm inspect: what a file holds, and status 1 for a broken one."""
import json

import pytest

def test_json_tells_metadata_and_tensors(run, model):
    told = json.loads(run("inspect", model, "--json").stdout)
    assert told["version"] == 3 and told["runs_here"] and told["problems"] == []
    assert told["metadata"]["general.architecture"] == "llama"
    assert told["metadata"]["tokenizer.ggml.tokens"]["length"] == 49152
    tensors = {tensor["name"]: tensor for tensor in told["tensors"]}
    assert tensors["blk.0.attn_q.weight"]["type"] == "Q4_1" and tensors["blk.0.attn_q.weight"]["dims"] == [576, 576]
    assert sum(t["elements"] for t in told["types"]) == told["parameters"] == 134_515_008


def test_text_names_what_the_file_holds(run, model):
    done = run("inspect", model)
    assert done.returncode == 0 and b"general.architecture" in done.stdout and b"blk.0.attn_q.weight" in done.stdout


def test_a_vocabulary_alone_is_not_broken(run, vocabs):
    done = run("inspect", vocabs / "ggml-vocab-qwen2.gguf", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["tensors"] == []


@pytest.mark.parametrize("keep", [0, 3, 20, 1000, 50_000, -1])
def test_a_cut_file_is_broken(run, model, tmp_path, keep):
    whole = open(model, "rb").read()
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[:keep])
    done = run("inspect", path)
    assert done.returncode == 1 and b"cut.gguf" in done.stderr


def test_a_huge_count_is_broken(run, model, tmp_path):
    head = bytearray(open(model, "rb").read(4096))
    head[8:16] = (2**63 - 1).to_bytes(8, "little")
    path = tmp_path / "huge.gguf"
    path.write_bytes(head)
    assert run("inspect", path).returncode == 1
