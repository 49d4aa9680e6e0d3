/* hss_build.c - the nodes of a tree: made by all processors, written to a file, and found there again.
 * The file: a head (magic, typecodes, I, root, SHA-256 of these), then the nodes by number from the root 1 on. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/hss/hss_tree.h"
#include "daemon/hss/internal.h"

enum {
    TYPES_AT = 8,
    IDENTIFIER_AT = 16,
    ROOT_AT = 32,
    CHECKSUM_AT = 64,
    HEAD_SIZE = 96,
    WORKERS_MAX = 64,
    PARTS_A_WORKER = 64, /* with fewer another thread does not pay */
};

uint64_t hss_node_at(const struct lms_parameters *parameters, uint32_t number)
{
    return HEAD_SIZE + (uint64_t)(number - 1) * parameters->n;
}

static uint32_t parts_of(const struct hss_tree *tree)
{
    return 1u << (tree->public.parameters.height - tree->cut);
}

static int make_head(const struct proto_crypto *crypto, const struct lms_tree *public, uint8_t out[HEAD_SIZE])
{
    memset(out, 0, HEAD_SIZE);
    memcpy(out, "tpHSStr1", TYPES_AT);
    lms_put32(out + TYPES_AT, public->parameters.lms_type);
    lms_put32(out + TYPES_AT + 4, public->parameters.lmots_type);
    memcpy(out + IDENTIFIER_AT, public->identifier, LMS_IDENTIFIER_SIZE);
    memcpy(out + ROOT_AT, public->root, public->parameters.n);
    return crypto->sha256(crypto->context, bytes_view(out, CHECKSUM_AT), out + CHECKSUM_AT);
}

/* Building ------------------------------------------------------------------------------------------------------ */

struct build {
    const struct proto_crypto *crypto; /* its callbacks are used by several threads at once */
    const struct hss_tree *tree;
    const struct hss_progress *progress;
    uint8_t *nodes; /* the root at n, its children behind */
    atomic_uint next_part;
    atomic_uint parts_done;
    atomic_int outcome; /* the first that was not 0 ends it all */
};

/* Takes parts until there are none. Only the thread that called hss_tree_open tells of progress. */
static void work(struct build *build, const struct hss_progress *progress)
{
    const struct hss_tree *tree = build->tree;
    const size_t n = tree->public.parameters.n;
    const uint32_t parts = parts_of(tree);
    uint8_t *nodes = malloc(((size_t)2 << tree->cut) * n);
    int r = nodes == NULL ? -ENOMEM : 0;

    while (r == 0 && build->outcome == 0) {
        uint32_t part = atomic_fetch_add(&build->next_part, 1);
        if (part >= parts)
            break;
        r = hss_tree_part(build->crypto, tree, part, nodes);
        memcpy(build->nodes + (parts + part) * n, nodes + n, n);
        uint64_t done = atomic_fetch_add(&build->parts_done, 1) + 1ull;
        if (r == 0 && progress != NULL)
            r = progress->step(progress->context, done << tree->cut, (uint64_t)parts << tree->cut);
    }
    int none = 0;
    if (r != 0)
        atomic_compare_exchange_strong(&build->outcome, &none, r);
    free(nodes);
}

static void *run_worker(void *context)
{
    work(context, NULL);
    return NULL;
}

static int build_leaves(struct build *build)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t wanted = parts_of(build->tree) / PARTS_A_WORKER;
    pthread_t workers[WORKERS_MAX];
    uint32_t count = 0;

    if (processors > WORKERS_MAX)
        processors = WORKERS_MAX;
    if (processors >= 1 && wanted > (uint32_t)processors)
        wanted = (uint32_t)processors;
    while (count + 1 < wanted && pthread_create(&workers[count], NULL, run_worker, build) == 0)
        count++;
    work(build, build->progress);
    while (count > 0)
        pthread_join(workers[--count], NULL);
    return build->outcome;
}

