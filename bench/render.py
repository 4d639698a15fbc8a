#!/usr/bin/env python3
"""The same templates rendered by Lemmy's engine and by Python's Jinja2, in processor time of one process each.

    bench/render.py [REPEAT]       needs build/render_bench: ninja -C build render_bench

Whole renders of the sample projects (environment JSON, final JSON, manifests), and the snippets of
tests/template/cases.py that both engines render to the same text.
"""
import json
import math
import re
import subprocess
import sys

from common import BUILD, ROOT, peer_environment, summary, table

sys.path.insert(0, str(ROOT / "tests/template"))
sys.dont_write_bytecode = True
from cases import CASES, SERVICE  # noqa: E402

SHA = "0123456789abcdef"


class Program:
    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def standards():
    """Lemmy's own templates, which its peer shall render too."""
    text = (ROOT / "src/manifest/standards.cpp").read_text()
    return dict(re.findall(r'\{"(standards/[^"]+)", R"\((.*?)\)"\}', text, re.S))


def contains(stamped, plain):
    """Lemmy's objects have stamps too; what the templates wrote must be there."""
    if isinstance(plain, dict):
        return isinstance(stamped, dict) and all(k in stamped and contains(stamped[k], v) for k, v in plain.items())
    if isinstance(plain, list):
        return isinstance(stamped, list) and all(any(contains(s, p) for s in stamped) for p in plain)
    return stamped == plain


def whole(lemmy, peer, repeat):
    """Rows of the whole renders, and their ratios."""
    rows, ratios, config = [], [], ROOT / "share/playground/config"
    for file in sorted(config.glob("projects/*/template.json.j2")):
        project = file.parent.name
        for name in json.loads((file.parent / "environments.json").read_text()):
            ask = {"config": str(config), "project": project, "environment": name, "sha": SHA, "repeat": repeat,
                   "standards": standards()}
            ours, theirs = lemmy.ask(ask), peer.ask(ask)
            for answer in (ours, theirs):
                if "error" in answer:
                    raise SystemExit(f"{project} {name}: {answer['error']}")
            if ours["final"] != theirs["final"] or not all(map(contains, ours["objects"], theirs["objects"])):
                raise SystemExit(f"{project} {name}: they render different manifests")
            ratios.append(theirs["us"] / ours["us"])
            share = lambda key: f"{ours[key] / ours['us'] * 100:.0f} %"
            rows.append([f"{project}, {name}", f"{ours['us']:.0f} us", f"{theirs['us']:.0f} us", f"{ratios[-1]:.1f}",
                         share("context_us"), share("templates_us"), share("results_us"),
                         f"{(ours['us'] - sum(ours[k] for k in ('templates_us', 'context_us', 'results_us'))) / ours['us'] * 100:.0f} %"])
    return rows, ratios


def snippets(lemmy, peer, repeat):
    """(name, microseconds of Lemmy, of the peer, Lemmy's with an empty template) of each that both render alike."""
    out = []
    for name, source, *context in CASES:
        ask = {"templates": source if isinstance(source, dict) else {"main.j2": source}, "name": "main.j2",
               "context": {**SERVICE, **(context[0] if context else {})}, "repeat": 0}
        answers = [p.ask(ask) for p in (lemmy, peer)]
        if any("error" in a for a in answers) or answers[0]["text"] != answers[1]["text"]:
            continue
        ask["repeat"] = repeat
        ours, theirs = lemmy.ask(ask), peer.ask(ask)
        out.append((name, ours["us"], theirs["us"], ours["context_us"]))
    return out


def mean(values):
    """The geometric one, as of ratios."""
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values))


def main():
    repeat = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    program = BUILD / "render_bench"
    if not program.exists():
        raise SystemExit("build it first: ninja -C build render_bench")
    lemmy, peer = Program(program), Program(peer_environment() / "python", ROOT / "bench/peer/render.py")
    try:
        rows, ratios = whole(lemmy, peer, repeat)
        table(["environment JSON to manifests", "Lemmy", "Jinja2", "ratio", "contexts", "templates",
               "reading results", "checks, stamps, ConfigMaps"], rows)
        print()
        small = snippets(lemmy, peer, repeat)
        ours, theirs, context = (sum(s[i] for s in small) for i in (1, 2, 3))
        each = sorted(s[2] / s[1] for s in small)
        table([f"{len(small)} snippets of tests/template", "figure"],
              [["Lemmy, all of them once", f"{ours:,.0f} us"], ["Jinja2", f"{theirs:,.0f} us"],
               ["ratio of the sums", f"{theirs / ours:.1f}"],
               ["ratio of each: least, middle, most", f"{each[0]:.1f}, {each[len(each) // 2]:.1f}, {each[-1]:.1f}"],
               ["handing Lemmy's engine the context", f"{context / ours * 100:.0f} %"]])
    finally:
        lemmy.stop()
        peer.stop()
    summary("render: environment JSON to manifests, beside Python's Jinja2", f"{mean(ratios):.1f}x", "30x",
            mean(ratios) >= 30)
    summary("render: snippets, beside Python's Jinja2", f"{theirs / ours:.1f}x", "30x", theirs >= 30 * ours)


if __name__ == "__main__":
    main()
