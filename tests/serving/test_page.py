"""The page in a real browser, on the real service that the real command starts."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ioebss import Segmenter
from ioebss.image_files import read_mask, read_photo
from ioebss.result_files import encode_result

pytest.importorskip("fastapi", reason="the page needs the [serve] extra")
pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from .browser import ARGUMENTS, CHROMIUM, Screen, serving

if not CHROMIUM.exists():
    pytest.skip(f"{CHROMIUM} is not installed", allow_module_level=True)

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Open = Callable[..., Screen]
CAT = ((230, 110, 1), (100, 290, 1), (400, 150, 0))  # clicks on chelsea.jpg
CLICKS = "**/clicks?*"
# What the browser itself prints of answers that are errors; everything else is a fault.
EXPECTED = "Failed to load resource"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def address(samples: Path) -> Iterator[str]:
    with serving(samples / "chelsea.jpg") as (found, _):
        yield found


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Pages in profiles of their own; none may print an error or break its security policy."""
    contexts, complaints = [], []

    def make(**options: object) -> Page:
        contexts.append(
            browser.new_context(**({"viewport": {"width": 900, "height": 640}} | options))
        )  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        # On a busy machine the browser is slow to begin intercepting: it begins here.
        page.route("**/never-asked-for", lambda route: route.abort())
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
        return page

    yield make
    for context in contexts:
        context.close()
    assert not [text for text in complaints if EXPECTED not in text]


@pytest.fixture
def open_cat(new_page: Callable[..., Page], address: str, samples: Path) -> Open:
    """The cat in a session of its own, as dropped onto the page."""

    def opened(**options: object) -> Screen:
        page = new_page(**options)
        page.goto(address.replace("session=", "unused="))
        page.set_input_files("#photo-file", samples / "chelsea.jpg")
        return Screen(page)

    return opened


@pytest.fixture(scope="module")
def cat(samples: Path) -> np.ndarray:
    return read_photo(samples / "chelsea.jpg")


@pytest.fixture(scope="module")
def masks(cat: np.ndarray) -> list[np.ndarray]:
    """Without the service: the masks after none, one, two and three of the clicks."""
    session = Segmenter().open(cat)
    return [session.mask, *(session.click(*click) for click in CAT)]


def hold(page: Page, what: str) -> list[Route]:
    """Keeps the next such request back; empty until it comes."""
    held: list[Route] = []
    page.route(what, lambda route: held.append(route), times=1)
    return held


def come(page: Page, held: list[Route]) -> Route:
    """The request that is kept back, when it has come."""
    for _ in range(400):
        if held:
            return held[0]
        page.wait_for_timeout(50)
    raise AssertionError("it was not asked for")


def share(mask: np.ndarray) -> str:
    return f"{100 * mask.mean():.1f} %"


def test_a_person_clicks_undoes_redoes_and_saves_what_the_command_writes(
    new_page: Callable[..., Page],
    address: str,
    samples: Path,
    cat: np.ndarray,
    masks: list[np.ndarray],
    command: Command,
    tmp_path: Path,
) -> None:
    page = new_page()
    page.goto(address)
    screen = Screen(page)
    assert "token" not in page.url
    assert page.inner_text("#name") == "chelsea.jpg"
    assert screen.tinted(cat).mean() < 0.01
    for count, (x, y, label) in enumerate(CAT, 1):
        screen.click(x, y, "left" if label else "right")
        assert screen.status().startswith(f"{count} click")
        assert share(masks[count]) in screen.status()
        # Dots and outline cover some pixels; all others show the mask.
        assert (screen.tinted(cat) == masks[count]).mean() > 0.97
    assert " ms · onnxruntime" in page.inner_text("#engine")
    assert Screen(page).at(0, 0) == screen.at(0, 0)  # nothing that is said moves the photo

    page.click("#undo")
    screen.settled()
    assert share(masks[2]) in screen.status()
    assert (screen.tinted(cat) == masks[2]).mean() > 0.97
    page.keyboard.press("Control+z")
    page.keyboard.press("r")
    page.click("#redo")
    screen.settled()
    expect(page.locator("#redo")).to_be_disabled()
    assert share(masks[3]) in screen.status()

    clicks = screen.save(tmp_path, "json")
    assert json.loads(clicks.read_text())["photo"] == "chelsea.jpg"
    assert clicks.name == "chelsea.mask.json"
    saved = screen.save(tmp_path, "mask")
    assert saved.name == "chelsea.mask.png"
    result = command("ioebss-run", samples / "chelsea.jpg", "--clicks", clicks, "-o", "run.png")
    assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(read_mask(saved), read_mask(tmp_path / "run.png"))
    np.testing.assert_array_equal(read_mask(saved), masks[3])
    for kind in ("cutout", "overlay"):
        picture = np.asarray(Image.open(screen.save(tmp_path, kind)))
        written = tmp_path / f"{kind}.png"
        chosen = Segmenter().open(cat).validated(CAT)
        written.write_bytes(encode_result(kind, cat, masks[3], chosen, "chelsea.jpg"))
        np.testing.assert_array_equal(picture, np.asarray(Image.open(written)))

    page.reload()
    screen = Screen(page)
    expect(page.locator("#answer")).to_contain_text("%")
    assert screen.clicks() == 3
    assert share(masks[3]) in screen.status()


