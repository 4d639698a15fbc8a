"""How kubeconfigs are read, compared with client-go: what kubectl takes is taken alike, and what it refuses is refused."""
import base64
import copy
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import LEMMY, ROOT

TESTCLUSTER = os.environ.get("TESTCLUSTER") or subprocess.run(
    ["sh", str(ROOT / "tools/testcluster/build.sh")], capture_output=True, text=True, check=True).stdout.strip().splitlines()[-1]
READER = Path(LEMMY).resolve().parent / "src" / "kubeconfig_read"
CA = "-----BEGIN CERTIFICATE-----\nMIIBdzCCAR2g\n-----END CERTIFICATE-----\n"


def b64(text):
    return base64.b64encode(text.encode()).decode()


def config(cluster=None, user=None, context=None, **top):
    return {"apiVersion": "v1", "kind": "Config", "current-context": "main",
            "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443", **(cluster or {})}}],
            "users": [{"name": "u", "user": user or {}}],
            "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u", **(context or {})}}], **top}


EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws", "interactiveMode": "Never"}
V1BETA1 = "client.authentication.k8s.io/v1beta1"

# name: configuration (or text), taken alike by both
ALIKE = {
    "nothing but a server": config(),
    "token": config(user={"token": "secret"}),
    "token file": config(user={"tokenFile": "token"}),
    "token and token file": config(user={"token": "secret", "tokenFile": "token"}),
    "password": config(user={"username": "ada", "password": "x"}),
    "user name alone": config(user={"username": "ada"}),
    "token and password": config(user={"token": "secret", "username": "ada", "password": "x"}),
    "authority inside": config({"certificate-authority-data": b64(CA)}),
    "authority in a file beside it": config({"certificate-authority": "ca.crt"}),
    "authority in a folder beside it": config({"certificate-authority": "pki/ca.crt"}),
    "authority that is not there": config({"certificate-authority": "none.crt"}),
    "authority that is no base64": config({"certificate-authority-data": "***"}),
    "insecure": config({"insecure-skip-tls-verify": True}),
    "insecure is no boolean": config({"insecure-skip-tls-verify": "maybe"}),
    "server name": config({"tls-server-name": "api.example.com"}),
    "compression": config({"disable-compression": True}),
    "certificate and key inside": config(user={"client-certificate-data": b64("CERT"), "client-key-data": b64("KEY")}),
    "certificate and key in files": config(user={"client-certificate": "client.crt", "client-key": "client.key"}),
    "certificate without key": config(user={"client-certificate-data": b64("CERT")}),
    "certificate file that is not there": config(user={"client-certificate": "none.crt", "client-key": "client.key"}),
    "both certificates": config(user={"client-certificate": "client.crt", "client-certificate-data": b64("CERT"),
                                      "client-key": "client.key"}),
    "both keys": config(user={"client-certificate": "client.crt", "client-key": "client.key", "client-key-data": b64("KEY")}),
    "certificate and token": config(user={"client-certificate": "client.crt", "client-key": "client.key", "token": "t"}),
    "namespace": config(context={"namespace": "team"}),
    "http proxy": config({"proxy-url": "http://proxy.example.com:3128"}),
    "https proxy": config({"proxy-url": "https://proxy.example.com:3128"}),
    "socks proxy": config({"proxy-url": "socks5://proxy.example.com:1080"}),
    "proxy of another scheme": config({"proxy-url": "ftp://proxy.example.com:21"}),
    "proxy without scheme": config({"proxy-url": "proxy.example.com:3128"}),
    "impersonated": config(user={"token": "t", "as": "ada"}),
    "impersonated with all": config(user={"as": "ada", "as-uid": "1", "as-groups": ["a", "b"],
                                          "as-user-extra": {"scopes": ["x", "y"], "reason": ["z"]}}),
    "groups of nobody": config(user={"token": "t", "as-groups": ["a"]}),
    "uid of nobody": config(user={"token": "t", "as-uid": "1"}),
    "plugin": config(user={"exec": EXEC}),
    "plugin with arguments": config(user={"exec": {**EXEC, "args": ["eks", "get-token"],
                                                   "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]}}),
    "plugin beside it": config(user={"exec": {**EXEC, "command": "./plugin"}}),
    "plugin of a folder": config(user={"exec": {**EXEC, "command": "bin/plugin"}}),
    "plugin, absolute": config(user={"exec": {**EXEC, "command": "/usr/bin/plugin"}}),
    "plugin of v1beta1 without a mode": config(user={"exec": {"apiVersion": V1BETA1, "command": "aws"}}),
    "plugin of v1 without a mode": config(user={"exec": {**EXEC, "interactiveMode": ""}}),
    "plugin of an unknown mode": config(user={"exec": {**EXEC, "interactiveMode": "Sometimes"}}),
    "plugin of no version": config(user={"exec": {"command": "aws", "interactiveMode": "Never"}}),
    "plugin without a command": config(user={"exec": {**EXEC, "command": ""}}),
    "plugin with a variable of no name": config(user={"exec": {**EXEC, "env": [{"name": "", "value": "1"}]}}),
    "plugin that is told": config({"certificate-authority-data": b64(CA)}, {"exec": {**EXEC, "provideClusterInfo": True}}),
    "plugin and auth-provider": config(user={"exec": EXEC, "auth-provider": {"name": "gcp"}}),
    "keys that nobody knows": config({"sever": "x"}, {"tokn": "secret"}, extra=1),
    "no such context": config(**{"current-context": "other"}),
    "no such cluster": config(context={"cluster": "other"}),
    "no user at all": config(context={"user": ""}),
    "no server": config({"server": ""}),
    "the same name twice": {**config(), "users": [{"name": "u", "user": {"token": "1"}}, {"name": "u", "user": {"token": "2"}}]},
    "empty": "",
    "no YAML": "a: [1",
    "a list": "- 1\n",
    "another kind": {**config(), "kind": "Pod"},
    "another version": {**config(), "apiVersion": "v9"},
    "anchors": "apiVersion: v1\nkind: Config\ncurrent-context: main\nclusters:\n- name: c\n  cluster: &c {server: 'https://h:1'}\n"
               "- {name: d, cluster: *c}\nusers: []\ncontexts:\n- {name: main, context: {cluster: d}}\n",
    "nothing of lists": "apiVersion: v1\nkind: Config\nclusters: null\nusers: null\ncontexts: null\n",
    "preferences and extensions": config({"extensions": [{"name": "x", "extension": {"a": 1}}]}, preferences={"colors": True}),
}

FILES = {"token": "of a file", "ca.crt": CA, "client.crt": "CERT", "client.key": "KEY", "pki/ca.crt": CA + CA}

# What kubectl takes (nobody at all for a user that is not there) and a server without a terminal, or this one, cannot
# do: refused, never left out.
REFUSED = {
    "a plugin that wants a terminal": (config(user={"exec": {**EXEC, "interactiveMode": "Always"}}), "interactiveMode: Always"),
    "no such user": (config(context={"user": "other"}), "there is no user 'other'"),
    "auth-provider": (config(user={"auth-provider": {"name": "gcp"}}), "auth-provider is not supported"),
}


def named(name, server, token, **more):
    return {"apiVersion": "v1", "kind": "Config", "clusters": [{"name": name, "cluster": {"server": server}}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}], **more}


class Kubeconfigs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory(prefix="lemmy-kubeconfig-")
        cls.addClassCleanup(cls.dir.cleanup)
        cls.path = Path(cls.dir.name)
        for name, text in FILES.items():
            (cls.path / name).parent.mkdir(exist_ok=True)
            (cls.path / name).write_text(text)

    def write(self, name, what):
        file = self.path / name.replace(" ", "-").replace(",", "")
        file.write_text(what if isinstance(what, str) else json.dumps(what))
        return str(file)

    def read(self, questions):
        """What each of both says of each question."""
        given = "".join(json.dumps(q) + "\n" for q in questions)
        env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and k != "KUBECONFIG"}
        out = []
        for command in ([READER], [TESTCLUSTER, "kubeconfig"]):
            done = subprocess.run(command, input=given, text=True, capture_output=True, env=env, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual(len(lines), len(questions), done.stderr)
            out.append(lines)
        return list(zip(*out))

    def same(self, ours, theirs):
        if "error" in ours or "error" in theirs:
            return ("error" in ours) == ("error" in theirs)
        ours, theirs = copy.deepcopy(ours["access"]), theirs["access"]
        ours.pop("unknown"), ours.pop("exec_cluster")
        theirs = {k: v or type(ours[k])() for k, v in theirs.items()}
        if theirs["token_file"] and not ours["token"]:
            theirs["token"] = ""  # what is in it now: Lemmy reads it when it needs it
        return ours == theirs

    def test_what_kubectl_takes_is_taken_alike_and_what_it_refuses_is_refused(self):
        self.assertGreaterEqual(len(ALIKE), 40)
        asked = [{"files": [self.write(name, what)], "context": ""} for name, what in ALIKE.items()]
        for name, (ours, theirs) in zip(ALIKE, self.read(asked)):
            with self.subTest(name):
                self.assertTrue(self.same(ours, theirs), f"ours: {ours}\nclient-go: {theirs}")

    def test_files_are_merged_as_kubectl_merges_them(self):
        one = self.write("one", named("a", "https://a:1", "of one", **{"current-context": "a"}))
        two = self.write("two", {**named("a", "https://b:2", "of two", **{"current-context": "b"}),
                                 "clusters": [{"name": "a", "cluster": {"server": "https://b:2", "tls-server-name": "x"}},
                                              {"name": "b", "cluster": {"server": "https://b:2"}}],
                                 "contexts": [{"name": "b", "context": {"cluster": "b", "user": "a"}}]})
        none, nobody = str(self.path / "none"), self.write("nobody", "")
        (self.path / "deep").mkdir(exist_ok=True)
        deep = self.write("deep/three", named("c", "https://c:3", "", users=[
            {"name": "c", "user": {"client-certificate": "../client.crt", "client-key": "../client.key"}}]))
        asked = [{"files": files, "context": context} for files in
                 ([one, two], [two, one], [none, one], [nobody, two, one], [one, none], [none, str(self.path / "no")],
                  [one, two, deep]) for context in ("", "a", "b", "c")]
        for question, (ours, theirs) in zip(asked, self.read(asked)):
            with self.subTest(question):
                self.assertTrue(self.same(ours, theirs), f"ours: {ours}\nclient-go: {theirs}")

    def test_what_cannot_be_done_is_refused_and_keys_that_nobody_knows_are_named(self):
        asked = [{"files": [self.write(name, what)], "context": ""} for name, (what, _) in REFUSED.items()]
        for (name, (_, words)), (ours, _) in zip(REFUSED.items(), self.read(asked)):
            self.assertIn(words, ours.get("error", ""), name)
        (ours, _), = self.read([{"files": [self.write("typos", ALIKE["keys that nobody knows"])], "context": ""}])
        self.assertEqual(sorted(ours["access"]["unknown"]), ["clusters[c].sever", "extra", "users[u].tokn"])

    def test_a_plugin_is_told_of_the_cluster_when_it_shall_be(self):
        what = config({"certificate-authority-data": b64(CA), "proxy-url": "http://p:1", "tls-server-name": "n", "extensions": [
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x", "n": 1, "list": [True, None]}},
            {"name": "other", "extension": {}}]}, {"exec": {**EXEC, "provideClusterInfo": True}})
        (ours, _), = self.read([{"files": [self.write("told", what)], "context": ""}])
        self.assertEqual(ours["access"]["exec_cluster"], {
            "server": "https://10.0.0.1:6443", "tls-server-name": "n", "certificate-authority-data": b64(CA),
            "proxy-url": "http://p:1", "config": {"audience": "x", "n": 1, "list": [True, None]}})
        (ours, _), = self.read([{"files": [self.write("untold", ALIKE["plugin"])], "context": ""}])
        self.assertIsNone(ours["access"]["exec_cluster"])


if __name__ == "__main__":
    unittest.main()
