#include "daemon/api/problem.h"

#include "daemon/api/json.h"

static const struct {
    int kind;
    unsigned status;
    const char *name;
    const char *title;
} problems[] = {
    { REFUSED_INVALID, 400, "invalid", "The request is malformed or out of range" },
    { REFUSED_UNKNOWN, 404, "unknown", "No such thing" },
    { REFUSED_EXISTS, 409, "exists", "There is one already" },
    { REFUSED_FORBIDDEN, 403, "forbidden", "Not allowed" },
    { REFUSED_CONFLICT, 409, "conflict", "The present state does not allow it" },
    /* Neither 409 (nothing to resolve) nor 429 (clients try that again by themselves, in vain before the epoch ends).
     */
    { REFUSED_EXHAUSTED, 422, "exhausted", "A filter, budget or quota is spent" },
    { REFUSED_TOO_LARGE, 413, "too-large", "Over a stated bound" },
    { REFUSED_BUSY, 503, "busy", "Busy; try again" },
    { PROBLEM_UNAUTHENTICATED, 401, "unauthenticated", "Who are you?" },
    { PROBLEM_METHOD, 405, "method-not-allowed", "This route has no such method" },
    { PROBLEM_NOT_ACCEPTABLE, 406, "not-acceptable", "This route answers in JSON" },
    { PROBLEM_MEDIA_TYPE, 415, "unsupported-media-type", "The body is of a type that this route does not take" },
    { PROBLEM_TIMEOUT, 504, "timeout", "The device did not answer in time" },
    { PROBLEM_FAULT, 500, "fault", "The daemon could not do it" },
};

static size_t find(int kind)
{
    size_t i = 0;

    while (i < sizeof(problems) / sizeof(problems[0]) - 1 && problems[i].kind != kind)
        i++;
    return i;
}

unsigned problem_status(int kind)
{
    return problems[find(kind)].status;
}

json_t *problem_json(int kind, const struct why *why)
{
    size_t i = find(kind);
    json_t *json = json_pack("{s:s+,s:s,s:i,s:o}", "type", "urn:tinypart:problem:", problems[i].name, "title",
                             problems[i].title, "status", (int)problems[i].status, "detail",
                             json_words(why->what[0] != '\0' ? why->what : problems[i].title));

    if (json == NULL)
        return NULL;
    /* Left out where empty; a failure to add one costs words, not the answer. */
    if (why->where[0] != '\0')
        json_object_set_new(json, "where", json_words(why->where));
    if (why->todo[0] != '\0')
        json_object_set_new(json, "todo", json_words(why->todo));
    return json;
}

void problem_reply(struct reply *reply, int result, const struct why *why)
{
    static const struct why fault = { .what = "the daemon met a fault; its log says which",
                                      .todo = "look into the daemon's log (journalctl -u tinypartd)" };
    int kind = result > 0 ? result : PROBLEM_FAULT;

    buffer_deinit(&reply->body);
    buffer_init(&reply->body, REPLY_SIZE_MAX);
    reply->fixed = (struct bytes){ 0 };
    reply->location[0] = '\0';
    reply->status = problem_status(kind);
    reply->type = "application/problem+json";
    reply->challenge = kind == PROBLEM_UNAUTHENTICATED;
    reply->retry_after_s = kind == REFUSED_BUSY ? 1 : 0;
    json_t *json = problem_json(kind, result > 0 ? why : &fault);
    if (json == NULL || json_append(&reply->body, json) != 0)
        reply->type = NULL; /* the status alone still tells */
}
