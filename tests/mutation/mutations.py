"""What can be done wrong to a source: small faults, found by its text.

The sources are in one form (clang-format's), and that is what this relies on: a function's
body begins with a brace in the first column, binary operators have spaces around them and
the brackets of templates have none.

All mutants of a file are compiled into it at once: each stands behind a switch. So a mutation has
two forms: `new` in place of what is from `start` to `end`, which is what is reported; and the text with its
switch, `guarded`, in place of a range that holds the first, where @ is the question whether it is on.
"""

import collections
import random
import re

Mutation = collections.namedtuple("Mutation", "path kind start end new outer_start outer_end guarded")

# An operator, what comes in its place, and what ends its operands on either side.
LOWEST = r",|;|\?|:|=|\breturn\b|\bco_return\b|\belse\b|\bdo\b"
OPERATORS = [
    ("comparison", " < ", " <= ", LOWEST + r"|&&|\|\||==|!=|<<"),
    ("comparison", " <= ", " < ", LOWEST + r"|&&|\|\||==|!=|<<"),
    ("comparison", " > ", " >= ", LOWEST + r"|&&|\|\||==|!=|<<"),
    ("comparison", " >= ", " > ", LOWEST + r"|&&|\|\||==|!=|<<"),
    ("comparison", " == ", " != ", LOWEST + r"|&&|\|\|"),
    ("comparison", " != ", " == ", LOWEST + r"|&&|\|\|"),
    ("logic", " && ", " || ", LOWEST + r"|\|\|"),
    ("logic", " || ", " && ", LOWEST),
    ("arithmetic", " + ", " - ", LOWEST + r"|&&|\|\||==|!=|<|>"),
    ("arithmetic", " - ", " + ", LOWEST + r"|&&|\|\||==|!=|<|>"),
]
WORDS = [("constant", "true", "false"), ("constant", "false", "true")]
CALLS = [("arithmetic", "std::min", "std::max"), ("arithmetic", "std::max", "std::min")]
# What a caller could take the one for.
ERRNOS = {"EINVAL": "EIO", "ENOMEM": "EAGAIN", "EAGAIN": "EINTR", "EINTR": "EAGAIN", "ENOSYS": "EIO", "EPERM": "EACCES"}
ERRCS = {"invalid_argument": "io_error", "timed_out": "operation_canceled"}
NO_STATEMENT = re.compile(
    r"(return|break|continue|throw|using|static_assert|static|const|constexpr|auto|case|default|goto|delete|"
    r"namespace|typedef|struct|class|enum|friend|template|co_return|extern|if|else|for|while|do|switch|thread_local)\b")
CLOSES = re.compile(r"close|reset\(|clear\(|munmap|release|shutdown|free_|give_back|unlock|cancel")


