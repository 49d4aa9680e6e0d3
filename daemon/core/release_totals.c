/* release_totals.c - what the devices asked said, clamped and bounded.
 *
 * Of raw readings; what was noised on board is added by local_totals(). Sums are of integers within bounds that cannot
 * overflow, so they are the same in whatever order the readings come. */
#include <errno.h>
#include <string.h>

#include "daemon/core/release_local.h"
#include "daemon/core/release_running.h"

int64_t asked_centre(const struct asked *asked)
{
    return asked->policy.lower + (asked->policy.upper - asked->policy.lower) / 2;
}

int64_t asked_radius(const struct asked *asked)
{
    return asked->policy.upper - asked_centre(asked); /* never the smaller half */
}

int64_t asked_leaf_width(const struct asked *asked)
{
    return (asked->policy.upper - asked->policy.lower) / (1 << TREE_LEVELS) + 1;
}

static int add(int64_t *sum, int64_t more)
{
    return __builtin_add_overflow(*sum, more, sum) ? -EOVERFLOW : 0; /* policies make it impossible */
}

static int add_square(void *context, const struct reading_value *reading)
{
    struct asked *asked = context;
    const int64_t value = reading->value - asked_centre(asked);

    int r = add(&asked->parts[0].value, value * value);
    if (r == 0)
        r = add(&asked->parts[1].value, value);
    return r == 0 ? add(&asked->parts[2].value, 1) : r;
}

/* Bins are without their upper ends, but for the last; what is beyond all edges is in none. */
static int add_to_bin(void *context, const struct reading_value *reading)
{
    struct asked *asked = context;
    const int64_t *edges = asked->parameters.values;

    for (size_t i = 0; i < asked->cell_count; i++)
        if (reading->value >= edges[i] &&
            (reading->value < edges[i + 1] || (i + 1 == asked->cell_count && reading->value == edges[i + 1])))
            asked->cells[i]++;
    return 0;
}

static int add_to_tree(void *context, const struct reading_value *reading)
{
    struct asked *asked = context;
    const size_t leaf = (size_t)((reading->value - asked->policy.lower) / asked_leaf_width(asked));

    for (unsigned level = 1; level <= TREE_LEVELS; level++)
        asked->cells[(1u << level) - 2 + (leaf >> (TREE_LEVELS - level))]++;
    return 0;
}

static int add_to_category(void *context, const struct reading_value *reading)
{
    struct asked *asked = context;

    for (size_t i = 0; i < asked->cell_count; i++)
        if (reading->value == asked->parameters.values[i])
            asked->cells[i]++;
    return 0;
}

static int add_aggregate(struct core *core, struct asked *asked, const struct aggregate_query *query)
{
    struct aggregate part;

    int r = core->store->reading_aggregate(core->store, query, &part);
    for (size_t i = 0; r == 0 && i < asked->part_count; i++)
        r = add(&asked->parts[i].value, strcmp(asked->parts[i].quantity, "sum") == 0 ? part.sum : part.count);
    return r;
}

static int add_device_epoch(struct core *core, struct asked *asked, const struct aggregate_query *query)
{
    switch (asked->query) {
    case QUERY_COUNT:
        if (asked->policy.dimension > 0)
            return vector_count(core, asked, query);
        return add_aggregate(core, asked, query);
    case QUERY_SUM:
    case QUERY_MEAN:
        return add_aggregate(core, asked, query);
    case QUERY_VECTOR_SUM:
        return vector_add(core, asked, query);
    case QUERY_VARIANCE:
        return core->store->reading_values(core->store, query, add_square, asked);
    case QUERY_HISTOGRAM:
        return core->store->reading_values(core->store, query, add_to_bin, asked);
    case QUERY_QUANTILES:
        return core->store->reading_values(core->store, query, add_to_tree, asked);
    case QUERY_TOP:
        if (asked_by_label(asked))
            return label_add(core, asked, query);
        return core->store->reading_values(core->store, query, add_to_category, asked);
    case QUERY_DEVICE_COUNT:
    case QUERY_DEVICE_SUM:
        break; /* shared_add() */
    case QUERY_RUNNING_COUNT:
        break; /* running_add() */
    }
    return -EINVAL;
}

int asked_totals(struct core *core, struct asked *asked)
{
    struct aggregate_query query = {
        .tenant_id = asked->tenant.id,
        .sensor = asked->policy.sensor,
        .from_ms = asked->from_ms,
        .to_ms = asked->to_ms,
        .contributions = asked->policy.contributions,
        .lower = asked->policy.lower,
        .upper = asked->policy.upper,
        .scale = asked->policy.scale,
    };

    if (query_is_running(asked->query))
        return running_add(core, asked, &query);
    if (query_is_shared(asked->query))
        return shared_add(core, asked, &query);
    for (int64_t i = 0; !asked_is_local(asked) && i < asked->device_count; i++) {
        for (query.epoch = asked->first_epoch; query.epoch <= asked->last_epoch; query.epoch++) {
            query.device_id = asked->devices[i];
            int r = add_device_epoch(core, asked, &query);
            if (r != 0)
                return r;
        }
    }
    return local_totals(core, asked);
}