def test_the_dot_is_there_before_the_answer_and_clicks_queue_in_order(
    open_cat: Open, masks: list[np.ndarray]
) -> None:
    screen = open_cat()
    held = hold(screen.page, CLICKS)
    sent: list[str] = []
    screen.page.on("request", lambda request: sent.append(request.url))
    before = screen.picture()
    for x, y, label in CAT:
        screen.page.mouse.click(*screen.at(x, y), button="left" if label else "right")
    assert screen.clicks() == 3
    first = come(screen.page, held)
    screen.page.wait_for_timeout(100)
    assert len(sent) == 1  # the others wait for it
    for x, y, _ in CAT:
        assert np.abs(screen.picture()[y, x] - before[y, x]).max() > 20
    first.continue_()
    screen.settled()
    assert [url.partition("mask=")[2] for url in sent] == ["rle", "none", "rle"]
    assert share(masks[3]) in screen.status()


def test_an_answer_that_comes_late_is_not_drawn(open_cat: Open, samples: Path) -> None:
    screen = open_cat()
    held = hold(screen.page, CLICKS)
    screen.page.mouse.click(*screen.at(230, 110))
    late = come(screen.page, held)
    answer = late.fetch()
    screen.page.set_input_files("#photo-file", samples / "coffee.jpg")
    expect(screen.page.locator("#name")).to_have_text("coffee.jpg")
    late.fulfill(response=answer)  # of a photo that is no longer there
    coffee = Screen(screen.page)
    assert coffee.clicks() == 0
    assert coffee.tinted(read_photo(samples / "coffee.jpg")).mean() < 0.01


def test_the_mask_of_a_joined_session_does_not_overwrite_a_newer_one(
    open_cat: Open, masks: list[np.ndarray]
) -> None:
    screen = open_cat()
    screen.click(*CAT[0][:2])
    page = screen.page
    held = hold(page, "**/result?*")
    page.reload()
    screen = Screen(page)
    late = come(page, held)
    old = late.fetch()
    screen.click(*CAT[1][:2])
    assert share(masks[2]) in screen.status()
    with page.expect_response("**/result?*"):
        late.fulfill(response=old)
    page.wait_for_timeout(100)
    assert share(masks[2]) in screen.status()


def test_what_was_undone_is_set_again_after_a_reload(
    open_cat: Open, masks: list[np.ndarray]
) -> None:
    screen = open_cat()
    page = screen.page
    for x, y, _ in CAT[:2]:
        screen.click(x, y)
    for _ in range(2):
        page.click("#undo")
    screen.settled()
    page.reload()
    screen = Screen(page)
    expect(page.locator("#redo")).to_be_enabled()
    for mask in masks[1:3]:
        page.click("#redo")
        screen.settled()
        assert share(mask) in screen.status()
    expect(page.locator("#redo")).to_be_disabled()


def test_a_session_that_expired_is_opened_again_with_its_clicks(
    open_cat: Open, address: str, masks: list[np.ndarray]
) -> None:
    screen = open_cat()
    screen.click(*CAT[0][:2])
    screen.click(*CAT[1][:2])
    screen.page.click("#undo")
    screen.settled()
    forget(screen.page, address)
    screen.page.click("#redo")
    screen.settled()
    assert "expired" in screen.page.inner_text("#notice")
    assert share(masks[2]) in screen.status()
    forget(screen.page, address)
    screen.click(*CAT[2][:2], "right")
    assert share(masks[3]) in screen.status()


