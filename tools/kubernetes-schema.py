#!/usr/bin/env python3
"""Makes src/manifest/kubernetes_schema.json of Kubernetes' own OpenAPI document:
tools/kubernetes-schema.py MODULE VERSION >src/manifest/kubernetes_schema.json
MODULE is the folder of the Go module k8s.io/kubernetes, which tools/testcluster builds. What a field can be is only in the
definitions that are generated for the API server itself.

A type of a field: "string", "integer", "int32", "number", "boolean", "any", "time", "quantity", "int-or-string", "bytes", the name of
an entry of "types", or one of these after "[]" (a list) or "{}" (a map). Kinds are those that are stable."""
import json
import re
import sys

FORMATS = {"int-or-string": "int-or-string", "date-time": "time", "byte": "bytes"}
ROOTS = ("io.k8s.api.", "io.k8s.apimachinery.pkg.apis.", "io.k8s.apimachinery.pkg.",
         "io.k8s.apiextensions-apiserver.pkg.apis.", "io.k8s.kube-aggregator.pkg.apis.")

# What the document calls required, and the API server does without: apiGroup of a RoleRef, value of a header ...
DEFAULTED = {"apiGroup", "value", "lun", "seconds"}


def short(name):
    for root in ROOTS:
        if name.startswith(root):
            return name[len(root):]
    return name


def type_of(prop, definitions):
    if "$ref" in prop:
        name = prop["$ref"].rsplit("/", 1)[1]
        target = definitions[name]
        if name.endswith(".resource.Quantity"):
            return "quantity"
        return short(name) if "properties" in target else type_of(target, definitions)
    kind = prop.get("type")
    if kind == "array":
        return "[]" + type_of(prop["items"], definitions)
    if kind == "object":
        return "{}" + type_of(prop["additionalProperties"], definitions) if "additionalProperties" in prop else "any"
    if kind == "string" and prop.get("format") in FORMATS:
        return FORMATS[prop["format"]]
    if kind == "integer" and prop.get("format") == "int32":
        return "int32"
    return kind or "any"


def choices(module):
    """Of each type's fields that are of a few values: "core.v1.Container": {"imagePullPolicy": ["Always", ...]}"""
    out, name, field = {}, "", ""
    with open(module + "/pkg/generated/openapi/zz_generated.openapi.go", encoding="utf-8") as f:
        for line in f:
            if found := re.match(r"func schema_(?:k8sio_api_|k8sio_apimachinery_pkg_apis_|pkg_apis_)(\w+?)_(v\w+?)_(\w+)\(", line):
                name = ".".join(found.groups())
            elif line.startswith("func "):
                name = ""
            elif found := re.match(r'\t{5}"(\w+)": {$', line):
                field = found[1]
            elif (found := re.search(r"Enum:\s+\[\]interface{}{(.*)}", line)) and name:
                out.setdefault(name, {})[field] = [v for v in json.loads(f"[{found[1]}]") if v]
    return out


def described(definition, definitions, of_values):
    out = {"fields": {f: type_of(p, definitions) for f, p in sorted(definition["properties"].items())}}
    if required := set(definition.get("required", [])) - DEFAULTED:
        out["required"] = sorted(required)
    keys = {f: p["x-kubernetes-list-map-keys"] for f, p in sorted(definition["properties"].items())
            if p.get("x-kubernetes-list-type") == "map"}
    if keys:
        out["keys"] = keys
    if of_values:
        out["enums"] = {f: sorted(values) for f, values in sorted(of_values.items()) if f in out["fields"]}
    return out


def main():
    of_values = choices(sys.argv[1])
    with open(sys.argv[1] + "/api/openapi-spec/swagger.json", encoding="utf-8") as f:
        definitions = json.load(f)["definitions"]
    kinds = {}
    for name, definition in definitions.items():
        for gvk in definition.get("x-kubernetes-group-version-kind", []):
            if "metadata" in definition.get("properties", {}) and not gvk["kind"].endswith("List"):
                group = gvk["group"] + "/" if gvk["group"] else ""
                stable = re.fullmatch(r"v\d+", gvk["version"])
                kinds[f"{group}{gvk['version']}/{gvk['kind']}"] = name if stable else "any"
    # What the cluster says of an object nobody sends.
    wanted, types = [name for name in kinds.values() if name != "any"], {}
    while wanted:
        name = wanted.pop()
        if short(name) in types:
            continue
        definition = definitions[name]
        if name in kinds.values() and "status" in definition["properties"]:
            definition["properties"]["status"] = {"type": "object"}
        types[short(name)] = described(definition, definitions, of_values.get(short(name)))
        for ref in re.findall(r'"#/definitions/([^"]*)"', json.dumps(definition["properties"])):
            if "properties" in definitions[ref]:
                wanted.append(ref)
    lines = [f' {json.dumps(k)}: {json.dumps(v, separators=(",", ":"))}' for k, v in sorted(types.items())]
    head = {"source": f"Kubernetes {sys.argv[2]}, api/openapi-spec/swagger.json (Apache-2.0), by tools/kubernetes-schema.py",
            "version": sys.argv[2], "kinds": {k: short(v) for k, v in sorted(kinds.items())}}
    print(json.dumps(head, indent=1)[:-2] + ',\n "types": {\n' + ",\n".join(lines) + "\n}}")


main()
