#!/usr/bin/env python3
"""Reads the built site as its readers do, in a headless Chromium.

usage: check_site.py SITE SCREENSHOTS

Every page: its links lead somewhere, nothing is complained of in the console, and a
phone shows it without scrolling sideways. The whole: the search finds names, also where
the pages are read from a disk, code can be copied, dark and light differ and can be read. Screenshots are left for people.
The last line is `N passed, N failed, N skipped`.
"""

import contextlib
import functools
import html.parser
import http.server
import pathlib
import re
import sys
import tempfile
import threading
import urllib.parse

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

PHONE = {"width": 390, "height": 844, "pixelRatio": 2}
SHOWN = ("index.html", "which_call.html", "coming_from.html", "design.html", "reference/index.html",
         "reference/asio_integration/async_child.html")
# A network that is not there is not asked.
QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
         "--disable-background-networking", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,1000")


class Page(html.parser.HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, path):
        super().__init__()
        self.places, self.links = {""}, []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.places.update(attributes[name] for name in ("id", "name") if attributes.get(name))
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]


def broken_links(site, path, pages):
    """Links of one page that lead nowhere; those to elsewhere are not followed."""
    for link in pages[path].links:
        parts = urllib.parse.urlsplit(link)
        if parts.scheme or parts.netloc:
            if parts.scheme not in ("https", "mailto", "data"):
                yield link
            continue
        where = urllib.parse.unquote(parts.path)
        base = site if where.startswith("/") else path.parent
        target = (base / where.lstrip("/")).resolve() if where else path
        target = target / "index.html" if target.is_dir() else target
        if not target.exists():
            yield link
        elif target in pages and urllib.parse.unquote(parts.fragment) not in pages[target].places:
            yield link


@contextlib.contextmanager
def served(site):
    class handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


