"""Makers of hostile model files: one a kind. None of them is stored; each is made from a plain model of a table.

A maker is given the folder of the plain files (`model.keras`, `model.onnx`, `model.tflite`, `model/`), a folder
to write into, and a path `proof`, beside which a file that runs code, or writes, would leave a trace. It returns the
path to load.
"""

import io
import json
import pathlib
import shutil
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from mutate import zip_of

MAKERS: dict[str, tuple[Callable, str]] = {}
SECRET = "a secret line"


def maker(words: str):
    """Register a maker, with words of the line by which its file is refused."""

    def register(function):
        MAKERS[function.__name__] = (function, words)
        return function

    return register


def write_plain_files(folder: pathlib.Path) -> None:
    """A model of four numbers and two classes, in every format."""
    import zoo
    from zoo.export import formats
    from zoo.loading import save_model

    model = zoo.create_model("binary_mlp", input_shape=(4,))
    features = np.random.default_rng(0).normal(2, 3, (50, 4)).astype("float32")
    model.layers[1].adapt(features)
    labels = {"label_names": ["no", "yes"], "task": "table_classification"}
    save_model(model, folder / "model.keras", labels)
    for form in ("onnx", "litert", "saved_model"):
        (target,) = formats.targets(form, None)
        formats.write(formats.Source(None, model, labels, features), target, folder)


# A .keras file: its config


