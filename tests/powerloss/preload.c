/* Stands between a program and its files (LD_PRELOAD): what it asks of those in one folder is written down, and made to fail where a
 * test wants it to. Linux, glibc.
 *
 * PUSHWIRE_DISK_FOLDER  the folder, as an absolute path without links
 * PUSHWIRE_DISK_LOG     a file for the log, elsewhere; none: nothing is written down
 *
 * A record: one character for what was done, the length of the name (2 bytes), an offset or size and a length (8 bytes each), all
 * little endian; then the name, then the data.
 *
 * A sync that is made to fail loses what it should have brought to the disk, as Linux does: the pages are in the cache, clean, and a
 * later sync succeeds without writing them. The record 'X' says so.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_length;
static int log_fd = -1;

/* What is to fail: calls of these kinds, after `skip` of them, `times` in a row. */
static char kinds[16];
static long skip, times, seen;
static int error;

__attribute__((constructor)) static void begin(void) {
    const char *wanted = getenv("PUSHWIRE_DISK_FOLDER"), *log = getenv("PUSHWIRE_DISK_LOG");
    if (wanted != NULL) {
        folder_length = strlen(wanted);
        strncpy(folder, wanted, sizeof folder - 1);
    }
    if (log != NULL) log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Fail calls of the given kinds (w write, s sync, t truncate, o make a file, u remove, r rename): skip some, then so many of them. */
void disk_fail(const char *which, long after, long count, int number) {
    pthread_mutex_lock(&lock);
    strncpy(kinds, which, sizeof kinds - 1);
    skip = after, times = count, error = number, seen = 0;
    pthread_mutex_unlock(&lock);
}

/* How many calls of these kinds there have been since. */
long disk_seen(void) {
    return seen;
}

static void all(const void *data, size_t size) {
    while (size > 0) {
        ssize_t done = syscall(SYS_write, log_fd, data, size);
        if (done < 0) abort();
        data = (const char *)data + done, size -= done;
    }
}

static void note(char kind, const char *name, int64_t at, const void *data, int64_t size) {
    if (log_fd < 0) return;
    char head[19];
    uint16_t length = strlen(name);
    head[0] = kind;
    memcpy(head + 1, &length, 2);
    memcpy(head + 3, &at, 8);
    memcpy(head + 11, &size, 8);
    all(head, sizeof head);
    all(name, length);
    all(data, size);
}

/* What the program has told somebody of the files in this subfolder: of the log alone. */
void disk_told(const char *name, const char *what) {
    pthread_mutex_lock(&lock);
    note('A', name, 0, what, strlen(what));
    pthread_mutex_unlock(&lock);
}

static int fails(char kind) {
    if (strchr(kinds, kind) == NULL) return 0;
    long number = seen++;
    return number >= skip && number - skip < times;
}

/* The name inside the folder: "" for the folder itself, NULL for what is elsewhere. */
static const char *inside(const char *path) {
    if (folder_length == 0 || strncmp(path, folder, folder_length) != 0) return NULL;
    if (path[folder_length] == '\0') return "";
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

static const char *name_of(int fd, char *buffer) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, buffer, PATH_MAX - 1);
    if (length < 0) return NULL;
    buffer[length] = '\0';
    return inside(buffer);
}

static int opened(const char *path, int flags, mode_t mode) {
    const char *name = inside(path);
    if (name == NULL) return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat before;
    int new = (flags & O_CREAT) && stat(path, &before) < 0;
    int fd = -1;
    if (new && fails('o')) {
        errno = error;
    } else {
        fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
        int after = errno;
        if (fd >= 0 && new) note('M', name, 0, NULL, 0);
        if (fd >= 0 && !new && (flags & O_TRUNC)) note('T', name, 0, NULL, 0);
        errno = after;
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        return opened(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

static ssize_t written(int fd, const void *data, size_t size, off_t at) {
    char buffer[PATH_MAX];
    const char *name = name_of(fd, buffer);
    long how = at < 0 ? SYS_write : SYS_pwrite64;
    if (name == NULL) return syscall(how, fd, data, size, at);
    pthread_mutex_lock(&lock);
    ssize_t done = -1;
    int bad = fails('w');
    /* A disk that fills takes a part first. */
    size_t some = bad ? (error == ENOSPC && seen - 1 == skip ? size / 2 : 0) : size;
    if (bad && some == 0) {
        errno = error;
    } else {
        done = syscall(how, fd, data, some, at);
        int after = errno;
        if (done > 0) note('W', name, at < 0 ? lseek(fd, 0, SEEK_CUR) - done : at, data, done);
        errno = after;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *data, size_t size) { return written(fd, data, size, -1); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return written(fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return written(fd, data, size, at); }

/* All else either happens, and is noted, or fails. */
static int done(char kind, const char *name, int64_t at, const char *to, long how, long first, long second) {
    pthread_mutex_lock(&lock);
    int result = -1;
    if (fails(kind)) {
        if (kind == 's') note('X', name, 0, NULL, 0);
        errno = error;
    } else {
        result = syscall(how, first, second);
        int after = errno;
        char said = kind == 't' ? 'T' : kind == 's' ? 'S' : kind == 'u' ? 'U' : 'R';
        if (result == 0) note(said, name, at, to, to == NULL ? 0 : strlen(to));
        errno = after;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static int resized(int fd, off_t size) {
    char buffer[PATH_MAX];
    const char *name = name_of(fd, buffer);
    return name == NULL ? (int)syscall(SYS_ftruncate, fd, size) : done('t', name, size, NULL, SYS_ftruncate, fd, size);
}

int ftruncate(int fd, off_t size) { return resized(fd, size); }
int ftruncate64(int fd, off64_t size) { return resized(fd, size); }

static int synced(int fd, long how) {
    char buffer[PATH_MAX];
    const char *name = name_of(fd, buffer);
    return name == NULL ? (int)syscall(how, fd) : done('s', name, 0, NULL, how, fd, 0);
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int unlink(const char *path) {
    const char *name = inside(path);
    return name == NULL ? (int)syscall(SYS_unlink, path) : done('u', name, 0, NULL, SYS_unlink, (long)path, 0);
}

int rename(const char *from, const char *to) {
    const char *name = inside(from), *other = inside(to);
    if (name == NULL || other == NULL) return syscall(SYS_rename, from, to);
    return done('r', name, 0, other, SYS_rename, (long)from, (long)to);
}
