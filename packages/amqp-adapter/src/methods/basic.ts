/** Class 60: publishing, consuming, acknowledging. */

export const basicQos = {
  classId: 60,
  methodId: 10,
  name: "basic.qos",
  fields: { prefetchSize: "long", prefetchCount: "short", global: "bit" },
} as const;

export const basicQosOk = { classId: 60, methodId: 11, name: "basic.qos-ok", fields: {} } as const;

export const basicConsume = {
  classId: 60,
  methodId: 20,
  name: "basic.consume",
  fields: {
    ticket: "short",
    queue: "shortstr",
    consumerTag: "shortstr",
    noLocal: "bit",
    noAck: "bit",
    exclusive: "bit",
    nowait: "bit",
    arguments: "table",
  },
} as const;

export const basicConsumeOk = {
  classId: 60,
  methodId: 21,
  name: "basic.consume-ok",
  fields: { consumerTag: "shortstr" },
} as const;

export const basicCancel = {
  classId: 60,
  methodId: 30,
  name: "basic.cancel",
  fields: { consumerTag: "shortstr", nowait: "bit" },
} as const;

export const basicCancelOk = {
  classId: 60,
  methodId: 31,
  name: "basic.cancel-ok",
  fields: { consumerTag: "shortstr" },
} as const;

export const basicPublish = {
  classId: 60,
  methodId: 40,
  name: "basic.publish",
  fields: { ticket: "short", exchange: "shortstr", routingKey: "shortstr", mandatory: "bit", immediate: "bit" },
} as const;

export const basicReturn = {
  classId: 60,
  methodId: 50,
  name: "basic.return",
  fields: { replyCode: "short", replyText: "shortstr", exchange: "shortstr", routingKey: "shortstr" },
} as const;

export const basicDeliver = {
  classId: 60,
  methodId: 60,
  name: "basic.deliver",
  fields: {
    consumerTag: "shortstr",
    deliveryTag: "longlong",
    redelivered: "bit",
    exchange: "shortstr",
    routingKey: "shortstr",
  },
} as const;

export const basicGet = {
  classId: 60,
  methodId: 70,
  name: "basic.get",
  fields: { ticket: "short", queue: "shortstr", noAck: "bit" },
} as const;

export const basicGetOk = {
  classId: 60,
  methodId: 71,
  name: "basic.get-ok",
  fields: {
    deliveryTag: "longlong",
    redelivered: "bit",
    exchange: "shortstr",
    routingKey: "shortstr",
    messageCount: "long",
  },
} as const;

export const basicGetEmpty = {
  classId: 60,
  methodId: 72,
  name: "basic.get-empty",
  fields: { clusterId: "shortstr" },
} as const;

export const basicAck = {
  classId: 60,
  methodId: 80,
  name: "basic.ack",
  fields: { deliveryTag: "longlong", multiple: "bit" },
} as const;

export const basicReject = {
  classId: 60,
  methodId: 90,
  name: "basic.reject",
  fields: { deliveryTag: "longlong", requeue: "bit" },
} as const;

export const basicRecoverAsync = {
  classId: 60,
  methodId: 100,
  name: "basic.recover-async",
  fields: { requeue: "bit" },
} as const;

export const basicRecover = {
  classId: 60,
  methodId: 110,
  name: "basic.recover",
  fields: { requeue: "bit" },
} as const;

export const basicRecoverOk = { classId: 60, methodId: 111, name: "basic.recover-ok", fields: {} } as const;

/** RabbitMQ's. */
export const basicNack = {
  classId: 60,
  methodId: 120,
  name: "basic.nack",
  fields: { deliveryTag: "longlong", multiple: "bit", requeue: "bit" },
} as const;
