"""zswarm token: new networks, and what a token says of itself."""
import json
import os
import pathlib
import re
import stat

import pytest

TOKEN = re.compile(r"zsw1[0-9a-hjkmnp-tv-z]{100,}")
NETWORK = re.compile(r"[0-9a-hjkmnp-tv-z]{13}")
VECTORS = json.loads((pathlib.Path(__file__).resolve().parents[2] / "vectors/bus/tokens.json").read_text())["valid"]
KEYS = json.loads((pathlib.Path(__file__).resolve().parents[2] / "vectors/bus/keys.json").read_text())["networks"]


@pytest.fixture
def new(run):
    def new(*arguments, **options):
        done = run("token", "new", "--json", *arguments, **options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return new


def show(run, token, *arguments):
    done = run("token", "show", "--json", *arguments, env={"ZSWARM_TOKEN": token})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_new_token_stands_alone_on_standard_output(run):
    done = run("token", "new")
    assert done.returncode == 0
    assert TOKEN.fullmatch(done.stdout.decode().removesuffix("\n"))
    assert NETWORK.search(done.stderr.decode()) and not TOKEN.search(done.stderr.decode())


def test_each_token_is_another_network(new):
    made = [new(), new()]
    for one in made:
        assert TOKEN.fullmatch(one["token"]) and NETWORK.fullmatch(one["network"]) and one["epoch"] == 1
    for key in ("token", "network", "operator_key_file"):
        assert made[0][key] != made[1][key]


def test_the_operators_key_is_kept_for_its_owner_alone(new, tmp_path):
    folder = tmp_path / "elsewhere" / "data"
    file = pathlib.Path(new("--data", folder)["operator_key_file"])
    assert file.parent == folder and list(folder.iterdir()) == [file]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("env, folder", [
    ({"ZSWARM_DATA": "{}/own"}, "own"), ({"XDG_DATA_HOME": "{}/xdg"}, "xdg/zswarm"), ({"XDG_DATA_HOME": "relative", "HOME": "{}/home"}, "home/.local/share/zswarm"),
    ({"HOME": "{}/home"}, "home/.local/share/zswarm"),
], ids=["ZSWARM_DATA", "XDG_DATA_HOME", "relative", "HOME"])
def test_the_data_folder_follows_the_environment(new, tmp_path, env, folder):
    unset = {"ZSWARM_DATA": "", "XDG_DATA_HOME": ""}
    made = new(env={**unset, **{name: value.format(tmp_path) for name, value in env.items()}})
    assert pathlib.Path(made["operator_key_file"]).parent == tmp_path / folder


def test_a_token_holds_addresses_and_its_end(run, new):
    made = new("--bootstrap", "192.0.2.7:7000", "--bootstrap", "[2001:DB8::7]:7001", "--expires", "30d")
    shown = show(run, made["token"])
    assert shown["bootstrap"] == ["192.0.2.7:7000", "[2001:db8::7]:7001"]
    assert shown["network"] == made["network"] and shown["expires_s"] == made["expires_s"]


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_show_tells_what_a_token_holds_but_not_its_secret(run, vector):
    shown = show(run, vector["token"])
    keys = next((keys for keys in KEYS if keys["secret"] == vector["secret"]), None)
    assert keys is not None
    assert shown["network"] == keys["network"] and shown["epoch"] == vector["epoch"]
    assert shown["join_key"] == keys["join_server"]["public_z85"] and shown["bootstrap"] == vector["bootstrap"]
    assert "token" not in shown and keys["secret"] not in json.dumps(shown)


def test_show_reveals_the_token_only_when_told(run):
    token = VECTORS[0]["token"]
    assert show(run, token, "--reveal")["token"] == token
    hidden = run("token", "show", env={"TOKEN": token})
    assert hidden.returncode == 0 and b"zsw1" not in hidden.stdout and KEYS[0]["network"].encode() in hidden.stdout
    assert token.encode() in run("token", "show", "--reveal", env={"TOKEN": token}).stdout


def test_a_token_comes_from_a_flag_a_file_standard_input_or_the_environment(run, tmp_path):
    first, other = VECTORS[0]["token"], VECTORS[2]["token"]
    file = tmp_path / "home.token"
    file.write_text(f"\n {first[:50]}\n{first[50:]}  \n")
    asked = {
        "text": (["--token", first], {"TOKEN": other}, b""),
        "file": (["--token", file], {"ZSWARM_TOKEN": other}, b""),
        "standard input": (["--token", "-"], {}, first.upper().encode() + b"\n"),
        "ZSWARM_TOKEN": ([], {"ZSWARM_TOKEN": first, "TOKEN": other}, b""),
        "TOKEN": ([], {"TOKEN": first}, b""),
        "file in the environment": ([], {"TOKEN": str(file)}, b""),
    }
    for name, (arguments, env, typed) in asked.items():
        done = run("token", "show", "--json", *arguments, env={"TOKEN": "", **env}, input=typed)
        assert done.returncode == 0 and json.loads(done.stdout)["network"] == KEYS[0]["network"], name


def test_an_expired_token_is_shown_with_a_sentence(run, one_sentence):
    token = next(vector["token"] for vector in VECTORS if vector["expires_s"] == "1000000000")
    done = run("token", "show", "--token", token)
    assert done.returncode == 0 and b"expires    2001-09-09 01:46:40 UTC" in done.stdout
    assert "expired on 2001-09-09 01:46:40 UTC" in one_sentence(done)


GOOD = VECTORS[0]["token"]


@pytest.mark.parametrize("token, sentence", [
    (GOOD[:60] + ("0" if GOOD[60] != "0" else "1") + GOOD[61:], "typo"), (GOOD[:-1], "typo"), (GOOD + "0", "typo"),
    ("zsw2" + GOOD[4:], "newer format"), ("zsx1" + GOOD[4:], "neither a token"), ("./nowhere.token", "./nowhere.token"), ("x" + GOOD, "neither a token"),
], ids=["mistyped", "cut", "longer", "newer", "other prefix", "no file", "one character before"])
def test_a_wrong_token_gets_one_sentence_that_does_not_repeat_it(run, one_sentence, token, sentence):
    for arguments, env in ((["--token", token], {}), ([], {"ZSWARM_TOKEN": token})):
        done = run("token", "show", *arguments, env={"TOKEN": "", **env})
        assert done.returncode == 1 and done.stdout == b""
        text = one_sentence(done)
        assert sentence in text
        assert not any(GOOD[i:i + 8] in text for i in range(4, len(GOOD) - 8))


@pytest.mark.parametrize("arguments", [
    ["token"], ["token", "frobnicate"], ["token", "show"], ["token", "new", "--expires", "soon"], ["token", "new", "--expires", "0d"],
    ["token", "new", "--expires", "30"], ["token", "new", "--expires", "99999999999999999999d"], ["token", "new", "--expires", "101000w"],
    ["token", "new", "--bootstrap", "host"], ["token", "new", "--bootstrap", "host:0"], ["token", "new"] + ["--bootstrap", "host:1"] * 9,
], ids=lambda arguments: " ".join(arguments)[:60])
def test_wrong_usage_is_one_sentence_and_makes_nothing(run, one_sentence, tmp_path, arguments):
    done = run(*arguments, env={"TOKEN": ""})
    assert done.returncode == 2 and done.stdout == b""
    one_sentence(done)
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_cannot_be_is_named(run, one_sentence, tmp_path):
    (tmp_path / "file").write_text("")
    done = run("token", "new", "--data", tmp_path / "file" / "data")
    assert done.returncode == 1 and done.stdout == b""
    assert os.fspath(tmp_path / "file") in one_sentence(done)


@pytest.mark.parametrize("command", ["new", "show"])
def test_help_has_examples(run, command):
    done = run("token", command, "--help")
    assert done.returncode == 0
    assert re.search(rf"Example:\n +.*zswarm token {command}", done.stdout.decode())
