"""Each rule of rules.py notices a breach, and leaves what is right alone."""
import pytest
import rules

HEADER = "// Contract.\n#pragma once\n"
README = "word " * 30

# rule, what it must complain about, what it must let pass: {path: content}
CASES = [
    (rules.folders_include_only_what_they_may, {"kernels/a.cpp": '#include "node/client.h"\n'}, {"node/a.cpp": '#include "kernels/base/error.h"\n'}),
    (rules.folders_include_only_what_they_may, {"bus/a.h": '#include "kernels/base/error.h"\n'}, {"bus/a.h": '#include "bus/b.h"\n#include <vector>\n'}),
    (rules.folders_include_only_what_they_may, {"gateway/a.cpp": '#include "node/node.h"\n'}, {"gateway/a.cpp": '#include "node/client.h"\n'}),
    (rules.folders_include_only_what_they_may, {"gateway/a.cpp": '#include "kernels/gguf/reader.h"\n'}, {"tools/a.cpp": '#include "kernels/gguf/reader.h"\n'}),
    (rules.folders_include_only_what_they_may, {"node/a.cpp": "#  include <gateway/server.h>\n"}, {"tests/a.cpp": '#include "gateway/server.h"\n'}),
    (rules.includes_name_their_folder, {"node/a.cpp": '#include "../node/b.h"\n'}, {"node/a.cpp": '#include "node/b.h"\n', "node/b.h": HEADER}),
    (rules.includes_name_their_folder, {"node/a.cpp": '#include "node/gone.h"\n'}, {"node/a.cpp": "#include <vector>\n"}),
    (rules.only_the_node_and_the_tools_start_threads, {"node/engine/a.cpp": "std::thread t(f);\n"}, {"node/node.cpp": "std::thread t(f);\n"}),
    (rules.only_the_node_and_the_tools_start_threads, {"gateway/a.cpp": "asio::thread_pool pool;\n"}, {"tools/a.h": "std::jthread t;\n"}),
    (rules.only_the_node_and_the_tools_start_threads, {"kernels/a.cpp": "pthread_create(&t, 0, f, 0);\n"},
     {"kernels/a.cpp": "std::thread::id owner; // no std::thread here\n"}),
    (rules.no_std_regex, {"kernels/a.cpp": "#include <regex>\n"}, {"kernels/a.cpp": "// never std::regex\n"}),
    (rules.every_folder_has_a_readme, {"node/a.cpp": "int a;\n"}, {"node/a.cpp": "int a;\n", "node/README.md": README}),
    (rules.every_folder_has_a_readme, {"node/README.md": "# node\n"}, {"node/README.md": README}),
    (rules.files_stay_small, {"node/a.cpp": "\n" * 601}, {"node/a.cpp": "\n" * 600}),
    (rules.files_stay_small, {"tests/data/a.bin": "x" * 1_000_001}, {"tests/data/a.txt": "\n" * 1000}),
    (rules.corpora_stay_small, {"tests/fuzz/corpus/a/1": "x" * 60_000, "tests/fuzz/corpus/a/2": "x" * 60_000},
     {"tests/fuzz/corpus/a/1": "x" * 60_000, "tests/fuzz/corpus/b/2": "x" * 60_000}),
    (rules.no_paths_of_one_machine, {"tools/a.sh": "cat /home/anna/model.gguf\n"}, {"tools/a.sh": "cat $HOME/tmp/model.gguf\n"}),
    (rules.no_paths_of_one_machine, {"README.md": "see `/tmp/out`\n"}, {"README.md": "https://example.org/tmp/out, tests/work/x\n"}),
    (rules.no_unfinished_words, {"node/a.cpp": "// TODO: rest\n"}, {"node/a.cpp": "std::vector<int> todo;\n"}),
    (rules.no_unfinished_words, {"tools/a": "#!/usr/bin/env bash\n# FIXME\n"}, {"tools/a": "#!/usr/bin/env bash\n# fine\n"}),
    (rules.tests_run_and_can_fail, {"tests/a_test.cpp": "TEST(A, DISABLED_b) {}\n"}, {"tests/a_test.cpp": "TEST(A, b) {}\n"}),
    (rules.tests_run_and_can_fail, {"tests/test_a.py": "assert True\n"}, {"tests/test_a.py": "assert True is value\n".replace("True is ", "")}),
    (rules.documents_link_to_what_exists, {"README.md": "[a](docs/a.md)\n"}, {"README.md": "[a](b.md#part) [c](https://example.org/x)\n", "b.md": ""}),
    (rules.headers_are_included_once_and_say_what_they_are, {"node/a.h": "// Contract.\nint a;\n"}, {"node/a.h": HEADER}),
    (rules.headers_are_included_once_and_say_what_they_are, {"node/a.h": "#pragma once\n"}, {"node/a.h": HEADER}),
]


def tree(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return rules.Tree(folder, files)


@pytest.mark.parametrize("rule, wrong, right", CASES, ids=[f"{case[0].__name__}-{n}" for n, case in enumerate(CASES)])
def test_the_rule_notices_a_breach_and_nothing_else(rule, wrong, right, tmp_path):
    assert rule(tree(tmp_path / "wrong", wrong))
    assert rule(tree(tmp_path / "right", right)) == []


def test_every_rule_is_shown_to_fail():
    assert {case[0] for case in CASES} == set(rules.RULES)
