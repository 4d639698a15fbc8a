#pragma once
// What container runtimes and registries say in free text, read for whether it can pass by itself. Pure.
// words_test.cpp has the texts that containerd, CRI-O and Docker really write; docs/verdicts.md tells the
// rules.
#include <string>
#include <string_view>

namespace lemmy::pods {

// The registry was asked and said no: there is no such image, or it may not be pulled. False: it did not
// answer, or not now (rate limits, names that do not resolve, time-outs). Names in the text say nothing:
// those of the image, what stands in quotes, and addresses are not looked at.
bool image_refused(std::string_view message, std::string_view image);

// The runtime could not execute the container's command: it is not there, or is no program of this machine.
bool command_refused(std::string_view message);

// A Secret, a ConfigMap or a key of one is missing: somebody may be about to make it.
bool may_be_made(std::string_view message);

// The kubelet's cache is late; it passes.
bool cache_is_late(std::string_view message);

}  // namespace lemmy::pods
