"""zswarm tokenize: ids on standard output, the text as it is."""
import json
import subprocess


def test_ids_stand_on_one_line(run, model):
    assert run("tokenize", model, input=b"Hello world").stdout == b"19556 905\n"


def test_a_final_newline_is_text(run, model):
    with_newline = run("tokenize", model, input=b"Hello world\n").stdout.split()
    assert with_newline[:2] == [b"19556", b"905"] and len(with_newline) == 3


def test_a_file_gives_what_standard_input_gives(run, model, tmp_path):
    text = "Grüße, 世界! \r\n\t<|im_start|>".encode() + b"\xff\x00"
    (tmp_path / "text").write_bytes(text)
    assert run("tokenize", model, "--file", tmp_path / "text").stdout == run("tokenize", model, input=text).stdout


def test_special_tokens_count_unless_told_otherwise(run, model):
    assert run("tokenize", model, input=b"<|im_start|>").stdout == b"1\n"
    assert len(run("tokenize", model, "--no-special", input=b"<|im_start|>").stdout.split()) > 1


def test_no_text_gives_an_empty_line(run, model):
    assert run("tokenize", model, "--no-special", input=b"").stdout == b"\n"


def test_json(run, model):
    assert json.loads(run("tokenize", model, "--json", input=b"Hello world").stdout) == {"tokens": [19556, 905]}


def test_a_vocabulary_without_tensors_is_enough(run, vocabs):
    done = run("tokenize", vocabs / "ggml-vocab-llama-bpe.gguf", "--no-special", input=b"Hello world")
    assert done.stdout == b"9906 1917\n"


def test_a_missing_text_file_is_named(run, one_sentence, model):
    done = run("tokenize", model, "--file", "no-such-text")
    assert done.returncode == 1 and "no-such-text" in one_sentence(done)


def test_a_folder_as_text_is_an_error(run, one_sentence, model, tmp_path):
    done = run("tokenize", model, "--file", tmp_path)
    assert done.returncode == 1 and tmp_path.name in one_sentence(done)


def test_a_reader_that_has_left_is_no_error(start, model):
    process = start("tokenize", model, stdin=subprocess.PIPE)
    process.stdout.close()
    process.stdin.write(b"many words " * 10_000)
    process.stdin.close()
    assert process.wait(timeout=60) == 0 and process.stderr.read() == b""


def test_a_full_disk_is_an_error(start, model):
    with open("/dev/full", "wb") as full:
        process = start("tokenize", model, stdout=full)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and b"standard output" in err
