/* json.h - values of the registry as JSON. Every function gives a new reference, or NULL without memory; json_pack's
 * "o" takes either. */
#ifndef TINYPART_API_JSON_H
#define TINYPART_API_JSON_H

#include <jansson.h>

#include "daemon/api/request.h"
#include "daemon/base/loss.h"
#include "daemon/core/limits.h"

/* Text that may come from devices: what is no UTF-8 becomes '?'. */
json_t *json_words(const char *text);
json_t *json_words_or_null(const char *text); /* "" is null */
json_t *json_time(int64_t unix_ms);           /* 0 is null */
json_t *json_epsilon(int64_t micro_epsilon);  /* "0.25" */
json_t *json_cap(int64_t micro_epsilon);      /* the same; 0 is null */
json_t *json_loss(const struct loss *loss);
json_t *json_loss_caps(const struct loss_caps *caps); /* rho not bounded is null */
struct release_plan;
json_t *release_plan_json(const struct release_plan *plan); /* releases.c */
json_t *json_hex(const void *data, size_t size);
json_t *json_list(const char *commas);                                         /* "a,b" is ["a","b"] */
json_t *json_key(const struct request *request, const struct public_key *key); /* {type,pem,hex}; type 0 is null */
json_t *json_pem(const struct request *request, const struct public_key *key);
const char *key_type_name(enum key_type type);

/* Appends the text of json, which it takes over (NULL: -ENOMEM). */
int json_append(struct buffer *out, json_t *json);
/* The same, with one more member at the end whose value stands there byte for byte. */
int json_append_with(struct buffer *out, json_t *json, const char *member, struct bytes raw);

/* Fills the reply with that status and json, which it takes over. 0 or a fault. */
int reply_json(struct reply *reply, unsigned status, json_t *json);
/* Sets the Location header; arguments are percent-encoded by location_part. */
void reply_location(struct reply *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct location_text {
    char text[3 * NAME_SIZE];
};
struct location_text location_part(const char *name);

/* A page of a list as it grows. */
struct listing {
    struct request *request;
    struct page page;
    unsigned count;
    int64_t last;
};
/* Reads ?after= and ?limit= and opens the reply. */
int listing_begin(struct listing *listing, struct request *request, struct why *why);
/* For short lists that come whole. */
void listing_begin_whole(struct listing *listing, struct request *request);
/* Adds an item, which it takes over; id is what `next` would be behind it. */
int listing_add(struct listing *listing, int64_t id, json_t *item);
int listing_add_with(struct listing *listing, int64_t id, json_t *item, const char *member, struct bytes raw);
int listing_end(struct listing *listing);

#endif
