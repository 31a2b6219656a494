"""What the tests of the clients in examples/ share."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "examples/python"))
from live_network import COMMANDS, Client, Net  # noqa: E402, as the path above comes first


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    """Three workers that know each other."""
    made = Net(tmp_path_factory.mktemp("network"))
    for name in ("first", "second", "third"):
        made.add(name)
    yield made
    alive = [worker.process.poll() is None for worker in made.workers]
    made.stop()
    assert all(alive), "a worker died of its clients"


@pytest.fixture
def own_network(tmp_path):
    """Two workers for tests that change who is there."""
    made = Net(tmp_path)
    made.add("first")
    made.add("second")
    yield made
    made.stop()


@pytest.fixture(params=COMMANDS)
def client(request, tmp_path):
    made = Client(request.param, tmp_path)
    yield made
    made.stop()
