"""The public names and what their comments say, from Doxygen's XML.

An entry is a class, an enumeration, a concept, or the functions of one name that
stand together: a declaration without a comment belongs to the one before it, when
that has the same name; so does an operator<< to the to_string() before it.
"""

import dataclasses
import pathlib
import re
import xml.etree.ElementTree as tree

LABELS = ("Completion signature", "Errors", "Cancellation", "Thread safety")
LABEL = re.compile(r"(Completion signature, errors and cancellation|Errors and cancellation|" + "|".join(LABELS) + r"): *")


@dataclasses.dataclass
class Doc:
    """A comment: Markdown in blocks, and what has a place of its own."""

    blocks: list = dataclasses.field(default_factory=list)
    sections: dict = dataclasses.field(default_factory=dict)  # Of LABELS, joined ones under each.
    parameters: list = dataclasses.field(default_factory=list)  # (name, text)
    returns: str = ""
    throws: str = ""
    source: str = ""
    example: str = ""  # A link, for the site.
    refers_to: set = dataclasses.field(default_factory=set)  # Identifiers of entries.

    def __bool__(self):
        return bool(self.blocks or self.sections or self.parameters or self.returns or self.source)


@dataclasses.dataclass
class Entry:
    kind: str
    name: str
    qualified: str
    header: str
    line: int
    identifiers: list
    declarations: list
    doc: Doc
    members: list = dataclasses.field(default_factory=list)
    values: list = dataclasses.field(default_factory=list)  # Of an enumeration: (name, text).
    owner: str = ""

    @property
    def anchor(self):
        text = f"{self.owner}-{self.name}" if self.owner else self.name
        return re.sub(r"[^A-Za-z0-9_-]+", lambda match: "".join(f"-{ord(c):x}" for c in match.group()), text)

    @property
    def is_asynchronous(self):
        return self.kind == "function" and self.name.startswith("async_")


def plain(element):
    return re.sub(r"\s+", " ", "".join(element.itertext())).strip() if element is not None else ""


def escape(text):
    return re.sub(r"\s+", " ", text or "").replace("<", "&lt;").replace("*", r"\*").replace("|", "&#124;")


class Reader:
    """Turns descriptions into Markdown. A reference becomes `[text](<id>)`, to be resolved later."""

    def __init__(self):
        self.doc = Doc()

    def inline(self, element):
        text = escape(element.text)
        for child in element:
            text += self.one(child) + escape(child.tail)
        return text

    def one(self, child):
        if child.tag == "computeroutput":
            return f"`{plain(child)}`"
        if child.tag == "emphasis":
            return f"*{self.inline(child)}*"
        if child.tag == "ref":
            self.doc.refers_to.add(child.get("refid"))
            return f"[`{plain(child)}`](<{child.get('refid')}>)"
        if child.tag in ("lsquo", "rsquo"):
            return "'"
        if child.tag in ("ldquo", "rdquo"):
            return '"'
        if child.tag == "nonbreakablespace":
            return " "
        return self.inline(child)

    def block(self, text, label):
        """A paragraph; one that begins with a label opens a section, and what belongs to it follows."""
        text = text.strip()
        if not text:
            return label
        if match := LABEL.match(text):
            text = text[match.end():]
            label = match.group(1)
        if label:
            for one in LABELS:
                if one.lower() in label.lower():
                    self.doc.sections[one] = (self.doc.sections.get(one, "") + "\n\n" + text).strip()
        else:
            self.doc.blocks.append(text)
        return None

    def paragraph(self, para, label=None):
        text = escape(para.text)
        for child in para:
            if child.tag in ("verbatim", "itemizedlist", "parameterlist", "simplesect"):
                if child.tag == "itemizedlist" and (match := LABEL.fullmatch(text.strip() + " ")):
                    label, text = match.group(1), ""
                else:
                    self.block(text, label)
                    text = ""
                self.structure(child, label)
                label = None
            else:
                text += self.one(child)
            text += escape(child.tail)
        self.block(text, label)

    def structure(self, child, label):
        if child.tag == "verbatim":
            lines = child.text.rstrip().splitlines()
            self.doc.blocks.append("```cpp\n" + "\n".join(lines) + "\n```")
        elif child.tag == "itemizedlist":
            items = [" ".join(self.inline(para) for para in item.iter("para")) for item in child.iter("listitem")]
            self.block("\n".join(f"- {item.strip()}" for item in items), label)
        elif child.tag == "parameterlist":
            for item in child.iter("parameteritem"):
                name = plain(item.find("parameternamelist"))
                text = " ".join(self.inline(para) for para in item.find("parameterdescription"))
                if child.get("kind") == "exception":
                    self.doc.throws = f"`{name.rstrip(';,.')}`{name[len(name.rstrip(';,.')):]} {text.strip()}".strip()
                else:
                    self.doc.parameters.append((name, text.strip()))
        elif child.get("kind") == "return":
            self.doc.returns = " ".join(self.inline(para) for para in child.iter("para")).strip()
        else:
            self.doc.source = " ".join(self.inline(para) for para in child.findall("para")).strip()


