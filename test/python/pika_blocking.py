"""What applications do with pika's BlockingConnection: pika_blocking.py URL SCENARIO. Fails with a traceback."""

import datetime
import decimal
import sys
import threading
import uuid

import pika
import pika.exceptions

URL, SCENARIO = sys.argv[1:3]


def connect(path="/%2F"):
    return pika.BlockingConnection(pika.URLParameters(URL + path))


def fresh_name():
    return "test.pika." + uuid.uuid4().hex


def expect_close(code, text, action):
    """Runs action on a channel of its own and checks by what the broker closed it."""
    connection = connect()
    channel = connection.channel()
    try:
        action(channel)
    except pika.exceptions.ChannelClosedByBroker as error:
        assert error.reply_code == code, error
        assert text in error.reply_text, error
        assert connection.is_open
        connection.close()
        return
    raise AssertionError(f"the broker did not close the channel with {code}")


def publish_and_consume():
    connection = connect()
    channel = connection.channel()
    queue = fresh_name()
    channel.queue_declare(queue, durable=True)
    channel.confirm_delivery()
    persistent = pika.BasicProperties(delivery_mode=2)
    for index in range(200):
        channel.basic_publish("", queue, str(index).encode(), persistent, mandatory=True)
    assert channel.queue_declare(queue, passive=True).method.message_count == 200
    channel.basic_qos(prefetch_count=10)
    received = []
    for method, _, body in channel.consume(queue, inactivity_timeout=10):
        assert method is not None, "nothing came for ten seconds"
        received.append(int(body))
        channel.basic_ack(method.delivery_tag)
        if len(received) == 200:
            break
    assert received == list(range(200)), received
    assert channel.cancel() == 0
    assert channel.queue_delete(queue).method.message_count == 0
    connection.close()


def requeue_and_get():
    connection = connect()
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    assert queue.startswith("amq.gen-")
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"first")
    channel.basic_publish("", queue, b"second")
    method, _, body = channel.basic_get(queue)
    assert (body, method.redelivered, method.message_count) == (b"first", False, 1)
    channel.basic_nack(method.delivery_tag, requeue=True)
    method, _, body = channel.basic_get(queue)
    assert (body, method.redelivered) == (b"first", True), body
    channel.basic_ack(method.delivery_tag)
    channel.basic_get(queue, auto_ack=True)
    assert channel.basic_get(queue) == (None, None, None)
    connection.close()


def unroutable():
    channel = connect().channel()
    channel.confirm_delivery()
    try:
        channel.basic_publish("", fresh_name(), b"nowhere", mandatory=True)
    except pika.exceptions.UnroutableError as error:
        (returned,) = error.messages
        assert (returned.method.reply_code, returned.method.reply_text) == (312, "NO_ROUTE")
        assert returned.body == b"nowhere"
        return
    raise AssertionError("the message did not come back")


def refused_by_full_queue():
    channel = connect().channel()
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    queue = channel.queue_declare("", exclusive=True, arguments=arguments).method.queue
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"fits")
    try:
        channel.basic_publish("", queue, b"does not fit")
    except pika.exceptions.NackError:
        return
    raise AssertionError("the publish was not refused")


def errors():
    missing = fresh_name()
    expect_close(404, f"NOT_FOUND - no queue '{missing}' in vhost '/'", lambda c: c.queue_declare(missing, passive=True))
    expect_close(403, "ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix", lambda c: c.queue_declare("amq.x"))
    expect_close(
        406,
        "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.fanout' in vhost '/': "
        "received 'direct' but current is 'fanout'",
        lambda c: c.exchange_declare("amq.fanout", "direct", durable=True),
    )
    owner = connect()
    queue = owner.channel().queue_declare("", exclusive=True).method.queue
    expect_close(405, "RESOURCE_LOCKED - cannot obtain exclusive access", lambda c: c.queue_declare(queue, passive=True))
    try:
        connect("/nowhere")
    except pika.exceptions.ProbableAccessDeniedError as error:
        assert "(530) 'NOT_ALLOWED - vhost nowhere not found'" in str(error), error
    else:
        raise AssertionError("there is no such virtual host")


