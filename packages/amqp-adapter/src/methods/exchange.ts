/** Class 40: exchanges, with RabbitMQ's exchange-to-exchange bindings. */

export const exchangeDeclare = {
  classId: 40,
  methodId: 10,
  name: "exchange.declare",
  fields: {
    ticket: "short",
    exchange: "shortstr",
    type: "shortstr",
    passive: "bit",
    durable: "bit",
    autoDelete: "bit",
    internal: "bit",
    nowait: "bit",
    arguments: "table",
  },
} as const;

export const exchangeDeclareOk = { classId: 40, methodId: 11, name: "exchange.declare-ok", fields: {} } as const;

export const exchangeDelete = {
  classId: 40,
  methodId: 20,
  name: "exchange.delete",
  fields: { ticket: "short", exchange: "shortstr", ifUnused: "bit", nowait: "bit" },
} as const;

export const exchangeDeleteOk = { classId: 40, methodId: 21, name: "exchange.delete-ok", fields: {} } as const;

export const exchangeBind = {
  classId: 40,
  methodId: 30,
  name: "exchange.bind",
  fields: {
    ticket: "short",
    destination: "shortstr",
    source: "shortstr",
    routingKey: "shortstr",
    nowait: "bit",
    arguments: "table",
  },
} as const;

export const exchangeBindOk = { classId: 40, methodId: 31, name: "exchange.bind-ok", fields: {} } as const;

export const exchangeUnbind = {
  classId: 40,
  methodId: 40,
  name: "exchange.unbind",
  fields: {
    ticket: "short",
    destination: "shortstr",
    source: "shortstr",
    routingKey: "shortstr",
    nowait: "bit",
    arguments: "table",
  },
} as const;

/** 51, not 41: RabbitMQ numbered it after queue.unbind-ok. */
export const exchangeUnbindOk = { classId: 40, methodId: 51, name: "exchange.unbind-ok", fields: {} } as const;
