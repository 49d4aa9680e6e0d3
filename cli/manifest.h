/* manifest.h - what the manifest commands share. */
#ifndef TINYPART_CLI_MANIFEST_H
#define TINYPART_CLI_MANIFEST_H

#include "cli/command.h"
#include "device_proto/suit_author.h"

enum { MANIFEST_FILE_MAX = 17 << 20, MANIFEST_KEYS_MAX = SUIT_AUTHOR_BLOCKS };

/* Encoded elements of an authentication list. */
struct manifest_blocks {
    uint8_t *rooms[SUIT_AUTHOR_BLOCKS];
    struct bytes views[SUIT_AUTHOR_BLOCKS];
    size_t count;
};
void manifest_blocks_free(struct manifest_blocks *blocks);

/* Signs with every key of --key (none: nothing), and with --secret where the command has it. Exit codes, words said. */
int manifest_sign_with(struct call *call, const struct suit_seal *seal, const struct proto_crypto *crypto,
                       struct manifest_blocks *out);
/* The public keys of --key. */
int manifest_public_keys(const struct call *call, struct public_key out[MANIFEST_KEYS_MAX], size_t *out_count);
/* Words of one of SUIT's refusals; gives the exit code for it. */
int manifest_refused(int r, const char *file, const struct suit_where *where);

int manifest_sign(struct call *call);
int manifest_sever(struct call *call);

#endif
