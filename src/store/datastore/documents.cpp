// Big texts: compressed, and cut into chunks when they do not fit into one entity of 1 MiB.
#include "store/datastore/rows.h"

namespace lemmy::store {
using namespace datastore;

namespace {

constexpr size_t kChunk = 900u << 10;  // an entity holds 1 MiB less 4 bytes
constexpr size_t kChunksTogether = 4;  // a request holds 10 MiB, and base64 makes 1.2 MB of one
constexpr int kReads = 5;

std::string document_name(const Target& t, int64_t number, const std::string& name) {
  return name_of({t.project, t.environment, std::to_string(number), name});
}
Key head_key(const std::string& document) { return {"LemmyDocument", document}; }
Key chunk_key(const std::string& document, const std::string& version, size_t n) {
  return {"LemmyChunk", document + "/" + version + "/" + std::to_string(n)};
}

}  // namespace

Task<Result<>> DatastoreStore::put_document(Target target, int64_t number, std::string name,
                                            std::string text) {
  if (text.size() > kMostDocument) co_return too_large_document(target, number, name, text.size());
  const std::string document = document_name(target, number, name);
  const std::string version = new_mark();
  const size_t size = text.size();
  auto packed = std::make_shared<const std::string>(
      co_await api_->aside([text = std::move(text)] { return pack(text); }));
  const size_t chunks = packed->size() <= kChunk ? 0 : (packed->size() + kChunk - 1) / kChunk;

  // Chunks first, under a version of their own: a reader sees the document before or the new one, whole.
  for (size_t from = 0; from < chunks; from += kChunksTogether) {
    auto mutations = co_await api_->aside([packed, document, version, from, chunks, place = api_->place()] {
      std::vector<std::string> out;
      for (size_t n = from; n < std::min(chunks, from + kChunksTogether); ++n) {
        Entity e(chunk_key(document, version, n));
        e.set_bytes("body", std::string_view(*packed).substr(n * kChunk, kChunk));
        out.push_back(mutation("upsert", e, place));
      }
      return out;
    });
    auto written = co_await api_->write(std::move(mutations));
    if (!written) co_return written;
  }

  Entity head(head_key(document));
  head.set_integer("size", static_cast<int64_t>(size));
  head.set_integer("chunks", static_cast<int64_t>(chunks));
  head.set_text("by", version);
  if (chunks == 0) head.set_bytes("body", *packed);
  auto before =
      co_await write<std::optional<Entity>>({head.key}, [head](View& view) -> Result<std::optional<Entity>> {
        std::optional<Entity> was;
        if (const Entity* e = view.find(head.key)) was = *e;
        view.put(head);
        return was;
      });
  if (!before) co_return fail(before.error());
  if (!*before || has_mark(&**before, version)) co_return Result<>{};
  std::vector<std::string> old;
  for (size_t n = 0; n < static_cast<size_t>((*before)->integer("chunks")); ++n)
    old.push_back(removal(chunk_key(document, (*before)->text("by"), n), api_->place()));
  // What is not removed is only room: nothing names it any more.
  if (!old.empty()) co_await api_->write_once(std::move(old), api_->limits().call);
  co_return Result<>{};
}

Task<Result<std::string>> DatastoreStore::document(Target target, int64_t number, std::string name) {
  const std::string document = document_name(target, number, name);
  const std::string where = place(target, number);
  for (int tries = 0; tries < kReads; ++tries) {
    auto head = co_await api_->lookup({head_key(document)});
    if (!head) co_return fail(head.error());
    if (head->empty()) co_return no_such_document(target, number, name);
    const Entity& e = head->front();
    const auto chunks = static_cast<size_t>(e.integer("chunks"));
    std::string packed = e.text("body");
    bool whole = true;
    for (size_t from = 0; from < chunks && whole; from += kChunksTogether) {
      std::vector<Key> keys;
      for (size_t n = from; n < std::min(chunks, from + kChunksTogether); ++n)
        keys.push_back(chunk_key(document, e.text("by"), n));
      auto found = co_await api_->lookup(keys);
      if (!found) co_return fail(found.error());
      whole = found->size() == keys.size();
      for (const Key& key : keys)
        for (const Entity& chunk : *found)
          if (chunk.key == key) packed += chunk.text("body");
    }
    if (!whole) continue;  // it was replaced meanwhile
    co_return co_await api_->aside([packed = std::move(packed), size = e.integer("size"), where, name] {
      return unpack(packed, size, where, name);
    });
  }
  co_return fail(ErrorCode::internal, where, "parts of the stored " + name + " are missing",
                 "read it again; if that does not help, it is lost");
}

}  // namespace lemmy::store
