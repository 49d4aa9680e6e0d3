/* sensors.h - where readings come from: a recorded trace, or this host's own. Never constants. */
#ifndef TINYPART_VIRTUAL_SENSORS_H
#define TINYPART_VIRTUAL_SENSORS_H

#include "daemon/base/refusal.h"
#include "device_proto/container_run.h"
#include "device_proto/decimal.h"
#include "device_proto/virtual/device.h"

#define SENSOR_ROWS_MAX 1000000u

struct sensor {
    char name[64];
    uint8_t type;         /* SAUL class, by the name: temperature, humidity, ... */
    uint8_t unit;         /* RIOT's unit number */
    struct decimal *rows; /* of a CSV file */
    size_t row_count;
    int (*read_host)(struct decimal *out); /* else */
    unsigned slot;                         /* of a vector: whose container's numbers it is */
    unsigned dimension;                    /* 0: a number */
};

#define SENSOR_DIMENSION_MAX 256u /* of a container's vector: as many keys as it has, and what one datagram holds */

/* "temperature=csv:FILE[:COLUMN]" (a header's name or a number from 1; default: the last column), "NAME=host:SOURCE"
 * with thermal, loadavg, meminfo or uptime. 0 or REFUSED_INVALID. */
int sensor_open(const char *text, struct sensor *out, struct why *why);
/* "gradient=0:16": what the container in slot 0 keeps under the keys 0 to 15 after a run. The same. */
int sensor_open_vector(const char *text, struct sensor *out, struct why *why);
void sensor_close(struct sensor *sensor);
/* What that device's sensor says now; devices of a fleet stand at different rows of a trace. 0, or 1: nothing. */
int sensor_read(const struct sensor *sensor, const struct device *device, struct decimal *out);
/* As RIOT's sensor registry gives it: hundredths in 16 bits, or fewer digits where that does not fit. */
void sensor_saul(const struct sensor *sensor, const struct decimal *value, struct container_reading *out);

#endif
