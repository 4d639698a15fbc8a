"""Hosts that boot and ask for their build themselves: the three of ssh_hosts.py, each from its own network namespace,
with the very lines of cloud-init that docs/ has, and served by Lemmy over SSH. Their cloud's metadata service is ours."""
import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

import yaml

from ssh_hosts import HOSTS, NET, ROOT, inside, sh
from ssh_server import SshServer

sys.path.insert(0, os.path.join(ROOT, "tests/kubernetes"))
from harness import wait_for  # noqa: E402

TOKEN, OF_HOSTS = "lmy_" + os.urandom(20).hex(), "lmy_" + os.urandom(20).hex()
ACCOUNT = "123456789012"
ADDRESS = {host: f"10.77.0.{11 + i}" for i, host in enumerate(HOSTS)}
METADATA = """
import http.server, sys
FILES = {"/latest/meta-data/instance-id": sys.argv[1], "/latest/dynamic/instance-identity/rsa2048": sys.argv[2]}
class Metadata(http.server.BaseHTTPRequestHandler):
    def answer(self, text):
        self.send_response(200 if text else 401)
        self.end_headers()
        self.wfile.write((text or "").encode())
    def do_PUT(self):
        self.answer("a-token" if self.path == "/latest/api/token" else None)
    def do_GET(self):
        self.answer(FILES.get(self.path) if self.headers["X-aws-ec2-metadata-token"] == "a-token" else None)
    def log_message(self, *_):
        pass
http.server.HTTPServer(("169.254.169.254", 80), Metadata).serve_forever()
"""


def user_data(page, what, replace):
    """The first example of user data in this page that has `what`, read as cloud-init reads it, with texts replaced."""
    text = Path(ROOT, "docs", page).read_text()
    for block in re.findall(r"```yaml\n((?:## template: jinja\n)?#cloud-config\n.*?)```", text, flags=re.S):
        if what in block:
            for old, new in replace.items():
                block = block.replace(old, new)
            return yaml.safe_load(block)
    raise AssertionError(f"{page} has no example with {what}")


