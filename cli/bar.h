/* bar.h - a line of a chart in text. */
#ifndef TINYPART_CLI_BAR_H
#define TINYPART_CLI_BAR_H

#include <stdbool.h>
#include <stdint.h>

#define BAR_WIDTH 40
#define BAR_SIZE  (3 * BAR_WIDTH + 1)

/* cap as BAR_WIDTH cells: what is spent of it, what is free to spend, and what is not unlocked yet. Anything that is
 * spent shows as at least something, and a bar is full only when all is spent. cap 0: nothing is free. With blocks:
 * UTF-8; else "####----....". */
void bar_draw(int64_t cap, int64_t unlocked, int64_t spent, bool blocks, char out[BAR_SIZE]);

/* Whether this terminal's locale shows UTF-8. */
bool bar_has_blocks(void);

#endif
