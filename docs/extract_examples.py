#!/usr/bin/env python3
"""Turns the C++ of a Markdown page into one source file that a compiler can check.

usage: extract_examples.py PAGE.md OUT.cpp EXAMPLES_DIR [HEADER...]

- A block whose first line is `// docs/examples/NAME.cpp` quotes that file and
  has to be the same as it, without that line. The build compiles the file itself.
- A block tagged ```cpp holds declarations, and gets a namespace of its own.
- A block tagged ```cpp body holds statements, and gets a function of its own; a
  coroutine, when it awaits something.

Every block sees the given headers, `namespace subprocess`, and what its own
#include lines say.
"""

import pathlib
import re
import sys

QUOTE = re.compile(r"// docs/examples/(\S+\.cpp)\n")
BLOCK = re.compile(r"^```cpp( body)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def check_quote(page, name, code, examples):
    if (examples / name).read_text() != code:
        sys.exit(f"{page}: the quotation of docs/examples/{name} differs from the file")


def wrap(number, code, is_body):
    if not is_body:
        return f"namespace block_{number} {{\n{code}}}\n"
    result = "asio::awaitable<void>" if "co_await" in code else "void"
    return f"{result} block_{number}()\n{{\n{code}}}\n"


def extract(page, examples, headers):
    text = page.read_text()
    includes = [f"#include <{header}>\n" for header in headers]
    blocks = []
    for match in BLOCK.finditer(text):
        code = match.group(2)
        if quote := QUOTE.match(code):
            check_quote(page, quote.group(1), code[quote.end():], examples)
            continue
        line = text.count("\n", 0, match.start()) + 2
        lines = code.splitlines(keepends=True)
        includes += [text_line for text_line in lines if text_line.startswith("#include")]
        code = "".join("\n" if text_line.startswith("#include") else text_line for text_line in lines)
        code = f'#line {line} "{page}"\n{code}'
        blocks.append(wrap(len(blocks) + 1, code, bool(match.group(1))))
    # A name for the page, since several may be compiled as one.
    opened = f"namespace {{\nnamespace page_{page.stem} {{\nusing namespace subprocess;\n"
    return "".join(includes) + opened + "".join(blocks) + "}\n} // namespace\n"


def main():
    page, out, examples, *headers = sys.argv[1:]
    pathlib.Path(out).write_text(extract(pathlib.Path(page), pathlib.Path(examples), headers))


if __name__ == "__main__":
    main()
