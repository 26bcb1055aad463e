"""MiniStack whose conditional writes are one step each, as DynamoDB's are.

Its executions are threads that call its DynamoDB directly (1.5.33), and an item may change there between the look at a
condition and the write: two executions then hold one lock.
"""

import functools
import threading

from ministack import app
from ministack.services import dynamodb

_turn = threading.Lock()


def one_at_a_time(operation):
    @functools.wraps(operation)
    def in_turn(request):
        with _turn:
            return operation(request)

    return in_turn


if __name__ == "__main__":
    for name in ("_put_item", "_update_item"):
        setattr(dynamodb, name, one_at_a_time(getattr(dynamodb, name)))
    app.main()
