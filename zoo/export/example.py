"""The script beside an exported file: raw input to a named answer without the zoo."""

import sys
from typing import Any

from zoo.tasks.catalog import get_task
from zoo.tokens import PUNCTUATION

_RUN = {
    "keras": (
        "keras",
        'answer = keras.saving.load_model("model.keras").predict(features, verbose=0)[0]',
    ),
    "saved_model": (
        "tensorflow as tf",
        'model = tf.saved_model.load("model")\n'
        'answer = list(model.signatures["serving_default"](tf.constant(features)).values())[0].numpy()[0]',
    ),
    "onnx": (
        "onnxruntime",
        'session = onnxruntime.InferenceSession("model.onnx")\n'
        "answer = session.run(None, {session.get_inputs()[0].name: features})[0][0]",
    ),
    "litert": (
        "ai_edge_litert.interpreter as litert",
        'interpreter = litert.Interpreter("model.tflite")\n'
        "interpreter.allocate_tensors()\n"
        'interpreter.set_tensor(interpreter.get_input_details()[0]["index"], features)\n'
        "interpreter.invoke()\n"
        'answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]',
    ),
}
_RUN_NAMED = {
    "keras": (
        "keras",
        "features = {name: tf.constant(array) for name, array in features.items()}\n"
        'answer = keras.saving.load_model("model.keras").predict(features, verbose=0)[0]',
    ),
    "saved_model": (
        "tensorflow as tf",
        'model = tf.saved_model.load("model")\n'
        "features = {name: tf.constant(array) for name, array in features.items()}\n"
        'answer = list(model.signatures["serving_default"](**features).values())[0].numpy()[0]',
    ),
    "onnx": (
        "onnxruntime",
        'answer = onnxruntime.InferenceSession("model.onnx").run(None, features)[0][0]',
    ),
    "litert": (
        "ai_edge_litert.interpreter as litert",
        'interpreter = litert.Interpreter("model.tflite")\n'
        "answer = list(interpreter.get_signature_runner()(**features).values())[0][0]",
    ),
}
_KERAS_IMPORTS = ("import tensorflow as tf", "import zoo.layers  # registers the model's layers")
_CELLS = """labels, row = json.load(open("labels.json")), json.loads(sys.argv[1])


def cells(kind):
    return [row[column["name"]] for column in labels["schema"] if column["kind"] == kind]


def text(cell):  # as training has it: 2.0 is 2, true is no word of Python, and nothing is empty
    return "" if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell).removesuffix(".0")


features = {}"""
_OF_KIND = {
    "numbers": 'np.array([[np.nan if cell is None else cell for cell in cells("number")]], "float32")',
    "categories": 'np.array([[text(cell) for cell in cells("category")]], object)',
    "dates": 'np.array([cells("date")], "datetime64[s]").astype("int64")',
    "texts": 'np.array([[text(cell) for cell in cells("text")]], object)',
}
_CATEGORY_IDS = """encoder = labels["encoders"]["categories"]
ids = []
for cell, unseen, words in zip(cells("category"), encoder["offsets"], encoder["vocabularies"]):
    rows = {word: unseen + place for place, word in enumerate(["", *words], start=1)}
    ids.append(rows.get(text(cell), unseen))
features["categories"] = np.array([ids], "int32")"""


def example_script(form: str, labels: dict[str, Any], model) -> str:
    """A Python script that reads its input from the command line and prints the answer.

    Args:
        form: keras, saved_model, onnx or litert.
        labels: what travels in the file.
        model: the Keras model, raw input to answers.
    """
    from zoo.layers.front import inputs_of

    module, run = (_RUN_NAMED if isinstance(inputs_of(model), dict) else _RUN)[form]
    imports, read, argument = _reading(form, labels, model)
    lines = [read, run, *get_task(labels["task"]).example_lines(labels, model.output_shape[-1])]
    needed = ["import json"] if any("json." in line for line in lines) else []
    names = [*needed, "import sys", *imports, f"import {module}"]
    lines = [f'"""python example.py {argument}, in this folder."""', "", *_sorted(names), "", *lines]
    return "\n".join(lines) + "\n"


def _sorted(imports: list[str]) -> list[str]:
    """Those of Python itself first, then an empty line."""
    lines = sorted(set(imports), key=lambda line: (line.startswith("from"), line))
    own = [line for line in lines if line.split()[1] in sys.stdlib_module_names]
    return [*own, "", *(line for line in lines if line not in own)]


