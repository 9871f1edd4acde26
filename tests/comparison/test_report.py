"""The HTML report: what a reader sees in a browser, and what it says where something is missing."""

import json
import os
import pathlib
import re
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from zoo import datasets
from zoo.comparison import report, table
from zoo.errors import ZooError
from zoo.measures.classes import classification_results
from zoo.runs import Run

EVIL = "<img src=http://evil.invalid onerror=alert(1)>"
EVIL_LABEL = "<b onclick=alert(2)>cat & co"
MODELS = ["mnist_cnn", EVIL, "net_" * 40 + "ends", "plain"]
LABELS = [EVIL_LABEL, "dog", "owl"]
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


def write_run(folder, model, seed, ids, labels, label_names, skill, section, digest):
    """A run whose model knows the share `skill` of the rows."""
    generator = np.random.default_rng([seed, len(model), int(100 * skill)])
    logits = generator.normal(size=(len(labels), len(label_names)))
    right = generator.random(len(labels)) < skill
    logits[np.arange(len(labels)), np.where(right, labels, (labels + 1) % len(label_names))] += 4
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    run = Run(folder / re.sub(r"\W", "", model) / f"20260101-0000{seed:02}-abcdef")
    run.path.mkdir(parents=True)
    run.write_json(
        "run.json",
        {"status": "finished", "model": model, "dataset": section["name"], "seed": seed, "data_digest": digest,
         "parameters": 1000 * len(model), "wall_seconds": 2.0 + 10 * skill, "peak_memory_mib": 100, "device": "CPU",
         "command": f"train --model={model}"},
    )  # fmt: skip
    run.write_json("labels.json", {"label_names": list(label_names)})
    results = classification_results(probabilities, labels, label_names)
    run.write_json("results.json", {"validation": results, "test": results})
    config = {"model": {"name": model}, "dataset": section, "training": {"seed": seed}}
    run.write_text("config.yaml", json.dumps(config))
    rows = [f"{epoch},{1 - 0.5**epoch},{0.5**epoch},{1 - 0.6**epoch},{0.6**epoch}" for epoch in range(1, 9)]
    run.write_text("history.csv", "\n".join(["epoch,accuracy,loss,validation_accuracy,validation_loss", *rows]))
    np.savez_compressed(run.path / "predictions.npz", ids=ids, labels=labels, probabilities=probabilities)
    return run


def write_runs(folder, dataset, section, models=MODELS, seeds=2):
    for number, model in enumerate(models):
        for seed in range(seeds):
            skill = 0.95 - 0.6 * number / len(models)
            test, names = dataset.test, dataset.info.label_names
            write_run(folder, model, seed, test.ids, test.targets, names, skill, section, dataset.digest)


