#pragma once
// Inside room manifest: a rendered document that knows where each of its fields stands in the text.
#include "manifest/fields.h"
#include "template/template.h"

namespace lemmy::manifest {

struct Document {
  tmpl::Traced traced;
  json::value value;  // as rendered
  tmpl::Located located;
};
Result<Document> trace_document(const tmpl::Templates& templates, const std::string& name,
                                const tmpl::Context& context);

// The bytes of the text that hold a field of the document, or of what normalise_final made of it: of an `env`
// that was written as an object the name is the key and the value its value.
std::optional<std::pair<size_t, size_t>> range_of(const Document& document, const Steps& steps);

// From 1, in bytes.
std::pair<size_t, size_t> line_and_column(std::string_view text, size_t at);

}  // namespace lemmy::manifest
