// The texts that runtimes, registries and kubelets really write, as people reported them.
#include "pods/words.h"

#include <gtest/gtest.h>

namespace lemmy::pods {
namespace {

struct Said {
  const char* by;
  const char* image;
  const char* message;
  bool final;
};

// https://github.com/containerd/containerd, https://github.com/cri-o/cri-o,
// https://github.com/Mirantis/cri-dockerd,
// https://github.com/kubernetes/kubernetes/tree/master/pkg/kubelet/images
const Said kImages[] = {
    {"containerd", "web:1",
     "rpc error: code = NotFound desc = failed to pull and unpack image \"docker.io/library/web:1\": failed "
     "to "
     "resolve reference \"docker.io/library/web:1\": docker.io/library/web:1: not found",
     true},
    {"containerd", "team/web:1",
     "failed to pull and unpack image \"docker.io/team/web:1\": failed to resolve reference "
     "\"docker.io/team/web:1\": pull access denied, repository does not exist or may require authorization: "
     "server "
     "message: insufficient_scope: authorization failed",
     true},
    {"containerd", "ghcr.io/team/web:1",
     "failed to pull and unpack image \"ghcr.io/team/web:1\": failed to resolve reference "
     "\"ghcr.io/team/web:1\": "
     "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to "
     "https://ghcr.io/token?scope=repository%3Ateam%2Fweb%3Apull&service=ghcr.io: 401 Unauthorized",
     true},
    {"containerd", "registry.example.com/web:1",
     "failed to pull and unpack image \"registry.example.com/web:1\": failed to resolve reference "
     "\"registry.example.com/web:1\": unexpected status from HEAD request to "
     "https://registry.example.com/v2/web/manifests/1: 403 Forbidden",
     true},
    {"containerd on ECR", "1.dkr.ecr.eu-west-1.amazonaws.com/web:1",
     "failed to resolve reference \"1.dkr.ecr.eu-west-1.amazonaws.com/web:1\": pulling from host "
     "1.dkr.ecr.eu-west-1.amazonaws.com failed with status code [manifests 1]: 401 Unauthorized",
     true},
    {"containerd, another machine", "web:1",
     "failed to pull and unpack image \"docker.io/library/web:1\": no match for platform in manifest: not "
     "found",
     true},
    {"containerd, behind its kubelet", "web:1",
     "Back-off pulling image \"web:1\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and "
     "unpack "
     "image \"docker.io/library/web:1\": failed to resolve reference \"docker.io/library/web:1\": "
     "docker.io/library/web:1: not found",
     true},
    {"containerd", "web:1",
     "failed to copy: httpReadSeeker: failed open: unexpected status code "
     "https://registry-1.docker.io/v2/library/web/manifests/sha256:8d0b: 429 Too Many Requests - Server "
     "message: "
     "toomanyrequests: You have reached your pull rate limit",
     false},
    {"containerd", "registry.example.com/web:1",
     "failed to pull and unpack image \"registry.example.com/web:1\": failed to resolve reference "
     "\"registry.example.com/web:1\": failed to do request: Head "
     "\"https://registry.example.com/v2/web/manifests/1\": "
     "dial tcp: lookup registry.example.com on 10.96.0.10:53: no such host",
     false},
    {"containerd", "registry.example.com/denied-web:1",
     "failed to pull and unpack image \"registry.example.com/denied-web:1\": failed to resolve reference "
     "\"registry.example.com/denied-web:1\": failed to do request: Head "
     "\"https://registry.example.com/v2/denied-web/manifests/1\": dial tcp 10.1.2.3:443: i/o timeout",
     false},
    {"containerd", "registry.example.com/web:not-found-404",
     "failed to pull and unpack image \"registry.example.com/web:not-found-404\": failed to copy: read tcp "
     "10.1.2.3:443: connection reset by peer",
     false},
    {"containerd", "registry.example.com/web:1",
     "unexpected status from HEAD request to https://registry.example.com/v2/web/manifests/1: 503 Service "
     "Unavailable",
     false},
    {"containerd, names alone", "registry.example.com/forbidden:unauthorized",
     "failed to pull and unpack image \"registry.example.com/forbidden:unauthorized\": something else",
     false},
    {"CRI-O", "registry.example.com/web:1",
     "rpc error: code = Unknown desc = reading manifest 1 in registry.example.com/web: manifest unknown",
     true},
    {"CRI-O", "quay.io/team/web:1",
     "initializing source docker://quay.io/team/web:1: reading manifest 1 in quay.io/team/web: unauthorized: "
     "access "
     "to the requested resource is not authorized",
     true},
    {"CRI-O", "registry.example.com/web:1",
     "reading manifest 1 in registry.example.com/web: name unknown: repository name not known to registry",
     true},
    {"CRI-O", "docker.io/library/web:1",
     "initializing source docker://web:1: reading manifest 1 in docker.io/library/web: requested access to "
     "the "
     "resource is denied",
     true},
    {"CRI-O", "registry.example.com/web:1",
     "pinging container registry registry.example.com: Get \"https://registry.example.com/v2/\": dial tcp "
     "10.1.2.3:443: connect: connection refused",
     false},
    {"CRI-O", "docker.io/team/web:1",
     "reading manifest 1 in docker.io/team/web: toomanyrequests: You have reached your unauthenticated pull "
     "rate limit.",
     false},
    {"CRI-O, a short name", "not-found",
     "reading manifest latest in not-found : received unexpected HTTP status: 502 Bad Gateway", false},
    {"Docker", "web:1",
     "rpc error: code = Unknown desc = Error response from daemon: manifest for web:1 not found: manifest "
     "unknown: "
     "manifest unknown",
     true},
    {"Docker", "team/web:1",
     "Error response from daemon: pull access denied for team/web, repository does not exist or may require "
     "'docker "
     "login': denied: requested access to the resource is denied",
     true},
    {"Docker on ECR", "1.dkr.ecr.eu-west-1.amazonaws.com/web:1",
     "Error response from daemon: Head \"https://1.dkr.ecr.eu-west-1.amazonaws.com/v2/web/manifests/1\": no "
     "basic auth "
     "credentials",
     true},
    {"Docker", "web:1",
     "Error response from daemon: Get \"https://registry-1.docker.io/v2/\": net/http: request canceled while "
     "waiting "
     "for connection (Client.Timeout exceeded while awaiting headers)",
     false},
    {"Docker", "web:1", "Error response from daemon: Get \"https://registry-1.docker.io/v2/\": EOF", false},
    {"kubelet", "web:1", "Container image \"web:1\" is not present with pull policy of Never", true},
    {"kubelet", "denied:1", "Back-off pulling image \"denied:1\"", false},
    {"kubelet", "web:1", "", false},
};

TEST(Words, of_registries_are_final_when_they_said_no_and_never_by_a_name) {
  for (const Said& s : kImages)
    EXPECT_EQ(image_refused(s.message, s.image), s.final) << s.by << ": " << s.message;
}

const Said kCommands[] = {
    {"containerd", "",
     "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
     "failed: "
     "unable to start container process: exec: \"serve\": executable file not found in $PATH: unknown",
     true},
    {"containerd", "",
     "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container "
     "process: "
     "error during container init: exec: \"/app/run\": stat /app/run: no such file or directory: unknown",
     true},
    {"containerd", "",
     "OCI runtime create failed: runc create failed: unable to start container process: exec: \"/app/run\": "
     "permission "
     "denied: unknown",
     true},
    {"CRI-O, crun", "", "container create failed: exec: `serve`: executable file not found in $PATH", true},
    {"CRI-O, runc", "",
     "container create failed: time=\"2024-01-01T00:00:00Z\" level=error msg=\"runc create failed: unable to "
     "start "
     "container process: exec: \\\"serve\\\": executable file not found in $PATH\"",
     true},
    {"Docker", "",
     "OCI runtime create failed: container_linux.go:346: starting container process caused \"exec: "
     "\\\"serve\\\": "
     "executable file not found in $PATH\": unknown",
     true},
    {"runc", "", "exec user process caused: exec format error", true},
    {"containerd", "",
     "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container "
     "process: "
     "error mounting \"/var/lib/kubelet/x\" to rootfs at \"/data\": no such file or directory: unknown",
     false},
    {"containerd", "", "failed to reserve container name \"web\": name is reserved", false},
    {"containerd", "", "context deadline exceeded", false},
};

TEST(Words, of_runtimes_are_final_when_the_command_cannot_be_executed) {
  for (const Said& s : kCommands) EXPECT_EQ(command_refused(s.message), s.final) << s.by << ": " << s.message;
}

TEST(Words, of_kubelets_tell_configuration_that_may_still_be_made) {
  for (const char* m :
       {"secret \"web\" not found", "configmap \"web\" not found",
        "couldn't find key password in Secret staging/web", "couldn't find key a in ConfigMap staging/web",
        "references non-existent secret key: password"})
    EXPECT_TRUE(may_be_made(m)) << m;
  for (const char* m :
       {"container has runAsNonRoot and image will run as root (pod: \"web_staging(1)\", container: app)",
        "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root",
        "failed to prepare subPath for volumeMount \"secret\" of container \"app\"", ""})
    EXPECT_FALSE(may_be_made(m)) << m;
  EXPECT_TRUE(cache_is_late("failed to sync secret cache: timed out waiting for the condition"));
  EXPECT_TRUE(cache_is_late("failed to sync configmap cache: timed out waiting for the condition"));
  EXPECT_FALSE(cache_is_late("secret \"web\" not found"));
}

}  // namespace
}  // namespace lemmy::pods
