/* The file system under a SQLite database, turned read-only by a test while the program has the database open, as the kernel
   does it after an error of the disk. A mount cannot be made so from outside as long as a file on it is open for writing. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "told.h"

/* Whether this is a file of a database, which cannot be written now. */
static int refused(int file)
{
    char link[64], path[4096];
    if (!told || !*told)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    if (!strstr(path, ".sqlite"))
        return 0;
    errno = EROFS;
    return 1;
}

ssize_t write(int file, const void *bytes, size_t length)
{
    return refused(file) ? -1 : syscall(SYS_write, file, bytes, length);
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t at)
{
    return refused(file) ? -1 : syscall(SYS_pwrite64, file, bytes, length, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at)
{
    return refused(file) ? -1 : syscall(SYS_pwrite64, file, bytes, length, at);
}

int ftruncate(int file, off_t length)
{
    return refused(file) ? -1 : (int)syscall(SYS_ftruncate, file, length);
}

int ftruncate64(int file, off64_t length)
{
    return refused(file) ? -1 : (int)syscall(SYS_ftruncate, file, length);
}
