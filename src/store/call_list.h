#pragma once
// Inside room store: what makes declarations and calls of the (type, argument) pairs of calls.inc; at most 4
// of them.

#define LEMMY_EACH(what, ...)                                                                         \
  LEMMY_EACH_OF(_ __VA_OPT__(, ) __VA_ARGS__, LEMMY_EACH_4, LEMMY_EACH_3, LEMMY_EACH_2, LEMMY_EACH_1, \
                LEMMY_EACH_0)                                                                         \
  (what __VA_OPT__(, ) __VA_ARGS__)
#define LEMMY_EACH_OF(_, a, b, c, d, which, ...) which
#define LEMMY_EACH_0(what)
#define LEMMY_EACH_1(what, a) what a
#define LEMMY_EACH_2(what, a, b) what a, what b
#define LEMMY_EACH_3(what, a, b, c) what a, what b, what c
#define LEMMY_EACH_4(what, a, b, c, d) what a, what b, what c, what d

#define LEMMY_DECLARED(type, argument) type argument         // Page page
#define LEMMY_HANDED_ON(type, argument) std::move(argument)  // std::move(page)
