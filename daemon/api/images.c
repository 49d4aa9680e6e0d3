/* images.c - /v1/images: signed bundles come in as they are; the rules verify them. */
#include "daemon/core/image.h"

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"

static json_t *image_json(const struct image *image)
{
    return json_pack("{s:I,s:o,s:o,s:o,s:s,s:o,s:o,s:o,s:I,s:o,s:o,s:o}", "id", (json_int_t)image->id, "tenant",
                     json_words(image->tenant), "name", json_words(image->name), "version", json_words(image->version),
                     "type", image->type, "sensor", json_words_or_null(image->sensor), "helpers",
                     json_list(image->helpers), "digest", json_hex(image->digest, sizeof(image->digest)), "size_bytes",
                     (json_int_t)image->size, "bundle_digest",
                     json_hex(image->bundle_digest, sizeof(image->bundle_digest)), "signer",
                     json_hex(image->signer, sizeof(image->signer)), "created_at", json_time(image->created_ms));
}

static int add_image(void *context, const struct image *image)
{
    return listing_add(context, image->id, image_json(image));
}

int images_list(struct request *request, struct why *why)
{
    struct listing listing;

    int r = listing_begin(&listing, request, why);
    if (r == 0)
        r = image_list(request->core, &request->caller, listing.page, add_image, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

int images_push(struct request *request, struct why *why)
{
    struct image image;

    int r = image_admit(request->core, &request->caller, target_query(request, "tenant"), buffer_view(&request->raw),
                        &image, why);
    if (r != 0)
        return r;
    reply_location(&request->reply, "/v1/images/%s/%s?tenant=%s", location_part(image.name).text,
                   location_part(image.version).text, location_part(image.tenant).text);
    return reply_json(&request->reply, 201, image_json(&image));
}

int images_get(struct request *request, struct why *why)
{
    struct image image;

    int r = image_get(request->core, &request->caller, target_query(request, "tenant"), request->path[0],
                      request->path[1], &image, why);
    return r != 0 ? r : reply_json(&request->reply, 200, image_json(&image));
}
