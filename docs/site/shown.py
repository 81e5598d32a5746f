"""Where the pages and programs show a public name at work, in code that is compiled."""

import pathlib
import re
import unicodedata

BLOCK = re.compile(r"^```cpp(?: body)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
# What is looked up here last: it has everything, and explains nothing.
LAST = "cheat_sheet.md"


def slug(heading):
    """As Python-Markdown makes an anchor."""
    text = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower())


class Place:
    def __init__(self, page, title, anchor, code):
        self.page, self.title, self.anchor = page, title, anchor
        self.words = set(re.findall(r"\w+", code))
        self.called = set(re.findall(r"(\w+)\(", code))

    @property
    def link(self):
        return f"{self.page}#{self.anchor}" if self.anchor else self.page


def places_of(root):
    """All of them, those that explain first."""
    found = []
    pages = sorted((root / "docs").glob("*.md"), key=lambda page: (page.name == LAST, page.name))
    for page in pages:
        text = page.read_text()
        for block in BLOCK.finditer(text):
            if block.group(1).startswith("// docs/examples/"):
                continue # The program is looked at by itself.
            above = [one.group(1) for one in HEADING.finditer(text, 0, block.start())]
            found.append(Place(page.name, above[-1], slug(above[-1]) if len(above) > 1 else "", block.group(1)))
    programs = [Place(f"examples/{program.relative_to(root / 'docs/examples').with_suffix('.md')}", program.name, "",
                      program.read_text()) for program in sorted((root / "docs/examples").rglob("*.cpp"))]
    explaining = [place for place in found if place.page != LAST]
    return [*explaining, *programs, *(place for place in found if place.page == LAST)]


def spoken(entry):
    """Nobody writes basic_async_child."""
    return entry.name.split("::")[-1].removeprefix("basic_")


def needs_example(entry, owner=None):
    """Constraints and what a getter shows are not for callers to write; constructors are their class."""
    if entry.kind in ("concept", "typedef") or entry.name.startswith("operator") or "::" in entry.name:
        return False
    if owner is None:
        return True
    return entry.kind == "function" and owner.name not in ("command::settings",) and spoken(entry) != spoken(owner)


class Shown:
    def __init__(self, root):
        self.places = places_of(pathlib.Path(root))

    def place(self, entry, owner=None, preferred=()):
        """Where it is best looked at; None if nowhere."""
        name = spoken(entry)
        owners = {spoken(owner)} if owner else set()

        def rank(numbered):
            number, place = numbered
            return (place.page not in preferred, not owners <= place.words, number)

        found = [(number, place) for number, place in enumerate(self.places)
                 if name in (place.called if entry.kind == "function" else place.words)]
        # A name that is given to another function, without its parentheses, counts too.
        found = found or [(number, place) for number, place in enumerate(self.places) if name in place.words]
        return min(found, key=rank)[1] if found else None
