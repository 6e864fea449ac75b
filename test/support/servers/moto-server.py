"""
Starts moto, with three defects of 5.1.1 mended: as installed it loses acknowledged transactions of DynamoDB and messages of SQS.
It also spends less time on each request. Its arguments are those of moto_server.
"""

import base64
import collections
import copy
import functools
import json
import sys
import threading
import types

# It is imported when EventBridge is asked first, and would be missing only then.
import jsonpath_ng  # noqa: F401
import moto.backends
import moto.dynamodb.exceptions
import moto.dynamodb.models
import moto.dynamodb.responses
import moto.sqs.models
import werkzeug.serving
from moto.dynamodb.models.dynamo_type import DynamoType, LimitedSizeDict
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

# A transaction that fails puts back a copy of all tables, and so undoes what other requests have written meanwhile. And each transaction
# makes that copy. Here it copies its items alone, and puts back these.
models = moto.dynamodb.models
models.copy = types.SimpleNamespace(
    deepcopy=lambda value: value if isinstance(value, collections.OrderedDict) else copy.deepcopy(value),
)
backend = models.DynamoDBBackend
transact_write_items = backend.transact_write_items


def places(backend, transact_items):
    """The table and the key of each item of a transaction that has both."""
    for write in (write for item in transact_items for write in item.values()):
        table = backend.tables.get(write["TableName"])
        key = write.get("Key") or write["Item"]
        if table is not None and all(name in key for name in table.table_key_attrs):
            yield table, [DynamoType(key[name]) for name in table.table_key_attrs]


def put_back(table, key, item):
    *path, last = key
    items = functools.reduce(lambda found, part: found[part], path, table.items)
    if item is None:
        items.pop(last, None)
    else:
        items[last] = item


def transact_or_undo(self, transact_items):
    before = [(table, key, copy.deepcopy(table.get_item(*key))) for table, key in places(self, transact_items)]
    try:
        transact_write_items(self, transact_items)
    except Exception:
        for place in before:
            put_back(*place)
        raise


backend.transact_write_items = transact_or_undo

# A request may find a transaction half done.
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

# Each item that is read is copied, by a copy that measures all attributes for each of them.
LimitedSizeDict.__deepcopy__ = lambda self, memo: LimitedSizeDict(copy.deepcopy(dict(self), memo))
DynamoType.__deepcopy__ = lambda self, memo: DynamoType({self.type: copy.deepcopy(self.value, memo)})

# No one reads the log of requests. Each request would list the folders of all services.
werkzeug.serving.WSGIRequestHandler.log_request = lambda self, *arguments: None
modules = list(moto.backends.list_of_moto_modules())
moto.backends.list_of_moto_modules = lambda: modules

main(sys.argv[1:])
