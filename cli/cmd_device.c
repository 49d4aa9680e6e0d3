/* cmd_device.c - devices and their profiles. */
#include "cli/common.h"

#include <stdlib.h>

static const struct column device_columns[] = {
    { "DEVICE", "name", false },     { "STATE", "state", false },
    { "PROFILE", "profile", false }, { "ADDRESS", "address", false },
    { "LABELS", "labels", false },   { "SEQ", "sequence", true },
    { "SEEN", "seen_at", false },    { "SUSPECT SINCE", "suspect_since", false },
    { NULL, NULL, false },
};

static const struct column detail_columns[] = {
    { "device", "name", false },
    { "state", "state", false },
    { "profile", "profile", false },
    { "class", "class_name", false },
    { "address", "address", false },
    { "labels", "labels", false },
    { "manifest sequence", "sequence", false },
    { "telemetry sequence", "telemetry_sequence", false },
    { "epsilon lost so far", "life_spent_epsilon", false },
    { "lifetime cap", "life_cap_epsilon", false },
    { "created", "created_at", false },
    { "seen", "seen_at", false },
    { "suspect since", "suspect_since", false },
    { "suspect because", "suspect_reason", false },
    { NULL, NULL, false },
};

static const struct column slot_columns[] = {
    { "SLOT", "slot", true },        { "TENANT", "tenant", false }, { "IMAGE", "image", false },
    { "VERSION", "version", false }, { "STATE", "state", false },   { "SINCE", "since", false },
    { NULL, NULL, false },
};

static const struct column profile_columns[] = {
    { "PROFILE", "name", false },    { "DIALECT", "dialect", false },
    { "SLOTS", "slots", true },      { "IMAGE MAX", "image_size_max", true },
    { "OUTCOME", "outcome", false }, { "WHAT", "description", false },
    { NULL, NULL, false },
};

static int put_key(const struct call *call, json_t *body, const char *option, const char *field)
{
    const char *file = call_option(call, option);
    uint8_t *pem = NULL;
    size_t size = 0;

    if (file == NULL)
        return EXIT_DONE;
    int r = common_read(file, COMMON_PEM_MAX, &pem, &size);
    if (r != EXIT_DONE)
        return r;
    json_t *text = json_stringn((const char *)pem, size);
    free(pem);
    if (text == NULL)
        return call_usage(call, "%s is no PEM text", file);
    json_object_set_new(body, field, text);
    return EXIT_DONE;
}

static int put_order(const struct call *call, json_t *body)
{
    common_put(call, body, "profile", "profile");
    common_put(call, body, "address", "address");
    common_put(call, body, "class", "class_name");
    common_put(call, body, "labels", "labels");
    int r = put_key(call, body, "report-key", "report_key");
    return r != EXIT_DONE ? r : put_key(call, body, "encryption-key", "encryption_key");
}

static int create(struct call *call)
{
    struct path path = path_of("/v1/devices");
    json_t *body = json_pack("{s:s}", "name", call->arguments[0]);

    int r = put_order(call, body);
    if (r != EXIT_DONE) {
        json_decref(body);
        return r;
    }
    return common_do(call, "POST", &path, body, "device %s is registered", call->arguments[0]);
}

static int claim(struct call *call)
{
    struct path path = path_of("/v1/devices/%s/claim", call->arguments[0]);
    json_t *body = json_object();

    int r = put_order(call, body);
    if (r != EXIT_DONE) {
        json_decref(body);
        return r;
    }
    return common_do(call, "POST", &path, body, "device %s is claimed", call->arguments[0]);
}

static int list(struct call *call)
{
    struct path path = path_of("/v1/devices");

    path_query(&path, "selector", call_option(call, "selector"));
    path_query(&path, "state", call_option(call, "state"));
    return common_list(call, &path, device_columns);
}

static int show(struct call *call)
{
    struct path path = path_of("/v1/devices/%s", call->arguments[0]);
    json_t *device = NULL;

    int r = client_json(call->client, "GET", &path, NULL, &device);
    if (r == EXIT_DONE && call->output->is_json) {
        call->output->object(call->output, device, NULL);
    } else if (r == EXIT_DONE) {
        call->output->object(call->output, device, detail_columns);
        call->output->list(call->output, json_object_get(device, "slots"), slot_columns);
    }
    json_decref(device);
    return r;
}

static int label(struct call *call)
{
    struct path path = path_of("/v1/devices/%s/labels", call->arguments[0]);

    return common_do(call, "POST", &path, json_pack("{s:s}", "labels", call->arguments[1]), "device %s is labelled",
                     call->arguments[0]);
}

static int move(struct call *call)
{
    struct path path = path_of("/v1/devices/%s/address", call->arguments[0]);

    return common_do(call, "POST", &path, json_pack("{s:s}", "address", call->arguments[1]), "device %s is at %s now",
                     call->arguments[0], call->arguments[1]);
}

