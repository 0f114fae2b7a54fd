"""Serves the function with Lambda's invoke API, on a port of this machine: python3 serve.py [<port>]"""

import json
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import app


class Invocations(BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        # The part before "invocations" names the function.
        function = {"invoices": app.handler, "reminders": app.remind}[self.path.split("/")[-2]]
        try:
            result = function(event, None)
        except Exception as error:
            traceback.print_exc()
            self.send_header("x-amz-function-error", "Unhandled")
            result = {"errorType": type(error).__name__, "errorMessage": str(error)}
        body = json.dumps(result).encode()
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9001), Invocations)
print(f"http://127.0.0.1:{server.server_port}/2015-03-31/functions/invoices/invocations", flush=True)
server.serve_forever()
