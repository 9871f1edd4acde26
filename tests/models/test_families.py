"""The families of picture classifiers: the papers' own networks by their published sizes, and what they refuse."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zoo
from zoo.errors import ZooError
from zoo.keras_hooks import without_memory
from zoo.models.inception import GOOGLENET

IMAGENET = {"input_shape": (224, 224, 3), "num_classes": 1000}
RESNET_50 = {
    "depths": (3, 4, 6, 3), "filters": (64, 128, 256, 512), "block": "bottleneck", "stem": "large",
    "pre_activation": False,
}  # fmt: skip
VIT_B16 = {
    "patch_size": 16, "tokenizer_filters": (), "hidden_size": 768, "num_layers": 12, "num_heads": 12, "mlp_size": 3072,
    "pooling": "class_token", "dropout": 0.1,
}  # fmt: skip
VGG_16 = {
    "stages": ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3), "hidden_units": (4096, 4096),
    "batch_normalization": False,
}  # fmt: skip
ALEXNET = {
    "input_shape": (227, 227, 3), "filters": (96, 256, 384, 384, 256), "kernel_sizes": (11, 5, 3, 3, 3),
    "stem_stride": 4, "hidden_units": (4096, 4096),
}  # fmt: skip
INCEPTION = {"stages": GOOGLENET, "stem": "large", "stem_filters": (64, 192), "batch_normalization": False}
CIFAR_10 = {"input_shape": (32, 32, 3), "num_classes": 10}


def built(name, **options):
    with without_memory():
        return zoo.create_model(name, **options)


@pytest.mark.parametrize(
    ("name", "options", "published"),
    [
        ("fashion_mnist_alexnet", ALEXNET, 62_378_344),  # Krizhevsky et al. (2012), in one column
        ("fashion_mnist_vgg", VGG_16, 138_357_544),  # Simonyan & Zisserman (2015), configuration D
        ("fashion_mnist_inception", INCEPTION, 6_998_552),  # Szegedy et al. (2015), table 1, with biases, one head
        ("fashion_mnist_resnet", RESNET_50, 25_557_032),  # He et al. (2016)
        ("fashion_mnist_resnet", RESNET_50 | {"depths": (2, 2, 2, 2), "block": "basic"}, 11_689_512),  # ResNet-18
        ("fashion_mnist_wide_resnet", CIFAR_10 | {"depths": (4, 4, 4), "width": 10}, 36_479_194),  # WRN-28-10
        ("fashion_mnist_vit", VIT_B16, 86_567_656),  # Dosovitskiy et al. (2021), ViT-B/16
    ],
)
def test_the_papers_own_network_has_the_published_size(name, options, published):
    model = built(name, **IMAGENET | options)
    assert sum(variable.shape.num_elements() for variable in model.trainable_variables) == published


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("fashion_mnist_alexnet", {"input_shape": (14, 14, 1)}, "15 pixels"),
        (
            "fashion_mnist_alexnet",
            {"input_shape": (66, 90, 3), "kernel_sizes": (11, 5, 3, 3, 3), "stem_stride": 4},
            "67 pixels",
        ),
        ("fashion_mnist_alexnet", {"filters": (8, 8)}, "five of each"),
        ("fashion_mnist_alexnet", {"stem_stride": 0}, "1 or more"),
        ("fashion_mnist_vgg", {"input_shape": (7, 28, 1)}, "2 stages or fewer"),
        ("fashion_mnist_vgg", {"stages": ((8,), ())}, "one or more convolutions"),
        ("fashion_mnist_inception", {"input_shape": (3, 3, 3)}, "4 pixels"),
        ("fashion_mnist_inception", {"stages": (((8, 8, 8),),)}, "six numbers"),
        ("fashion_mnist_resnet", {"input_shape": (3, 9, 1)}, "4 pixels"),
        ("fashion_mnist_resnet", {"stem": "huge"}, "small or large"),
        ("fashion_mnist_resnet", {"depths": (1, 1)}, "as many of both"),
        ("fashion_mnist_resnet", {"width": 0.01}, "no filters"),
        ("fashion_mnist_resnet", {"depths": 50}, "option depths: it should be a list (given: 50)"),
        ("fashion_mnist_resnet", {"depths": (1, 0, 1)}, "1 or more"),
        ("fashion_mnist_vgg", {"stages": ((8, "x"),)}, "option stages.0.1: it should be a valid integer (given: 'x')"),
        ("mnist_mlp", {"dropout": True}, "option dropout: it should be a valid number"),
        ("fashion_mnist_vit", {"num_heads": 3}, "2 do"),
        ("fashion_mnist_vit", {"tokenizer_filters": (), "patch_size": 5}, "the nearest that does is 4"),
        ("fashion_mnist_vit", {"tokenizer_filters": (8,)}, "128"),
        ("fashion_mnist_vit", {"num_layers": -1}, "num_layers"),
    ],
)
def test_what_cannot_be_built_is_one_line_with_the_nearest_that_can(name, options, told):
    with pytest.raises(ZooError, match=re.escape(told)) as refusal:
        built(name, **options)
    assert "\n" not in str(refusal.value)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(["alexnet", "vgg", "inception", "resnet", "wide_resnet", "vit"]),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3])),
)
def test_pictures_of_any_size_are_read_or_refused_in_words_of_ours(name, shape):
    """Keras's own message for a layer of size 0 speaks of strides and axes."""
    try:
        model = built(f"fashion_mnist_{name}", input_shape=shape, num_classes=3)
    except ZooError as error:
        assert "too small" in str(error) and f"{shape[0]}×{shape[1]}" in str(error)
    else:
        assert model.input_shape == (None, *shape) and model.output_shape == (None, 3)


@pytest.mark.parametrize(("name", "blocks"), [("fashion_mnist_resnet", 5), ("fashion_mnist_vit", 2)])
def test_drop_path_leaves_out_whole_branches_the_last_most(name, blocks):
    """A branch of the ResNet, or two of a block of the transformer; the first block always stays."""
    options = {"depths": (2, 2, 2)} if name.endswith("resnet") else {"num_layers": 2}
    layers = [layer for layer in built(name, drop_path=0.4, **options).layers if type(layer).__name__ == "Dropout"]
    rates = [layer.rate for layer in layers]
    assert len(layers) == blocks and rates == sorted(rates) and rates[-1] == 0.4 and rates[0] > 0
    assert all(layer.noise_shape == (None, *[1] * (len(layer.output.shape) - 1)) for layer in layers)
