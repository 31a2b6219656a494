"""Our rendering against transformers' own: other people's templates in many conversations, random expressions, the demo model's."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

pytest.importorskip("transformers", reason="the reference is transformers itself: pip install -r tests/requirements.txt")

import conversations  # noqa: E402
import expressions  # noqa: E402
from expected import expected  # noqa: E402
from reference import Ours, binary, reference, template_folder  # noqa: E402

FOLDER = template_folder()
TEMPLATES = sorted(FOLDER.glob("*.jinja")) if FOLDER else []
SEEDS = [int(seed) for seed in os.environ.get("ZSWARM_TEMPLATE_SEEDS", "1,2,3").split(",")]
EXPRESSIONS_PER_SEED = 700


@pytest.fixture(scope="module")
def ours():
    if not os.path.exists(binary()):
        pytest.fail(f"{binary()} is not built: cmake --build --preset release --target render_template")
    renderer = Ours(binary())
    yield renderer
    renderer.close()


def differences(ours, template, named_contexts):
    wrong, rendered = [], 0
    for name, context in named_contexts:
        (wanted, why), (got, error) = expected(template, context), ours(template, context)
        rendered += wanted is not None
        if wanted != got:
            wrong.append(f"{name}\n  wanted: {wanted if wanted is not None else why!r}\n  got:    {got if got is not None else error!r}")
    return wrong, rendered


@pytest.mark.skipif(not TEMPLATES, reason="ZSWARM_TEMPLATES names no folder with templates (tests/run fetches them)")
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_renders_as_transformers_does(ours, path):
    wrong, rendered = differences(ours, path.read_bytes().decode(), conversations.contexts())
    assert rendered > 4, "the template refuses nearly everything: the comparison says nothing"
    assert not wrong, f"{len(wrong)} conversations differ; the first: {wrong[0]}"


@pytest.mark.skipif("ZSWARM_DEMO_MODEL" not in os.environ, reason="ZSWARM_DEMO_MODEL names no model file (tests/run fetches it)")
def test_renders_the_demo_models_template_as_transformers_does(ours):
    from gguf import GGUFReader

    field = GGUFReader(os.environ["ZSWARM_DEMO_MODEL"]).get_field("tokenizer.chat_template")
    wrong, rendered = differences(ours, field.contents(), conversations.contexts())
    assert rendered > 20
    assert not wrong, f"{len(wrong)} conversations differ; the first: {wrong[0]}"


@pytest.mark.parametrize("seed", SEEDS)
def test_random_expressions_give_what_jinja2_gives(ours, seed):
    wrong, rendered = [], 0
    for template in expressions.templates(seed, EXPRESSIONS_PER_SEED):
        wanted, why = reference(template, expressions.CONTEXT)
        if wanted is not None and " at 0x" in wanted:
            continue  # shows an address of Python's memory
        got, error = ours(template, expressions.CONTEXT)
        rendered += wanted is not None
        if wanted != got:
            wrong.append(f"{template}\n  wanted: {wanted if wanted is not None else why!r}\n  got:    {got if got is not None else error!r}")
    assert rendered > EXPRESSIONS_PER_SEED // 4
    assert not wrong, f"seed {seed}: {len(wrong)} templates differ:\n" + "\n".join(wrong[:5])


def test_the_comparison_notices_a_difference(ours):
    wrong, _ = differences(lambda template, context: ("something else", None), "{{ messages|length }}", conversations.contexts())
    assert wrong
