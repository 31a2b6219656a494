"""The reference: transformers' own rendering, with a fixed clock, and ours through the build's render_template."""

import datetime
import json
import os
import pathlib
import subprocess

import transformers.utils.chat_template_utils as hf

NOW = 1_751_374_923  # seconds since 1970; both sides show this time


class _FixedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(NOW, tz)


hf.datetime = _FixedClock


def reference(template, context):
    """The prompt that transformers makes, or None if it fails."""
    context = dict(context)
    messages = context.pop("messages", [])
    tools = context.pop("tools", None)
    documents = context.pop("documents", None)
    try:
        rendered, _ = hf.render_jinja_template(
            [messages], tools=tools, documents=documents, chat_template=template, **context
        )
    except Exception as error:  # whatever a template does wrong in Python
        return None, f"{type(error).__name__}: {error}"
    return rendered[0], None


class Ours:
    """Talks to one render_template process; respawns it if a template kills it."""

    def __init__(self, binary):
        self.binary = binary
        self.process = None

    def __call__(self, template, context):
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [self.binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "TZ": os.environ.get("TZ", "")}
            )
        request = {"template": template, "context": json.dumps(context), "now": NOW}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            return None, f"render_template ended with status {self.process.wait()}"
        answer = json.loads(line)
        return answer.get("prompt"), answer.get("error")

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(timeout=10)


def binary():
    """ZSWARM_RENDER_TEMPLATE, or the release build's."""
    root = pathlib.Path(__file__).resolve().parents[2]
    return os.environ.get("ZSWARM_RENDER_TEMPLATE", str(root / "build" / "release" / "tests" / "render_template"))


def template_folder():
    """Where ZSWARM_TEMPLATES says that other people's templates lie: vendor/llama.cpp/models/templates of llama-cpp-python's sdist."""
    folder = os.environ.get("ZSWARM_TEMPLATES")
    return pathlib.Path(folder) if folder else None
