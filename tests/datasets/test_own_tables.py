"""Tables as people have them: what is recognised is said, what is doubtful is told, and what cannot be is refused."""

import re

import numpy as np
import pandas
import pytest

from zoo import datasets
from zoo.datasets.summary import summarize
from zoo.errors import ZooError
from zoo.tasks.catalog import get_task

ROWS = 60


@pytest.fixture
def load(tmp_path):
    def load(text, **how):
        file = tmp_path / "t.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return datasets.load("csv", file, **how)

    return load


def table(header, row=lambda n: [n / 7, n % 5 - 2, "no" if n % 3 else "yes"], separator=",", rows=ROWS):
    return "\n".join(separator.join(map(str, line)) for line in [header, *map(row, range(rows))]) + "\n"


def notes(dataset):
    return "\n".join(dataset.report["notes"])


@pytest.mark.parametrize(
    ("header", "how", "label", "said"),
    [
        (["a", "b", "label"], {}, 2, "label 'label', by its name"),
        (["a", "Label", "region"], {}, 1, "label 'Label', by its name"),
        (["target", "a", "region"], {}, 0, "label 'target', by its name"),
        (["outcome", "a", "visits"], {}, 2, "label 'visits', the last column; or is it 'outcome'?"),
        (["outcome", "a", "visits"], {"label": "outcome"}, 0, "label 'outcome', as dataset.label says"),
    ],
)
def test_the_label_column_is_found_and_said(load, header, how, label, said):
    def row(n):
        cells = [n / 7, n % 5 + 0.5]
        return [*cells[:label], "ab"[n % 2], *cells[label:]]

    dataset = load(table(header, row), **how)
    assert dataset.info.label_names == ("a", "b")
    assert dataset.feature_names == tuple(name for place, name in enumerate(header) if place != label)
    assert said in notes(dataset) and "2 classes: a, b" in notes(dataset) and "2 features: " in notes(dataset)
    assert said in summarize(dataset.report)


@pytest.mark.parametrize(
    ("cells", "advice"),
    [("True", "write 1 and 0 for it"), ("no", "write 1 and 0 for it"), ("1.234,5", "write decimals with a point"),
     ("10 %", "write the number alone"), ("$3", "write the number alone"), ("3 kg", "write the number alone"),
     ("Köln", "mend the value, or take the row or the column away"), ("nan", "mend the value"),
     ("two\nlines", "mend the value")],
)  # fmt: skip
def test_cells_that_are_no_numbers_are_answered_with_what_to_write(load, cells, advice):
    with pytest.raises(ZooError, match=rf"t\.csv:\d: column 'a': .* is not a finite number; {advice}"):
        load(table(["a", "b", "label"], lambda n: [f'"{cells}"', n % 5, "xy"[n % 2]]))


def test_a_label_that_is_not_there(load):
    with pytest.raises(ZooError, match=r"no column 'lable', which is to be the label; did you mean label"):
        load(table(["a", "b", "label"]), label="lable")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (["0.1257", "3", "yes"], "column 1 is called '0.1257', a number: the first line is to name the columns"),
        (["a", "", "label"], "column 2 has no name"),
        (["", "b", "label"], "column 1 has no name"),
    ],
)
def test_a_header_that_is_none_is_refused(load, header, words):
    with pytest.raises(ZooError, match=re.escape(words)):
        load(table(header))


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_an_index_that_pandas_has_written_is_left_out(load, name):
    frame = pandas.DataFrame({"a": np.arange(ROWS) / 7, "b": np.arange(ROWS) % 5, "label": [*"xy"] * (ROWS // 2)})
    dataset = load(frame.sort_values("label").to_csv().replace(",a", f"{name},a", 1))
    assert dataset.feature_names == ("a", "b") and "an index without a name" in notes(dataset)


def test_a_first_column_called_as_an_index_that_is_none_is_a_feature(load):
    assert load(table(["Unnamed: 0", "b", "label"])).feature_names == ("Unnamed: 0", "b")


def test_a_column_of_identifiers_is_told(load):
    shuffled = np.random.default_rng(0).permutation(ROWS)
    dataset = load(table(["passenger", "b", "label"], lambda n: [shuffled[n], n / 7, "xy"[n % 2]]))
    assert "warning: column 'passenger' holds another whole number in each row" in notes(dataset)
    dataset = load(table(["income", "b", "label"], lambda n: [shuffled[n] * 1013, n / 7, "xy"[n % 2]]))
    assert "warning" not in notes(dataset)
    dataset = load(table(["CustomerId", "b", "label"], lambda n: [shuffled[n] * 1013, n / 7, "xy"[n % 2]]))
    assert "warning: column 'CustomerId'" in notes(dataset)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["nan", "a"], "taken for a class like others: 'nan' (30 rows)"),
        (["NA", "a", "?", "None"], "'?' (15 rows), 'NA' (15 rows), 'None' (15 rows)"),
        (["Yes", "yes", "no"], "taken for different classes: 'Yes' (20 rows), 'yes' (20 rows)"),
        (["0", "0.0", "1"], "taken for different classes: '0' (20 rows), '0.0' (20 rows)"),
        (["new  york", "New York", "x"], "taken for different classes: "),
        (["13.5", "17.0", "4"], "taken for classes: numbers such as '13.5'; to predict them, --task=regression"),
    ],
)
def test_labels_that_look_strange_are_told(load, labels, said):
    dataset = load(table(["a", "b", "label"], lambda n: [n / 7, n % 5, labels[n % len(labels)]]))
    assert said in notes(dataset)
    assert set(dataset.info.label_names) == set(labels)


