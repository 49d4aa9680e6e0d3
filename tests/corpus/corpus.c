/* corpus.c - which kinds there are, and how an entry's number becomes a message. */
#include "tests/corpus/corpus.h"

#include <stdio.h>

#include "tests/corpus/kinds.h"

const struct corpus_kind *const corpus_kinds[] = {
    &kind_cbor,       &kind_cbor_deterministic,
    &kind_coap,       &kind_link_format,
    &kind_senml_json, &kind_senml_cbor,
    &kind_cose_sign1, &kind_suit37,
    &kind_suit_riot,  &kind_report,
    &kind_bundle,     &kind_policy,
    &kind_container,  &kind_cose_sign,
    &kind_cose_mac0,  &kind_hss,
    &kind_token,      &kind_grant,
    &kind_wasm,
};
const size_t corpus_kind_count = sizeof corpus_kinds / sizeof corpus_kinds[0];

void corpus_make(uint64_t seed, uint64_t number, struct making *making, struct corpus_entry *out)
{
    const struct corpus_kind *kind = corpus_kinds[number % corpus_kind_count];
    uint64_t turn = number / corpus_kind_count;

    out->kind = kind;
    out->how = &kind->cases[turn % kind->case_count];
    out->seed = random_mix(random_mix(seed) ^ number);
    random_seed(&making->random, out->seed);
    making->out.size = 0;
    making->round = turn / kind->case_count;
    out->how->make(making);
    snprintf(out->file, sizeof out->file, "%s/%05llu-%s.%s", kind->name, (unsigned long long)number, out->how->name,
             kind->ending);
    out->data = making->out.data;
    out->size = making->out.size;
}
