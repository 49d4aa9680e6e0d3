/* cmd_image_build.c - from a compiler's object to a container (offline). */
#include "cli/cmd_image_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"
#include "cli/container_show.h"
#include "daemon/base/refusal.h"
#include "device_proto/container_build.h"

enum { OBJECT_MAX = 1 << 20 };

static int build_refused(const char *file, int reason, const struct container_build_problem *problem)
{
    char where[96] = "";
    struct why why;

    if (problem->at_instruction)
        snprintf(where, sizeof(where), " (instruction %u of the object)", (unsigned)problem->instruction);
    return common_outcome(refuse(&why, REFUSED_INVALID, file, container_build_advice(reason),
                                 "no container can be made: %s%s%.*s%s", container_build_text(reason),
                                 problem->symbol.size > 0 ? ": " : "",
                                 (int)(problem->symbol.size < 64 ? problem->symbol.size : 64),
                                 problem->symbol.size > 0 ? (const char *)problem->symbol.data : "", where),
                          &why);
}

/* Says what the verifier thinks of it: nothing that devices refuse is written. */
static int judge_and_write(struct call *call, const char *file, struct bytes container)
{
    struct container_problem problem;
    struct container_facts facts;
    char verdict[160], at[40] = "";
    struct why why;
    int r = container_show_judge(container, &problem, &facts);

    if (r < 0)
        return common_outcome(r, &why);
    if (r == CONTAINER_REFUSED && problem.at_instruction)
        snprintf(at, sizeof(at), "instruction %u: ", (unsigned)problem.instruction);
    if (r == CONTAINER_REFUSED)
        return common_outcome(refuse(&why, REFUSED_INVALID, call->arguments[0], NULL,
                                     "devices would refuse this container: %s%s", at,
                                     container_reason_text((int)problem.reason)),
                              &why);
    if (r == CONTAINER_PROVEN)
        snprintf(verdict, sizeof(verdict), "proven: at most %u branches a run", (unsigned)facts.branches_proven);
    else
        snprintf(verdict, sizeof(verdict), "unproven: instruction %u: %s (tinypartctl image inspect shows it)",
                 (unsigned)problem.instruction, container_reason_text((int)problem.reason));
    r = common_write(file, container);
    if (r == EXIT_DONE)
        call->output->done(call->output, "%s: %zu bytes, %s", file, container.size, verdict);
    return r;
}

/* FILE.o gives FILE.rbpf. */
static char *output_name(const char *object)
{
    size_t size = strlen(object);
    char *name = malloc(size + sizeof(".rbpf"));

    if (name == NULL)
        return NULL;
    memcpy(name, object, size + 1);
    if (size > 2 && strcmp(object + size - 2, ".o") == 0)
        size -= 2;
    memcpy(name + size, ".rbpf", sizeof(".rbpf"));
    return name;
}

int image_build(struct call *call)
{
    char *named = call_option(call, "output") == NULL ? output_name(call->arguments[0]) : NULL;
    const char *file = named != NULL ? named : call_option(call, "output");
    uint8_t *out = malloc(CONTAINER_BUILD_MAX);
    struct container_build_problem problem = { .at_instruction = false };
    uint8_t *object = NULL;
    size_t size = 0, out_size = 0;
    int r = EXIT_FAULT;

    if (out != NULL && file != NULL)
        r = common_read(call->arguments[0], OBJECT_MAX, &object, &size);
    if (r == EXIT_DONE) {
        int reason = container_build(bytes_view(object, size), out, CONTAINER_BUILD_MAX, &out_size, &problem);
        r = reason != 0 ? build_refused(call->arguments[0], reason, &problem)
                        : judge_and_write(call, file, bytes_view(out, out_size));
    }
    free(object);
    free(out);
    free(named);
    return r;
}
