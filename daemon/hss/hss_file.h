/* hss_file.h - the private key's file: a few lines of text that never change.
 *
 *   tinypart hss-lms private key 1
 *   n 32
 *   height 10
 *   width 8
 *   levels 1
 *   identifier 00112233445566778899aabbccddeeff
 *   seed (2 x n hex digits)
 *   root (2 x n hex digits: the top tree's)
 *   checksum (16 hex digits: SHA-256 of all above)
 *   state /path/of/the/state   (as the next one, only where it is not beside the key; a person may change them)
 *   mark /path/of/the/mark
 */
#ifndef TINYPART_HSS_FILE_H
#define TINYPART_HSS_FILE_H

#include "device_proto/lms.h"

#define HSS_PATH_SIZE     1024u
#define HSS_KEY_TEXT_SIZE (512u + 2 * HSS_PATH_SIZE)

struct hss_secret {
    unsigned levels;
    struct lms_tree top; /* all levels have its parameters */
    uint8_t seed[LMS_N_MAX];
    char state[HSS_PATH_SIZE]; /* "": beside the key */
    char mark[HSS_PATH_SIZE];
};

/* Whether a text begins like such a file. */
bool hss_file_is(struct bytes text);
/* 0, 1 for what is none (or was changed), or a fault. */
int hss_file_read(const struct proto_crypto *crypto, struct bytes text, struct hss_secret *out);
/* Gives the text and its size, or a fault. */
int hss_file_write(const struct proto_crypto *crypto, const struct hss_secret *secret, char out[HSS_KEY_TEXT_SIZE],
                   size_t *out_size);

#endif
