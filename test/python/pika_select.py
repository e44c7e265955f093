"""A publisher and consumer on pika's SelectConnection, all by callbacks: pika_select.py URL. Prints what happened."""

import sys
import uuid

import pika
from pika.exchange_type import ExchangeType

URL = sys.argv[1]
COUNT = 500
EXCHANGE = "test.pika-select." + uuid.uuid4().hex


class Flow:
    """Connection, channel, exchange, queue, binding, consumer, messages, end: each step starts the next one."""

    def __init__(self):
        self.confirmed = 0
        self.received = []
        self.channel = None
        self.queue = None
        self.connection = pika.SelectConnection(
            pika.URLParameters(URL + "/%2F"),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self.on_channel),
            on_open_error_callback=self.on_failure,
            on_close_callback=self.on_closed,
        )

    def on_failure(self, connection, error):
        print("failed:", error)
        connection.ioloop.stop()

    def on_closed(self, connection, reason):
        print("closed:", reason.reply_code, reason.reply_text)
        connection.ioloop.stop()

    def on_channel(self, channel):
        self.channel = channel
        channel.exchange_declare(EXCHANGE, ExchangeType.topic, auto_delete=True, callback=self.on_exchange)

    def on_exchange(self, _frame):
        self.channel.queue_declare("", exclusive=True, callback=self.on_queue)

    def on_queue(self, frame):
        self.queue = frame.method.queue
        self.channel.queue_bind(self.queue, EXCHANGE, "load.#", callback=self.on_bound)

    def on_bound(self, _frame):
        self.channel.basic_qos(prefetch_count=50, callback=self.on_qos)

    def on_qos(self, _frame):
        self.channel.basic_consume(self.queue, self.on_message, callback=self.on_consuming)

    def on_consuming(self, _frame):
        self.channel.confirm_delivery(self.on_confirm)
        for index in range(COUNT):
            self.channel.basic_publish(EXCHANGE, f"load.{index}", str(index).encode())

    def on_confirm(self, frame):
        assert isinstance(frame.method, pika.spec.Basic.Ack)
        if frame.method.multiple:
            self.confirmed = frame.method.delivery_tag
        else:
            self.confirmed += 1
        self.finish_when_done()

    def on_message(self, channel, method, _properties, body):
        self.received.append(int(body))
        channel.basic_ack(method.delivery_tag)
        self.finish_when_done()

    def finish_when_done(self):
        if self.confirmed == COUNT and len(self.received) == COUNT:
            print("confirmed:", self.confirmed)
            print("in order:", self.received == list(range(COUNT)))
            self.connection.close()


Flow().connection.ioloop.start()
