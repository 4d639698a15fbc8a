#!/usr/bin/env python3
"""Is an ordinary render as fast as before? Two builds of the template engine render the sample template in turns.

    bench/render_speed.py BEFORE/jinja_render AFTER/jinja_render [ROUNDS]

Prints the processor time of a render in the fastest round of each, and the ratio: other work on the machine
disturbs that least.
"""
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "share/playground/config/projects/hello-world"
A_ROUND = 200


def processor_time(program):
    """In seconds; waiting for a busy machine does not count."""
    return int(Path(f"/proc/{program.pid}/schedstat").read_text().split()[0]) / 1e9


def request():
    config = json.loads((PROJECT / "environments.json").read_text())["production"]
    context = {"project": "hello-world", "environment": "production", "config": config, "deploy": {"number": 1},
               "build": {"sha": "0123abcd", "image": ""}, "ports": {"grpc": 80, "rest": 8080, "debug": 9090}}
    # Many copies of the text: what is measured is the render, not the reading of the template.
    text = (PROJECT / "template.json.j2").read_text()
    loop = "{% for turn in range(40) %}" + text + "{% endfor %}"
    return json.dumps({"templates": {"t": loop}, "name": "t", "context": context}) + "\n"


def main():
    programs = [subprocess.Popen([p], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for p in sys.argv[1:3]]
    line, times, answers = request(), [[], []], [None, None]
    for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 15):
        for i, program in enumerate(programs):
            start = processor_time(program)
            for _ in range(A_ROUND):
                program.stdin.write(line)
                program.stdin.flush()
                answers[i] = program.stdout.readline()
            times[i].append(processor_time(program) - start)
    for program in programs:
        program.stdin.close()
        program.wait()
    assert answers[0] == answers[1] and '"ok"' in answers[0], "they render different texts"
    before, after = (min(t) / A_ROUND * 1e6 for t in times)
    print(f"before {before:.0f} us, after {after:.0f} us, ratio {after / before:.3f}")


if __name__ == "__main__":
    sys.exit(main())
