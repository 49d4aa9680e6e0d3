/* A typed array that is taken has exactly the coordinates that its bytes say, is written back to the same ones, and is
 * clipped to any norm exactly. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device_proto/vector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int holds)
{
    if (!holds)
        abort();
}

static unsigned __int128 squares_of(const int32_t *coordinates, size_t dimension)
{
    unsigned __int128 sum = 0;

    for (size_t i = 0; i < dimension; i++)
        sum += (uint64_t)((int64_t)coordinates[i] * coordinates[i]);
    return sum;
}

static void expect_clipped(int32_t *coordinates, size_t dimension, uint32_t norm)
{
    const unsigned __int128 most = (unsigned __int128)norm * norm;
    const int is_over = squares_of(coordinates, dimension) > most;

    expect(vector_clip(coordinates, dimension, norm) == is_over);
    expect(squares_of(coordinates, dimension) <= most);
    expect(!vector_clip(coordinates, dimension, norm));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int32_t coordinates[VECTOR_DIMENSION_MAX];
    static uint8_t written[VECTOR_SIZE_MAX];
    struct vector_view view, again;
    uint32_t norm;
    size_t written_size;

    if (size < sizeof(norm))
        return 0;
    memcpy(&norm, data, sizeof(norm));
    if (vector_parse(bytes_view(data + sizeof(norm), size - sizeof(norm)), &view) != 0)
        return 0;
    expect(view.dimension * view.width == view.elements.size && view.dimension <= VECTOR_DIMENSION_MAX);
    for (size_t i = 0; i < view.dimension; i++)
        coordinates[i] = vector_at(&view, i);
    expect(vector_write(coordinates, view.dimension, written, sizeof(written), &written_size) == 0);
    expect(vector_parse(bytes_view(written, written_size), &again) == 0 && again.dimension == view.dimension);
    for (size_t i = 0; i < view.dimension; i++)
        expect(vector_at(&again, i) == coordinates[i]);
    expect_clipped(coordinates, view.dimension, norm % INT32_MAX + 1u);
    return 0;
}
