"""What applications do with stomp.py: stomp_scenarios.py HOST PORT USER PASSWORD SCENARIO. Fails with a traceback."""

import queue
import sys
import uuid

import stomp

HOST, PORT, USER, PASSWORD, SCENARIO = sys.argv[1:6]
PATIENCE_SECONDS = 15
CONNECTIONS = {"1.0": stomp.StompConnection10, "1.1": stomp.StompConnection11, "1.2": stomp.StompConnection12}


class Frames(stomp.ConnectionListener):
    """Puts what arrives into queues, to be waited for."""

    def __init__(self):
        self.connected, self.messages, self.receipts, self.errors = (queue.Queue() for _ in range(4))
        self.disconnected = queue.Queue()

    def on_connected(self, frame):
        self.connected.put(frame)

    def on_message(self, frame):
        self.messages.put(frame)

    def on_receipt(self, frame):
        self.receipts.put(frame.headers["receipt-id"])

    def on_error(self, frame):
        self.errors.put(frame)

    def on_disconnected(self):
        self.disconnected.put(True)

    def message(self):
        return self.messages.get(timeout=PATIENCE_SECONDS)

    def receipt(self, expected):
        receipt = self.receipts.get(timeout=PATIENCE_SECONDS)
        assert receipt == expected, receipt


def connect(version="1.2", password=PASSWORD, **options):
    # From 1.1 on stomp.py takes the name of the machine for the virtual host unless it is told another.
    virtual_host = {} if version == "1.0" else {"vhost": "/"}
    connection = CONNECTIONS[version]([(HOST, int(PORT))], reconnect_attempts_max=1, **virtual_host, **options)
    frames = Frames()
    connection.set_listener("", frames)
    connection.connect(USER, password)
    return connection, frames


def fresh_destination(kind="queue"):
    return f"/{kind}/test.stomp.{uuid.uuid4().hex}"


def leave(connection, frames):
    connection.disconnect(receipt="bye")
    frames.receipt("bye")
    assert frames.errors.empty(), frames.errors.get()


def versions():
    for version in CONNECTIONS:
        connection, frames = connect(version)
        connected = frames.connected.get(timeout=PATIENCE_SECONDS)
        assert connected.headers.get("version", "1.0") == version, connected.headers
        destination = fresh_destination()
        connection.subscribe(destination, id="1", ack="auto")
        # Escapes came with 1.1.
        odd = "plain" if version == "1.0" else "a:b\\c\nd"
        connection.send(destination, "grün", content_type="text/plain", receipt="sent", odd=odd)
        message = frames.message()
        assert message.body == "grün", message.body
        assert message.headers["odd"] == odd, message.headers
        assert message.headers["content-type"] == "text/plain", message.headers
        assert message.headers["destination"] == destination, message.headers
        frames.receipt("sent")
        leave(connection, frames)


def receipts_and_order():
    connection, frames = connect()
    destination = fresh_destination()
    for index in range(200):
        connection.send(destination, str(index), persistent="true", receipt=f"r{index}")
    for index in range(200):
        frames.receipt(f"r{index}")
    connection.subscribe(destination, id="1", ack="client-individual", headers={"prefetch-count": "10"})
    for index in range(200):
        message = frames.message()
        assert message.body == str(index), message.body
        assert message.headers["persistent"] == "true", message.headers
        connection.ack(message.headers["ack"])
    leave(connection, frames)


def acknowledge_and_refuse():
    destination = fresh_destination()
    first, first_frames = connect("1.1")
    for text in ("one", "two", "three"):
        first.send(destination, text)
    first.subscribe(destination, id="7", ack="client-individual")
    one, two, three = (first_frames.message() for _ in range(3))
    first.ack(one.headers["message-id"], "7")
    first.nack(two.headers["message-id"], "7", requeue="false")
    leave(first, first_frames)
    second, second_frames = connect("1.2")
    second.subscribe(destination, id="7", ack="client")
    message = second_frames.message()
    assert (message.body, message.headers["redelivered"]) == (three.body, "true"), message
    second.ack(message.headers["ack"], receipt="settled")
    second_frames.receipt("settled")
    leave(second, second_frames)


def transactions():
    connection, frames = connect()
    destination = fresh_destination()
    connection.subscribe(destination, id="1")
    aborted = connection.begin()
    connection.send(destination, "aborted", transaction=aborted)
    connection.abort(aborted)
    committed = connection.begin()
    connection.send(destination, "one", transaction=committed)
    connection.send(destination, "outside")
    assert frames.message().body == "outside"
    connection.commit(committed)
    assert frames.message().body == "one"
    leave(connection, frames)


def binary_body():
    connection, frames = connect(auto_decode=False)
    destination = fresh_destination()
    body = bytes(range(256)) * 4096
    connection.subscribe(destination, id="1")
    connection.send(destination, body)
    assert frames.message().body == body
    leave(connection, frames)


def durable_subscription():
    destination = fresh_destination("topic")
    durable = {"durable": "true", "auto-delete": "false"}
    first, first_frames = connect()
    first.subscribe(destination, id="kept", headers=durable, receipt="subscribed")
    first_frames.receipt("subscribed")
    leave(first, first_frames)
    publisher, publisher_frames = connect()
    publisher.send(destination, "missed", receipt="sent")
    publisher_frames.receipt("sent")
    leave(publisher, publisher_frames)
    second, second_frames = connect()
    second.subscribe(destination, id="kept", headers=durable)
    assert second_frames.message().body == "missed"
    second.unsubscribe(id="kept", headers={"durable": "true"}, receipt="gone")
    second_frames.receipt("gone")
    leave(second, second_frames)


def wrong_password():
    connection, frames = connect(password="not the password")
    error = frames.errors.get(timeout=PATIENCE_SECONDS)
    assert error.headers["message"] == "Bad CONNECT", error.headers
    assert "Access refused for user" in error.body, error.body
    assert not connection.is_connected() or frames.disconnected.get(timeout=PATIENCE_SECONDS)


def unknown_destination():
    connection, frames = connect()
    connection.send("/nowhere/else", "lost", receipt="never")
    error = frames.errors.get(timeout=PATIENCE_SECONDS)
    assert error.headers["message"] == "Unknown destination", error.headers
    assert "'/nowhere/else' is not a valid destination" in error.body, error.body
    assert frames.receipts.empty()
    connection.disconnect()


def heartbeats():
    connection, frames = connect(heartbeats=(1000, 1000))
    assert frames.connected.get(timeout=PATIENCE_SECONDS).headers["heart-beat"] != "0,0"
    beats = queue.Queue()
    frames.on_heartbeat = lambda: beats.put(True)
    # The server's; the client's own go out from another thread meanwhile.
    for _ in range(3):
        beats.get(timeout=PATIENCE_SECONDS)
    assert connection.is_connected() and frames.disconnected.empty()
    leave(connection, frames)


globals()[SCENARIO]()
print("fine")
