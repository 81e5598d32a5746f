#!/usr/bin/env python3
"""Whether the comments in the public headers say what a reference has to.

usage: check_reference.py XML ROOT

XML is what Doxygen made by docs/site/Doxyfile. Every public name is one check:

- it has a comment (a declaration that repeats a name just above shares its comment);
- an asynchronous function tells its completion signature, its errors, what cancelling
  it does, and, itself or with its class, what threads may do;
- a function that gives an error code tells which, or refers to one that does;
- a class tells its thread safety, unless it is plain data;
- a type, a function and a member function are shown at work in code that is compiled.

And so is every step of a spawn: the page of errors has a section for it.
The last line is `N passed, N failed, N skipped`.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import doxygen_model
import shown
from doxygen_model import LABELS

PLAIN = re.compile(r"plain (value|data)", re.IGNORECASE)
OUTER = {"Thread safety"}  # What a class can say for its members.


def by_identifier(entries):
    found = {}
    for entry in entries:
        for one in [entry, *entry.members]:
            for identifier in one.identifiers:
                found[identifier] = one
    return found


def text_of(entry):
    return " ".join(entry.doc.blocks)


def says_errors(entry, known, seen=()):
    """By itself, or by what it refers to."""
    if "ec" in dict(entry.doc.parameters) or "Errors" in entry.doc.sections:
        return True
    others = [known[one] for one in entry.doc.refers_to if one in known]
    return any(says_errors(other, known, (*seen, entry.name)) for other in others if other.name not in seen)


def gives_code(entry):
    return any("std::error_code& ec" in one for one in entry.declarations)


def elder(entry, siblings):
    """The entry of the same name before this one, which "As above" means."""
    same = [one for one in siblings if one.name == entry.name and one.header == entry.header]
    return same[0] if same and same[0] is not entry else None


def missing_in_function(entry, siblings, owner, known):
    if not entry.doc:
        return ["a comment"]
    above = elder(entry, siblings)
    is_like_above = above is not None and text_of(entry).startswith("As above")
    missing = []
    if entry.is_asynchronous:
        for label in LABELS:
            said = label in entry.doc.sections or (is_like_above and label in above.doc.sections)
            if not said and not (label in OUTER and owner is not None and label in owner.doc.sections):
                missing.append(label.lower())
    elif gives_code(entry) and not says_errors(entry, known) and not (is_like_above and says_errors(above, known)):
        missing.append("the errors")
    return missing


def missing_in_type(entry):
    if not entry.doc:
        return ["a comment"]
    has_functions = any(member.kind == "function" for member in entry.members)
    if entry.kind == "class" and has_functions and "Thread safety" not in entry.doc.sections and not PLAIN.search(text_of(entry)):
        return ["thread safety"]
    return []


def judge(entries, everywhere):
    """Pairs of a name and what it lacks."""
    known = by_identifier(entries)

    def example(entry, owner=None):
        wanted = shown.needs_example(entry, owner) and not everywhere.place(entry, owner)
        return ["an example"] if wanted else []

    for entry in entries:
        if "::" in entry.name:
            continue
        name = f"{entry.header}:{entry.line}: {entry.qualified}"
        if entry.kind == "function":
            siblings = [one for one in entries if one.kind == "function"]
            yield name, missing_in_function(entry, siblings, None, known) + example(entry)
            continue
        yield name, missing_in_type(entry) + example(entry)
        for member in entry.members:
            if member.kind == "function":
                yield (f"{member.header}:{member.line}: {member.qualified}",
                       missing_in_function(member, entry.members, entry, known) + example(member, entry))


def steps_without_section(entries, page):
    """Pairs of a step and what the page of errors lacks."""
    sections = set(re.findall(r"^### (\w+)$", page, re.MULTILINE))
    steps = next(entry for entry in entries if entry.name == "spawn_step")
    for step, _ in steps.values:
        yield f"docs/errors.md: {step}", [] if step in sections else ["a section"]


def main():
    xml, root = map(pathlib.Path, sys.argv[1:])
    entries = doxygen_model.read(xml)
    page = (root / "docs/errors.md").read_text()
    results = [*judge(entries, shown.Shown(root)), *steps_without_section(entries, page)]
    for name, missing in results:
        if missing:
            print(f"{name}: lacks {', '.join(missing)}")
    failed = sum(1 for _, missing in results if missing)
    print(f"{len(results) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