def _members(plain: pathlib.Path) -> dict[str, bytes]:
    with zipfile.ZipFile(plain / "model.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _keras(plain, folder, **changed: bytes | None) -> pathlib.Path:
    members = _members(plain) | {_NAMES[key]: value for key, value in changed.items()}
    path = folder / "model.keras"
    path.write_bytes(zip_of({name: content for name, content in members.items() if content is not None}))
    return path


_NAMES = {"config": "config.json", "weights": "model.weights.h5", "labels": "labels.json", "metadata": "metadata.json"}


def _with_layer(plain, folder, layer: dict[str, Any], shape=(4,)) -> pathlib.Path:
    """A model of an input and one layer."""
    given = {"batch_shape": [None, *shape], "dtype": "float32", "name": "x"}
    source = {"module": "keras.layers", "class_name": "InputLayer", "registered_name": None, "name": "x",
              "config": given, "inbound_nodes": []}  # fmt: skip
    tensor = {"class_name": "__keras_tensor__",
              "config": {"shape": [None, *shape], "dtype": "float32", "keras_history": ["x", 0, 0]}}  # fmt: skip
    layer = {"module": "keras.layers", "registered_name": None, "name": "y",
             "inbound_nodes": [{"args": [tensor], "kwargs": {}}]} | layer  # fmt: skip
    layer["config"] = {"name": "y"} | layer["config"]
    config = {"name": "m", "layers": [source, layer], "input_layers": [["x", 0, 0]], "output_layers": [["y", 0, 0]]}
    whole = {"module": "keras.src.models.functional", "class_name": "Functional", "registered_name": "Functional"}
    whole["config"] = config
    return _keras(plain, folder, config=json.dumps(whole).encode())


def _function(module: str, name: str) -> dict[str, str]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


@maker("Lambda")
def lambda_with_code(plain, folder, proof):
    import keras

    inputs = keras.Input((4,))
    code = f"lambda x: (open({str(proof)!r}, 'w').close(), x)[1]"
    keras.Model(inputs, keras.layers.Lambda(eval(code), output_shape=(4,))(inputs)).save(folder / "model.keras")
    proof.unlink(missing_ok=True)  # saving runs it too
    return folder / "model.keras"


@maker("Lambda")
def lambda_that_draws_a_gallery(plain, folder, proof):
    function = _function("keras.visualization", "plot_image_gallery")
    arguments = {"path": f"{proof}.png", "value_range": [0, 255], "rows": 1, "cols": 1}
    layer = {"class_name": "Lambda", "config": {"function": function, "arguments": arguments, "output_shape": [4]}}
    return _with_layer(plain, folder, layer, shape=(4, 4, 3))


@maker("Lambda")
def lambda_that_downloads(plain, folder, proof):
    function = _function("keras.datasets.mnist", "load_data")
    layer = {"class_name": "Lambda", "config": {"function": function, "arguments": {"path": str(proof)}}}
    return _with_layer(plain, folder, layer)


@maker("the function set_floatx of keras.config")
def activation_that_changes_the_process(plain, folder, proof):
    return _with_layer(
        plain, folder, {"class_name": "Activation", "config": {"activation": _function("keras.config", "set_floatx")}}
    )


@maker("the function system of os")
def initializer_of_another_package(plain, folder, proof):
    config = {"units": 2, "kernel_initializer": _function("os", "system")}
    return _with_layer(plain, folder, {"class_name": "Dense", "config": config})


@maker("a Python lambda")
def pickled_lambda(plain, folder, proof):
    config = {"activation": {"class_name": "__lambda__", "config": {"value": "4wEAAA==", "defaults": None}}}
    return _with_layer(plain, folder, {"class_name": "Activation", "config": config})


@maker("a TFSMLayer")
def model_from_a_path(plain, folder, proof):
    config = {"filepath": str(plain / "model"), "call_endpoint": "serving_default"}
    return _with_layer(plain, folder, {"class_name": "TFSMLayer", "config": config})


@maker("StringLookup y would read its vocabulary from the file")
def words_from_a_path(plain, folder, proof):
    (folder / "secret.txt").write_text(SECRET)
    config = {"vocabulary": str(folder / "secret.txt"), "output_mode": "one_hot"}
    return _with_layer(plain, folder, {"class_name": "StringLookup", "config": config}, shape=(1,))


@maker("no layer, initializer or other part")
def class_of_the_inside_of_keras(plain, folder, proof):
    layer = {"module": "keras.src.layers.core.lambda_layer", "class_name": "Lambda2", "config": {}}
    return _with_layer(plain, folder, layer)


@maker("--import the module that registers it")
def class_that_nobody_registered(plain, folder, proof):
    layer = {"module": "mine", "class_name": "Mine", "registered_name": "mine>Mine", "config": {}}
    return _with_layer(plain, folder, layer)


@maker("holds a Dense, no model")
def layer_for_a_model(plain, folder, proof):
    layer = {"module": "keras.layers", "class_name": "Dense", "registered_name": None, "config": {"units": 2}}
    return _keras(plain, folder, config=json.dumps(layer).encode())


@maker("bytes of weights")
def dense_of_300_million_units(plain, folder, proof):
    return _with_layer(plain, folder, {"class_name": "Dense", "config": {"units": 300_000_000}})


@maker("of one example")
def layer_that_repeats_a_billion_times(plain, folder, proof):
    return _with_layer(plain, folder, {"class_name": "RepeatVector", "config": {"n": 1_000_000_000}})


@maker("of one example")
def pictures_of_a_terapixel(plain, folder, proof):
    layer = {"class_name": "GlobalAveragePooling2D", "config": {}}
    return _with_layer(plain, folder, layer, shape=(1_000_000, 1_000_000, 1))


@maker("before any are read")
def vocabulary_of_a_billion(plain, folder, proof):
    config = {"vocabulary_size": 1_000_000_000, "length": 8}
    layer = {"module": "zoo.layers.word_piece", "class_name": "WordPieceTokenizer", "config": config,
             "registered_name": "zoo>WordPieceTokenizer"}  # fmt: skip
    return _with_layer(plain, folder, layer, shape=())


@maker("is unrolled over 1,000,000 steps")
def a_million_steps_unrolled(plain, folder, proof):
    config = {"units": 2, "unroll": True}
    return _with_layer(plain, folder, {"class_name": "SimpleRNN", "config": config}, shape=(1_000_000, 2))


@maker("that its size allows")
def a_hundred_thousand_layers(plain, folder, proof):
    layer = {"module": "keras.layers", "class_name": "ReLU", "registered_name": None, "config": {}}
    layers = [layer | {"config": {"name": f"r{number}"}} for number in range(50_000)]
    first = {"module": "keras.layers", "class_name": "InputLayer", "registered_name": None,
             "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"}}  # fmt: skip
    config = {"module": "keras", "class_name": "Sequential", "registered_name": None,
              "config": {"name": "m", "layers": [first, *layers]}}  # fmt: skip
    return _keras(plain, folder, config=json.dumps(config).encode())


