/* cells.h - what 64 devices have lost, as one blob, and SQL functions that read and raise it.
 * The layout is in schema/sql/sqlite/0006_losses.sql. A charge over a cohort is one statement: its function raises
 * every device of a row at once and gives NULL where one has no room, which the column refuses, and so the whole
 * statement. */
#ifndef TINYPART_STORE_SQLITE_CELLS_H
#define TINYPART_STORE_SQLITE_CELLS_H

#include <sqlite3.h>

#include "daemon/core/ports/store.h"

#define CELLS_SIZE    1560
#define CELLS_DEVICES 64
#define CELLS_JOB     "tinypart_cells_job" /* type of the pointer that is bound */

/* What a statement does with the cells it meets: the argument ?1 of its ledger_raise(). */
struct cells_job {
    const struct cohort *cohort;
    struct loss loss;
    enum {
        CELLS_UNDER_CAPS,  /* other: unused */
        CELLS_UNDER_OTHER, /* other: cells of caps, where 0 is none */
        CELLS_UNCAPPED,
        CELLS_DRAWN /* other: what the tenant took of each device, this charge included; what its reserve does not
                       cover is drawn here, under caps */
    } rule;
    struct loss_caps caps;
    struct loss_caps reserve;
    uint64_t
        *no_room; /* NULL: the first device without room refuses. Else nothing is raised, and a bit a device is set */
    struct charge_refused refused;
};

/* Raises what the job's cohort loses of a chunk, in place; other: what the rule looks at, or NULL. Whether all of its
 * devices have room: where one has not, cells is of no use any more, and job->refused says which. */
bool cells_raise(struct cells_job *job, uint32_t chunk, uint8_t *cells, const uint8_t *other);
/* Registers ledger_*() on a connection; migrations use them too. */
int cells_register(sqlite3 *db);

struct loss cells_get(const uint8_t *cells, unsigned slot);
/* Adds without any cap; for counting again. */
void cells_add(uint8_t *cells, uint64_t devices, const struct loss *loss);

#endif
