"""zswarm bench: the shape that scripts read, and figures that can be true."""
import json


def test_json(run, model):
    told = json.loads(run("bench", model, "-p", 32, "-n", 4, "-b", "1,4", "-r", 2, "-t", 2, "--json").stdout)
    assert told["threads"] == 2 and told["cpu"] in ("scalar", "avx2", "avx512") and told["read_gb_s"] > 0.1
    assert 0.5 * 98_362_432 < told["bytes_per_token"] <= 1.3 * 98_362_432
    assert [result["test"] for result in told["results"]] == ["pp32", "tg4", "tg4x4"]
    for result in told["results"]:
        assert 0 < result["tokens_s_min"] <= result["tokens_s"] <= result["tokens_s_max"]
        assert result["read_share"] > 0


def test_the_instruction_set_can_be_chosen_and_is_shown(run, model):
    done = run("bench", model, "-p", 8, "-n", 0, "-r", 1, "--json", env={"ZSWARM_CPU": "scalar"})
    assert json.loads(done.stdout)["cpu"] == "scalar"


def test_text_shows_the_same_tests(run, model):
    done = run("bench", model, "-p", 8, "-n", 2, "-r", 1)
    assert done.returncode == 0 and b"pp8 " in done.stdout and b"tg2 " in done.stdout and b"GB/s" in done.stdout


def test_nothing_to_measure_is_fine(run, model):
    assert json.loads(run("bench", model, "-p", 0, "-n", 0, "--json").stdout)["results"] == []