@maker("nested too deeply")
def config_of_a_thousand_depths(plain, folder, proof):
    head = b'{"module": "keras", "class_name": "Sequential", "config": '
    return _keras(plain, folder, config=head + b"[" * 900 + b"]" * 900 + b"}")


@maker("nested too deeply")
def config_of_a_million_depths(plain, folder, proof):
    return _keras(plain, folder, config=b"[" * 1_000_000)


@maker("not Unicode")
def config_with_half_a_character(plain, folder, proof):
    return _with_layer(plain, folder, {"class_name": "ReLU", "config": {"name": "\ud800"}})


# A .keras file: its weights


def _with_weights(plain, folder, change: Callable) -> pathlib.Path:
    import h5py

    stream = io.BytesIO(_members(plain)["model.weights.h5"])
    with h5py.File(stream, "r+") as file:
        group = file["layers/dense/vars"]
        change(group, group["0"].shape)
    return _keras(plain, folder, weights=stream.getvalue())


@maker("an external dataset")
def weights_from_another_file(plain, folder, proof):
    def change(group, shape):
        del group["0"]
        group.create_dataset("0", shape, "f4", external=[("/etc/passwd", 0, 4 * int(np.prod(shape)))])

    return _with_weights(plain, folder, change)


@maker("a virtual dataset")
def weights_that_are_virtual(plain, folder, proof):
    import h5py

    def change(group, shape):
        del group["0"]
        layout = h5py.VirtualLayout(shape, "f4")
        layout[...] = h5py.VirtualSource("/tmp/other.h5", "x", shape)
        group.create_virtual_dataset("0", layout)

    return _with_weights(plain, folder, change)


@maker("ExternalLink")
def weights_behind_an_external_link(plain, folder, proof):
    import h5py

    def change(group, shape):
        del group["0"]
        group["0"] = h5py.ExternalLink("/tmp/other.h5", "/x")

    return _with_weights(plain, folder, change)


@maker("SoftLink")
def weights_behind_a_soft_link(plain, folder, proof):
    import h5py

    def change(group, shape):
        group["2"] = h5py.SoftLink("/nowhere")

    return _with_weights(plain, folder, change)


@maker("by a second name")
def weights_in_a_circle(plain, folder, proof):
    def change(group, shape):
        group["again"] = group.file["layers"]

    return _with_weights(plain, folder, change)


@maker("declare")
def weights_that_declare_a_terabyte(plain, folder, proof):
    def change(group, shape):
        group.create_dataset("2", (1 << 38,), "f4", chunks=(1 << 20,), compression="gzip")

    return _with_weights(plain, folder, change)


@maker("no numbers")
def weights_that_are_texts(plain, folder, proof):
    import h5py

    def change(group, shape):
        group.create_dataset("2", (2,), h5py.string_dtype())

    return _with_weights(plain, folder, change)


@maker("not a .keras file")
def hdf5_before_a_zip(plain, folder, proof):
    members = _members(plain)
    path = folder / "model.keras"
    path.write_bytes(members["model.weights.h5"] + (plain / "model.keras").read_bytes())
    return path


@maker("not a .keras")
def hdf5_file_with_a_zip_behind(plain, folder, proof):
    path = folder / "model.h5"
    path.write_bytes(_members(plain)["model.weights.h5"] + (plain / "model.keras").read_bytes())
    return path


@maker("has no model.weights.h5")
def no_weights(plain, folder, proof):
    return _keras(plain, folder, weights=None)


# A .keras file: its zip


def _deflated(plain, folder) -> pathlib.Path:
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _members(plain).items():
            archive.writestr(name, content)
    return path


@maker("model.keras: ")
def flipped_byte_in_a_deflated_member(plain, folder, proof):
    path = _deflated(plain, folder)
    content = bytearray(path.read_bytes())
    content[content.index(b"model.weights.h5") + 40] ^= 0xFF
    path.write_bytes(content)
    return path


