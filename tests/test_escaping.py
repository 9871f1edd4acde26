"""What leaves as text steers neither terminal, spreadsheet nor page, and is otherwise as it was."""

import json

import pytest

from zoo.escaping import json_text, markdown_cell, markdown_code, printable, spreadsheet_cell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, 数据　集, naïve\u00a0…", "plain, 数据　集, naïve\u00a0…"),
        ("👩\u200d🔬 می\u200cخواهم", "👩\u200d🔬 می\u200cخواهم"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("two\nlines\r\x85\u2028", r"two\nlines\r\x85\u2028"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("half \ud800 and \udcff", r"half \ud800 and \udcff"),
        ("tab\there\x00", r"tab\there\x00"),
        ("\U000e0041", r"\U000e0041"),
        (7, "7"),
    ],
)
def test_printable(text, expected):
    assert printable(text) == expected
    assert printable(expected) == expected
    expected.encode()


def test_json_stays_json():
    value = {"a\x9b": ["\ud800\U000e0041\n\x1b", "grün 数 👩\u200d🔬"], "n": 1.5}
    text = json_text(value)
    assert json.loads(text) == value
    assert "grün 数" in text and all(c.isprintable() or c in "\n\u200d" for c in text)


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|'/C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        '=HYPERLINK("x")',
        " =1",
        "\t=1",
        "\r=1",
        "＝1+1",
        "-",
        "=",
        "--1",
        "=1",
        "@1",
    ],
)
def test_formulas_are_texts_to_a_spreadsheet(text):
    cell = spreadsheet_cell(text)
    assert not cell.strip().startswith(("=", "+", "-", "@", "＝"))
    assert spreadsheet_cell(cell) == cell


@pytest.mark.parametrize(
    "value", [-1, -0.5, 1e-9, True, None, "-1", "+1", "-0.5", "-1e-5", "1", "a=b", "mnist_mlp", "'", ""]
)
def test_numbers_and_names_stay_as_they_are(value):
    assert spreadsheet_cell(value) is value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mnist_cnn [onnx], p < 0.001 & more", "mnist_cnn [onnx], p < 0.001 & more"),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("<!-- x --> <?x>", "&lt;!-- x --> &lt;?x>"),
        ("a|b\nc", r"a\|b\\nc"),
        ("[x](javascript:1) ![y](z)", r"[x]\(javascript:1) ![y]\(z)"),
        ("&lt;b&#62;", "&amp;lt;b&amp;#62;"),
        ("`a` *b* ~c~ \\", r"\`a\` \*b\* \~c\~ \\"),
        ("<https://x>", "&lt;https://x>"),
    ],
)
def test_markdown(text, expected):
    assert markdown_cell(text) == expected


def test_markdown_code():
    assert markdown_code("a ` | b\n<b>") == "`a ' \\| b\\n<b>`"
