/* token.h - what the verdicts on tokens and grants suppose of their recipient. */
#ifndef TINYPART_TESTS_CORPUS_TOKEN_H
#define TINYPART_TESTS_CORPUS_TOKEN_H

#define RECIPIENT_NOW       1767225600u /* 2026-01-01 */
#define TOKEN_AUDIENCE_NAME "sensor-1"
#define GRANT_EXTERNAL      "tinypart grant"

#endif
