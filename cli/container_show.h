/* container_show.h - what stands in a container, for people: header, sections, helpers, disassembly, and the verdict.
 */
#ifndef TINYPART_CLI_CONTAINER_SHOW_H
#define TINYPART_CLI_CONTAINER_SHOW_H

#include <jansson.h>

#include "device_proto/container_prove.h"

/* Judges for the most generous device (any known helper, working data sections, either negation). The verdict is
 * -ENOMEM where there is no room. */
int container_show_judge(struct bytes file, struct container_problem *problem, struct container_facts *facts);

/* Adds the container's members to an object: bpf files, WebAssembly modules and scripts, told apart by type ("bpf",
 * "wasm", "python", "shell"; "native" adds nothing). 0, or a negative fault. */
int container_show(json_t *object, const char *type, struct bytes file);

/* The type of a bare file by its first bytes: "bpf", "wasm", or NULL. */
const char *container_show_type(struct bytes file);

#endif