def look_into(run):
    """What `evaluate.py --importance --slice_by` leaves in a run, with names that mean harm."""
    figure = {"value": 0.25, "interval": [0.2, 0.3], "n": 40, "p": 0.001}
    groups = [
        {"slice": name, "n": 60, "few": False, "accuracy": 0.8, "interval": [0.7, 0.9], "p": 0.4,
         "selection_rate": figure}
        for name in (EVIL, "others")
    ]  # fmt: skip
    column = {"task": "classification", "by": "</td>sex", "n": 120, "selected": "owl", "tests": 4, "slices": groups}
    run.write_json("slices.json", {"split": "test", "data_digest": "", "columns": [column]})
    drops = [{"column": EVIL, "drop": 0.2, "interval": [0.1, 0.3]}, {"column": "b", "drop": 0.0, "interval": [-1, 1]}]
    run.write_json(
        "importance.json",
        {"task": "classification", "metric": "accuracy", "value": 0.9, "rows": 120, "repeats": 5, "columns": drops},
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """600 pictures of three classes, one of them with HTML in its name, and the section of a config that names them."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for name in LABELS:
        (folder / name).mkdir()
        for number in range(200):
            Image.fromarray(generator.integers(0, 255, (8, 8, 3), "uint8")).save(folder / name / f"{number}.png")
    section = {"name": "image_folder", "data_dir": str(folder), "image_shape": [8, 8, 3]}
    return datasets.load(**section), section


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "letters.csv"
    labels = ["ham", "spam"] * 200
    lines = [f"<script>alert({number})</script> letter {number},{label}" for number, label in enumerate(labels)]
    path.write_text("\n".join(["text,label", *lines]))
    section = {"name": "csv", "data_dir": str(path)}
    return datasets.load(**section), section


@pytest.fixture(scope="module")
def page(tmp_path_factory, fork_server, pictures, texts):
    """The report of runs on pictures and texts, as the script writes it."""
    folder = tmp_path_factory.mktemp("report")
    write_runs(folder / "runs", *pictures)
    write_runs(folder / "runs", *texts, models=["linear_text", EVIL + "2"], seeds=1)
    look_into(Run(next((folder / "runs" / "mnist_cnn").iterdir())))
    (folder / "runs" / "unfinished" / "1").mkdir(parents=True)
    (folder / "runs" / "unfinished" / "1" / "run.json").write_text('{"status": "<i>running</i>"}')
    script = pathlib.Path(__file__).parents[2] / "scripts" / "compare.py"
    process = fork_server.run(
        [sys.executable, str(script), "--format=html", "--output=report.html"],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(script.parents[1])}, timeout=300,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert process.stdout == "report.html: 10 runs\n"
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(page, tmp_path_factory):
    if not (BROWSER and DRIVER):
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


DRAW_ALL = """
const done = arguments[arguments.length - 1];
const drawn = () => [...document.querySelectorAll("figure.chart")].every((figure) => views.has(figure))
  ? done() : setTimeout(drawn, 50);
const draw = () => {
  if (document.readyState !== "complete" || typeof views === "undefined") return setTimeout(draw, 50);
  dispatchEvent(new Event("beforeprint"));
  drawn();
};
draw();
"""


@pytest.fixture
def opened(browser, page):
    """A function that opens the report, all charts drawn."""

    def open_page(width=1280, scheme="light"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get_log("browser"), browser.get_log("performance")  # forget what was before
        browser.get(page.as_uri())
        browser.execute_async_script(DRAW_ALL)
        return browser

    return open_page


def test_it_opens_without_errors_or_requests_and_draws_every_chart(opened, page):
    driver = opened()
    assert driver.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    requests = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert page.as_uri() in requests
    others = [url for url in requests if not url.startswith(("data:", "chrome:")) and url != page.as_uri()]
    assert others == []  # but for those of the browser's own pages
    counts = driver.execute_script(
        "return [...document.querySelectorAll('figure.chart')].map("
        "(figure) => figure.querySelectorAll('svg .mark-symbol path, svg .mark-rect path, svg .mark-line path').length)"
    )
    # Of two test sets: cost, learning, ROC; two of each model; and the columns of the run that was looked into.
    assert len(counts) == 2 * (2 + 2 + 2) + 2 * (4 + 2) + 1
    assert min(counts) > 0


def test_names_with_html_in_them_stay_text(opened):
    driver = opened()
    assert driver.find_elements("css selector", "[onerror], [onclick], summary i, li i i") == []
    charts = driver.find_elements("css selector", "figure.chart")
    assert driver.execute_script("return document.scripts.length") == 2 + len(charts)
    text = driver.find_element("tag name", "body").get_attribute("textContent")
    for name in (EVIL, EVIL_LABEL, "<script>alert(", "<i>running</i>"):
        assert name in text
    drawn = driver.execute_script("return [...document.querySelectorAll('svg text')].map((text) => text.textContent)")
    assert any(text.startswith("<b oncl") for text in drawn)


def column(driver, number, attribute="textContent"):
    return driver.execute_script(
        "return [...document.querySelector('table.sortable').tBodies[0].rows]"
        ".map((row) => row.cells[arguments[0]][arguments[1]].trim())", number, attribute,
    )  # fmt: skip


def test_a_click_and_the_keyboard_sort_the_table(opened):
    from selenium.webdriver.common.keys import Keys

    driver = opened()
    headings = driver.find_elements("css selector", "#test-1 table.sortable th")
    titles = [heading.text.split(" ↕")[0].strip() for heading in headings]
    accuracy, parameters = titles.index("accuracy"), titles.index("parameters")
    assert headings[accuracy].get_attribute("aria-sort") == "descending"
    for press, expected in (
        (lambda button: button.click(), "ascending"),
        (lambda button: button.send_keys(Keys.ENTER), "descending"),
        (lambda button: button.send_keys(Keys.SPACE), "ascending"),
    ):
        press(headings[parameters].find_element("tag name", "button"))
        values = [int(text.replace(",", "")) for text in column(driver, parameters)]
        assert values == sorted(values, reverse=expected == "descending") and len(set(values)) == 4
        assert [h.get_attribute("aria-sort") for h in headings].count("none") == len(headings) - 1
        assert headings[parameters].get_attribute("aria-sort") == expected
    headings[0].find_element("tag name", "button").click()
    names = column(driver, 0)
    assert names == sorted(names, key=str.lower)
    headings[titles.index("p")].find_element("tag name", "button").click()
    assert column(driver, titles.index("p"))[-1] == ""  # the best has no p-value


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_no_wider_than_the_window(opened, width):
    driver = opened(width)
    driver.execute_script("for (const part of document.querySelectorAll('details')) part.open = true")
    assert driver.execute_script("return innerWidth") == width
    assert driver.execute_script("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    wide = driver.execute_script(
        "return [...document.querySelectorAll('main :is(svg, h2, p, figure, li, blockquote, summary)')]"
        ".filter((part) => !part.closest('.table, .legend') && part.getBoundingClientRect().right > innerWidth + 1)"
        ".map((part) => part.outerHTML.slice(0, 80))"
    )
    assert wide == []


def luminance(colour):
    channels = np.array([int(part) for part in re.findall(r"\d+", colour)[:3]]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_dark_and_light_differ_and_both_can_be_read(opened):
    """WCAG 2 asks for a contrast of 4.5 of text."""
    backgrounds = []
    for scheme in ("light", "dark"):
        driver = opened(scheme=scheme)
        paper, *inks = driver.execute_script(
            "const colour = (selector, property) => getComputedStyle(document.querySelector(selector))[property];"
            "return [colour('body', 'backgroundColor'), colour('h2', 'color'), colour('.muted', 'color'),"
            "colour('td', 'color'), colour('svg .role-axis-label text', 'fill')]"
        )
        for ink in inks:
            light, dark = sorted([luminance(paper), luminance(ink)], reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (scheme, paper, ink)
        backgrounds.append(luminance(paper))
    assert backgrounds[0] > 0.8 and backgrounds[1] < 0.1


def test_a_chosen_model_stands_out_and_a_class_has_its_own_curve(opened):
    driver = opened()
    drawn = "return [...document.querySelectorAll('#test-1 .role-mark path')].map((path) => path.outerHTML).join()"
    before = driver.execute_script(drawn)
    button = driver.find_element("css selector", "#test-1 .legend button:nth-child(2)")
    button.click()
    driver.execute_async_script("setTimeout(arguments[0], 500)")
    faded = driver.find_elements("css selector", "figure.faded")
    assert {figure.get_attribute("data-model") for figure in faded} == {MODELS[0], MODELS[2], MODELS[3]}
    assert driver.execute_script(drawn) != before
    button.click()
    driver.execute_async_script("setTimeout(arguments[0], 500)")
    assert driver.execute_script(drawn) == before
    driver.execute_script(
        "const select = document.querySelector('#test-1 select.class'); select.value = 'owl';"
        "select.dispatchEvent(new Event('change'))"
    )
    driver.execute_async_script("setTimeout(arguments[0], 500)")
    assert driver.execute_script(drawn) != before
    assert driver.get_log("browser") == []


def test_rows_of_disagreement_show_picture_and_text(opened, pictures):
    driver = opened()
    images = driver.find_elements("css selector", "#test-1 .examples img")
    widths = driver.execute_script("return arguments[0].map((image) => image.naturalWidth)", images)
    assert len(images) > 10 and set(widths) == {8}
    texts = driver.find_elements("css selector", "#test-2 .examples blockquote")
    assert texts and all(re.match(r"<script>alert\(\d+\)", text.get_attribute("textContent")) for text in texts)
    identity = images[0].get_attribute("alt").split(", in truth ")[0].removeprefix("row ")
    shown = driver.execute_script(
        "const canvas = document.createElement('canvas').getContext('2d'); canvas.drawImage(arguments[0], 0, 0);"
        "return [...canvas.getImageData(0, 0, 8, 8).data]", images[0],
    )  # fmt: skip
    dataset, _ = pictures
    place = dataset.test.ids.tolist().index(identity)
    np.testing.assert_array_equal(np.reshape(shown, (8, 8, 4))[..., :3], dataset.test.features[place])


def read(folder):
    results, refused = table.read_results(table.find_runs([str(folder)]))
    return report.html_page(results, refused, None)


def test_what_is_missing_is_said_and_the_rest_comes(tmp_path, pictures):
    dataset, section = pictures
    write_runs(tmp_path / "runs", dataset, section | {"data_dir": str(tmp_path / "moved")}, ["a", "b"], seeds=1)
    (tmp_path / "runs/a/20260101-000000-abcdef/history.csv").write_text("epoch,loss\none,two")
    (tmp_path / "runs/b/20260101-000000-abcdef/history.csv").unlink()
    text = read(tmp_path / "runs")
    assert text.count("no learning curve") == 2
    assert "<h3>Learning curves" not in text
    assert "image_folder is not prepared on this machine" in text
    assert "<h3>Confusion" in text and "<h4>only a is right" in text and "data:image" not in text


def test_columns_and_groups_of_a_run_that_was_looked_into(tmp_path, pictures):
    write_runs(tmp_path, *pictures, models=["mnist_cnn", "plain"], seeds=1)
    looked, plain = (Run(next((tmp_path / name).iterdir())) for name in ("mnist_cnn", "plain"))
    look_into(looked)
    results, _ = table.read_results([looked, plain])
    html = report.html_page(results, [], None)
    assert "Columns that models use" in html and "mnist_cnn: seed 0, 120 rows, 5 times." in html
    assert "0.250* (0.200–0.300)" in html and "selection rate (owl)" in html
    assert "A difference does not say why, and equal rates would not make the model fair." in html
    assert EVIL not in html and "</td>sex" not in html
    for name, content in (("slices.json", '{"split": 1}'), ("importance.json", '{"metric": "rmse", "columns": []}')):
        (looked.path / name).write_text(content)
    html = report.html_page(results, [], None)
    assert "Groups of rows" not in html and "Columns that models use" not in html
    assert "slices.json: damaged, " in html and "importance.json: damaged, " in html


def test_configs_of_one_model_are_told_apart(tmp_path, pictures):
    dataset, section = pictures
    test = dataset.test
    for epochs, skill in ((3, 0.6), (4, 0.7)):
        run = write_run(
            tmp_path / str(epochs), "net", 0, test.ids, test.targets, LABELS, skill, section, dataset.digest
        )
        config = {"model": {"name": "net"}, "dataset": section, "training": {"seed": 0, "epochs": epochs}}
        run.write_text("config.yaml", json.dumps(config))
    text = read(tmp_path)
    for epochs in (3, 4):
        assert re.search(rf"<td>net@[0-9a-f]{{8}}</td><td>training.epochs={epochs}</td>", text)


def test_data_that_changed_are_not_shown(tmp_path, pictures):
    dataset, section = pictures
    for model, skill in (("a", 0.6), ("b", 0.5)):
        write_run(tmp_path, model, 0, dataset.test.ids, dataset.test.targets, LABELS, skill, section, "sha256:other")
    text = read(tmp_path)
    assert "are not those that the runs saw" in text and "data:image" not in text


def test_many_models_and_classes_are_limited_and_it_says_so(tmp_path):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 30, 400)
    for number in range(12):
        names = [f"class {name}" for name in range(30)]
        arguments = (np.arange(400), labels, names, 0.5 + number / 100, {"name": "unknown"}, "sha256:1")
        write_run(tmp_path, f"model_{number:02}", number % 5, *arguments)
    text = read(tmp_path)
    assert len(text) < report.MAXIMUM_BYTES
    assert "the 6 best of 12 have curves" in text
    assert "Of 30 classes, the 20 with the most mistakes of model_" in text
    assert "unknown dataset" in text


def test_a_missing_package_is_one_line_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    monkeypatch.delitem(sys.modules, "zoo.comparison.charts", raising=False)
    monkeypatch.delattr("zoo.comparison.charts", raising=False)
    with pytest.raises(ZooError, match=r"altair: pip install 'keras-model-zoo\[report\]'"):
        report.html_page([], [], None)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--format=html"], "--output=report.html"),
        (["--format=png"], "--output=report.png"),
        (["--format=png", "--output=nowhere/report.png"], "--output=nowhere/report.png: cannot be written"),
        (["--format=html", "--output=nowhere/report.html"], "--output=nowhere/report.html: cannot be written"),
        (["--format=csv", "--output=nowhere/table.csv"], "--output=nowhere/table.csv: cannot be written"),
        (["--format=html", "--output=report.html", "--columns=acuracy"], "did you mean accuracy"),
    ],
)
def test_mistakes_end_in_one_line(run_script, tmp_path, pictures, flags, words):
    write_runs(tmp_path / "runs", *pictures, models=["a"], seeds=1)
    process = run_script("compare", *flags)
    assert process.returncode == 2
    assert words in process.stderr and "Traceback" not in process.stderr
    assert sum(line.startswith("error: ") for line in process.stderr.splitlines()) == 1