/* All nodes from the root down to the parts' roots: node r at r x n. The caller frees *out. */
static int build_nodes(const struct proto_crypto *crypto, struct hss_tree *tree, const struct hss_progress *progress,
                       uint8_t **out)
{
    const size_t n = tree->public.parameters.n;
    const uint32_t parts = parts_of(tree);
    struct build build = { .crypto = crypto, .tree = tree, .progress = progress };

    build.nodes = malloc((size_t)2 * parts * n);
    if (build.nodes == NULL)
        return -ENOMEM;
    int r = build_leaves(&build);
    for (uint32_t i = parts - 1; r == 0 && i >= 1; i--) {
        const uint8_t *children = build.nodes + 2 * (size_t)i * n;
        r = lms_inner(crypto, &tree->public, i, children, children + n, build.nodes + i * n);
    }
    if (r != 0) {
        free(build.nodes);
        return r;
    }
    memcpy(tree->public.root, build.nodes + n, n);
    *out = build.nodes;
    return 0;
}

/* The file ------------------------------------------------------------------------------------------------------ */

static int write_nodes(const struct proto_crypto *crypto, const struct hss_tree *tree, const uint8_t *nodes, int fd)
{
    const size_t n = tree->public.parameters.n;
    uint8_t head[HEAD_SIZE];

    int r = make_head(crypto, &tree->public, head);
    if (r == 0)
        r = hss_write_at(fd, head, sizeof(head), 0);
    return r != 0 ? r : hss_write_at(fd, nodes + n, (2 * (size_t)parts_of(tree) - 1) * n, HEAD_SIZE);
}

/* A new file that takes the old one's place at once: others may be reading that. *out_fd stays -1 where the folder
 * takes none. */
static int save_at(const struct proto_crypto *crypto, const struct hss_tree *tree, const uint8_t *nodes,
                   const char *path, int *out_fd)
{
    char draft[PATH_MAX];

    int size = snprintf(draft, sizeof(draft), "%s.XXXXXX", path);
    int fd = size > 0 && (size_t)size < sizeof(draft) ? mkostemp(draft, O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    int r = write_nodes(crypto, tree, nodes, fd);
    if (r == 0 && rename(draft, path) == 0) {
        *out_fd = fd;
        return 0;
    }
    unlink(draft);
    close(fd);
    return r == -ENOSPC || r == -EDQUOT ? 0 : r; /* a cache that finds no room is none */
}

static int save(const struct proto_crypto *crypto, struct hss_tree *tree, const uint8_t *nodes, const char *path)
{
    int fd = -1;

    int r = save_at(crypto, tree, nodes, path, &fd);
    if (r == 0 && fd < 0) {
        fd = memfd_create("hss-nodes", MFD_CLOEXEC);
        r = fd < 0 ? -errno : write_nodes(crypto, tree, nodes, fd);
    }
    if (r != 0 && fd >= 0)
        close(fd);
    if (r == 0)
        tree->nodes = fd;
    return r;
}

/* The nodes that were kept: 0, 1 where there are none of this very tree, or a fault. */
static int load(const struct proto_crypto *crypto, struct hss_tree *tree, const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const size_t size = HEAD_SIZE + (2 * (size_t)parts_of(tree) - 1) * tree->public.parameters.n;
    uint8_t head[HEAD_SIZE], expected[HEAD_SIZE];
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0 || (uint64_t)status.st_size != size ||
        hss_read_at(fd, head, sizeof(head), 0) != 0)
        return 1;
    struct lms_tree kept = tree->public;
    memcpy(kept.root, head + ROOT_AT, kept.parameters.n);
    int r = make_head(crypto, &kept, expected);
    if (r == 0 && memcmp(head, expected, sizeof(head)) != 0)
        r = 1;
    if (r != 0)
        return r;
    tree->public = kept;
    tree->nodes = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return tree->nodes < 0 ? -errno : 0;
}

int hss_tree_open(const struct proto_crypto *crypto, struct hss_tree *tree, const char *path,
                  const struct hss_progress *progress)
{
    _cleanup_free_ uint8_t *nodes = NULL;

    int r = load(crypto, tree, path);
    if (r != 1)
        return r;
    r = build_nodes(crypto, tree, progress, &nodes);
    return r != 0 ? r : save(crypto, tree, nodes, path);
}
