#include "store/datastore/datastore_store.h"

#include "store/datastore/rows.h"

namespace lemmy::store {
using namespace datastore;

namespace {

constexpr size_t kDigits = 20;
constexpr milliseconds kCheck{3'000};

// What slice() gave out: sortable digits, then perhaps more parts of a name.
bool is_cursor(std::string_view text) {
  auto part = [](unsigned char c) { return std::isalnum(c) || std::string_view("-_.~%/").contains(c); };
  return text.size() >= kDigits && text.size() <= 1000 && std::ranges::all_of(text, part) &&
         text.substr(0, kDigits).find_first_not_of("0123456789") == text.npos &&
         (text.size() == kDigits || text[kDigits] == '/');
}

}  // namespace

int64_t Sequence::next(int64_t after) {
  using namespace std::chrono;
  int64_t now = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  return last_ = std::max({now, last_ + 1, after + 1});
}

DatastoreStore::DatastoreStore(asio::any_io_executor loop, std::shared_ptr<Api> api)
    : api_(std::move(api)), writer_(std::make_shared<Writer>(loop, api_)) {}

DatastoreStore::~DatastoreStore() { writer_->stop(); }

Task<Result<DatastoreStore::Slice>> DatastoreStore::slice(std::string kind, std::string property,
                                                          std::string of, bool descending, Page page) {
  if (!page.after.empty() && !is_cursor(page.after)) co_return bad_cursor(page);
  const auto limit = static_cast<size_t>(limit_of(page));
  // '0' follows '/': the range holds all that begin with "<of>/".
  std::string low = of + "/", high = of + "0";
  if (!page.after.empty()) (descending ? high : low) = of + "/" + page.after;
  Query q;
  q.kind = kind;
  q.filters = {where_text(property, "GREATER_THAN", low), where_text(property, "LESS_THAN", high)};
  q.order = property;
  q.descending = descending;
  q.limit = static_cast<int>(limit) + 1;
  auto found = co_await api_->query(std::move(q));
  if (!found) co_return fail(found.error());
  Slice out{std::move(*found), ""};
  if (out.entities.size() > limit) {
    out.entities.resize(limit);
    out.next = out.entities.back().text(property).substr(of.size() + 1);
  }
  co_return out;
}

Task<Result<std::vector<Entity>>> DatastoreStore::flagged(std::string kind, std::string property) {
  Query q;
  q.kind = kind;
  q.filters.push_back(where_flag(property));
  return api_->query(std::move(q));
}

Task<Result<int64_t>> DatastoreStore::schema() {
  auto found = co_await api_->lookup({{"LemmySchema", "schema"}});
  if (!found) co_return fail(found.error());
  const int64_t version = found->empty() ? kSchema : found->front().integer("version");
  if (version > kSchema)
    co_return fail(ErrorCode::conflict, api_->place().url,
                   fmt::format("what is kept has schema {}, this Lemmy knows up to {}", version, kSchema),
                   "run the newer Lemmy that wrote it; nothing was changed");
  co_return version;
}

Task<Result<>> DatastoreStore::check() {
  // Taking away what is not there shows that the account may write; changes nothing.
  Key nothing{"LemmyCheck", random_hex(8)};
  std::vector<std::string> mutations{removal(nothing, api_->place())};
  co_return co_await api_->write_once(std::move(mutations), kCheck);
}

Result<std::unique_ptr<Store>> open_datastore(asio::any_io_executor loop, const std::string& url,
                                              Options options) {
  auto place = parse_url(url);
  if (!place) return fail(place.error());
  std::string endpoint = options.endpoint;
  std::shared_ptr<Tokens> tokens;
  const char* emulator = options.env("DATASTORE_EMULATOR_HOST");
  if (emulator && *emulator) {
    endpoint = emulator;
    if (!endpoint.contains("://")) endpoint = "http://" + endpoint;
  } else {
    auto found = find_credentials(loop, options.env);
    if (!found) return fail(found.error());
    tokens = std::move(*found);
  }
  auto client = net::Client::create(loop, endpoint);
  if (!client)
    return fail(ErrorCode::invalid, "DATASTORE_EMULATOR_HOST",
                "'" + shorten(valid_utf8(endpoint), 80) + "' is not a host and port", "write localhost:8081");
  auto api = std::make_shared<Api>(std::move(*place), std::move(*client), std::move(tokens), options.limits);
  return std::make_unique<DatastoreStore>(loop, std::move(api));
}

}  // namespace lemmy::store
