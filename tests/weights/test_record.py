"""docs/weights.json: damaged, hostile and newer ones are a line each; the shipped one agrees with the leaderboard."""

import json

import published_file as given
import pytest

import zoo
from zoo.comparison.reading import recipe_digest
from zoo.comparison.receipts import judge, read_leaderboard
from zoo.config import load_as_run, load_config
from zoo.errors import ZooError
from zoo.experiments.publish import licence_of
from zoo.models.catalog import list_models, model_info
from zoo.shipped import shipped
from zoo.weights import record

HOSTILE_NAMES = [
    f"../{given.FILE}",
    f"/tmp/{given.FILE}",
    f"a/{given.FILE}",
    f"a\\{given.FILE}",
    f".{given.FILE}",
    f"C:{given.FILE}",
    f"{given.FILE}\n",
    f"{given.FILE}/..",
    f"%2e%2e%2f{given.FILE}",
    f"?{given.FILE}",
    f"{given.FILE}.exe",
    "x" * 200 + given.FILE,
    "tiny.keras",  # without its digest
    "",
    None,
    7,
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_file_name_that_leads_elsewhere_is_refused(places, name):
    places.write_record({"tiny": given.entry(file=name)})
    with pytest.raises(ZooError, match="tiny: damaged") as raised:
        zoo.load_model("tiny")
    assert "\n" not in str(raised.value) and not places.cache.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "0" * 64},
        {"sha256": given.SHA256.upper()},
        {"bytes": 0},
        {"bytes": -5},
        {"bytes": 1e9},
        {"bytes": 1 << 60},
        {"bytes": "300000"},
        {"value": float("nan")},
        {"value": "0.5"},
        {"rows": 0},
        {"run": []},
        {"run": {"seed": "0"}},
        {"config_digest": "../../x"},
        {"licence": "x" * 2000},
    ],
)
def test_a_damaged_entry_is_one_line(places, changes):
    places.write_record({"tiny": given.entry(**changes)})
    with pytest.raises(ZooError, match=r"weights\.json.*(damaged|update)") as raised:
        record.find("tiny")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"weights": []}', '{"weights": {"tiny": 5}}', '{"weights":' * 60 + "1" + "}" * 60]
)
def test_a_damaged_record_is_one_line(places, text):
    (places.repository / "docs/weights.json").write_text(text)
    with pytest.raises(ZooError, match=r"weights\.json") as raised:
        record.find("tiny")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("number", [2, 0, None, "1", [1]])
def test_weights_of_another_version(places, number):
    places.write_record({"tiny": {"format": number, "unheard": "of"}, "other": given.entry()})
    with pytest.raises(ZooError, match="tiny: of another version .*; update the zoo"):
        zoo.load_model("tiny")
    assert record.find("other").rows == 4


def test_names_without_weights(places):
    places.write_record({"tiny": given.entry()}, {"ridge": "it is a baseline: python scripts/baseline.py"})
    for name, words in (("ridge", "ridge: has no weights: it is a baseline"), ("tinny", "did you mean tiny"),
                        ("qqqqqqq", "no weights of that name; known: tiny")):  # fmt: skip
        with pytest.raises(ZooError, match=words):
            zoo.load_model(name)
    (places.repository / "configs").mkdir()
    (places.repository / "configs/own.yaml").write_text("")
    with pytest.raises(ZooError, match="own: has no published weights; train it: .*--model=own"):
        zoo.load_model("own")


def test_a_path_is_no_name(places, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("./tiny", "tiny.keras", "somewhere/tiny"):
        with pytest.raises(ZooError, match="no such model file"):
            zoo.load_model(path)
    (tmp_path / "tiny").mkdir()
    with pytest.raises(ZooError, match="tiny: is not a run"):  # what lies here comes first
        zoo.load_model("tiny")


KNOWN = record.published()


def test_each_row_of_the_leaderboard_has_weights_or_a_reason():
    rows = {row["model"] for row in read_leaderboard(shipped("docs/leaderboard.csv"))}
    missing = rows - set(KNOWN) - set(record.reasons())
    assert missing == set(), "python scripts/publish.py RUN"
    of_models = [reason for name, reason in record.reasons().items() if name in list_models()]
    assert all("not to be redistributed" in reason for reason in of_models)


@pytest.mark.parametrize("name", KNOWN)
def test_an_entry_is_of_its_row_and_its_config(name):
    entry = KNOWN[name]
    rows = read_leaderboard(shipped("docs/leaderboard.csv"))
    row = next(row for row in rows if (row["model"], row["dataset"]) == (name, entry.dataset))
    config, headline = load_config(name), model_info(name).task.headline
    assert (
        entry.config_digest
        == row["config_digest"]
        == recipe_digest(load_as_run(name, entry.run["precision"]).model_dump(mode="json"))
    )
    assert entry.run["data_digest"] == row["data_digest"] and str(entry.run["seed"]) in row["seeds"].split()
    assert entry.dataset == config.dataset.name and entry.metric == row["metric"] == headline.name
    assert entry.rows == int(row["test_rows"]) and judge(config.claim, headline, [entry.value]).passed
    assert entry.licence.startswith(licence_of(entry.dataset))


def test_the_files_of_the_repository_are_those_of_the_record_and_small():
    folder = shipped("weights")
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.suffix != ".md"}
    assert sizes == {entry.file: entry.bytes for entry in KNOWN.values() if (folder / entry.file).exists()}
    assert sum(path.stat().st_size for path in folder.iterdir()) < 40e6
    assert sum(entry.bytes for entry in KNOWN.values() if entry.packaged) <= 2e6


def test_the_record_names_no_machine():
    text = shipped(record.PATH).read_text("utf-8")
    assert "/root" not in text and "runs_dir" not in text and json.loads(text)
