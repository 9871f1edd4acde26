"""Corruptions: what severity 0 and a seed promise, each against a case by hand, and on a model that was trained."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from zoo.datasets.texts import as_array
from zoo.evaluation import corruptions
from zoo.evaluation.corruptions import IMAGE_CORRUPTIONS, SEVERITIES, TEXT_CORRUPTIONS, corrupt

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 20, 24, 3), np.uint8)
TEXTS = as_array(["Shares fell after the vote in Paris.", "a", "", "评 酒店 很好", "Straße 𝒳 und mehr Wörter " * 20])
ALL = [(IMAGES, name) for name in IMAGE_CORRUPTIONS] + [(TEXTS, name) for name in TEXT_CORRUPTIONS]


@pytest.mark.parametrize(("features", "name"), ALL)
def test_severity_0_is_identity_and_a_seed_decides_the_rest(features, name):
    before = features.copy()
    assert (corrupt(features, name, 0) == features).all()
    for severity in SEVERITIES:
        changed = corrupt(features, name, severity, seed=1)
        assert changed.shape == features.shape and changed.dtype == features.dtype
        assert (corrupt(features, name, severity, seed=1) == changed).all()
        assert (changed != features).any()
    if name not in ("blur", "contrast", "truncation"):  # which draw nothing
        assert (corrupt(features, name, 3, seed=2) != corrupt(features, name, 3, seed=1)).any()
    assert (features == before).all()
    with pytest.raises(ValueError, match="severity 6"):
        corrupt(features, name, 6)


@pytest.mark.parametrize("name", IMAGE_CORRUPTIONS)
def test_a_picture_goes_further_from_itself_with_severity(name):
    smooth = np.zeros((40, 28, 28, 1), np.uint8)
    smooth[:, 8:20, 12:16] = 200
    distances = [np.abs(corrupt(smooth, name, s, seed=3).astype(float) - smooth).mean() for s in (0, *SEVERITIES)]
    assert distances[0] == 0 and (np.diff(distances) > 0).all()


def test_a_quarter_turn_and_a_shift_by_whole_pixels_are_numpys():
    image = IMAGES[:1, :20, :20]
    turned = corruptions._moved(image, np.array([np.pi / 2]), np.zeros(1), np.zeros(1))
    assert any((turned == np.rot90(image, turns, axes=(1, 2))).all() for turns in (1, 3))
    shifted = corruptions._moved(image, np.zeros(1), np.array([2.0]), np.array([-3.0]))
    assert (shifted[:, 2:, :-3] == image[:, :-2, 3:]).all()
    assert not shifted[:, :2].any() and not shifted[:, :, -3:].any()


def test_an_occlusion_is_one_grey_rectangle_of_its_size():
    black = np.zeros((50, 20, 10, 1), np.uint8)
    hidden = corrupt(black, "occlusion", 4)[..., 0]
    assert set(np.unique(hidden)) == {0, 128}
    assert ((hidden == 128).sum(axis=(1, 2)) == 10 * 5).all()
    assert len({image.tobytes() for image in hidden}) > 10


def test_texts_keep_their_spaces_under_typos_and_their_letters_under_case():
    text = as_array(["The quick brown fox jumps over the lazy dog. " * 50])
    changed = corrupt(text, "typos", 1)[0]
    assert abs(changed.count(" ") - text[0].count(" ")) <= 0.1 * text[0].count(" ")
    wrong = sum(a != b for a, b in zip(changed.split(), text[0].split(), strict=False)) / len(text[0].split())
    assert 0 < wrong < 0.3
    cased = corrupt(text, "case", 5)[0]
    assert cased == text[0].swapcase()
    assert corrupt(text, "case", 2)[0].lower() == text[0].lower()
    assert corrupt(text, "truncation", 2)[0] == text[0][: len(text[0]) // 2]


@hypothesis.given(strategies.text(), strategies.sampled_from(sorted(TEXT_CORRUPTIONS)), strategies.integers(0, 5))
def test_any_text_can_be_corrupted(text, name, severity):
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    changed = corrupt(as_array([text]), name, severity)[0]
    assert isinstance(changed, str)
    changed.encode()