def _with_headers(plain, folder, flags: int = 0, method: int | None = None) -> pathlib.Path:
    """The zip's own records say other things of each member than are true."""
    path = _deflated(plain, folder)
    content = bytearray(path.read_bytes())
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = content.find(signature)
        while start >= 0:
            old = struct.unpack_from("<HH", content, start + place)
            struct.pack_into("<HH", content, start + place, old[0] | flags, old[1] if method is None else method)
            start = content.find(signature, start + 4)
    path.write_bytes(content)
    return path


@maker("is encrypted")
def encrypted(plain, folder, proof):
    return _with_headers(plain, folder, flags=1)


@maker("compressed by method 98")
def compressed_by_an_unknown_method(plain, folder, proof):
    return _with_headers(plain, folder, method=98)


@maker("outside of its folder")
def member_outside(plain, folder, proof):
    path = _deflated(plain, folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"../../../../../../../..{proof}", "x")
    return path


@maker("two members")
def two_configs(plain, folder, proof):
    path = _deflated(plain, folder)
    with zipfile.ZipFile(path, "a") as archive, _without_warnings():
        archive.writestr("config.json", "{}")
    return path


def _without_warnings():
    import warnings

    context = warnings.catch_warnings()
    warnings.simplefilter("ignore")
    return context


@maker("would unfold to")
def zip_bomb(plain, folder, proof):
    path = _deflated(plain, folder)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("assets/x", "w") as stream:
        for _ in range(512):
            stream.write(bytes(1 << 20))
    return path


@maker("members; at most")
def a_hundred_thousand_members(plain, folder, proof):
    path = folder / "model.keras"
    path.write_bytes(zip_of(_members(plain) | {f"assets/{number}": b"" for number in range(50_000)}))
    return path


# Labels, which every format carries

LABELS = {
    "a_list": (["no", "yes"], "is a list"),
    "null": (None, "is a NoneType"),
    "nested": ({"label_names": [["no"], ["yes"]]}, "label_names.0"),
    "too_short": ({"label_names": ["no"]}, "1 label names"),
    "too_long": ({"label_names": ["no", "yes", "perhaps"]}, "3 label names"),
    "half_a_character": ({"label_names": ["no", "\ud800"]}, "surrogates"),
    "repeated": ({"label_names": ["no", "no"]}, "stands there twice"),
    "numbers": ({"label_names": [0, 1]}, "label_names.0"),
    "a_word": ({"label_names": "no"}, "label_names"),
    "a_task_with_escapes": ({"label_names": ["no", "yes"], "task": "\u001b[31m"}, "task"),
    "a_tokenizer_of_a_billion": (
        {"tokenizer": {"kind": "words", "length": 10**9, "split": "whitespace", "ngrams": [1], "vocabulary": ["a"]}},
        "tokenizer.length",
    ),
    "categories_without_an_offset": (
        {"encoders": {"categories": {"kind": "categories", "offsets": [], "vocabularies": [["a"]]}}},
        "a column of categories has an offset",
    ),
    "an_encoder_of_another_kind": ({"encoders": {"categories": {"kind": "python"}}}, "encoders.categories"),
    "deep": ("[" * 100_000, "nested too deeply"),
    "unfinished": ('{"label_names": ["no"', "labels cannot be used"),
    "not_utf_8": (b"\xff\xfe\x00", "labels cannot be used"),
}


def _labels_of(kind: str) -> bytes:
    value = LABELS[kind][0]
    return (
        value
        if isinstance(value, bytes)
        else value.encode()
        if kind in ("deep", "unfinished")
        else json.dumps(value).encode()
    )


def with_labels(plain: pathlib.Path, folder: pathlib.Path, form: str, kind: str) -> pathlib.Path:
    content = _labels_of(kind)
    if form == "keras":
        return _keras(plain, folder, labels=content)
    if form == "saved_model":
        path = _saved_model(plain, folder)
        (path / "assets.extra" / "labels.json").write_bytes(content)
        return path
    if form == "litert":
        path = folder / "model.tflite"
        content_of_model = (plain / "model.tflite").read_bytes()
        path.write_bytes(content_of_model[: content_of_model.rindex(b"PK\3\4")])
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("labels.json", content)
        return path
    import onnx

    model = onnx.load(plain / "model.onnx")
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {"zoo": content.decode("latin-1")})
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


