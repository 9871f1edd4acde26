import csv
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loaded import named
from PIL import Image

from zoo.errors import ZooError
from zoo.evaluation import predict as module
from zoo.evaluation.predict import open_model, predict, predictions_table, read_inputs, write_predictions
from zoo.loading import LoadedModel

FEATURES = ["length", "width", "height"]


def image_model(height=8, width=8, channels=1):
    """A model as the readers see it: nothing but its input shape."""
    keras_model = SimpleNamespace(input_shape=(None, height, width, channels))
    return named(keras_model, "image", path="model.keras")


def table_model(feature_names=FEATURES):
    keras_model = SimpleNamespace(input_shape=(None, 3))
    return named(keras_model, "table", feature_names=feature_names)


def random_pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def test_png_and_npy_come_back_bit_for_bit(tmp_path, capsys):
    grey, batch = random_pixels(8, 8), random_pixels(2, 8, 8, 1, seed=1)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.save(tmp_path / "one.npy", grey)
    np.save(tmp_path / "batch.npy", batch)
    names, features = read_inputs([tmp_path / "grey.png", tmp_path / "one.npy", tmp_path / "batch.npy"], image_model())
    assert [name.rsplit("/")[-1] for name in names] == ["grey.png", "one.npy", "batch.npy[0]", "batch.npy[1]"]
    assert features.dtype == np.uint8 and features.shape == (4, 8, 8, 1)
    np.testing.assert_array_equal(features[..., 0], [grey, grey, batch[0, ..., 0], batch[1, ..., 0]])
    assert capsys.readouterr().err == ""


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([(8, 8), (8, 8, 1), (8, 8, 3), (8, 8, 4), (3, 8, 8), (2, 8, 8, 3), (5, 9, 1), (1, 1)]))
def test_every_image_shape_ends_in_the_models(tmp_path_factory, shape):
    file = tmp_path_factory.mktemp("npy") / "x.npy"
    np.save(file, random_pixels(*shape))
    for channels in (1, 3):
        names, features = read_inputs([file], image_model(channels=channels))
        assert features.shape == (len(names), 8, 8, channels)
        assert len(names) == (shape[0] if len(shape) == 4 or shape == (3, 8, 8) else 1)


def test_colour_is_kept_in_order(tmp_path):
    pixels = random_pixels(8, 6, 3)
    Image.fromarray(pixels).save(tmp_path / "colour.png")
    _, features = read_inputs([tmp_path / "colour.png"], image_model(8, 6, 3))
    np.testing.assert_array_equal(features[0], pixels)


@pytest.mark.parametrize(
    ("dtype", "scale", "notice"),
    [("float32", 1 / 255, "0 to 1:"), ("float64", 1, "0 to 255"), ("float16", 1 / 255, "0 to 1:"), ("int64", 1, "")],
)
def test_npy_of_other_numbers(tmp_path, capsys, dtype, scale, notice):
    pixels = random_pixels(8, 8)
    np.save(tmp_path / "x.npy", (pixels * scale).astype(dtype))
    _, features = read_inputs([tmp_path / "x.npy"], image_model())
    assert np.abs(features[0, ..., 0].astype(int) - pixels).max() <= (1 if dtype == "float16" else 0)
    error = capsys.readouterr().err
    assert (notice in error and error.count("\n") == 1) if notice else error == ""


def test_conversions_are_noticed_once_a_kind(tmp_path, capsys):
    for index in range(3):
        Image.fromarray(random_pixels(20, 10, 3)).save(tmp_path / f"{index}.png")
    _, features = read_inputs([tmp_path], image_model())
    assert features.shape == (3, 8, 8, 1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("notice: ") and line.endswith("0.png and 2 more") for line in lines)
    assert "colour turned into grey" in lines[0] and "resized to 8x8" in lines[1]


def test_alpha_is_flattened_on_white(tmp_path, capsys):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:4, :, 3] = 255  # the upper half is opaque black, the lower half is transparent
    Image.fromarray(pixels).save(tmp_path / "alpha.png")
    _, features = read_inputs([tmp_path / "alpha.png"], image_model())
    assert (features[0, :4] == 0).all() and (features[0, 4:] == 255).all()
    assert "alpha flattened on white" in capsys.readouterr().err