class Boot(SshServer):
    command = ["serve", "--kubeconfig", "none", "--listen", "10.77.0.1"]
    token = TOKEN

    @classmethod
    def configure_all(cls):
        cls.write("projects/shop/project.yaml", "deployer: ansible\nplaybook: app.yml\n")
        cls.write("projects/shop/environments.json", json.dumps({"production-hosts": {}}))
        sh("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/O=A cloud", "-days", "2", "-keyout",
           f"{cls.dir}/cloud.key", "-out", f"{cls.config}/cloud.pem")
        known = hashlib.sha256(TOKEN.encode()).hexdigest()
        cls.write("access.yaml", json.dumps({
            "tokens": {"test": {"role": "admin", "hash": known}}, "hooks": {"test": {"token_hash": known}},
            "instances": {
                "tokens": {"shop": {"project": "shop", "environment": "production-hosts",
                                    "token_hash": hashlib.sha256(OF_HOSTS.encode()).hexdigest()}},
                "aws": {"accounts": [ACCOUNT], "certificates": ["cloud.pem"]}}}))
        path = f"{cls.config}/ansible/inventory/hosts.json"
        inventory = json.loads(Path(path).read_text())
        for host, facts in inventory["all"]["children"]["project_shop"]["hosts"].items():
            facts["instance_id"] = f"i-{host}"
        Path(path).write_text(json.dumps(inventory))
        cls.documents = {}
        for host in HOSTS:
            cls.documents[host] = cls.document(host, ADDRESS[host])
            sh(*inside(host, "ip", "address", "add", "169.254.169.254/32", "dev", "lo"))
            cls.sshds[f"metadata of {host}"] = subprocess.Popen(
                inside(host, sys.executable, "-c", METADATA, f"i-{host}", cls.documents[host]))
        for host in HOSTS:
            answers = inside(host, "curl", "-s", "-o", "/dev/null", "http://169.254.169.254/")
            wait_for(f"the metadata of {host}", lambda answers=answers: subprocess.run(answers).returncode == 0, 60)

    @classmethod
    def document(cls, host, address):
        """The instance's identity, signed as AWS does: PKCS#7, wrapped, without its frame."""
        text = json.dumps({"accountId": ACCOUNT, "region": "eu-west-1", "instanceId": f"i-{host}", "privateIp": address,
                           "pendingTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))})
        made = subprocess.run(["openssl", "smime", "-sign", "-nodetach", "-nocerts", "-binary", "-outform", "DER",
                               "-signer", f"{cls.config}/cloud.pem", "-inkey", f"{cls.dir}/cloud.key"],
                              input=text.encode(), capture_output=True, check=True)
        return base64.encodebytes(made.stdout).decode()

    def boots(self, host, page="instances.md", what="v1.instance_id", **other):
        """Starts what cloud-init runs on this host; `other` replaces texts of its user data."""
        token = f"{self.dir}/{host}/lemmy-token"
        data = user_data(page, what, {
            "https://lemmy.example.com": self.url, "lmy_...": OF_HOSTS, "/etc/lemmy-token": token, "=web": "=shop",
            "=staging": "=production-hosts", "=production ": "=production-hosts ", "{{ v1.instance_id }}": f"i-{host}",
            **other})
        for file in data.get("write_files", []):
            with open(file["path"], "w", opener=lambda path, flags: os.open(path, flags, int(file["permissions"], 8))) as f:
                f.write(file["content"])
        for command in data["runcmd"]:  # texts go to a shell, lists of texts are arguments
            self.assertIsInstance(command, str)
        script = "\n".join(data["runcmd"])
        self.assertNotIn(OF_HOSTS, script, "everybody on the host sees arguments")
        return subprocess.Popen(inside(host, "sh", "-euc", script), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)

    def boots_by_aws(self, host, **other):
        return self.boots(host, "hosts.md", "rsa2048", **other)

    def taken(self, process):
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err)
        return json.loads(out)

    def refused(self, process, host, why):
        """curl says 401 or 403, and the ledger why and who; no instance is changed by it."""
        before = self.instances()
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 22, err)
        self.assertRegex(err, "error: 40[13]")
        call = self.listed("deliveries")[0]
        self.assertEqual((call["verdict"], call["from"]), ("refused", ADDRESS[host]))
        self.assertIn(why, call["why"])
        self.assertEqual(self.instances(), before)

    def listed(self, what, *of):
        code, out, err = self.cli(what, *of, "--output", "json")
        self.assertEqual(code, 0, err)
        return json.loads(out)[what]

    def instances(self):
        return {i["instance_id"]: {k: v for k, v in i.items() if k != "age"}
                for i in self.listed("instances", "shop", "production-hosts")}

    def becomes(self, instance, state, limit=300):
        def check():
            i = self.instances().get(instance)
            return i if i and i["state"] == state and not i["pending"] else None
        try:
            return wait_for(f"{instance} to be {state}", check, limit, 0.5)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{json.dumps(self.instances(), indent=1)[:3000]}\n{self.said()}")

    def deployed(self):
        sha = self.build()
        code, out, err = self.cli("deploy", "shop", "production-hosts", "--build", sha)
        self.assertEqual(code, 0, err + out)
        return sha

    def is_new(self, host):
        """A fresh machine: no service, and nothing of it on the disk."""
        app = Path(self.dir, host, "app")
        if (app / "service.pid").exists():
            os.kill(int((app / "service.pid").read_text()), signal.SIGKILL)
        shutil.rmtree(app, ignore_errors=True)

    def sleeps(self, host):
        """Its sshd is gone, with the connections that Ansible keeps open."""
        pids = sh("ip", "netns", "pids", f"{NET}-{host}").stdout.split()
        for pid in pids:
            if Path(f"/proc/{pid}/comm").read_text().strip() == "sshd":
                os.kill(int(pid), signal.SIGKILL)
        self.sshds[host].wait()
        self.addCleanup(self.wakes, host)

    def wakes(self, host):
        if self.sshds[host].poll() is not None:
            self.start_sshd(host)

    def test_each_host_asks_from_where_it_is_and_gets_its_build_over_ssh(self):
        sha = self.deployed()
        for host in HOSTS:
            self.is_new(host)
        for process in [self.boots(host) for host in HOSTS]:
            self.assertTrue(self.taken(process)["known"])
        for host in HOSTS:
            i = self.becomes(f"i-{host}", "converged")
            self.assertEqual((i["host"], i["build"], i["address"], i["identity"]),
                             (host, sha, ADDRESS[host], "token shop"))
        self.assertEqual(self.serving(), [sha] * 3)

    def test_a_host_whose_id_nobody_knows_is_found_by_the_address_that_it_calls_from(self):
        sha = self.deployed()
        self.is_new("web2")
        self.taken(self.boots("web2", **{"instance_id=i-web2": "instance_id=i-fresh"}))
        self.assertEqual(self.becomes("i-fresh", "converged")["host"], "web2")
        self.assertEqual(self.serving(), [sha] * 3)

    def test_a_host_whose_sshd_is_not_up_yet_is_tried_again_until_it_is(self):
        sha = self.deployed()
        self.sleeps("web3")
        for host in ("web1", "web3"):
            self.is_new(host)
        for process in [self.boots("web1"), self.boots("web3")]:
            self.taken(process)
        asleep = wait_for("a second try", lambda: (i := self.becomes("i-web3", "failed")) and i["tries"] >= 2 and i, 300)
        self.assertIn("cannot be reached", asleep["why"])
        self.assertIsNotNone(asleep["next_try"])
        self.becomes("i-web1", "converged")
        self.wakes("web3")
        self.assertEqual(self.becomes("i-web3", "converged")["build"], sha)
        self.assertEqual(self.serving(), [sha] * 3)

    def test_hosts_of_aws_prove_themselves_by_their_document(self):
        sha = self.deployed()
        self.is_new("web1")
        self.assertEqual(self.taken(self.boots_by_aws("web1"))["instance_id"], "i-web1")
        i = self.becomes("i-web1", "converged")
        self.assertEqual((i["build"], i["identity"], i["address"]), (sha, f"aws {ACCOUNT}/eu-west-1", ADDRESS["web1"]))
        self.assertEqual(self.serving(), [sha] * 3)

    def test_a_host_that_asks_for_another_one_is_refused_and_recorded(self):
        once = {"--retry 100": "--retry 0"}
        other_id = {"$(imds meta-data/instance-id)": "i-web1"}
        self.refused(self.boots_by_aws("web2", **once, **other_id), "web2", "the document is of another instance")
        stolen = {"$(imds dynamic/instance-identity/rsa2048 | tr -d '\\n')": self.documents["web1"].replace("\n", "")}
        self.refused(self.boots_by_aws("web2", **once, **other_id, **stolen), "web2",
                     "the call does not come from the document's address")
        self.refused(self.boots("web2", **once, **{"environment=production-hosts": "environment=production"}), "web2",
                     "the token is for another target")


if __name__ == "__main__":
    unittest.main()
