"""Rules that every file of the project keeps. A remark made twice in review becomes a rule here.

A rule is a function of a Tree; it returns complaints, one sentence each ("path:line: what"). test_tree.py applies all of them to this
project, test_rules.py shows for each that it notices a breach.
"""
import pathlib
import re
import subprocess

SOURCE_ENDINGS = {".cpp", ".h", ".rs", ".py", ".sh", ".js", ".mjs", ".ts", ".cmake"}
CPP_ENDINGS = {".cpp", ".h"}

# Folder -> what its files may include of ours.
MAY_INCLUDE = {
    "kernels": ("kernels/",),
    "bus": ("bus/",),
    "node": ("node/", "kernels/", "bus/"),
    "gateway": ("gateway/", "node/client.h", "kernels/base/"),
}
OUR_FOLDERS = ("kernels", "bus", "node", "gateway", "tools", "tests", "bench")
FOLDERS_WITH_README = ("kernels", "bus", "node", "gateway", "tools", "tests", "bench", "examples")

MAX_LINES = 600
MAX_BYTES = 1_000_000
MAX_CORPUS_BYTES = 100_000


class Tree:
    """A project folder: the files that git tracks, or (without git) those that are given."""

    def __init__(self, root, files=None):
        self.root = pathlib.Path(root)
        if files is None:
            listed = subprocess.run(["git", "ls-files", "-z"], cwd=self.root, check=True, capture_output=True).stdout
            files = [name for name in listed.decode().split("\0") if name and (self.root / name).exists()]
        self.files = sorted(files)
        self._texts = {}

    def text(self, name):
        if name not in self._texts:
            self._texts[name] = (self.root / name).read_bytes().decode("utf-8", errors="replace")
        return self._texts[name]

    def sources(self, endings=frozenset(SOURCE_ENDINGS)):
        return [name for name in self.files if pathlib.PurePath(name).suffix in endings and not is_data(name)]

    def scripts(self):
        """Shell scripts, also those without an ending."""
        return [name for name in self.files
                if name.endswith(".sh") or (not pathlib.PurePath(name).suffix and self.text(name).startswith("#!/usr/bin/env bash"))]


def is_data(name):
    parts = pathlib.PurePath(name).parts
    return any(part in ("corpus", "vectors", "data", "lint") for part in parts[:-1]) and parts[0] == "tests"


def matches(tree, names, pattern):
    """Yields (name, line number, match) for every line that matches."""
    compiled = re.compile(pattern)
    for name in names:
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            found = compiled.search(line)
            if found:
                yield name, number, found


def code_only(tree, names, pattern):
    """As matches(), without what stands in // comments."""
    compiled = re.compile(pattern)
    for name in names:
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            found = compiled.search(line.split("//", 1)[0])
            if found:
                yield name, number, found


def folders_include_only_what_they_may(tree):
    complaints = []
    ours = "|".join(OUR_FOLDERS)
    for name, number, found in matches(tree, tree.sources(CPP_ENDINGS), rf'^\s*#\s*include\s+["<](({ours})/[^">]+)[">]'):
        allowed = MAY_INCLUDE.get(name.split("/")[0])
        if allowed and not found[1].startswith(allowed):
            complaints.append(f"{name}:{number}: {name.split('/')[0]} may not include {found[1]}")
    return complaints


def includes_name_their_folder(tree):
    """No include climbs with ../, and every quoted include is a file of ours, named from the top (or a bridge's own header)."""
    complaints = []
    for name, number, found in matches(tree, tree.sources(CPP_ENDINGS), r'^\s*#\s*include\s+"([^"]+)"'):
        if ".." in found[1].split("/"):
            complaints.append(f"{name}:{number}: include from the top of the project, not {found[1]}")
        elif found[1].split("/")[0] in OUR_FOLDERS and found[1] not in tree.files:
            complaints.append(f"{name}:{number}: {found[1]} does not exist")
    return complaints


def only_the_node_and_the_tools_start_threads(tree):
    may = ("node/node.cpp", "node/node.h", "node/network/network.cpp", "node/network/network.h")
    names = [n for n in tree.sources(CPP_ENDINGS) if not n.startswith(("tools/", "tests/", "bench/")) and n not in may]
    pattern = r"std::thread\b(?!::)|std::jthread|pthread_create|thread_pool|std::async\b|thrd_create"
    return [f"{n}:{l}: only node/node.cpp, node/network/network.cpp and tools/ start threads" for n, l, _ in code_only(tree, names, pattern)]


