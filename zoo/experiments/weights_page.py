"""The page beside published weights, in the form of the Hugging Face Hub's model cards."""

import io
import re
from collections.abc import Mapping
from typing import Any

from zoo.escaping import markdown_cell
from zoo.models.catalog import model_info
from zoo.safe_reading import read_text
from zoo.shipped import shipped
from zoo.weights.record import Entry

_HUB_LICENCES = {"Apache-2.0": "apache-2.0", "MIT, as the data": "mit", "CC BY-SA 3.0, as the data": "cc-by-sa-3.0"}
_HUB_KINDS = {"image": "image", "text": "text", "table": "tabular", "columns": "tabular",
              "sequence": "tabular"}  # fmt: skip
_SECTIONS = ("Data", "Limits")

_HEAD = """# Weights of the Keras model zoo

The weights behind the figures of the zoo, one file a model. The zoo compares each with the SHA-256 of its record before
it is used, wherever it comes from:

```python
import zoo

zoo.load_model("{example}").predict(features)
```

Set `ZOO_WEIGHTS_HUB=OWNER/NAME`, the name of this repository, or `ZOO_WEIGHTS_URL`, the address of a server of this
folder. Each file is also a plain Keras model: `keras.saving.load_model(file)` opens it with safe mode on, some after
`import zoo.layers`.
"""


def page(weights: Mapping[str, Entry]) -> str:
    """README.md of the folder: YAML for the Hub, a table of files, and of each model's card its data and limits."""
    lines = [
        "| model | file | bytes | test figure of this file | dataset | licence | SHA-256 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, entry in weights.items():
        figure = f"{entry.metric} {entry.value}"
        cells = (name, entry.file, f"{entry.bytes:,}", figure, entry.dataset, entry.licence)
        lines.append(f"| {' | '.join(map(markdown_cell, cells))} | `{entry.sha256}` |")
    head = _HEAD.format(example=next(iter(weights), "mnist_mlp"))
    cards = [_from_card(name, entry) for name, entry in weights.items()]
    return "\n\n".join([f"---\n{_front_matter(weights)}---\n\n{head}", "\n".join(lines), *cards]) + "\n"


def _front_matter(weights: Mapping[str, Entry]) -> str:
    import ruamel.yaml

    licences = {_HUB_LICENCES.get(entry.licence, "other") for entry in weights.values()}
    values: dict[str, Any] = {"license": licences.pop() if len(licences) == 1 else "other"}
    if values["license"] == "other":
        values |= {"license_name": "several", "license_link": "README.md"}
    kinds = {name: f"{_HUB_KINDS[model_info(name).reads]}-{model_info(name).task.name}" for name in weights}
    values |= {
        "library_name": "keras",
        "tags": ["keras", "tensorflow", *sorted(set(kinds.values()))],
        "datasets": sorted({entry.dataset for entry in weights.values()}),
        "metrics": sorted({entry.metric for entry in weights.values()}),
        "model-index": [
            {
                "name": name,
                "results": [
                    {
                        "task": {"type": kinds[name]},
                        "dataset": {"name": entry.dataset, "type": entry.dataset, "split": "test"},
                        "metrics": [{"type": entry.metric, "value": entry.value}],
                    }
                ],
            }
            for name, entry in weights.items()
        ],
    }
    stream = io.StringIO()
    yaml = ruamel.yaml.YAML()
    yaml.default_flow_style = False
    yaml.dump(values, stream)
    return stream.getvalue()


def _from_card(name: str, entry: Entry) -> str:
    """What docs/models/<name>.md says of data and limits, with headings one level deeper."""
    card = read_text(shipped(f"docs/models/{name}.md"))
    title, *sections = re.split(r"^## ", card, flags=re.MULTILINE)
    kept = [f"### {section.strip()}" for section in sections if section.split("\n", 1)[0] in _SECTIONS]
    run = entry.run
    made = (
        f"Seed {run['seed']} of `{run['command']}`, at revision {str(run.get('git_revision'))[:7]}, on {run['device']}."
    )
    return "\n\n".join([f"## {title.removeprefix('# ').strip()}", made, *kept])
