#include "ansible/ends.h"

#include <filesystem>

#include "base/files.h"
#include "base/json.h"

namespace lemmy::ansible {
namespace {

// An iterator knows what became of each host of a batch: also who was given up for another's failure
// (run_once, any_errors_fatal, max_fail_percentage). A play or a batch that never began cuts off who it was
// meant for.
constexpr std::string_view kPlugin = R"(
DOCUMENTATION = '''
name: lemmy_ends
type: notification
short_description: tells Lemmy on which hosts a run was broken off
description: Writes their names to a file beside this one when the recap comes.
'''

import json
import os

from ansible import constants as C
from ansible.executor.play_iterator import PlayIterator
from ansible.inventory.manager import InventoryManager
from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'notification'
    CALLBACK_NAME = 'lemmy_ends'

    def __init__(self):
        super().__init__()
        self.off, self.plays, self.meant, self.batch, self.sure = set(), [], {}, None, True
        begin, us = PlayIterator.__init__, self

        def begins(batch, *args, **more):
            us.surely(us.batch_ends)
            begin(batch, *args, **more)
            us.batch = batch
            us.surely(us.batch_begins)

        PlayIterator.__init__ = begins
        self.added, get, add = set(), InventoryManager.get_hosts, InventoryManager.add_dynamic_host

        def hosts(manager, pattern='all', ignore_limits=False, ignore_restrictions=False, order=None):
            found = get(manager, pattern, ignore_limits, ignore_restrictions, order)
            if ignore_limits:
                return found
            names = {host.name for host in found}
            return [host for host in get(manager, pattern, True, ignore_restrictions, order)
                    if host.name in names or us.is_beyond(host, pattern)]

        def adds(manager, info, *args, **more):
            name = (info or {}).get('host_name')
            if name and name not in manager.hosts:
                us.added.add(name)
            return add(manager, info, *args, **more)

        InventoryManager.get_hosts, InventoryManager.add_dynamic_host = hosts, adds

    # --limit is about hosts of the inventory. It would also cut off plays for Lemmy's own machine, and for hosts that
    # the playbook itself added.
    def is_beyond(self, host, pattern):
        named = host.name in C.LOCALHOST and host.name in (pattern if isinstance(pattern, list) else [pattern])
        return host.implicit or named or host.name in self.added

    def surely(self, step, *args):
        try:
            step(*args)
        except Exception:  # a run does not fail for this
            self.sure = False

    def batch_begins(self):
        self.meant[id(self.batch._play._ds)] -= set(self.batch._host_states)

    def batch_ends(self):
        if self.batch is not None:
            self.off.update(self.batch.get_failed_hosts())
        self.batch = None

    def means(self, play):
        # Each batch has a copy of the play, to which ansible-runner gives another _uuid.
        if id(play._ds) not in self.meant:
            inventory = play.get_variable_manager()._inventory
            # Of a play that never began nobody knows what its template would have given.
            hosts = inventory.get_hosts('all' if '{{' in str(play.hosts) else play.hosts, ignore_restrictions=True)
            self.meant[id(play._ds)] = {host.name for host in hosts}

    def recap(self, stats):
        self.batch_ends()
        if not (self.off or any(stats.failures.values()) or any(stats.dark.values())):
            self.meant = {}  # nothing failed: the playbook itself left out what never began (meta: end_play)
            self.plays = []
        for play in self.plays:
            self.means(play)
        self.off.update(*self.meant.values())
        if self.sure:
            with open(os.path.join(os.path.dirname(__file__), 'broken_off.json'), 'w') as f:
                json.dump(sorted(self.off), f)

    def v2_playbook_on_start(self, playbook):
        self.plays = playbook.get_plays()

    def v2_playbook_on_play_start(self, play):
        self.surely(self.means, play)

    def v2_playbook_on_stats(self, stats):
        self.surely(self.recap, stats)
)";

}  // namespace

Result<> watch_ends(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return write_file(folder + "/lemmy_ends.py", kPlugin, 0600);
}

std::optional<std::vector<std::string>> broken_off(const std::string& folder) {
  auto text = read_file(folder + "/broken_off.json", 64u << 20);
  if (!text) return std::nullopt;
  auto parsed = parse_json(*text, "broken_off.json");
  if (!parsed || !parsed->is_array()) return std::nullopt;
  std::vector<std::string> names;
  for (const json::value& name : parsed->get_array())
    if (name.is_string()) names.emplace_back(name.get_string());
  return names;
}

}  // namespace lemmy::ansible
