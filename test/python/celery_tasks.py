"""A Celery application as people write them. The variables BROKER_URL and TASK_QUEUE say where."""

import os

from celery import Celery

app = Celery("celery_tasks", broker=os.environ["BROKER_URL"] + "//", backend="rpc://")
app.conf.update(
    task_default_queue=os.environ["TASK_QUEUE"],
    task_send_sent_event=True,
    worker_send_task_events=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    result_expires=60,
    broker_connection_retry=False,
)


@app.task
def add(left, right):
    return left + right


@app.task(bind=True, max_retries=5)
def succeed_at_third_try(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def fail():
    raise ValueError("on purpose")
