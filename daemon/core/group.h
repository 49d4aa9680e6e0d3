/* group.h - deeds that come in together share one durable transaction: each is saved or undone by itself, and none of
 * them is durable before the group ends. So nothing may leave in between: answers are held until then, and asking a
 * device within an open group is a fault (asking.c). Begun and ended by the rooms that take deeds in, within one turn
 * of theirs. */
#ifndef TINYPART_CORE_GROUP_H
#define TINYPART_CORE_GROUP_H

#include "daemon/core/core.h"

/* 0, or a fault: -EALREADY when one is open. */
int core_group_begin(struct core *core);
/* Whether deeds wait for the group's end: then what has been read since may not be durable either. */
bool core_group_waits(const struct core *core);
/* 0: all of it is durable. A fault: none of it ever was, and what it had counted is not counted. */
int core_group_end(struct core *core);

#endif
