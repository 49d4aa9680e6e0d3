/* suit.h - SUIT manifests from the recipient's side, in two dialects: who signed it, what it says, would this device
 * take it, and doing what it says through the caller's callbacks. SUIT_RIOT is what deployed RIOT devices take: no tag,
 * COSE_Sign1 with the digest attached, the labels of draft -07/-08. SUIT_37 is draft-ietf-suit-manifest-37 with trust
 * domains (dependencies), update management and firmware encryption. suit_author.h is the author's side, suit_text.h
 * reads the texts for people. */
#ifndef TINYPART_DEVICE_PROTO_SUIT_H
#define TINYPART_DEVICE_PROTO_SUIT_H

#include "device_proto/cose.h"
#include "device_proto/cose_encrypt.h"

/* What a recipient spends at most; firmware may be compiled with less. A manifest that asks for more is refused before
 * anything is done. A run takes one struct of about SUIT_TARGETS_MAX * 320 bytes on the stack and SUIT_NESTING_MAX
 * small frames, and one struct suit_manifest for each dependency that is open (README.md has the measured figures). */
#ifndef SUIT_COMPONENTS_MAX
#define SUIT_COMPONENTS_MAX 8u /* components and dependencies of one manifest together */
#endif
#ifndef SUIT_TARGETS_MAX
#define SUIT_TARGETS_MAX 12u /* different ones in a manifest and all its dependencies */
#endif
#ifndef SUIT_DEPENDENCY_DEPTH_MAX
#define SUIT_DEPENDENCY_DEPTH_MAX 3u /* dependencies of dependencies below the manifest that is run */
#endif
#define SUIT_DEPENDENCIES_MAX 4u    /* of one manifest */
#define SUIT_NESTING_MAX      5u    /* sequences within each other in one section, itself included */
#define SUIT_STEPS_MAX        1024u /* commands executed in one pass, each once per component, dependencies included */
#define SUIT_SEVERED_MAX      6u    /* severed members: 14 15 16 18 20 23 */

#define SUIT_ID_SIZE            16u /* a vendor's, class's or device's UUID */
#define SUIT_COMPONENT_PARTS    4u  /* byte strings in one component identifier */
#define SUIT_COMPONENT_PART_MAX 64u /* bytes in one of them, as written */
#define SUIT_URI_SIZE_MAX       255u
#define SUIT_VERSION_PARTS      5u
#define SUIT_MANIFEST_SIZE_MAX  4096u /* the manifest without severed members, as read */

#define SUIT_SIZE_UNKNOWN UINT64_MAX
#define SUIT_NO_PLACE     SIZE_MAX

enum suit_dialect { SUIT_RIOT = 1, SUIT_37 = 2 };

/* Why a recipient says no. */
enum suit_refusal {
    SUIT_REFUSED_STRUCTURE = 1, /* not the CBOR that the dialect wants */
    SUIT_REFUSED_UNSUPPORTED,   /* a section, command, parameter or component that is not implemented here */
    SUIT_REFUSED_SIGNATURE,     /* no signature by a known key, or not all that are demanded */
    SUIT_REFUSED_DIGEST,        /* manifest, severed member, dependency or image is not what was signed */
    SUIT_REFUSED_VERSION,       /* manifest version other than 1 */
    SUIT_REFUSED_SEQUENCE,      /* sequence number not above the device's highest */
    SUIT_REFUSED_CONDITION,     /* a condition does not hold: vendor, class, slot, version, time ... */
    SUIT_REFUSED_POLICY,        /* a fetch before vendor and class were checked, or one whose image is never matched */
    SUIT_REFUSED_COMPONENT,     /* the device has no such component */
    SUIT_REFUSED_FETCH,         /* the payload could not be had */
    SUIT_REFUSED_STORAGE,       /* the payload does not fit its place */
    SUIT_REFUSED_ROOM,          /* the caller's buffer is too small, or something exceeds a bound */
    SUIT_REFUSED_AUTHORITY,     /* its signer may not touch that component */
    SUIT_REFUSED_DECRYPTION,    /* encrypted for somebody else, or not what was encrypted */
};

