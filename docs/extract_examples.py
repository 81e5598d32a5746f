#!/usr/bin/env python3
"""Turns the C++ of a Markdown page into one source file that a compiler can check.

usage: extract_examples.py PAGE.md OUT.cpp DEPFILE EXAMPLES_DIR [HEADER...]

- A block whose first line is `// docs/examples/NAME` quotes that file and has to be
  the same as it, without that line; with `, in part` behind it, a part of it. The
  build compiles or runs the file itself. In other languages it is `# docs/examples/NAME`.
- A block tagged ```cpp holds declarations, and gets a namespace of its own.
- A block tagged ```cpp body holds statements, and gets a function of its own; a
  coroutine, when it awaits something.

Every block sees the given headers, `namespace subprocess`, and what its own
#include lines say.
"""

import pathlib
import re
import sys

QUOTE = re.compile(r"(?://|#) docs/examples/([\w/.]+)(, in part)?\n")
BLOCK = re.compile(r"^```(\w+)( body)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def check_quote(page, quote, code, examples):
    name, is_part = quote.groups()
    text = (examples / name).read_text()
    if code not in text if is_part else code != text:
        sys.exit(f"{page}: the quotation of docs/examples/{name} differs from the file")
    return examples / name


def wrap(number, code, is_body):
    if not is_body:
        return f"namespace block_{number} {{\n{code}}}\n"
    result = "asio::awaitable<void>" if "co_await" in code else "void"
    return f"{result} block_{number}()\n{{\n{code}}}\n"


def extract(page, examples, headers):
    """The source, and the files that are quoted."""
    text = page.read_text()
    includes = [f"#include <{header}>\n" for header in headers]
    blocks = []
    quoted = []
    for match in BLOCK.finditer(text):
        language, is_body, code = match.groups()
        if quote := QUOTE.match(code):
            quoted.append(check_quote(page, quote, code[quote.end():], examples))
            continue
        if language != "cpp":
            continue
        line = text.count("\n", 0, match.start()) + 2
        lines = code.splitlines(keepends=True)
        includes += [text_line for text_line in lines if text_line.startswith("#include")]
        code = "".join("\n" if text_line.startswith("#include") else text_line for text_line in lines)
        code = f'#line {line} "{page}"\n{code}'
        blocks.append(wrap(len(blocks) + 1, code, bool(is_body)))
    if not blocks:
        return "// Quotations alone.\n", quoted
    # A name for the page, since several may be compiled as one.
    opened = f"namespace {{\nnamespace page_{page.stem} {{\nusing namespace subprocess;\n"
    return "".join(includes) + opened + "".join(blocks) + "}\n} // namespace\n", quoted


def main():
    page, out, depfile, examples, *headers = sys.argv[1:]
    source, quoted = extract(pathlib.Path(page), pathlib.Path(examples), headers)
    pathlib.Path(out).write_text(source)
    # A quotation is compared again when its file has changed.
    pathlib.Path(depfile).write_text(f"{out}: {' '.join(str(file) for file in quoted)}\n")


if __name__ == "__main__":
    main()
