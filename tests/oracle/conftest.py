"""What the tests of this folder share: the command under test, the text, models made on the spot.

ZSWARM_BIN names the command (build/release/zswarm if unset), ZSWARM_DEMO_MODEL the file SmolLM2-135M-Instruct.Q4_1.gguf.
"""

import os
from pathlib import Path

import make_model
import pytest
from engine import Engine

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = ROOT / "tests" / "data" / "technical_english.txt"


@pytest.fixture(scope="session")
def engine():
    path = Path(os.environ.get("ZSWARM_BIN", ROOT / "build" / "release" / "zswarm"))
    if not path.exists():
        pytest.fail(f"{path} is missing: build it (cmake --build --preset release) or set ZSWARM_BIN.")
    return Engine(path)


@pytest.fixture(scope="session")
def demo_model():
    path = os.environ.get("ZSWARM_DEMO_MODEL")
    if not path or not Path(path).exists():
        pytest.fail("ZSWARM_DEMO_MODEL does not name a file; tests/run fetches SmolLM2-135M-Instruct.Q4_1.gguf and sets it.")
    return Path(path)


@pytest.fixture(scope="session")
def text_of(tmp_path_factory):
    """text_of(n): a file with the first n characters of the technical text."""
    folder = tmp_path_factory.mktemp("texts")
    whole = TEXT.read_text(encoding="utf-8")

    def make(characters):
        path = folder / f"{characters}.txt"
        path.write_text(whole[:characters], encoding="utf-8")
        return path

    return make


@pytest.fixture(scope="session")
def random_model(tmp_path_factory):
    """random_model(case, type): the file of a model of make_model.CASES, made once."""
    folder = tmp_path_factory.mktemp("models")

    def make(case, weight_type):
        path = folder / f"{case}-{weight_type}.gguf"
        if not path.exists():
            make_model.write(path, make_model.CASES[case], weight_type)
        return path

    return make
