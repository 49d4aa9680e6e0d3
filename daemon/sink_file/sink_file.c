/* sink_file.c - the sink kind "file": a bounded queue and the one thread that waits for the disk. */
#include "daemon/sink_file/sink_file.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/text.h"
#include "daemon/core/export.h"
#include "daemon/sink_file/jsonl.h"

enum { QUEUE_MAX = 1024, FOLDER_SIZE = 768, RETRY_POST_US = 1000 };

struct job {
    struct job *next;
    struct core *core;
    int64_t id;
    char tenant[NAME_SIZE];
    char sink[NAME_SIZE];
    char key[80];
    int outcome; /* of jsonl_append */
    size_t size;
    uint8_t body[];
};

struct sink_file {
    struct core *core;
    struct loop *loop;
    char folder[FOLDER_SIZE];
    int64_t rotate_bytes;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job *first, **last; /* under lock */
    unsigned waiting;          /* under lock */
    bool stopping;             /* under lock */
};

static void tell(void *context)
{
    struct job *job = context;
    char text[128] = "";

    if (job->outcome != 0)
        snprintf(text, sizeof(text), "the file cannot be written: %s", strerror(-job->outcome));
    export_on_outcome(job->core, job->id, job->outcome == 0, job->outcome == 0 ? NULL : text);
    free(job);
}

/* A folder that is new is durable only with the one that it stands in. */
static int make_folder(const char *path, const char *parent)
{
    if (mkdir(path, 0750) == 0)
        return parent != NULL ? jsonl_sync_folder(parent) : 0;
    return errno == EEXIST ? 0 : -errno;
}

static int write_job(struct sink_file *sink, const struct job *job)
{
    char folder[FOLDER_SIZE + NAME_SIZE + 1];

    snprintf(folder, sizeof(folder), "%s/%s", sink->folder, job->tenant);
    int r = make_folder(folder, sink->folder);
    if (r != 0)
        return r;
    return jsonl_append(folder, job->sink, sink->rotate_bytes, job->key, bytes_view(job->body, job->size));
}

static struct job *next_job(struct sink_file *sink)
{
    pthread_mutex_lock(&sink->lock);
    while (sink->first == NULL && !sink->stopping)
        pthread_cond_wait(&sink->changed, &sink->lock);
    struct job *job = sink->stopping ? NULL : sink->first;
    if (job != NULL) {
        sink->first = job->next;
        if (sink->first == NULL)
            sink->last = &sink->first;
        sink->waiting--;
    }
    pthread_mutex_unlock(&sink->lock);
    return job;
}

static void *work(void *context)
{
    struct sink_file *sink = context;

    for (struct job *job = next_job(sink); job != NULL; job = next_job(sink)) {
        job->outcome = write_job(sink, job);
        /* The loop's hand-over queue is full only while the loop is far behind: wait for it, the outcome must arrive.
         */
        while (loop_post(sink->loop, tell, job) != 0)
            usleep(RETRY_POST_US);
    }
    return NULL;
}

static int check(void *context, const char *config, struct why *why)
{
    (void)context;
    json_error_t error;
    json_t *root = json_loads(config, JSON_REJECT_DUPLICATES, &error);
    const char *key = json_is_object(root) ? json_object_iter_key(json_object_iter(root)) : NULL;
    int r = 0;

    if (!json_is_object(root))
        r = refuse(why, REFUSED_INVALID, "config", "leave it out, or give {}",
                   "the configuration of a file sink is no JSON object");
    else if (key != NULL)
        r = refuse(why, REFUSED_INVALID, "config",
                   "file sinks take no options: the file is <export folder>/<tenant>/<sink>.jsonl",
                   "a file sink has no option %.40s", key);
    json_decref(root);
    return r;
}

static int deliver(void *context, const struct delivery *delivery)
{
    struct sink_file *sink = context;
    struct job *job = malloc(sizeof(*job) + delivery->body.size);

    if (job == NULL)
        return -ENOMEM;
    *job = (struct job){ .core = sink->core, .id = delivery->id, .size = delivery->body.size };
    text_copy(job->tenant, sizeof(job->tenant), delivery->tenant);
    text_copy(job->sink, sizeof(job->sink), delivery->sink);
    text_copy(job->key, sizeof(job->key), delivery->idempotency);
    if (delivery->body.size > 0)
        memcpy(job->body, delivery->body.data, delivery->body.size);

    pthread_mutex_lock(&sink->lock);
    bool full = sink->waiting >= QUEUE_MAX;
    if (!full) {
        *sink->last = job;
        sink->last = &job->next;
        sink->waiting++;
        pthread_cond_signal(&sink->changed);
    }
    pthread_mutex_unlock(&sink->lock);
    if (full)
        free(job);
    return full ? REFUSED_BUSY : 0;
}

int sink_file_new(struct core *core, struct loop *loop, const struct sink_file_settings *settings,
                  struct sink_file **out, struct why *why)
{
    struct sink_file *sink = calloc(1, sizeof(*sink));

    if (sink == NULL)
        return -ENOMEM;
    *sink = (struct sink_file){ .core = core, .loop = loop, .rotate_bytes = settings->rotate_bytes };
    sink->last = &sink->first;
    int r = text_copy(sink->folder, sizeof(sink->folder), settings->folder);
    if (r == 0)
        r = make_folder(sink->folder, NULL);
    if (r != 0) {
        free(sink);
        return refuse(why, REFUSED_INVALID, "export.folder", "give a folder that the daemon may write to",
                      "the export folder %.200s cannot be made: %s", settings->folder, strerror(-r));
    }
    pthread_mutex_init(&sink->lock, NULL);
    pthread_cond_init(&sink->changed, NULL);
    r = -pthread_create(&sink->thread, NULL, work, sink);
    if (r != 0) {
        free(sink);
        return r;
    }
    *out = sink;
    return 0;
}

void sink_file_free(struct sink_file *sink)
{
    if (sink == NULL)
        return;
    pthread_mutex_lock(&sink->lock);
    sink->stopping = true;
    pthread_cond_signal(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
    pthread_join(sink->thread, NULL);
    for (struct job *job = sink->first; job != NULL;) {
        struct job *next = job->next;
        free(job);
        job = next;
    }
    pthread_cond_destroy(&sink->changed);
    pthread_mutex_destroy(&sink->lock);
    free(sink);
}

void sink_file_kind(struct sink_file *sink, struct sink_kind *out)
{
    *out = (struct sink_kind){ .name = "file", .check = check, .deliver = deliver, .context = sink };
}
