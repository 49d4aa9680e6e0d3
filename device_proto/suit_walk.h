/* suit_walk.h - the command processor's inside, shared by its files; not for users of this room.
 * suit_process.c goes through whole manifests, suit_walk.c through sequences. suit_commands.c has the table of commands
 * and those that act, suit_conditions.c and suit_update.c those that ask, suit_parameters.c the table of parameters and
 * the commands that set them, suit_dependencies.c opens dependencies and walks them. */
#ifndef TINYPART_DEVICE_PROTO_SUIT_WALK_H
#define TINYPART_DEVICE_PROTO_SUIT_WALK_H

#include <limits.h>

#include "device_proto/suit_private.h"

enum suit_purpose {
    SUIT_CHECKING,   /* every branch: is all of it implemented here? */
    SUIT_DESCRIBING, /* every condition holds; what was set is kept */
    SUIT_REHEARSING, /* against a device, taking for granted what actions would bring */
    SUIT_RUNNING,
};

/* Parameters by their place in a component's row. A vendor is either of two forms. */
enum suit_value_index {
    VALUE_VENDOR,
    VALUE_VENDOR_PEN,
    VALUE_CLASS,
    VALUE_DEVICE,
    VALUE_DIGEST, /* a view of its 32 bytes */
    VALUE_SIZE,
    VALUE_SLOT,
    VALUE_CONTENT,
    VALUE_URI,
    VALUE_SOURCE, /* number: index into the walk's rows */
    VALUE_INVOKE_ARGS,
    VALUE_FETCH_ARGS,
    VALUE_ENCRYPTION,
    VALUE_USE_BEFORE,
    VALUE_BATTERY,
    VALUE_PRIORITY,
    VALUE_VERSION,
    VALUE_WAIT,
    VALUE_METADATA,
    VALUE_COUNT,
};

union suit_setting {
    struct bytes bytes;
    uint64_t number;
    int64_t integer;
};

/* One component or dependency, whichever manifests of the tree name it: parameters belong to the component. */
struct suit_row {
    struct suit_component component;
    size_t place;
    uint32_t set; /* 1 << enum suit_value_index */
    union suit_setting values[VALUE_COUNT];
    bool written;          /* by this pass */
    bool matched;          /* with a digest, since it was written */
    bool authenticated;    /* a dependency: signature and digest were checked in this pass, */
    size_t signer;         /* and this key's it was */
    bool open;             /* a dependency that is being walked */
    struct bytes envelope; /* a dependency that is integrated: fetched from its dependent */
};

/* The component indices that commands apply to. */
struct suit_selection {
    uint8_t count; /* 0: not chosen yet */
    uint8_t indices[SUIT_COMPONENTS_MAX];
};

/* One manifest of the tree while it is walked. */
struct suit_frame {
    const struct suit_manifest *manifest;
    uint8_t rows[SUIT_COMPONENTS_MAX]; /* component index -> row */
    size_t count;                      /* component indices in use */
    struct suit_selection selection;
    size_t current; /* component index that the command works on */
    unsigned nesting;
    bool soft;                 /* soft-failure of the present sequence */
    bool may_soften;           /* it is the argument of try-each or run-sequence */
    bool loose;                /* strict-order is false */
    unsigned indexings;        /* set-component-index that a sequence under loose order may still have; UINT_MAX: any */
    uint32_t sources, targets; /* rows, under loose order */
    const uint8_t *section_start;
};

struct suit_walk {
    enum suit_purpose purpose;
    const struct suit_device *device;   /* when rehearsing or running */
    const struct suit_actions *actions; /* NULL: nothing is known of what the device can do */
    struct suit_frame *frame;
    size_t row_count;
    struct suit_row *rows; /* SUIT_TARGETS_MAX of them when there is a device */
    bool vendor_checked, class_checked;
    bool hard; /* the refusal is none that a try-each gives way to */
    unsigned steps;
    struct suit_where where;
};

enum suit_effect {
    SUIT_EACH,          /* once for each chosen component, after reading a reporting policy */
    SUIT_EACH_ARGUMENT, /* once for each chosen component, with an argument of its own */
    SUIT_ONCE,          /* concerns no component, or names them itself */
};

struct suit_executor {
    int64_t number;
    bool riot, v37;   /* which dialects know it */
    const char *name; /* for people */
    enum suit_effect effect;
    int (*run)(struct suit_walk *walk, struct cbor_reader *reader); /* SUIT_EACH: reader is not to be used */
};

