"""What somebody changed by hand in a Service, and put back, on a real control plane."""
import json
import time
import unittest

import drift_test
from harness import TEMPLATE, wait_for


class Repairs(drift_test.Served):
    @classmethod
    def namespaces(cls):
        return ["drift-repaired", "drift-headless"]

    def test_what_was_changed_and_put_back_by_hand_is_no_drift_and_what_hinders_a_deploy_is_named(self):
        ns = "drift-repaired"
        before = self.lemmy.deployed("drifty", ns)
        number = self.lemmy.deployed("drifty", ns)
        sha = self.lemmy.status("drifty", ns, number)["deploy"]["build"]
        port = [{"op": "replace", "path": "/spec/ports/0/port", "value": 81}]
        self.patch(ns, "service/drifty", port)
        for what in (("deploy", "drifty", ns, "--build", sha), ("rollback", "drifty", ns, str(before), "--yes")):
            code, _, err = self.cli(*what)
            self.assertEqual(code, 1, err)
            self.assertRegex(err, r"put back by hand what was changed beside Lemmy: Service drifty: "
                                  r"spec.ports\[\w+\].port is 81, was applied as 80 \(kubectl-edit")
            self.assertNotIn("...", err.split("lemmy status")[-1][:30])
        port[0]["value"] = 80
        self.patch(ns, "service/drifty", port)
        # Its protocol is the API server's, though kubectl wrote that port anew.
        wait_for("no drift", lambda: not self.texts(ns), 20)
        self.lemmy.deployed("drifty", ns)
        self.assertEqual(self.texts(ns), [])
        # What nobody but a person would add is told all the same; times of writers are whole seconds.
        time.sleep(1.1)
        self.patch(ns, "service/drifty", {"spec": {"sessionAffinity": "ClientIP"}})
        told = wait_for("it is told", lambda: self.texts(ns), 20)
        self.assertRegex("".join(told), "Service drifty: spec.sessionAffinity is ClientIP, and was not applied")

    def test_a_service_that_cannot_be_changed_in_place_is_refused_with_a_way_out(self):
        ns = "drift-headless"

        def says(service):
            template = TEMPLATE.strip()
            self.assertTrue(template.endswith("}"))
            self.config.project("drifty", {n: {"replicas": 1} for n in self.namespaces()}, yaml="settle: 100ms\ndeadline: 30s\n",
                                template=template[:-1] + f', "service": {json.dumps(service)}' + "}")
            time.sleep(2.5)  # it is read again

        def refused(words):
            code, _, err = self.cli("deploy", "drifty", ns, "--build", sha)
            self.assertEqual(code, 1, err)
            self.assertIn(words, err)
            self.assertIn(f"kubectl delete -n {ns} service drifty", err)
            self.assertNotIn("by hand", err)
        number = self.lemmy.deployed("drifty", ns)
        sha = self.lemmy.status("drifty", ns, number)["deploy"]["build"]
        self.addCleanup(says, None)
        says({"clusterIP": "None"})
        refused("not headless")
        self.plane.kubectl("delete", "service", "drifty", "-n", ns)
        self.lemmy.deployed("drifty", ns)
        self.assertEqual(self.texts(ns), [])
        says({})
        refused("it is headless")
        # Without one, that of before is told as long as it is there.
        says(False)
        number = self.lemmy.deployed("drifty", ns)
        words = f"kubectl delete -n {ns} service drifty"
        self.assertIn(words, json.dumps(self.lemmy.status("drifty", ns, number)["history"]))
        self.assertIn(words, "".join(self.texts(ns)))
        self.plane.kubectl("delete", "service", "drifty", "-n", ns)
        wait_for("it is told no more", lambda: not self.texts(ns), 20)


if __name__ == "__main__":
    unittest.main()
