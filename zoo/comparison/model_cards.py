"""The pages that are written by a program: the README's table, a card for each model, and `zoo.reference`'s.

A card is made of the leaderboard, the config, the registry, the catalog of datasets and docs/models/notes.yaml, which
holds every sentence that people wrote.
"""

import fnmatch
import pathlib
import re
from collections.abc import Sequence

from zoo import reference
from zoo.comparison import card_groups
from zoo.comparison.receipts import read_leaderboard
from zoo.config import Config, config_path, load_config, read_yaml
from zoo.datasets.catalog import dataset_info, list_datasets
from zoo.errors import ZooError, shortened
from zoo.escaping import markdown_cell, markdown_code
from zoo.models import catalog
from zoo.quiet import import_tensorflow
from zoo.registry import plural
from zoo.runs import write_atomically
from zoo.tasks import Metric
from zoo.tasks.catalog import all_tasks
from zoo.weights import record

START = "<!-- from docs/leaderboard.csv, by scripts/write_model_cards.py -->"
END = "<!-- end of the table -->"
PICTURES = {
    "training": "learning curves",
    "confusion_matrix": "confusion matrix",
    "residuals": "predicted against true, and residuals",
    "labels": "F1 of each label",
}


def documents(root: pathlib.Path) -> dict[pathlib.Path, str]:
    """The README with its table, the cards and the reference, as they ought to be, by path; `root` is the repository.

    Raises:
        ZooError: the leaderboard, the README or notes.yaml is missing or damaged.
    """
    rows = read_leaderboard(root / "docs/leaderboard.csv")
    written = {section: {} for section in ("no_figure", "weights", "tasks", "models", "datasets")}
    written |= read_yaml(root / "docs/models/notes.yaml")
    readme = {root / "README.md": _with_table(root / "README.md", rows)}
    missing = set(models_with_configs()) - {row["model"] for row in rows} - set(written["no_figure"])
    if missing:
        raise ZooError(f"docs/models/notes.yaml: no_figure.{min(missing)} is missing; say why it has no figure")
    return (
        readme
        | reference.documents(root)
        | {root / "docs/models" / f"{name}.md": _card(name, rows, written, root) for name in models_with_configs()}
    )


def models_with_configs() -> list[str]:
    return [name for name in catalog.list_models() if config_path(name).exists()]


def disagreements(root: pathlib.Path) -> list[pathlib.Path]:
    """The documents that are not as they ought to be.

    Raises:
        ZooError: as `documents`.
    """
    return [path for path, text in documents(root).items() if not path.exists() or path.read_text("utf-8") != text]


