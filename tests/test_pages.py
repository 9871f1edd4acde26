"""The commands of README.md and docs/: scripts, flags, names, keys and extras that they name are there."""

import configparser
import fnmatch
import pathlib
import re
import shlex
import typing

import pydantic
import pytest
import ruamel.yaml
from absl import flags

import zoo
from zoo import command_line, reference
from zoo.config import dataset_section, load_config
from zoo.datasets.catalog import dataset_info
from zoo.models import catalog
from zoo.settings import Config

REPOSITORY = pathlib.Path(__file__).parents[1]
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(REPOSITORY.glob("docs/**/*.md")),
]
BLOCKS = re.compile(r"^```.*?^```$|^(?:    [^\n]*\n)+", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
COMMAND = re.compile(r"(?:python scripts/(\w+)\.py|^(?:\$ )?zoo (\w+))( .*|$)")
FLAGS_OF = {path.stem: set(reference.flags_of(path)[1]) for path in REPOSITORY.glob("scripts/*.py")}
OTHER_FLAGS = {"help", "name", "pdb"}  # of every script; of none, as an example; of pytest


def keys_of(section, prefix=""):
    """The full keys of a config, those of sections too."""
    for name, field in section.model_fields.items():
        yield prefix + name
        for choice in typing.get_args(field.annotation) or (field.annotation,):
            if isinstance(choice, type) and issubclass(choice, pydantic.BaseModel):
                yield from keys_of(choice, f"{prefix}{name}.")


KEYS = set(keys_of(Config))


def extras():
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    return set(setup["options.extras_require"])


def commands(text):
    """(script, arguments) of each command in the blocks and the inline code of a page."""
    lines = [line for block in BLOCKS.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    lines += [" ".join(code.split()) for code in INLINE.findall(BLOCKS.sub("\n", text))]
    for line in lines:
        for part in re.split(r" && | -- ", line.strip()):
            if found := COMMAND.search(part):
                yield found[1] or found[2], shlex.split(found[3].replace("…", "_"), comments=True)


def refuse_wrong(script, arguments):
    """Raise an error for a command that would end with a wrong flag, name or key."""
    path = REPOSITORY / f"scripts/{script}.py"
    if not path.exists():
        raise zoo.ZooError(f"there is no scripts/{script}.py")
    source = path.read_text()
    own = reference.flags_of(path)[1]
    positional = own([script, *arguments])[1:]
    if positional and "accepts_arguments=True" not in source:
        raise zoo.ZooError(f"{script} takes no arguments, as {positional[0]}")
    given = {name: own[name].value for name in own if own[name].present}
    if "import" in given:
        return
    refuse_wrong_names(script, given, positional)
    if script in ("train", "pretrain", "sweep") and not {"config", "resume"} & set(given) and given:
        overrides = {key: given[name] for name, key in command_line.SETTINGS.items() if name in given}
        load_config(own["model"].value, None, overrides, given.get("set", []))
    elif "set" in given and script in ("prepare_data", "baseline"):
        dataset_section({"name": "csv"}, given["set"])
    elif "set" in given:
        load_config("mnist_mlp", None, {}, given["set"])


def refuse_wrong_names(script, given, positional):
    if script == "reproduce":
        given = given | {"models": positional}
    if "model" in given:
        catalog.model_info(given["model"])
    if given.get("dataset") not in (None, "all"):
        dataset_info(given["dataset"])
    known = catalog.list_models()
    if script == "baseline":
        from zoo.experiments.baseline import check_names

        check_names(given.get("models", ["ridge"]))
    else:
        for pattern in given.get("models", []) + given.get("pattern", "").split():
            if not fnmatch.filter(known + ["logistic_regression", "linear_svm"], pattern):
                raise zoo.ZooError(f"{pattern} is no model")
    if script == "compare":
        from zoo.comparison import table

        table.check_columns(given.get("columns", ["model"]), given.get("sort_by"))
        table.parse_conditions(given.get("where", []))


def complaints(text):
    for script, arguments in commands(text):
        try:
            refuse_wrong(script, arguments)
        except (zoo.ZooError, flags.Error) as error:
            yield f"{script} {shlex.join(arguments)}: {error}"
    for extra in re.findall(r"pip install [^`\n]*?\[([\w,]+)\]", text):
        if not set(extra.split(",")) <= extras():
            yield f"no extra {extra} in setup.cfg"
    prose = BLOCKS.sub("\n", text)
    for script, flag in re.findall(r"`(?:(\w+)\.py )?--(?:no)?(\w+)(?![\w-])", prose):
        if flag not in OTHER_FLAGS.union(*([FLAGS_OF[script]] if script else FLAGS_OF.values())):
            yield f"no flag --{flag} of {script or 'any script'}"
    for key in re.findall(r"`((?:training\.(?!png)|dataset\.|model\.(?=options|init_from))[\w.]+)[`=]", prose):
        if key not in KEYS and not key.startswith("model.options."):
            yield f"{key} is no key of a config"
    for name in re.findall(r"\bzoo\.([a-z]\w+)", "\n".join(BLOCKS.findall(text) + INLINE.findall(prose))):
        if name not in dir(zoo) and not any(REPOSITORY.glob(f"zoo/{name}*")):
            yield f"there is no zoo.{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_what_a_page_names_is_there(page):
    assert list(complaints(page.read_text(encoding="utf-8"))) == []


def test_commands_are_found():
    """In blocks, behind other commands, over two lines and in the middle of a sentence."""
    text = """
    pip install -e . && python scripts/train.py --model=mnist_cnn \\
        --epochs=2
    TPU=local python scripts/launch.py --workers=2 -- python scripts/train.py --model=xor_mlp

It is `python scripts/compare.py
--models='mnist_*'`, or `zoo compare --models=x`.

```console
$ python scripts/evaluate.py --run=runs/…
```
"""
    assert list(commands(text)) == [
        ("train", ["--model=mnist_cnn", "--epochs=2"]),
        ("launch", ["--workers=2"]),
        ("train", ["--model=xor_mlp"]),
        ("evaluate", ["--run=runs/_"]),
        ("compare", ["--models=mnist_*"]),
        ("compare", ["--models=x"]),
    ]
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert len(list(commands(readme))) == readme.count("python scripts/") + len(
        re.findall(r"(?<=[` ])zoo \w+ -", readme)
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("    python scripts/trian.py --model=mnist_mlp", "no scripts/trian.py"),
        ("    python scripts/train.py --modle=mnist_mlp", "modle"),
        ("    python scripts/train.py --model=mnist_mpl", "mnist_mpl"),
        ("    python scripts/train.py --model=mnist_mlp --epochs=few", "few"),
        ("    python scripts/train.py --model=mnist_mlp --dataset=minst", "minst"),
        ("    python scripts/train.py --model=mnist_mlp mnist", "no arguments"),
        ("    python scripts/train.py --model=mnist_mlp --set training.epoch=3", "training.epoch"),
        ("    python scripts/train.py --model=mnist_mlp --set training.xla=maybe", "training.xla"),
        ("    zoo train --model=mnist_mlp --set 'model.options={units: 3}'", "model.options.units"),
        ("    python scripts/launch.py -- python scripts/train.py --model=mnist_mpl", "mnist_mpl"),
        ("    python scripts/compare.py --columns=model,accuracies", "accuracies"),
        ("    python scripts/compare.py --where='second<3'", "second"),
        ("    python scripts/compare.py --models='nmist_*'", "nmist_*"),
        ("    python scripts/export.py --format=onnxx", "onnxx"),
        ("    python scripts/baseline.py --dataset=mnist --models=svm", "svm"),
        ("    pip install -e '.[tests]'", "no extra tests"),
        ("Say `--epoch=3`.", "--epoch"),
        ("Say `predict.py --epochs`.", "--epochs of predict"),
        ("Say `training.epoch`.", "training.epoch"),
        ("Say `training.optimizer.decay=1`.", "training.optimizer.decay"),
        ("Call `zoo.trian(config)`.", "zoo.trian"),
    ],
)
def test_what_is_not_there_is_named(text, words):
    (complaint,) = complaints(text + "\n")
    assert words in complaint


def test_every_page_is_in_the_navigation_of_the_site_and_only_once():
    site = ruamel.yaml.YAML(typ="safe").load(REPOSITORY / "mkdocs.yml")

    def leaves(entry):
        if isinstance(entry, str):
            return [entry]
        return [leaf for inner in (entry.values() if isinstance(entry, dict) else entry) for leaf in leaves(inner)]

    pages = {str(path.relative_to(REPOSITORY / "docs")) for path in REPOSITORY.glob("docs/**/*.md")}
    assert sorted(leaves(site["nav"])) == sorted(pages | {"index.md", "CONTRIBUTING.md", "SECURITY.md"})


def test_the_readme_is_short_and_leads_to_every_guide():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) < 200
    assert {path.name for path in REPOSITORY.glob("docs/*.md")} == set(re.findall(r"\]\(docs/(\w+\.md)\)", readme))