def read_doc(member):
    reader = Reader()
    for name in ("briefdescription", "detaileddescription"):
        for para in member.iterfind(f"{name}/para"):
            reader.paragraph(para)
    return reader.doc


def tidy(text):
    text = re.sub(r"<\s+", "<", text)
    text = re.sub(r"\s+>", ">", text)
    text = re.sub(r"\s*([&*]+)\s*(\w)", r"\1 \2", text)
    text = re.sub(r"(\w)\s+([&*]+)", r"\1\2", text)
    text = re.sub(r"\s*=\s*", " = ", text).replace("operator = ", "operator=").replace(" =  = ", "==")
    return text.replace("> >", ">>").replace("( ", "(")


def declaration_of(member):
    """As in the header, but for a completion token, which is `Token&& token`."""
    arguments = plain(member.find("argsstring"))
    arguments = re.sub(r"Token &&\s*token\s*=.*?\(\)(?=\)$)", "Token &&token", arguments)
    arguments = re.sub(r"\s*=\s*(default|delete)$", r" = \1", arguments)
    kind = " ".join(word for word in ("static", "explicit") if member.get(word) == "yes")
    text = f"{kind} {plain(member.find('type'))} {plain(member.find('name'))}{arguments}".strip()
    templates = [plain(param.find("type")) + " " + plain(param.find("declname"))
                 for param in member.iterfind("templateparamlist/param")]
    templates = [one.strip() for one in templates if not re.search(r"\bToken\b", one)]
    if templates:
        text = f"template <{', '.join(templates)}>\n" + text
    return tidy(text) + ";" if "\n" not in text else "\n".join(tidy(line) for line in text.split("\n")) + ";"


def is_internal(member):
    """What only the library itself can call: its types say so."""
    text = plain(member.find("argsstring")) + plain(member.find("type"))
    return "detail::" in text or "done_type" in text


def is_matter_of_course(member):
    """Copies, moves, destruction, comparison: as everybody expects them."""
    name, arguments = plain(member.find("name")), plain(member.find("argsstring"))
    own = plain(member.find("qualifiedname")).split("::")[-2]
    if name.startswith("~") or name == "operator=" or arguments.endswith(("=default", "=delete")):
        return True
    return name == own and re.fullmatch(rf"\((const )?{own} ?(&|&&)\s*\w*\)( noexcept)?.*", arguments) is not None


def location(element):
    place = element.find("location")
    return place.get("file"), int(place.get("line"))


def read_functions(members, owner):
    """Entries of functions that stand one after the other, in the order of the header."""
    printed_as = {"to_string": "operator<<"}
    entries = []
    for member in members:
        header, line = location(member)
        name, doc = plain(member.find("name")), read_doc(member)
        last = entries[-1] if entries else None
        if last and last.header == header and not doc and name in (last.name, printed_as.get(last.name)):
            last.identifiers.append(member.get("id"))
            last.declarations.append(declaration_of(member))
            continue
        entries.append(Entry("function", name, plain(member.find("qualifiedname")), header, line, [member.get("id")],
                             [declaration_of(member)], doc, owner=owner))
    return entries


