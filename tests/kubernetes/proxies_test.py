"""An API server that is reached through a proxy, and on behalf of somebody else."""
import base64
import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import Config, Lemmy, control_plane, new_sha, wait_for
from proxies import Proxy

NAMESPACE = "proxies"


class Reached(unittest.TestCase):
    def setUp(self):
        self.plane = control_plane()
        self.plane.namespace(NAMESPACE)
        self.addCleanup(self.plane.kubectl, "delete", "rc", "--all", "-n", NAMESPACE)
        self.work = Path(tempfile.mkdtemp(prefix="lemmy-proxies-"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.config = Config(self.work / "config")
        self.config.project("far", {NAMESPACE: {"replicas": 1}}, yaml="settle: 500ms\ndeadline: 8s\n")

    def proxy(self, *args, **more):
        made = Proxy(*args, **more)
        self.addCleanup(made.stop)
        return made

    def kubeconfig(self, cluster=None, user=None):
        """The administrator's, with the API server under a name that only the proxies know."""
        config = json.loads(self.plane.kubectl("config", "view", "--raw", "--flatten", "-o", "json"))
        of_cluster = config["clusters"][0]["cluster"]
        if cluster is not None:
            self.port = int(of_cluster["server"].rsplit(":", 1)[1])
            of_cluster.update({"server": f"https://api.proxied.test:{self.port}", "tls-server-name": "127.0.0.1", **cluster})
        config["users"][0]["user"].update(user or {})
        path = self.work / "kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def start(self, kubeconfig, **env):
        self.lemmy = Lemmy(self.config.dir, self.work / "data", kubeconfig, env=env)
        self.lemmy.start()
        self.addCleanup(self.lemmy.stop)

    def deployed(self, *phases):
        sha = new_sha()
        self.lemmy.announce("far", sha)
        n = self.lemmy.deploy("far", NAMESPACE, sha)
        return self.lemmy.wait_phase("far", NAMESPACE, n, "live", "failed", limit=60)

    def reaches(self, proxy, url, **env):
        self.start(self.kubeconfig({"proxy-url": url} if url else {}), **env)
        status = self.deployed()
        self.assertEqual(status["deploy"]["phase"], "live", status["cause"])
        self.assertEqual(set(proxy.asked), {("api.proxied.test", self.port)})
        self.assertGreater(len(proxy.asked), 3, "the watches are streams of their own")

    def test_an_http_proxy_with_a_login(self):
        proxy = self.proxy(login="ada:s e:cret")
        self.reaches(proxy, f"http://ada:s%20e:cret@127.0.0.1:{proxy.port}")

    def test_a_socks_proxy(self):
        proxy = self.proxy("socks5")
        self.reaches(proxy, f"socks5://127.0.0.1:{proxy.port}")

    def test_a_socks_proxy_with_a_login(self):
        proxy = self.proxy("socks5", login="ada:secret")
        self.reaches(proxy, f"socks5://ada:secret@127.0.0.1:{proxy.port}")

    def test_an_https_proxy_that_is_trusted_as_the_server_is(self):
        both = self.work / "proxy.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=proxy",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.work / "key", "-out", self.work / "cert"],
                       check=True, capture_output=True)
        both.write_text((self.work / "key").read_text() + (self.work / "cert").read_text())
        proxy = self.proxy(certificate=both)
        url = f"https://127.0.0.1:{proxy.port}"
        config = json.loads(self.kubeconfig({"proxy-url": url}).read_text())
        cluster = config["clusters"][0]["cluster"]
        trusted = base64.b64decode(cluster["certificate-authority-data"]).decode() + (self.work / "cert").read_text()
        cluster["certificate-authority-data"] = base64.b64encode(trusted.encode()).decode()
        kubeconfig = self.work / "trusting"
        kubeconfig.write_text(json.dumps(config))
        self.start(kubeconfig)
        status = self.deployed()
        self.assertEqual(status["deploy"]["phase"], "live", status["cause"])
        self.assertEqual(set(proxy.asked), {("api.proxied.test", self.port)})

    def test_the_proxy_of_the_environment(self):
        proxy = self.proxy()
        self.reaches(proxy, "", HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}", NO_PROXY="other.test,10.0.0.0/8")

    def test_what_the_environment_spares_and_what_is_loopback_go_without(self):
        proxy = self.proxy()
        env = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
        self.start(self.kubeconfig(), **env)
        self.assertEqual(self.deployed()["deploy"]["phase"], "live")
        self.assertEqual(proxy.asked, [])
        self.lemmy.stop()
        self.start(self.kubeconfig({}), NO_PROXY=".proxied.test", **env)
        status = self.deployed()
        self.assertEqual((status["deploy"]["phase"], proxy.asked), ("failed", []))
        self.assertIn("api.proxied.test", json.dumps(status["cause"]) + json.dumps(status["cluster"]))

    def test_a_proxy_that_refuses_is_named_and_its_password_is_not(self):
        proxy = self.proxy(login="ada:right")
        self.start(self.kubeconfig({"proxy-url": f"http://ada:wrong-password@127.0.0.1:{proxy.port}"}))

        def trouble():
            code, ready = self.lemmy.call("GET", "/readyz")
            return ready["clusters"][0]["trouble"]
        wait_for("it is told", lambda: "the proxy wants other credentials" in trouble(), 30)
        self.assertIn(f"http://127.0.0.1:{proxy.port}", trouble())
        self.assertNotIn("wrong-password", trouble() + self.lemmy.said())

    def test_who_is_impersonated_has_no_more_rights_than_that(self):
        self.start(self.kubeconfig(user={"as": "somebody", "as-groups": ["nobody-special"], "as-uid": "7",
                                         "as-user-extra": {"example.com/scope": ["a", "b"]}}))
        wait_for("it is told", lambda: "somebody" in self.lemmy.call("GET", "/readyz")[1]["clusters"][0]["trouble"], 30)
        self.plane.kubectl("delete", "clusterrolebinding", "special", "--ignore-not-found")
        self.plane.kubectl("create", "clusterrolebinding", "special", "--clusterrole=cluster-admin", "--group=nobody-special")
        self.addCleanup(self.plane.kubectl, "delete", "clusterrolebinding", "special")
        wait_for("it may", lambda: self.lemmy.call("GET", "/readyz")[1]["clusters"][0]["ok"], 60)
        self.assertEqual(self.deployed()["deploy"]["phase"], "live")


if __name__ == "__main__":
    unittest.main()
