/* explanation_local.c - what an answer over reports noised on board guarantees, in words. Its statement has the
 * numbers, and is the only place that keeps them: it is the daemon's own text, without quotes, and the answer's last
 * member. */
#include <stdio.h>
#include <string.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"
#include "daemon/core/release_local.h"
#include "daemon/core/texts.h"

static void say_statement(struct buffer *out, const char *answer)
{
    static const char key[] = "\"statement\":\"";
    const char *at = NULL;

    for (const char *next = strstr(answer, key); next != NULL; next = strstr(next + 1, key))
        at = next;
    if (at == NULL)
        return;
    at += sizeof(key) - 1;
    buffer_append(out, at, strcspn(at, "\""));
    buffer_text(out, " ");
}

void local_explain(struct buffer *out, const struct release *release, const struct policy *policy)
{
    char from[32], to[32], kept[DURATION_SIZE];

    time_format(release->from_ms, from);
    time_format(release->to_ms, to);
    duration_words(policy->retention_ms, kept);
    buffer_format(out,
                  "Release %lld told tenant %s the %s of sensor %s from %s until %s, estimated from what those of %lld "
                  "device%s (",
                  (long long)release->id, release->tenant, release->query, release->sensor, from, to,
                  (long long)release->cohort, release->cohort == 1 ? "" : "s");
    buffer_text(out, release->selector[0] != '\0' ? release->selector : "all that its grants cover");
    buffer_text(out, ") reported that noise on board and are trusted to. ");
    say_statement(out, release->answer);
    buffer_format(
        out,
        "Nobody needs to be trusted with what those devices measured, this host neither: readings left them "
        "noised, and are deleted after %s even so. What it does not protect: a device over many epochs, since "
        "losses add up, which its lifetime odometer counts. Nor which devices there are and were asked, nor "
        "how many reports were taken of them, which also hangs on whether their filters and the budgets of "
        "those who get them had room. And a device that does not noise as it says is found by statistics, "
        "with time: what it sent before is in earlier answers.",
        kept);
}