const struct suit_executor *suit_executor_find(enum suit_dialect dialect, int64_t number);

static inline struct suit_row *suit_row_at(struct suit_walk *walk, size_t index)
{
    return &walk->rows[walk->frame->rows[index]];
}

static inline struct suit_row *suit_current(struct suit_walk *walk)
{
    return suit_row_at(walk, walk->frame->current);
}

static inline bool suit_has(const struct suit_row *row, enum suit_value_index index)
{
    return (row->set & 1u << index) != 0;
}

static inline bool suit_is_riot(const struct suit_walk *walk)
{
    return walk->frame->manifest->dialect == SUIT_RIOT;
}

static inline bool suit_acts(const struct suit_walk *walk)
{
    return walk->purpose == SUIT_RUNNING;
}

int suit_refuse(struct suit_walk *walk, int refusal, const char *what);
/* The same for what no try-each gives way to. */
int suit_refuse_hard(struct suit_walk *walk, int refusal, const char *what);

/* ---- suit_walk.c ---- */

int suit_run_sequence(struct suit_walk *walk, struct bytes sequence);
/* shared and then that section, of the frame's manifest; an empty section: nothing. */
int suit_run_section(struct suit_walk *walk, enum suit_section section);
struct bytes suit_section_of(const struct suit_manifest *manifest, enum suit_section section);
/* Gives every component index of the frame's manifest its row. */
int suit_enter(struct suit_walk *walk);
bool suit_is_dependency(const struct suit_manifest *manifest, size_t index);

int suit_set_index(struct suit_walk *walk, struct cbor_reader *reader);
int suit_try_each(struct suit_walk *walk, struct cbor_reader *reader);
int suit_run_argument(struct suit_walk *walk, struct cbor_reader *reader);

/* ---- suit_conditions.c ---- */

int suit_check_vendor(struct suit_walk *walk, struct cbor_reader *reader);
int suit_check_class(struct suit_walk *walk, struct cbor_reader *reader);
int suit_check_device(struct suit_walk *walk, struct cbor_reader *reader);
int suit_check_image(struct suit_walk *walk, struct cbor_reader *reader);
int suit_check_no_image(struct suit_walk *walk, struct cbor_reader *reader);
int suit_check_content(struct suit_walk *walk, struct cbor_reader *reader);
int suit_check_slot(struct suit_walk *walk, struct cbor_reader *reader);
int suit_check_abort(struct suit_walk *walk, struct cbor_reader *reader);

/* ---- suit_update.c ---- */

int suit_check_use_before(struct suit_walk *walk, struct cbor_reader *reader);
int suit_check_battery(struct suit_walk *walk, struct cbor_reader *reader);
int suit_check_authorized(struct suit_walk *walk, struct cbor_reader *reader);
int suit_check_version(struct suit_walk *walk, struct cbor_reader *reader);
int suit_wait_for(struct suit_walk *walk, struct cbor_reader *reader);
int suit_read_wait(struct bytes encoded, struct suit_wait *out);
/* 0, SUIT_REFUSED_STRUCTURE, or SUIT_REFUSED_UNSUPPORTED for too many parts. */
int suit_read_version(struct cbor_reader *reader, struct suit_version *out);

/* ---- suit_parameters.c ---- */

int suit_set_parameters(struct suit_walk *walk, struct cbor_reader *reader);
int suit_override_parameters(struct suit_walk *walk, struct cbor_reader *reader);
int suit_override_multiple(struct suit_walk *walk, struct cbor_reader *reader);
int suit_copy_params(struct suit_walk *walk, struct cbor_reader *reader);

/* ---- suit_dependencies.c ---- */

int suit_check_dependency(struct suit_walk *walk, struct cbor_reader *reader);
int suit_check_is_dependency(struct suit_walk *walk, struct cbor_reader *reader);
int suit_process_dependency(struct suit_walk *walk, struct cbor_reader *reader);
/* image-match of a dependency: its manifest's digest. */
int suit_match_dependency(struct suit_walk *walk);
/* The section of the current dependency. */
int suit_walk_dependency(struct suit_walk *walk, enum suit_section section);

/* ---- suit_commands.c ---- */

/* What actions hear of the current component. */
struct suit_transfer suit_transfer_of(struct suit_walk *walk);

#endif
