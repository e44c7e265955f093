/** Class 50: queues. */

export const queueDeclare = {
  classId: 50,
  methodId: 10,
  name: "queue.declare",
  fields: {
    ticket: "short",
    queue: "shortstr",
    passive: "bit",
    durable: "bit",
    exclusive: "bit",
    autoDelete: "bit",
    nowait: "bit",
    arguments: "table",
  },
} as const;

export const queueDeclareOk = {
  classId: 50,
  methodId: 11,
  name: "queue.declare-ok",
  fields: { queue: "shortstr", messageCount: "long", consumerCount: "long" },
} as const;

export const queueBind = {
  classId: 50,
  methodId: 20,
  name: "queue.bind",
  fields: {
    ticket: "short",
    queue: "shortstr",
    exchange: "shortstr",
    routingKey: "shortstr",
    nowait: "bit",
    arguments: "table",
  },
} as const;

export const queueBindOk = { classId: 50, methodId: 21, name: "queue.bind-ok", fields: {} } as const;

export const queuePurge = {
  classId: 50,
  methodId: 30,
  name: "queue.purge",
  fields: { ticket: "short", queue: "shortstr", nowait: "bit" },
} as const;

export const queuePurgeOk = {
  classId: 50,
  methodId: 31,
  name: "queue.purge-ok",
  fields: { messageCount: "long" },
} as const;

export const queueDelete = {
  classId: 50,
  methodId: 40,
  name: "queue.delete",
  fields: { ticket: "short", queue: "shortstr", ifUnused: "bit", ifEmpty: "bit", nowait: "bit" },
} as const;

export const queueDeleteOk = {
  classId: 50,
  methodId: 41,
  name: "queue.delete-ok",
  fields: { messageCount: "long" },
} as const;

/** The only bind or unbind without a nowait bit. */
export const queueUnbind = {
  classId: 50,
  methodId: 50,
  name: "queue.unbind",
  fields: { ticket: "short", queue: "shortstr", exchange: "shortstr", routingKey: "shortstr", arguments: "table" },
} as const;

export const queueUnbindOk = { classId: 50, methodId: 51, name: "queue.unbind-ok", fields: {} } as const;
