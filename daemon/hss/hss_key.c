/* hss_key.c - a private key in memory: its levels, its reservation, its signatures (see hss_key.h).
 * The levels' trees follow from the index of the one-time key: level i's tree is the index without its last
 * height x (levels - i) bits. A tree is signed by the one above it, always with the same bytes. */
#include "daemon/hss/hss_key.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/base/text.h"
#include "daemon/hss/internal.h"
#include "device_proto/hss.h"

enum { INDEX_BITS_MAX = 60, RESERVATION_MAX = 32, RESERVATION_SHARE = 256 };

/* What a forked child must not have, and no core file: on pages of its own. The kernel wipes them in a child. */
struct private
{
    bool alive;
    uint64_t next; /* the reservation: from here */
    uint64_t end;  /* up to here */
    uint8_t seed[HSS_LEVELS_MAX][LMS_N_MAX];
};

struct level {
    bool ready;
    uint64_t number; /* of this tree among its level's */
    struct hss_tree tree;
    uint8_t *certificate; /* the tree above on this one: signature and public key; NULL for the top */
};

struct hss_key {
    struct proto_crypto crypto;
    struct hss_public public;
    struct level levels[HSS_LEVELS_MAX];
    struct private *private;
    struct hss_records records; /* their paths are these: */
    char state[HSS_PATH_SIZE];
    char mark[HSS_PATH_SIZE];
    char tree[HSS_PATH_SIZE]; /* beginning of the trees' names */
    bool beside;
    uint64_t ask; /* how many to reserve the next time */
    const struct hss_progress *progress;
    struct why refusal;
};

/* Making and freeing ---------------------------------------------------------------------------------------------- */