@maker("would unfold to")
def labels_of_gigabytes(plain, folder, proof):
    members = _members(plain)
    del members["labels.json"]
    path = folder / "model.keras"
    path.write_bytes(zip_of(members))
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("labels.json", "w") as stream,
    ):
        for _ in range(1024):
            stream.write(b"[" * (1 << 20))
    return path


# A SavedModel


def _saved_model(plain, folder) -> pathlib.Path:
    shutil.copytree(plain / "model", folder / "model", dirs_exist_ok=True)
    return folder / "model"


def _graph(folder, compute: Callable, resource: Any = None) -> pathlib.Path:
    """A SavedModel whose signature computes `compute(float[batch, 4])`."""
    import tensorflow as tf

    module = tf.Module()
    module.resource = resource

    @tf.function(input_signature=[tf.TensorSpec((None, 4))], autograph=False)
    def serve(x):
        return {"y": x[:, :2] + tf.reshape(tf.cast(compute(x), tf.float32), [-1])[:1]}

    module.serve = serve
    tf.saved_model.save(module, str(folder / "model"), signatures={"serving_default": serve})
    return folder / "model"


def _initializer(folder, run: Callable) -> pathlib.Path:
    """A SavedModel with a resource whose initializer calls `run`, which loading does."""
    import tensorflow as tf
    from tensorflow.python.trackable import resource

    class Written(resource.TrackableResource):
        def _create_resource(self):
            return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[], shared_name="hostile")

        def _initialize(self):
            done = run()
            with tf.control_dependencies([] if done is None else [done]):  # else it would be pruned
                return tf.identity(tf.constant(0))

    written = Written()

    def compute(x):
        return tf.cast(tf.raw_ops.VarIsInitializedOp(resource=written.resource_handle), tf.float32)

    return _graph(folder, compute, written)


@maker("SaveV2")
def initializer_that_saves(plain, folder, proof):
    import tensorflow as tf

    def run():
        return tf.raw_ops.SaveV2(
            prefix=str(proof), tensor_names=["x"], shape_and_slices=[""], tensors=[tf.constant(["ssh-rsa key"])]
        )

    path = _initializer(folder, run)
    _clean(proof)
    return path


@maker("graph holds Save,")
def initializer_that_saves_the_old_way(plain, folder, proof):
    import tensorflow as tf

    path = _initializer(
        folder, lambda: tf.raw_ops.Save(filename=str(proof), tensor_names=["x"], data=[tf.constant(["ssh-rsa key"])])
    )
    _clean(proof)
    return path


@maker("WriteFile")
def signature_that_writes(plain, folder, proof):
    import tensorflow as tf

    def compute(x):
        with tf.control_dependencies([tf.io.write_file(str(proof), "x")]):
            return tf.constant(0.0)

    return _graph(folder, compute)


@maker("ReadFile")
def signature_that_reads(plain, folder, proof):
    import tensorflow as tf

    return _graph(folder, lambda x: tf.strings.length(tf.io.read_file("/etc/passwd")))


@maker("ImmutableConst")
def constant_in_a_file(plain, folder, proof):
    import tensorflow as tf

    return _graph(
        folder,
        lambda x: tf.raw_ops.ImmutableConst(dtype=tf.uint8, shape=[4], memory_region_name="/etc/passwd"),
    )


@maker("CSVDataset")
def dataset_of_a_file(plain, folder, proof):
    import tensorflow as tf

    def compute(x):
        rows = tf.data.experimental.CsvDataset("/etc/passwd", [tf.string], field_delim=":", select_cols=[2])
        return tf.cast(rows.reduce(tf.constant(0, tf.int64), lambda count, _: count + 1), tf.float32)

    return _graph(folder, compute)


