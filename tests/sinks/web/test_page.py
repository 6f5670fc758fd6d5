"""The pages in a real browser: what a person would see, read off the DOM."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from sinks.web.sink import OverlayPageSink, WebSink
from streamer.snapshot import StreamState
from tests.sinks.results import boxes
from tests.sinks.web.browser import chromium, needs_chromium
from tests.sinks.web.serving import (
    CLASSES,
    CONFIG,
    TOKEN,
    base,
    port_of,
    result,
    serving,
    snapshot,
    stream,
)

pytestmark = needs_chromium

WAIT_S = 15
SIZE = (1280, 800)
Driver = Any  # selenium is there for tests only, and has no types of its own


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with chromium(tmp_path_factory.mktemp("profile"), width=SIZE[0], height=SIZE[1]) as driver:
        yield driver


@pytest.fixture
def driver(browser: Driver) -> Driver:
    """The browser, with nothing on its console."""
    browser.get("about:blank")
    browser.get_log("browser")
    return browser


@contextmanager
def flowing(sink: WebSink, names: tuple[str, ...] = ("gate",)) -> Iterator[None]:
    """News for a sink, as a run would give it: results all the time, numbers at times."""
    ended = threading.Event()
    states: dict[str, StreamState] = dict.fromkeys(names, "running")
    streams = [stream(name, width=320, height=180) for name in names]

    def run() -> None:
        index = 0
        while not ended.wait(0.04):
            index += 1
            for of in streams:
                found = boxes((40, 60, 120, 160), (180 + index % 50, 30, 300, 150))
                sink.write(result(index, of=of, detections=found))
            sink.observe(snapshot(states, done=100 + index, elapsed_s=4 + index / 25))

    thread = threading.Thread(target=run, name="news")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def until(driver: Driver, script: str, expected: object = True) -> None:
    """Wait until a script in the page returns what is expected."""
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    try:
        WebDriverWait(driver, WAIT_S, 0.05).until(lambda d: d.execute_script(script) == expected)
    except TimeoutException:
        logs = [entry["message"] for entry in driver.get_log("browser")]
        got = driver.execute_script(script)
        pytest.fail(f"{script}: expected {expected!r}, got {got!r}; console: {logs}")


def read(driver: Driver, script: str) -> Any:
    """What an expression in the page gives."""
    return driver.execute_script(f"return {script}")


DRAWN = "return Number(document.querySelector('.tile')?.dataset.drawn ?? 0)"
LINK = "return document.body.dataset.link"


def test_the_page_shows_boxes_states_and_counts_and_keeps_them_over_a_reload(
    driver: Driver,
) -> None:
    with serving() as sink, flowing(sink):
        driver.get(sink.url)
        for _ in range(2):
            until(driver, f"{DRAWN} > 3")
            found = read(
                driver, "[...document.querySelectorAll('.box')].map(b => ({...b.dataset}))"
            )
            assert [box["label"] for box in found] == ["car", "person"]  # the best lies on top
            assert found[1]["xyxy"] == "40 60 122 162"  # grown to even px, half open
            labels = read(
                driver, "[...document.querySelectorAll('.label')].map(b => b.textContent)"
            )
            assert labels[0].startswith("person")
            until(driver, "return document.querySelector('.tile .state')?.textContent", "running")
            numbers = read(
                driver,
                "Object.fromEntries(['.p50', '.p95', '.drops', '.reconnects', '.count']"
                ".map(s => [s, document.querySelector('.tile ' + s).textContent]))",
            )
            assert numbers == {
                ".p50": "41ms",
                ".p95": "63ms",
                ".drops": "2",
                ".reconnects": "0",
                ".count": "2",
            }
            assert read(driver, "document.getElementById('states').textContent") == "1 running"
            until(driver, LINK, "live")
            assert TOKEN not in driver.current_url  # it has become a cookie
            driver.refresh()
        assert not [e for e in driver.get_log("browser") if e["level"] == "SEVERE"]


def test_a_box_lies_where_the_picture_has_it(driver: Driver) -> None:
    with serving() as sink, flowing(sink):
        driver.get(sink.url)
        until(driver, f"{DRAWN} > 2")
        picture, box = read(
            driver,
            "['.picture', '.box[data-label=person]'].map(s => {"
            "const r = document.querySelector(s).getBoundingClientRect();"
            "return [r.left, r.top, r.width, r.height]; })",
        )
    scale = picture[2] / 320
    assert picture[3] / picture[2] == pytest.approx(180 / 320, abs=0.01)
    expected = (picture[0] + 40 * scale, picture[1] + 60 * scale, 82 * scale, 102 * scale)
    assert box == pytest.approx(expected, abs=1)  # px of the screen: layout rounds


def test_the_page_says_so_when_the_server_is_gone_and_comes_back_by_itself(driver: Driver) -> None:
    with serving() as sink, flowing(sink):
        driver.get(sink.url)
        until(driver, f"{DRAWN} > 2")
        port = port_of(sink)
    until(driver, LINK + " === 'lost'")
    until(driver, "return document.getElementById('link').textContent.includes('trying again')")
    drawn = driver.execute_script(DRAWN)
    with serving(port=port) as sink, flowing(sink):
        until(driver, LINK, "live")
        until(driver, f"{DRAWN} > {drawn + 3}")


def test_a_new_token_ends_the_old_page_with_words_that_help(driver: Driver) -> None:
    with serving() as sink, flowing(sink):
        driver.get(sink.url)
        until(driver, LINK, "live")
        port = port_of(sink)
    with serving(replace(CONFIG, token="another-token-of-16"), port=port):
        until(driver, LINK, "refused")
        assert "open the one the run printed" in read(driver, "document.body.textContent")


@pytest.mark.parametrize("query", ["", "?token=wrong-token-of-16-signs"])
def test_without_the_token_the_browser_shows_one_line(driver: Driver, query: str) -> None:
    with serving() as sink, flowing(sink):
        driver.delete_all_cookies()
        driver.get(f"{base(sink)}/{query}")
        assert read(driver, "document.body.innerText").strip().startswith("token missing or wrong")
        assert read(driver, "document.querySelectorAll('.tile, canvas, script').length") == 0


def test_many_streams_fill_the_window_and_one_of_them_can_be_enlarged(driver: Driver) -> None:
    names = tuple(f"stream-{number}" for number in range(9))
    with WebSink("0", CLASSES, config=CONFIG) as sink, flowing(sink, names):
        driver.get(sink.url)
        until(
            driver,
            "return [...document.querySelectorAll('.tile')]"
            ".filter(t => t.dataset.drawn > 1).length",
            9,
        )
        shape = (
            "(() => { const r = [...document.querySelectorAll('.tile:not([hidden])')]"
            ".map(t => t.getBoundingClientRect());"
            "return {count: r.length, right: Math.max(...r.map(x => x.right)),"
            "bottom: Math.max(...r.map(x => x.bottom)), width: r[0]?.width}; })()"
        )
        small = read(driver, shape)
        assert small["count"] == 9
        assert small["right"] <= read(driver, "innerWidth")
        assert small["bottom"] <= read(driver, "innerHeight")
        driver.execute_script("document.querySelector('[data-stream=stream-4]').click()")
        large = read(driver, shape)
        assert large["count"] == 1
        assert large["width"] > 2 * small["width"]
        driver.refresh()
        until(driver, f"return {shape}.count", 1)  # the choice outlives a reload
        driver.execute_script(
            "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))"
        )
        until(driver, f"return {shape}.count", 9)


def test_a_long_name_is_cut_short_and_not_what_stands_beside_it(driver: Driver) -> None:
    """It made its tile wider than its column, and the page wider than a telephone."""
    name = "north gate of the warehouse number twelve at the harbour, second camera"
    driver.set_window_size(500, 800)
    try:
        with WebSink("0", CLASSES, config=CONFIG) as sink, flowing(sink, (name, "yard")):
            driver.get(sink.url)
            until(driver, DRAWN.replace("?? 0)", "?? 0) > 1"))
            until(driver, "return document.documentElement.scrollWidth <= innerWidth")
            inside = (
                "(() => { const edge = document.querySelector('.tile').getBoundingClientRect();"
                "return [...document.querySelectorAll('.tile:first-of-type :is(.state, .count)')]"
                ".every(e => e.getBoundingClientRect().right <= edge.right); })()"
            )
            assert read(driver, inside)
    finally:
        driver.set_window_size(1280, 800)


def test_a_stream_that_failed_says_why_and_one_that_ended_keeps_its_last_picture(
    driver: Driver,
) -> None:
    with WebSink("0", CLASSES, config=CONFIG) as sink:
        sink.write(result(7, of=stream("door"), detections=boxes((4, 4, 40, 40))))
        sink.observe(snapshot({"door": "ended", "yard": "failed"}, error="yard: no route <b>"))
        driver.get(sink.url)
        until(driver, "return document.querySelectorAll('.tile').length", 2)
        until(
            driver,
            "return document.querySelector('[data-stream=yard] .veil').textContent",
            "yard: no route <b>",
        )
        until(driver, "return document.querySelector('[data-stream=door]').dataset.index", "7")
        states = read(driver, "[...document.querySelectorAll('.tile')].map(t => t.dataset.state)")
        assert states == ["ended", "failed"]
        # One that the run does not know any more goes.
        threading.Event().wait(0.5)  # numbers are told twice a second
        sink.observe(snapshot({"door": "ended"}))
        until(driver, "return document.querySelectorAll('.tile').length", 1)


def test_names_and_labels_are_text_and_never_markup(driver: Driver) -> None:
    evil = "<img src=x onerror=window.hit=1>"
    with WebSink("0", (evil,), config=CONFIG) as sink:
        sink.observe(snapshot({evil: "running"}))
        sink.write(
            result(of=stream(evil, width=320, height=180), detections=boxes((40, 60, 200, 150)))
        )
        driver.get(sink.url)
        until(driver, "return document.querySelector('.label')?.textContent", f"{evil} 0.90")
        assert read(driver, "document.querySelector('.name').textContent") == evil
        assert read(driver, "window.hit") is None


def _shot(driver: Driver) -> NDArray[np.uint8]:
    """(H, W, 4) BGRA of the page, with its transparency."""
    driver.execute_cdp_cmd(
        "Emulation.setDefaultBackgroundColorOverride", {"color": {"r": 0, "g": 0, "b": 0, "a": 0}}
    )
    png = BytesIO(base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", {})["data"]))
    driver.execute_cdp_cmd("Emulation.setDefaultBackgroundColorOverride", {})
    pixels = cv2.imdecode(np.frombuffer(png.getvalue(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


OVERLAY = "JSON.parse(document.getElementById('overlay').dataset.boxes ?? '[]')"


def test_the_overlay_draws_boxes_and_is_transparent_elsewhere(driver: Driver) -> None:
    of = stream(width=1280, height=720)
    with OverlayPageSink("0", ("person",), config=CONFIG) as sink:
        sink.observe(snapshot())
        sink.write(result(3, of=of, detections=boxes((320, 180, 959, 539))))
        driver.get(sink.url)
        until(driver, f"return {OVERLAY}.length", 1)
        frame = read(driver, "({...document.getElementById('overlay').dataset})")
        assert (frame["stream"], frame["pts"], frame["index"]) == ("gate", "3", "3")
        pixels = _shot(driver)
    height, width = pixels.shape[:2]
    scale = min(width / 1280, height / 720)
    left, top = (width - 1280 * scale) / 2, (height - 720 * scale) / 2
    x, y = int(left + 320 * scale) + 1, int(top + 400 * scale)
    assert pixels[y, x].tolist() == [38, 38, 255, 255]  # red of class 0, opaque
    assert pixels[y, x + 40, 3] == 0
    assert pixels[5, 5, 3] == 0
    label = pixels[int(top + 180 * scale) - 8, int(left + 330 * scale) : int(left + 420 * scale)]
    assert (label[:, 3] == 255).all()
    assert (pixels[..., 3] > 0).mean() < 0.02


def test_the_overlay_shows_the_stream_that_was_chosen_and_comes_back_by_itself(
    driver: Driver,
) -> None:
    with serving(kind=OverlayPageSink) as sink, flowing(sink, ("gate", "yard")):
        driver.get(f"{sink.url}&stream=yard")
        until(driver, "return document.getElementById('overlay').dataset.stream", "yard")
        until(driver, f"return {OVERLAY}.length", 2)
        port = port_of(sink)
    until(driver, f"return {OVERLAY}.length", 0)  # nothing is claimed of pictures not seen
    with serving(kind=OverlayPageSink, port=port) as sink, flowing(sink, ("gate", "yard")):
        until(driver, f"return {OVERLAY}.length", 2)
        assert read(driver, "document.getElementById('overlay').dataset.stream") == "yard"


def test_the_overlay_takes_its_boxes_away_when_the_stream_ends(driver: Driver) -> None:
    with serving(kind=OverlayPageSink) as sink:
        driver.get(sink.url)
        until(driver, f"return {OVERLAY}.length", 2)
        threading.Event().wait(0.5)  # numbers are told twice a second
        sink.observe(snapshot({"gate": "ended"}))
        until(driver, f"return {OVERLAY}.length", 0)


def test_every_file_the_pages_name_is_served() -> None:
    with serving() as sink:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        for page in ("/", "/overlay", "/page.js", "/tile.js", "/overlay.js"):
            text = httpx.get(base(sink) + page, headers=headers).text
            named = {
                piece.split('"')[0]
                for piece in text.replace('src="', 'href="')
                .replace('from "', 'href="')
                .split('href="')[1:]
            }
            for path in named:
                assert httpx.get(base(sink) + path, headers=headers).status_code == 200
