import json
from urllib.parse import parse_qs, urlsplit

from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports import types as http


def read(request):
    body = request.consume()
    pieces = []
    with body.stream() as stream:
        while True:
            try:
                pieces.append(stream.blocking_read(65536))
            except Exception:
                break
    http.IncomingBody.finish(body)
    return b"".join(pieces)


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request, response_out):
        url = urlsplit(request.path_with_query() or "/")
        seen = {
            "method": type(request.method()).__name__.removeprefix("Method_").upper(),
            "path": url.path,
            "names": sorted(parse_qs(url.query)),
            "contents": read(request).decode().upper(),
            "squares": [n * n for n in (1, 2, 3)],
        }
        headers = http.Fields.from_list([("content-type", b"application/json")])
        response = http.OutgoingResponse(headers)
        body = response.body()
        http.ResponseOutparam.set(response_out, Ok(response))
        text = json.dumps(seen, separators=(",", ":")).encode()
        with body.write() as stream:
            # So much at once, and no more, may be written and waited for.
            for at in range(0, len(text), 4096):
                stream.blocking_write_and_flush(text[at : at + 4096])
        http.OutgoingBody.finish(body, None)
