"""A test control plane (tools/testcluster) with any flags, and objects to put in it."""
import json
import pathlib
import subprocess
import tempfile
import threading
import time


class Cluster:
    def __init__(self, binary, *flags):
        self.binary = binary
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="testcluster-"))
        begun = time.monotonic()
        self.up = subprocess.Popen([binary, "up", "--dir", self.dir, *flags], stdout=subprocess.PIPE, text=True)
        line = self.up.stdout.readline().strip()
        self.took = time.monotonic() - begun
        assert line == f"ready kubeconfig={self.dir}/kubeconfig", line

    def pids(self):
        return [int(p.read_text()) for p in (self.dir / "pids").iterdir()]

    def kubectl(self, *args, given=None, user="kubeconfig", check=True):
        done = subprocess.run([self.binary, "kubectl", f"--kubeconfig={self.dir}/{user}", *args], text=True,
                              input=given, capture_output=True, timeout=60, env={"HOME": str(self.dir), "PATH": ""})
        if check and done.returncode:
            raise AssertionError(f"kubectl {args}: {done.stdout}{done.stderr}")
        return done

    def get(self, *args):
        return json.loads(self.kubectl("get", *args, "-o", "json").stdout)

    def apply(self, *objects):
        return self.kubectl("apply", "-f", "-", given=json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def history(self, name):
        """Each state of a pod of namespace default from now on, in a list that grows: asking again and again misses what passes."""
        seen = []
        path = f"/api/v1/namespaces/default/pods?watch=1&fieldSelector=metadata.name%3D{name}&timeoutSeconds=300"
        watch = subprocess.Popen([self.binary, "kubectl", f"--kubeconfig={self.dir}/kubeconfig", "get", "--raw", path],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                 env={"HOME": str(self.dir), "PATH": ""})

        def read():
            for line in watch.stdout:
                seen.append(json.loads(line)["object"])
        threading.Thread(target=read, daemon=True).start()
        return watch, seen

    def end(self, how):
        self.up.send_signal(how)
        self.up.wait(20)
        self.up.stdout.close()


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(what, seconds=30):
    """Calls until it neither raises AssertionError nor gives a false value."""
    end = time.monotonic() + seconds
    while True:
        try:
            found = what()
            if found:
                return found
            error = AssertionError(f"still {found!r} after {seconds} s")
        except (AssertionError, KeyError, IndexError, TypeError) as e:
            error = e
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {error}") from error
        time.sleep(0.2)


def pod_spec(**more):
    return {"containers": [{"name": "app", "image": "example.test/shop/app:1.2",
                            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}, **more}]}


def annotations(told):
    return {f"lemmy.test/{k.replace('_', '-')}": v for k, v in told.items()}


def pod(name, namespace="default", container=None, **told):
    return {"apiVersion": "v1", "kind": "Pod", "spec": pod_spec(**(container or {})),
            "metadata": {"name": name, "namespace": namespace, "annotations": annotations(told)}}


def controller(name, replicas, namespace="default", **told):
    return {"apiVersion": "v1", "kind": "ReplicationController",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": replicas, "selector": {"app": name},
                     "template": {"metadata": {"labels": {"app": name}, "annotations": annotations(told)},
                                  "spec": pod_spec()}}}


def autoscaler(name, least, most):
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name},
            "spec": {"scaleTargetRef": {"apiVersion": "v1", "kind": "ReplicationController", "name": name},
                     "minReplicas": least, "maxReplicas": most,
                     "metrics": [{"type": "Resource", "resource": {
                         "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}}
