"""zswarm generate: streams text, ends cleanly; the same seed gives the same text, on any number of threads."""
import json
import signal
import subprocess


def test_text_goes_to_standard_output_and_the_speed_to_standard_error(run, model):
    done = run("generate", model, "-p", "The capital of France is", "-n", 12, "--temp", 0)
    assert done.returncode == 0 and b"Paris" in done.stdout
    assert b"tokens/s" in done.stderr and b"tokens/s" not in done.stdout


def test_json_tells_what_happened(run, model):
    told = json.loads(run("generate", model, "-p", "Once upon a time", "-n", 8, "--seed", 7, "--json").stdout)
    assert told["seed"] == 7 and told["completion_tokens"] == len(told["tokens"]) == 8 and told["finish_reason"] == "length"
    assert told["prompt_tokens"] == 4 and told["tokens_s"] > 0 and told["text"]


def test_a_seed_gives_the_same_text_on_any_number_of_threads_and_instruction_set(run, model):
    arguments = ["generate", model, "-p", "Once upon a time", "-n", 24, "--seed", 11]
    first = run(*arguments, "-t", 1).stdout
    assert first == run(*arguments, "-t", 3).stdout == run(*arguments, env={"ZSWARM_CPU": "avx2"}).stdout
    assert first != run(*arguments[:-1], 12).stdout


def test_without_p_the_prompt_comes_from_standard_input(run, model):
    with_flag = run("generate", model, "-n", 8, "--temp", 0, "-p", "One, two, three,")
    piped = run("generate", model, "-n", 8, "--temp", 0, input=b"One, two, three,")
    assert piped.stdout == with_flag.stdout != b""


def test_an_empty_prompt_is_wrong_usage(run, one_sentence, model):
    done = run("generate", model, "-p", "")
    assert done.returncode == 2
    one_sentence(done)


def test_a_prompt_over_the_context_is_an_error(run, one_sentence, model):
    done = run("generate", model, "--context", 16, "-p", "word " * 100)
    assert done.returncode == 1
    one_sentence(done)


def test_sigterm_ends_it(start, model):
    process = start("generate", model, "-p", "Once upon a time", "-n", 4000)
    assert process.stdout.read(1)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and err.endswith(b"stopped by SIGTERM.\n")


def test_a_reader_that_has_left_ends_it_quietly(start, model):
    process = start("generate", model, "-p", "Once upon a time", "-n", 4000)
    assert process.stdout.read(1)
    process.stdout.close()
    assert process.wait(timeout=30) == 0 and process.stderr.read() == b""


def test_text_streams_before_the_end(start, model):
    process = start("generate", model, "-p", "Once upon a time", "-n", 4000, stdout=subprocess.PIPE)
    assert len(process.stdout.read(40)) == 40
    assert process.poll() is None