def test_a_number_of_its_own_in_each_row_is_hardly_a_class(load):
    dataset = load(table(["a", "b", "year"], lambda n: [n / 7, n % 5, 1947 + n % 16], rows=18))
    assert "taken for classes: numbers such as '1947'; to predict them" in notes(dataset)
    dataset = load(table(["a", "b", "digit"], lambda n: [n / 7, n % 5, float(n % 10)]))
    assert "warning" not in notes(dataset)


def test_spaces_around_labels_are_no_part_of_them(load):
    dataset = load(table(["a", "b", "label"], lambda n: [n / 7, n % 5, [" yes", "yes ", "no", ' "no"'][n % 4]]))
    assert dataset.info.label_names == ("no", "yes") and "warning" not in notes(dataset)


def test_folders_of_classes_are_told_too(tmp_path):
    for name in ("Cat", "cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(9):
            (tmp_path / name / f"{number}.txt").write_text(f"{name} {number * len(name)} {ord(name[0])}")
    dataset = datasets.load("text_folder", tmp_path)
    assert "different classes: 'Cat' (9 rows), 'cat' (9 rows)" in notes(dataset)


def test_classes_with_names_of_ours(load):
    """The report counts rows; so may the user's classes."""
    names = ["rows", "classes", "targets"]
    dataset = load(table(["a", "counts", "label"], lambda n: [n / 7, n % 5, names[n % 3]]))
    counts = dataset.report["counts"]
    assert [of["rows"] for of in counts.values()] == [48, 6, 6]
    assert sum(of["classes"]["rows"] for of in counts.values()) == 20
    assert "48 train / 6 validation / 6 test rows" in summarize(dataset.report)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (lambda n: 1_700_000_000_000 + n, "subtract 1700000000000 from it"),
        (lambda n: 5e7 + n / 100, "subtract 50000000 from it"),
        (lambda n: 2**53 + n * 2, "subtract"),
        (lambda n: 1e25 + n * 1e24, "multiply it by 1e-25"),
        (lambda n: n * 1e-12, "multiply it by 1e+11"),
        (lambda n: n * 1e-46, "multiply it by 1e+45"),
        (lambda n: n * 1e-200, "multiply it by 1e+198"),
        (lambda n: n * 5e-324, "multiply it by 1e+300"),
    ],
)
def test_numbers_that_float32_cannot_hold_are_named(load, value, advice):
    with pytest.raises(ZooError, match=re.escape(advice)) as caught:
        load(table(["a", "time", "label"], lambda n: [n, repr(value(n)), "xy"[n % 2]]))
    assert "column 'time' lies between" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ZooError, match="column 'label' lies between"):
        task = get_task("regression")
        load(table(["a", "b", "label"], lambda n: [n, n % 7, repr(value(n))]), task=task)


def test_what_is_advised_helps(load):
    dataset = load(table(["time", "label"], lambda n: [n, "xy"[n % 2]]))
    assert len({row[0] for part in (dataset.train, dataset.test) for row in part.features.tolist()}) == 54
    load(table(["year", "x", "label"], lambda n: [1990 + n % 30, 40_000_000 + n * 10_000, "xy"[n % 2]]))
    dataset = load(table(["constant", "x", "label"], lambda n: [10**30 + n, n, "xy"[n % 2]]))
    assert "warning: says nothing, one value in all rows: 'constant'" in notes(dataset)


def test_equal_rows_stay_on_one_side_unless_they_are_to_go(load):
    """Respondents of a survey may answer alike; the shares of the classes must not move."""
    generator = np.random.default_rng(0)
    answers = generator.integers(1, 4, (2000, 3))
    text = table(["a", "b", "c", "label"], lambda n: [*answers[n], "xy"[int(answers[n].sum() > 7)]], rows=2000)
    kept, dropped = load(text), load(text, duplicates="drop")
    parts = (kept.train, kept.validation, kept.test)
    seen = [set(map(tuple, part.features.tolist())) for part in parts]
    assert sum(map(len, parts)) == 2000 and not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    assert "1,973 rows are equal to one before them" in notes(kept)
    assert sum(len(part) for part in (dropped.train, dropped.validation, dropped.test)) == 27
    assert dropped.report["duplicates_removed"] == 1973


