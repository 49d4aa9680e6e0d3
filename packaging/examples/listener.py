#!/usr/bin/env python3
"""An HTTP listener as a tenant's cloud may have: appends every delivery to a file, one line each.

    listener.py FILE [PORT]     prints its URL; PORT 0 (the default) takes a free one
"""
import http.server
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with open(sys.argv[1], "a", encoding="utf-8") as file:
            file.write(body.replace("\n", " ") + "\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
print(f"http://127.0.0.1:{server.server_port}/in", flush=True)
server.serve_forever()
