"""Each published file, from its name alone, gives its row's figure exactly."""

import importlib.util
import json

import pytest

from zoo.models.catalog import model_info
from zoo.weights import record

KNOWN = record.published()
NEEDS_TEXT = {name for name in KNOWN if "bert" in name or "minilm" in name}


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_evaluate_gives_the_figure_of_the_record(run_script, name):
    if name in NEEDS_TEXT and importlib.util.find_spec("tensorflow_text") is None:
        pytest.skip("needs the extra text")
    done = run_script("evaluate", f"--model={name}", "--json")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    value = model_info(name).task.value(results)
    assert results["n"] == KNOWN[name].rows
    # A share of rows is the same everywhere; what is computed in floats differs in its last digits between processors.
    assert value == (
        KNOWN[name].value if KNOWN[name].metric == "accuracy" else pytest.approx(KNOWN[name].value, rel=1e-6)
    )
