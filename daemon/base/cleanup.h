/* cleanup.h - memory that frees itself when its variable goes out of scope. */
#ifndef TINYPART_BASE_CLEANUP_H
#define TINYPART_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

static inline void cleanup_freep(void *pointer)
{
    free(*(void **)pointer);
}

static inline void cleanup_closep(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define _cleanup_free_  _cleanup_(cleanup_freep)
#define _cleanup_close_ _cleanup_(cleanup_closep)

#endif
