/* tokens.c - /v1/tokens: a token's text is in the answer to its making, and nowhere else. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"

FORM(token_form, struct token_order, { "name", FIELD_TEXT, true, offsetof(struct token_order, name), 1, NAME_SIZE - 1 },
     { "role", FIELD_TEXT, true, offsetof(struct token_order, role), 1, 31 },
     { "tenant", FIELD_TEXT, false, offsetof(struct token_order, tenant), 1, NAME_SIZE - 1 },
     { "expires_at", FIELD_TIME, false, offsetof(struct token_order, expires_ms), 0, 0 });

static json_t *token_json(const struct token *token)
{
    return json_pack("{s:I,s:o,s:s,s:o,s:o,s:o,s:o}", "id", (json_int_t)token->id, "name", json_words(token->name),
                     "role", role_name(token->role), "tenant", json_words_or_null(token->tenant), "created_at",
                     json_time(token->created_ms), "expires_at", json_time(token->expires_ms), "revoked_at",
                     json_time(token->revoked_ms));
}

static int add_token(void *context, const struct token *token)
{
    return listing_add(context, token->id, token_json(token));
}

int tokens_list(struct request *request, struct why *why)
{
    struct listing listing;

    int r = listing_begin(&listing, request, why);
    if (r == 0)
        r = token_list(request->core, &request->caller, listing.page, add_token, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

int tokens_create(struct request *request, struct why *why)
{
    char text[TOKEN_TEXT_SIZE];
    struct token token;

    int r = token_create(request->core, &request->caller, request->body.order, &token, text, why);
    if (r != 0)
        return r;
    json_t *json = token_json(&token);
    if (json == NULL || json_object_set_new(json, "token", json_string(text)) != 0) {
        json_decref(json);
        json = NULL;
    }
    explicit_bzero(text, sizeof(text));
    return reply_json(&request->reply, 201, json);
}

int tokens_revoke(struct request *request, struct why *why)
{
    request->reply.status = 204;
    return token_revoke(request->core, &request->caller, request->path[0], why);
}
