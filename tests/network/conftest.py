"""What the tests of real networks share."""
import resource

import beside
import harness
import pytest


@pytest.fixture(scope="session", autouse=True)
def files_enough():
    """Two thousand connections at a time, and some."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.fixture(scope="session")
def side_by_side(request, tmp_path_factory):
    chosen = [item.function.scenario for item in request.session.items if hasattr(item.function, "scenario")]
    runs = beside.SideBySide(tmp_path_factory.mktemp("beside"), chosen)
    yield runs
    runs.close()


@pytest.fixture
def lab(tmp_path):
    with harness.Lab(tmp_path) as made:
        yield made


@pytest.fixture
def report(capsys):
    """Prints a figure into the test run's output."""

    def say(text):
        with capsys.disabled():
            print(f"\n    {text}", flush=True)

    return say
