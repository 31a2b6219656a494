"""zswarm simulate: one seed, one run; the figures of the network's protocol."""
import json

FIELDS = ["nodes", "seed", "loss", "virtual_s", "wall_s", "converged_9999_s", "idle_bytes_per_node_s", "crash_known_p99_s",
          "false_deaths", "delivered_to_survivors", "trace_hash", "false_deaths_frozen", "suspicions", "node_hours", "healed_s", "refused_ahead", "news_mean_s",
          "crash_known_mean_s", "killed_known", "killed_known_s"]


def figures(run, *arguments):
    done = run("simulate", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_same_seed_gives_the_same_run(run):
    one = figures(run, "--nodes", 100, "--seed", 7, "--loss", 0.1)
    two = figures(run, "--nodes", 100, "--seed", 7, "--loss", 0.1)
    assert list(one) == FIELDS
    assert {**one, "wall_s": 0} == {**two, "wall_s": 0}


def test_another_seed_gives_another_run(run):
    one = figures(run, "--nodes", 50, "--seed", 7)
    two = figures(run, "--nodes", 50, "--seed", 8)
    assert one["trace_hash"] != two["trace_hash"]


def test_a_thousand_nodes_reach_their_figures(run):
    told = figures(run, "--nodes", 1000, "--seed", 1)
    assert told["nodes"] == 1000 and told["virtual_s"] == 60
    assert told["converged_9999_s"] <= 2.0
    assert told["idle_bytes_per_node_s"] <= 500
    assert told["crash_known_p99_s"] <= 5.0
    assert told["false_deaths"] == 0
    assert told["delivered_to_survivors"] >= 0.999


def test_survivors_of_a_mass_death_hear_each_other(run):
    told = figures(run, "--nodes", 500, "--seed", 3, "--kill", 0.8)
    assert told["delivered_to_survivors"] >= 0.999


def test_a_network_that_was_cut_in_two_is_in_one_piece_again(run):
    told = figures(run, "--nodes", 100, "--seed", 4, "--partition", 0.3, "--duration", 240)
    assert told["healed_s"] <= 10
    assert told["delivered_to_survivors"] == 1


def test_news_from_too_far_ahead_are_refused_and_from_a_little_ahead_are_not(run):
    near = figures(run, "--nodes", 100, "--seed", 5, "--skew", 2)
    assert near["refused_ahead"] == 0 and near["delivered_to_survivors"] == 1
    far = figures(run, "--nodes", 100, "--seed", 5, "--skew", 60)
    assert far["refused_ahead"] > 0 and far["delivered_to_survivors"] < 1


def test_without_json_a_person_can_read_it(run):
    done = run("simulate", "--nodes", 20, "--seed", 1)
    assert done.returncode == 0 and b"trace hash" in done.stdout and b"20 nodes" in done.stdout


def test_wrong_usage_is_one_sentence(run, one_sentence):
    done = run("simulate", "--nodes", 10, "--loss", 2)
    assert done.returncode == 2 and "--loss" in one_sentence(done)
