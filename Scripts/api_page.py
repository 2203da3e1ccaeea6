"""Writes Experiments/API.md: what a script can do with the package, one line per public type, call and property.

api_page.py [--check]: with --check it only checks that the page is up to date, and fails if it is not

Reads the sources of the modules that `import MSDiffusionKit` imports, without building them. It relies on their layout, which
the lint step checks: two spaces per level, one declaration per line, a closing brace alone under its declaration.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "Sources"
PAGE = ROOT / "Experiments" / "API.md"
KIT = "MSDiffusionKit"

INTRODUCTION = """# What a script can do

Everything public that `import MSDiffusionKit` brings, by module: each type, then its calls and properties. `Scripts/docs --api`
writes this page from the comments in the sources; `Scripts/lint` fails if it is out of date.
"""

ATTRIBUTES = r"(?:@\w+(?:\([^)]*\))? )*"
MODIFIERS = r"(?:(?:public|package|internal|private|fileprivate|final|indirect|static|class|mutating|nonisolated|override"
MODIFIERS += r"|convenience|required|weak|lazy|prefix|infix|postfix|(?:private|package|fileprivate)\(set\)) )*"
DECLARATION = re.compile(
    r"( *)" + ATTRIBUTES + "(" + MODIFIERS + r")"
    r"(struct|class|enum|protocol|actor|extension|typealias|func|var|let|init|subscript|case|associatedtype)\b(.*)")
TYPES = {"struct", "class", "enum", "protocol", "actor", "extension"}
# Members that conformances require and that no script calls by name.
UNLISTED = re.compile(r"(?:var (?:description|debugDescription|errorDescription)\b|static func == |func hash\(into"
                      r"|func encode\(to|init\(from decoder|associatedtype |(?:let|var|func|struct|enum|static let) _)")
ABBREVIATIONS = ("Eq", "Fig", "al", "e.g", "i.e", "cf", "vs")


class Entry:
    """A type, or an extension of another module's type, with its public members as lines of the page."""

    def __init__(self, title, sentence):
        self.title, self.sentence, self.lines = title, sentence, []

    def add(self, signature, sentence):
        self.lines.append("- `%s`%s" % (signature, sentence and " – " + sentence))


class Scope:
    """A type or extension whose closing brace is still to come."""

    def __init__(self, match):
        self.indent, self.kind, self.name = len(match.group(1)), match.group(3), type_name(match)


def closes_at(text, start=0):
    """The position of the first `{` or ` = ` outside brackets and strings; the text's length if there is none."""
    depth, is_string = 0, False
    for index in range(start, len(text)):
        character = text[index]
        if character == '"' and text[index - 1:index] != "\\":
            is_string = not is_string
        elif is_string:
            continue
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif depth == 0 and (character == "{" or text.startswith(" = ", index)):
            return index
    return len(text)


def is_open(text):
    """Whether a declaration continues on the next line: a bracket is still open."""
    plain = re.sub(r'"(?:\\.|[^"\\])*"', "", text)
    return plain.count("(") > plain.count(")") or plain.count("[") > plain.count("]")


def without_comment(line):
    return re.sub(r"\s+//.*", "", line)


def signature(lines, number, is_case):
    """A declaration on one line, without attributes, access level and body.

    A short initial value stays if no type is written. A property with a private setter is followed by `{ get }`.
    """
    text = without_comment(lines[number])
    while number + 1 < len(lines):
        following = lines[number + 1].strip()
        goes_on = re.match(r"(?:async |throws|rethrows|->|where |: )", following)
        if not is_open(text) and not (goes_on and closes_at(text) == len(text)):
            break
        number += 1
        text += " " + without_comment(following)
    text = re.sub(r"([(\[]) +", r"\1", re.sub(r" +([)\]])", r"\1", text)).strip()
    is_read_only = re.search(r"\b(?:private|package|fileprivate)\(set\) ", text) is not None
    text = re.sub(r"^" + ATTRIBUTES, "", text)
    text = re.sub(r"(?:(?:private|package|fileprivate)\(set\)|public|final|indirect|nonisolated|override|convenience) ", "", text)
    if is_case:
        return text
    end = closes_at(text)
    # In a protocol, { get set } is part of the declaration.
    if re.match(r"\{ (?:get|set|nonmutating set| )+\}$", text[end:]):
        return text
    head = text[:end].strip()
    is_short = len(text) <= 80 and "{" not in text
    if text.startswith(" = ", end) and ":" not in head and is_short and not is_read_only:
        head = text
    return head.removesuffix(" =") + (" { get }" if is_read_only else "")


