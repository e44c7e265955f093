"""What applications do with paho-mqtt: paho_scenarios.py HOST PORT USER PASSWORD SCENARIO. Fails with a traceback."""

import queue
import sys
import uuid

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

HOST, PORT, USER, PASSWORD, SCENARIO = sys.argv[1:6]
PATIENCE_SECONDS = 15
VERSIONS = {"3.1": paho.MQTTv31, "3.1.1": paho.MQTTv311, "5": paho.MQTTv5}


class Client:
    """A paho client whose callbacks fill queues, to be waited for."""

    def __init__(self, version="5", client_id=None, clean=True, **options):
        self.is_v5 = version == "5"
        # Version 3.1 allows 23 characters.
        client_id = uuid.uuid4().hex[:23] if client_id is None else client_id
        session = {} if self.is_v5 else {"clean_session": clean}
        self.paho = paho.Client(client_id, protocol=VERSIONS[version], **session)
        self.paho.username_pw_set(USER, options.pop("password", PASSWORD))
        self.connected, self.messages, self.published, self.subscribed = (queue.Queue() for _ in range(4))
        self.disconnected = queue.Queue()
        self.paho.on_connect = lambda *args: self.connected.put(args[2:])
        self.paho.on_message = lambda _client, _data, message: self.messages.put(message)
        self.paho.on_publish = lambda _client, _data, packet_id: self.published.put(packet_id)
        self.paho.on_subscribe = lambda *args: self.subscribed.put(args[2:])
        self.paho.on_disconnect = lambda *args: self.disconnected.put(args[2:])
        if "will" in options:
            self.paho.will_set(**options.pop("will"))
        connecting = {"clean_start": clean, "properties": options.pop("properties", None)} if self.is_v5 else {}
        assert not options, options
        self.paho.connect(HOST, int(PORT), keepalive=60, **connecting)
        self.paho.loop_start()
        flags, code, *_ = self.connected.get(timeout=PATIENCE_SECONDS)
        self.session_present = flags["session present"] == 1
        self.code = code if isinstance(code, int) else code.value

    def subscribe(self, topic, qos=0, **options):
        result, packet_id = self.paho.subscribe(topic, qos, **options)
        assert result == paho.MQTT_ERR_SUCCESS, result
        answer = self.subscribed.get(timeout=PATIENCE_SECONDS)
        assert answer[0] == packet_id, answer
        return [code if isinstance(code, int) else code.value for code in answer[1]]

    def publish(self, topic, payload, qos=0, **options):
        information = self.paho.publish(topic, payload, qos, **options)
        information.wait_for_publish(PATIENCE_SECONDS)
        assert information.is_published(), topic

    def message(self):
        return self.messages.get(timeout=PATIENCE_SECONDS)

    def leave(self):
        self.paho.disconnect()
        self.disconnected.get(timeout=PATIENCE_SECONDS)
        self.paho.loop_stop()
        assert self.messages.empty(), self.messages.get()

    def die(self):
        """The socket is closed without a word."""
        self.paho.loop_stop()
        self.paho.socket().close()


def properties(packet_type, **values):
    result = Properties(packet_type)
    for name, value in values.items():
        setattr(result, name, value)
    return result


def fresh_topic():
    return f"test/paho/{uuid.uuid4().hex}"


def versions_and_levels():
    for version in VERSIONS:
        client = Client(version)
        assert client.code == 0, client.code
        for qos in (0, 1, 2):
            topic = f"{fresh_topic()}/{qos}"
            assert client.subscribe(topic, qos) == [qos]
            client.publish(topic, "grün", qos)
            message = client.message()
            assert (message.topic, message.payload.decode(), message.qos) == (topic, "grün", qos), message
            assert not message.retain and not message.dup, message
        client.leave()


def order():
    for qos in (0, 1, 2):
        topic = fresh_topic()
        reader, writer = Client("3.1.1"), Client("5")
        reader.subscribe(topic, qos)
        for index in range(300):
            writer.paho.publish(topic, str(index), qos)
        for index in range(300):
            assert reader.message().payload == str(index).encode(), index
        writer.leave()
        reader.leave()


def binary_body():
    client, topic = Client("3.1.1"), fresh_topic()
    body = bytes(range(256)) * 8192
    client.subscribe(topic, 2)
    client.publish(topic, body, 2)
    assert client.message().payload == body
    client.leave()