def wrong_password():
    parameters = pika.URLParameters(URL + "/%2F")
    parameters.credentials = pika.PlainCredentials(parameters.credentials.username, "not the password")
    try:
        pika.BlockingConnection(parameters)
    except pika.exceptions.ProbableAuthenticationError as error:
        assert "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN" in str(error), error
        return
    raise AssertionError("the password was taken")


def headers():
    channel = connect().channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    sent = {
        "bool": True,
        "int": 7,
        "negative": -(2**31),
        "long": 2**40,
        "decimal": decimal.Decimal("123.45"),
        "timestamp": datetime.datetime(2024, 2, 29, 12, 30, 15),
        "none": None,
        "string": "grün",
        "bytes": b"\x00\xff",
        "list": [1, "two", [3], {"four": None}],
        "table": {"a": {"b": {"c": "d"}}},
    }
    properties = pika.BasicProperties(
        content_type="text/plain",
        content_encoding="identity",
        headers=sent,
        delivery_mode=2,
        priority=3,
        correlation_id="correlation",
        reply_to="reply",
        expiration="60000",
        message_id="message",
        timestamp=1700000000,
        type="type",
        user_id=pika.URLParameters(URL).credentials.username,
        app_id="app",
    )
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"", properties)
    _, received, _ = channel.basic_get(queue, auto_ack=True)
    assert received.headers == sent, received.headers
    assert received == properties, received


def direct_reply_to():
    server = connect()
    serving = server.channel()
    queue = serving.queue_declare("", exclusive=True).method.queue

    def answer(channel, _method, properties, body):
        reply = pika.BasicProperties(correlation_id=properties.correlation_id)
        channel.basic_publish("", properties.reply_to, body.upper(), reply)
        channel.stop_consuming()

    serving.basic_consume(queue, answer, auto_ack=True)
    thread = threading.Thread(target=serving.start_consuming)
    thread.start()
    client = connect()
    channel = client.channel()
    answers = []

    def take(_channel, _method, properties, body):
        answers.append((properties.correlation_id, body))

    channel.basic_consume("amq.rabbitmq.reply-to", take, auto_ack=True)
    request = pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id="42")
    channel.basic_publish("", queue, b"question", request)
    while not answers:
        client.process_data_events(time_limit=10)
    assert answers == [("42", b"QUESTION")], answers
    thread.join(10)
    assert not thread.is_alive()


def transactions():
    connection = connect()
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    watching = connection.channel()

    def ready():
        return watching.queue_declare(queue, passive=True).method.message_count

    channel.tx_select()
    channel.basic_publish("", queue, b"one")
    channel.basic_publish("", queue, b"two")
    assert ready() == 0
    channel.tx_commit()
    assert ready() == 2
    channel.basic_publish("", queue, b"three")
    channel.tx_rollback()
    assert ready() == 2


def large_body():
    channel = connect().channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    body = bytes(range(256)) * 4096 * 5
    channel.confirm_delivery()
    channel.basic_publish("", queue, body)
    _, _, received = channel.basic_get(queue, auto_ack=True)
    assert received == body


def cancelled_by_broker():
    connection = connect()
    channel = connection.channel()
    queue = fresh_name()
    channel.queue_declare(queue)
    cancelled = []
    channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
    tag = channel.basic_consume(queue, lambda *_: None)
    connection.channel().queue_delete(queue)
    while not cancelled:
        connection.process_data_events(time_limit=10)
    assert cancelled == [tag], cancelled


def heartbeats():
    parameters = pika.URLParameters(URL + "/%2F?heartbeat=1")
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    # Two and a half intervals in which the client sends nothing but heartbeats.
    connection.sleep(2.5)
    channel.queue_declare("", exclusive=True)
    connection.close()


globals()[SCENARIO]()
print("fine")