def _reading(form: str, labels: dict[str, Any], model) -> tuple[list[str], str, str]:
    """Import lines, the lines that read `features`, and what the command line takes."""
    from zoo.layers.front import inputs_of

    inputs = inputs_of(model)
    if isinstance(inputs, dict):
        imports = ["import numpy as np", *(_KERAS_IMPORTS if form == "keras" else [])]
        if "schema" not in labels:
            return imports, _reading_inputs(inputs), " ".join(map(str.upper, inputs))
        more, read = _reading_columns(form, labels, inputs)
        return [*imports, *more], read, """'{"COLUMN": VALUE, …}'"""
    sizes = model.input_shape[1:]
    if len(sizes) == 3:
        height, width, channels = sizes
        mode = "L" if channels == 1 else "RGB"
        read = (
            f'picture = Image.open(sys.argv[1]).convert("{mode}").resize(({width}, {height}))\n'
            f'features = np.asarray(picture, "uint8").reshape(1, {height}, {width}, {channels})'
        )
        return ["import numpy as np", "from PIL import Image"], read, "picture.png"
    if len(sizes) == 2 and labels["reads"] == "sequence":
        steps, channels = sizes
        read = (
            f'rows = np.genfromtxt(sys.argv[1], "float32", delimiter=",", skip_header=1)\n'
            f"rows = rows.reshape(-1, {channels})[:{steps}]\n"
            f'features = np.full((1, {steps}, {channels}), np.nan, "float32")  # behind the last step\n'
            "features[0, : len(rows)] = rows"
        )
        return ["import numpy as np"], read, "STEPS.csv"
    if len(sizes) == 1:
        return ["import numpy as np"], 'features = np.array([sys.argv[1:]], "float32")', "NUMBER NUMBER …"
    if form in ("keras", "saved_model"):
        imports = list(_KERAS_IMPORTS) if form == "keras" else []
        if labels["tokenizer"]["kind"] == "word_piece":
            imports.append("import tensorflow_text  # registers the tokenizer's operations")
        return imports, "features = " + ("tf.constant(sys.argv[1:2])" if form == "keras" else "sys.argv[1:2]"), "TEXT"
    return _tokenizing(labels["tokenizer"], model)


def _tokenizing(tokenizer: dict[str, Any], model) -> tuple[list[str], str, str]:
    from zoo.export.formats import numbers_model

    dtype, length = numbers_model(model).inputs[0].dtype, tokenizer["length"]
    if tokenizer["kind"] == "word_piece":
        folded = "sys.argv[1]"
        if tokenizer["lower_case"]:
            folded = 'unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", sys.argv[1]).casefold())'
        options = f"lowercase=False, strip_accents={tokenizer['lower_case']}"
        read = (
            f'tokenizer = BertWordPieceTokenizer("vocab.txt", {options})\n'
            f"tokenizer.enable_truncation({length})\n"
            f"tokenizer.enable_padding(length={length})\n"
            f'features = np.array([tokenizer.encode({folded}).ids], "{dtype}")'
        )
        imports = ["import numpy as np", "from tokenizers import BertWordPieceTokenizer"]
        return [*imports, *(["import unicodedata"] if tokenizer["lower_case"] else [])], read, "TEXT"
    read = _words(tokenizer, 'labels["tokenizer"]') + f'features = np.array([ids_of(sys.argv[1])], "{dtype}")'
    return ["import re", "import numpy as np"], 'labels = json.load(open("labels.json"))\n' + read, "TEXT"


def _words(tokenizer: dict[str, Any], where: str) -> str:
    """Lines that define `ids_of` a text."""
    split = "list(text)" if tokenizer["split"] == "character" else "[word.decode() for word in text.encode().split()]"
    return (
        f'known = {{word: number for number, word in enumerate({where}["vocabulary"])}}\n\n\n'
        "def ids_of(text):\n"
        f'    text = re.sub(r"""{PUNCTUATION}""", "", text.encode().lower().decode())\n'
        f"    words = {split}\n"
        f'    grams = [" ".join(words[i : i + n]) for n in {tokenizer["ngrams"]} for i in range(len(words) - n + 1)]\n'
        f"    found = [known.get(gram, 1) for gram in grams[:{tokenizer['length']}]]\n"
        f"    return found + [0] * ({tokenizer['length']} - len(found))\n\n\n"
    )


def _reading_inputs(inputs: dict) -> str:
    """An argument for each input."""
    lines = ["features = {}"]
    for number, (name, tensor) in enumerate(inputs.items(), start=1):
        dtype, shape = tensor.dtype.replace("string", "object"), (1, *tensor.shape[1:])
        lines.append(f'features["{name}"] = np.array(sys.argv[{number}]).astype("{dtype}").reshape({shape})')
    return "\n".join(lines)


def _reading_columns(form: str, labels: dict[str, Any], inputs: dict) -> tuple[list[str], str]:
    """An argument with a row as JSON; what the file takes as ids is encoded as `labels` say."""
    encoders = labels.get("encoders", {}) if form in ("onnx", "litert") else {}
    lines = [_CELLS, *(f'features["{name}"] = {_OF_KIND[name]}' for name in inputs if name not in encoders)]
    if "categories" in encoders:
        lines.append(_CATEGORY_IDS)
    if "texts" in encoders:
        lines.append(_words(encoders["texts"], 'labels["encoders"]["texts"]').rstrip() + "\n\n")
        lines.append('features["texts"] = np.array([[ids_of(text(cell)) for cell in cells("text")]], "int64")')
    return ["import json", *(["import re"] if "texts" in encoders else [])], "\n".join(lines)