static int private_new(struct private **out)
{
    void *page = mmap(NULL, sizeof(struct private), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return -errno;
    if (madvise(page, sizeof(struct private), MADV_WIPEONFORK) != 0) {
        int fault = -errno;
        munmap(page, sizeof(struct private));
        return fault;
    }
    madvise(page, sizeof(struct private), MADV_DONTDUMP);
    mlock(page, sizeof(struct private)); /* where the limit allows it */
    *out = page;
    (*out)->alive = true;
    return 0;
}

static void level_deinit(struct level *level)
{
    if (level->ready)
        hss_tree_deinit(&level->tree);
    free(level->certificate);
    *level = (struct level){ 0 };
}

void hss_key_free(struct hss_key *key)
{
    if (key == NULL)
        return;
    for (unsigned i = 0; i < HSS_LEVELS_MAX; i++)
        level_deinit(&key->levels[i]);
    if (key->private != NULL) {
        explicit_bzero(key->private, sizeof(*key->private));
        munmap(key->private, sizeof(*key->private));
    }
    free(key);
}

static int place(char out[HSS_PATH_SIZE], const char *given, const char *file, const char *ending)
{
    int size = given != NULL && given[0] != '\0' ? snprintf(out, HSS_PATH_SIZE, "%s", given)
                                                 : snprintf(out, HSS_PATH_SIZE, "%s%s", file, ending);

    /* the trees' names are longer by a digit and a draft's ending */
    return size < 0 || (size_t)size + 16 >= HSS_PATH_SIZE ? -ENAMETOOLONG : 0;
}

/* The trees' cache goes where the state is: that folder is writable. */
static int places(struct hss_key *key, const struct hss_secret *secret, const char *file)
{
    int r = place(key->state, secret->state, file, ".state");
    if (r == 0)
        r = place(key->mark, secret->mark, file, ".mark");
    if (r == 0)
        r = place(key->tree, secret->state, file, "");
    if (r == 0)
        strcat(key->tree, ".tree");
    key->records = (struct hss_records){ .crypto = &key->crypto, .state = key->state, .mark = key->mark };
    memcpy(key->records.identifier, secret->top.identifier, LMS_IDENTIFIER_SIZE);
    key->records.total = 1ull << (secret->top.parameters.height * secret->levels);
    return r;
}

int hss_key_new(const struct proto_crypto *crypto, const struct hss_secret *secret, const char *file,
                struct hss_key **out)
{
    struct hss_key *key = calloc(1, sizeof(*key));

    if (key == NULL)
        return -ENOMEM;
    key->crypto = *crypto;
    key->public = (struct hss_public){ .levels = secret->levels, .top = secret->top };
    key->beside = secret->state[0] == '\0';
    key->ask = 1;
    int r = private_new(&key->private);
    if (r == 0)
        r = places(key, secret, file);
    if (r != 0) {
        hss_key_free(key);
        return r;
    }
    memcpy(key->private->seed[0], secret->seed, secret->top.parameters.n);
    *out = key;
    return 0;
}

int hss_shape_check(const struct hss_shape *shape, struct why *why)
{
    struct lms_parameters parameters;

    if (!lms_parameters_for(shape->n, shape->height, shape->width, &parameters))
        return refuse(why, REFUSED_INVALID, "--height, --width", NULL,
                      "heights are 5, 10, 15, 20 and 25, widths 1, 2, 4 and 8");
    if (shape->levels < 1 || shape->levels > HSS_LEVELS_MAX || shape->levels * shape->height > INDEX_BITS_MAX)
        return refuse(why, REFUSED_INVALID, "--levels", NULL,
                      "there are 1 to %u levels, and levels times height are at most %d", HSS_LEVELS_MAX,
                      INDEX_BITS_MAX);
    return 0;
}

int hss_key_read(const struct proto_crypto *crypto, struct bytes text, const char *file, struct hss_key **out,
                 struct why *why)
{
    struct hss_secret secret;

    int r = hss_file_read(crypto, text, &secret);
    if (r == 0 && secret.levels * secret.top.parameters.height > INDEX_BITS_MAX)
        r = 1;
    if (r == 0)
        r = hss_key_new(crypto, &secret, file, out);
    explicit_bzero(&secret, sizeof(secret));
    if (r == 1)
        return refuse(why, REFUSED_INVALID, file, "take it from a backup: the key file never changes",
                      "this HSS-LMS private key is damaged");
    return r;
}

bool hss_key_is_beside(const struct hss_key *key)
{
    return key->beside;
}

void hss_key_set_progress(struct hss_key *key, const struct hss_progress *progress)
{
    key->progress = progress;
}

/* Signing --------------------------------------------------------------------------------------------------------- */

static unsigned bits_below(const struct hss_key *key, unsigned level)
{
    return key->public.top.parameters.height * (key->public.levels - level);
}

/* Which of its one-time keys the tree of a level uses for this index. */
static uint32_t one_time_of(const struct hss_key *key, unsigned level, uint64_t index)
{
    const unsigned height = key->public.top.parameters.height;

    return (uint32_t)(index >> (bits_below(key, level) - height)) & ((1u << height) - 1);
}

static int certify(struct hss_key *key, unsigned level, uint64_t index)
{
    const struct lms_parameters *p = &key->public.top.parameters;
    struct level *child = &key->levels[level];
    const size_t signature = lms_signature_size(p);

    child->certificate = malloc(signature + LMS_PUBLIC_SIZE_MAX);
    if (child->certificate == NULL)
        return -ENOMEM;
    size_t public = lms_public_write(&child->tree.public, child->certificate + signature);
    return hss_tree_sign(&key->crypto, &key->levels[level - 1].tree, one_time_of(key, level - 1, index),
                         bytes_view(child->certificate + signature, public), child->certificate);
}

static void tree_path(const struct hss_key *key, unsigned level, char out[HSS_PATH_SIZE])
{
    (void)snprintf(out, HSS_PATH_SIZE, "%.*s%c", (int)HSS_PATH_SIZE - 8, key->tree, (char)('0' + level));
}

static int level_open(struct hss_key *key, unsigned level, uint64_t index)
{
    struct level *here = &key->levels[level];
    uint8_t *seed = key->private->seed[level];
    uint8_t identifier[LMS_IDENTIFIER_SIZE];
    char path[HSS_PATH_SIZE];
    int r = 0;

    if (level == 0)
        memcpy(identifier, key->public.top.identifier, sizeof(identifier));
    else
        r = hss_tree_child(&key->crypto, &key->levels[level - 1].tree, one_time_of(key, level - 1, index), identifier,
                           seed);
    if (r != 0)
        return r;
    tree_path(key, level, path);
    hss_tree_init(&here->tree, &key->public.top.parameters, identifier, seed);
    here->ready = true;
    r = hss_tree_open(&key->crypto, &here->tree, path, key->progress);
    return r == 0 && level > 0 ? certify(key, level, index) : r;
}

/* The trees that index needs. */
static int levels_open(struct hss_key *key, uint64_t index)
{
    bool above_changed = false;
    int r = 0;

    for (unsigned i = 0; r == 0 && i < key->public.levels; i++) {
        struct level *level = &key->levels[i];
        uint64_t number = i == 0 ? 0 : index >> bits_below(key, i);
        if (level->ready && level->number == number && !above_changed)
            continue;
        above_changed = true;
        level_deinit(level);
        r = level_open(key, i, index);
        level->number = number;
        if (r != 0)
            level_deinit(level);
    }
    return r;
}

int hss_key_find_root(struct hss_key *key, uint8_t out_root[LMS_N_MAX])
{
    int r = levels_open(key, 0);

    if (r != 0)
        return r;
    memcpy(key->public.top.root, key->levels[0].tree.public.root, LMS_N_MAX);
    memcpy(out_root, key->public.top.root, LMS_N_MAX);
    return 0;
}

int hss_key_create_records(struct hss_key *key, struct why *why)
{
    return hss_records_create(&key->records, why);
}

void hss_key_forget_files(struct hss_key *key, bool records)
{
    char path[HSS_PATH_SIZE];

    for (unsigned i = 0; i < key->public.levels; i++) {
        tree_path(key, i, path);
        (void)unlink(path);
    }
    if (records) {
        (void)unlink(key->state);
        (void)unlink(key->mark);
    }
}

static int make(struct hss_key *key, uint64_t index, struct bytes message, uint8_t *out, size_t *out_size)
{
    const struct lms_parameters *p = &key->public.top.parameters;
    const unsigned last = key->public.levels - 1;
    size_t size = 4;

    int r = levels_open(key, index);
    if (r != 0)
        return r;
    lms_put32(out, last);
    for (unsigned i = 1; i <= last; i++) {
        size_t certificate = lms_signature_size(p) + lms_public_size(p);
        memcpy(out + size, key->levels[i].certificate, certificate);
        size += certificate;
    }
    r = hss_tree_sign(&key->crypto, &key->levels[last].tree, one_time_of(key, last, index), message, out + size);
    *out_size = size + lms_signature_size(p);
    return r;
}

/* Nothing leaves that does not verify: a flipped bit in memory or in the cache may give the key away otherwise. */
static int make_checked(struct hss_key *key, uint64_t index, struct bytes message, uint8_t *out, size_t *out_size)
{
    uint8_t public[HSS_PUBLIC_SIZE_MAX];
    size_t public_size = hss_public_write(&key->public, public);

    int r = make(key, index, message, out, out_size);
    if (r == 0)
        r = hss_verify(&key->crypto, bytes_view(public, public_size), message, bytes_view(out, *out_size));
    return r;
}

/* The cached nodes of a tree are thrown away; its root must be the same when they are made again, for it is signed. */
static int make_again(struct hss_key *key, uint64_t index, struct bytes message, uint8_t *out, size_t *out_size)
{
    uint8_t roots[HSS_LEVELS_MAX][LMS_N_MAX];

    for (unsigned i = 0; i < key->public.levels; i++) {
        memcpy(roots[i], key->levels[i].tree.public.root, LMS_N_MAX);
        level_deinit(&key->levels[i]);
    }
    hss_key_forget_files(key, false);
    int r = make_checked(key, index, message, out, out_size);
    for (unsigned i = 1; r == 0 && i < key->public.levels; i++)
        r = memcmp(roots[i], key->levels[i].tree.public.root, key->public.top.parameters.n) == 0 ? 0 : 1;
    return r;
}

/* The longer a process signs, the more it reserves at once: syncing costs more than signing, a crash costs keys. */
static int reserve(struct hss_key *key, struct why *why)
{
    uint64_t first = 0, count = 0, most = key->records.total / RESERVATION_SHARE;

    int r = hss_records_reserve(&key->records, key->ask, &first, &count, why);
    if (r != 0)
        return r;
    key->private->next = first;
    key->private->end = first + count;
    if (most > RESERVATION_MAX)
        most = RESERVATION_MAX;
    if (2 * key->ask <= most)
        key->ask *= 2;
    return 0;
}

int hss_key_sign(struct hss_key *key, struct bytes message, uint8_t *out, size_t capacity, size_t *out_size,
                 struct why *why)
{
    const size_t size = hss_signature_size(&key->public.top.parameters, key->public.levels);
    int r = 0;

    if (!key->private->alive)
        return -EPERM;
    if (capacity < size)
        return refuse(why, REFUSED_TOO_LARGE, "key", NULL, "the key's signatures have %zu bytes, there is room for %zu",
                      size, capacity);
    if (key->private->next == key->private->end)
        r = reserve(key, why);
    if (r != 0)
        return r;
    uint64_t index = key->private->next++; /* used, whatever comes of it */
    r = make_checked(key, index, message, out, out_size);
    if (r > 0)
        r = make_again(key, index, message, out, out_size);
    if (r != 0) {
        explicit_bzero(out, size);
        return r > 0 ? -EBADMSG : r;
    }
    return 0;
}

static int sign(void *context, struct bytes message, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct hss_key *key = context;

    int r = hss_key_sign(key, message, out, capacity, out_size, &key->refusal);
    if (r <= 0)
        return r;
    return r == REFUSED_EXHAUSTED ? -EKEYEXPIRED : -ESTALE;
}

static uint64_t left(void *context)
{
    const struct hss_key *key = context;
    struct hss_standing standing;

    if (!key->private->alive)
        return 0;
    uint64_t reserved = key->private->end - key->private->next;
    return hss_records_look(&key->records, &standing) == 0 ? reserved + standing.left : reserved;
}

void hss_key_signer(struct hss_key *key, struct proto_signer *out)
{
    struct hss_about about = { 0 };

    (void)hss_key_about(key, &about);
    *out = (struct proto_signer){ .context = key, .key = about.public, .sign = sign, .left = left };
}

const struct why *hss_key_last_refusal(const struct hss_key *key)
{
    return &key->refusal;
}

/* The rest -------------------------------------------------------------------------------------------------------- */

int hss_key_check(const struct hss_key *key, struct why *why)
{
    struct hss_standing standing;

    int r = hss_records_look(&key->records, &standing);
    return r != 0 ? r : hss_records_refuse(&key->records, &standing, why);
}

int hss_key_skip(struct hss_key *key, uint64_t to, struct why *why)
{
    return hss_records_skip(&key->records, to, why);
}

int hss_key_about(const struct hss_key *key, struct hss_about *out)
{
    const struct lms_parameters *p = &key->public.top.parameters;

    *out = (struct hss_about){
        .shape = { .n = p->n, .height = p->height, .width = p->width, .levels = key->public.levels },
        .public = { .type = KEY_HSS_LMS },
        .signature_size = hss_signature_size(p, key->public.levels),
        .total = key->records.total,
        .reserved = key->private->end - key->private->next,
        .state = key->state,
        .mark = key->mark,
    };
    out->public.size = hss_public_write(&key->public, out->public.raw);
    return hss_records_look(&key->records, &out->standing);
}
