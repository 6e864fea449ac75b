"""
Starts moto, with three defects of 5.1.1 mended: as installed it loses acknowledged transactions of DynamoDB and messages of SQS.
Its arguments are those of moto_server.
"""

import base64
import json
import sys
import threading
import types

import moto.dynamodb.exceptions
import moto.dynamodb.responses
import moto.sqs.models
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

# A delete makes the list of messages anew, without one that was sent meanwhile. Those who send hold the lock of the queue.
queue = moto.sqs.models.Queue
delete_message = queue.delete_message


def delete_message_alone(self, receipt_handle):
    with self._messages_lock:
        return delete_message(self, receipt_handle)


queue.delete_message = delete_message_alone

main(sys.argv[1:])
