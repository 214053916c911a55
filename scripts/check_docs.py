#!/usr/bin/env python3
"""The documents against the truth.

Links between files and to headings lead somewhere, paths of the repository named
in `code` exist, commands and options of `hongyan` exist in its help, settings in
the guides are those of the sample file, and a translation shows the same commands.
Needs only the standard library; HONGYAN_BIN names the binary.
"""

import os
import re
import subprocess
import sys
import unicodedata
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = os.environ.get("HONGYAN_BIN", str(ROOT / "target" / "debug" / "hongyan"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TRANSLATED = [("README.md", "README.zh-CN.md"), ("docs/guide.md", "docs/guide.zh-CN.md")]
# The rooms of the repository that documents name files of.
ROOMS = ("crates/", "docs/", "scripts/", "tests/", "bench/", ".ci/")

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)
faults = []


def fault(document, words):
    faults.append(f"{document.relative_to(ROOT)}: {words}")


def fenced(text, *languages):
    return [body for _, language, body in FENCE.findall(text) if language in languages]


def slug(heading):
    """The anchor of a heading, as code hosts make it."""
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    kept = (c for c in text if c in "-_ " or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")


def anchors(path):
    text = FENCE.sub("", path.read_text())
    found = {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.M)}
    return found | set(re.findall(r'id="([^"]+)"', text))


def check_links(document, text):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (document.parent / path).resolve() if path else document
        if not there.exists():
            fault(document, f"the link {target} leads nowhere")
        elif anchor and anchor not in anchors(there):
            fault(document, f"the link {target} leads to no heading")


def check_paths(document, text):
    for name in re.findall(r"`([\w./-]+)`", FENCE.sub("", text)):
        # `tests/suite` may mean that of the crate the text is about.
        if name.startswith(ROOMS) and not [*ROOT.glob(name), *ROOT.glob(f"crates/*/{name}")]:
            fault(document, f"there is no {name}")


@cache
def help_of(*words):
    """The help of a command; None if there is no such command."""
    run = subprocess.run([BINARY, *words, "--help"], capture_output=True, text=True, timeout=30)
    return run.stdout if run.returncode == 0 else None


def check_command(document, words):
    """`words` follow `hongyan`: commands first, then their options."""
    if words[0] == "help":
        return
    command = []
    while words and re.fullmatch(r"[a-z]+", words[0]) and "Commands:" in (help_of(*command) or ""):
        command.append(words.pop(0))
    shown = help_of(*command)
    if shown is None:
        return fault(document, f"there is no command hongyan {' '.join(command)}")
    for word in words:
        option = re.match(r"--[a-z-]+", word)
        if option and not re.search(rf"{option.group()}\b", shown):
            fault(document, f"hongyan {' '.join(command)} has no {option.group()}")


def check_commands(document, text):
    for block in fenced(text, "sh"):
        for line in re.sub(r"\\\n", " ", block).splitlines():
            for call in re.findall(r"(?:^|\$\()\s*hongyan ([^#)&|]*)", line):
                check_command(document, call.split())
    for call in re.findall(r"`hongyan ([^`]+)`", FENCE.sub("", text)):
        check_command(document, call.split())


def settings(toml):
    """section.key of every setting in the sample, those commented out as well."""
    section, found = "", set()
    for line in toml.splitlines():
        if header := re.fullmatch(r"\[+(\w+)\]+", line):
            section = header.group(1)
        elif setting := re.match(r"(?:# )?([a-z_]+) = ", line):
            found.add(f"{section}.{setting.group(1)}")
    return found


def check_settings(document, text, sample):
    """Both tables of settings: the first by section, the second of accounts."""
    told, section = set(), ""
    for row in re.findall(r"^\| (`[^|]*) \|[^|]*\|[^|]*\|$", text, re.M):
        if header := re.match(r"`\[(\w+)\] ", row):
            section = header.group(1)
        if row.startswith("`name`"):
            section = "accounts"
        if section:
            names = re.findall(r"`(?:\[\w+\] )?([a-z_]+)`", row)
            told |= {f"{section}.{name}" for name in names}
        if row.startswith("`send_to_unfollowed`"):
            break
    for name in sorted(sample - told):
        fault(document, f"the setting {name} of hongyan.example.toml is not explained")
    for name in sorted(told - sample):
        fault(document, f"{name} is no setting of hongyan.example.toml")


def commands(text):
    """The commands of the shell blocks, without words for people."""
    lines = "\n".join(fenced(text, "sh")).splitlines()
    ascii_only = (re.sub(r"#.*|'[^']*'|-d .*|[^ -~]", "", line).strip() for line in lines)
    return [line for line in ascii_only if line.startswith(("hongyan", "make", "export", "curl"))]


def main():
    for document in DOCUMENTS:
        text = document.read_text()
        check_links(document, text)
        check_paths(document, text)
        check_commands(document, text)
    sample = settings((ROOT / "hongyan.example.toml").read_text())
    for english, translation in TRANSLATED:
        if commands((ROOT / english).read_text()) != commands((ROOT / translation).read_text()):
            fault(ROOT / translation, f"its commands are not those of {english}")
    for guide in ("docs/guide.md", "docs/guide.zh-CN.md"):
        check_settings(ROOT / guide, (ROOT / guide).read_text(), sample)
    print("\n".join(faults) or f"{len(DOCUMENTS)} documents are true")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
