"""The page in a real browser: clicks, drags and keys, and what they leave in the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.document import read
from tests.analytics.edit.serving import Editor, editing, write_clip
from tests.sinks.web.browser import chromium, needs_chromium

pytestmark = needs_chromium

WAIT_S = 15
Driver = Any  # selenium is there for tests only, and has no types of its own
ITEMS = "[...document.querySelectorAll('.row')].map(row => row.textContent)"
MESSAGE = "return document.getElementById('message').dataset.kind"
FILE = """\
# mine
scene:
  lines:
  - {name: px, start: [10.25, 90], end: [310, 90]}
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


class Hand:
    """A person at the page."""

    def __init__(self, driver: Driver, editor: Editor) -> None:
        self.driver = driver
        self.file = editor.file
        driver.get(editor.url)
        self.until("return document.body.dataset.ready", "yes")
        self.until("return document.getElementById('picture').dataset.at", "0")

    def until(self, script: str, expected: object = True) -> None:
        """Wait until a script in the page returns what is expected."""
        from selenium.common.exceptions import TimeoutException
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(self.driver, WAIT_S, 0.05)
        try:
            wait.until(lambda driver: driver.execute_script(script) == expected)
        except TimeoutException:
            logs = [entry["message"] for entry in self.driver.get_log("browser")]
            got = self.driver.execute_script(script)
            pytest.fail(f"{script}: expected {expected!r}, got {got!r}; console: {logs}")

    def read(self, script: str) -> Any:
        return self.driver.execute_script(f"return {script}")

    def to(self, x: float, y: float) -> Any:
        """The mouse at a share of the picture."""
        from selenium.webdriver.common.action_chains import ActionChains

        drawing = self.driver.find_element("id", "drawing")
        across, down = drawing.size["width"], drawing.size["height"]
        chain = ActionChains(self.driver, duration=10)
        where = (round((x - 0.5) * across), round((y - 0.5) * down))
        return chain.move_to_element_with_offset(drawing, *where)

    def click(self, *places: tuple[float, float]) -> None:
        for place in places:
            self.to(*place).click().perform()

    def type(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def control(self, key: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        chain = ActionChains(self.driver).key_down(Keys.CONTROL)
        chain.send_keys(key).key_up(Keys.CONTROL).perform()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        # One chain: a second one would begin by letting the button go.
        drawing = self.driver.find_element("id", "drawing")
        by = [
            round((b - a) * drawing.size[side])
            for a, b, side in zip(start, end, ("width", "height"), strict=True)
        ]
        self.to(*start).click_and_hold().move_by_offset(*by).release().perform()

    def save(self) -> dict[str, Any]:
        """Press the button; gives back the scene that the file holds then."""
        self.driver.execute_script("document.getElementById('message').dataset.kind = ''")
        self.driver.find_element("id", "save").click()
        self.until(MESSAGE, "done")
        scene = read(self.file)["scene"]
        assert isinstance(scene, dict)
        return scene


@pytest.fixture
def hand(browser: Driver, clip: Path, tmp_path: Path) -> Iterator[Hand]:
    """The page, which says nothing on its console and is left with nothing to lose."""
    browser.get("about:blank")
    browser.get_log("browser")
    with editing(str(clip), tmp_path / "scene.yaml") as editor:
        editor.file.write_text(FILE)
        hand = Hand(browser, editor)
        yield hand
        severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        assert not [entry for entry in severe if "422" not in entry["message"]]
        browser.execute_script("window.onbeforeunload = null")
        leave(browser)


def leave(browser: Driver) -> None:
    """To another page, whatever the browser asks about what is not saved."""
    from selenium.common.exceptions import NoAlertPresentException, UnexpectedAlertPresentException

    try:
        browser.get("about:blank")
        browser.switch_to.alert.accept()
    except (NoAlertPresentException, UnexpectedAlertPresentException):
        return


def test_a_line_and_a_zone_are_drawn_named_and_saved(hand: Hand) -> None:
    from selenium.webdriver.common.keys import Keys

    hand.type("l")
    hand.click((0.25, 0.75), (0.75, 0.75))
    assert hand.read("document.querySelector('.chosen .arrow').dataset.towards") == "0.000 1.000"
    hand.type("door", Keys.ENTER)
    hand.driver.find_element("id", "tool-zones").click()
    hand.click((0.5, 0.2), (0.9, 0.2), (0.9, 0.6))
    hand.type(Keys.ENTER)
    hand.type("yard", Keys.TAB, "person, car", Keys.TAB, Keys.TAB, "0.02", Keys.TAB, Keys.TAB)
    hand.type("8", Keys.TAB, "3", Keys.ENTER)
    assert hand.read(ITEMS) == ["px", "door", "yard"]
    scene = hand.save()
    near = 0.002  # the mouse moves in whole pixels of a view of about 900
    door, yard = scene["lines"][1], scene["zones"][0]
    assert door["start"] == pytest.approx([0.25, 0.75], abs=near)
    assert door["end"] == pytest.approx([0.75, 0.75], abs=near)
    assert (door["name"], door["unit"]) == ("door", "share")
    corners = [value for point in yard.pop("points") for value in point]
    assert corners == pytest.approx([0.5, 0.2, 0.9, 0.2, 0.9, 0.6], abs=near)
    assert yard == {
        "name": "yard",
        "unit": "share",
        "classes": ["person", "car"],
        "hysteresis": 0.02,
        "loiter_s": 8,
        "crowd_count": 3,
    }
    assert scene["lines"][0] == {"name": "px", "start": [10.25, 90], "end": [310, 90]}
    assert hand.read("document.body.dataset.changed") == "false"


def test_a_double_click_or_the_first_corner_ends_a_zone_and_escape_leaves_it(hand: Hand) -> None:
    from selenium.webdriver.common.keys import Keys

    hand.type("z")
    hand.click((0.2, 0.2), (0.4, 0.2))
    hand.to(0.4, 0.4).double_click().perform()
    hand.type(Keys.ENTER, "z")
    hand.click((0.6, 0.2), (0.8, 0.2), (0.8, 0.4), (0.6, 0.2))
    hand.type(Keys.ENTER, "z")
    hand.click((0.1, 0.8), (0.2, 0.8), (0.2, 0.9))
    hand.type(Keys.ESCAPE)
    hand.type("z")
    hand.click((0.1, 0.8), (0.2, 0.8))
    hand.type(Keys.ENTER)
    assert "three corners" in hand.read("document.getElementById('hint').textContent")
    hand.type(Keys.ESCAPE)
    zones = hand.save()["zones"]
    assert [(zone["name"], len(zone["points"])) for zone in zones] == [("zone-1", 3), ("zone-2", 3)]


def test_places_are_dragged_in_the_unit_they_have(hand: Hand) -> None:
    from selenium.webdriver.common.keys import Keys

    hand.click((0.5, 0.5))  # the line in px: y 90 of 180, half a pixel below the middle
    end = (310.5 / 320, 90.5 / 180)
    hand.drag(end, (0.75, 0.25))
    moved = hand.save()["lines"][0]
    assert moved["start"] == [10.25, 90]  # what nobody touched is as it was
    assert moved["end"] == pytest.approx([0.75 * 320 - 0.5, 0.25 * 180 - 0.5], abs=0.6)
    assert "unit" not in moved
    hand.click((0.75, 0.25))
    hand.type(Keys.ARROW_RIGHT)  # the corner that was pressed has the focus
    nudged = hand.save()["lines"][0]
    assert 0 < nudged["end"][0] - moved["end"][0] < 1  # a pixel of a view wider than the picture
    hand.driver.find_element("id", "flip").click()
    turned = hand.save()["lines"][0]
    assert (turned["start"], turned["end"]) == (nudged["end"], nudged["start"])


def test_corners_of_a_zone_come_and_go(hand: Hand) -> None:
    from selenium.webdriver.common.keys import Keys

    hand.type("z")
    hand.click((0.2, 0.2), (0.8, 0.2), (0.8, 0.8))
    hand.type(Keys.ENTER, Keys.ENTER)
    hand.to(0.5, 0.2).double_click().perform()
    points = hand.save()["zones"][0]["points"]
    assert [value for point in points for value in point] == pytest.approx(
        [0.2, 0.2, 0.5, 0.2, 0.8, 0.2, 0.8, 0.8], abs=0.002
    )
    chain = hand.to(0.2, 0.2).key_down(Keys.SHIFT).click().key_up(Keys.SHIFT)
    chain.perform()
    assert hand.save()["zones"][0]["points"] == points[1:]


def test_every_step_can_be_taken_back_and_done_again(hand: Hand) -> None:
    from selenium.webdriver.common.keys import Keys

    hand.type("l")
    hand.click((0.2, 0.2), (0.4, 0.2))
    hand.type("gate", Keys.ENTER)
    hand.driver.find_element("id", "remove").click()
    assert hand.read(ITEMS) == ["px"]
    seen = []
    for _ in range(3):
        hand.control("z")
        seen.append(hand.read(ITEMS))
    assert seen == [["px", "gate"], ["px", "line-1"], ["px"]]
    hand.driver.find_element("id", "redo").click()
    hand.control("y")
    assert hand.read(ITEMS) == ["px", "gate"]
    assert [line["name"] for line in hand.save()["lines"]] == ["px", "gate"]


def test_what_is_wrong_is_told_and_shown_and_the_file_stays(hand: Hand) -> None:
    from selenium.webdriver.common.keys import Keys

    hand.type("l")
    hand.click((0.2, 0.2), (0.4, 0.2))
    hand.type("<b>a</b>", Keys.TAB, Keys.TAB, Keys.TAB, "wide", Keys.ENTER)
    hand.click((0.9, 0.9))
    hand.control("s")
    hand.until(MESSAGE, "error")
    told = hand.read("document.getElementById('message').textContent")
    assert told == ("not saved: line '<b>a</b>'.hysteresis: expected a number, got 'wide'")
    assert hand.read("document.querySelector('.row[aria-pressed=true]').textContent") == "<b>a</b>"
    assert hand.file.read_text() == FILE


def test_a_file_that_changed_meanwhile_is_saved_at_the_second_press(hand: Hand) -> None:
    hand.type("l")
    hand.click((0.2, 0.2), (0.4, 0.2))
    hand.file.write_text("limit: 3\n")
    hand.driver.find_element("id", "save").click()
    hand.until(MESSAGE, "error")
    assert "changed meanwhile" in hand.read("document.getElementById('message').textContent")
    assert hand.file.read_text() == "limit: 3\n"
    assert [line["name"] for line in hand.save()["lines"]] == ["px", "line-1"]
    assert read(hand.file)["limit"] == 3
    hand.driver.get_log("browser")  # which told of the refusal


def test_the_slider_winds_the_clip_and_the_page_tells_what_will_be_lost(hand: Hand) -> None:
    level = (
        "(() => { const c = document.createElement('canvas').getContext('2d');"
        "c.drawImage(document.getElementById('picture'), 0, 0);"
        "return c.getImageData(50, 50, 1, 1).data[0]; })()"
    )
    assert hand.read(level) == pytest.approx(20, abs=3)  # grey of the first frame
    hand.driver.execute_script(
        "const s = document.getElementById('slider'); s.value = 2;"
        "s.dispatchEvent(new Event('input'))"
    )
    hand.until("return document.getElementById('picture').dataset.at", "2")
    assert hand.read(level) == pytest.approx(20 + 6 * 20, abs=3)  # of frame 20
    note = "document.getElementById('comments')"
    assert "its comments are lost" in hand.read(f"{note}.textContent")
    assert hand.read(f"{note}.classList.contains('warn')")
    assert hand.read("location.search") == ""  # the token has become a cookie