def sentence(lines, number):
    """The first sentence of the comment above a declaration, without its full stop."""
    comment = []
    number -= 1
    while number >= 0 and re.match(r" *@\w+(?:\([^)]*\))?$", lines[number]):
        number -= 1
    while number >= 0 and lines[number].lstrip().startswith("///"):
        comment.insert(0, lines[number].strip()[3:].strip())
        number -= 1
    summary = []
    for line in comment:
        if not line or line.startswith("- "):
            break
        summary.append(line)
    return first_sentence(" ".join(summary))


def first_sentence(text):
    for match in re.finditer(r"[.!?](?= [A-Z0-9‖`(])", text):
        if not text[:match.start()].endswith(ABBREVIATIONS):
            text = text[:match.end()]
            break
    text = re.sub(r"``([^`]+)``", lambda link: "`" + link.group(1).split("/")[-1] + "`", text)
    return text.removesuffix(".")


def declarations(module):
    """Every declaration outside functions in a module's files: (lines, number, match, scopes around it)."""
    for path in sorted((SOURCES / module).rglob("*.swift")):
        if "Resources" in path.parts:
            continue
        lines = path.read_text(encoding="utf-8").split("\n")
        scopes, is_text = [], False
        for number, line in enumerate(lines):
            is_text ^= line.count('"""') % 2 == 1
            if is_text:
                continue
            while scopes and line == " " * scopes[-1].indent + "}":
                scopes.pop()
            match = DECLARATION.match(line)
            if match is None or len(match.group(1)) != (scopes[-1].indent + 2 if scopes else 0):
                continue
            yield lines, number, match, scopes
            if match.group(3) in TYPES and not without_comment(line).rstrip().endswith("}"):
                scopes.append(Scope(match))


def type_name(match):
    return re.match(r" ([^\s:<{]+)", match.group(4)).group(1)


def types(module):
    """The names of a module's types, each with whether it is public."""
    found = {}
    for _, _, match, scopes in declarations(module):
        if match.group(3) in TYPES - {"extension"} or match.group(3) == "typealias":
            name = ".".join([scope.name for scope in scopes] + [type_name(match)])
            found[name] = is_public(match, scopes, found)
    return found


def is_public(match, scopes, known):
    """Whether a script can see a declaration: all types around it must be public, and so must the declaration itself.

    Protocol members and cases are as public as their type. Types of other modules count as public.
    """
    names = [".".join(scope.name for scope in scopes[:count]) for count in range(1, len(scopes) + 1)]
    if not all(known.get(name, True) for name in names):
        return False
    implied = bool(scopes) and (
        scopes[-1].kind == "protocol" or scopes[-1].kind == "enum" and match.group(3) == "case")
    return implied or "public " in match.group(2)


def entries(module):
    """The public types of a module, by name, with their members; functions outside types come under an empty name."""
    known, found = types(module), {}
    for lines, number, match, scopes in declarations(module):
        kind = match.group(3)
        if kind == "extension" or not is_public(match, scopes, known):
            continue
        around = ".".join(scope.name for scope in scopes)
        if kind in TYPES:
            name = around + "." * bool(around) + type_name(match)
            title = signature(lines, number, False).replace(" " + type_name(match), " " + name, 1)
            entry = found.setdefault(name, Entry(title, ""))
            entry.title, entry.sentence = title, sentence(lines, number)
            continue
        title = "extension " + around if around and around not in known else ""
        written = signature(lines, number, kind == "case")
        if not UNLISTED.match(written):
            found.setdefault(around, Entry(title, "")).add(written, sentence(lines, number))
    return found


def purpose(module):
    """The first paragraph below the title of a module's page; empty if there is none."""
    page = SOURCES / module / (module + ".docc") / (module + ".md")
    paragraphs = page.read_text(encoding="utf-8").split("\n\n") if page.exists() else []
    return " ".join(paragraphs[1].split()) + "\n" if len(paragraphs) > 1 else ""


def text():
    """The whole page."""
    reexports = (SOURCES / KIT / "Reexports.swift").read_text(encoding="utf-8")
    parts = [INTRODUCTION]
    for module in [KIT] + sorted(re.findall(r"@_exported import (\w+)", reexports)):
        parts.append("## %s\n" % module)
        if purpose(module):
            parts.append(purpose(module))
        for name, entry in sorted(entries(module).items()):
            heading = "**Functions**" if not name else "**`%s`**%s" % (
                entry.title, entry.sentence and " – " + entry.sentence)
            parts.append("\n".join([heading] + ([""] + entry.lines if entry.lines else [])) + "\n")
    return "\n".join(parts)


def main(options):
    if options not in ([], ["--check"]):
        sys.exit("error: expected nothing or --check, found '%s'" % " ".join(options))
    written = text()
    if options:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != written:
            sys.exit("error: Experiments/API.md is out of date; run Scripts/docs --api to write it again")
        return
    PAGE.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
