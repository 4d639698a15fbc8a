// Preloaded into a server by the tests: its wall clock is off by the nanoseconds in the file $WALL_CLOCK, which may
// change at any time. Monotonic clocks stay as they are, as when an administrator or NTP sets a machine's clock.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* offset_;

__attribute__((constructor)) static void open_file(void) {
  const char* path = getenv("WALL_CLOCK");
  const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void* p = mmap(NULL, sizeof *offset_, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (p != MAP_FAILED) offset_ = p;
}

static struct timespec moved(struct timespec t, int64_t by) {
  const int64_t ns = t.tv_sec * INT64_C(1000000000) + t.tv_nsec + by;
  return (struct timespec){ns / 1000000000, ns % 1000000000};
}
static int64_t offset(void) { return offset_ ? *offset_ : 0; }
static int is_wall(clockid_t c) { return c == CLOCK_REALTIME || c == CLOCK_REALTIME_COARSE; }

int clock_gettime(clockid_t clock, struct timespec* t) {
  // Not by dlsym: sanitizers ask for the time before that works.
  const int r = (int)syscall(SYS_clock_gettime, clock, t);
  if (r == 0 && is_wall(clock)) *t = moved(*t, offset());
  return r;
}

int gettimeofday(struct timeval* restrict tv, void* restrict zone) {
  (void)zone;
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  *tv = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* out) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  if (out) *out = t.tv_sec;
  return t.tv_sec;
}