@maker("not one of its assets")
def table_of_a_file(plain, folder, proof):
    """The file's name is a constant, as an asset's is not."""
    import tensorflow as tf

    (folder / "secret.txt").write_text(SECRET)

    def compute(x):
        table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64, shared_name="hostile")
        filled = tf.raw_ops.InitializeTableFromTextFileV2(
            table_handle=table, filename=str(folder / "secret.txt"), key_index=-2, value_index=-1
        )
        with tf.control_dependencies([filled]):
            found = tf.raw_ops.LookupTableFindV2(
                table_handle=table, keys=tf.constant([SECRET]), default_value=tf.constant(-1, tf.int64)
            )
        return tf.cast(found, tf.float32)

    return _graph(folder, compute)


def _changed(path: pathlib.Path, change: Callable) -> pathlib.Path:
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel()
    content.ParseFromString((path / "saved_model.pb").read_bytes())
    change(content)
    (path / "saved_model.pb").write_bytes(content.SerializeToString())
    return path


def _with_table(folder) -> pathlib.Path:
    import tensorflow as tf

    words = folder / "words.txt"
    words.write_text("a\nb\n")
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(str(words), tf.string, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER), -1
    )
    return _graph(folder, lambda x: table.lookup(tf.constant(["b"])), table)


@maker("no file in its folder assets")
def asset_outside(plain, folder, proof):
    def change(content):
        content.meta_graphs[0].asset_file_def[0].filename = "../../../../../../../etc/passwd"

    return _changed(_with_table(folder), change)


@maker("no file in its folder assets")
def asset_behind_a_link(plain, folder, proof):
    path = _with_table(folder)
    (path / "assets" / "words.txt").unlink()
    (path / "assets" / "words.txt").symlink_to("/etc/passwd")
    return path


@maker("outside of its saver")
def signature_that_calls_the_saver(plain, folder, proof):
    """The saver's function is the saver's; that a signature calls it too is what is wrong."""

    def change(content):
        graph = content.meta_graphs[0]
        name = graph.saver_def.save_tensor_name.split(":")[0]
        (call,) = [node for node in graph.graph_def.node if node.name == name]
        for function in graph.graph_def.library.function:
            if "signature_wrapper" in function.signature.name:
                node = function.node_def.add(name="again", op="StatefulPartitionedCall")
                node.attr["f"].func.name = call.attr["f"].func.name
                break

    return _changed(_saved_model(plain, folder), change)


@maker("not a SavedModel of TensorFlow 2")
def two_graphs(plain, folder, proof):
    return _changed(
        _saved_model(plain, folder), lambda content: content.meta_graphs.add().CopyFrom(content.meta_graphs[0])
    )


@maker("which is not in it")
def function_of_another_model(plain, folder, proof):
    def change(content):
        function = content.meta_graphs[0].graph_def.library.function[0]
        node = function.node_def.add(name="other", op="PartitionedCall")
        node.attr["f"].func.name = "__inference_traced_save_1"

    return _changed(_saved_model(plain, folder), change)


@maker("asks for the device")
def another_machine(plain, folder, proof):
    def change(content):
        content.meta_graphs[0].graph_def.library.function[0].node_def[0].device = "/job:worker/task:1"

    return _changed(_saved_model(plain, folder), change)


@maker("constants declare")
def constant_of_a_terabyte(plain, folder, proof):
    def change(content):
        for function in content.meta_graphs[0].graph_def.library.function:
            node = function.node_def.add(name="large", op="Const")
            node.attr["dtype"].type = 1
            node.attr["value"].tensor.dtype = 1
            node.attr["value"].tensor.tensor_shape.dim.add(size=1 << 38)
            node.attr["value"].tensor.float_val.append(1.0)

    return _changed(_saved_model(plain, folder), change)


@maker("refused")
def fill_of_a_terabyte(plain, folder, proof):
    import tensorflow as tf

    return _graph(folder, lambda x: tf.reduce_sum(tf.fill([tf.shape(x)[0] * (1 << 30), 256], 1.0)))


@maker("that its size allows")
def loop_without_end(plain, folder, proof):
    import tensorflow as tf

    return _graph(folder, lambda x: tf.while_loop(lambda i: i < 1.0, lambda i: [i * 0.5], [tf.constant(0.0)])[0])


# ONNX and LiteRT