def masked(text):
    """The text with nothing in its strings, and spaces for comments and directives: of the same length."""

    def blank(found):
        what = found.group()
        if what[0] in "R\"'":
            return what[0] + re.sub(r"[^\n]", "_", what[1:-1]) + what[-1]
        return re.sub(r"[^\n]", " ", what)

    pieces = (r'R"\((?s:.*?)\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*(?s:.*?)\*/|'
              r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*")
    return re.sub(pieces, blank, text, flags=re.M)


def matching(code, at):
    """Where the bracket that opens at `at` closes."""
    depth = 0
    for i in range(at, len(code)):
        depth += (code[i] in "([{") - (code[i] in ")]}")
        if depth == 0:
            return i
    return len(code)


def bodies(code, is_header):
    """(start, end, how to leave) of each function's body."""
    pattern = r"^ *\{$|\) (?:const |noexcept |override )*\{" if is_header else r"^\{$"
    for found in re.finditer(pattern, code, re.M):
        start = found.end() - 1
        before = code[:start].rstrip()
        head = before[max(before.rfind(c) for c in ";}{") + 1:]
        head = re.sub(r"\b(public|private|protected):", "", head).strip()
        head = re.sub(r"^template <.*?>\n\s*", "", head)
        if not head or re.match(r"(namespace|struct|class|enum|extern|if|for|while|switch|else|do|catch|union)\b", head):
            continue
        told = head.split("(")[0]
        if re.search(r"\bvoid\b", told) or " " not in told.strip():  # Or a constructor.
            leaves_by = "return;"
        else:
            leaves_by = "return *this;" if re.match(r"[\w:]+& ", told) else "return {};"
        yield start, matching(code, start), leaves_by


def statements(code, start, end):
    """(start, end) of each statement that is an expression."""
    starts = r"(?<=[;{})])\s+(?=[\w:*(]|\+\+|--)|(?<=\belse)\s+(?=[\w:*(]|\+\+|--)"
    headers = [(start + f.end(), matching(code, start + f.end() - 1)) for f in re.finditer(r"\bfor \(", code[start:end])]
    for found in re.finditer(starts, code[start:end]):
        at = start + found.end()
        if any(a <= at < b for a, b in headers):
            continue
        stop, depth = at, 0
        while stop < end and (code[stop] != ";" or depth):
            depth += (code[stop] in "([{") - (code[stop] in ")]}")
            if depth < 0:
                break
            stop += 1
        if stop >= end or depth or code[stop] != ";":
            continue
        text = code[at:stop]
        declares = re.match(r"[\w:]+(<[^()]*>)?[&*]* [&*]?\w+( =|\(|\{|$|\[)", text)
        labelled = ": " in text.split("(")[0].split("?")[0]
        if NO_STATEMENT.match(text) or declares or labelled or text.startswith("(void)"):
            continue
        if re.search(r"[(=]|\+\+|--", text):
            yield at, stop + 1


def operands(code, start, end, ends):
    """(start, end) of an expression, by the place of its operator and what binds less."""
    def places(begin, end):
        spans = [(a + begin, b + begin) for a, b in (f.span() for f in re.finditer(ends, code[begin:end]))]
        return [(a, b) for a, b in spans if not is_part(code, a, b)]

    left = {b for _, b in places(max(0, start - 2000), start)}
    right = {a for a, _ in places(end, end + 2000)}
    first, depth = start, 0
    while first > 0:
        char = code[first - 1]
        if char in ")]" or (char == "}" and code[first:first + 1] != "\n"):
            depth += 1
        elif char in "([{}":
            if depth == 0 or char == "}":
                break
            depth -= 1
        elif depth == 0 and first in left:
            break
        first -= 1
    last, depth = end, 0
    while last < len(code):
        char = code[last]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            if depth == 0:
                break
            depth -= 1
        elif depth == 0 and last in right:
            break
        last += 1
    while code[first].isspace():
        first += 1
    while code[last - 1].isspace():
        last -= 1
    return first, last


def is_part(code, a, b):
    """Whether what looks like an operator is a part of another: ::, ->, ==, a template's bracket."""
    found = code[a:b]
    if found == ":":
        return code[a - 1] == ":" or code[b:b + 1] == ":"
    if found == "=":
        return code[a - 1] in "=!<>" or code[b:b + 1] == "="
    if found in "<>":
        return not (code[a - 1] == " " and code[b:b + 1] == " ")
    return False


def all_of(path, text):
    """Every mutation of one file, in the file's order."""
    code = masked(text)
    found = set()

    def add(kind, start, end, new, outer=None, guarded=None):
        a, b = outer or (start, end)
        whole = text[a:start] + new + text[end:b]
        found.add(Mutation(path, kind, start, end, new, a, b, guarded or f"(@ ? {whole} : {text[a:b]})"))

    for start, end, leave in bodies(code, path.endswith(".hpp")):
        body = code[start:end]
        for at, stop in statements(code, start, end):
            statement = text[at:stop - 1]
            add("forgotten close" if CLOSES.search(statement) else "dropped statement", at, stop, ";",
                guarded=f"@ ? (void)0 : (void)({statement});")
            # What follows an unconditional statement is not reached any more.
            if code[:at].rstrip()[-1] in ";{}":
                add("early return", at, stop, leave, (at, at), f"if (@) {leave} ")
        for kind, old, new, ends in OPERATORS:
            for operator in re.finditer(re.escape(old), body):
                at = start + operator.start()
                if not re.search(r"\bauto$", code[:at]):
                    add(kind, at, at + len(old), new, operands(code, at, at + len(old), ends))
        for kind, old, new in WORDS:
            for word in re.finditer(rf"\b{old}\b", body):
                add(kind, start + word.start(), start + word.end(), new)
        for kind, old, new in CALLS:
            for word in re.finditer(rf"\b{old}(?=[(<])", body):
                at = start + word.start()
                add(kind, at, at + len(old), new, (at, matching(code, code.index("(", at)) + 1))
        for opened in re.finditer(r"\b(if|while) \(", body):
            at = start + opened.end() - 1
            close = matching(code, at)
            first = code.rfind(";", at, close) + 1 or at + 1
            while code[first].isspace():
                first += 1
            condition = text[first:close]
            if not re.search(r"[^=!<>]=[^=]", code[first:close]):
                add("condition", first, close, f"!({condition})",
                    guarded=f"@ != static_cast<bool>({condition})")
        for negated in re.finditer(r"(?<=[(=?,&|n] )!(?=[\w(*:])|(?<=\()!(?=[\w(*:])", body):
            at = start + negated.start()
            add("condition", at, at + 1, "", guarded="@ != !")
        for number in re.finditer(r"(?<![\w.])(\d+)(?![\w.])", body):
            at, value = start + number.start(), int(number.group())
            for other in (value + 1, value - 1) if value else (1,):
                add("constant", at, at + len(number.group()), str(other))
        for error in re.finditer(r"(?<![\w.])(?<!case )E[A-Z]{3,}\b", body):
            add("errno", start + error.start(), start + error.end(), ERRNOS.get(error.group(), "EINVAL"))
        for error in re.finditer(r"std::errc::(\w+)", body):
            add("errno", start + error.start(), start + error.end(),
                "std::errc::" + ERRCS.get(error.group(1), "invalid_argument"))
        for word, new in (("break;", ";"), ("continue;", "break;")):
            for jump in re.finditer(rf"\b{word}", body):
                add("dropped statement", start + jump.start(), start + jump.end(), new,
                    guarded=f"if (@) {new} else {word}")
    return sorted(found)


def instrumented(text, numbered):
    """The text with every mutation of {number: mutation} behind its switch; none is inside another. Lines
    stay where they are."""
    for number, mutation in sorted(numbered.items(), key=lambda item: -item[1].outer_start):
        guarded = mutation.guarded.replace("@", f"is_mutated({number})")
        text = text[:mutation.outer_start] + guarded + text[mutation.outer_end:]
    return text


def touch(one, other):
    return one.outer_start <= other.outer_end and other.outer_start <= one.outer_end


def line_of(mutation, text):
    return text.count("\n", 0, mutation.start) + 1


def described(mutation, text):
    """One line, which stays the same when other lines change."""
    first = text.rfind("\n", 0, mutation.start) + 1
    last = text.find("\n", mutation.end)
    before = " ".join(text[first:last].split())
    after = " ".join((text[first:mutation.start] + mutation.new + text[mutation.end:last]).split())
    return f"{mutation.path}: {before}  ->  {after}"


def chosen(sources, seed, most):
    """Of {path: text} the mutations to try: as many of each file as its part of all is, none inside
    another, none twice."""
    ranked = []
    for path, text in sources.items():
        chance = random.Random(f"{seed} {path}")
        those = all_of(path, text)
        chance.shuffle(those)
        first = chance.random()
        ranked += [((i + first) / len(those), mutation) for i, mutation in enumerate(those)]
    taken, names = collections.defaultdict(list), set()
    result = []
    for _, mutation in sorted(ranked):
        name = described(mutation, sources[mutation.path])
        if name not in names and not any(touch(mutation, other) for other in taken[mutation.path]):
            names.add(name)
            taken[mutation.path].append(mutation)
            result.append(mutation)
            if len(result) == most:
                break
    return result


def applied(mutation, text):
    return text[:mutation.start] + mutation.new + text[mutation.end:]
