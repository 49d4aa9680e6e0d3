/* kinds.h - every kind of message that the corpus has; corpus.c lists them. */
#ifndef TINYPART_TESTS_CORPUS_KINDS_H
#define TINYPART_TESTS_CORPUS_KINDS_H

#include "tests/corpus/corpus.h"

extern const struct corpus_kind kind_cbor, kind_cbor_deterministic, kind_coap, kind_link_format, kind_senml_json,
    kind_senml_cbor, kind_cose_sign1, kind_suit37, kind_suit_riot, kind_report, kind_bundle, kind_policy,
    kind_container, kind_cose_sign, kind_cose_mac0, kind_hss, kind_token, kind_grant, kind_wasm;

#endif