def persistent_session():
    for version in VERSIONS:
        topic, client_id = fresh_topic(), uuid.uuid4().hex[:23]
        kept = {"properties": properties(PacketTypes.CONNECT, SessionExpiryInterval=600)} if version == "5" else {}
        first = Client(version, client_id, clean=False, **kept)
        assert not first.session_present
        first.subscribe(topic, 2)
        first.leave()
        writer = Client(version)
        for qos in (1, 2):
            writer.publish(topic, f"missed {qos}", qos)
        writer.leave()
        second = Client(version, client_id, clean=False, **kept)
        assert second.session_present or version == "3.1"
        received = {(second.message().payload.decode(), qos) for qos in (1, 2)}
        assert {text for text, _ in received} == {"missed 1", "missed 2"}, received
        second.leave()
        third = Client(version, client_id)
        assert not third.session_present
        third.leave()


def retained():
    client, topic = Client("5"), fresh_topic()
    client.publish(f"{topic}/a", "kept", 1, retain=True)
    client.subscribe(f"{topic}/#", 1)
    message = client.message()
    assert (message.payload, message.retain) == (b"kept", True), message
    client.publish(f"{topic}/a", "", 1, retain=True)
    message = client.message()
    assert (message.payload, message.retain) == (b"", False), message
    client.subscribe(f"{topic}/+", 1)
    client.leave()


def will():
    for version in VERSIONS:
        watcher, topic = Client("5"), fresh_topic()
        watcher.subscribe(topic, 1)
        mortal = Client(version, will={"topic": topic, "payload": "gone", "qos": 1})
        mortal.die()
        assert watcher.message().payload == b"gone"
        Client(version, will={"topic": topic, "payload": "never", "qos": 1}).leave()
        watcher.publish(topic, "end", 1)
        assert watcher.message().payload == b"end"
        watcher.leave()


def version_5_properties():
    client, topic = Client("5"), fresh_topic()
    identifier = properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=7)
    options = SubscribeOptions(qos=1, noLocal=False)
    client.subscribe(topic, options=options, properties=identifier, qos=0)
    pairs = [("colour", "red"), ("size", "1"), ("colour", "green")]
    sent = properties(
        PacketTypes.PUBLISH,
        PayloadFormatIndicator=1,
        MessageExpiryInterval=600,
        ContentType="text/plain",
        ResponseTopic="answers/7",
        CorrelationData=b"\x00\xff",
    )
    for pair in pairs:
        sent.UserProperty = pair
    client.publish(topic, "body", 1, properties=sent)
    got = client.message().properties
    assert got.PayloadFormatIndicator == 1
    assert got.MessageExpiryInterval == 600
    assert got.ContentType == "text/plain"
    assert got.ResponseTopic == "answers/7"
    assert got.CorrelationData == b"\x00\xff"
    assert got.UserProperty == pairs, got.UserProperty
    assert got.SubscriptionIdentifier == [7], got.SubscriptionIdentifier
    client.leave()


def no_local_and_shared():
    topic = fresh_topic()
    members = [Client("5"), Client("5")]
    for member in members:
        assert member.subscribe(f"$share/group/{topic}", 1) == [1]
    lonely = Client("5")
    lonely.subscribe(topic, options=SubscribeOptions(qos=1, noLocal=True))
    for index in range(10):
        lonely.publish(topic, str(index), 1)
    counts = []
    for member in members:
        counts.append(0)
        while sum(counts) < 10:
            try:
                member.messages.get(timeout=PATIENCE_SECONDS if member is members[1] else 0.5)
            except queue.Empty:
                break
            counts[-1] += 1
    assert sum(counts) == 10 and min(counts) > 0, counts
    for client in (*members, lonely):
        client.leave()


def assigned_client_identifier():
    client = Client("5", client_id="")
    assigned = client.paho._client_id
    assert assigned is not None
    client.leave()


def wrong_password():
    for version, expected in {"3.1": 4, "3.1.1": 4, "5": 0x86}.items():
        client = Client(version, password="not the password")
        assert client.code == expected, (version, client.code)
        client.paho.loop_stop()


globals()[SCENARIO]()
print("fine")
