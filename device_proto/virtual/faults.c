/* faults.c - the bad network, and the words of --faults. */
#include "device_proto/virtual/faults.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/text.h"
#include "device_proto/virtual/device.h"

void dice_seed(struct dice *dice, uint64_t seed, uint64_t stream)
{
    dice->state = seed * 0x9e3779b97f4a7c15u + stream;
    dice_roll(dice);
}

uint64_t dice_roll(struct dice *dice)
{
    uint64_t mixed = dice->state += 0x9e3779b97f4a7c15u;

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

uint32_t dice_below(struct dice *dice, uint32_t n)
{
    return n <= 1 ? 0 : (uint32_t)(dice_roll(dice) % n);
}

bool dice_hits(struct dice *dice, uint32_t ppm)
{
    return ppm > 0 && dice_below(dice, 1000000) < ppm;
}

int dice_fill(void *context, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(dice_roll(context) >> 56);
    return 0;
}

/* ---- the words ---- */

static int probability(const char *value, uint32_t *out)
{
    int64_t ppm;

    if (value == NULL || fixed_parse(value, 6, &ppm) != 0 || ppm < 0 || ppm > 1000000)
        return -1;
    *out = (uint32_t)ppm;
    return 0;
}

static int block_number(const char *value, uint32_t *out)
{
    int64_t number;

    if (value == NULL || strncmp(value, "block:", 6) != 0 || integer_parse(value + 6, 0, 65535, &number) != 0)
        return -1;
    *out = (uint32_t)number;
    return 0;
}

static int plan_word(const char *word, const char *value, struct fault_plan *plan)
{
    if (strcmp(word, "loss") == 0)
        return probability(value, &plan->loss_ppm);
    if (strcmp(word, "dup") == 0)
        return probability(value, &plan->duplicate_ppm);
    if (strcmp(word, "delay") == 0)
        return value == NULL ? -1 : duration_parse(value, &plan->delay_ms);
    if (strcmp(word, "wrong-key") == 0) {
        plan->wrong_key = true;
        return value == NULL ? 0 : -1;
    }
    if (strcmp(word, "power-cut") == 0) {
        plan->power_cut = true;
        return block_number(value, &plan->power_cut_block);
    }
    if (strcmp(word, "no-limit") == 0) {
        plan->no_limit = true;
        return value == NULL ? 0 : -1;
    }
    if (strcmp(word, "weak-noise") == 0) {
        int64_t divisor;
        if (value == NULL || integer_parse(value, 2, 1000000, &divisor) != 0)
            return -1;
        plan->weak_noise = (uint32_t)divisor;
        return 0;
    }
    if (strcmp(word, "reboot-at") != 0)
        return -1;
    if (value != NULL && strcmp(value, "manifest") == 0) {
        plan->reboot_at = FAULT_AT_MANIFEST;
        return 0;
    }
    plan->reboot_at = FAULT_AT_BLOCK;
    return block_number(value, &plan->reboot_block);
}

int fault_plan_parse(const char *text, struct fault_plan *out, struct why *why)
{
    char copy[256], *rest = copy, *word;
    struct fault_plan plan = { 0 };

    if (text_copy(copy, sizeof(copy), text) != 0)
        return refuse(why, REFUSED_INVALID, "--faults", NULL, "too long");
    while ((word = strsep(&rest, ",")) != NULL) {
        char *value = strchr(word, '=');
        if (value != NULL)
            *value++ = '\0';
        if (plan_word(word, value, &plan) != 0)
            return refuse(why, REFUSED_INVALID, "--faults",
                          "use loss=P, dup=P, delay=50ms, reboot-at=manifest, reboot-at=block:K, power-cut=block:K, "
                          "wrong-key, weak-noise=N, no-limit, separated by commas",
                          "cannot read \"%s\"", word);
    }
    *out = plan;
    return 0;
}

/* ---- the network ---- */

static void hold(struct device *device, bool outgoing, int channel, const struct endpoint *peer, struct bytes datagram)
{
    uint32_t most_ms = (uint32_t)device->fleet->faults.delay_ms;
    struct held **at = &device->held;

    struct held *held =
        device->held_count >= FAULT_HELD_MAX ? NULL : (struct held *)malloc(sizeof(*held) + datagram.size);
    if (held == NULL)
        return; /* lost */
    *held = (struct held){ .due_ms = device->now_ms + dice_below(&device->dice, most_ms + 1),
                           .outgoing = outgoing,
                           .channel = channel,
                           .peer = *peer,
                           .size = datagram.size };
    memcpy(held->data, datagram.data, datagram.size);
    while (*at != NULL && (*at)->due_ms <= held->due_ms)
        at = &(*at)->next;
    held->next = *at;
    *at = held;
    device->held_count++;
}

static void pass(struct device *device, bool outgoing, int channel, const struct endpoint *peer, struct bytes datagram)
{
    const struct wire *wire = &device->fleet->wire;

    if (outgoing)
        wire->send(wire->context, channel, peer, datagram);
    else
        device_deliver(device, channel, peer, datagram);
}

static void travel(struct device *device, bool outgoing, int channel, const struct endpoint *peer,
                   struct bytes datagram)
{
    const struct fault_plan *plan = &device->fleet->faults;
    unsigned copies = 1;

    if (dice_hits(&device->dice, plan->loss_ppm))
        copies = 0;
    else if (dice_hits(&device->dice, plan->duplicate_ppm))
        copies = 2;
    for (; copies > 0; copies--) {
        if (plan->delay_ms > 0)
            hold(device, outgoing, channel, peer, datagram);
        else
            pass(device, outgoing, channel, peer, datagram);
    }
}

void faults_send(struct device *device, int channel, const struct endpoint *to, struct bytes datagram)
{
    travel(device, true, channel, to, datagram);
}

void faults_receive(struct device *device, int channel, const struct endpoint *from, struct bytes datagram)
{
    travel(device, false, channel, from, datagram);
}

void faults_release(struct device *device)
{
    while (device->held != NULL && device->held->due_ms <= device->now_ms) {
        struct held *held = device->held;
        device->held = held->next;
        device->held_count--;
        pass(device, held->outgoing, held->channel, &held->peer, bytes_view(held->data, held->size));
        free(held);
    }
}

int64_t faults_due(const struct device *device)
{
    return device->held == NULL ? INT64_MAX : device->held->due_ms;
}

static void drop_matching(struct device *device, bool all, int channel)
{
    struct held **at = &device->held;

    while (*at != NULL) {
        struct held *held = *at;
        if (!all && held->channel != channel) {
            at = &held->next;
            continue;
        }
        *at = held->next;
        free(held);
        device->held_count--;
    }
}

void faults_drop(struct device *device)
{
    drop_matching(device, true, 0);
}

void faults_drop_channel(struct device *device, int channel)
{
    drop_matching(device, false, channel);
}