def test_equal_numbers_are_equal_in_float64(load):
    rows = [[16777216 + n % 2, n // 2, "xy"[n // 2 % 2]] for n in range(ROWS)]
    rows += [[0, n + 0.5, "x"] for n in range(4)]
    dataset = load(table(["a", "b", "label"], rows.__getitem__, rows=len(rows)), duplicates="drop")
    assert dataset.report["duplicates_removed"] == 0


def test_pictures_and_texts_may_keep_their_copies(load):
    text = "text,label\n" + "".join(f"text {n % 20},{'ab'[n % 2]}\n" for n in range(40))
    assert load(text).report["duplicates_removed"] == 20
    with pytest.raises(ZooError, match="duplicates is 'Drop'; drop or keep"):
        load(text, duplicates="Drop")
    kept = load(text, duplicates="keep")
    assert sum(map(len, (kept.train, kept.validation, kept.test))) == 40
    assert kept.report["test_rows_also_in_train"] == 0


@pytest.mark.parametrize(
    ("header", "texts", "label"),
    [("Text,Label", "Text", "Label"), ("review,sentiment", "review", "sentiment"), ("id,body,class", "body", "class")],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_of_texts_are_recognised(load, header, texts, label, separator):
    header = header.split(",")

    def row(n):
        return [
            *([n] if len(header) == 3 else []),
            f"some words, {n}" if separator != "," else f'"some, {n}"',
            "xy"[n % 2],
        ]

    dataset = load("\ufeff" + table(header, row, separator))
    assert dataset.info.kind == "text" and dataset.info.label_names == ("x", "y")
    assert f"texts {texts!r}" in notes(dataset) and f"label {label!r}" in notes(dataset)
    assert ("columns left out: id" in notes(dataset)) == (len(header) == 3)


def test_a_column_that_is_only_called_like_a_text(load):
    assert load(table(["content", "b", "label"])).info.kind == "table"
    dataset = load(table(["a", "b", "Body"]), label="Body")
    assert dataset.info.kind == "table" and dataset.info.label_names == ("no", "yes")
    dataset = load(
        table(["review", "body", "x"], lambda n: ["saloon" if n % 2 else "estate", f"a text {n}", n]), label="review"
    )
    assert "texts 'body'" in notes(dataset) and dataset.info.label_names == ("estate", "saloon")


def test_names_from_files_steer_no_terminal(load):
    odd = '"\x1b[31m\nerror: forged"'
    text = table(["a", f'"b\x1b[2J{chr(0x202E)}"', "label"], lambda n: [n / 7, n % 5, odd if n % 2 else "yes"])
    said = summarize(load(text).report)
    assert said.replace("\n", "").isprintable() and "\nerror" not in said and "\\x1b[31m" in said


def test_ids_are_rows_as_pandas_counts_them(load, tmp_path):
    text = table(["a", "b", "label"]).replace("\n", "\n\n", 5)
    dataset = load(text)
    frame = pandas.read_csv(tmp_path / "t.csv")
    for part in (dataset.train, dataset.validation, dataset.test):
        np.testing.assert_allclose(frame.loc[part.ids.astype(int), ["a", "b"]], part.features, rtol=1e-6)


def spellings():
    """A table of 600 rows, and the same content as other programs write it."""
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=(600, 3)).round(3)
    labels = np.where(numbers[:, 0] > 0, "yes", "no")

    def write(
        header=("a", "b", "c", "label"), cell=str, separator=",", end="\n", order=(0, 1, 2, 3), label=str, first=()
    ):
        lines = [header] if not first else [(first[0], *header)]
        for place, (row, name) in enumerate(zip(numbers, labels, strict=True)):
            cells = [*map(cell, row), label(name)]
            lines.append([*([str(place)] if first else []), *(cells[each] for each in order)])
        return end.join(separator.join(line) for line in lines) + end

    return {
        "plain": write(),
        "semicolons": write(separator=";"),
        "tabs": write(separator="\t"),
        "byte order mark": "\ufeff" + write(),
        "carriage returns": write(end="\r\n"),
        "old line ends": write(end="\r"),
        "quotes": write(('"a"', '"b"', '"c"', '"label"'), '"{}"'.format, label='"{}"'.format),
        "spaces": write(("a ", " b", "c", " label "), " {} ".format, label=" {}".format),
        "label first": write(("label", "a", "b", "c"), order=(3, 0, 1, 2)),
        "an index": write(first=("",)),
        "capitals": write(("A", "B", "C", "Label")),
        "exponents": write(cell="{:+.8e}".format),
        "empty lines": write(end="\n\n"),
    }  # fmt: skip


def test_one_table_in_many_spellings_is_one_dataset(load):
    digests = {name: load(text).digest for name, text in spellings().items()}
    assert len(digests) == 13 and set(digests.values()) == {digests["plain"]}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text.replace(",", ";").replace(".", ","), "is not a finite number; write decimals with a point"),
        (lambda text: text.encode("utf-16"), "cannot be read as a UTF-8 table"),
        (lambda text: text.split("\n", 1)[1], "a number: the first line is to name the columns"),
        (lambda text: text.replace(",", "|"), "only one column"),
    ],
)
def test_other_spellings_are_refused_in_one_line(load, spoil, words):
    with pytest.raises(ZooError, match=words) as caught:
        load(spoil(spellings()["plain"]))
    assert "\n" not in str(caught.value)
