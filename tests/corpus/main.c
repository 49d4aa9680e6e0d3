/* main.c - tinypart-corpus: makes a corpus from a seed.
 *   tinypart-corpus [--seed N] [--count N] [--readme FILE] --tar FILE | --folder FOLDER
 * Defaults are those of the published corpus. FILE may be - for standard output. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tests/corpus/publish.h"

struct wishes {
    uint64_t seed, count;
    const char *readme, *tar, *folder;
};

static int usage(void)
{
    fputs("usage: tinypart-corpus [--seed N] [--count N] [--readme FILE] --tar FILE | --folder FOLDER\n", stderr);
    return 2;
}

static int read_wishes(int argc, char **argv, struct wishes *out)
{
    static const struct option options[] = {
        { "seed", required_argument, NULL, 's' },   { "count", required_argument, NULL, 'n' },
        { "readme", required_argument, NULL, 'r' }, { "tar", required_argument, NULL, 't' },
        { "folder", required_argument, NULL, 'f' }, { NULL, 0, NULL, 0 }
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        char *end = "";

        if (option == 's')
            out->seed = strtoull(optarg, &end, 0);
        else if (option == 'n')
            out->count = strtoull(optarg, &end, 0);
        else if (option == 'r')
            out->readme = optarg;
        else if (option == 't')
            out->tar = optarg;
        else if (option == 'f')
            out->folder = optarg;
        else
            return -1;
        if (*end != '\0')
            return -1;
    }
    return optind == argc && (out->tar == NULL) != (out->folder == NULL) && out->count <= 10000000 ? 0 : -1;
}

static int add_readme(struct published *published, const char *path)
{
    static char text[65536];
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL)
        return -1;
    size = fread(text, 1, sizeof text, file);
    fclose(file);
    published_add(published, "README.md", text, size);
    return 0;
}

static int write_tar(const struct published *published, const struct wishes *wishes)
{
    bool to_stdout = strcmp(wishes->tar, "-") == 0;
    FILE *out = to_stdout ? stdout : fopen(wishes->tar, "wb");
    int r;

    if (out == NULL)
        return -1;
    r = published_tar(published, "tinypart-corpus", out);
    if ((to_stdout ? fflush(out) : fclose(out)) != 0)
        return -1;
    return r;
}

int main(int argc, char **argv)
{
    struct wishes wishes = { CORPUS_SEED, CORPUS_COUNT, NULL, NULL, NULL };
    struct published published;
    int r;

    if (read_wishes(argc, argv, &wishes) != 0)
        return usage();
    published_make(&published, wishes.seed, wishes.count);
    r = wishes.readme != NULL ? add_readme(&published, wishes.readme) : 0;
    if (r == 0)
        r = wishes.tar != NULL ? write_tar(&published, &wishes) : published_folder(&published, wishes.folder);
    if (r != 0)
        fprintf(stderr, "tinypart-corpus: %s\n", strerror(errno));
    published_free(&published);
    return r == 0 ? 0 : 1;
}
