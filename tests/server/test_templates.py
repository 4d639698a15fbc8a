"""What becomes of templates that do not render, when a server starts and while it runs."""
import unittest

from harness import Server, wait_until


class Templates(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.user = self.server.config / "projects/user-service"
        self.hello = self.server.config / "projects/hello-world/project.yaml"

    def problems(self):
        told = self.server.get("/readyz").json["configuration"]
        return [] if told == "ok" else told

    def described(self):
        return "freshly described" in self.server.get("/projects/hello-world").body.decode()

    def test_an_include_that_is_taken_out_of_a_running_server_s_tree_is_as_a_broken_edit(self):
        self.server.start()
        self.assertEqual(self.problems(), [])
        self.assertIn("probes.j2", (self.user / "template.json.j2").read_text())
        (self.user / "probes.j2").rename(self.user / "kept")
        told = wait_until(self.problems, 10)
        self.assertIn("projects/user-service/template.json.j2:", told[0]["where"])
        self.assertIn("probes.j2", told[0]["what"])
        self.assertEqual(len(told), 1, "it is told once for all environments")
        self.assertIn("configuration, projects/user-service/template.json.j2:", self.server.cli("status")[2])
        self.hello.write_text("description: freshly described\n")
        self.assertIn("goes on with the last good one", self.server.get("/").body.decode())
        self.assertFalse(self.described())
        (self.user / "kept").rename(self.user / "probes.j2")
        wait_until(lambda: not self.problems() and self.described(), 10)

    def test_a_server_starts_with_it_tells_it_and_takes_over_what_others_edit(self):
        (self.user / "probes.j2").unlink()
        (self.user / "template.json.j2").write_text("{{ nothing }}")
        self.server.start()
        self.assertIn("'nothing' is undefined", self.problems()[0]["what"])
        self.hello.write_text("description: freshly described\n")
        wait_until(self.described, 10)
        self.assertEqual(len(self.problems()), 1)


if __name__ == "__main__":
    unittest.main()
