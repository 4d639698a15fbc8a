#!/usr/bin/env python3
"""Runs of the real Ansible over real SSH: three hosts, each an sshd in a network namespace of its own, with addresses that
exist in those namespaces only. Needs root, ip, sshd and tools/ansible.sh's environment; skipped without them."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../..")
BIN = os.environ.get("LEMMY_ANSIBLE_BIN", os.path.join(ROOT, "build/ansible-venv/bin"))
RUN = os.environ.get("LEMMY_ANSIBLE_RUN", os.path.join(ROOT, "build/src/ansible_run"))
SSHD = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin")
HOSTS = ["web1", "web2", "web3"]
NET = f"lemmy{os.getpid()}"


def sh(*argv, **more):
    return subprocess.run(argv, check=True, capture_output=True, text=True, **more)


def inside(namespace, *argv):
    return ["nsenter", f"--net=/run/netns/{NET}-{namespace}", *argv]


class Hosts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for wanted, there in {"root": os.geteuid() == 0, "ip": shutil.which("ip"), "sshd": SSHD,
                              "tools/ansible.sh": os.path.exists(BIN + "/ansible-runner"),
                              RUN: os.path.exists(RUN)}.items():
            if not there:
                raise unittest.SkipTest(f"needs {wanted}")
        cls.dir = tempfile.mkdtemp(prefix="lemmy-hosts-")
        cls.sshds = {}
        cls.addClassCleanup(cls.take_down)
        cls.tree = os.path.join(cls.dir, "ansible")
        shutil.copytree(os.path.join(HERE, "config"), cls.tree)
        os.makedirs("/run/sshd", exist_ok=True)
        for key in ["client", "stranger", *HOSTS]:
            sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", f"{cls.dir}/{key}.key")
        cls.make_network()
        cls.write_inventory()
        for host in HOSTS:
            cls.start_sshd(host)

    @classmethod
    def make_network(cls):
        sh("ip", "netns", "add", f"{NET}-server")
        sh(*inside("server", "ip", "link", "add", "hosts", "type", "bridge"))
        sh(*inside("server", "ip", "link", "set", "lo", "up"))
        for i, host in enumerate(HOSTS):
            sh("ip", "netns", "add", f"{NET}-{host}")
            sh(*inside("server", "ip", "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns",
                       f"{NET}-{host}"))
            sh(*inside("server", "ip", "link", "set", host, "master", "hosts", "up"))
            sh(*inside(host, "ip", "address", "add", f"10.77.0.{11 + i}/24", "dev", "eth0"))
            sh(*inside(host, "ip", "link", "set", "eth0", "up"))
            sh(*inside(host, "ip", "link", "set", "lo", "up"))
        sh(*inside("server", "ip", "address", "add", "10.77.0.1/24", "dev", "hosts"))
        sh(*inside("server", "ip", "link", "set", "hosts", "up"))

    @classmethod
    def write_inventory(cls):
        known = ""
        hosts = {}
        for i, host in enumerate(HOSTS):
            with open(f"{cls.dir}/{host}.key.pub") as f:
                known += f"10.77.0.{11 + i} {f.read()}"
            hosts[host] = {"ansible_host": f"10.77.0.{11 + i}", "app_dir": f"{cls.dir}/{host}/app"}
            os.mkdir(f"{cls.dir}/{host}")
        with open(f"{cls.dir}/known_hosts", "w") as f:
            f.write(known)
        here = {"ansible_host": "10.77.0.11", "app_dir": f"{cls.dir}/web1/app"}
        inventory = {"all": {
            "vars": {"ansible_user": "root", "ansible_ssh_private_key_file": f"{cls.dir}/client.key",
                     "ansible_python_interpreter": sys.executable,
                     "ansible_remote_tmp": f"{cls.dir}/remote",
                     "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={cls.dir}/known_hosts"
                                                " -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes"},
            "children": {
                "project_shop": {"hosts": hosts},
                "refused": {"hosts": {"off": {"ansible_host": "10.77.0.1"}}},
                "strange": {"hosts": {"unknown": {**here, "ansible_ssh_common_args":
                                                  "-F none -o UserKnownHostsFile=/dev/null",
                                                  "ansible_control_path": "none"}}},
                "denied": {"hosts": {"locked": {**here, "ansible_ssh_private_key_file":
                                                f"{cls.dir}/stranger.key", "ansible_control_path": "none"}}}}}}
        os.mkdir(f"{cls.tree}/inventory")
        with open(f"{cls.tree}/inventory/hosts.json", "w") as f:
            json.dump(inventory, f)

    @classmethod
    def start_sshd(cls, host):
        config = f"{cls.dir}/{host}.sshd"
        with open(config, "w") as f:
            f.write(f"HostKey {cls.dir}/{host}.key\nAuthorizedKeysFile {cls.dir}/client.key.pub\nStrictModes no\n"
                    f"UsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\n"
                    f"UseDNS no\nMaxStartups 100\n")
        cls.sshds[host] = subprocess.Popen(inside(host, SSHD, "-D", "-f", config, "-E", f"{cls.dir}/{host}.log"))
        for _ in range(250):
            if subprocess.run(inside(host, "ss", "-Hltn", "sport", "=", "22"), capture_output=True).stdout:
                return
            time.sleep(0.02)
        raise AssertionError(open(f"{cls.dir}/{host}.log").read())

    @classmethod
    def take_down(cls):
        for name in ["server", *HOSTS]:
            listed = subprocess.run(["ip", "netns", "pids", f"{NET}-{name}"], capture_output=True, text=True)
            for pid in listed.stdout.split():  # all of them are ours: the namespace is
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            subprocess.run(["ip", "netns", "del", f"{NET}-{name}"], capture_output=True)
        for process in cls.sshds.values():
            process.wait()
        for used in [f"{cls.dir}/runs/.ansible", cls.tree]:
            folder = f"/tmp/lemmy-{os.geteuid()}-{hashlib.sha256(used.encode()).hexdigest()[:8]}"
            shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(cls.dir)

    def release(self, build, hosts="project_shop", **config):
        variables = f"{self.dir}/variables.json"
        with open(variables, "w") as f:
            json.dump({"lemmy": {"project": "shop", "environment": "staging", "build": {"sha": build},
                                 "config": config}}, f)
        done = subprocess.run(inside("server", RUN, BIN, self.tree, f"{self.dir}/runs", f"run-{build}", "app.yml",
                                     hosts, variables), capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.states = {h["name"]: h["state"] for h in result["progress"]["hosts"]}
        return result

    def serving(self):
        out = []
        for host in HOSTS:
            app = f"{self.dir}/{host}/app"
            asked = subprocess.run(inside(host, sys.executable, f"{app}/service.py", "ask", app, "8080"),
                                   capture_output=True, text=True)
            out.append(asked.stdout.strip())
        return out

    def refuse(self, host, builds):
        os.makedirs(f"{self.dir}/{host}/app", exist_ok=True)
        with open(f"{self.dir}/{host}/app/refuses", "w") as f:
            f.write(builds)

    def test_a_release_reaches_every_host_and_a_second_one_changes_nothing(self):
        result = self.release("aaaaaaa1", colour="green")
        self.assertEqual(self.states, dict.fromkeys(HOSTS, "changed"), result)
        self.assertEqual(self.serving(), ["aaaaaaa1"] * 3)
        with open(f"{self.dir}/web2/app/config.json") as f:
            self.assertEqual(json.load(f)["config"], {"colour": "green"})
        self.release("aaaaaaa1", colour="green")
        self.assertEqual(self.states, dict.fromkeys(HOSTS, "ok"))
        self.release("aaaaaaa2", colour="green")
        self.assertEqual(self.serving(), ["aaaaaaa2"] * 3)

    def test_a_bad_build_stops_at_the_first_host_when_serial_says_one(self):
        self.release("bbbbbbb1")
        self.refuse("web1", "bbbbbbb2")
        result = self.release("bbbbbbb2", serial=1)
        self.assertEqual(result["outcome"]["exit_code"], 2)
        self.assertEqual(self.states, {"web1": "failed"})
        failure = result["progress"]["failure"]
        self.assertEqual((failure["host"], failure["role"], failure["task"]), ("web1", "app", "Restart the service"))
        self.assertEqual(failure["file_line"], "roles/app/handlers/main.yml:1")
        self.assertIn("the build bbbbbbb2 does not start on this host", failure["message"])
        self.assertEqual(self.serving()[1:], ["bbbbbbb1"] * 2)

    def test_a_tolerated_share_of_failed_hosts_does_not_stop_the_others(self):
        self.release("ccccccc1")
        self.refuse("web1", "ccccccc2")
        result = self.release("ccccccc2", max_fail_percentage=50)
        self.assertEqual(result["outcome"]["exit_code"], 2)
        self.assertEqual(self.states, {"web1": "failed", "web2": "changed", "web3": "changed"})
        self.assertEqual(self.serving()[1:], ["ccccccc2"] * 2)

    def test_a_host_whose_sshd_is_off_is_unreachable_and_the_others_are_released(self):
        result = self.release("ddddddd1", "project_shop:refused", max_fail_percentage=50)
        self.assertEqual(self.states, {**dict.fromkeys(HOSTS, "changed"), "off": "unreachable"})
        self.assertTrue(result["progress"]["failure"]["unreachable"])
        self.assertIn("sshd", result["progress"]["failure"]["hint"])

    def test_a_host_key_that_nobody_knows_is_refused_and_named(self):
        failure = self.release("eeeeeee1", "strange")["progress"]["failure"]
        self.assertEqual(self.states, {"unknown": "unreachable"})
        self.assertIn("Host key verification failed", failure["message"])
        self.assertIn("known_hosts", failure["hint"])

    def test_a_key_that_the_host_does_not_accept_is_named(self):
        failure = self.release("fffffff1", "denied")["progress"]["failure"]
        self.assertEqual(self.states, {"locked": "unreachable"})
        self.assertIn("Permission denied", failure["message"])
        self.assertIn("SSH key", failure["hint"])


if __name__ == "__main__":
    unittest.main()