/* Manifest members, by the numbers of SUIT_37 (SUIT_RIOT's install 9 and validate 10 are translated). */
enum suit_section {
    SUIT_SECTION_ENVELOPE = 0,
    SUIT_SECTION_COMMON = 3,
    SUIT_SECTION_VALIDATE = 7,
    SUIT_SECTION_LOAD = 8,
    SUIT_SECTION_INVOKE = 9,
    SUIT_SECTION_COSWID = 14,
    SUIT_SECTION_DEPENDENCY_RESOLUTION = 15,
    SUIT_SECTION_PAYLOAD_FETCH = 16,
    SUIT_SECTION_CANDIDATE_VERIFICATION = 18,
    SUIT_SECTION_INSTALL = 20,
    SUIT_SECTION_TEXT = 23,
    SUIT_SECTION_UNINSTALL = 24,
};

/* Where a refusal arose, or what a record is about: for people and for a SUIT report's record. */
struct suit_where {
    enum suit_section section;
    size_t offset;                          /* byte offset of the command in its section; 0 where there is none */
    size_t component;                       /* component index, in the manifest that the command stands in */
    int64_t command;                        /* command or label; 0 where there is none */
    const char *what;                       /* a static text: "directive copy", "tag on the envelope" */
    size_t path_length;                     /* 0: the manifest itself; else a dependency: */
    size_t path[SUIT_DEPENDENCY_DEPTH_MAX]; /* its component index, in each manifest on the way down */
};

struct suit_component {
    size_t count; /* 1..SUIT_COMPONENT_PARTS; a SUIT_37 manifest may also say 0 */
    struct bytes parts[SUIT_COMPONENT_PARTS];
};

bool suit_component_equal(const struct suit_component *a, const struct suit_component *b);
/* Whether component is prefix or lies below it: ["slot"] has ["slot", "0"] and ["slot", "0", "config"] below it. */
bool suit_component_below(const struct suit_component *component, const struct suit_component *prefix);

/* A version as update management has it: 1.2.3 is [1, 2, 3], 1.3-rc1 is [1, 3, -1, 1]; what is missing counts as 0. */
struct suit_version {
    size_t count; /* 0: unknown */
    int64_t parts[SUIT_VERSION_PARTS];
};

/* < 0, 0, > 0 as a is lower, the same, higher. */
int suit_version_compare(const struct suit_version *a, const struct suit_version *b);

/* ---- reading ---- */

struct suit_dependency {
    uint64_t index; /* component index that it is addressed by */
    bool has_prefix;
    struct suit_component prefix; /* names the place of its manifest where the components list does not */
};

/* A manifest whose signature and digest hold. Views point into the envelope. */
struct suit_manifest {
    enum suit_dialect dialect;
    size_t signer; /* index of the key that signed it; the number of keys for a shared secret (Mac0) */
    uint8_t manifest_digest[DIGEST_SIZE];
    uint64_t sequence;
    size_t component_count;
    struct suit_component components[SUIT_COMPONENTS_MAX];
    size_t dependency_count; /* those from component_count on are beyond components */
    struct suit_dependency dependencies[SUIT_DEPENDENCIES_MAX];
    struct suit_component component_id; /* where a device keeps this manifest; no parts: not said */
    struct suit_version set_version;

    /* What the first component's command sequences set when every condition holds; the has_ flags tell what they set.
     * Meaningful for people and schedulers; a device goes by suit_manifest_run. */
    bool has_vendor_id, has_class_id, has_digest, has_size;
    uint8_t vendor_id[SUIT_ID_SIZE];
    uint8_t class_id[SUIT_ID_SIZE];
    uint8_t digest[DIGEST_SIZE];
    uint64_t size;
    struct bytes uri;           /* empty when none */
    struct bytes reference_uri; /* empty when none */

    /* Views, empty when absent. Severed members are the envelope's, digest checked. */
    struct bytes envelope;
    struct bytes manifest; /* without its byte string head */
    struct bytes shared, dependency_resolution, payload_fetch, candidate_verification, install, validate, load, invoke,
        uninstall, text, coswid;

    int runs;                /* 0, or why no device of ours can run it (where says what): usually _UNSUPPORTED */
    struct suit_where where; /* of the refusal returned, or of runs */
};

/* Checks structure, signature (by any of keys), manifest digest and severed members, and fills out. 0; a suit_refusal
 * with out->where set; or crypto's fault. Commands that are not implemented here do not make it fail: see out->runs. */
int suit_manifest_verify(struct bytes envelope, enum suit_dialect dialect, const struct public_key *keys, size_t n_keys,
                         const struct proto_crypto *crypto, struct suit_manifest *out);

