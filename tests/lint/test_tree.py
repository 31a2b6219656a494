"""The project keeps its own rules: those of rules.py, clang-format and shellcheck."""
import pathlib
import shutil
import subprocess

import pytest
import rules

TREE = rules.Tree(pathlib.Path(__file__).resolve().parents[2])


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule):
    complaints = rule(TREE)
    assert not complaints, "\n".join(complaints)


def run(*command):
    assert shutil.which(command[0]), f"{command[0]} is not installed; tests/run installs it"
    done = subprocess.run(command, cwd=TREE.root, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def test_the_sources_are_formatted():
    run("clang-format-14", "--dry-run", "-Werror", "--ferror-limit=1", *TREE.sources(rules.CPP_ENDINGS))


def test_the_shell_scripts_pass_shellcheck():
    run("shellcheck", "--severity=warning", "--external-sources", *TREE.scripts())