def read_enumeration(member, owner=""):
    header, line = location(member)
    values = [(plain(value.find("name")), " ".join(read_doc(value).blocks)) for value in member.iterfind("enumvalue")]
    name = plain(member.find("name"))
    return Entry("enum", name, plain(member.find("qualifiedname")), header, line, [member.get("id")],
                 [f"enum class {name};"], read_doc(member), values=values, owner=owner)


def read_data(member, owner):
    header, line = location(member)
    name = plain(member.find("name"))
    if member.get("kind") == "typedef":
        text = f"using {name} = {plain(member.find('type'))};"
    else:
        initial = plain(member.find("initializer"))
        initial = " " + initial if initial and not initial.startswith("{") else initial
        text = f"{plain(member.find('type'))} {name}{initial};"
    return Entry(member.get("kind"), name, plain(member.find("qualifiedname")), header, line, [member.get("id")],
                 [tidy(text)], read_doc(member), owner=owner)


def read_members(members, owner):
    members = sorted((m for m in members if m.get("prot") == "public" and m.get("kind") != "friend"),
                     key=lambda m: (location(m)[0], location(m)[1]))
    members = [m for m in members if m.get("kind") != "function" or not (is_internal(m) or
               (owner and is_matter_of_course(m)))]
    entries = read_functions([m for m in members if m.get("kind") == "function"], owner)
    for member in members:
        if member.get("kind") == "enum":
            entries.append(read_enumeration(member, owner))
        elif member.get("kind") in ("variable", "typedef"):
            entries.append(read_data(member, owner))
    return with_constants_joined(sorted(entries, key=lambda entry: (entry.header, entry.line)), owner)


def with_constants_joined(entries, owner):
    """Constants on the lines below one that has a comment share it."""
    joined = []
    for entry in entries:
        last = joined[-1] if joined else None
        if (last and not owner and entry.kind == last.kind == "variable" and not entry.doc
                and entry.line == last.line + len(last.declarations)):
            last.identifiers += entry.identifiers
            last.declarations += entry.declarations
        else:
            joined.append(entry)
    return joined


def read_class(path):
    root = tree.parse(path).getroot().find("compounddef")
    qualified = plain(root.find("compoundname"))
    name = qualified.removeprefix("subprocess::").split("<")[0].strip()
    header, line = location(root)
    templates = [plain(param.find("type")) for param in root.iterfind("templateparamlist/param")]
    text = f"{root.get('kind')} {name};"
    bases = [plain(base) for base in root.iterfind("basecompoundref") if base.get("prot") == "public"]
    if bases:
        text = text[:-1] + " : " + ", ".join(bases) + ";"
    if templates:
        text = f"template <{', '.join(templates)}>\n" + text
    members = read_members(root.iter("memberdef"), name.replace("::", "-"))
    return Entry(root.get("kind"), name, qualified, header, line, [root.get("id")], [text], read_doc(root), members)


def read_concept(path):
    root = tree.parse(path).getroot().find("compounddef")
    header, line = location(root)
    name = plain(root.find("compoundname")).removeprefix("subprocess::")
    return Entry("concept", name, f"subprocess::{name}", header, line, [root.get("id")], [f"concept {name};"], read_doc(root))


def read(directory):
    """All entries, in the order of the headers."""
    directory = pathlib.Path(directory)
    hidden = {inner.get("refid") for path in directory.glob("*.xml")
              for inner in tree.parse(path).getroot().iter("innerclass") if inner.get("prot") != "public"}
    entries = []
    for path in sorted(directory.glob("namespacesubprocess*.xml")):
        root = tree.parse(path).getroot().find("compounddef")
        owner = plain(root.find("compoundname")).removeprefix("subprocess").removeprefix("::")
        if owner.startswith("detail"):
            continue
        entries += read_members(root.iter("memberdef"), owner)
    for path in sorted(directory.glob("*subprocess_1_1*.xml")):
        if path.stem in hidden or "detail" in path.stem or path.stem.startswith("namespace"):
            continue
        if path.stem.startswith("concept"):
            entries.append(read_concept(path))
        elif not path.stem.endswith("rebind__executor"):
            entries.append(read_class(path))
    return sorted(entries, key=lambda entry: (entry.header, entry.line))
