"""What applications do with kombu over py-amqp: kombu_scenarios.py URL SCENARIO. Fails with a traceback."""

import sys
import time
import uuid

import amqp.exceptions
from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.mixins import ConsumerProducerMixin

URL, SCENARIO = sys.argv[1:3]


def connect(**options):
    return Connection(URL + "//", **options)


def fresh_name():
    return "test.kombu." + uuid.uuid4().hex


def wait_for(condition):
    """What condition returns, as soon as it is true; fails after ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError("waited in vain")


def simple_queue():
    with connect() as connection:
        name = fresh_name()
        with connection.SimpleQueue(name) as queue:
            for index in range(10):
                queue.put({"index": index}, headers={"number": index}, compression="zlib")
            wait_for(lambda: queue.qsize() == 10)
            for index in range(10):
                message = queue.get(timeout=10)
                assert message.payload == {"index": index}
                assert message.headers["number"] == index
                message.ack()
            try:
                queue.get(block=False)
            except queue.Empty:
                pass
            else:
                raise AssertionError("the queue has one message too many")
        Queue(name)(connection.default_channel).delete()
        with connection.SimpleBuffer(fresh_name()) as buffer:
            buffer.put("not kept")
            assert buffer.get(timeout=10).payload == "not kept"


def exchanges():
    with connect(transport_options={"confirm_publish": True}) as connection:
        topic = Exchange(fresh_name(), "topic", durable=False, auto_delete=True)
        fanout = Exchange(fresh_name(), "fanout", durable=False, auto_delete=True)
        news = Queue(fresh_name(), topic, routing_key="news.#", exclusive=True)
        everything = Queue(fresh_name(), fanout, exclusive=True)
        received = []

        def take(body, message):
            received.append((message.delivery_info["routing_key"], body))
            message.ack()

        with Consumer(connection, [news, everything], callbacks=[take], prefetch_count=5):
            producer = Producer(connection)
            producer.publish("sport", exchange=topic, routing_key="news.sport", retry=True)
            producer.publish("ignored", exchange=topic, routing_key="weather")
            producer.publish("all", exchange=fanout)
            while len(received) < 2:
                connection.drain_events(timeout=10)
        assert sorted(received) == [("", "all"), ("news.sport", "sport")], received


def requeue_and_reject():
    with connect() as connection:
        grave = Queue(fresh_name(), exclusive=True)
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave.name, "x-max-priority": 3}
        queue = Queue(fresh_name(), exclusive=True, queue_arguments=arguments)
        grave(connection.default_channel).declare()
        bound = queue(connection.default_channel)
        bound.declare()
        producer = Producer(connection)
        producer.publish("low", routing_key=queue.name, priority=1)
        producer.publish("high", routing_key=queue.name, priority=3)
        message = bound.get()
        assert message.payload == "high", message.payload
        message.requeue()
        message = bound.get()
        assert message.payload == "high" and message.delivery_info["redelivered"]
        message.reject()
        dead = wait_for(grave(connection.default_channel).get)
        assert dead.payload == "high"
        assert dead.headers["x-death"][0]["reason"] == "rejected", dead.headers
        message = bound.get()
        assert message.payload == "low"
        message.ack()


def consumer_mixin():
    class Calculator(ConsumerProducerMixin):
        """Answers until it is told to stop."""

        def __init__(self, connection, queue):
            self.connection = connection
            self.queue = queue

        def get_consumers(self, Consumer, channel):
            return [Consumer([self.queue], on_message=self.on_request, accept={"json"}, prefetch_count=1)]

        def on_request(self, message):
            self.producer.publish(
                {"result": sum(message.payload)},
                routing_key=message.properties["reply_to"],
                correlation_id=message.properties["correlation_id"],
            )
            message.ack()
            self.should_stop = message.payload == [4, 5]

    with connect() as client:
        requests, answers = Queue(fresh_name(), auto_delete=True), Queue(fresh_name(), exclusive=True)
        requests(client.default_channel).declare()
        answers(client.default_channel).declare()
        producer = Producer(client)
        for numbers in [[1, 2, 3], [4, 5]]:
            producer.publish(
                numbers,
                routing_key=requests.name,
                reply_to=answers.name,
                correlation_id=str(numbers),
                serializer="json",
            )
        with connect() as serving:
            Calculator(serving, requests).run()
        received = []

        def take(body, message):
            received.append((message.properties["correlation_id"], body))
            message.ack()

        with Consumer(client, [answers], callbacks=[take]):
            while len(received) < 2:
                client.drain_events(timeout=10)
        assert received == [("[1, 2, 3]", {"result": 6}), ("[4, 5]", {"result": 9})], received


def errors():
    with connect() as connection:
        channel = connection.channel()
        missing = fresh_name()
        try:
            channel.queue_declare(missing, passive=True)
        except amqp.exceptions.NotFound as error:
            assert error.reply_code == 404
            assert error.reply_text == f"NOT_FOUND - no queue '{missing}' in vhost '/'", error
        else:
            raise AssertionError("there is no such queue")
        channel = connection.channel()
        queue = channel.queue_declare(fresh_name(), exclusive=True).queue
        try:
            channel.queue_declare(queue, exclusive=True, arguments={"x-max-length": 5})
        except amqp.exceptions.PreconditionFailed as error:
            assert "inequivalent arg 'x-max-length' for queue" in error.reply_text, error
        else:
            raise AssertionError("the queue was declared in another way")
    host = URL.rpartition("@")[2]
    try:
        Connection(f"amqp://guest:wrong@{host}//").connect()
    except amqp.exceptions.AccessRefused as error:
        assert "Login was refused using authentication mechanism" in error.reply_text, error
    else:
        raise AssertionError("the password was taken")


def heartbeats():
    with connect(heartbeat=1) as connection:
        connection.connect()
        assert connection.get_heartbeat_interval() == 1
        # Two and a half intervals in which the client sends nothing but heartbeats.
        for _ in range(10):
            connection.heartbeat_check(rate=4)
            try:
                connection.drain_events(timeout=0.25)
            except OSError:
                pass
        connection.default_channel.queue_declare("", exclusive=True)


globals()[SCENARIO]()
print("fine")
