#pragma once
// Inside room cli: what people see.
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace lemmy::cli {

// Text of others, safe for a terminal: control characters (an escape sequence in a branch's name) are gone.
std::string clean(std::string_view text);
// A field of an object as text; "" when it is absent or null.
std::string field(const json::object& o, std::string_view key);
const json::object& object_in(const json::object& o,
                              std::string_view key);  // an empty one when there is none
const json::array& array_in(const json::object& o, std::string_view key);

// Columns that fit, two spaces between; headings and colours only on a terminal where they help.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  // columns: of the terminal; 0: any. The last column stands below its row when not all of it fits, and each
  // field on a line of its own when not even the others do.
  std::string text(bool colour, size_t columns = 0) const;
  void print() const;  // to standard output

 private:
  std::string records(size_t columns) const;
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

size_t width(std::string_view text);  // characters, near enough for names, branches and messages
std::string fitting(std::string_view text, size_t columns);  // cut, with an ellipsis; 0 columns: as it is
size_t terminal_columns(int fd);                             // 0: it is no terminal
bool colour_wanted(int fd);                                  // a terminal, not dumb, and NO_COLOR is not set
void print_json(const json::value& value);

}  // namespace lemmy::cli