def no_std_regex(tree):
    return [f"{n}:{l}: std::regex recurses without a limit; use PCRE2 with limits"
            for n, l, _ in code_only(tree, tree.sources(CPP_ENDINGS), r"std::w?regex|#\s*include\s*<regex>")]


def every_folder_has_a_readme(tree):
    complaints = []
    for folder in FOLDERS_WITH_README:
        if not any(name.startswith(folder + "/") for name in tree.files):
            continue
        readme = folder + "/README.md"
        if readme not in tree.files:
            complaints.append(f"{folder}: there is no README.md")
        elif len(tree.text(readme).split()) < 20:
            complaints.append(f"{readme}: says nothing about what enters, what leaves and where to start")
    return complaints


def files_stay_small(tree):
    complaints = []
    for name in tree.sources():
        lines = tree.text(name).count("\n")
        if lines > MAX_LINES:
            complaints.append(f"{name}: {lines} lines; split it (at most {MAX_LINES})")
    for name in tree.files:
        size = (tree.root / name).stat().st_size
        if size > MAX_BYTES:
            complaints.append(f"{name}: {size} bytes; too large for the repository")
    return complaints


def corpora_stay_small(tree):
    sizes = {}
    for name in tree.files:
        parts = name.split("/")
        if parts[:3] == ["tests", "fuzz", "corpus"] and len(parts) > 4:
            sizes[parts[3]] = sizes.get(parts[3], 0) + (tree.root / name).stat().st_size
    return [f"tests/fuzz/corpus/{corpus}: {size} bytes; at most {MAX_CORPUS_BYTES}" for corpus, size in sizes.items() if size > MAX_CORPUS_BYTES]


def no_paths_of_one_machine(tree):
    names = [n for n in tree.files if not is_data(n) and n != "tests/lint/rules.py"]
    return [f"{n}:{l}: {found[1]} is a path of one machine" for n, l, found in matches(tree, names, r"(?<![\w.$}*~/-])(/(work|root|home/\w+|farm|tmp)/)")]


def no_unfinished_words(tree):
    names = [n for n in tree.sources() + tree.scripts()]
    pattern = r"\b(TODO|FIXME|XXX|HACK|(?i:stub|placeholder|not implemented|for now))\b"
    return [f"{n}:{l}: '{found[1]}': finish it, or describe what stands" for n, l, found in matches(tree, names, pattern)]


def tests_run_and_can_fail(tree):
    names = [n for n in tree.sources() if n.startswith("tests/")]
    pattern = r"\bDISABLED_\w|mark\.skip\b|pytest\.skip|mark\.xfail|\b(it|test|describe)\.skip|assert True|(EXPECT|ASSERT)_TRUE\(true\)"
    return [f"{n}:{l}: {found[0]}: a test that does not run or cannot fail" for n, l, found in matches(tree, names, pattern)]


def documents_link_to_what_exists(tree):
    complaints = []
    names = [n for n in tree.files if n.endswith(".md") and not is_data(n)]
    for name, number, found in matches(tree, names, r"\]\((?!https?:|#|mailto:)([^)#\s]+)"):
        target = (tree.root / name).parent / found[1]
        if not target.exists():
            complaints.append(f"{name}:{number}: {found[1]} does not exist")
    return complaints


def headers_are_included_once_and_say_what_they_are(tree):
    complaints = []
    for name in tree.sources({".h"}):
        text = tree.text(name)
        if not text.startswith(("//", "/*")):
            complaints.append(f"{name}: begin with the header's contract, as a comment")
        if "#pragma once" not in text and "#ifndef" not in text:  # a C header has a guard
            complaints.append(f"{name}: #pragma once is missing")
    return complaints


RULES = [
    folders_include_only_what_they_may,
    includes_name_their_folder,
    only_the_node_and_the_tools_start_threads,
    no_std_regex,
    every_folder_has_a_readme,
    files_stay_small,
    corpora_stay_small,
    no_paths_of_one_machine,
    no_unfinished_words,
    tests_run_and_can_fail,
    documents_link_to_what_exists,
    headers_are_included_once_and_say_what_they_are,
]
