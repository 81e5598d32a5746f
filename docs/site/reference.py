"""The reference as Markdown: one page for each public header, and one of all names."""

import pathlib
import re

import doxygen_model
import shown

HALVES = {"subprocess": "The core", "asio_integration": "The event loop"}
REFERENCE = re.compile(r"\[(`[^`]*`)\]\(<([^>]*)>\)")
WIDTH = 88
# Where a header's names are shown at work: the page, and what it is called.
SHOWN_IN = {
    "guide.md": ("Guide", "child command exit_error exit_status program_search subprocess/spawn"),
    "streams.md": ("Streams", "capture capture_options exit_report output_line stdio window_size"),
    "options.md": ("Options", "command environment process_options"),
    "stopping.md": ("Stopping", "kill_tree run_options stop_sequence time_limit"),
    "errors.md": ("Errors, step by step", "error"),
    "event_loop.md": ("The event loop", "async_capture async_child async_run async_spawn co event_loop reaper"
                                        " asio_integration/spawn"),
    "async.md": ("Asynchronous functions", "async_capture async_child async_run async_spawn child_change event_loop"),
    "async_streams.md": ("Streams on the event loop", "async_communicate async_tee child_lines input_stream line_options"
                                                      " line_reader terminal_stream"),
    "many.md": ("Many children", "async_pipeline async_wait_many pipeline spawn_limiter spawn_permit wait_result"),
    "pool.md": ("A pool of workers", "worker_pool"),
    "pool_leases.md": ("Leases", "worker_lease"),
    "pool_reference.md": ("The pool in tables", "pool_event worker_lease worker_pool worker_pool_options"),
}


def page_of(entry):
    """Relative to the reference's own folder."""
    return str(pathlib.PurePosixPath(entry.header).with_suffix(".md"))


class Links:
    """From Doxygen's identifiers to places on the pages."""

    def __init__(self, entries):
        self.places = {}
        for entry in entries:
            self.add(entry, page_of(entry))
            for member in entry.members:
                self.add(member, page_of(entry))

    def add(self, entry, page):
        for identifier in entry.identifiers:
            self.places[identifier] = (page, entry.anchor)

    def resolve(self, text, page):
        depth = "../" * page.count("/")

        def link(match):
            # The run() of an event loop is not the one of this library.
            is_of_loop = match.group(1) == "`run()`" and page.startswith("asio_integration/")
            if match.group(2) not in self.places or is_of_loop:
                return match.group(1)
            target, anchor = self.places[match.group(2)]
            where = "" if target == page else depth + target
            return f"[{match.group(1)}]({where}#{anchor})"

        return REFERENCE.sub(link, text)


def wrapped(declaration):
    """One argument a line, where it is too long for one."""
    lines = []
    for line in declaration.split("\n"):
        opening = line.find("(")
        if len(line) <= WIDTH or opening == -1 or line.startswith("template"):
            lines.append(line)
            continue
        depth, start, parts = 0, opening + 1, []
        closing = line.rfind(")")
        for i in range(opening + 1, closing):
            depth += {"(": 1, "<": 1, "{": 1, ")": -1, ">": -1, "}": -1}.get(line[i], 0)
            if line[i] == "," and depth == 0:
                parts.append(line[start:i + 1].strip())
                start = i + 1
        parts.append(line[start:closing].strip())
        lines += [line[:opening + 1]] + ["    " + part for part in parts]
        lines[-1] += line[closing:]
    return "\n".join(lines)


def code(declarations):
    return "```cpp\n" + "\n".join(wrapped(one) for one in declarations) + "\n```"


def labelled(label, text):
    separator = "\n\n" if text.startswith(("- ", "```")) else " "
    return f"**{label}:**{separator}{text}"


def text_of(doc):
    blocks = list(doc.blocks)
    if doc.parameters:
        blocks.append("| parameter | |\n|---|---|\n" + "\n".join(f"| `{name}` | {text} |" for name, text in doc.parameters))
    if doc.returns:
        blocks.append(labelled("Returns", doc.returns))
    if doc.throws:
        blocks.append(labelled("Throws", doc.throws))
    blocks += [labelled(label, doc.sections[label]) for label in doxygen_model.LABELS if label in doc.sections]
    if doc.source:
        blocks.append(labelled("Source", doc.source))
    if doc.example:
        blocks.append(labelled("Example", doc.example))
    return "\n\n".join(blocks)


def table_of(entries, first, head):
    rows = [f"| {first(entry)} | {' '.join(' '.join(entry.doc.blocks).split())} |" for entry in entries]
    return f"| {head} | |\n|---|---|\n" + "\n".join(rows) if rows else ""


def render_data(entries):
    """Plain members in one table; those that say more than a sentence have it below their names."""
    named = [entry for entry in entries if entry.kind == "variable"]
    return table_of(named, lambda entry: f"`{entry.declarations[0].rstrip(';')}`{{ #{entry.anchor} }}", "member")


