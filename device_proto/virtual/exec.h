/* exec.h - running the container of a slot. */
#ifndef TINYPART_VIRTUAL_EXEC_H
#define TINYPART_VIRTUAL_EXEC_H

#include "device_proto/virtual/device.h"

enum exec_end {
    EXEC_ANSWERED = 0, /* text is the answer */
    EXEC_EMPTY,        /* profile tinypart: nothing installed */
    EXEC_FAULT,        /* profile tinypart: text says what went wrong */
};

#define EXEC_TEXT_SIZE 96
#define EXEC_LOCAL_MAX 256u /* numbers that a container keeps from run to run */

/* What a container keeps (device->slots[slot].local) outlives the run, not the image, and not a reboot. */
enum exec_end exec_slot(struct device *device, size_t slot, char out_text[EXEC_TEXT_SIZE]);

#endif