@contextlib.contextmanager
def browser(phone=False, scheme="light"):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if phone:
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": PHONE})
    with tempfile.TemporaryDirectory() as profile:
        for argument in (*QUIET, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        driver.set_page_load_timeout(60)
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                               {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        try:
            yield driver
        finally:
            driver.quit()


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, wrong):
        """`wrong` is what is not as it should be; empty when nothing is."""
        self.passed += not wrong
        self.failed += bool(wrong)
        if wrong:
            print(f"FAILED {name}: {wrong}", flush=True)

    def attempt(self, name, function, *arguments):
        try:
            self.check(name, function(*arguments))
        except Exception as error:  # Whatever the browser says.
            self.check(name, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")


def wait_for(driver, condition):
    return WebDriverWait(driver, 20).until(condition)


def complaints(driver):
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def wrong_on_phone(driver, address):
    driver.get(address)
    # Scripts make the tables scroll by themselves; before that they are too wide.
    wait_for(driver, lambda d: d.execute_script(
        "return document.querySelectorAll('.md-typeset table:not([class])').length"
        " == document.querySelectorAll('.md-typeset__table > table:not([class])').length"))
    width, inside = driver.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    told = complaints(driver)
    return (f"{width} pixels wide on a screen of {inside}" if width > inside or inside != PHONE["width"] else "") or told


def wrong_in_search(driver, base, word, target):
    driver.get(base + "index.html")
    field = wait_for(driver, lambda d: d.find_element(By.CSS_SELECTOR, "input.md-search__input"))
    field.click()
    field.send_keys(word)
    found = f'.md-search-result__link[href*="{target}"]'
    wait_for(driver, lambda d: d.find_elements(By.CSS_SELECTOR, found))
    field.send_keys(Keys.ESCAPE)
    return ""


def wrong_in_copy(driver, base):
    """What the button copies is what one pastes."""
    driver.get(base + "recipes.html")
    # The button is made when the code is seen.
    driver.execute_script("document.querySelector('pre').scrollIntoView({block: 'center'})")
    button = wait_for(driver, lambda d: d.find_element(By.CSS_SELECTOR, "button.md-clipboard"))
    shown = driver.execute_script("return arguments[0].parentElement.querySelector('code').innerText", button).strip()
    button.click()
    field = driver.execute_script("""
        const field = document.createElement('textarea');
        document.querySelector('.md-content').prepend(field);
        return field;""")
    field.send_keys(Keys.CONTROL, "v")
    pasted = field.get_property("value").strip()
    if pasted != shown:
        return f"one pastes {pasted!r}"
    return "" if "#include" in shown else "no program on the page"


def brightness(colour):
    """Of what CSS calls a colour: 0 is black, 1 is white."""
    numbers = [float(number) / 255 for number in re.findall(r"[\d.]+", colour)[:3]]
    linear = [n / 12.92 if n <= .04045 else ((n + .055) / 1.055) ** 2.4 for n in numbers]
    return .2126 * linear[0] + .7152 * linear[1] + .0722 * linear[2]


def wrong_in_colours(driver, base, scheme):
    """Text, links and code against what they stand on: WCAG's 4.5 to 1."""
    driver.get(base + "guide.html")
    paper, ink, link, code, code_ink = (brightness(one) for one in driver.execute_script("""
        const of = (selector, what) => getComputedStyle(document.querySelector(selector))[what];
        return [of('body', 'backgroundColor'), of('.md-typeset p', 'color'), of('.md-typeset p a', 'color'),
                of('.md-typeset pre > code', 'backgroundColor'), of('.md-typeset pre > code', 'color')];"""))
    if (paper < .2) != (scheme == "dark"):
        return f"the paper's brightness is {paper:.2f}"
    for on, text in ((paper, ink), (paper, link), (code, code_ink)):
        contrast = (max(on, text) + .05) / (min(on, text) + .05)
        if contrast < 4.5:
            return f"a contrast of {contrast:.1f}"
    return ""


def wrong_in_toggle(driver, base):
    driver.get(base + "index.html")
    scheme = "return document.body.getAttribute('data-md-color-scheme')"
    before = driver.execute_script(scheme)
    wait_for(driver, lambda d: d.find_element(By.CSS_SELECTOR, "label.md-header__button[for^=__palette]:not([hidden])")).click()
    wait_for(driver, lambda d: d.execute_script(scheme) != before)
    return ""


def take_screenshots(driver, base, out, kind):
    for page in SHOWN:
        driver.get(base + page)
        wait_for(driver, lambda d: d.execute_script("return document.readyState == 'complete'"))
        driver.save_screenshot(str(out / f"{page.replace('/', '-').removesuffix('.html')}-{kind}.png"))


def main():
    site, out = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    checks = Checks()
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    for path in pages:
        checks.check(f"links of {path.relative_to(site)}", ", ".join(broken_links(site, path, pages)))
    with served(site) as base:
        with browser(phone=True) as driver:
            for path in pages:
                name = str(path.relative_to(site))
                checks.attempt(f"{name} on a phone", wrong_on_phone, driver, base + name)
            take_screenshots(driver, base, out, "phone")
        for scheme in ("light", "dark"):
            with browser(scheme=scheme) as driver:
                checks.attempt(scheme, wrong_in_colours, driver, base, scheme)
                take_screenshots(driver, base, out, scheme)
                if scheme == "light":
                    checks.attempt("search", wrong_in_search, driver, base, "async_capture", "async_capture.html")
                    checks.attempt("search for a member", wrong_in_search, driver, base, "kill_on_destroy", "command.html")
                    checks.attempt("search without a server", wrong_in_search, driver, f"{site.as_uri()}/", "async_capture",
                                   "async_capture.html")
                    checks.attempt("copy", wrong_in_copy, driver, base)
                    checks.attempt("toggle", wrong_in_toggle, driver, base)
                checks.check(f"console, {scheme}", complaints(driver))
    print(f"{checks.passed} passed, {checks.failed} failed, 0 skipped")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