/* The same for a recipient that says which of the authentication list's signatures (Sign1, Sign) and MACs (Mac0) it
 * wants: one of several, or one of each kind. SUIT_37; SUIT_RIOT knows one Sign1 by one of trust->keys only. */
int suit_manifest_verify_with(struct bytes envelope, enum suit_dialect dialect, const struct cose_trust *trust,
                              const struct cose_acceptance *acceptance, const struct proto_crypto *crypto,
                              struct suit_manifest *out);

/* The same without any key, for showing what a file says: everything but the signature is checked. */
int suit_manifest_parse(struct bytes envelope, enum suit_dialect dialect, const struct proto_crypto *crypto,
                        struct suit_manifest *out);

/* An envelope's integrated payload or dependency of that name ("#container"); empty when there is none. */
struct bytes suit_integrated_payload(struct bytes envelope, struct bytes name);

/* Which commands and parameters are implemented, for a report's capabilities: false from the last one on. */
bool suit_command_at(enum suit_dialect dialect, size_t i, int64_t *out_number);
bool suit_parameter_at(enum suit_dialect dialect, size_t i, int64_t *out_number);

/* ---- a device ---- */

/* A component, as its device knows it. */
struct suit_place {
    struct suit_component component;
    uint64_t slot; /* what condition component-slot is compared with */
    struct suit_version version;
};

/* What a manifest need not do on this device, though it should (or-ed). */
enum suit_waiver {
    SUIT_WAIVE_IDENTITY = 1, /* fetching before vendor and class were checked */
    SUIT_WAIVE_MATCH = 2,    /* leaving what was fetched unmatched with a digest */
};

struct suit_device {
    uint8_t vendor_id[SUIT_ID_SIZE];
    uint8_t class_id[SUIT_ID_SIZE];
    uint64_t sequence; /* the highest accepted so far; 0: none */
    const struct suit_place *places;
    size_t place_count;

    /* All that follows may be zeros: the device then knows nothing of it, and what needs it is refused. */
    bool has_device_id;
    uint8_t device_id[SUIT_ID_SIZE];
    struct bytes vendor_pen; /* the vendor's private enterprise number, as a relative OID (tag 112) */
    uint64_t unix_time_s;    /* 0: not known */
    bool has_battery;
    uint8_t battery_percent;
    unsigned waives; /* enum suit_waiver */

    void *context; /* for the next two, which must have no effects; 0 or a suit_refusal */
    /* May manifest's signer (->signer) touch that component, or carry that dependency? Asked for each of them before
     * anything of it is run, in every pass. NULL: every trusted key may touch everything. path as in struct suit_where.
     */
    int (*authorises)(void *context, const struct suit_manifest *manifest, const struct suit_where *path,
                      const struct suit_component *component);
    /* Does whoever decides here agree to an update of this priority (0: none given; lower is more urgent)? */
    int (*update_authorised)(void *context, int64_t priority);

    /* For dependencies, each verified by itself. NULL: dependencies are refused. */
    const struct proto_crypto *crypto;
    const struct cose_trust *trust;
    const struct cose_acceptance *acceptance;
    /* For encrypted payloads. */
    const struct cose_device_key *decryption_keys;
    size_t decryption_key_count;
};

/* Would this device take it? Runs all sequences against its identity, taking for granted that payloads arrive intact,
 * that fetched dependencies are acceptable, and that contents that are asked for are there. 0, or a suit_refusal; where
 * may be NULL. */
int suit_manifest_accepts(const struct suit_manifest *manifest, const struct suit_device *device,
                          struct suit_where *where);

/* ---- running ---- */

/* Bytes on their way into a component, or a component that something is done to. */
struct suit_transfer {
    size_t place; /* index into device->places; SUIT_NO_PLACE: a dependency that has none */
    const struct suit_component *component;
    bool is_dependency;
    uint64_t size;          /* fetch: no more than that, as it ends in the component; or SUIT_SIZE_UNKNOWN */
    struct bytes uri;       /* fetch */
    struct bytes arguments; /* fetch, invoke */
    /* write: the content; fetch of an uri that begins with '#', or that names a text key of the envelope: what the
     * envelope carries under it. data is NULL where bytes come from elsewhere. */
    struct bytes payload;
    size_t source;         /* copy, swap: the other place */
    struct bytes metadata; /* of update management, a CBOR map; empty: none */
    /* Not NULL: what comes is encrypted, and to be put through this stream (cose_decrypt_update, _finish) on its way.
     * Readied anew for each action; a device that goes on later copies it. */
    const struct cose_stream *decryption;
};

