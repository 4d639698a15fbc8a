"""Clusters side by side: what hangs of one costs nothing of the others, nor of the pages, nor of the end."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from unittest import mock

import harness
from harness import ROOT, Server, wait_until

SIMULATED = ROOT / "build" / "simulated_cluster"
SHA = "0123456789abcdef0123456789abcdef01234567"
DEAD = "127.0.0.77"  # a name server that takes what it is asked, and says nothing


def own_mounts():
    """Whether this machine lets a process have its own /etc/resolv.conf."""
    return shutil.which("unshare") and subprocess.run(["unshare", "-m", "true"], capture_output=True,
                                                      check=False).returncode == 0


def kubeconfig(server, user):
    return json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "it",
                       "clusters": [{"name": "it", "cluster": {"server": server}}],
                       "users": [{"name": "me", "user": user}],
                       "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}]})


def sockets_of(pid):
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass
    return {name for name in found if name.startswith("socket:")}


@unittest.skipUnless(own_mounts(), "this machine gives no mount namespaces: unshare -m")
class SideBySide(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lemmy-test-clusters-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.name_server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.name_server.close)
        self.name_server.bind((DEAD, 53))
        self.cluster = subprocess.Popen([SIMULATED, self.folder / "good", "--pace", "0.05"], stdout=subprocess.PIPE,
                                        text=True)
        self.addCleanup(self.end_cluster)
        self.address = re.search(r"(http://\S+)", self.cluster.stdout.readline())[1]
        (self.folder / "again").write_text(kubeconfig(self.address, {"token": "another"}))
        (self.folder / "nameless").write_text(kubeconfig("http://cluster.example:6443", {}))
        plugin = self.folder / "hangs"
        plugin.write_text(f"#!/bin/sh\necho run >> {self.folder}/runs\nexec sleep 60\n")
        plugin.chmod(0o755)
        (self.folder / "plugin").write_text(kubeconfig(self.address, {"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": str(plugin)}}))
        (self.folder / "resolv.conf").write_text(f"nameserver {DEAD}\n")
        wrapper = self.folder / "lemmy"
        wrapper.write_text(f"""#!/bin/sh
