#!/usr/bin/env python3
"""Renders every snippet of cases.py with Python's Jinja2 and with Lemmy's engine. Where they differ must stand in
docs/templates.md, and what stands there must differ.

    compare.py JINJA_RENDER VENV           the test; makes VENV when it is missing
    compare.py JINJA_RENDER VENV --table   prints the table for docs/templates.md
    compare.py JINJA_RENDER VENV --show    prints every snippet with both results
"""
import json
import os
import re
import subprocess
import sys

PINNED = ["jinja2==3.1.6", "markupsafe==3.0.2"]
HERE = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(HERE, "../../docs/templates.md")
REFUSED = "an error"


def enter_environment(venv):
    """Goes on in the Python of `venv`, which has exactly the pinned Jinja2."""
    python = os.path.join(venv, "bin/python")
    stamp = os.path.join(venv, "pinned")
    wanted = " ".join(PINNED)
    if not os.path.exists(stamp) or open(stamp).read() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINNED], check=True)
        with open(stamp, "w") as f:
            f.write(wanted)
    if os.path.realpath(sys.prefix) != os.path.realpath(venv):
        os.execv(python, [python, *sys.argv])


def snippets():
    """(id, {name: text}, context) of each case."""
    from cases import CASES, SERVICE
    for case in CASES:
        texts = case[1] if isinstance(case[1], dict) else {"main.j2": case[1]}
        yield case[0], texts, {**SERVICE, **(case[2] if len(case) > 2 else {})}


def by_python(texts, context):
    import jinja2
    environment = jinja2.Environment(loader=jinja2.DictLoader(texts), undefined=jinja2.StrictUndefined,
                                     extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])
    try:
        return environment.get_template("main.j2").render(context), None
    except Exception as e:  # a template may fail with any exception of Python
        return REFUSED, {"what": f"{type(e).__name__}: {e}", "where": ""}


def by_lemmy(program, all_snippets):
    lines = [json.dumps({"templates": texts, "name": "main.j2", "context": context})
             for _, texts, context in all_snippets]
    done = subprocess.run([program], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.split("\n") if line]
    assert len(answers) == len(lines), f"{len(answers)} answers to {len(lines)} snippets"
    return [(a["ok"], None) if "ok" in a else (REFUSED, a["error"]) for a in answers]


def cell(text):
    """A table cell that shows `text` exactly."""
    if text == REFUSED:
        return REFUSED
    shown = json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("|", "\\|").replace("\x7f", "\\x7f")
    ticks = "``" if "`" in shown else "`"
    return f"{ticks}{shown}{ticks}" if shown else "nothing"


def row(name, texts, python, lemmy):
    source = " ".join(cell(t) if n == "main.j2" else f"{n}: {cell(t)}" for n, t in texts.items())
    return f"| {name} | {source} | {cell(python)} | {cell(lemmy)} |"


def uncovered(cases):
    """Filters, tests and functions of Jinja2 that no snippet uses."""
    import jinja2
    environment = jinja2.Environment()
    words = set(re.findall(r"\w+", " ".join(text for _, texts, _ in cases for text in texts.values())))
    names = [*environment.filters, *environment.tests, *environment.globals]
    return [f"no snippet uses Jinja2's '{n}'" for n in sorted(set(names)) if n.isidentifier() and n not in words]


def main():
    program, venv = sys.argv[1:3]
    enter_environment(venv)
    sys.path.insert(0, HERE)
    sys.dont_write_bytecode = True
    mode = sys.argv[3] if len(sys.argv) > 3 else ""
    cases = list(snippets())
    names = [name for name, _, _ in cases]
    assert len(set(names)) == len(names), "a name stands twice in cases.py"
    differences = open(DOCS).read().partition("\n## Differences from Jinja2\n")[2]
    listed = {m.group(1): m.group(0) for m in re.finditer(r"^\| ([a-z][a-z0-9_]*) \| .*$", differences, re.M)}

    faults, differing = [], 0
    for (name, texts, context), (lemmy, error) in zip(cases, by_lemmy(program, cases)):
        python, why = by_python(texts, context)
        wanted = row(name, texts, python, lemmy) if python != lemmy else None
        differing += wanted is not None
        if mode == "--show":
            print(f"{'DIFF' if wanted else 'same'} {name}\n  {texts}\n  python {python!r} {why or ''}\n"
                  f"  lemmy  {lemmy!r} {error or ''}")
        if mode == "--table" and wanted:
            print(wanted)
        if wanted and listed.get(name) != wanted:
            faults.append(f"{name}: they differ, and docs/templates.md does not have this row:\n  {wanted}\n"
                          f"  python: {why or python}\n  lemmy: {error or lemmy}")
        if not wanted and name in listed:
            faults.append(f"{name}: listed in docs/templates.md, but they no longer differ")
        if error and not re.match(r"[\w.]+:\d+", error["where"]):
            faults.append(f"{name}: Lemmy's error has no place: {error}")
        if name.startswith("error_") and not error:
            faults.append(f"{name}: Lemmy must refuse this")
    faults += [f"{name}: listed in docs/templates.md, but not in cases.py" for name in listed if name not in names]
    faults += uncovered(cases)
    if mode:
        return
    for fault in faults:
        print("FAIL", fault)
    print(f"{len(cases)} snippets, {differing} known differences, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
