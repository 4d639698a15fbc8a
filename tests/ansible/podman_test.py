"""Containers that podman really starts, on the hosts of ssh_hosts.py: the role `container`, deployed by Lemmy over SSH.
Each host has images and containers of its own. Needs podman and runc; skipped, loudly, where they do not work."""
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import unittest

from ssh_hosts import HOSTS, ROOT, inside
from ssh_server import SshServer

# What podman can do as root of a container, too: the tests are about Lemmy and the role.
PODMAN = ["--storage-driver", "vfs", "--runtime", "runc", "--cgroup-manager=cgroupfs"]
RUN = ["--network=none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]
HELLO = {"GREETING": "hello", "PORT": 8080, "DEBUG": False}
SERVICE = """#!/bin/sh
trap 'exit 0' TERM
[ "$FALLS_OVER" != true ] || { echo "no database at $DATABASE" >&2; exit 3; }
echo "$BUILD of $PROJECT in $ENVIRONMENT: $GREETING, $KEY"
while :; do sleep 1 & wait $!; done
"""


def image():
    """A tar of busybox with what it is linked with, the base image's entrypoint and a service."""
    out = io.BytesIO()
    busybox = shutil.which("busybox")
    linked = subprocess.run(["ldd", busybox], capture_output=True, text=True)  # fails when it is static
    with tarfile.open(fileobj=out, mode="w") as tar:
        def add(name, data, mode=0o755):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
        for name, file in {"bin/busybox": busybox, "usr/local/bin/entrypoint": f"{ROOT}/images/base/entrypoint",
                           **{f[1:]: f for f in re.findall(r"(?<=\s)/\S+", linked.stdout)}}.items():
            with open(file, "rb") as f:
                add(name, f.read())
        add("bin/service", SERVICE.encode())
        for name in ("sh", "cat", "wc", "id", "tr", "sleep"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return out.getvalue()


class Containers(SshServer):
    command = ["serve", "--kubeconfig", "none"]

    @classmethod
    def setUpClass(cls):
        try:
            for program in ("podman", "runc", "busybox"):
                if not shutil.which(program):
                    raise unittest.SkipTest(f"{program} is not installed")
            super().setUpClass()
        except unittest.SkipTest as e:
            print(f"skipped: podman_test: {e}", file=sys.stderr)
            raise

    @classmethod
    def podman(cls, host, *arguments, **more):
        return subprocess.run(inside(host, *cls.argv(host), *arguments), capture_output=True, timeout=60, **more)

    @classmethod
    def argv(cls, host):
        return ["podman", "--root", f"{cls.dir}/{host}/podman", "--runroot", f"{cls.dir}/{host}/podman-run", *PODMAN]

    @classmethod
    def configure_all(cls):
        tar = image()
        for host in HOSTS:
            tried = [cls.podman(host, "import", "--change", 'ENTRYPOINT ["/usr/local/bin/entrypoint"]', "--change",
                                'CMD ["/bin/service"]', "-", f"localhost/shop:{n}", input=tar) for n in (1, 2)]
            tried.append(cls.podman(host, "run", "--rm", *RUN, "localhost/shop:1", "/bin/id", "-u"))
            for done in tried:
                if done.returncode != 0:
                    raise unittest.SkipTest("podman runs no containers here: " + done.stderr.decode().strip())
            os.makedirs(f"{cls.dir}/{host}/secrets/shop")
            with open(f"{cls.dir}/{host}/secrets/shop/KEY", "w") as f:
                f.write(f"the key of {host}")
        here = cls.dir + "/{{ inventory_hostname }}"
        cls.write("ansible/inventory/group_vars/all.json", json.dumps({
            "container_folder": f"{here}/containers", "container_stays": 1,
            "container_podman": cls.argv("{{ inventory_hostname }}"),
            "container_options": ["--restart=always", *RUN, "--volume", f"{here}/secrets:/secrets:ro"]}))
        cls.write("projects/shop/project.yaml", "deployer: ansible\nplaybook: containers.yml\n")
        cls.set_env(**HELLO)
        cls.standing = None

    @classmethod
    def take_down(cls):
        for host in HOSTS:  # before their network goes: what watches over them lives there
            cls.podman(host, "rm", "--all", "--force", "--time", "0")
        super().take_down()

    @classmethod
    def set_env(cls, **env):
        cls.env = env
        cls.write("projects/shop/environments.json", json.dumps({"production-hosts": {"env": env}}))

    def configure(self, **env):
        if env != self.env:
            self.set_env(**env)
            time.sleep(3.5)  # the server reads it

    def container(self, host):
        done = self.podman(host, "container", "inspect", "shop")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)[0]

    def answer(self, host):
        return self.podman(host, "logs", "shop").stdout.decode().strip()

    def deploy(self, image, *more):
        sha = self.build("--image", image)
        return sha, *self.cli("deploy", "shop", "production-hosts", "--build", sha, *more)

    def current(self):
        out = self.cli("status", "shop", "production-hosts", "--output", "json")[1]
        return str(json.loads(out)["current"]["number"])

    def deployed(self, image):
        sha, code, out, err = self.deploy(image)
        self.assertEqual(code, 0, err + out)
        return sha

    def everywhere(self, sha, image, greeting="hello"):
        """On each host the container of this build runs, with its variables and the host's secret. Their ids."""
        ids = []
        for host in HOSTS:
            c = self.container(host)
            self.assertEqual((c["State"]["Running"], c["RestartCount"]), (True, 0), host)
            self.assertEqual((c["ImageName"], c["Config"]["Labels"]["lemmy.build"]), (image, sha))
            env = dict(e.split("=", 1) for e in c["Config"]["Env"])
            self.assertEqual((env["GREETING"], env["BUILD"], env["BRANCH"]), (greeting, sha, "main"))
            self.assertNotIn("KEY", env)
            self.assertEqual(self.answer(host), f"{sha} of shop in production-hosts: {greeting}, the key of {host}")
            self.assertEqual(len(self.podman(host, "ps", "--all", "--quiet").stdout.split()), 1)
            ids.append(c["Id"])
        return ids

    def stands(self):
        """Every test begins and ends with this build. Its sha, and the containers' ids."""
        self.configure(**HELLO)
        if not self.standing:
            type(self).standing = self.deployed("localhost/shop:1")
        return self.standing, self.everywhere(self.standing, "localhost/shop:1")

    def roll_back(self, number):
        code, out, err = self.cli("rollback", "shop", "production-hosts", number)
        self.assertEqual(code, 0, err + out)
        return self.everywhere(self.standing, "localhost/shop:1")

    def test_a_deploy_replaces_the_container_and_a_roll_back_brings_build_and_variables_back(self):
        _, before = self.stands()
        env, number = self.container("web1")["Config"]["Env"], self.current()
        self.assertIn("PORT=8080", env)
        self.assertIn("DEBUG=false", env)
        self.configure(GREETING="good morning, all of you")
        sha = self.deployed("localhost/shop:2")
        after = self.everywhere(sha, "localhost/shop:2", "good morning, all of you")
        again = self.roll_back(number)
        self.assertEqual(len({*before, *after, *again}), 3 * len(HOSTS), "each is a container of its own")

    def test_the_same_again_leaves_the_container_alone_and_so_does_a_dry_run(self):
        sha, ids = self.stands()
        code, out, err = self.cli("deploy", "shop", "production-hosts", "--build", sha)
        self.assertEqual(code, 0, err + out)
        self.assertEqual(self.stands()[1], ids)
        _, code, out, err = self.deploy("localhost/shop:2", "--check")
        self.assertEqual((code, "web1: changed" in out), (0, True), err + out)
        self.assertIn("+localhost/shop:2 ", out, "what it would be replaced by")
        self.assertEqual(self.stands()[1], ids)

    def test_a_container_that_falls_over_fails_the_deploy_with_what_it_said(self):
        self.stands()
        number = self.current()
        self.configure(FALLS_OVER=True, DATABASE="db.example.com")
        _, code, out, err = self.deploy("localhost/shop:2")
        self.assertEqual(code, 1, out)
        self.assertIn("shop has not stayed up; it said: no database at db.example.com", err + out)
        self.roll_back(number)

    def test_a_value_that_podman_would_read_as_several_is_refused_and_the_old_container_goes_on(self):
        _, ids = self.stands()
        for env in ({"NOTE": "one\nADMIN=yes"}, {"NOTE": "one\r"}, {"A=B": "x"}, {"A\nB": "x"}, {"#A": "x"}):
            self.configure(**HELLO, **env)
            _, code, out, err = self.deploy("localhost/shop:2")
            self.assertEqual(code, 1, out)
            self.assertIn("no variable of one line", err + out)
        self.assertEqual(self.stands()[1], ids)

    def test_values_arrive_as_they_are(self):
        self.stands()
        number = self.current()
        odd = {"TEMPLATE": "{{ lookup('pipe', 'id') }}", "GO": "{{.Name}}", "RAW": "{% raw %}", "QUOTES": " '\"$HOME` \\ ", "EMPTY": ""}
        self.configure(**HELLO, **odd)
        self.everywhere(self.deployed("localhost/shop:2"), "localhost/shop:2")
        env = dict(e.split("=", 1) for e in self.container("web1")["Config"]["Env"])
        self.assertEqual({name: env.get(name) for name in odd}, odd)
        self.roll_back(number)

    def test_an_image_that_cannot_be_fetched_says_so_and_the_old_container_goes_on(self):
        _, ids = self.stands()
        _, code, out, err = self.deploy("localhost:1/shop:3")
        self.assertEqual(code, 1, out)
        self.assertIn("task 'Fetch the image' failed", err + out)
        self.assertEqual(self.stands()[1], ids)


if __name__ == "__main__":
    unittest.main()
