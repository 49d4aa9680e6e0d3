/* statement.h - what a signature under an export covers.
 * An export is a file of JSON lines, each with its keys in order and nothing between them. The last but one is the
 * statement: {"kind":"statement","lines":[[KIND, how many, SHA-256 of those lines, newlines included], ...],"of":...}.
 * The last is {"cose_sign1":HEX,"kind":"signature"}: a COSE_Sign1 without payload over the statement's bytes, without
 * its newline, with external data that no other document of tinypart has. */
#ifndef TINYPART_BASE_STATEMENT_H
#define TINYPART_BASE_STATEMENT_H

#define STATEMENT_AAD      "tinypart statement"
#define STATEMENT_SIZE_MAX 4096

#endif