def test_opaque_alpha_is_no_news(tmp_path, capsys):
    pixels = random_pixels(8, 8, 4)
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(tmp_path / "opaque.png")
    _, features = read_inputs([tmp_path / "opaque.png"], image_model(channels=3))
    np.testing.assert_array_equal(features[0], pixels[..., :3])
    assert capsys.readouterr().err == ""


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    pixels = random_pixels(8, 8)
    Image.fromarray(pixels.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    _, features = read_inputs([tmp_path / "deep.png"], image_model())
    np.testing.assert_array_equal(features[0, ..., 0], pixels)


def test_photographs_are_turned_upright(tmp_path):
    picture = Image.new("L", (8, 8), 0)
    picture.paste(255, (0, 0, 4, 8))  # left half white
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter, clockwise: the left half becomes the upper
    picture.save(tmp_path / "photo.jpg", exif=exif, quality=95)
    _, features = read_inputs([tmp_path / "photo.jpg"], image_model())
    assert features[0, 0].min() > 200 and features[0, -1].max() < 50


def test_folders_are_read_to_the_bottom_sorted_and_only_images(tmp_path):
    for name in ("b.png", "a.JPG", "deep/c.jpeg", ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(random_pixels(8, 8)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    names, _ = read_inputs([tmp_path], image_model())
    assert names == [str(tmp_path / name) for name in ("a.JPG", "b.png", "deep/c.jpeg")]


def test_a_model_of_any_size_refuses_a_mixture(tmp_path):
    Image.fromarray(random_pixels(8, 8)).save(tmp_path / "a.png")
    assert read_inputs([tmp_path], image_model(None, None))[1].shape == (1, 8, 8, 1)
    Image.fromarray(random_pixels(9, 8)).save(tmp_path / "b.png")
    with pytest.raises(ZooError, match=r"b\.png: another size than .*a\.png"):
        read_inputs([tmp_path], image_model(None, None))


def write_png(path):
    Image.fromarray(random_pixels(64, 64)).save(path)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD_IMAGES = {
    "missing.png": (None, "no such file or folder"),
    "empty": (lambda path: path.mkdir(), "no pictures or .npy files in this folder"),
    "picture.gif": (lambda path: path.write_bytes(b"GIF89a"), "unreadable image"),
    "bare": (lambda path: path.write_bytes(b"x"), "files without an ending"),
    "picture.svg": (lambda path: path.write_text("<svg/>"), r"reads pictures or .*not '\.svg'"),
    "text.png": (lambda path: path.write_text("hello"), r"unreadable image \(not a PNG or JPEG or .*WEBP\)"),
    "nothing.png": (lambda path: path.write_bytes(b""), "unreadable image"),
    "cut.png": (lambda path: (write_png(path), truncate(path)), "unreadable image"),
    "cut.npy": (lambda path: (np.save(path, random_pixels(8, 8)), truncate(path)), "no npy file of numbers"),
    "text.npy": (lambda path: path.write_text("hello"), "no npy file of numbers"),
    "pickle.npy": (lambda path: path.write_bytes(pickle.dumps([1])), "no npy file of numbers"),
    "object.npy": (lambda path: np.save(path, np.array([{}]), allow_pickle=True), "no npy file of numbers .*pickled"),
    "zip.npy": (lambda path: np.savez(path.open("wb"), a=np.zeros(3)), "no npy file of numbers"),
    "row.npy": (lambda path: np.save(path, np.zeros(784)), r"shape \(784,\) is no image"),
    "five.npy": (lambda path: np.save(path, np.zeros((2, 8, 8, 5))), r"shape \(2, 8, 8, 5\) is no image"),
    "none.npy": (lambda path: np.save(path, np.zeros((0, 8, 8))), r"shape \(0, 8, 8\) is no image"),
    "complex.npy": (lambda path: np.save(path, np.zeros((8, 8), complex)), "dtype complex128"),
    "words.npy": (lambda path: np.save(path, np.full((8, 8), "a")), "dtype <U1"),
    "nan.npy": (lambda path: np.save(path, np.full((8, 8), np.nan)), "NaN or infinity"),
    "infinite.npy": (lambda path: np.save(path, np.full((8, 8), np.inf)), "NaN or infinity"),
    "minus.npy": (lambda path: np.save(path, np.full((8, 8), -0.5)), "values from -0.5 to -0.5"),
    "much.npy": (lambda path: np.save(path, np.full((8, 8), 256)), "values from 256 to 256"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_images_get_one_line_that_names_the_file(tmp_path, name):
    make, message = BAD_IMAGES[name]
    if make:
        make(tmp_path / name)
    with pytest.raises(ZooError, match=message) as caught:
        read_inputs([tmp_path / name], image_model())
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(caught.value)


def test_table_columns_are_found_by_name(tmp_path, capsys):
    file = tmp_path / "x.csv"
    file.write_text("\ufeffspecies, height,length,width\na,3,1,2\n\nb,6e0,4,-5\n", encoding="utf-8")
    names, features = read_inputs([file], table_model())
    assert names == [f"{file}:2", f"{file}:4"]
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, [[1, 2, 3], [4, -5, 6]])
    assert capsys.readouterr().err == f"notice: {file}: columns ignored: species\n"


def test_table_without_known_names_goes_by_position(tmp_path, capsys):
    file = tmp_path / "x.csv"
    file.write_text("p,q,r\n1,2,3\n")
    np.testing.assert_array_equal(read_inputs([file], table_model(None))[1], [[1, 2, 3]])
    assert capsys.readouterr().err == ""
    file.write_text("p,q,r,s\n1,2,3,4\n")
    with pytest.raises(ZooError, match="4 columns, but the model reads 3"):
        read_inputs([file], table_model(None))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": no rows under the header"),
        ("length,width,height\n", ": no rows below the header"),
        ("length,widht,height\n1,2,3\n", ": no column 'width', .*did you mean widht"),
        ("length,width,height,width\n1,2,3,4\n", ": column 'width' occurs twice"),
        ("length,width,height\n1,2,3\n1,wide,3\n", ":3: column 'width': 'wide' is not a finite number"),
        ("length,width,height\n1,,3\n", ":2: column 'width': '' is not a finite number"),
        ("length,width,height\n1,2,nan\n", ":2: column 'height': 'nan' is not a finite number"),
        ("length,width,height\n1e39,2,3\n", ":2: column 'length': '1e39' is not a finite number"),
        ("length,width,height\n1,2\n", ":2: 2 values, but the header has 3 columns"),
        ("length,width,height\n\xff,2,3\n", ": cannot be read as a UTF-8 table"),
    ],
)
def test_bad_tables_say_file_line_and_column(tmp_path, content, message):
    file = tmp_path / "x.csv"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(ZooError, match=message) as caught:
        read_inputs([file], table_model())
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_every_float32_survives_a_table(tmp_path_factory):
    file = tmp_path_factory.mktemp("csv") / "x.csv"

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.tuples(*[st.floats(width=32, allow_nan=False, allow_infinity=False)] * 3), min_size=1))
    def check(rows):
        with file.open("w", newline="") as opened:
            csv.writer(opened).writerows([FEATURES, *rows])
        np.testing.assert_array_equal(read_inputs([file], table_model())[1], np.float32(rows))

    check()


