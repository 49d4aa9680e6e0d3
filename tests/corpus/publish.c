#include "tests/corpus/publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FIXED_TIME 1767225600u /* 2026-01-01, in every archive */
#define BLOCK      512u

static void *must_have(void *memory)
{
    if (memory == NULL) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return memory;
}

/* ---- gathering ---- */

void published_add(struct published *published, const char *name, const void *data, size_t size)
{
    struct published_file *file;

    if (published->count == published->capacity) {
        published->capacity = published->capacity == 0 ? 1024 : 2 * published->capacity;
        published->files = must_have(realloc(published->files, published->capacity * sizeof *published->files));
    }
    file = &published->files[published->count++];
    snprintf(file->name, sizeof file->name, "%s", name);
    file->size = size;
    file->data = must_have(malloc(size + 1));
    if (size > 0)
        memcpy(file->data, data, size);
    file->data[size] = '\0';
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct published_file *)a)->name, ((const struct published_file *)b)->name);
}

static void sort(struct published *published)
{
    qsort(published->files, published->count, sizeof *published->files, by_name);
}

void published_make(struct published *out, uint64_t seed, uint64_t count)
{
    struct published published = { NULL, 0, 0 };
    struct making *making = must_have(malloc(sizeof *making));
    char *index = must_have(malloc(count * INDEX_LINE_MAX + 1)), recipient[RECIPIENT_MAX];
    size_t index_size = 0, size;

    for (uint64_t i = 0; i < count; i++) {
        struct corpus_entry entry;

        corpus_make(seed, i, making, &entry);
        index_size += index_line(&entry, index + index_size);
        published_add(&published, entry.file, entry.data, entry.size);
    }
    published_add(&published, "index.jsonl", index, index_size);
    size = recipient_text(recipient);
    published_add(&published, "recipient.json", recipient, size);
    free(index);
    free(making);
    *out = published;
}

void published_free(struct published *published)
{
    for (size_t i = 0; i < published->count; i++)
        free(published->files[i].data);
    free(published->files);
}

const struct published_file *published_find(const struct published *published, const char *name)
{
    for (size_t i = 0; i < published->count; i++) {
        if (strcmp(published->files[i].name, name) == 0)
            return &published->files[i];
    }
    return NULL;
}

/* ---- archive ---- */

/* POSIX.1-1988 ustar: every field is text in a block of 512 bytes. */
struct ustar {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2],
        user[32], group[32], device_major[8], device_minor[8], prefix[155], unused[12];
};

static int put_member(const char *folder, const struct published_file *file, FILE *out)
{
    static const char zeros[BLOCK];
    struct ustar header;
    unsigned sum = 0;

    memset(&header, 0, sizeof header);
    if (snprintf(header.name, sizeof header.name, "%s/%s", folder, file->name) >= (int)sizeof header.name) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(header.mode, "0000644", 8);
    memcpy(header.uid, "0000000", 8);
    memcpy(header.gid, "0000000", 8);
    snprintf(header.size, sizeof header.size, "%011llo", (unsigned long long)file->size);
    snprintf(header.mtime, sizeof header.mtime, "%011o", FIXED_TIME);
    memset(header.checksum, ' ', sizeof header.checksum);
    header.type = '0';
    memcpy(header.magic, "ustar", 6);
    memcpy(header.version, "00", 2);
    memcpy(header.user, "root", 5);
    memcpy(header.group, "root", 5);
    for (size_t i = 0; i < sizeof header; i++)
        sum += ((const unsigned char *)&header)[i];
    snprintf(header.checksum, sizeof header.checksum, "%06o", sum);
    if (fwrite(&header, sizeof header, 1, out) != 1 || fwrite(file->data, 1, file->size, out) != file->size)
        return -1;
    return fwrite(zeros, 1, (BLOCK - file->size % BLOCK) % BLOCK, out) == (BLOCK - file->size % BLOCK) % BLOCK ? 0 : -1;
}

int published_tar(const struct published *published, const char *folder, FILE *out)
{
    static const char end[2 * BLOCK];
    struct published sorted = *published;
    int r = 0;

    sort(&sorted); /* in place: only the order changes */
    for (size_t i = 0; r == 0 && i < sorted.count; i++)
        r = put_member(folder, &sorted.files[i], out);
    return r == 0 && fwrite(end, sizeof end, 1, out) == 1 ? 0 : -1;
}

/* ---- folder ---- */

static int make_folder(const char *path)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : -1;
}

static int put_file(const char *folder, const struct published_file *file)
{
    const char *slash = strchr(file->name, '/');
    char path[4096];
    FILE *out;
    bool written;

    if (slash != NULL) {
        snprintf(path, sizeof path, "%s/%.*s", folder, (int)(slash - file->name), file->name);
        if (make_folder(path) != 0)
            return -1;
    }
    snprintf(path, sizeof path, "%s/%s", folder, file->name);
    out = fopen(path, "wb");
    if (out == NULL)
        return -1;
    written = fwrite(file->data, 1, file->size, out) == file->size;
    return fclose(out) == 0 && written ? 0 : -1;
}

int published_folder(const struct published *published, const char *folder)
{
    int r = make_folder(folder);

    for (size_t i = 0; r == 0 && i < published->count; i++)
        r = put_file(folder, &published->files[i]);
    return r;
}
