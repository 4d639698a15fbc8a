"""What commands and a server say of projects on hosts, without a deploy."""
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
from harness import Lemmy  # noqa: E402

BIN = os.environ.get("LEMMY_ANSIBLE_BIN", str(ROOT / "build/ansible-venv/bin"))
LEMMY = os.environ.get("LEMMY", str(ROOT / "build/lemmy"))
PLAYBOOK = "- hosts: all\n  serial: \"{{ lemmy.config.vars.serial }}\"\n  tasks:\n    - {name: Look, ansible.builtin.command: 'true'}\n"


class Cli(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="lemmy-cli-")
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name)
        for path, text in {"projects/web/project.yaml": "deployer: ansible\ntimeout: 2h\n",
                           "projects/web/environments.json": '{"staging": {"vars": {"serial": 1}}}',
                           "ansible/inventory/hosts": "[project_web]\na\n",
                           "ansible/playbooks/web.yml": PLAYBOOK}.items():
            (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / path).write_text(text)

    def lemmy(self, *arguments):
        done = subprocess.run([LEMMY, *arguments, "--config", str(self.tree)], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def test_render_prints_what_the_playbook_gets(self):
        code, out, err = self.lemmy("render", "web", "staging", "--build", "abcdef0", "--deploy", "7")
        self.assertEqual(code, 0, err)
        said = json.loads(out)
        self.assertEqual((said["playbook"], said["hosts"]), ("playbooks/web.yml", "project_web:&environment_staging"))
        got = said["variables"]["lemmy"]
        self.assertEqual((got["build"]["short_sha"], got["deploy"], got["config"]), ("abcdef0", 7, {"vars": {"serial": 1}}))
        self.assertEqual(self.lemmy("render", "web", "staging", "--explain")[0], 2)

    def test_validate_reads_playbooks(self):
        if not os.path.exists(BIN + "/ansible-playbook"):
            self.skipTest("needs tools/ansible.sh")
        code, out, err = self.lemmy("validate", "--ansible", BIN)
        self.assertEqual((code, "1 playbook can be read" in out), (0, True), err + out)
        (self.tree / "ansible/playbooks/web.yml").write_text(PLAYBOOK.replace("builtin.command", "builtin.comand"))
        code, out, err = self.lemmy("validate", "--ansible", BIN)
        self.assertEqual(code, 2, out)
        self.assertIn("ansible/playbooks/web.yml", err)
        self.assertIn("comand", err)
        code, out, err = self.lemmy("validate", "--ansible", "/nowhere")
        self.assertEqual((code, "not looked at" in out), (0, True), err + out)

    def test_that_there_is_no_cluster_is_no_trouble_where_all_is_on_hosts(self):
        server = Lemmy(self.tree, self.tree / "data", "", env={"HOME": str(self.tree), "KUBECONFIG": ""})
        server.start()
        self.addCleanup(server.stop)
        time.sleep(1)  # the kubeconfig would be looked for meanwhile
        self.assertNotIn("lemmy_cluster_up{", server.call("GET", "/metrics")[1])
        self.assertNotIn("cluster", server.said())


if __name__ == "__main__":
    unittest.main()