def test_nothing_to_read_and_unknown_tasks():
    with pytest.raises(ZooError, match="--input"):
        read_inputs([], image_model())
    sound = named(None, "sound")
    with pytest.raises(ZooError, match=r"m\.keras: nothing here reads 'sound'"):
        read_inputs(["x.wav"], sound)
    assert {"image", "table"} <= set(module.READERS)


class Constant(LoadedModel):
    def answers(self, features):
        return np.tile(np.float32(self.model), (len(features), 1))


def test_predictions_come_most_probable_first(tmp_path):
    model = named([0.2, 0.7, 0.1], "image", ["cat", "dog", "eel"], kind=Constant)
    predictions = predict(model, ["x.png", "y.png"], np.zeros((2, 8, 8, 1), np.uint8))
    assert [prediction["name"] for prediction in predictions] == ["x.png", "y.png"]
    assert predictions[0]["label"] == "dog"
    assert predictions[0]["probability"] == pytest.approx(0.7)
    assert list(predictions[0]["probabilities"]) == ["dog", "cat", "eel"]
    lines = predictions_table(model.task, predictions, top=2).splitlines()
    assert lines[0].split() == ["file", "label", "probability", "next"]
    assert lines[1].split() == ["x.png", "dog", "0.7000", "cat", "0.2000"]
    assert predictions_table(model.task, predictions, top=1).splitlines()[2].split() == ["y.png", "dog", "0.7000"]
    write_predictions(model.task, predictions, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["x.png", "y.png"]
    assert float(rows[1]["probability_cat"]) == pytest.approx(0.2)
    with pytest.raises(ZooError, match="cannot be written"):
        write_predictions(model.task, predictions, tmp_path / "missing" / "out.csv")


def test_a_diverged_model_is_said():
    model = named([np.nan, np.nan], "image", ["cat", "dog"], kind=Constant)
    with pytest.raises(ZooError, match=r"x\.png: .*not finite"):
        predict(model, ["x.png"], np.zeros((1, 8, 8, 1)))


def test_exactly_one_model_is_named(tmp_path):
    with pytest.raises(ZooError, match="neither of --run and --model_file"):
        open_model(None, None)
    with pytest.raises(ZooError, match="both of --run and --model_file"):
        open_model("runs/a", "model.keras")
    with pytest.raises(ZooError, match="no such"):
        open_model(tmp_path / "missing", None)
    with pytest.raises(ZooError, match="not a run"):
        open_model(tmp_path, None)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ZooError, match=r"no model\.keras"):
        open_model(tmp_path, None)
    with pytest.raises(ZooError, match="no such"):
        open_model(None, tmp_path / "missing.keras")
