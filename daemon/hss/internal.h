/* internal.h - shared between this room's files only. */
#ifndef TINYPART_HSS_INTERNAL_H
#define TINYPART_HSS_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/hss/hss_key.h"

static inline uint64_t hss_get64(const uint8_t *in)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | in[i];
    return value;
}

static inline void hss_put64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* Where a node stands in a file of nodes. */
uint64_t hss_node_at(const struct lms_parameters *parameters, uint32_t number);
/* Makes the name of a file that was just made durable. */
int hss_sync_folder_of(const char *path);
/* size bytes at an offset, whole: 0, -EIO where the file is shorter, or the fault. */
int hss_read_at(int fd, void *out, size_t size, uint64_t at);
int hss_write_at(int fd, const void *data, size_t size, uint64_t at);

/* For the making of a key. Its root is not known before its trees are made. */
int hss_key_new(const struct proto_crypto *crypto, const struct hss_secret *secret, const char *file,
                struct hss_key **out);
int hss_key_find_root(struct hss_key *key, uint8_t out_root[LMS_N_MAX]);
int hss_key_create_records(struct hss_key *key, struct why *why);
void hss_key_forget_files(struct hss_key *key, bool records);

#endif
