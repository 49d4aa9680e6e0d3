/* report.h - telling the daemon what an update came to, signed with the device's own key. */
#ifndef TINYPART_VIRTUAL_REPORT_H
#define TINYPART_VIRTUAL_REPORT_H

#include "device_proto/suit_report.h"
#include "device_proto/virtual/device.h"

struct report_order {
    struct endpoint to;
    struct bytes reference; /* the manifest's URL, where the manifest does not give its own */
    const struct suit_manifest *manifest;
    struct bytes envelope;
    int result; /* 0, a suit_refusal, or a fault */
    const struct suit_where *where;
    const struct suit_record *records; /* that the manifest's reporting policy asked for */
    size_t record_count;               /* at most SUIT_REPORT_ENTRIES_MAX */
};

/* What a report says of one command. */
struct suit_record report_record(const struct suit_where *where);
void report_make(struct device *device, const struct report_order *order);
void report_drop(struct device *device);
int64_t report_due(const struct device *device);
void report_ask(struct device *device);

#endif