def write(root: pathlib.Path) -> list[pathlib.Path]:
    """Write the documents that are not as they ought to be, and return their paths.

    Raises:
        ZooError: as `documents`, or a document cannot be written.
    """
    texts = documents(root)
    changed = [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in changed:
        try:
            write_atomically(path, texts[path].encode())
        except OSError as error:
            raise ZooError(f"{path}: cannot be written ({error.strerror})") from None
    return changed


def _with_table(readme: pathlib.Path, rows: Sequence[dict]) -> str:
    text = readme.read_text(encoding="utf-8")
    if not 0 <= text.find(START) < text.find(END):
        raise ZooError(f"{readme}: the lines {START} and {END} are missing; put them where the table belongs")
    before, rest = text.split(START, 1)
    return f"{before}{START}\n{_table(rows)}\n{END}{rest.split(END, 1)[1]}"


def _table(rows: Sequence[dict]) -> str:
    """Datasets in the order of the catalog, and on each the models from the worst headline to the best."""
    order = [info.name for info in list_datasets()]
    position = {name: number for number, name in enumerate(order)}
    known = set(models_with_configs())
    lines = [
        "| model | dataset | parameters | test figure | mean of seeds (95 % interval) | seeds | seconds a seed |",
        "|---|---|---|---|---|---|---|",
    ]

    def place(row):
        return position.get(row["dataset"], len(order)), _metric(row).goodness(float(row["value"]))

    for row in sorted(rows, key=place):
        name = markdown_cell(row["model"])
        if row["model"] in known:
            name = f"[{name}](docs/models/{name}.md)"
        interval = f"{row['low']}–{row['high']}"
        if row["low"] == row["high"]:
            interval = "every seed" if row["low"] else "one seed"
        metric = _metric(row)
        figure = f"{metric.words} {'↓' if metric.better == 'less' else '↑'}"
        figures = [f"{int(row['parameters']):,}", figure, f"{row['value']} ({interval})"]
        cells = [name, markdown_cell(row["dataset"]), *figures]
        lines.append("| " + " | ".join([*cells, str(_seeds(row)), f"{float(row['seconds']):.0f}"]) + " |")
    return "\n".join(lines)


def _metric(row: dict) -> Metric:
    """The headline of a row's model."""
    headlines = {task.headline.name: task.headline for task in all_tasks()}
    if row["metric"] not in headlines:
        raise ZooError(f"docs/leaderboard.csv: {row['model']}: metric is {shortened(repr(row['metric']))}; mend it")
    return headlines[row["metric"]]


def _seeds(row: dict) -> int:
    return len(row["seeds"].split())


def _card(name: str, rows: Sequence[dict], written: dict, root: pathlib.Path) -> str:
    info, config = catalog.model_info(name), load_config(path=root / "configs" / f"{name}.yaml")
    own = [row for row in rows if row["model"] == name]
    own.sort(key=lambda row: (row["dataset"] != config.dataset.name, row["dataset"]))
    layers, needs_text = _layers(name, config)
    sections = [
        f"# {name}\n\n{info.description[:1].upper()}{info.description[1:]}.\n\n"
        f"Task: {info.task.words}; it reads {plural(info.reads)}. After {info.reference}.",
        *(_figures(row) for row in own),
        "" if own else f"## No figure yet\n\n{written['no_figure'][name]}",
        _pictures(name, root),
        card_groups.section(name, root / "docs/models"),
        f"## Data\n\n{_data(config, written)}",
        f"## Layers\n\n{layers}",
        f"## Training\n\n{_recipe(name, root)}",
        "## Limits\n\n" + "\n".join(f"- {text}" for text in _limits(name, info.task.name, config, written)),
        _weights(name, root),
        f"## Commands\n\n{_commands(name, config, own, needs_text)}",
        "Written by `python scripts/write_model_cards.py` from docs/leaderboard.csv, the config, the registry and "
        "docs/models/notes.yaml.",
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _figures(row: dict) -> str:
    metric = _metric(row)
    unit = dataset_info(row["dataset"]).unit if metric.unit == "target" else metric.unit
    lines = [
        (f"test {metric.words}{f' ({unit})' if unit else ''}, mean of seeds", f"**{row['value']}**"),
        ("95 % interval of the mean over seeds (Student's t)", f"{row['low']} to {row['high']}"),
        *_over_rows(row, metric),
        ("seeds", markdown_cell(row["seeds"].replace(" ", ", "))),
        ("seconds a seed, median", f"{float(row['seconds']):.0f}"),
        ("peak memory, median", f"{int(row['peak_memory_mib']):,} MiB"),
        ("measured on", markdown_cell(row["device"])),
        ("versions", markdown_cell(row["versions"])),
        ("revision", markdown_cell(", ".join(rev[:7] + rev[40:] for rev in row["git_revisions"].split()))),
        ("data", markdown_code(f"{row['data_digest'][:19]}…")),
        ("command", markdown_code(row["command"])),
    ]
    table = "\n".join(f"| {words} | {value} |" for words, value in lines)
    return f"## Figures on {markdown_cell(row['dataset'])}\n\n| figure | |\n|---|---|\n{table}"


def _weights(name: str, root: pathlib.Path) -> str:
    """What docs/weights.json says of the published file, and what it is for; nothing where there is none."""
    path = root / record.PATH
    if not path.exists() or name not in record.entries(path):
        return ""
    entry, info = record.find(name, path), catalog.model_info(name)
    headline = info.task.headline
    size = f"{entry.bytes:,} bytes"
    if entry.base:
        size += f", beside {entry.base}, which it started from and is fetched"
    lines = [
        ("file", f"{markdown_code(entry.file)}, {size}"),
        ("SHA-256", markdown_code(entry.sha256)),
        (f"test {headline.words} of this file", f"{headline.text(entry.value)}, {entry.rows:,} rows"),
        ("seed, revision", f"{entry.run['seed']}, {markdown_cell(str(entry.run.get('git_revision'))[:7])}"),
        ("licence", markdown_cell(entry.licence)),
    ]
    table = "\n".join(f"| {words} | {value} |" for words, value in lines)
    use = (
        f'`zoo.load_model("{name}")`, and `--model={name}` of predict.py, serve.py, evaluate.py and export.py, use '
        "them without a training. [Trained weights](../weights.md) says more."
    )
    return f"## Weights\n\n| weights | |\n|---|---|\n{table}\n\n{use}"


def _over_rows(row: dict, metric: Metric) -> list[tuple[str, str]]:
    """The interval over test rows, where it follows from the figure alone: of a share of rows that are right."""
    from zoo.measures.classes import wilson_interval

    tested = int(row["test_rows"])
    if metric.bounds != (0.0, 1.0):
        return [("test rows", f"{tested:,}")]
    low, high = wilson_interval(round(float(row["value"]) * tested), tested)
    return [(f"95 % interval over the {tested:,} test rows (Wilson)", f"{low:.4f} to {high:.4f}")]


def _pictures(name: str, root: pathlib.Path) -> str:
    found = [
        f"![{words} of {name}]({name}_{kind}.png)"
        for kind, words in PICTURES.items()
        if (root / "docs/models" / f"{name}_{kind}.png").exists()
    ]
    return "\n\n".join(["## Seed 0, its epochs and its answers on the test split", *found]) if found else ""


def _data(config: Config, written: dict) -> str:
    info = dataset_info(config.dataset.name)
    facts = [
        (info.name, info.description),
        ("source", info.source),
        ("licence", info.licence),
        ("citation", info.citation),
        ("classes", ", ".join(info.label_names)),
        ("predicted", f"{info.target_name}, in {info.unit}" if info.unit else info.target_name),
        ("pretrained weights", written["weights"].get(config.model.init_from)),
    ]
    lines = [f"- {words}: {value}" for words, value in facts if value]
    kept = "the last epoch" if config.training.selection == "last" else "the epoch with the best validation"
    return "\n".join([*lines, f"\nThe weights are those of {kept}; test is read once, at the end."])


def _layers(name: str, config: Config) -> tuple[str, bool]:
    """A table of the model's layers, and whether it needs the extra `text`; blocks after the first are one row."""
    import_tensorflow()
    import keras

    from zoo.layers.word_piece import WordPieceTokenizer

    keras.backend.clear_session()  # names of layers count from the start
    model = catalog.create_model(name, **config.model.options)
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    repeated = [layer for layer in layers if re.match("block_[1-9]", layer.name)]
    lines = ["| layer | class | output | parameters |", "|---|---|---|---|"]
    for layer in layers:
        if repeated and layer is repeated[-1]:
            last = layer.name.split("_")[1]
            names = "block_1" if last == "1" else f"block_1 to block_{last}"
            lines.append(f"| {names} | as block_0 | | {sum(each.count_params() for each in repeated):,} |")
        if layer in repeated or (repeated and isinstance(layer, keras.layers.Reshape)):  # of heads, without a name
            continue
        shape = " × ".join("batch" if size is None else str(size) for size in layer.output.shape)
        lines.append(f"| {layer.name} | {type(layer).__name__} | {shape} | {layer.count_params():,} |")
    lines.append(f"| **all** | | | **{model.count_params():,}** |")
    return "\n".join(lines), any(isinstance(layer, WordPieceTokenizer) for layer in layers)


def _recipe(name: str, root: pathlib.Path) -> str:
    text = (root / "configs" / f"{name}.yaml").read_text(encoding="utf-8")
    recipe = text[re.search("^model:", text, re.MULTILINE).start() :]
    path = f"configs/{name}.yaml"
    return (
        f"[{path}](../../{path}); `python scripts/train.py --model={name} --print_config` shows the defaults too.\n\n"
        f"```yaml\n{recipe.rstrip()}\n```"
    )


def _limits(name: str, task: str, config: Config, written: dict) -> list[str]:
    of_models = (text for pattern, text in written["models"].items() if fnmatch.fnmatch(name, pattern))
    texts = [written["tasks"].get(task), *of_models, written["datasets"].get(config.dataset.name)]
    return [text for text in texts if text]


def _commands(name: str, config: Config, rows: Sequence[dict], needs_text: bool) -> str:
    info, run = catalog.model_info(name), f"--run=runs/{name}/…"
    example = {"image": "digit.png", "text": '--text="Shares fell after the vote."', "sequence": "steps.csv"}.get(
        info.reads, "rows.csv"
    )
    lines = ["pip install -e '.[text]'"] if needs_text else []
    if info.task.pretrains:
        lines += [
            f"python scripts/pretrain.py --dataset={config.dataset.name}",
            info.task.next_command(f"runs/{name}/…"),
        ]
    else:
        lines += [
            f"python scripts/train.py --model={name}",
            *([f"python scripts/reproduce.py {name}"] if rows and config.claim else []),
            f"python scripts/evaluate.py {run}",
            f"python scripts/predict.py {run} {example}",
        ]
    return "\n".join(f"    {line}" for line in lines)