def _onnx(plain, folder, change: Callable) -> pathlib.Path:
    import onnx

    model = onnx.load(plain / "model.onnx")
    change(model, onnx)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder / "model.onnx"


@maker("are in another file")
def onnx_weights_in_another_file(plain, folder, proof):
    def change(model, onnx):
        tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in {"location": "../../../../../../etc/passwd", "offset": "0", "length": "256"}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value

    return _onnx(plain, folder, change)


@maker("no operator that is known here")
def onnx_operator_of_another_domain(plain, folder, proof):
    def change(model, onnx):
        model.graph.node[0].domain = "ai.onnx.contrib"

    return _onnx(plain, folder, change)


@maker("its tensors declare")
def onnx_tensor_of_a_terabyte(plain, folder, proof):
    def change(model, onnx):
        model.graph.initializer.add(name="large", data_type=1, dims=[1 << 38])

    return _onnx(plain, folder, change)


def _onnx_graph(folder, nodes: list, onnx, initializers=()) -> pathlib.Path:
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes, "g", [value("x", 1, ["batch", 4])], [value("y", 1, ["batch", 4])], list(initializers)
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder / "model.onnx"


@maker("model.onnx: ")
def onnx_that_fills_a_terabyte(plain, folder, proof):
    import onnx

    node, tensor = onnx.helper.make_node, onnx.helper.make_tensor
    nodes = [
        node("ConstantOfShape", ["s"], ["z"], value=tensor("v", 1, [1], [1.0])),
        node("ReduceSum", ["z"], ["r"], keepdims=0),
        node("Add", ["x", "r"], ["y"]),
    ]
    return _onnx_graph(folder, nodes, onnx, [tensor("s", 7, [1], [1 << 38])])


@maker("that its size allows")
def onnx_loop_without_end(plain, folder, proof):
    import onnx

    node, tensor, value = onnx.helper.make_node, onnx.helper.make_tensor, onnx.helper.make_tensor_value_info
    body = onnx.helper.make_graph(
        [node("Identity", ["c"], ["c2"]), node("Mul", ["v", "v"], ["v2"])],
        "body",
        [value("i", 7, []), value("c", 9, []), value("v", 1, None)],
        [value("c2", 9, []), value("v2", 1, None)],
    )
    nodes = [node("Loop", ["n", "t", "x"], ["y"], body=body)]
    return _onnx_graph(folder, nodes, onnx, [tensor("n", 7, [], [2**62]), tensor("t", 9, [], [True])])


def _litert(plain, folder, change: Callable) -> pathlib.Path:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs((plain / "model.tflite").read_bytes(), 0))
    change(model, schema)
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    (folder / "model.tflite").write_bytes(bytes(builder.Output()))
    return folder / "model.tflite"


@maker("are in another file")
def litert_weights_in_another_file(plain, folder, proof):
    def change(model, schema):
        group = schema.ExternalBufferGroupT()
        group.name = "../../../../../../etc/passwd"
        model.externalBufferGroups = [group]

    return _litert(plain, folder, change)


@maker("model.tflite: ")
def litert_tensor_of_a_terabyte(plain, folder, proof):
    def change(model, schema):
        graph = model.subgraphs[0]
        for tensor in graph.tensors:
            if not len(model.buffers[tensor.buffer].data if model.buffers[tensor.buffer].data is not None else []):
                tensor.shape = np.array([1, 1 << 30, 256], "int32")
                tensor.shapeSignature = None

    return _litert(plain, folder, change)


@maker("model.tflite: ")
def litert_with_wild_offsets(plain, folder, proof):
    content = bytearray((plain / "model.tflite").read_bytes())
    struct.pack_into("<I", content, 0, 0x7FFFFFF0)
    (folder / "model.tflite").write_bytes(content)
    return folder / "model.tflite"


@maker("model.tflite: ")
def litert_operator_that_is_not_there(plain, folder, proof):
    def change(model, schema):
        model.operatorCodes[0].customCode = "FlexReadFile"
        model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = 32

    return _litert(plain, folder, change)


def _clean(proof: pathlib.Path) -> None:
    for file in proof.parent.glob(f"{proof.name}*"):
        file.unlink()
