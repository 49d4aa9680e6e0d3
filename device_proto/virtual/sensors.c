/* sensors.c - traces and the host's own readings, as exact decimals. */
#include "device_proto/virtual/sensors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/base/text.h"

enum { LINE_SIZE = 4096, UNIT_NONE = 1, UNIT_CELSIUS = 2, UNIT_LUX = 5 };

/* What a sensor's name says about its class in RIOT's registry. */
static const struct {
    const char *name;
    uint8_t type, unit;
} classes[] = {
    { "temperature", CONTAINER_SENSOR_TEMPERATURE, UNIT_CELSIUS },
    { "humidity", CONTAINER_SENSOR_HUMIDITY, UNIT_NONE },
    { "light", CONTAINER_SENSOR_LIGHT, UNIT_LUX },
    { "pressure", CONTAINER_SENSOR_PRESSURE, UNIT_NONE },
    { "count", CONTAINER_SENSOR_COUNT, UNIT_NONE },
};

/* ---- this host ---- */

static int first_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return 1;
    char *got = fgets(line, size, file);
    fclose(file);
    return got == NULL ? 1 : 0;
}

static int thermal(struct decimal *out)
{
    char path[64], line[32];
    int64_t millidegrees;

    for (int zone = 0; zone < 8; zone++) {
        snprintf(path, sizeof(path), "/sys/class/thermal/thermal_zone%d/temp", zone);
        if (first_line(path, line, sizeof(line)) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        if (integer_parse(line, -273150, 1000000, &millidegrees) == 0)
            return decimal_make(millidegrees, -3, out) == 0 ? 0 : 1;
    }
    return 1;
}

static int first_word(const char *path, struct decimal *out)
{
    char line[128];

    if (first_line(path, line, sizeof(line)) != 0)
        return 1;
    return decimal_parse(bytes_view(line, strcspn(line, " \n")), out) == 0 ? 0 : 1;
}

static int loadavg(struct decimal *out)
{
    return first_word("/proc/loadavg", out);
}

static int uptime(struct decimal *out)
{
    return first_word("/proc/uptime", out);
}

/* Memory in use, in percent with two decimals. */
static int meminfo(struct decimal *out)
{
    char line[128];
    long long total = 0, available = -1;
    FILE *file = fopen("/proc/meminfo", "re");

    if (file == NULL)
        return 1;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "MemTotal:", 9) == 0)
            total = strtoll(line + 9, NULL, 10);
        else if (strncmp(line, "MemAvailable:", 13) == 0)
            available = strtoll(line + 13, NULL, 10);
    }
    fclose(file);
    if (total <= 0 || available < 0)
        return 1;
    return decimal_make((total - available) * 10000 / total, -2, out) == 0 ? 0 : 1;
}

static const struct {
    const char *name;
    int (*read)(struct decimal *out);
} hosts[] = { { "thermal", thermal }, { "loadavg", loadavg }, { "meminfo", meminfo }, { "uptime", uptime } };

/* ---- traces ---- */

/* Field number column of a line (from 0); the last one for SIZE_MAX. Quotes around a field are taken off. */
static struct bytes field_of(char *line, size_t column, size_t *out_column)
{
    char *rest = line, *field, *found = NULL;
    size_t i = 0;

    while ((field = strsep(&rest, ",;\t")) != NULL) {
        if (i == column || column == SIZE_MAX) {
            found = field;
            *out_column = i;
        }
        i++;
    }
    if (found == NULL)
        return bytes_view(NULL, 0);
    size_t start = strspn(found, " \"");
    size_t size = strcspn(found + start, "\" \r\n");
    return bytes_view(found + start, size);
}

static int find_column(char *header, const char *wanted, size_t *out)
{
    char *rest = header, *field;

    for (size_t i = 0; (field = strsep(&rest, ",;\t")) != NULL; i++) {
        size_t start = strspn(field, " \"");
        field[start + strcspn(field + start, "\"\r\n")] = '\0';
        if (strcmp(field + start, wanted) == 0) {
            *out = i;
            return 0;
        }
    }
    return 1;
}

