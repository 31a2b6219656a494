"""A network of two serving nodes and an entry, with the demo model."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from federation import Federation, until  # noqa: E402, as the path above comes first


@pytest.fixture
def model():
    return pathlib.Path(os.environ["ZSWARM_DEMO_MODEL"])


@pytest.fixture
def federation(tmp_path):
    made = Federation(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def two_and_an_entry(federation, model):
    """(first, second, entry), once the entry can serve the model."""
    first = federation.add("first", [model])
    second = federation.add("second", [model])
    entry = federation.add("entry")
    until(lambda: model.stem in entry.models(), "the entry lists the model")
    return first, second, entry