/* What directive wait waits for; all of it at once. */
struct suit_wait {
    unsigned events;                          /* 1 << number, of the numbers 1..9 of update management */
    int64_t authorization;                    /* 1: priority */
    int64_t power;                            /* 2 */
    int64_t network;                          /* 3 */
    struct bytes other_device, other_version; /* 4: its id, and its encoded list of version matches */
    uint64_t time;                            /* 5: seconds since 1970 */
    uint64_t time_of_day, time_of_day_utc;    /* 6, 8: seconds */
    uint64_t day_of_week, day_of_week_utc;    /* 7, 9: days since Sunday */
};

/* One executed command whose reporting policy asks for a record. */
struct suit_event {
    struct suit_where where;
    int result;   /* 0, or the refusal */
    bool sysinfo; /* what the condition compared with is asked for, too */
};

/* What running a manifest asks of a device. Each returns 0, a suit_refusal, or a fault (<0), which ends the run. Those
 * that are NULL are what the device cannot do: manifests that need them are refused before anything is done. */
struct suit_actions {
    void *context;
    int (*fetch)(void *context, const struct suit_transfer *transfer);
    /* Is what the place now holds exactly size bytes with that SHA-256? SUIT_RIOT: only after a fetch. SUIT_37: also
     * asked in the rehearsal, of places not written to before, so without effects. */
    int (*image_match)(void *context, size_t place, const uint8_t digest[DIGEST_SIZE], uint64_t size);
    /* SUIT_37's invoke section. NULL: load and invoke are left out. */
    int (*invoke)(void *context, const struct suit_transfer *transfer);
    int (*write)(void *context, const struct suit_transfer *transfer);
    int (*copy)(void *context, const struct suit_transfer *transfer);
    int (*swap)(void *context, const struct suit_transfer *transfer);
    int (*unlink)(void *context, const struct suit_transfer *transfer);
    /* Is the content exactly this? Compared in constant time; without effects. */
    int (*check_content)(void *context, size_t place, struct bytes content);
    /* Returns 0 once all of it is so. A device that cannot block returns a fault of its own and runs again later. */
    int (*wait)(void *context, const struct suit_wait *wait);
    /* The envelope of a dependency that was stored, valid while the run lasts; a refusal when there is none (yet).
     * Without effects. Not asked for integrated ones. */
    int (*dependency)(void *context, const struct suit_transfer *transfer, struct bytes *out_envelope);
    /* A record for the report. May be NULL. */
    void (*record)(void *context, const struct suit_event *event);
};

enum suit_procedure {
    SUIT_UPDATE = 1, /* dependency-resolution, payload-fetch, candidate-verification, install; then as _INVOKE */
    SUIT_INVOKE,     /* validate, load, invoke: of a manifest that is installed */
    SUIT_UNINSTALL,  /* uninstall: of a manifest that is installed */
};

/* Runs shared and the sections of the procedure. The sequence number is for the caller to store once this returned 0;
 * _INVOKE and _UNINSTALL do not compare it. Everything is walked in rehearsal first, so that nothing is done for a
 * manifest that is refused later, except by what cannot be known before: what a fetch brings (payloads and fetched
 * dependencies; after dependency-resolution there is a second rehearsal that knows these), and what a condition finds
 * in a component that this manifest writes to. 0, a suit_refusal, or a fault; where may be NULL. */
int suit_manifest_process(const struct suit_manifest *manifest, enum suit_procedure procedure,
                          const struct suit_device *device, const struct suit_actions *actions,
                          struct suit_where *where);

/* SUIT_UPDATE. */
int suit_manifest_run(const struct suit_manifest *manifest, const struct suit_device *device,
                      const struct suit_actions *actions, struct suit_where *where);

/* A refusal for people, and as the code that a RIOT device logs (-1 structure, -2 unsupported, -4 condition, -5
 * sequence or version, -6 signature or fetch, -7 digest, -8 policy, -50 storage). */
const char *suit_refusal_text(int refusal);
int suit_refusal_riot_code(int refusal);

#endif
