# Writes OUT, a C file that holds every FOLDER/NNNN_name.sql as bytes, with its SHA-256. NNNN counts from 0001 without a
# gap, so that a forgotten or doubled number stops the build and not the daemon.
file(GLOB paths ${FOLDER}/*.sql)
list(SORT paths)
set(arrays "")
set(rows "")
set(version 0)
foreach(path ${paths})
  get_filename_component(name ${path} NAME_WE)
  math(EXPR version "${version} + 1")
  string(REGEX MATCH "^[0-9][0-9][0-9][0-9]" number ${name})
  string(REGEX REPLACE "^0+" "" number "${number}")
  if(NOT number STREQUAL version)
    message(FATAL_ERROR "${path}: expected migration number ${version}")
  endif()
  file(SHA256 ${path} hash)
  file(READ ${path} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
  string(APPEND arrays "static const char sql_${version}[] = {\n${bytes}0x00 };\n")
  string(APPEND rows "    { ${version}, \"${name}\", \"${hash}\", sql_${version} },\n")
endforeach()
file(WRITE ${OUT} "/* Made from schema/sql/sqlite by embed_migrations.cmake. */
#include \"daemon/store_sqlite/migration.h\"

${arrays}
const struct migration migrations[] = {
${rows}};
const size_t migration_count = sizeof migrations / sizeof migrations[0];
")
