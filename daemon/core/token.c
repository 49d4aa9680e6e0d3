/* token.c - bearer tokens: 256 random bits that speak for one role. Only their SHA-256 is kept, so that who reads the
 * database cannot act as anybody; a plain hash suffices, since nobody guesses 256 bits. */
#include <stdio.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"

#define TOKEN_PREFIX "tp_"

static int token_fill(struct core *core, const struct caller *caller, const struct token_order *order,
                      struct token *token, struct why *why)
{
    struct tenant tenant;

    if (order->name == NULL || !name_is_valid(order->name))
        return refuse(why, REFUSED_INVALID, "name", "use 1 to 63 of a-z 0-9 . - _", "a token needs a name");
    text_copy(token->name, sizeof(token->name), order->name);
    if (order->role == NULL || role_of_name(order->role, &token->role) != 0)
        return refuse(why, REFUSED_INVALID, "role", "owner, maintainer, privacy-officer, auditor or tenant",
                      "there is no such role");
    token->created_ms = clock_now_ms(core->clock);
    if (order->expires_ms != 0 && order->expires_ms <= token->created_ms)
        return refuse(why, REFUSED_INVALID, "expires", NULL, "the token would have expired already");
    token->expires_ms = order->expires_ms;
    bool named = order->tenant != NULL && order->tenant[0] != '\0';
    if (token->role != ROLE_TENANT && !named)
        return 0;
    if (token->role != ROLE_TENANT)
        return refuse(why, REFUSED_INVALID, "tenant", NULL, "only the role tenant is bound to a tenant");
    int r = access_tenant(core, caller, order->tenant, &tenant, why);
    if (r != 0)
        return r;
    token->tenant_id = tenant.id;
    return text_copy(token->tenant, sizeof(token->tenant), tenant.name);
}

static int token_save(struct core *core, const struct caller *caller, struct token *token,
                      const uint8_t hash[DIGEST_SIZE], struct why *why)
{
    struct detail detail = DETAIL;
    char subject[96];

    int r = core->store->token_insert(core->store, token, hash);
    if (r == REFUSED_EXISTS)
        return refuse(why, REFUSED_EXISTS, "name", "choose another name", "there is a token %s already", token->name);
    if (r != 0)
        return r;
    snprintf(subject, sizeof(subject), "token:%s", token->name);
    detail_text(&detail, "role", role_name(token->role));
    if (token->tenant_id != 0)
        detail_text(&detail, "tenant", token->tenant);
    detail_number(&detail, "expires_ms", token->expires_ms);
    return audit_append(core, caller, "token.create", subject, token->tenant_id, detail_end(&detail));
}

int token_create(struct core *core, const struct caller *caller, const struct token_order *order, struct token *out,
                 char out_text[TOKEN_TEXT_SIZE], struct why *why)
{
    struct token token = { 0 };
    uint8_t hash[DIGEST_SIZE];
    char text[TOKEN_TEXT_SIZE] = TOKEN_PREFIX;

    int r = access_check(caller, CAN_MANAGE_TOKENS, why);
    if (r != 0)
        return r;
    r = token_fill(core, caller, order, &token, why);
    if (r != 0)
        return r;
    r = unguessable_text(core, 32, text + strlen(TOKEN_PREFIX));
    if (r != 0)
        return r;
    r = core->crypto->sha256(core->crypto->context, bytes_of_text(text), hash);
    if (r != 0)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, token_save(core, caller, &token, hash, why));
    if (r != 0)
        return r;
    *out = token;
    memcpy(out_text, text, TOKEN_TEXT_SIZE);
    return 0;
}

int token_list(struct core *core, const struct caller *caller, struct page page,
               int (*each)(void *context, const struct token *token), void *context, struct why *why)
{
    int r = access_check(caller, CAN_MANAGE_TOKENS, why);
    if (r != 0)
        return r;
    return core->store->token_each(core->store, page, each, context);
}

int token_revoke(struct core *core, const struct caller *caller, const char *name, struct why *why)
{
    char subject[96];

    int r = access_check(caller, CAN_MANAGE_TOKENS, why);
    if (r != 0)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = core->store->token_revoke(core->store, name, clock_now_ms(core->clock));
    if (r == REFUSED_UNKNOWN || r == REFUSED_CONFLICT)
        r = refuse(why, REFUSED_UNKNOWN, "name", NULL, "there is no live token %.64s", name);
    snprintf(subject, sizeof(subject), "token:%.64s", name);
    if (r == 0)
        r = audit_append(core, caller, "token.revoke", subject, 0, "{}");
    return transaction_end(core, r);
}

int token_caller(struct core *core, const char *text, struct caller *out, struct why *why)
{
    uint8_t hash[DIGEST_SIZE];
    struct token token;

    int r = core->crypto->sha256(core->crypto->context, bytes_of_text(text), hash);
    if (r != 0)
        return r;
    r = core->store->token_by_hash(core->store, hash, &token);
    if (r < 0)
        return r;
    /* One answer for all: who holds an old token learns nothing from it. */
    if (r > 0 || token.revoked_ms != 0 || (token.expires_ms != 0 && token.expires_ms <= clock_now_ms(core->clock)))
        return refuse(why, REFUSED_FORBIDDEN, "token", "ask the owner for a new one",
                      "the token is unknown, expired or revoked");
    *out = (struct caller){ .role = token.role, .tenant_id = token.tenant_id };
    return text_copy(out->name, sizeof(out->name), token.name);
}
