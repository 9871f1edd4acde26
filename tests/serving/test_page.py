"""The page in a real browser: ink, texts, numbers and a picture become answers; nothing fails in its console."""

import http.server
import math
import re
import shutil
import threading

import pytest
from PIL import Image

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="no chromium and chromedriver here")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1000,900",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser):
    """A function that opens a server's page; afterwards, its console has to be empty."""
    yield lambda server: browser.get(server.address)
    assert browser.get_log("browser") == []


def wait_for(browser, condition):
    return WebDriverWait(browser, 60).until(lambda _: condition())


def draw(browser, points):
    """A stroke by the mouse through points in shares of the drawing area."""
    ink = browser.find_element(By.ID, "ink")
    width, height = ink.size["width"], ink.size["height"]
    chain = ActionChains(browser, duration=5)
    for number, (x, y) in enumerate(points):
        chain.move_to_element_with_offset(ink, int((x - 0.5) * width), int((y - 0.5) * height))
        if number == 0:
            chain.click_and_hold()
    chain.release().perform()


def answer(browser):
    return browser.find_element(By.ID, "answer").text


def texts(browser, selector):
    """At one instant: the page may replace an element while its like are read one by one."""
    script = "return [...document.querySelectorAll(arguments[0])].map(element => element.textContent)"
    return browser.execute_script(script, selector)


def percentages(browser):
    return [float(text.strip("> %")) for text in texts(browser, ".bar span")]


def pixels(browser, canvas):
    """Rows of the red channel of a canvas."""
    return browser.execute_script(
        """const {width, height} = document.getElementById(arguments[0]), rows = [];
        const {data} = document.getElementById(arguments[0]).getContext("2d").getImageData(0, 0, width, height);
        for (let y = 0; y < height; y++) rows.push(Array.from({length: width}, (_, x) => data[4 * (y * width + x)]));
        return rows;""",
        canvas,
    )


def test_a_drawn_digit_is_read_and_explained(browser, opened, digits_server):
    opened(digits_server)
    assert "10 classes" in wait_for(browser, lambda: browser.find_element(By.ID, "about").text.strip())
    circle = [(0.25 + 0.1 * math.cos(t / 4), 0.3 + 0.16 * math.sin(t / 4)) for t in range(27)]
    draw(browser, circle)  # small, and far from the middle
    wait_for(browser, lambda: answer(browser).startswith("0"))
    shares = percentages(browser)
    assert len(shares) == 10 and sum(shares) == pytest.approx(100, abs=1) and max(shares) == shares[0]
    wait_for(browser, lambda: browser.find_element(By.ID, "heat-caption").text)
    seen = pixels(browser, "seen")
    inked = [(x, y) for y, row in enumerate(seen) for x, value in enumerate(row) if value > 60]
    assert len(seen) == len(seen[0]) == 28
    assert 18 <= max(y for _, y in inked) - min(y for _, y in inked) + 1 <= 21
    mass = sum(map(sum, seen))
    centre = [sum(value * place[axis] for place, value in numbered(seen)) / mass for axis in (0, 1)]
    assert centre == pytest.approx([13.5, 13.5], abs=1)
    assert any(map(any, pixels(browser, "heat")))
    browser.find_element(By.ID, "clear").click()
    assert answer(browser) == "waiting for an input" and not percentages(browser)


def numbered(picture):
    return [((x, y), value) for y, row in enumerate(picture) for x, value in enumerate(row)]


def test_a_picture_is_uploaded_and_inverted(browser, opened, digits_server, handwriting, tmp_path):
    images, labels = handwriting
    digit = next(image for image, label in zip(images[-40:], labels[-40:], strict=True) if label == 0)[..., 0]
    for name, picture in (("light.png", digit), ("dark.png", 255 - digit)):
        Image.fromarray(picture).resize((200, 200)).save(tmp_path / name)
    opened(digits_server)
    wait_for(browser, browser.find_element(By.ID, "image").is_displayed)
    file, invert = (browser.find_element(By.ID, name) for name in ("file", "invert"))
    file.send_keys(str(tmp_path / "light.png"))
    wait_for(browser, lambda: percentages(browser))
    assert answer(browser).startswith("0")
    before = percentages(browser)
    file.send_keys(str(tmp_path / "dark.png"))
    wait_for(browser, lambda: percentages(browser) not in ([], before))
    browser.execute_script("arguments[0].click()", invert)
    wait_for(browser, lambda: percentages(browser) == pytest.approx(before, abs=0.3))
    (tmp_path / "text.png").write_text("no picture")
    file.send_keys(str(tmp_path / "text.png"))
    assert "text.png is no picture" in wait_for(browser, lambda: browser.find_element(By.ID, "error").text)


def test_words_of_a_text_are_coloured_and_labels_are_no_markup(browser, opened, text_server):
    opened(text_server)
    field = wait_for(browser, lambda: browser.find_element(By.ID, "words-in"))
    wait_for(browser, field.is_displayed)
    field.send_keys("a good <i>book</i>")
    wait_for(browser, lambda: texts(browser, "#words mark")[:2] == ["a", "good"])
    mark = browser.find_element(By.CSS_SELECTOR, "#words mark")
    assert mark.value_of_css_property("background-color").startswith("rgba(")
    assert texts(browser, ".bar b") == ["<b>no</b>", "yes"]


