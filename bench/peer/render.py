"""The peer of bench/render.cpp: the same requests and answers, by Python's Jinja2. Templates are compiled once and
contexts are Python's own objects, as Lemmy keeps its. Not here: Lemmy's checks, stamps and ConfigMaps.
"""
import json
import sys
import time
from pathlib import Path

import jinja2

NOTHING = "nothing"
PORTS = {"grpc": 80, "rest": 8080, "debug": 9090}


def environment(texts):
    return jinja2.Environment(loader=jinja2.DictLoader({**texts, NOTHING: ""}), undefined=jinja2.StrictUndefined,
                              extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])


def fastest(repeat, work, rounds=5):
    best = None
    for _ in range(rounds):
        start = time.thread_time_ns()
        for _ in range(repeat):
            work()
        took = (time.thread_time_ns() - start) / 1000 / max(repeat, 1)
        best = took if best is None else min(best, took)
    return best


def snippet(ask):
    jinja = environment(ask["templates"])
    template, nothing, context = jinja.get_template(ask["name"]), jinja.get_template(NOTHING), ask["context"]
    return {"text": template.render(context), "us": fastest(ask["repeat"], lambda: template.render(context)),
            "context_us": fastest(ask["repeat"], lambda: nothing.render(context))}


def normalise(final):
    """{"NAME": value} becomes Kubernetes' list of {name, value}."""
    for container in final["containers"]:
        if isinstance(container.get("env"), dict):
            container["env"] = [{"name": n, "value": v if isinstance(v, str) else json.dumps(v)}
                                for n, v in container["env"].items()]
    return final


def manifests(ask):
    folder = Path(ask["config"]) / "projects" / ask["project"]
    texts = {f.name: f.read_text() for f in folder.glob("*.j2")} | ask["standards"]
    jinja = environment(texts)
    jinja.policies["json.dumps_kwargs"] = {}  # keys keep their order, as with Lemmy
    template = jinja.get_template("template.json.j2")
    standards = {kind: jinja.get_template(f"standards/{kind}.json.j2")
                 for kind in ("replication-controller", "horizontal-pod-autoscaler", "service")}
    values = json.loads((folder / "environments.json").read_text())[ask["environment"]]
    sha = ask["sha"]

    def render():
        context = {"project": ask["project"], "environment": ask["environment"],
                   "build": {"sha": sha, "short_sha": sha[:7], "branch": "main", "image": "", "url": "", "author": ""},
                   "deploy": {"number": 1}, "ports": PORTS, "config": values}
        final = normalise(json.loads(template.render(context)))
        context["final"] = final
        objects = [json.loads(standards["replication-controller"].render(context))]
        if "autoscale" in final:
            objects.append(json.loads(standards["horizontal-pod-autoscaler"].render(context)))
        objects.append(json.loads(standards["service"].render(context)))
        return final, objects

    final, objects = render()
    return {"final": final, "objects": objects, "us": fastest(ask["repeat"], render)}


def main():
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            answer = manifests(ask) if "config" in ask else snippet(ask)
        except Exception as e:  # a template may fail with any exception of Python
            answer = {"error": f"{type(e).__name__}: {e}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