def test_every_extra_is_explained():
    page = (REPOSITORY / "docs/install.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"\| extra \| for \|\n.*?\n\n", page, re.DOTALL)
    assert extras() == {
        name for cell in re.findall(r"^\| (.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    }


def test_every_key_says_what_it_is():
    for section in Config.model_json_schema()["$defs"].values():
        for name, field in section["properties"].items():
            assert "$ref" in str(field) or field.get("description"), f"{section['title']}.{name}"


@pytest.mark.slow
def test_commands_of_the_readme_on_own_data_and_of_the_comparison(run_script, tmp_path):
    """As they stand there, with one epoch."""
    rows = [f"{x},{y},{'above' if x > y else 'below'}" for x in range(12) for y in range(12) if x != y]
    (tmp_path / "table.csv").write_text("x,y,label\n" + "\n".join(rows) + "\n")
    for name, words in (("good", "fine long evening"), ("bad", "never again thanks")):
        (tmp_path / "letters" / name).mkdir(parents=True)
        for number in range(40):
            (tmp_path / "letters" / name / f"{number}.txt").write_text(f"{words} {number}")
    readme = list(commands((REPOSITORY / "README.md").read_text(encoding="utf-8")))
    page = list(commands((REPOSITORY / "docs/compare.md").read_text(encoding="utf-8")))
    trained = [
        arguments for script, arguments in readme if script == "train" and "--data_dir=pictures" not in arguments
    ]
    trained = [arguments for arguments in trained if any(text.startswith("--data_dir") for text in arguments)]
    assert len(trained) == 2
    for arguments in trained:
        done = run_script("train", *arguments, "--epochs=1")
        assert done.returncode == 0 and "test accuracy" in done.stdout, done.stderr
    compared = [arguments for script, arguments in page if script == "compare" and "--where=seconds<100" in arguments]
    (arguments,) = compared
    done = run_script("compare", *arguments)
    assert done.returncode == 0 and "table_mlp" in done.stdout and "linear_text" in done.stdout, done.stderr
