/* The table of routes and the description are one. */
#include "rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "daemon/api/route.h"

static json_t *description(void)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/schema/openapi.json", getenv("TINYPART_SOURCE"));
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static json_t *operation_of(const json_t *document, const struct route *route)
{
    char method[8];

    snprintf(method, sizeof(method), "%s", route->method);
    for (char *at = method; *at != '\0'; at++)
        *at = (char)(*at | 0x20);
    return json_object_get(json_object_get(json_object_get(document, "paths"), route->pattern), method);
}

static void every_route_is_described(void **state)
{
    json_t *document = description();

    (void)state;
    for (size_t i = 0; i < route_count; i++)
        if (operation_of(document, &routes[i]) == NULL)
            fail_msg("%s %s is not in schema/openapi.json", routes[i].method, routes[i].pattern);
    json_decref(document);
}

static void every_description_has_a_route(void **state)
{
    json_t *document = description();
    const char *pattern, *method;
    json_t *methods, *operation;

    (void)state;
    json_object_foreach(json_object_get(document, "paths"), pattern, methods)
    {
        json_object_foreach(methods, method, operation)
        {
            bool found = false;
            for (size_t i = 0; i < route_count; i++)
                found = found || (strcmp(routes[i].pattern, pattern) == 0 && strcasecmp(routes[i].method, method) == 0);
            if (!found)
                fail_msg("%s %s has no route", method, pattern);
        }
    }
    json_decref(document);
}

static const json_t *parameter_of(const json_t *document, const json_t *parameter)
{
    const char *reference = json_string_value(json_object_get(parameter, "$ref"));

    if (reference == NULL)
        return parameter;
    return json_object_get(json_object_get(json_object_get(document, "components"), "parameters"),
                           strrchr(reference, '/') + 1);
}

static void query_parameters_are_the_described_ones(void **state)
{
    json_t *document = description();

    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        const json_t *parameters = json_object_get(operation_of(document, &routes[i]), "parameters");
        size_t known = 0, described = 0, index;
        const json_t *item;

        for (const char *at = routes[i].query; (at = strpbrk(at, "abcdefghijklmnopqrstuvwxyz_")) != NULL;
             at += strcspn(at, " "))
            known++;
        json_array_foreach(parameters, index, item)
        {
            char padded[64];
            const json_t *parameter = parameter_of(document, item);
            if (strcmp(text_of(parameter, "in"), "query") != 0)
                continue;
            snprintf(padded, sizeof(padded), " %s ", text_of(parameter, "name"));
            if (strstr(routes[i].query, padded) == NULL)
                fail_msg("%s %s does not know%s", routes[i].method, routes[i].pattern, padded);
            described++;
        }
        if (known != described)
            fail_msg("%s %s knows more query parameters than described", routes[i].method, routes[i].pattern);
    }
    json_decref(document);
}

/* The members of a body's schema are the fields of its form, and the required ones are the same. */
static void compare_form(const struct route *route, const json_t *schema)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    size_t count = 0;

    for (size_t i = 0; i < route->form->count; i++) {
        const struct field *field = &route->form->fields[i];
        if (json_object_get(properties, field->name) == NULL)
            fail_msg("%s %s: %s is not described", route->method, route->pattern, field->name);
        count += field->required;
        size_t index;
        const json_t *name;
        bool found = false;
        json_array_foreach(required, index, name) found = found || strcmp(json_string_value(name), field->name) == 0;
        if (found != field->required)
            fail_msg("%s %s: %s is required in one place only", route->method, route->pattern, field->name);
    }
    assert_int_equal(json_object_size(properties), route->form->count);
    assert_int_equal(json_array_size(required), count);
}

static void bodies_are_the_described_ones(void **state)
{
    json_t *document = description();
    const json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");

    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        const json_t *content =
            json_object_get(json_object_get(operation_of(document, &routes[i]), "requestBody"), "content");
        const char *media;
        json_t *entry;

        assert_true((content != NULL) == (routes[i].form != NULL || routes[i].media != NULL));
        json_object_foreach((json_t *)(uintptr_t)content, media, entry)
        {
            assert_true(route_takes(&routes[i], media));
            const char *reference = json_string_value(json_object_get(json_object_get(entry, "schema"), "$ref"));
            if (reference != NULL)
                compare_form(&routes[i], json_object_get(schemas, strrchr(reference, '/') + 1));
        }
    }
    json_decref(document);
}

static void the_daemon_serves_its_description(void **state)
{
    json_t *document = description();
    json_t *served = expect(*state, 200, "GET", "/v1/openapi.json", NULL);

    assert_true(json_equal(document, served));
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described),
        cmocka_unit_test(every_description_has_a_route),
        cmocka_unit_test(query_parameters_are_the_described_ones),
        cmocka_unit_test(bodies_are_the_described_ones),
        cmocka_unit_test_setup_teardown(the_daemon_serves_its_description, rest_setup, rest_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