exec unshare -m sh -c 'mount --bind {self.folder}/resolv.conf /etc/resolv.conf && exec "$0" "$@"' {harness.LEMMY} "$@"
""")
        wrapper.chmod(0o755)
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.say_clusters("good")
        (self.server.config / "environments.yaml").write_text(
            "environments:\n- {name: staging, cluster: good}\n- {name: production, cluster: nameless}\n"
            "- {name: qa, cluster: plugin}\n")
        with mock.patch.object(harness, "LEMMY", str(wrapper)):
            self.server.start()

    def end_cluster(self):
        self.cluster.terminate()
        self.cluster.wait(10)
        self.cluster.stdout.close()

    def say_clusters(self, good):
        lines = [f"  {name}: {{kubeconfig: {self.folder / file}}}\n"
                 for name, file in (("good", good), ("nameless", "nameless"), ("plugin", "plugin"))]
        (self.server.config / "clusters.yaml").write_text("clusters:\n" + "".join(lines))

    def clusters(self):
        return {c["name"]: c for c in self.server.get("/readyz").json["clusters"]}

    def live(self, name):
        return wait_until(lambda: not self.clusters()[name].get("trouble") and self.clusters()[name], 30,
                          f"{name} is not live")

    def deploy(self):
        told = self.server.call("POST", "/hooks/build", {"project": "hello-world", "sha": SHA, "branch": "main"})
        self.assertEqual(told.status, 202, told.body)
        path = "/api/v1/projects/hello-world/environments/staging/deploys"
        made = self.server.call("POST", path, {"build": SHA})
        self.assertEqual(made.status, 202, made.body)
        one = f"{path}/{made.json['number']}"
        wait_until(lambda: self.server.get(one).json["deploy"]["phase"] == "live", 60, "it does not go live")
        return made.json

    def test_a_kubeconfig_that_is_not_there_leaves_that_of_before_in_use(self):
        self.live("good")
        self.assertEqual(self.deploy()["warnings"], [])
        self.say_clusters("nowhere")
        told = wait_until(lambda: self.clusters()["good"].get("trouble"), 20, "it is not told")
        self.assertIn("as it is written now it cannot be used, that of before is", told)
        self.assertIn("nowhere", told)
        self.deploy()
        self.say_clusters("again")
        self.live("good")

    def test_deploys_on_a_cluster_that_is_not_named_any_more_are_told(self):
        self.live("good")
        self.deploy()
        (self.server.config / "clusters.yaml").write_text(
            f"clusters:\n  other: {{kubeconfig: {self.folder / 'good'}}}\n")
        (self.server.config / "environments.yaml").write_text("environments:\n- {name: staging, cluster: other}\n")
        problem = "cluster good is not named any more, and a deploy of hello-world/staging is there"
        wait_until(lambda: problem in json.dumps(self.server.get("/readyz").json["configuration"]), 20, "it is not told")
        self.assertIn("lemmy_config_problems 1", self.server.get("/metrics").body.decode())
        code, _, err = self.server.cli("deploy", "hello-world", "staging", "--build", SHA, "--no-wait")
        self.assertEqual(code, 0, err)
        self.assertIn(problem, err)

    def test_a_dead_name_server_and_a_plugin_that_hangs_cost_their_own_clusters_only(self):
        self.live("good")
        wait_until(lambda: (self.folder / "runs").exists(), 20, "the plugin was not run")
        self.deploy()
        self.assertEqual(self.server.get("/").status, 200)
        troubles = self.clusters()
        self.assertTrue(troubles["nameless"]["trouble"], troubles)
        self.assertTrue(troubles["plugin"]["trouble"], troubles)
        self.assertEqual((self.folder / "runs").read_text().count("run"), 1)
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.process.wait(10), 0)

    def test_a_cluster_that_is_written_otherwise_keeps_no_connection(self):
        self.live("good")
        pid = self.server.process.pid
        wait_until(lambda: len(sockets_of(pid)) >= 6, 20, "its watches do not stand")
        before = len(sockets_of(pid))
        taken = lambda: sum("new configuration" in line for line in self.server.log)
        for n, good in enumerate(("again", "good", "again", "good", "again"), 1):
            self.say_clusters(good)
            wait_until(lambda: taken() >= n, 20, "the configuration is not taken")
            self.live("good")
        # Four of each would stay for good; look-ups of the name that nobody tells come and go.
        wait_until(lambda: len(sockets_of(pid)) <= before + 8, 30, "connections of the clusters before are kept")


class Elsewhere(unittest.TestCase):
    """Two clusters behind one name: the second has none of Lemmy's objects."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lemmy-test-elsewhere-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        for name in ("right", "wrong"):
            process = subprocess.Popen([SIMULATED, self.folder / name, "--pace", "0.05"], stdout=subprocess.PIPE, text=True)
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.wait, 10)
            self.addCleanup(process.terminate)
            process.stdout.readline()
        self.used = self.folder / "used"
        self.lead_to("right")
        self.server = Server("--kubeconfig", self.used)
        self.addCleanup(self.server.stop)
        (self.server.config / "environments.yaml").write_text("environments: [{name: staging}]\n")
        self.server.start()
        self.wait_live()
        told = self.server.call("POST", "/hooks/build", {"project": "hello-world", "sha": SHA, "branch": "main"})
        self.assertEqual(told.status, 202, told.body)
        self.path = "/api/v1/projects/hello-world/environments/staging/deploys"
        self.assertEqual(self.ask(), 1)
        self.wait_deployed(1)

    def lead_to(self, name):
        shutil.copy(self.folder / name, self.folder / "new")
        os.replace(self.folder / "new", self.used)

    def ask(self):
        made = self.server.call("POST", self.path, {"build": SHA})
        self.assertEqual(made.status, 202, made.body)
        return made.json["number"]

    def deploy(self, number=1):
        return self.server.get(f"{self.path}/{number}").json["deploy"]

    def wait_deployed(self, number):
        wait_until(lambda: self.deploy(number)["phase"] == "live", 60, "it does not go live")

    def trouble(self):
        return self.server.get("/readyz").json["clusters"][0].get("trouble")

    def wait_live(self):
        wait_until(lambda: not self.trouble(), 30, "the cluster is not live")

    def wait_stranger(self):
        return wait_until(lambda: "another cluster answers" in (self.trouble() or "") and self.trouble(), 30,
                          "it is not noticed")

    def nothing_is_said_to_be_gone(self):
        deploy = self.deploy()
        self.assertEqual((deploy["phase"], deploy["presence"]), ("live", "running"))
        self.assertNotIn("deleted", json.dumps(deploy))

    def test_a_kubeconfig_that_leads_elsewhere_for_a_while_deletes_nothing_and_says_so(self):
        self.lead_to("wrong")
        self.wait_stranger()
        self.nothing_is_said_to_be_gone()
        self.server.end()  # and it is still known after a restart
        self.server.start()
        self.wait_stranger()
        self.nothing_is_said_to_be_gone()
        number = self.ask()
        self.lead_to("right")
        self.wait_live()
        self.nothing_is_said_to_be_gone()
        self.wait_deployed(number)

    def test_a_cluster_that_was_replaced_is_accepted_by_the_uid_that_is_told(self):
        self.lead_to("wrong")
        uid = re.search(r"accept-cluster default (\S+?)\)", self.wait_stranger())[1]
        code, _, err = self.server.cli("accept-cluster", "default", "0123")
        self.assertEqual(code, 5, err)
        self.assertIn(uid, err)
        code, _, err = self.server.cli("accept-cluster", "nothing", uid)
        self.assertEqual(code, 4, err)
        code, out, err = self.server.cli("accept-cluster", "default", uid)
        self.assertEqual((code, err), (0, ""))
        self.assertIn(uid, out)
        self.wait_live()
        wait_until(lambda: self.deploy()["presence"] == "deleted", 30, "it is not on this cluster")
        self.wait_deployed(self.ask())

    def test_the_first_clusters_yaml_must_name_the_cluster_of_before(self):
        def say(name):
            (self.server.config / "clusters.yaml").write_text(f"clusters:\n  main: {{kubeconfig: {self.folder / name}}}\n")
        say("wrong")
        self.wait_stranger()
        self.nothing_is_said_to_be_gone()
        say("right")
        self.wait_live()
        self.nothing_is_said_to_be_gone()


if __name__ == "__main__":
    unittest.main()
