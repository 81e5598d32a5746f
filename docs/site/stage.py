#!/usr/bin/env python3
"""Puts the site's pages together, for mkdocs.

usage: stage.py ROOT OUT

From the pages in docs/, the README and the changelog, the programs in docs/examples/
and Doxygen's XML in OUT/xml come OUT/pages and OUT/mkdocs.yml. The pages in the
repository are written for whoever reads them there, so links are turned here.
"""

import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures
import reference

TOP = {"README.md": "index.md", "CHANGELOG.md": "CHANGELOG.md", "CONTRIBUTING.md": "CONTRIBUTING.md",
       "SECURITY.md": "SECURITY.md", "LICENSE": "LICENSE.md"}
LINK = re.compile(r"(\]\()((?!https?:|mailto:|#)[^)\s]+)(\))")
# GitHub wants a stroke in a table's code escaped, Python-Markdown takes it as it is.
ESCAPED_STROKES = re.compile(r"`[^`\n]*`")
EXAMPLE = re.compile(r"`(?:docs/)?examples/([\w/]+)\.cpp`")


def turned(link, is_top):
    """Where a link of the repository leads to on the site."""
    path, _, fragment = link.partition("#")
    name = path.removeprefix("../").removeprefix("docs/")
    if path.startswith("docs/") or not (is_top or path.startswith("../")):
        target = name
    else:
        target = TOP.get(name, name)
    if target.endswith(".cpp"):
        target = target.removesuffix(".cpp") + ".md"
    return target + (f"#{fragment}" if fragment else "")


def page_text(text, is_top):
    text = re.sub(r"^```cpp body$", "```cpp", text, flags=re.MULTILINE)
    text = LINK.sub(lambda match: match.group(1) + turned(match.group(2), is_top) + match.group(3), text)
    text = re.sub(r"^\|.*$", lambda row: ESCAPED_STROKES.sub(lambda code: code.group().replace("\\|", "|"), row.group()),
                  text, flags=re.MULTILINE)
    # A program that is only named can be looked at too. Not in code, where nobody could follow.
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [EXAMPLE.sub(r"[`examples/\1.cpp`](examples/\1.md)", part) for part in parts[::2]]
    return "".join(parts)


def stage_pages(root, pages):
    for page in sorted((root / "docs").glob("*.md")):
        (pages / page.name).write_text(figures.with_plots(page_text(page.read_text(), False)))
    figures.check_readme((root / "README.md").read_text(), (root / "docs/performance.md").read_text())
    for source, target in TOP.items():
        if (root / source).exists():
            text = (root / source).read_text()
            if source == "LICENSE":
                text = f"# License\n\n```text\n{text.strip()}\n```\n"
            (pages / target).write_text(page_text(text, True))
    for program in sorted((root / "docs/examples").rglob("*.cpp")):
        page = pages / "examples" / program.relative_to(root / "docs/examples").with_suffix(".md")
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f"# {program.name}\n\n```cpp\n{program.read_text().rstrip()}\n```\n")
    shutil.copytree(root / "docs/pictures", pages / "pictures")
    # Files that the README leads to.
    shutil.copytree(root / "packaging", pages / "packaging", ignore=shutil.ignore_patterns("*.md", "meson.build"))
    for name in ("style.css", "offline.js"):
        shutil.copy(root / "docs/site" / name, pages)


def navigation(config, reference_pages):
    """The line for the reference becomes its pages."""
    lines = ["  - Reference:", "      - All names: reference/index.md"]
    for half, title in reference.HALVES.items():
        lines.append(f"      - {title}:")
        lines += [f"          - {name}: reference/{page}" for name, page in reference_pages[half]]
    line = "  - Reference: reference/index.md"
    if line not in config:
        sys.exit(f"mkdocs.yml: no line {line!r}")
    return config.replace(line, "\n".join(lines))


def check_navigation(config, pages):
    """A page that nobody finds is as good as none."""
    missing = [page.name for page in sorted(pages.glob("*.md")) if not re.search(rf": {page.name}$", config, re.MULTILINE)]
    missing = [name for name in missing if name != "LICENSE.md"]
    if missing:
        sys.exit(f"docs/site/mkdocs.yml: not in the navigation: {', '.join(missing)}")


def main():
    root, out = map(pathlib.Path, sys.argv[1:])
    pages = out / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    stage_pages(root, pages)
    config = (root / "docs/site/mkdocs.yml").read_text()
    check_navigation(config, pages)
    config = navigation(config, reference.write(root, out / "xml", pages / "reference"))
    (out / "mkdocs.yml").write_text(config.replace("../../build/docs/pages", "pages"))


main()