static int trust(struct call *call)
{
    struct path path = path_of("/v1/devices/%s/trust", call->arguments[0]);

    return common_do(call, "POST", &path, json_pack("{s:s}", "reason", call_option(call, "reason")),
                     "device %s is not suspect any more", call->arguments[0]);
}

static int delete (struct call *call)
{
    struct path path = path_of("/v1/devices/%s", call->arguments[0]);

    return common_do(call, "DELETE", &path, NULL, "device %s is deleted; its privacy charges stay in the ledger",
                     call->arguments[0]);
}

static int run(struct call *call)
{
    struct path path = path_of("/v1/devices/%s/slots/%s/run", call->arguments[0], call->arguments[1]);
    json_t *answer = NULL;

    int r = client_json(call->client, "POST", &path, NULL, &answer);
    if (r == EXIT_DONE) {
        char text[1024]; /* of a device: without its control characters, newlines too */
        output_value(answer, "answer", text, sizeof(text));
        call->output->done(call->output, "%s", text);
        if (call->output->is_json)
            call->output->object(call->output, answer, NULL);
        else if (json_is_true(json_object_get(answer, "looks_like_fault")))
            fputs("(this kind of device answers so for a fault as well; it cannot be told from a value)\n", stderr);
    }
    json_decref(answer);
    return r;
}

static int profile_list(struct call *call)
{
    struct path path = path_of("/v1/profiles");
    json_t *profiles = NULL;

    int r = client_json(call->client, "GET", &path, NULL, &profiles);
    if (r == EXIT_DONE)
        call->output->list(call->output, json_object_get(profiles, "items"), profile_columns);
    json_decref(profiles);
    return r;
}

static int profile_show(struct call *call)
{
    struct path path = path_of("/v1/profiles/%s", call->arguments[0]);

    return common_show(call, &path, NULL);
}

static const struct option_row order_options[] = {
    { "profile", 0, "NAME", true, "what kind of device: see tinypartctl profile list" },
    { "address", 0, "URL", false, "where it listens, as coap://[fd00:1::2]:5683; else taken from its registration" },
    { "class", 0, "NAME", false, "its board's name, where it is not the profile's" },
    { "labels", 0, "K=V,...", false, "for selectors, as site=lyon,floor=1" },
    { "report-key", 0, "PUB.pem", false, "what its SUIT reports are signed with" },
    { "encryption-key", 0, "PUB.pem", false, "P-256: what images for it may be encrypted to" },
    { 0 },
};

static const struct option_row list_options[] = {
    { "selector", 'l', "L", false, "only devices whose labels match" },
    { "state", 0, "STATE", false, "unclaimed or claimed" },
    OPTION_LIMIT,
    { 0 },
};

static const struct option_row trust_options[] = {
    { "reason", 0, "TEXT", true, "why; recorded for good" },
    { 0 },
};

const struct command device_commands[] = {
    { "device create", "NAME", "Registers a device by hand.", order_options,
      "tinypartctl device create thermo-1 --profile riot-tinypart --address coap://[fd00:1::2] --class native --labels "
      "site=lyon",
      create, false },
    { "device claim", "NAME", "Claims an endpoint that registered itself: until then it gets nothing.", order_options,
      "tinypartctl device list --state unclaimed\ntinypartctl device claim node-7 --profile tinypart --labels "
      "site=lyon,floor=2",
      claim, false },
    { "device list", NULL, "Lists devices.", list_options,
      "tinypartctl device list -l 'site=lyon,floor in (1,2)'\ntinypartctl device list -l '!retired' -o json", list,
      false },
    { "device show", "NAME", "Shows a device and its slots.", NULL, "tinypartctl device show thermo-1", show, false },
    { "device label", "NAME LABELS", "Sets labels; a key with a - behind it is taken away.", NULL,
      "tinypartctl device label thermo-1 floor=2,retired-", label, false },
    { "device move", "NAME ADDRESS",
      "Says where a device is now; registering alone moves no claimed device to another host.", NULL,
      "tinypartctl device move thermo-1 coap://[fd00:1::7]", move, false },
    { "device trust", "NAME", "Takes the suspicion off a device, so that its readings are taken again.", trust_options,
      "tinypartctl device trust thermo-1 --reason 'its firmware was repaired'", trust, false },
    { "device delete", "NAME", "Forgets a device, unless a rollout is under way on it.", NULL,
      "tinypartctl device delete thermo-1", delete, false },
    { "device run", "NAME SLOT", "Asks the container in a slot right now, and prints its raw answer.", NULL,
      "tinypartctl device run thermo-1 0", run, false },
    { "profile list", NULL, "Lists the kinds of device that the daemon knows.", NULL, "tinypartctl profile list",
      profile_list, false },
    { "profile show", "NAME", "Shows what a kind of device can do, and its quirks.", NULL,
      "tinypartctl profile show riot-tinypart", profile_show, false },
    { 0 },
};
