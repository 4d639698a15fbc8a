#pragma once
// Inside room template: what the Rust crate gives back.
#include <cstddef>
#include <string>

extern "C" {
struct lemmy_jinja_text {
  unsigned char* data;
  size_t size;
};
void lemmy_jinja_free(lemmy_jinja_text text);
}

namespace lemmy::tmpl {

inline const unsigned char* bytes(const std::string& s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}
std::string take(lemmy_jinja_text text);  // and frees it

}  // namespace lemmy::tmpl
