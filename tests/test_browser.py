"""The leaderboard in a real browser."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

import fixture_entries as fixture
from angels_share.index import write_index

pytestmark = pytest.mark.browser

APP = Path(__file__).parents[1] / "leaderboard" / "app.py"
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE = 120
"""Seconds that a busy machine may take."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = f"{CHROMIUM} is missing; install it with `apt-get install chromium`"
        if os.environ.get("CI") == "1":
            pytest.fail(reason)
        sys.__stderr__.write(f"\nbrowser tests skipped: {reason}\n")
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a leaderboard of three pairs."""
    folder = tmp_path_factory.mktemp("served")
    write_index([fixture.distilled(), fixture.pruned(), fixture.control()], [], folder / "index")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {
        "server.address": "127.0.0.1",
        "server.port": str(port),
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
    }
    command = [sys.executable, "-m", "streamlit", "run", str(APP), *(f"--{k}={v}" for k, v in options.items())]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen([*command, "--", "--index", "index"], cwd=folder, stdout=log, stderr=log)
    try:
        wait_until_healthy(server, port, folder / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(PATIENCE)


def wait_until_healthy(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once the server answers."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/_stcore/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.3)
        finally:
            connection.close()
    pytest.fail(f"the leaderboard does not start: {log.read_text()}")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(1000 * PATIENCE)
    expect.set_options(timeout=1000 * PATIENCE)
    yield context.new_page()
    context.close()


def title(page: Page, text: str) -> Locator:
    return page.get_by_role("heading", name=text, level=1)


def cells(page: Page) -> Locator:
    """Return the cells of the board: the table itself is painted, and they are there for screen readers."""
    return page.get_by_test_id("stDataFrame").first.locator("[role=gridcell]")


def fits(page: Page) -> bool:
    """Tell whether nothing sticks out of the page sideways."""
    return bool(page.get_by_test_id("stMain").evaluate("main => main.scrollWidth <= main.clientWidth"))


@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
def test_from_the_board_to_a_pair_and_back(page: Page, address: str, tmp_path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{address}/?controls=true")
    expect(title(page, "Angel's Share")).to_be_visible()
    for entry in (fixture.distilled(), fixture.pruned(), fixture.control()):
        expect(cells(page).filter(has_text=f"{entry.score.student} ← {entry.score.teacher}")).to_be_attached()
        expect(page.get_by_test_id("stVegaLiteChart").get_by_text(entry.score.student, exact=True)).to_be_visible()
    assert fits(page)
    page.screenshot(path=tmp_path / "board.png", full_page=True)

    page.get_by_role("combobox", name="Open a pair").click()
    page.get_by_role("option").filter(has_text="fixture-student-700k").click()
    expect(page.get_by_role("heading", name="Distillation Loss Statement")).to_be_visible()
    assert page.url == f"{address}/pair?id={fixture.distilled().pair_id}"
    for words in ("8. Deployment implication", "Labels of one group may fail: the product checks them by hand."):
        expect(page.get_by_text(words, exact=True)).to_be_visible()
    assert fits(page)
    page.screenshot(path=tmp_path / "pair.png", full_page=True)

    page.get_by_role("link", name="Back to the board").click()
    expect(title(page, "Angel's Share")).to_be_visible()


def test_a_click_on_a_row_opens_its_pair(page: Page, address: str) -> None:
    page.goto(address)
    grid = page.get_by_test_id("stDataFrame").first
    expect(cells(page).first).to_be_attached()
    header, row = 35, 35
    grid.click(position={"x": 16, "y": header + 1.5 * row})
    expect(page.get_by_text("Parts of the teacher were removed. This is no distillation.")).to_be_visible()
    assert page.url == f"{address}/pair?id={fixture.pruned().pair_id}"
    page.go_back()
    expect(title(page, "Angel's Share")).to_be_visible()


def test_an_unknown_pair_leads_back(page: Page, address: str) -> None:
    page.goto(f"{address}/pair?id=0000000000000000")
    expect(title(page, "No such pair")).to_be_visible()
    page.get_by_role("link", name="Back to the board").click()
    expect(title(page, "Angel's Share")).to_be_visible()


def test_nothing_is_loaded_from_elsewhere(page: Page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/pair?id={fixture.distilled().pair_id}")
    page.get_by_role("button", name="All of this as JSON").wait_for()
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
