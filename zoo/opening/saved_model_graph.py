"""Judges the graph of a SavedModel, which is a program, before TensorFlow loads anything of it."""

import math
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from zoo.errors import ZooError
from zoo.opening.archive import most_unfolded
from zoo.opening.operations import COMPUTE, SAVER, TABLE_FROM_FILE

_HERE = re.compile(r"(/job:localhost)?(/replica:0)?(/task:0)?(/device:[CG]PU:[\d*]+)?")
_REGISTERED = {"", "tf.StaticHashTable", "tf.TrackableConstant"}
_USER_OBJECTS = {"_generic_user_object", "signature_map", "trackable_dict_wrapper", "trackable_list_wrapper",
                 "trackable_tuple_wrapper"}  # fmt: skip


def judge_saved_model(path: pathlib.Path) -> set[str]:
    """Judge all functions of a SavedModel.

    Args:
        path: its folder.

    Returns:
        The names of all operations in it.

    Raises:
        ZooError: it is damaged, or holds an operation, a function or a file name by which it could reach outside.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel()
    try:
        content.ParseFromString((path / "saved_model.pb").read_bytes())
    except (DecodeError, OSError) as error:
        raise ZooError(f"{path}: its saved_model.pb is damaged ({error}); copy or export it again") from None
    if len(content.meta_graphs) != 1 or not content.meta_graphs[0].HasField("object_graph_def"):
        raise ZooError(f"{path}: not a SavedModel of TensorFlow 2 with one graph; export it again")
    return _Judge(path, content.meta_graphs[0]).judge()


class _Judge:
    def __init__(self, path: pathlib.Path, graph):
        self.path, self.objects, self.assets = path, graph.object_graph_def, graph.asset_file_def
        self.functions = {function.signature.name: function for function in graph.graph_def.library.function}
        self.nodes = {"": graph.graph_def.node} | {name: f.node_def for name, f in self.functions.items()}
        gradients = graph.graph_def.library.gradient
        self.gradients = {gradient.function_name: gradient.gradient_func for gradient in gradients}
        named = {graph.saver_def.save_tensor_name.split(":")[0], graph.saver_def.restore_op_name}
        self.saver_calls = [node for node in graph.graph_def.node if node.name in named]

    def judge(self) -> set[str]:
        if len(self.functions) != len(self.nodes) - 1 or "" in self.functions:
            raise self._refused("two of its functions have one name, or none")
        operations = {node.op for nodes in self.nodes.values() for node in nodes} - set(self.functions)
        for operation in sorted(operations - COMPUTE - SAVER):
            raise self._refused(f"its graph holds {_shown(operation)}, which would reach outside the model")
        self._refuse_devices()
        self._refuse_large_constants()
        self._refuse_objects()
        self._refuse_saving()
        self._refuse_assets()
        for name, nodes in self.nodes.items():
            for node in nodes:
                if node.op == TABLE_FROM_FILE and not self._from_asset(name, (list(node.input) + ["", ""])[1], set()):
                    raise self._refused("a table of it is filled from a file that is not one of its assets")
        return operations

    def _refuse_devices(self) -> None:
        for nodes in self.nodes.values():
            for node in nodes:
                if not _HERE.fullmatch(node.device):
                    raise self._refused(f"its graph asks for the device {_shown(node.device)}")

    def _refuse_large_constants(self) -> None:
        """A constant may declare a huge shape and store one value for all of it."""
        from tensorflow.core.framework import tensor_pb2

        declared, most = 0, most_unfolded(self.path / "saved_model.pb")
        for nodes in self.nodes.values():
            for message in _messages(nodes):
                if isinstance(message, tensor_pb2.TensorProto):
                    sizes = [size.size for size in message.tensor_shape.dim]
                    if min(sizes, default=0) < 0 or message.tensor_shape.unknown_rank:
                        raise self._refused("a constant of it has no size")
                    declared += math.prod(sizes) * 8
                    if declared > most:
                        raise self._refused(f"its constants declare {declared:,} bytes; its size allows {most:,}")

    def _refuse_objects(self) -> None:
        for node in self.objects.nodes:
            kind = node.WhichOneof("kind")
            identifier = node.user_object.identifier if kind == "user_object" else ""
            if node.registered_name not in _REGISTERED or node.registered_saver or (
                identifier and identifier not in _USER_OBJECTS and not identifier.startswith("_tf_keras_")
            ):  # fmt: skip
                name = node.registered_name or node.registered_saver or identifier
                raise self._refused(f"it holds an object {_shown(name)}, which is not known here")

    def _refuse_saving(self) -> None:
        """The saver's own functions are not run by loading or predicting, and nothing else may reach them."""
        calls = {name: set(self._called(name)) for name in self.nodes}
        for name, called in calls.items():
            if missing := called - set(self.functions):
                raise self._refused(f"{_shown(name)} calls the function {_shown(min(missing))}, which is not in it")
        saver = set(_functions_of(self.saver_calls)) & set(self.functions)
        saving = {name for name, nodes in self.nodes.items() if any(node.op in SAVER for node in nodes)}
        while more := {name for name, called in calls.items() if name and called & saving} - saving:
            saving |= more
        inside = _closure(saver, calls)
        others = [node for node in self.nodes[""] if node not in self.saver_calls]
        named = set(_functions_of(others)) | {node.op for node in others} | set(self.objects.concrete_functions)
        for node in self.objects.nodes:
            named |= {*node.function.concrete_functions, node.bare_concrete_function.concrete_function_name}
        for name in calls.keys() - inside - {""}:
            named |= calls[name]
        if "" in saving or saving - inside or saving & named:
            raise self._refused("it holds SaveV2 or RestoreV2 outside of its saver, which would write or read files")

    def _refuse_assets(self) -> None:
        folder = (self.path / "assets").resolve()
        for asset in self.assets:
            file = (folder / asset.filename).resolve() if "\0" not in asset.filename else folder
            if not file.is_relative_to(folder) or not file.is_file():
                raise self._refused(f"its asset {_shown(asset.filename)} is no file in its folder assets")

    def _from_asset(self, function: str, argument: str, seen: set[tuple[str, str]]) -> bool:
        """Whether an argument of a function can be nothing but the name of an asset of the model."""
        if function == "" or (function, argument) in seen:  # the main graph is never run, functions are
            return function == ""
        arguments = [given.name for given in self.functions[function].signature.input_arg]
        if argument not in arguments:
            return False
        place = arguments.index(argument)
        seen = seen | {(function, argument)}
        for name, nodes in self.nodes.items():
            for node in nodes:
                if function in _functions_of([node]) or node.op == function:
                    plain = node.op in ("PartitionedCall", "StatefulPartitionedCall", function)
                    if not plain or not self._from_asset(name, (list(node.input) + [""] * (place + 1))[place], seen):
                        return False
        if function in self.objects.concrete_functions:
            captured = self.objects.concrete_functions[function].bound_inputs
            number = place - (len(arguments) - len(captured))
            if number < 0 or not 0 <= captured[number] < len(self.objects.nodes):
                return False
            return self.objects.nodes[captured[number]].WhichOneof("kind") == "asset"
        return True

    def _called(self, name: str) -> Iterator[str]:
        yield from _functions_of(self.nodes[name])
        yield from (node.op for node in self.nodes[name] if node.op not in COMPUTE | SAVER)
        if name in self.gradients:
            yield self.gradients[name]

    def _refused(self, reason: str) -> ZooError:
        return ZooError(f"{self.path}: refused, {reason}")


def _functions_of(nodes: Iterable) -> Iterator[str]:
    """Names of the functions in the attributes of nodes."""
    from tensorflow.core.framework import attr_value_pb2

    for message in _messages(nodes):
        if isinstance(message, attr_value_pb2.NameAttrList) and message.name:
            yield message.name


def _messages(nodes: Iterable) -> Iterator[Any]:
    """Every message inside the nodes' attributes, at any depth."""
    waiting = [value for node in nodes for value in node.attr.values()]
    while waiting:
        message = waiting.pop()
        yield message
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            if field.message_type.GetOptions().map_entry:
                waiting += value.values()
            else:
                waiting += [value] if hasattr(value, "ListFields") else list(value)


def _closure(names: set[str], calls: dict[str, set[str]]) -> set[str]:
    reached, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += calls[name]
    return reached


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in text)[:80]
