/* api.c - the listeners of one daemon. */
#include "daemon/api/api.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/api/server.h"
#include "daemon/base/cleanup.h"
#include "daemon/core/ports/clock.h"

enum { TLS_FILE_SIZE_MAX = 1 << 18 };

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* A PEM file's text; it holds a private key or a chain of certificates. */
static int read_pem(const char *path, char **out, struct why *why)
{
    struct stat about;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &about) != 0)
        return refuse(why, REFUSED_INVALID, "tls", NULL, "%.200s cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode) || about.st_size == 0 || about.st_size > TLS_FILE_SIZE_MAX)
        return refuse(why, REFUSED_INVALID, "tls", "name a PEM file", "%.200s is no PEM file", path);
    char *text = calloc(1, (size_t)about.st_size + 1);
    if (text == NULL)
        return -ENOMEM;
    if (read(fd, text, (size_t)about.st_size) != about.st_size) {
        free(text);
        return -EIO;
    }
    *out = text;
    return 0;
}

static int read_tls(struct api *api, struct why *why)
{
    const struct api_settings *settings = api->settings;

    if (!is_given(settings->tls_cert_path) && !is_given(settings->tls_key_path))
        return 0;
    if (!is_given(settings->tls_cert_path) || !is_given(settings->tls_key_path))
        return refuse(why, REFUSED_INVALID, "tls", "give both, or none", "TLS needs a certificate and its private key");
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return refuse(why, REFUSED_INVALID, "tls", "use a TLS proxy and listen on loopback",
                      "this machine's libmicrohttpd has no TLS");
    int r = read_pem(settings->tls_cert_path, &api->tls_cert, why);
    return r != 0 ? r : read_pem(settings->tls_key_path, &api->tls_key, why);
}

static struct listener *next_listener(struct api *api, bool is_unix)
{
    struct listener *listener = &api->listeners[api->listener_count++];

    listener->is_unix = is_unix;
    return listener;
}

static int start_unix(struct api *api, struct why *why)
{
    const struct api_settings *settings = api->settings;
    int fd;

    if (settings->unix_fd >= 0) {
        int r = fcntl(settings->unix_fd, F_SETFL, O_NONBLOCK) != 0 ? -errno : 0;
        if (r == 0)
            r = http_start(api, next_listener(api, true), settings->unix_fd, why);
        if (r != 0)
            return r;
    }
    if (!is_given(settings->unix_path))
        return 0;
    int r = listen_unix(settings, &fd, why);
    if (r != 0)
        return r;
    struct listener *listener = next_listener(api, true);
    listener->is_own = true;
    return http_start(api, listener, fd, why);
}

static int start_tcp(struct api *api, struct why *why)
{
    int fd;

    if (!is_given(api->settings->tcp_address))
        return 0;
    int r = listen_tcp(api->settings, &fd, &api->tcp_port, why);
    return r != 0 ? r : http_start(api, next_listener(api, false), fd, why);
}

int api_new(struct core *core, struct loop *loop, const struct api_settings *settings, struct api **out,
            struct why *why)
{
    struct api *api = calloc(1, sizeof(*api));
    if (api == NULL)
        return -ENOMEM;
    api->core = core;
    api->loop = loop;
    api->settings = settings;
    api->started_ms = clock_now_ms(core->clock);
    int r = read_tls(api, why);
    if (r == 0)
        r = start_unix(api, why);
    if (r == 0)
        r = start_tcp(api, why);
    if (r != 0) {
        api_free(api);
        return r;
    }
    *out = api;
    return 0;
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    runs_drop(api);
    for (size_t i = 0; i < api->listener_count; i++) {
        http_stop(&api->listeners[i]);
        if (api->listeners[i].is_own)
            unlink(api->settings->unix_path);
    }
    if (api->tls_key != NULL)
        explicit_bzero(api->tls_key, strlen(api->tls_key));
    free(api->tls_cert);
    free(api->tls_key);
    free(api);
}

uint16_t api_tcp_port(const struct api *api)
{
    return api->tcp_port;
}
