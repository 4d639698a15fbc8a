import base64
import datetime
import json
import pathlib
import subprocess
import tempfile
import unittest

from harness import HOOK_SECRET, Server, run

TARGET = {"project": "web", "environment": "staging"}


class Instances(unittest.TestCase):
    """Who may call POST /hooks/instance, by the whole program. Nothing is deployed, so every call waits."""

    @classmethod
    def setUpClass(cls):
        cls.keys = pathlib.Path(tempfile.mkdtemp(prefix="lemmy-keys-"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=aws", "-days", "2",
                        "-keyout", cls.keys / "key.pem", "-out", cls.keys / "cert.pem"], check=True,
                       capture_output=True)
        cls.server = Server(env={"HOOK_SECRET": HOOK_SECRET})
        config = cls.server.config
        (config / "ansible/playbooks").mkdir(parents=True, exist_ok=True)
        (config / "ansible/playbooks/web.yml").write_text("- hosts: all\n  tasks: []\n")
        (config / "projects/web").mkdir()
        (config / "projects/web/project.yaml").write_text("deployer: ansible\n")
        (config / "projects/web/environments.json").write_text('{"staging": {}, "production": {}}')
        code, out, err = run("token", "add", "t-viewer", "--role", "viewer", "--config", config)
        assert code == 0, err
        cls.viewer = out.strip()
        for name, target in (("web", "web/staging"), ("web-production", "web/production")):
            code, out, err = run("token", "add", name, "--instances", target, "--config", config)
            assert code == 0, err
            cls.token = out.strip() if name == "web" else cls.token
            cls.other = out.strip()
        access = config / "access.yaml"
        access.write_text(access.read_text().replace(
            "instances:\n", "instances:\n  aws: {accounts: [\"123456789012\"], certificates: ["
            + str(cls.keys / "cert.pem") + "], check_address: false}\n") + "hooks:\n  ci: {secret_env: HOOK_SECRET}\n")
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def ask(self, token="", headers=None, **more):
        return self.server.call("POST", "/hooks/instance", TARGET | {"instance_id": "i-1"} | more, token=token,
                                headers=headers)

    def ledger(self):
        return self.server.get("/api/v1/deliveries", token=self.viewer).json["deliveries"]

    def instance(self, id):
        found = self.server.get("/api/v1/instances?project=web&environment=staging", token=self.viewer).json
        return {i["instance_id"]: i for i in found["instances"]}.get(id)

    def document(self, id, age=60, key="key.pem", cert="cert.pem"):
        at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
        text = json.dumps({"accountId": "123456789012", "region": "eu-west-1", "instanceId": id,
                           "privateIp": "10.0.0.9", "pendingTime": at.strftime("%Y-%m-%dT%H:%M:%SZ")})
        done = subprocess.run(["openssl", "smime", "-sign", "-nodetach", "-binary", "-outform", "DER", "-md", "sha256",
                               "-signer", self.keys / cert, "-inkey", self.keys / key], input=text.encode(),
                              capture_output=True, check=True)
        return {"X-Lemmy-Aws-Pkcs7": base64.b64encode(done.stdout).decode()}

    def test_a_token_of_the_target_asks_for_its_hosts(self):
        answer = self.ask(self.token)
        self.assertEqual(answer.status, 202, answer.body)
        self.assertEqual(self.instance("i-1")["identity"], "token web")
        before = self.instance("i-1")["asked"]
        self.assertEqual(self.ask(self.token).status, 202, "a host that boots again says the same")
        self.assertEqual(self.instance("i-1")["asked"], before + 1)

    def test_the_same_delivery_is_counted_once(self):
        for duplicate in (False, True):
            answer = self.ask(self.token, {"X-Lemmy-Delivery": "d-1"}, instance_id="i-once")
            self.assertEqual((answer.status, answer.json["duplicate"]), (202, duplicate))
        self.assertEqual(self.instance("i-once")["asked"], 1)

    def test_no_proof_and_one_of_another_target_are_refused_and_recorded(self):
        for token, status in (("", 401), ("lmy_guess", 401), (self.other, 403), (self.viewer, 401)):
            answer = self.ask(token, instance_id="i-spoof")
            self.assertEqual(answer.status, status, answer.body)
            entry = self.ledger()[0]
            self.assertEqual((entry["hook"], entry["verdict"]), ("instance", "refused"))
        self.assertIsNone(self.instance("i-spoof"))

    def test_a_document_proves_one_instance_and_no_other(self):
        proof = self.document("i-aws")
        answer = self.ask(headers=proof, instance_id="i-aws")
        self.assertEqual(answer.status, 202, answer.body)
        self.assertEqual(self.instance("i-aws")["address"], "10.0.0.9", "by the document")
        self.assertEqual(self.ask(headers=proof, instance_id="i-other").status, 403)
        answer = self.ask(headers=proof, instance_id="")
        self.assertEqual(answer.status, 422, answer.body)
        self.assertIn("instance_id", answer.body.decode())
        self.assertEqual(self.ask(headers=proof, instance_id="i-aws").status, 202, "it boots again")
        self.assertEqual(self.instance("i-aws")["asked"], 2)

    def test_a_document_of_an_earlier_launch_or_another_key_is_refused(self):
        self.assertEqual(self.ask(headers=self.document("i-old", age=60), instance_id="i-old").status, 202)
        answer = self.ask(headers=self.document("i-old", age=600), instance_id="i-old")
        self.assertEqual(answer.status, 401, answer.body)
        self.assertIn("older", answer.json["detail"])
        self.assertEqual(self.ledger()[0]["verdict"], "refused")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=aws", "-keyout",
                        self.keys / "key2.pem", "-out", self.keys / "cert2.pem"], check=True, capture_output=True)
        forged = self.document("i-old", key="key2.pem", cert="cert2.pem")
        self.assertEqual(self.ask(headers=forged, instance_id="i-old").status, 401)

    def test_a_replay_from_another_address_is_refused(self):
        proof = self.document("i-far")
        self.assertEqual(self.ask(headers=proof, instance_id="i-far").status, 202)
        # A proxy on this machine names who calls.
        answer = self.ask(headers=proof | {"X-Forwarded-For": "198.51.100.7"}, instance_id="i-far")
        self.assertEqual(answer.status, 401, answer.body)
        self.assertIn("used before", answer.json["detail"])
        self.assertEqual(self.instance("i-far")["asked"], 1)

    def test_a_signed_relay_may_ask_for_others(self):
        code, out, err = self.server.cli("hook", "instance", "--project", "web", "--environment", "staging",
                                         "--instance-id", "i-relay", env={"LEMMY_HOOK_SECRET": HOOK_SECRET})
        self.assertEqual(code, 0, err)
        self.assertEqual(self.instance("i-relay")["identity"], "hook ci")

    def test_people_see_what_each_asked_for_and_who_may_not_act_cannot(self):
        self.ask(self.token, instance_id="i-seen")
        code, out, err = self.server.cli("instances", "web", "staging", token=self.viewer)
        self.assertEqual(code, 0, err)
        self.assertIn("i-seen", out)
        code, _, err = self.server.cli("instances", "web", "staging", "--run-again", "i-seen", token=self.viewer)
        self.assertEqual(code, 3, err)


if __name__ == "__main__":
    unittest.main()
