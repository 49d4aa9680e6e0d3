/* duplicates.c - a ring of answers, oldest overwritten first, with hash chains into it.
 * The content's fingerprint is part of the key: a device that has lost its memory begins again at any message id, and
 * must not get an answer that was meant for its former life. */
#include "daemon/transport_coap/duplicates.h"

#include <errno.h>
#include <stdlib.h>

/* struct answer ends in its body; what is remembered is all before that, and a short body. */
#define HEAD_SIZE offsetof(struct answer, body)

struct remembered {
    struct peer peer;
    uint16_t id;
    uint16_t body_size;
    uint32_t next; /* of its chain: index + 1; 0 ends it */
    uint64_t fingerprint;
    int64_t until_ms; /* 0: never used */
    uint8_t head[HEAD_SIZE];
    uint8_t body[DUPLICATES_BODY_MAX];
};

struct duplicates {
    unsigned capacity;
    unsigned oldest;  /* the next one to be overwritten */
    uint32_t *chains; /* capacity of them: index + 1 of the first; 0: empty */
    struct remembered *ring;
};

int duplicates_new(unsigned capacity, struct duplicates **out)
{
    struct duplicates *duplicates = calloc(1, sizeof(*duplicates));

    if (duplicates == NULL)
        return -ENOMEM;
    duplicates->capacity = capacity;
    duplicates->chains = calloc(capacity, sizeof(*duplicates->chains));
    duplicates->ring = calloc(capacity, sizeof(*duplicates->ring));
    if (duplicates->chains == NULL || duplicates->ring == NULL) {
        duplicates_free(duplicates);
        return -ENOMEM;
    }
    *out = duplicates;
    return 0;
}

void duplicates_free(struct duplicates *duplicates)
{
    if (duplicates == NULL)
        return;
    free(duplicates->chains);
    free(duplicates->ring);
    free(duplicates);
}

static uint32_t *chain_of(struct duplicates *duplicates, const struct peer *peer, uint16_t id)
{
    uint64_t hash = hash_bytes(hash_bytes(HASH_SEED, peer, sizeof(*peer)), &id, sizeof(id));

    return &duplicates->chains[hash % duplicates->capacity];
}

bool duplicates_find(struct duplicates *duplicates, const struct request *request, int64_t now_ms, struct answer *out)
{
    uint32_t at = *chain_of(duplicates, &request->peer, request->id);

    for (; at != 0; at = duplicates->ring[at - 1].next) {
        const struct remembered *one = &duplicates->ring[at - 1];

        if (one->id != request->id || one->fingerprint != request->fingerprint || one->until_ms <= now_ms ||
            !peer_equal(&one->peer, &request->peer))
            continue;
        memcpy(out, one->head, HEAD_SIZE);
        memcpy(out->body, one->body, one->body_size);
        out->body_size = one->body_size;
        return true;
    }
    return false;
}

static void unlink_oldest(struct duplicates *duplicates)
{
    const struct remembered *one = &duplicates->ring[duplicates->oldest];
    uint32_t *link = chain_of(duplicates, &one->peer, one->id);

    while (*link != duplicates->oldest + 1)
        link = &duplicates->ring[*link - 1].next;
    *link = one->next;
}

bool duplicates_add(struct duplicates *duplicates, const struct request *request, int64_t now_ms,
                    const struct answer *answer)
{
    struct remembered *one = &duplicates->ring[duplicates->oldest];
    bool lost = one->until_ms > now_ms;
    uint32_t *chain;

    if (one->until_ms != 0)
        unlink_oldest(duplicates);
    one->peer = request->peer;
    one->id = request->id;
    one->fingerprint = request->fingerprint;
    one->until_ms = now_ms + DUPLICATES_LIFETIME_MS;
    one->body_size = answer->body_size <= DUPLICATES_BODY_MAX ? (uint16_t)answer->body_size : 0;
    memcpy(one->head, answer, HEAD_SIZE);
    memcpy(one->body, answer->body, one->body_size);
    chain = chain_of(duplicates, &one->peer, one->id);
    one->next = *chain;
    *chain = duplicates->oldest + 1;
    duplicates->oldest = (duplicates->oldest + 1) % duplicates->capacity;
    return lost;
}
