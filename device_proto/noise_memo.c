/* noise_memo.c - the table of answers given once and for all: hashed by sensor and value, next free place on. */
#include "device_proto/noise_response.h"

int64_t noise_memo_round(int64_t value, uint32_t step, uint32_t offset)
{
    int64_t within, shift = (int64_t)(offset % step);

    if (value > INT64_MAX - shift) /* the last, cut interval */
        value = INT64_MAX - shift;
    value += shift;
    within = value % (int64_t)step;
    if (within < 0)
        within += step;
    return value < INT64_MIN + within + shift ? INT64_MIN : value - within - shift;
}

static size_t place_of(const struct noise_memo *memo, uint32_t sensor, int64_t rounded)
{
    uint64_t hash = ((uint64_t)rounded ^ (uint64_t)sensor << 32) * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t)((hash ^ hash >> 32) % memo->capacity);
}

/* The entry, or the free one where it would be, or NULL in a full table. */
static struct noise_memo_entry *look(const struct noise_memo *memo, uint32_t sensor, int64_t rounded)
{
    size_t place;

    if (memo->capacity == 0)
        return NULL;
    place = place_of(memo, sensor, rounded);
    for (size_t i = 0; i < memo->capacity; i++) {
        struct noise_memo_entry *entry = &memo->entries[(place + i) % memo->capacity];
        if (entry->used == 0 || (entry->sensor == sensor && entry->value == rounded))
            return entry;
    }
    return NULL;
}

bool noise_memo_find(const struct noise_memo *memo, uint32_t sensor, int64_t rounded, int64_t *out_answer)
{
    const struct noise_memo_entry *entry = look(memo, sensor, rounded);

    if (entry == NULL || entry->used == 0)
        return false;
    *out_answer = entry->answer;
    return true;
}

int noise_memo_keep(const struct noise_memo *memo, uint32_t sensor, int64_t rounded, int64_t answer)
{
    struct noise_memo_entry *entry = look(memo, sensor, rounded);

    if (entry == NULL)
        return NOISE_FULL;
    if (entry->used != 0)
        return NOISE_BAD_PARAMETER;
    *entry = (struct noise_memo_entry){ .value = rounded, .answer = answer, .sensor = sensor, .used = 1 };
    return 0;
}