@pytest.mark.parametrize("width", [390, 1280])
def test_numbers_of_a_table_on_a_narrow_and_a_wide_window(browser, opened, table_server, width):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    opened(table_server)
    fields = wait_for(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#fields input"))
    assert texts(browser, "#fields span") == ["left", "right"]
    before = wait_for(browser, lambda: percentages(browser))
    fields[0].clear()
    fields[0].send_keys("40")
    wait_for(browser, lambda: percentages(browser) not in ([], before))
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_a_predicted_number_stands_there_with_its_unit(browser, opened, rents_server):
    opened(rents_server)
    fields = wait_for(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#fields input"))
    assert texts(browser, "#fields span") == ["size", "distance", "age"]
    before = wait_for(browser, lambda: texts(browser, "#answer strong"))
    assert texts(browser, "#answer span") == ["€"] and math.isfinite(float(before[0].replace(",", "")))
    assert "rent" in texts(browser, "#about")[0]
    fields[0].clear()
    fields[0].send_keys("9")
    wait_for(browser, lambda: texts(browser, "#answer strong") not in ([], before))


def test_the_page_is_whole_by_itself(table_server):
    _, headers, page = table_server.request("GET", "/")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "") and "https://" not in page


def test_the_page_asks_for_the_token(browser, start_server, table_file, tmp_path):
    (tmp_path / "token").write_text("correct-horse-battery\n")
    server = start_server(f"--model_file={table_file}", f"--token_file={tmp_path / 'token'}")
    browser.get(server.address)
    field = browser.find_element(By.ID, "token")
    wait_for(browser, field.is_displayed)
    assert browser.get_log("browser") == []  # it has asked the server nothing yet
    field.send_keys("wrong-horse-battery\n")
    assert "its token" in wait_for(browser, lambda: browser.find_element(By.ID, "error").text)
    field.clear()
    field.send_keys("correct-horse-battery\n")
    assert len(wait_for(browser, lambda: percentages(browser))) == 2
    assert not field.is_displayed()
    browser.refresh()
    wait_for(browser, lambda: percentages(browser))  # this window keeps it
    assert [entry for entry in browser.get_log("browser") if "401" not in entry["message"]] == []


def test_pages_of_other_sites_get_no_answer(browser, table_server):
    """By a script, a form and a frame of a page at another port, which a browser takes for the same site."""
    address = table_server.address + "v1/models/my.table-1:predict"
    page = f"""<iframe src="{table_server.address}"></iframe>
    <form method="post" enctype="text/plain" target="_blank" action="{address}">
    <input name='{{"instances": [[0, 1]], "signature_name": "' value='"}}'></form>"""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802, the library's name
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    ask = """const [address, mode, done] = arguments;
    const request = {method: "POST", mode, body: JSON.stringify({instances: [[0, 1]]})};
    fetch(address, request).then(response => done("answered"), error => done("failed"));"""
    before = refusals(table_server)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        for host in ("localhost", "127.0.0.1"):
            browser.get(f"http://{host}:{other.server_port}/")
            for mode in ("cors", "no-cors"):
                assert browser.execute_async_script(ask, address, mode) == "failed"
        window = browser.current_window_handle
        browser.execute_script("document.forms[0].submit()")
        wait_for(browser, lambda: len(browser.window_handles) == 2)
        browser.switch_to.window(next(handle for handle in browser.window_handles if handle != window))
        wait_for(browser, lambda: '"error"' in browser.page_source)
        browser.close()
        browser.switch_to.window(window)
        browser.get("about:blank")
        other.shutdown()
    assert refusals(table_server) >= before + 5
    browser.get_log("browser")


def refusals(server):
    metrics = server.request("GET", "/metrics")[2]
    return sum(float(count) for count in re.findall(r'zoo_requests_total\{.*status="403"\} (\S+)', metrics))


def test_a_text_is_written_as_it_comes_and_stopped(browser, opened, writer_server):
    opened(writer_server)
    wait_for(browser, browser.find_element(By.ID, "prompt").is_displayed)
    prompt, length, write, halt = (
        browser.find_element(By.ID, name) for name in ("prompt", "max_tokens", "write", "halt")
    )
    prompt.send_keys("<b>né")
    length.clear()
    length.send_keys("100000")
    write.click()
    wait_for(browser, lambda: len(texts(browser, "#written")[0]) > 20)
    assert texts(browser, "#written")[0].startswith("<b>né") and halt.is_enabled()
    halt.click()
    wait_for(browser, lambda: not halt.is_enabled())
    length.clear()
    length.send_keys("5")
    write.click()
    wait_for(browser, lambda: texts(browser, "#legend-of-text")[0].startswith("5 tokens, seed "))
    assert not halt.is_enabled() and not browser.find_element(By.ID, "error").is_displayed()