def forget(page: Page, address: str) -> None:
    """Makes the service forget the page's session."""
    session = page.url.partition("session=")[2].partition("&")[0]
    base, _, fragment = address.partition("#")
    token = fragment.partition("token=")[2].partition("&")[0]
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{base}v1/sessions/{session}", None, headers, method="DELETE")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as answer:
        assert answer.status == 204


def test_a_busy_service_is_asked_again(open_cat: Open, masks: list[np.ndarray]) -> None:
    screen = open_cat()
    body = json.dumps({"error": {"code": "busy", "message": "too many"}})
    busy = {"status": 429, "headers": {"Retry-After": "1"}, "body": body}
    screen.page.route(CLICKS, lambda route: route.fulfill(**busy), times=1)
    screen.page.mouse.click(*screen.at(*CAT[0][:2]))
    expect(screen.page.locator("#notice")).to_contain_text(
        "busy. Trying again in 1 s", timeout=20_000
    )
    screen.settled()
    assert share(masks[1]) in screen.status()
    expect(screen.page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("lost", ["question", "answer"])
def test_a_click_counts_once_whatever_the_network_loses(
    open_cat: Open, masks: list[np.ndarray], lost: str
) -> None:
    screen = open_cat()
    screen.click(*CAT[0][:2])

    def lose(route: Route) -> None:
        if lost == "answer":
            route.fetch()
        route.abort()

    screen.page.route(CLICKS, lose, times=1)
    screen.page.mouse.click(*screen.at(*CAT[1][:2]))
    expect(screen.page.locator("#notice")).to_contain_text("does not answer", timeout=20_000)
    screen.settled()
    assert screen.clicks() == 2
    assert share(masks[2]) in screen.status()
    screen.click(*CAT[2][:2], "right")
    assert share(masks[3]) in screen.status()


def test_by_the_keyboard_alone(open_cat: Open, masks: list[np.ndarray]) -> None:
    screen = open_cat()
    page = screen.page
    page.keyboard.press("c")  # a crosshair in the middle
    x, y = 451 // 2, 300 // 2
    assert page.inner_text("#live") == f"{x}, {y}"
    for key, count in (("ArrowRight", 230 - x), ("ArrowUp", y - 110)):
        for _ in range(count):
            page.keyboard.press(f"Shift+{key}")
    assert page.inner_text("#live") == "230, 110"
    page.keyboard.press("Enter")
    screen.settled()
    assert share(masks[1]) in screen.status()
    assert "On the object at 230, 110" in page.inner_text("#live")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Backspace")
    screen.settled()
    assert screen.clicks() == 2
    page.keyboard.press("u")
    screen.settled()
    page.keyboard.press("Space")
    screen.settled()
    assert screen.clicks() == 2
    for key in ("+", "+", "0", "m", "m", "[", "]", "x"):
        page.keyboard.press(key)
    screen.settled()
    assert screen.clicks() == 0
    assert page.input_value("#opacity") == "45"
    page.get_by_role("button", name="Bring them back").press("Enter")
    screen.settled()
    assert screen.clicks() == 2
    page.keyboard.press("s")
    expect(page.locator("#save-menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#save-menu")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#help-dialog")).to_be_visible()
    expect(page.locator("#keys")).to_contain_text("move the crosshair")


def test_touch_on_a_small_screen(open_cat: Open) -> None:
    screen = open_cat(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    page = screen.page
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for control in page.locator("button:visible, input[type=range]").all():
        box = control.bounding_box()
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360, control
        assert box["y"] >= 0 and box["y"] + box["height"] <= 640, control
        assert min(box["width"], box["height"]) >= 32, control
    page.touchscreen.tap(*screen.at(*CAT[0][:2]))
    screen.settled()
    assert screen.clicks() == 1
    page.get_by_role("radio", name="Background").tap()
    page.touchscreen.tap(*screen.at(400, 150))
    screen.settled()
    clicks = json.loads(screen.page.evaluate(STATE))["clicks"]
    assert [click["label"] for click in clicks] == [1, 0]
    assert abs(clicks[0]["x"] - 230) <= 1 and abs(clicks[0]["y"] - 110) <= 1

    assert Screen(page).at(0, 0) == screen.at(0, 0)
    before = screen.picture()
    pinch(page, screen.at(225, 150))
    screen.settled()
    assert screen.clicks() == 2  # two fingers zoom, they do not click
    assert (np.abs(screen.picture() - before).max(2) > 30).mean() > 0.2
    page.get_by_role("button", name="Show the whole photo").tap()
    screen.shows(before)


# The state of the page's session, as the service knows it.
STATE = """async () => {
  const id = new URLSearchParams(location.hash.slice(1)).get("session");
  const headers = { Authorization: `Bearer ${sessionStorage.getItem("ioebss.token")}` };
  return (await fetch(`v1/sessions/${id}`, { headers })).text();
}"""


def test_the_finger_that_stays_after_a_pinch_pans(open_cat: Open) -> None:
    screen = open_cat(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    x, y = screen.at(225, 150)
    pinch(screen.page, (x, y), then=(50, 80))
    assert screen.clicks() == 0
    screen.page.touchscreen.tap(x + 50, y + 80)
    screen.settled()
    (click,) = json.loads(screen.page.evaluate(STATE))["clicks"]
    assert abs(click["x"] - 225) <= 1 and abs(click["y"] - 150) <= 1


# Chromium's tools lift all fingers or none. Moves come with the next picture.
LIFT = """async () => {
  for (let i = 0; i < 2; ++i) await new Promise(requestAnimationFrame);
  stage.dispatchEvent(new PointerEvent("pointerup", { pointerId: window.second }));
}"""


def pinch(page: Page, middle: tuple[float, float], then: tuple[float, float] | None = None) -> None:
    """Two fingers move apart; `then` the second is lifted and the first moves so far."""
    tools = page.context.new_cdp_session(page)
    page.evaluate("addEventListener('pointerdown', (event) => (window.second = event.pointerId))")

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        tools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    x, y = middle
    for kind, spread in (("touchStart", 20), ("touchMove", 40), ("touchMove", 80)):
        touch(kind, (x - spread, y), (x + spread, y))
    if then is not None:
        page.evaluate(LIFT)
        touch("touchMove", (x - 80 + then[0], y + then[1]), (x + 80, y))
    touch("touchEnd")
    page.wait_for_timeout(500)  # Chromium may take a tap at once for a part of the gesture


def test_mouse_zoom_and_pan_keep_the_pixel_under_the_cursor(open_cat: Open) -> None:
    screen = open_cat()
    page = screen.page
    before = screen.picture()
    page.mouse.move(*screen.at(230, 110))
    page.mouse.wheel(0, -400)
    screen.settled()
    assert (np.abs(screen.picture() - before).max(2) > 30).mean() > 0.2
    page.mouse.down()  # clicks the pixel that was under the cursor
    page.mouse.up()
    screen.settled()
    assert json.loads(page.evaluate(STATE))["clicks"] == [{"x": 230, "y": 110, "label": 1}]
    page.keyboard.down("Space")
    page.mouse.down()
    page.mouse.move(*screen.at(250, 130), steps=3)
    page.mouse.up()
    page.keyboard.up("Space")
    page.mouse.down()  # the photo came along
    page.mouse.up()
    screen.settled()
    assert [click["x"] for click in json.loads(page.evaluate(STATE))["clicks"]] == [230, 230]


def test_start_from_a_mask(open_cat: Open, cat: np.ndarray, tmp_path: Path) -> None:
    screen = open_cat()
    start = np.zeros(cat.shape[:2], bool)
    start[50:200, 100:300] = True
    path = tmp_path / "start.png"
    Image.fromarray(start).save(path)
    screen.page.set_input_files("#mask-file", path)  # it is read before the service is asked
    expect(screen.page.locator("#answer")).to_contain_text(share(start))
    screen.settled()
    assert (screen.tinted(cat) == start).mean() > 0.97
    screen.click(400, 150, "right")  # a background click may be the first here
    saved = read_mask(screen.save(tmp_path, "mask"))
    session = Segmenter().open(cat)
    session.reset(start)
    np.testing.assert_array_equal(saved, session.click(400, 150, 0))

    Image.fromarray(start[:-1]).save(path)
    screen.page.set_input_files("#mask-file", path)
    expect(screen.page.locator("#notice")).to_contain_text("shape")
    assert screen.clicks() == 1


def test_what_is_no_photo_leaves_the_one_that_is_there(open_cat: Open, tmp_path: Path) -> None:
    screen = open_cat()
    screen.page.mouse.click(*screen.at(*CAT[0][:2]), button="right")
    expect(screen.page.locator("#notice")).to_contain_text("Click on the object first")
    screen.click(*CAT[0][:2])
    (tmp_path / "letter.jpg").write_text("no photo")
    screen.page.set_input_files("#photo-file", tmp_path / "letter.jpg")
    expect(screen.page.locator("#notice")).to_contain_text("no photo that can be read")
    assert screen.clicks() == 1
    assert screen.page.inner_text("#name") == "chelsea.jpg"


@pytest.mark.parametrize("kind", ["tiff", "turned"])
def test_photos_that_browsers_show_in_another_way(
    open_cat: Open, cat: np.ndarray, kind: str, tmp_path: Path
) -> None:
    """TIFF, which Chromium does not read, and a JPEG that its EXIF turns by 90 degrees."""
    screen = open_cat()
    path = tmp_path / ("photo.tif" if kind == "tiff" else "photo.jpg")
    picture, exif = Image.fromarray(cat), Image.Exif()
    if kind == "turned":
        exif[0x0112] = 6
    picture.save(path, exif=exif)
    screen.page.set_input_files("#photo-file", path)
    expect(screen.page.locator("#name")).to_have_text(path.name)
    screen = Screen(screen.page)
    expected = read_photo(path)
    assert (screen.height, screen.width) == expected.shape[:2]
    assert np.abs(screen.picture() - expected).mean() < 6


def with_wrong_token(address: str) -> tuple[str, str]:
    """The address with another token in it, and the right one."""
    base, _, fragment = address.partition("#")
    token = fragment.partition("token=")[2].partition("&")[0]
    return f"{base}#{fragment.replace(token, 'wrong-wrong-wrong-wrong')}", token


def test_without_the_token_the_page_asks_for_it(
    new_page: Callable[..., Page], address: str
) -> None:
    wrong, token = with_wrong_token(address)
    page = new_page()
    page.goto(wrong)
    page.fill("#token", token)
    page.click("#token-dialog button")
    assert Screen(page).page.inner_text("#name") == "chelsea.jpg"


def test_a_refusal_that_comes_late_does_not_ask_for_the_token_again(
    new_page: Callable[..., Page], address: str
) -> None:
    """The page asks for state and photo at once; the photo's refusal comes after the answer."""
    wrong, token = with_wrong_token(address)
    page = new_page()
    held = hold(page, "**/photo")
    page.goto(wrong)
    page.fill("#token", token)
    with page.expect_response(lambda response: response.ok and "/sessions/" in response.url):
        page.click("#token-dialog button")
    come(page, held).continue_()
    assert Screen(page).page.inner_text("#name") == "chelsea.jpg"
    expect(page.locator("#token-dialog")).to_be_hidden()


@pytest.mark.parametrize("late", ["opened", "joined", "joined, its mask"])
def test_a_photo_that_is_ready_late_does_not_replace_the_newer_one(
    open_cat: Open, cat: np.ndarray, samples: Path, tmp_path: Path, late: str
) -> None:
    screen = open_cat()
    page = screen.page
    screen.click(*CAT[0][:2])
    held = hold(page, "**/photo" if late == "joined" else "**/result?*")
    if late == "opened":
        Image.fromarray(cat).save(tmp_path / "photo.tif")  # the service draws it
        page.set_input_files("#photo-file", tmp_path / "photo.tif")
    else:
        page.reload()
    route = come(page, held)
    page.set_input_files("#photo-file", samples / "coffee.jpg")
    expect(page.locator("#name")).to_have_text("coffee.jpg")
    route.continue_()
    page.wait_for_timeout(500)
    assert page.inner_text("#name") == "coffee.jpg"
    expect(page.locator("#notice")).to_be_hidden()
    screen = Screen(page)
    screen.click(300, 200)
    assert screen.clicks() == 1


def test_while_a_session_is_joined_the_page_says_so(open_cat: Open) -> None:
    page = open_cat().page
    held = hold(page, "**/photo")
    page.reload()
    come(page, held)
    page.evaluate("fetch('healthz').then((answer) => answer.ok)")
    page.wait_for_timeout(100)
    assert page.inner_text("#answer") == "Opening chelsea.jpg …"
    held[0].continue_()


def test_saving_at_once_leaves_the_last_mask_on_the_screen(
    open_cat: Open, masks: list[np.ndarray], tmp_path: Path
) -> None:
    screen = open_cat()
    page = screen.page
    held = hold(page, CLICKS)
    for x, y, _ in CAT[:2]:
        page.mouse.click(*screen.at(x, y))
    page.click("#save")
    with page.expect_download() as download:
        page.click("#save-menu button[data-format=mask]")
        come(page, held).continue_()
    download.value.save_as(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), masks[2])
    screen.settled()
    assert share(masks[2]) in screen.status()


FAILED = {"status": 500, "body": json.dumps({"error": {"code": "failed", "message": "it failed"}})}


def test_after_a_click_that_failed_the_mask_of_those_before_is_seen(
    open_cat: Open, masks: list[np.ndarray]
) -> None:
    screen = open_cat()
    page = screen.page
    held: list[Route] = []
    page.route(CLICKS, lambda route: held.append(route))
    for x, y, label in CAT:
        page.mouse.click(*screen.at(x, y), button="left" if label else "right")
    for _ in range(2):
        come(page, held).continue_()
        held.clear()
    come(page, held).fulfill(**FAILED)
    expect(page.locator("#answer")).to_have_text(f"2 clicks, {share(masks[2])} of the photo")
    assert page.inner_text("#notice-text") == "It failed."


def test_a_reset_that_failed_is_not_called_done(open_cat: Open, masks: list[np.ndarray]) -> None:
    screen = open_cat()
    page = screen.page
    screen.click(*CAT[0][:2])
    page.route("**/reset?*", lambda route: route.fulfill(**FAILED), times=1)
    page.click("#reset")
    screen.settled()
    page.wait_for_timeout(100)
    assert page.inner_text("#notice-text") == "It failed."
    assert share(masks[1]) in screen.status()


def test_clicks_are_not_brought_back_between_newer_ones(open_cat: Open) -> None:
    screen = open_cat()
    page = screen.page
    screen.click(*CAT[0][:2])
    held = hold(page, "**/reset?*")
    page.click("#reset")
    come(page, held)
    page.mouse.click(*screen.at(*CAT[1][:2]))
    held[0].continue_()
    screen.settled()
    expect(page.locator("#notice-action")).to_be_hidden()
    assert screen.clicks() == 1


@pytest.mark.parametrize("lost", ["reset", "expired"])
def test_a_mask_that_the_command_started_from_is_not_lost(
    new_page: Callable[..., Page], samples: Path, cat: np.ndarray, tmp_path: Path, lost: str
) -> None:
    start = np.zeros(cat.shape[:2], bool)
    start[50:200, 100:300] = True
    Image.fromarray(start).save(tmp_path / "start.png")
    session = Segmenter().open(cat)
    session.reset(start)
    page = new_page()
    with serving(samples / "chelsea.jpg", "--start", tmp_path / "start.png") as (address, _):
        page.goto(address)
        screen = Screen(page)
        expect(page.locator("#answer")).to_contain_text(share(start))
        if lost == "reset":
            page.click("#reset")
            page.get_by_role("button", name="Bring them back").click()
            expect(page.locator("#answer")).to_contain_text(share(start))
        else:
            forget(page, address)
        screen.click(400, 150, "right")
        assert share(session.click(400, 150, 0)) in screen.status()
        page.goto("about:blank")


def test_a_photo_stays_although_its_file_changes(
    open_cat: Open, address: str, samples: Path, masks: list[np.ndarray], tmp_path: Path
) -> None:
    page = open_cat().page
    path = tmp_path / "mine.jpg"
    path.write_bytes((samples / "chelsea.jpg").read_bytes())
    page.set_input_files("#photo-file", path)
    expect(page.locator("#name")).to_have_text("mine.jpg")
    path.write_bytes(b"another")
    forget(page, address)
    screen = Screen(page)
    screen.click(*CAT[0][:2])
    assert share(masks[1]) in screen.status()


def test_a_file_that_is_gone_is_not_taken_for_a_service_that_is(
    open_cat: Open, samples: Path, tmp_path: Path
) -> None:
    page = open_cat().page
    path = tmp_path / "mine.jpg"
    path.write_bytes((samples / "chelsea.jpg").read_bytes())
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('input'), "
        "{ type: 'file', id: 'other' }))"
    )
    page.set_input_files("#other", path)
    path.unlink()
    page.evaluate("""() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(document.querySelector("#other").files[0]);
      document.dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
    }""")
    expect(page.locator("#notice-text")).to_contain_text("cannot be read")
    assert page.inner_text("#answer") == "Click on the object"


def test_two_tabs_on_one_session(
    open_cat: Open, new_page: Callable[..., Page], address: str, masks: list[np.ndarray]
) -> None:
    screen = open_cat()
    base, _, fragment = address.partition("#")
    token = fragment.partition("&")[0]
    other = new_page()
    other.goto(f"{base}#{token}&{screen.page.url.partition('#')[2]}")
    second = Screen(other)
    screen.click(*CAT[0][:2])
    second.click(*CAT[1][:2])
    assert second.clicks() == 2
    assert share(masks[2]) in second.status()


def test_on_a_screen_of_another_density_the_picture_is_drawn_as_sharp(open_cat: Open) -> None:
    screen = open_cat()
    page = screen.page
    tools = page.context.new_cdp_session(page)
    size = {"width": 900, "height": 640, "mobile": False}
    for density in (2, 1.5):
        tools.send("Emulation.setDeviceMetricsOverride", size | {"deviceScaleFactor": density})
        page.keyboard.press("0")
        screen.settled()
        assert page.evaluate("document.querySelector('#stage').width") == 900 * density


def test_a_token_that_cannot_be_sent_is_not_taken(
    new_page: Callable[..., Page], address: str
) -> None:
    wrong, token = with_wrong_token(address)
    page = new_page()
    page.goto(wrong)
    page.fill("#token", "пароль-пароль-пароль")
    page.click("#token-dialog button")
    expect(page.locator("#token-dialog")).to_be_visible()
    page.fill("#token", f" {token} ")
    page.click("#token-dialog button")
    assert Screen(page).page.inner_text("#name") == "chelsea.jpg"


def test_a_photo_that_the_service_draws_is_opened_once(
    open_cat: Open, cat: np.ndarray, tmp_path: Path
) -> None:
    page = open_cat().page
    path = tmp_path / "photo.tif"
    Image.fromarray(cat).save(path)
    opened: list[str] = []
    page.on("request", lambda r: r.method == "POST" and opened.append(r.url))
    page.set_input_files("#photo-file", path)
    expect(page.locator("#name")).to_have_text("photo.tif")
    assert len(opened) == 1


def test_opening_again_at_a_busy_service_leaves_no_session_behind(
    open_cat: Open, address: str, masks: list[np.ndarray]
) -> None:
    screen = open_cat()
    page = screen.page
    screen.click(*CAT[0][:2])
    forget(page, address)
    seen: list[str] = []
    page.on("request", lambda r: "/v1/sessions" in r.url and seen.append(r.method))
    busy = {"status": 429, "headers": {"Retry-After": "1"}, "body": "{}"}
    # The click is answered that there is no session; this is the one before it, repeated.
    page.route("**/clicks?mask=none", lambda route: route.fulfill(**busy), times=1)
    screen.click(*CAT[1][:2])
    assert share(masks[2]) in screen.status()
    assert seen.count("DELETE") == 1


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_photos_that_are_upside_down(
    open_cat: Open, cat: np.ndarray, tmp_path: Path, suffix: str
) -> None:
    """By their EXIF, which not every browser obeys in every format; the size is the same."""
    page = open_cat().page
    path = tmp_path / f"photo{suffix}"
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(cat).save(path, exif=exif)
    page.set_input_files("#photo-file", path)
    expect(page.locator("#name")).to_have_text(path.name)
    expected = read_photo(path)
    assert np.abs(expected - np.rot90(cat, 2).astype(np.int16)).mean() < 3
    assert np.abs(Screen(page).picture() - expected).mean() < 6


def test_a_browser_that_keeps_nothing(new_page: Callable[..., Page], address: str) -> None:
    """With all cookies blocked, even to ask for the storage is an error."""
    page = new_page()
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', "
        "{ get() { throw new DOMException('blocked', 'SecurityError'); } })"
    )
    page.goto(address)
    assert Screen(page).page.inner_text("#name") == "chelsea.jpg"


def test_what_another_tab_took_back_is_gone(
    open_cat: Open, new_page: Callable[..., Page], address: str
) -> None:
    screen = open_cat()
    screen.click(*CAT[0][:2])
    base, _, fragment = address.partition("#")
    other = new_page()
    other.goto(f"{base}#{fragment.partition('&')[0]}&{screen.page.url.partition('#')[2]}")
    second = Screen(other)
    screen.page.click("#undo")
    screen.settled()
    other.click("#undo")
    expect(other.locator("#notice")).to_contain_text("no click to undo")
    expect(other.locator("#answer")).to_have_text("Click on the object")
    assert second.clicks() == 0
