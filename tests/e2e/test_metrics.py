"""/metrics as Prometheus sees it."""
import os
import pathlib
import subprocess
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMTOOL = os.environ.get("ZSWARM_PROMTOOL", str(ROOT / ".cache/promtool/usr/bin/promtool"))


def promtool(metrics):
    """promtool's remarks and exit status; empty and 0 if it has none."""
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=metrics, capture_output=True, timeout=60)
    return (done.stdout + done.stderr).decode(), done.returncode


def test_promtool_has_no_remark(server, client):
    client.completions.create(model=client.models.list().data[0].id, prompt="Once", max_tokens=3, n=2)
    with pytest.raises(Exception, match="no-such-model"):
        client.completions.create(model="no-such-model", prompt="Once")
    with urllib.request.urlopen(f"http://{server.http}/metrics", timeout=60) as response:
        metrics = response.read()
    assert metrics.count(b"# TYPE") > 10
    assert promtool(metrics) == ("", 0)


def test_promtool_would_say_what_is_wrong():
    assert promtool(b"# TYPE zswarm_things counter\nzswarm_things 1\n")[1] != 0
