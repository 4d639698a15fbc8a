"""What somebody changed by hand in a Service, and put back, on a real control plane."""
import time
import unittest

import drift_test
from harness import wait_for


class Repairs(drift_test.Served):
    @classmethod
    def namespaces(cls):
        return ["drift-repaired"]

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
        self.assertEqual(self.texts(ns), [])
        self.lemmy.deployed("drifty", ns)
        self.assertEqual(self.texts(ns), [])
        # What nobody but a person would add is told all the same; times of writers are whole seconds.
        time.sleep(1.1)
        self.patch(ns, "service/drifty", {"spec": {"sessionAffinity": "ClientIP"}})
        told = wait_for("it is told", lambda: self.texts(ns), 20)
        self.assertRegex("".join(told), "Service drifty: spec.sessionAffinity is ClientIP, and was not applied")


if __name__ == "__main__":
    unittest.main()
