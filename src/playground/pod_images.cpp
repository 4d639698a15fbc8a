// A kubelet's pulls, and what it says when they fail.
#include <fmt/format.h>

#include "base/crypto.h"
#include "playground/pod_life.h"

namespace lemmy::playground {
namespace {
std::string ms_text(milliseconds d) {
  return d.count() < 1000 ? fmt::format("{}ms", d.count()) : fmt::format("{:.3g}s", double(d.count()) / 1000);
}
// "docker.io/library/nginx:latest" for "nginx".
std::string full_name(const std::string& image) {
  std::string out = image;
  size_t slash = out.find('/');
  std::string_view first = std::string_view(out).substr(0, slash == out.npos ? 0 : slash);
  if (slash == out.npos)
    out = "docker.io/library/" + out;
  else if (first.find_first_of(".:") == first.npos && first != "localhost")
    out = "docker.io/" + out;
  return out.find(':', out.rfind('/')) == out.npos && out.find('@') == out.npos ? out + ":latest" : out;
}
}  // namespace

void Pods::pull(Life& life, Box& box) {
  const Plan& p = life.plan;
  if (box.bad && p.is("invalid-image-name") && !recovered(life)) {
    std::string why = fmt::format(
        "Failed to apply default image tag \"{0}\": couldn't parse image name \"{0}\": invalid reference "
        "format",
        box.image);
    tell(life, &box, "Warning", "InspectFailed", why);
    tell(life, &box, "Warning", "Failed", "Error: InvalidImageName");
    wait(life, box, "InvalidImageName", why);
    return later(life, box, milliseconds{p.recover_after ? 1000 : 10'000}, &Pods::pull);
  }
  std::string key = life.node + "\n" + box.image;
  bool fails = box.bad && (p.is("image-not-found") || p.is("image-transient")) && !recovered(life);
  if (!fails && present_.contains(key)) {
    tell(life, &box, "Normal", "Pulled",
         fmt::format("Container image \"{}\" already present on machine", box.image));
    return pulled(life, box);
  }
  tell(life, &box, "Normal", "Pulling", fmt::format("Pulling image \"{}\"", box.image));
  if (fails) return later(life, box, milliseconds{250}, &Pods::pull_failed);
  present_.insert(key);
  milliseconds took{200 + int64_t(world_.random() % 400)};
  std::string text = ms_text(took);
  tell(life, &box, "Normal", "Pulled",
       fmt::format(
           "Successfully pulled image \"{}\" in {} ({} including waiting). Image size: 58432157 bytes.",
           box.image, text, text));
  later(life, box, took, &Pods::pulled);
}

void Pods::pull_failed(Life& life, Box& box) {
  std::string full = full_name(box.image), why = "not found";
  if (life.plan.is("image-transient")) {
    size_t slash = full.find('/'), colon = full.rfind(':');
    why =
        fmt::format("failed to do request: Head \"https://{}/v2/{}/manifests/{}\": dial tcp: i/o timeout",
                    full.substr(0, slash), full.substr(slash + 1, colon - slash - 1), full.substr(colon + 1));
  } else {
    why = full + ": " + why;
  }
  std::string message = life.plan.message.empty()
                            ? fmt::format(
                                  "failed to pull and unpack image \"{0}\": failed to resolve reference "
                                  "\"{0}\": {1}",
                                  full, why)
                            : life.plan.message;
  std::string told = fmt::format("Back-off pulling image \"{}\"", box.image);
  tell(life, &box, "Warning", "Failed", fmt::format("Failed to pull image \"{}\": {}", box.image, message));
  tell(life, &box, "Warning", "Failed", "Error: ErrImagePull");
  wait(life, box, "ErrImagePull", message);
  world_.agenda.after(world_.paced(milliseconds{700}),
                      [this, uid = life.uid, i = size_t(&box - life.boxes.data()), told, message] {
                        Life* l = alive(uid);
                        if (!l) return;
                        tell(*l, &l->boxes[i], "Normal", "BackOff", told);
                        tell(*l, &l->boxes[i], "Warning", "Failed", "Error: ImagePullBackOff");
                        wait(*l, l->boxes[i], "ImagePullBackOff", told + ": ErrImagePull: " + message);
                      });
  later(life, box, milliseconds{life.plan.recover_after ? 1300 : 10'000}, &Pods::pull);
}

void Pods::pulled(Life& life, Box& box) {
  box.image_id = full_name(box.image);
  if (size_t at = box.image_id.find('@'); at != box.image_id.npos) box.image_id.resize(at);
  size_t colon = box.image_id.rfind(':'), slash = box.image_id.rfind('/');
  if (colon != box.image_id.npos && colon > slash) box.image_id.resize(colon);
  box.image_id += "@sha256:" + sha256_hex(box.image);
  std::string why = lacking(life, box);
  bool told = life.plan.is("config-error") || life.plan.is("cache-sync");
  if (why.empty() && box.bad && told && !recovered(life)) {
    why = life.plan.message;
    if (why.empty())
      why = life.plan.is("config-error")
                ? "configmap \"app-config\" not found"
                : "failed to sync configmap cache: timed out waiting for the condition";
  }
  if (!why.empty()) {
    tell(life, &box, "Warning", "Failed", "Error: " + why);
    wait(life, box, "CreateContainerConfigError", why);
    return later(life, box, milliseconds{life.plan.recover_after ? 500 : 5000}, &Pods::pulled);
  }
  run(life, box);
}

}  // namespace lemmy::playground