static int add_row(struct sensor *sensor, struct decimal value, size_t *capacity)
{
    if (sensor->row_count == *capacity) {
        *capacity = *capacity == 0 ? 256 : *capacity * 2;
        struct decimal *grown = realloc(sensor->rows, *capacity * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        sensor->rows = grown;
    }
    sensor->rows[sensor->row_count++] = value;
    return 0;
}

/* Lines without a number in the column (a header, a gap) are passed over. */
static int read_rows(FILE *file, const char *wanted, struct sensor *sensor)
{
    char line[LINE_SIZE];
    size_t column = SIZE_MAX, ignored, capacity = 0;
    int64_t number;
    struct decimal value;
    bool named = wanted != NULL && integer_parse(wanted, 1, 10000, &number) != 0;

    if (wanted != NULL && !named)
        column = (size_t)number - 1;
    if (named && (fgets(line, sizeof(line), file) == NULL || find_column(line, wanted, &column) != 0))
        return 1;
    while (sensor->row_count < SENSOR_ROWS_MAX && fgets(line, sizeof(line), file) != NULL) {
        if (decimal_parse(field_of(line, column, &ignored), &value) != 0)
            continue;
        int r = add_row(sensor, value, &capacity);
        if (r != 0)
            return r;
    }
    return sensor->row_count == 0 ? 1 : 0;
}

static int open_csv(const char *where, struct sensor *sensor, struct why *why)
{
    char path[1024];
    const char *column = NULL;

    if (text_copy(path, sizeof(path), where) != 0)
        return refuse(why, REFUSED_INVALID, "--sensor", NULL, "the file's name is too long");
    if (access(path, R_OK) != 0 && strrchr(path, ':') != NULL) {
        char *colon = strrchr(path, ':');
        *colon = '\0';
        column = where + (colon - path) + 1;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return refuse(why, REFUSED_INVALID, "--sensor", "give a readable CSV file", "cannot read %s", path);
    int r = read_rows(file, column, sensor);
    fclose(file);
    if (r > 0)
        return refuse(why, REFUSED_INVALID, "--sensor", "name a column of the header, or its number from 1",
                      "no number in the column asked for of %s", path);
    return r;
}

static int open_host(const char *source, struct sensor *sensor, struct why *why)
{
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (strcmp(hosts[i].name, source) == 0) {
            sensor->read_host = hosts[i].read;
            return 0;
        }
    }
    return refuse(why, REFUSED_INVALID, "--sensor", "there are host:thermal, host:loadavg, host:meminfo, host:uptime",
                  "unknown source host:%s", source);
}

int sensor_open(const char *text, struct sensor *out, struct why *why)
{
    const char *equals = strchr(text, '=');
    struct sensor sensor = { .type = CONTAINER_SENSOR_ANALOG, .unit = UNIT_NONE };
    int r;

    if (equals == NULL ||
        text_copy_bytes(sensor.name, sizeof(sensor.name), bytes_view(text, (size_t)(equals - text))) != 0 ||
        !name_is_valid(sensor.name))
        return refuse(why, REFUSED_INVALID, "--sensor", "write temperature=csv:trace.csv or load=host:loadavg",
                      "cannot read \"%s\"", text);
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcmp(classes[i].name, sensor.name) == 0) {
            sensor.type = classes[i].type;
            sensor.unit = classes[i].unit;
        }
    }
    if (strncmp(equals + 1, "csv:", 4) == 0)
        r = open_csv(equals + 5, &sensor, why);
    else if (strncmp(equals + 1, "host:", 5) == 0)
        r = open_host(equals + 6, &sensor, why);
    else
        r = refuse(why, REFUSED_INVALID, "--sensor", "sources are csv:FILE[:COLUMN] and host:SOURCE",
                   "cannot read \"%s\"", text);
    if (r != 0) {
        sensor_close(&sensor);
        return r;
    }
    *out = sensor;
    return 0;
}

int sensor_open_vector(const char *text, struct sensor *out, struct why *why)
{
    const char *equals = strchr(text, '='), *colon = equals != NULL ? strchr(equals, ':') : NULL;
    struct sensor sensor = { .unit = UNIT_NONE };
    int64_t slot = 0, dimension = 0;
    char number[8] = "";

    if (colon != NULL)
        text_copy_bytes(number, sizeof(number), bytes_view(equals + 1, (size_t)(colon - equals - 1)));
    if (colon == NULL ||
        text_copy_bytes(sensor.name, sizeof(sensor.name), bytes_view(text, (size_t)(equals - text))) != 0 ||
        !name_is_valid(sensor.name) || integer_parse(number, 0, KIND_SLOTS_MAX - 1, &slot) != 0 ||
        integer_parse(colon + 1, 1, SENSOR_DIMENSION_MAX, &dimension) != 0)
        return refuse(why, REFUSED_INVALID, "--vector", "write gradient=0:16: name, slot, and 1 to 256 coordinates",
                      "cannot read \"%s\"", text);
    sensor.slot = (unsigned)slot;
    sensor.dimension = (unsigned)dimension;
    *out = sensor;
    return 0;
}

void sensor_close(struct sensor *sensor)
{
    free(sensor->rows);
    sensor->rows = NULL;
    sensor->row_count = 0;
}

int sensor_read(const struct sensor *sensor, const struct device *device, struct decimal *out)
{
    const struct fleet *fleet = device->fleet;
    struct dice dice;

    if (sensor->read_host != NULL)
        return sensor->read_host(out);
    if (sensor->row_count == 0)
        return 1;
    dice_seed(&dice, fleet->seed, device->index);
    uint64_t step_ms = fleet->interval_ms > 0 ? (uint64_t)fleet->interval_ms : 1000;
    uint64_t row = dice_below(&dice, (uint32_t)sensor->row_count) + (uint64_t)device->now_ms / step_ms;
    *out = sensor->rows[row % sensor->row_count];
    return 0;
}

void sensor_saul(const struct sensor *sensor, const struct decimal *value, struct container_reading *out)
{
    int64_t scale = 100, scaled = 0;
    int8_t power = -2;

    for (;; scale /= 10, power++) {
        if (decimal_scale(*value, scale, &scaled) != 0)
            scaled = value->mantissa < 0 ? INT64_MIN : INT64_MAX;
        if ((scaled >= INT16_MIN && scaled <= INT16_MAX) || scale == 1)
            break;
    }
    if (scaled < INT16_MIN)
        scaled = INT16_MIN;
    else if (scaled > INT16_MAX)
        scaled = INT16_MAX;
    *out = (struct container_reading){
        .values = { (int16_t)scaled }, .unit = sensor->unit, .scale = power, .dimensions = 1
    };
}
