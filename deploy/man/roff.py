# SPDX-License-Identifier: GPL-3.0-or-later
"""The Markdown of this project's documents as man(7): headings, paragraphs, lists, tables, code, and no more than that."""
import re
import textwrap

WIDTH = 78


def escape(text):
    """Text as roff: a backslash, a hyphen that is a minus, and a quote or point at a line's start mean something to it."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti").replace("`", "\\(ga")
    return text.replace("…", "\\&...").replace("–", "\\(en").replace("→", "\\(->").replace("⏎", "")


def protect(line):
    return "\\&" + line if line.startswith((".", "'")) else line


def bold(text):
    return "\\fB" + text + "\\fR" if text else ""


def inline(text):
    """`code`, **strong**, *emphasis*, [text](target)."""
    out = []
    for part in re.split(r"(`[^`]*`|\*\*[^*]+\*\*|\*[^*]+\*|\[[^\]]*\]\([^)]*\))", text):
        if part.startswith("`") and part.endswith("`") and len(part) > 1:
            out.append(bold(escape(part[1:-1].replace("\\|", "|"))))
        elif part.startswith("**") and len(part) > 4:
            out.append(bold(escape(part[2:-2])))
        elif part.startswith("*") and part.endswith("*") and len(part) > 2:
            out.append("\\fI" + escape(part[1:-1]) + "\\fR")
        elif re.fullmatch(r"\[[^\]]*\]\([^)]*\)", part):
            words, target = re.fullmatch(r"\[([^\]]*)\]\(([^)]*)\)", part).groups()
            out.append(inline(words) + (" (" + escape(target) + ")" if target.startswith("http") else ""))
        else:
            out.append(escape(part.replace("\\|", "|")))
    return "".join(out)


def fill(text):
    """A paragraph in lines that no reader of the source has to scroll for."""
    lines = textwrap.wrap(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)
    return [protect(line) for line in lines]


def code(lines):
    return [".PP", ".in +4n", ".nf"] + [protect(escape(line)) if line.strip() else "" for line in lines] + [".fi", ".in"]


def cells(row):
    return [c.strip() for c in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


def table(rows):
    """The first column is a tag; of more than two columns each says which it is, but for the last, "means"."""
    head, out = cells(rows[0]), []
    for row in rows[2:]:
        row = cells(row)
        out += [".TP", protect(inline(row[0])) or "\\&"]
        parts = []
        for name, cell in list(zip(head, row))[1:]:
            if cell:
                parts.append(inline(cell) if len(head) == 2 or name == "means" else "\\fI" + escape(name) + ":\\fR " + inline(cell))
        body = [fill(part) for part in parts]
        out += [line for i, lines in enumerate(body) for line in ([".br"] if i else []) + lines] or ["\\&"]
    return out


def blocks(text):
    """Yields (kind, lines): heading, code, table, item, text."""
    lines, i = text.split("\n"), 0
    while i < len(lines):
        line = lines[i]
        if not line.strip():
            i += 1
        elif line.startswith("```"):
            end = next(k for k in range(i + 1, len(lines)) if lines[k].startswith("```"))
            yield "code", lines[i + 1:end]
            i = end + 1
        elif line.startswith("#"):
            yield "heading", [line]
            i += 1
        elif line.startswith("    "):
            end = i
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            yield "code", [ln[4:] for ln in lines[i:end] if ln.strip() or ln is not lines[end - 1]]
            i = end
        elif line.startswith("|"):
            end = i
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
            yield "table", lines[i:end]
            i = end
        else:
            item, end = line.startswith("- "), i + 1
            while end < len(lines) and lines[end].strip() and not lines[end].startswith(("#", "|", "```", "- ")):
                end += 1
            yield ("item" if item else "text"), [lines[i][2:] if item else lines[i]] + lines[end - (end - i - 1):end]
            i = end


def convert(text):
    """[(section title or "", [roff lines])]; "# Title" of a document is left out: a man page has its NAME."""
    sections, body = [("", [])], None
    for kind, lines in blocks(text):
        body = sections[-1][1]
        if kind == "heading" and lines[0].startswith("# "):
            continue
        if kind == "heading" and lines[0].startswith("## "):
            sections.append((lines[0][3:].strip(), []))
        elif kind == "heading":
            body.append(".SS " + escape(lines[0].lstrip("#").strip()))
        elif kind == "code":
            body += code([ln for ln in lines])
        elif kind == "table":
            body += table(lines)
        elif kind == "item":
            body += [".IP \\(bu 2"] + fill(inline(" ".join(lines)))
        else:
            body += [".PP"] + fill(inline(" ".join(lines)))
    return [(title, body) for title, body in sections if title or body]


def tidy(lines):
    """No paragraph mark directly behind a heading or before one, no empty line twice or at an example's end."""
    out = []
    for line in lines:
        if line == ".PP" and out and out[-1].startswith((".SH", ".SS", ".PP")):
            continue
        if line == ".fi":
            while out and out[-1] == "":
                out.pop()
        out.append(line)
    return out
