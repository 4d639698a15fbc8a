// Preloaded into a server by the tests: while the file "$HANGS.now" exists, whoever opens $HANGS or what is below it waits,
// as on a network file system whose server is away.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void hang(const char* path) {
  const char* prefix = getenv("HANGS");
  char now[4096];
  if (!prefix || strncmp(path, prefix, strlen(prefix)) != 0) return;
  snprintf(now, sizeof now, "%s.now", prefix);
  while (access(now, F_OK) == 0) usleep(20000);
}

static mode_t mode_of(int flags, va_list list) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; }

#define OPEN(name)                                                   \
  int name(const char* path, int flags, ...) {                       \
    static int (*real)(const char*, int, ...);                       \
    if (!real) real = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, #name); \
    va_list list;                                                    \
    va_start(list, flags);                                           \
    const mode_t mode = mode_of(flags, list);                        \
    va_end(list);                                                    \
    hang(path);                                                      \
    return real(path, flags, mode);                                  \
  }

OPEN(open)
OPEN(open64)

int mkstemp(char* path) {
  static int (*real)(char*);
  if (!real) real = (int (*)(char*))dlsym(RTLD_NEXT, "mkstemp");
  hang(path);
  return real(path);
}
int mkstemp64(char* path) { return mkstemp(path); }
