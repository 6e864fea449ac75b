"""
Starts moto, with two defects of 5.1.1 mended: as installed it loses acknowledged transactions, which real DynamoDB does not.
Its arguments are those of moto_server.
"""

import base64
import json
import sys
import threading
import types

import moto.dynamodb.exceptions
import moto.dynamodb.responses
from moto.server import main


def encode_bytes(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value)} is no JSON")


# The old item of a failed condition may have a binary attribute. Its own encoder knows none, and it answers 500.
moto.dynamodb.exceptions.json = types.SimpleNamespace(
    loads=json.loads,
    dumps=lambda value, **options: json.dumps(value, default=encode_bytes, **options),
)

# A transaction that fails puts back a copy of all tables, and so undoes what other requests have written meanwhile.
lock = threading.RLock()
handler = moto.dynamodb.responses.DynamoHandler
call_action = handler.call_action


def call_action_alone(self):
    with lock:
        return call_action(self)


handler.call_action = call_action_alone

main(sys.argv[1:])
