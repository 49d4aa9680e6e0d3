/* problem.h - every error leaves as problem+json (RFC 9457); refusals keep their own words. */
#ifndef TINYPART_API_PROBLEM_H
#define TINYPART_API_PROBLEM_H

#include "daemon/api/request.h"

/* Refusals that only HTTP knows, behind those of the rules. */
enum problem {
    PROBLEM_UNAUTHENTICATED = 100,
    PROBLEM_METHOD,
    PROBLEM_NOT_ACCEPTABLE,
    PROBLEM_MEDIA_TYPE,
    PROBLEM_TIMEOUT,
    PROBLEM_FAULT,
};

/* The problem document of a refusal (enum refusal or enum problem). NULL: no memory. */
json_t *problem_json(int kind, const struct why *why);
unsigned problem_status(int kind);

/* Makes the reply the answer to a handler's failure: a refusal with its words, or a fault without any. */
void problem_reply(struct reply *reply, int result, const struct why *why);

#endif
