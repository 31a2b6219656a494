"""The programs in examples/ run as their readers would run them."""
import pathlib
import subprocess
import sys

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


def test_chat_gets_the_same_answer_for_the_same_seed(server):
    done = subprocess.run([sys.executable, EXAMPLES / "chat.py", "--url", f"http://{server.http}/v1", "Name three colours."],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 60 and done.stdout.endswith("(the same seed, the same answer)\n")