def render_functions(entries, level):
    """Those of one name share a heading."""
    blocks, before = [], None
    for entry in entries:
        name = entry.name if not entry.owner.endswith(entry.name) else f"{entry.name} (made of)"
        if entry.name != before:
            blocks.append(f"{'#' * level} {name} {{ #{entry.anchor} }}")
        before = entry.name
        blocks += [code(entry.declarations), text_of(entry.doc)]
    return blocks


def render_type(entry):
    blocks = [f"## {entry.name} {{ #{entry.anchor} }}", code(entry.declarations), text_of(entry.doc)]
    if entry.values:
        rows = "\n".join(f"| `{name}` | {text} |" for name, text in entry.values)
        blocks.append("| value | |\n|---|---|\n" + rows)
    for member in entry.members:
        if member.kind == "enum":
            blocks += [f"### {member.name} {{ #{member.anchor} }}", code(member.declarations), text_of(member.doc),
                       "| value | |\n|---|---|\n" + "\n".join(f"| `{name}` | {text} |" for name, text in member.values)]
    blocks.append(render_data(entry.members))
    return blocks + render_functions([member for member in entry.members if member.kind == "function"], 3)


def by_name(entries):
    """Functions of one name that a header declares in several places, together."""
    order = {}
    for entry in entries:
        order.setdefault(entry.name, len(order))
    return sorted(entries, key=lambda entry: order[entry.name])


def shown_in(header, depth):
    name = str(pathlib.PurePosixPath(header).with_suffix(""))
    pages = [f"[{title}]({depth}{page})" for page, (title, names) in SHOWN_IN.items()
             if {name, name.split("/")[1]} & set(names.split())]
    return f"At work in {', '.join(pages)}." if pages else ""


def render_page(header, entries, links):
    shown = [entry for entry in entries if entry.doc or "::" not in entry.name]
    page = page_of(entries[0])
    blocks = [f"# {pathlib.PurePosixPath(header).stem}", f"```cpp\n#include <{header}>\n```",
              shown_in(header, "../" * (page.count("/") + 1))]
    functions = []
    for entry in by_name(shown):
        if entry.kind == "function":
            functions.append(entry)
            continue
        blocks += render_functions(functions, 2)
        functions = []
        if entry.kind == "typedef":
            blocks += [f"## {entry.name} {{ #{entry.anchor} }}", code(entry.declarations), text_of(entry.doc)]
        else:
            blocks += render_type(entry)
    blocks += render_functions(functions, 2)
    return links.resolve("\n\n".join(block for block in blocks if block) + "\n", page)


def first_sentence(entry):
    text = entry.doc.blocks[0] if entry.doc.blocks else ""
    return re.split(r"(?<=[.;:])\s", REFERENCE.sub(r"\1", text), maxsplit=1)[0].rstrip(";:")


def render_index(entries):
    blocks = ["# Reference", "Every public name, from the comments in the headers. What holds for all asynchronous functions is on "
              "[a page of its own](../async.md); the search finds members too."]
    for half, title in HALVES.items():
        rows, seen = [], set()
        for entry in sorted((e for e in entries if e.header.startswith(half + "/")), key=lambda e: e.name.lower()):
            if "::" in entry.name or entry.name.startswith("operator") or (entry.name, entry.header) in seen:
                continue
            seen.add((entry.name, entry.header))
            name = f"{entry.owner}::{entry.name}" if entry.owner else entry.name
            rows.append(f"| [`{name}`]({page_of(entry)}#{entry.anchor}) | {first_sentence(entry)} |")
        blocks += [f"## {title}", "| name | what it is |\n|---|---|\n" + "\n".join(rows)]
    return "\n\n".join(blocks) + "\n"


def add_examples(entries, everywhere):
    """Where each name is shown at work; once for functions of one name."""
    told = set()
    for entry in entries:
        name = pathlib.PurePosixPath(entry.header).with_suffix("")
        preferred = {page for page, (_, names) in SHOWN_IN.items() if {str(name), name.name} & set(names.split())}
        depth = "../" * (page_of(entry).count("/") + 1)
        for one, owner in [(entry, None), *((member, entry) for member in entry.members)]:
            place = everywhere.place(one, owner, preferred) if shown.needs_example(one, owner) else None
            if place and one.doc and (one.owner, one.name, one.header) not in told:
                told.add((one.owner, one.name, one.header))
                title = re.sub(r"[\[\]]|\(\S*\)", "", place.title)
                one.doc.example = f"[{title}]({depth}{place.link})"


def write(root, xml, out):
    """Writes the pages below `out`, and gives their names by half: {half: [(title, page)]}."""
    entries = doxygen_model.read(xml)
    add_examples(entries, shown.Shown(root))
    links = Links(entries)
    headers = {}
    for entry in entries:
        headers.setdefault(entry.header, []).append(entry)
    pages = {half: [] for half in HALVES}
    for header, inside in headers.items():
        path = out / page_of(inside[0])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render_page(header, inside, links))
        pages[header.split("/")[0]].append((pathlib.PurePosixPath(header).stem, page_of(inside[0])))
    (out / "index.md").write_text(render_index(entries))
    return pages
