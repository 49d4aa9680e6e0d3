/* exits.h - what tinypartctl's exit code says. */
#ifndef TINYPART_CLI_EXITS_H
#define TINYPART_CLI_EXITS_H

enum exits {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,     /* the daemon, or an offline check, said no */
    EXIT_USAGE = 2,       /* the command line is wrong */
    EXIT_UNREACHABLE = 3, /* the daemon cannot be reached */
    EXIT_UNFINISHED = 4,  /* a watched rollout ended, or ran out of time, with devices that do not have the image */
    EXIT_FAULT = 5,       /* this program or its machine failed */
};

#endif
